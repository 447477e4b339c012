"""What "cpu" and "gpu" mean: the same cells, other sizes (notebook 00).

Choose with the environment variable ``BERTSUM_TIER`` (default ``cpu``).
"""

import os
from dataclasses import dataclass, replace

from bertsum_lite.training import Group, TrainingConfig


@dataclass(frozen=True)
class Tier:
    """Sizes of a run.

    Attributes:
        encoder: for ``load_backbone``.
        corpus: for ``load_corpus``.
        train_documents, test_documents: at most so many.
        settings: how to fine-tune for extraction.
        writing: how to fine-tune for abstraction: the encoder less and later than the new decoder.
    """

    name: str
    encoder: str
    corpus: str
    train_documents: int
    test_documents: int
    settings: TrainingConfig
    writing: TrainingConfig

    def training(self, **changes) -> TrainingConfig:
        """The tier's training settings, with ``changes``."""
        return replace(self.settings, **changes)


def _peak(rate: float, warmup: int) -> float:
    """The Noam learning rate whose peak is ``rate``."""
    return rate * warmup**0.5


def peak_rate(group: Group) -> float:
    """The highest learning rate of a group's schedule, at the end of its warm-up."""
    return group.learning_rate / group.warmup**0.5


def with_peak(settings: TrainingConfig, rate: float) -> TrainingConfig:
    """``settings`` whose last group, that of the new layers, peaks at ``rate``; the others keep their share of it."""
    factor = rate / peak_rate(settings.groups[-1])
    return replace(settings, groups=tuple(replace(g, learning_rate=g.learning_rate * factor) for g in settings.groups))


CPU = Tier(
    name="cpu",
    encoder="minilm",
    corpus="harbour",
    train_documents=1_000,
    test_documents=1_000,
    # Peaks after 50 updates: small data ends before the paper's 10,000 updates of warm-up would.
    # What is pre-trained learns at half the rate of what is new.
    settings=TrainingConfig(epochs=1, groups=(Group("encoder.", _peak(5e-5, 50), 50), Group("", _peak(1e-4, 50), 50))),
    writing=TrainingConfig(
        epochs=3,
        tokens_per_batch=4096,
        groups=(Group("encoder.", _peak(1e-4, 200), 200), Group("decoder.", _peak(1e-3, 100), 100)),
    ),
)
GPU = Tier(
    name="gpu",
    encoder="google-bert/bert-base-uncased",
    corpus="cnn_dailymail",
    train_documents=287_113,
    test_documents=11_490,
    # The paper's schedule; 36 documents are about its 3 GPUs × 2 × 3,000 tokens.
    settings=TrainingConfig(
        epochs=6, documents_per_update=36, tokens_per_batch=16_384, groups=(Group("", 2e-3, 10_000),), save_every=1000
    ),
    # 140 target tokens × 5 × 4 GPUs are about 50 documents; 200,000 updates of them are 35 epochs.
    writing=TrainingConfig(
        epochs=35,
        documents_per_update=50,
        tokens_per_batch=16_384,
        groups=(Group("encoder.", 2e-3, 20_000), Group("decoder.", 0.1, 10_000)),
        save_every=1000,
    ),
)


def shortened(settings: TrainingConfig, documents: int) -> TrainingConfig:
    """``settings`` for few documents: the same peak rates, reached after at most a quarter of the run.

    Fewer than 1,000 documents go into updates of 4: in updates of 16 a run on 100 documents would end before it
    began (notebook 07).
    """
    size = 4 if documents < 1000 else settings.documents_per_update
    quarter = max(1, settings.epochs * -(-documents // size) // 4)
    groups = tuple(
        replace(group, learning_rate=_peak(peak_rate(group), warmup), warmup=warmup)
        for group in settings.groups
        for warmup in [min(group.warmup, quarter)]
    )
    return replace(settings, documents_per_update=size, groups=groups)


def small(documents: int, epochs: int = 1) -> TrainingConfig:
    """Extractive settings for fewer than 1,000 documents: one rate for all parameters (notebook 07)."""
    return shortened(CPU.training(epochs=epochs, groups=(Group("", _peak(1e-4, 50), 50),)), documents)


def tier() -> Tier:
    """The tier that ``BERTSUM_TIER`` names.

    Raises:
        ValueError: if it is neither ``cpu`` nor ``gpu``.
    """
    name = os.environ.get("BERTSUM_TIER", "cpu")
    if name not in ("cpu", "gpu"):
        raise ValueError(f"BERTSUM_TIER is {name!r}; it must be cpu or gpu")
    return GPU if name == "gpu" else CPU
