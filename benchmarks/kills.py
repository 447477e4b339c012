"""``kill -9`` at random moments of training, saving and summarizing: is anything lost, is anything half?

OMP_NUM_THREADS=1 python benchmarks/kills.py [KILLS] [SEED] [JOB …]      (default: 100 0 train save summarize)

The kills are dealt evenly to the jobs. Each job runs in a process of its own, forked from this one, so
that a kill costs no imports; it is killed at a random moment of its usual duration, and started again.

    train       fine-tunes a tiny model with a checkpoint every second update, then saves it: its weights
                must equal those of an uninterrupted run, byte for byte
    save        saves ever new versions into a folder that holds other files: a new process must load exactly
                one of the versions, and the other files must be untouched
    summarize   ``bertsum-lite summarize --data … --output …``: the output must not exist, or be whole

While a job runs, this process looks at its folder all the time and expects never to see half a version.
Exits with 1 if anything was lost. Linux and macOS: it needs ``fork``.
"""

import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from bertsum_lite.backbone import minilm_folder, quiet
from bertsum_lite.cli import main as command_line
from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
from bertsum_lite.storage import check_folder
from bertsum_lite.training import Group, TrainingConfig, train

Check = Callable[[], None]  # raises an AssertionError if something is lost
fork = multiprocessing.get_context("fork")
PLACES = ["harbour", "market", "bridge", "library", "station", "garden", "school", "mill"]


def records(number: int) -> list[dict]:
    """Small documents whose summary is one of their sentences."""
    made = []
    for i in range(number):
        document = [f"The {place} number {i * n} was quiet on day {n}." for n, place in enumerate(PLACES[: 3 + i % 6])]
        made.append({"id": str(i), "document": document, "summary": [document[i % 3]]})
    return made


