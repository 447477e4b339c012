"""Real text on a CPU: from an e-mail to its subject line (AESLC, Zhang & Tetreault 2019), MiniLM and our decoder.

BERTSUM_DATA=… python benchmarks/aeslc.py [DOCUMENTS] [PASSES]      (default: all 13,571, 4 passes)

The encoder is frozen and read once. Beside the model: the first sentence cut to eight words, and the subject of the
training e-mail with the most alike bag of words (tf-idf). Scored against all subjects of a validation e-mail.
"""

import sys
import time

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from bertsum_lite.abstractive import AbstractiveConfig, AbstractiveSummarizer
from bertsum_lite.beam_search import Search
from bertsum_lite.corpus import load_corpus, references
from bertsum_lite.rouge import corpus_rouge
from bertsum_lite.training import Group, TrainingConfig, train, use_bf16

WARMUP, CUT = 200, 8


def retrieved(known: list[dict], asked: list[dict]) -> list[list[str]]:
    """The subject of the most similar training e-mail."""
    words = TfidfVectorizer(sublinear_tf=True, min_df=2)
    table = words.fit_transform(" ".join(r["document"]) for r in known)
    alike = words.transform(" ".join(r["document"]) for r in asked) @ table.T  # (asked, known), sparse
    return [known[i]["summary"] for i in np.asarray(alike.argmax(axis=1)).ravel()]


def main() -> None:
    documents, passes = (int(value) for value in [*sys.argv[1:], *("13571", "4")[len(sys.argv) - 1 :]])
    start = time.perf_counter()
    records, asked = (load_corpus("aeslc", split).to_list() for split in ("train", "validation"))
    records = records[:documents]
    torch.manual_seed(0)
    config = AbstractiveConfig(window=256, sampled_words=2000, longest_target=32)
    model = AbstractiveSummarizer.from_encoder(config=config)
    with torch.autocast(model.device.type, torch.bfloat16, enabled=use_bf16()):
        examples = model.remember(model.examples(records))
    print(f"{len(examples):,} e-mails read after {time.perf_counter() - start:.0f} s", flush=True)
    groups = (Group("decoder.", 1e-3 * WARMUP**0.5, WARMUP),)
    history = train(model, examples, model.collate, TrainingConfig(passes, 16, 4096, groups))
    print(f"{len(history):,} updates, {time.perf_counter() - start:.0f} s with loading and reading", flush=True)

    outputs = {
        f"first sentence, {CUT} words": [[" ".join(r["document"][0].split()[:CUT])] for r in asked],
        "retrieval": retrieved(records, asked),
        "BERTSUM, greedy": model.write([r["document"] for r in asked], Search(width=1, longest=24)),
        "BERTSUM, 4 beams": model.write([r["document"] for r in asked], Search(width=4, longest=24)),
    }
    for name, written in outputs.items():
        print(f"{name:24} {corpus_rouge(written, [references(r) for r in asked])}")
    print(f"{time.perf_counter() - start:.0f} s in all; the first ten e-mails:")
    for record, written in zip(asked[:10], outputs["BERTSUM, 4 beams"]):
        print(f"  subject: {' '.join(record['summary']):50} written: {' '.join(written)}")


if __name__ == "__main__":
    main()
