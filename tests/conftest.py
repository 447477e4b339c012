import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read at import: unit tests ask the Hub for nothing

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from bertsum_lite.backbone import minilm_folder, quiet
from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer

ROOT = Path(__file__).resolve().parent.parent
torch.set_num_threads(1)  # the models here are tiny: more threads only wait for each other


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory) -> Path:
    """A BERT of two layers and 32 dimensions with the real vocabulary, laid out as the Hub lays it."""
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    with quiet():
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny(tiny_encoder):
    """Make a small summarizer: ``tiny(loss="bce")``."""

    def make(**config) -> ExtractiveSummarizer:
        torch.manual_seed(0)
        small = {"heads": 2, "intermediate_size": 64, "dropout": 0.0}
        return ExtractiveSummarizer.from_encoder(str(tiny_encoder), ExtractiveConfig(**{**small, **config}))

    return make


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of larger real corpora; the test is skipped where there is none."""
    folder = Path(os.environ.get("BERTSUM_DATA") or "nowhere")
    if not folder.is_dir():
        pytest.skip("needs larger real corpora: set BERTSUM_DATA to a folder that holds them")
    return folder


@pytest.fixture(scope="session")
def records() -> list[dict]:
    """Forty small documents whose summary is one of their sentences."""
    places = ["harbour", "market", "bridge", "library", "station", "garden", "school", "mill"]
    made = []
    for i in range(40):
        document = [
            f"The {place} number {i * n} was quiet on day {n}." for n, place in enumerate(places[: 3 + i % 6], 1)
        ]
        made.append({"id": str(i), "document": document, "summary": [document[i % 3]]})
    return made
