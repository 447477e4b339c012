"""BertSumAbs, and with more than one seed BertSumExtAbs beside it, on tinynews: ROUGE and how many facts are right.

python benchmarks/abstractive.py [six|all] [SEEDS] [DOCUMENTS] [PASSES]

``six`` of the event types, as notebook 10 takes them, or ``all`` 26. Default: six, 1 seed, 16,000 documents, 2 passes;
16 documents an update.
Notebook 10's model with a third encoder layer, frozen and read once, and with frozen word vectors: names that no
training summary had stay where the encoder put them, and an update takes a quarter less. Greedy search.
"""

import sys
import time
from collections import Counter
from itertools import islice

import torch

from bertsum_lite import tinynews
from bertsum_lite.abstractive import AbstractiveConfig, AbstractiveSummarizer
from bertsum_lite.beam_search import Search
from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
from bertsum_lite.rouge import corpus_rouge
from bertsum_lite.training import Group, TrainingConfig, train, use_bf16

SIX = ("appointment", "auction", "closure", "crash", "discovery", "election")
LAYERS, WARMUP = 3, 100
SETTINGS = {"dropout": 0.0, "window": 256, "sampled_words": 2000}


def news(kinds: str, split: str, size: int) -> list[dict]:
    """The first documents about six kinds of event, or all."""
    endless = tinynews.generate(split, 10**9)
    return list(islice((r for r in endless if kinds == "all" or r["facts"]["event"] in SIX), size))


def extractor(records: list[dict], seed: int) -> ExtractiveSummarizer:
    """An encoder that has learned to choose sentences: one pass over 1,000 documents."""
    torch.manual_seed(seed)
    model = ExtractiveSummarizer.from_encoder(config=ExtractiveConfig(k=1, window=256), layers=LAYERS)
    groups = (Group("", 1e-4 * 20**0.5, 20),)
    train(model, model.examples(records[:1000]), model.collate, TrainingConfig(1, 8, 4096, groups, seed=seed))
    return model


def writer(records: list[dict], passes: int, seed: int, first: ExtractiveSummarizer | None) -> AbstractiveSummarizer:
    """Trained with a frozen encoder, the extractive model's if there is one."""
    torch.manual_seed(seed)
    model = AbstractiveSummarizer.from_encoder(config=AbstractiveConfig(**SETTINGS), layers=LAYERS)
    if first is not None:
        model.init_encoder_from(first)
    model.decoder.embedding.requires_grad_(False)
    with torch.autocast(model.device.type, torch.bfloat16, enabled=use_bf16()):
        examples = model.remember(model.examples(records))
    groups = (Group("decoder.", 1.5e-3 * WARMUP**0.5, WARMUP),)
    train(model, examples, model.collate, TrainingConfig(passes, 16, 4096, groups, seed=seed))
    return model


def report(name: str, kinds: str, model: AbstractiveSummarizer, seconds: float) -> None:
    """One line for each of the two test splits, and the slots of the first."""
    for split in ("test", "test_unseen"):
        records = news(kinds, split, 200)
        written = model.write([r["document"] for r in records], Search(width=1, longest=40, block=0))
        checked = [tinynews.check(summary, r["facts"]) for summary, r in zip(written, records)]
        states = Counter(v.state for verdicts in checked for v in verdicts.values())
        exact = sum(all(v.state == "correct" for v in verdicts.values()) for verdicts in checked) / len(records)
        r1 = corpus_rouge(written, [[r["summary"]] for r in records]).mean["rouge1"]
        slots = ", ".join(f"{state} {states[state] / states.total():.1%}" for state in ("correct", "wrong", "missing"))
        print(
            f"{name:22}{split:12} {seconds:4.0f} s  ROUGE-1 {r1:.1f}  slots {slots}; all right {exact:.0%}", flush=True
        )
        if split == "test":
            right = Counter(name for verdicts in checked for name, v in verdicts.items() if v.state == "correct")
            of = Counter(name for verdicts in checked for name in verdicts)
            print("  " + ", ".join(f"{slot} {right[slot]}/{of[slot]}" for slot in sorted(of)), flush=True)


def main() -> None:
    given = sys.argv[1:]
    kinds, *numbers = [*given, *("six", "1", "16000", "2")[len(given) :]]
    seeds, documents, passes = map(int, numbers)
    records = news(kinds, "train", documents)
    for seed in range(seeds):
        start = time.perf_counter()
        model = writer(records, passes, seed, None)
        report(f"BertSumAbs, seed {seed}", kinds, model, time.perf_counter() - start)
        if seeds > 1:
            start = time.perf_counter()
            model = writer(records, passes, seed, extractor(records, seed))
            report(f"BertSumExtAbs, seed {seed}", kinds, model, time.perf_counter() - start)


if __name__ == "__main__":
    main()
