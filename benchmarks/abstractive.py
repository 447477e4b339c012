"""BertSumAbs, and BertSumExtAbs beside it, on all 26 event types of tinynews: ROUGE and how many facts are right.

python benchmarks/abstractive.py [SEEDS] [DOCUMENTS]      (default 1 seed, 6,000 documents, three passes)

As in notebook 10: two encoder layers, frozen and read once; softmax over sampled words; greedy search.
"""

import sys
import time
from collections import Counter

import torch

from bertsum_lite import tinynews
from bertsum_lite.abstractive import AbstractiveConfig, AbstractiveSummarizer
from bertsum_lite.beam_search import Search
from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
from bertsum_lite.rouge import corpus_rouge
from bertsum_lite.training import Group, TrainingConfig, train, use_bf16

LAYERS, WARMUP = 2, 100
SETTINGS = {"dropout": 0.0, "window": 256, "sampled_words": 2000}


def extractor(records: list[dict], seed: int) -> ExtractiveSummarizer:
    """An encoder that has learned to choose sentences: one pass over 1,000 documents."""
    torch.manual_seed(seed)
    model = ExtractiveSummarizer.from_encoder(config=ExtractiveConfig(k=1, window=256), layers=LAYERS)
    groups = (Group("", 1e-4 * 20**0.5, 20),)
    train(model, model.examples(records[:1000]), model.collate, TrainingConfig(1, 8, 4096, groups, seed=seed))
    return model


def writer(records: list[dict], seed: int, first: ExtractiveSummarizer | None) -> AbstractiveSummarizer:
    """Three passes with a frozen encoder, the extractive model's if there is one."""
    torch.manual_seed(seed)
    model = AbstractiveSummarizer.from_encoder(config=AbstractiveConfig(**SETTINGS), layers=LAYERS)
    if first is not None:
        model.init_encoder_from(first)
    with torch.autocast(model.device.type, torch.bfloat16, enabled=use_bf16()):
        examples = model.remember(model.examples(records))
    groups = (Group("decoder.", 1.5e-3 * WARMUP**0.5, WARMUP),)
    train(model, examples, model.collate, TrainingConfig(3, 8, 4096, groups, seed=seed))
    return model


def report(name: str, model: AbstractiveSummarizer, seconds: float) -> None:
    """One line for each of the two test splits."""
    for split in ("test", "test_unseen"):
        records = list(tinynews.generate(split, 200))
        written = model.write([r["document"] for r in records], Search(width=1, longest=40, block=0))
        checked = [tinynews.check(summary, r["facts"]).values() for summary, r in zip(written, records)]
        states = Counter(verdict.state for verdicts in checked for verdict in verdicts)
        exact = sum(all(v.state == "correct" for v in verdicts) for verdicts in checked) / len(records)
        r1 = corpus_rouge(written, [[r["summary"]] for r in records]).mean["rouge1"]
        slots = ", ".join(f"{state} {states[state] / states.total():.1%}" for state in ("correct", "wrong", "missing"))
        print(
            f"{name:22}{split:12} {seconds:4.0f} s  ROUGE-1 {r1:.1f}  slots {slots}; all right {exact:.0%}", flush=True
        )


def main() -> None:
    seeds, documents = (int(value) for value in [*sys.argv[1:], *("1", "6000")[len(sys.argv) - 1 :]])
    records = list(tinynews.generate("train", documents))
    for seed in range(seeds):
        start = time.perf_counter()
        report(f"BertSumAbs, seed {seed}", writer(records, seed, None), time.perf_counter() - start)
        if seeds > 1:
            start = time.perf_counter()
            first = extractor(records, seed)
            report(f"BertSumExtAbs, seed {seed}", writer(records, seed, first), time.perf_counter() - start)


if __name__ == "__main__":
    main()
