"""What a GPU makes of BERT-base: training tokens/s and their share of the chip's peak, beam search documents/s.

python benchmarks/gpu.py [UPDATES]    (default: 20 updates of each kind, bf16; 1 to try it where there is no GPU)

The weights are random, of BERT-base's shape, so that nothing is downloaded: time does not depend on their values. The
documents are harbour's sentences in full windows of 512 tokens. Operations are counted by torch's own counter, and the
peak is that of a large bf16 matrix product on the same chip.
"""

import sys
import time
from dataclasses import replace
from tempfile import TemporaryDirectory

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from bertsum_lite.abstractive import AbstractiveConfig, AbstractiveSummarizer
from bertsum_lite.backbone import load_backbone, quiet
from bertsum_lite.corpus import load_corpus
from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
from bertsum_lite.pretrained import BertsumModel
from bertsum_lite.tiers import GPU
from bertsum_lite.training import TrainingConfig, train

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SENTENCES = 40  # more than a window holds


def clock() -> float:
    """Seconds, once the GPU has done what it was asked."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def peak() -> float:
    """FLOP/s of a bf16 matrix product: the best of fifty."""
    size = 8192 if DEVICE.type == "cuda" else 2048
    matrix = torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16)
    seconds = []
    for _ in range(50):
        start = clock()
        matrix @ matrix
        seconds.append(clock() - start)
    return 2 * size**3 / min(seconds)


def records(number: int) -> list[dict]:
    """Documents that fill a window, each with a summary of harbour's."""
    harbour = load_corpus("harbour", "train").to_list()
    sentences = [sentence for record in harbour for sentence in record["document"]]
    starts = [i * SENTENCES // 4 % (len(sentences) - SENTENCES) for i in range(number)]
    return [
        {"id": str(i), "document": sentences[at : at + SENTENCES], "summary": harbour[i % len(harbour)]["summary"]}
        for i, at in enumerate(starts)
    ]


def training(model: BertsumModel, settings: TrainingConfig, updates: int, best: float) -> None:
    """Train twice on the same batches: once to count operations (and to warm up), once for time."""
    examples = model.examples(records(updates * settings.documents_per_update))
    settings = replace(settings, epochs=1, precision="bf16", save_every=0)
    with FlopCounterMode(display=False) as counter:
        train(model, examples, model.collate, settings)
    start = clock()
    train(model, examples, model.collate, settings)
    seconds = clock() - start
    tokens, share = sum(map(len, examples)) / seconds, counter.get_total_flops() / seconds / best
    print(f"{type(model).__name__}: {tokens:,.0f} tokens/s, {share:.1%} of the peak")


def main() -> None:
    updates = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    best = peak()
    name = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "CPU"
    print(f"{name}: {best / 1e12:.1f} TFLOP/s in a bf16 matrix product")
    tokenizer = load_backbone()[1]
    with TemporaryDirectory() as folder, quiet():
        tokenizer.save_pretrained(folder)
        BertModel(BertConfig(), add_pooling_layer=False).save_pretrained(folder)
        extractive = ExtractiveSummarizer.from_encoder(folder, ExtractiveConfig.paper())
        abstractive = AbstractiveSummarizer.from_encoder(folder, AbstractiveConfig.paper())
    training(extractive, GPU.settings, updates, best)
    training(abstractive, GPU.writing, updates, best)
    documents = [record["document"] for record in records(8 * updates)]
    with torch.autocast(DEVICE.type, torch.bfloat16):
        abstractive.write(documents[:8])  # warm up
        start = clock()
        abstractive.write(documents, tokens_per_batch=32_768)
    print(f"beam search, {abstractive.config.search}: {len(documents) / (clock() - start):.2f} documents/s")


if __name__ == "__main__":
    main()
