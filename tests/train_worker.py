"""Train the tiny model in a process of its own: train_worker.py ENCODER RECORDS OUTPUT DROPOUT."""

import json
import sys
from pathlib import Path

import torch

from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
from bertsum_lite.training import Group, TrainingConfig, train

encoder, output, dropout = sys.argv[1], Path(sys.argv[3]), float(sys.argv[4])
records = json.loads(Path(sys.argv[2]).read_text())

torch.manual_seed(0)
config = ExtractiveConfig(heads=2, intermediate_size=64, dropout=dropout, encoder_dropout=dropout)
model = ExtractiveSummarizer.from_encoder(encoder, config)
settings = TrainingConfig(
    epochs=12, documents_per_update=8, tokens_per_batch=120, precision="no", save_every=2, groups=(Group("", 1e-2, 5),)
)
history = train(model, model.examples(records), model.collate, settings, output / "checkpoint")

from accelerate import PartialState  # noqa: E402  (its state exists once train has made it)

if PartialState().is_main_process:
    model.save_pretrained(output / "model")
    curve = {"loss": [row["loss"] for row in history], "processes": PartialState().num_processes}
    (output / "history.json").write_text(json.dumps(curve))
