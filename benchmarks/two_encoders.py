"""Two encoders: retrieval before and after contrastive pre-training, and what the hand-over of Encoder₁ is worth.

python benchmarks/two_encoders.py      (three seeds, about half an hour on one core)
"""

import random

import numpy as np
import torch

from bertsum_lite.corpus import load_corpus, references
from bertsum_lite.dual_encoder import DualConfig, DualEncoder, retrieval
from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
from bertsum_lite.rouge import corpus_rouge
from bertsum_lite.selection import typical_length
from bertsum_lite.training import Group, TrainingConfig, train

SEEDS, SIZES, WINDOW, WARMUP = range(3), (30, 100, 240), 256, 5  # half a window: half the time


def settings(documents_per_update: int, seed: int) -> TrainingConfig:
    """One epoch, peak 1e-4; the batch is the update, for the other summaries in it are the wrong answers."""
    groups = (Group("", 1e-4 * WARMUP**0.5, WARMUP),)
    return TrainingConfig(1, documents_per_update, 100_000, groups, seed=seed)


def recall(model: DualEncoder, records: list[dict], words: int | None = None) -> np.ndarray:
    """Recall@1 in percent, document → summary and back; of the summaries' first ``words`` words."""
    summaries = [[" ".join(" ".join(r["summary"]).split()[:words])] if words else r["summary"] for r in records]
    similarities = model.embed([r["document"] for r in records]) @ model.embed(summaries, summaries=True).T
    scores = retrieval(similarities)
    return 100 * np.array([scores["document → summary recall@1"], scores["summary → document recall@1"]])


def pretrain(records: list[dict], documents_per_update: int, seed: int) -> DualEncoder:
    torch.manual_seed(seed)
    model = DualEncoder.from_encoder(config=DualConfig(window=WINDOW))
    train(model, model.examples(records), model.collate, settings(documents_per_update, seed))
    return model


def extractive(records: list[dict], test: list[dict], seed: int, encoder: DualEncoder | None) -> np.ndarray:
    """ROUGE-1 of each test document after one epoch over ``records``."""
    torch.manual_seed(seed)
    model = ExtractiveSummarizer.from_encoder(config=ExtractiveConfig(window=WINDOW))
    if encoder is not None:
        model.init_encoder_from(encoder)
    train(model, model.examples(records), model.collate, settings(4, seed))
    rows = model.extract([r["document"] for r in test], k=typical_length(records))
    summaries = [[r["document"][i] for i in row] for r, row in zip(test, rows)]
    return corpus_rouge(summaries, [references(r) for r in test]).scores[:, 0]


def main() -> None:
    harbour, tinynews = (load_corpus(name, "train").to_list()[:256] for name in ("harbour", "tinynews"))
    harbour_test, tinynews_test = (load_corpus(name, "test").to_list() for name in ("harbour", "tinynews"))
    fresh = DualEncoder.from_encoder(config=DualConfig(window=WINDOW))
    handed = [pretrain(harbour, 16, seed) for seed in SEEDS]
    rows = [("harbour", harbour_test, None, handed), ("harbour, six words", harbour_test, 6, handed)]
    rows += [("tinynews", tinynews_test, None, [pretrain(tinynews, 16, seed) for seed in SEEDS])]
    print("recall@1, document → summary / summary → document; after: mean ± deviation over seeds")
    for name, records, words, models in rows:
        before, after = recall(fresh, records, words), np.array([recall(m, records, words) for m in models])
        (d, s), (d_sd, s_sd) = after.mean(axis=0), after.std(axis=0, ddof=1)
        print(f"{name:20} of {len(records):3}   before {before[0]:5.1f} / {before[1]:5.1f}   ", end="")
        print(f"after {d:5.1f} ± {d_sd:.1f} / {s:5.1f} ± {s_sd:.1f}", flush=True)
    print("\nextraction on harbour, ROUGE-1 over seeds: Encoder₁ as it came, and contrastively pre-trained")
    for size in SIZES:
        drawn = [random.Random(seed).sample(harbour, size) for seed in SEEDS]
        without = np.array([extractive(drawn[seed], harbour_test, seed, None) for seed in SEEDS])
        given = np.array([extractive(drawn[seed], harbour_test, seed, handed[seed]) for seed in SEEDS])
        gap = (given - without).mean(axis=0)  # paired: one number a document, the seeds averaged
        resampled = np.random.default_rng(0).choice(gap, (5000, len(gap))).mean(axis=1)
        low, high = np.percentile(resampled, [2.5, 97.5])
        seeds = " ".join(f"{x:+.2f}" for x in (given - without).mean(axis=1))
        print(f"{size:4} documents   without {without.mean():.2f}   with {given.mean():.2f}   ", end="")
        print(f"difference {gap.mean():+.2f} [{low:+.2f}, {high:+.2f}]   by seed {seeds}", flush=True)


if __name__ == "__main__":
    main()