def tiny_encoder(folder: Path) -> Path:
    """A BERT of two layers and 32 dimensions with MiniLM's vocabulary."""
    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    with quiet():
        BertModel(BertConfig(vocab_size=len(tokenizer), **sizes), add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_model(encoder: Path) -> ExtractiveSummarizer:
    torch.manual_seed(0)
    config = ExtractiveConfig(heads=2, intermediate_size=64, encoder_dropout=0.1)
    return ExtractiveSummarizer.from_encoder(str(encoder), config)


class Killer:
    """Starts a job, kills it at a random moment, looks at what is left, until the kills are used up."""

    def __init__(self, job: Callable[[], object], kills: int, seed: int, log: Path):
        self.job, self.kills, self.log = job, kills, log
        self.moment = random.Random(seed)
        self.killed = self.finished = self.looks = 0
        self.failures: list[str] = []

    def start(self):
        def run() -> None:
            with open(self.log, "w") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
                try:
                    os._exit(self.job() or 0)
                except BaseException:
                    traceback.print_exc()
                    sys.stderr.flush()
                    os._exit(1)

        process = fork.Process(target=run)
        process.start()
        return process

    def expect(self, check: Check) -> None:
        self.looks += 1
        try:
            check()
        except Exception as error:
            self.failures.append(f"after {self.killed} kills: {type(error).__name__}: {error}")

    def run(self, duration: float, during: Check, after_a_kill: Check, at_the_end: Check) -> None:
        while self.killed < self.kills and len(self.failures) < 5:
            process, until = self.start(), time.monotonic() + self.moment.uniform(0, duration)
            while process.is_alive() and time.monotonic() < until:
                self.expect(during)
                time.sleep(0.001)
            if process.is_alive():
                process.kill()
                process.join()
                self.killed += 1
                self.expect(after_a_kill)
            elif process.exitcode == 0:
                self.finished += 1
                self.expect(at_the_end)
            else:
                self.failures.append(
                    f"after {self.killed} kills it ended with {process.exitcode}: {self.log.read_text()}"
                )


def measured(killer: Killer) -> float:
    """Seconds that the job takes if it is left alone."""
    start, process = time.monotonic(), killer.start()
    process.join()
    assert process.exitcode == 0, killer.log.read_text()
    return time.monotonic() - start


def kill_training(folder: Path, encoder: Path, kills: int, seed: int) -> Killer:
    groups = (Group("", 1e-2, 5),)
    settings = TrainingConfig(epochs=4, documents_per_update=8, precision="no", save_every=2, groups=groups)
    output = folder / "output"

    def job() -> None:
        model = tiny_model(encoder)
        train(model, model.examples(records(40)), model.collate, settings, output / "checkpoint")
        model.save_pretrained(output / "model")

    killer = Killer(job, kills, seed, folder / "log")
    duration = measured(killer)
    expected = (output / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(output)

    def no_half_model() -> None:
        if (output / "model").exists():
            check_folder(output / "model")
            assert (output / "model" / "model.safetensors").read_bytes() == expected, "other weights"

    def one_leftover_at_most() -> None:
        no_half_model()
        hidden = [str(path) for path in output.rglob(".*")]
        assert len(hidden) <= 2, f"hidden files pile up: {hidden}"  # one beside the model, one in the checkpoint

    def equal() -> None:
        assert (output / "model").exists(), "the model is missing"
        no_half_model()
        shutil.rmtree(output)

    killer.run(duration, no_half_model, one_leftover_at_most, equal)
    return killer


def kill_saving(folder: Path, encoder: Path, kills: int, seed: int) -> Killer:
    place, last = folder / "thesis", fork.RawValue("i", 0)  # raw: a lock would die with a killed process
    theirs = {"chapter1.txt": "x" * 10_000, "figures/1.svg": "y"}
    for name, text in theirs.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    model = tiny_model(encoder)

    def save(version: int) -> None:
        model.config.k = version
        with torch.no_grad():
            model.encoder.embeddings.LayerNorm.bias.fill_(version)
        model.save_pretrained(place)

    def job() -> None:
        for _ in range(20):
            last.value += 1  # before it is saved: at most this version can be there
            save(last.value)

    def one_version() -> None:
        loaded = ExtractiveSummarizer.from_pretrained(place)
        seen = set(loaded.encoder.embeddings.LayerNorm.bias.tolist()) | {loaded.config.k}
        assert len(seen) == 1, f"a mixture of the versions {seen}"
        assert known.value <= loaded.config.k <= last.value, f"version {loaded.config.k} after {known.value}"
        known.value = loaded.config.k

    def in_a_new_process() -> None:
        assert all((place / name).read_text() == text for name, text in theirs.items()), "other files were changed"
        reader = Killer(one_version, 0, 0, folder / "reader.log")
        process = reader.start()
        process.join()
        assert process.exitcode == 0, reader.log.read_text()
        hidden = [path.name for path in place.glob(".*")]
        assert len(hidden) <= 1, f"hidden files pile up: {hidden}"

    known = fork.RawValue("i", 0)
    killer = Killer(job, kills, seed, folder / "log")
    killer.run(measured(killer), one_version, in_a_new_process, in_a_new_process)
    return killer


def kill_summarizing(folder: Path, encoder: Path, kills: int, seed: int) -> Killer:
    data, output, model = folder / "articles.jsonl", folder / "summaries.jsonl", folder / "model"
    data.write_text("".join(json.dumps(record) + "\n" for record in records(2_000)))
    tiny_model(encoder).save_pretrained(model)
    arguments = ["summarize", "--data", str(data), "--output", str(output), "--model", str(model)]
    killer = Killer(lambda: command_line(arguments), kills, seed, folder / "log")
    duration = measured(killer)
    expected = output.read_bytes()
    assert expected.count(b"\n") == 2_000
    output.unlink()

    def nothing_or_all() -> None:
        if output.exists():
            assert output.read_bytes() == expected, "the output is not whole"

    def after_a_kill() -> None:
        nothing_or_all()
        output.unlink(missing_ok=True)  # killed after its last step: the next run begins anew

    def equal() -> None:
        assert output.exists(), "the output is missing"
        after_a_kill()

    killer.run(duration, nothing_or_all, after_a_kill, equal)
    return killer


JOBS = {"train": kill_training, "save": kill_saving, "summarize": kill_summarizing}


def main(kills: int = 100, seed: int = 0, names: tuple[str, ...] = tuple(JOBS)) -> int:
    torch.set_num_threads(1)
    failures = []
    print(f"{'job':10} {'kills':>5} {'runs to the end':>15} {'looks':>7} {'failures':>8} {'seconds':>7}")
    for number, name in enumerate(names):
        own = kills // len(names) + (number < kills % len(names))
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            encoder = tiny_encoder(Path(folder) / "encoder")
            killer = JOBS[name](Path(folder), encoder, own, seed)
            counts = f"{killer.killed:5} {killer.finished:15} {killer.looks:7} {len(killer.failures):8}"
            print(f"{name:10} {counts} {time.monotonic() - start:7.0f}", flush=True)
            failures += [f"{name}: {failure}" for failure in killer.failures[:5]]
    print("\n".join(failures) or "nothing was lost")
    return 1 if failures else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    numbers = [int(text) for text in given if text.isdigit()]
    sys.exit(main(*(numbers + [100, 0][len(numbers) :]), tuple(name for name in given if name in JOBS) or tuple(JOBS)))
