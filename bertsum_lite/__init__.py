"""bertsum_lite: BERTSUM (Liu & Lapata 2019), small enough to read.

Each module is one step of the pipeline and is derived in one notebook of the course.
"""

from importlib import import_module

# Public name → module. Loaded when first used: `import bertsum_lite` costs nothing.
_PUBLIC = {
    "load_corpus": "corpus",
    "describe": "corpus",
    "split_sentences": "sentences",
    "corpus_rouge": "rouge",
    "lead": "baselines",
    "random_sentences": "baselines",
    "textrank": "baselines",
    "greedy_oracle": "oracle",
    "ceiling": "oracle",
    "exhaustive_oracle": "oracle",
    "sentence_scores": "oracle",
    "load_backbone": "backbone",
    "ExtractiveConfig": "extractive",
    "ExtractiveSummarizer": "extractive",
    "select": "selection",
    "DualEncoder": "dual_encoder",
    "DualConfig": "dual_encoder",
    "AbstractiveConfig": "abstractive",
    "AbstractiveSummarizer": "abstractive",
    "Search": "beam_search",
    "train": "training",
    "TrainingConfig": "training",
    "Group": "training",
    "tier": "tiers",
    "evaluate": "evaluation",
    "paired_bootstrap": "evaluation",
    "paired_permutation": "evaluation",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'bertsum_lite' has no attribute {name!r}")
    return getattr(import_module(f"bertsum_lite.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
