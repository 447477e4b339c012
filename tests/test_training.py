"""The loop: schedule, updates, resume, Ctrl-C, two processes."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bertsum_lite.training import Group, TrainingConfig, noam, plan, train

WORKER = Path(__file__).with_name("train_worker.py")
CONFIG = TrainingConfig(
    epochs=3, documents_per_update=8, tokens_per_batch=120, precision="no", groups=(Group("", 1e-2, 5),)
)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values()))


def test_noam_by_pencil():
    assert noam(4, 2e-3, 4) == pytest.approx(1e-3)  # the peak: lr / √warmup
    assert noam(1, 2e-3, 4) == pytest.approx(2e-3 / 8)
    assert noam(16, 2e-3, 4) == pytest.approx(5e-4)
    assert noam(10_000, 2e-3, 10_000) == pytest.approx(2e-5)  # the paper's


def test_an_epoch_uses_every_document_once_in_seeded_order():
    lengths = [random.Random(0).randint(20, 500) for _ in range(333)]
    updates = plan(lengths, replace(CONFIG, tokens_per_batch=2048), epoch=0)
    assert sorted(i for update in updates for batch in update for i in batch) == list(range(333))
    assert {sum(map(len, update)) for update in updates} <= {8, 333 % 8}
    assert updates == plan(lengths, replace(CONFIG, tokens_per_batch=2048), epoch=0)
    assert updates != plan(lengths, replace(CONFIG, tokens_per_batch=2048), epoch=1)


@pytest.mark.parametrize("loss", ["bce", "listwise"])
def test_it_learns(tiny, records, loss):
    model = tiny(loss=loss, k=1)
    # What stands first is the summary: learnable by position.
    records = [{**record, "summary": record["document"][:1]} for record in records]
    config = replace(CONFIG, epochs=12)
    history = train(model, model.examples(records), model.collate, config)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    chosen = model.extract([record["document"] for record in records])
    assert sum(row == [0] for row in chosen) > 30


def test_the_result_does_not_depend_on_how_an_update_is_cut(tiny, records):
    curves = []
    for tokens in (60, 10_000):
        model = tiny()
        history = train(model, model.examples(records), model.collate, replace(CONFIG, tokens_per_batch=tokens))
        curves.append([row["loss"] for row in history])
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_groups_have_their_own_rates(tiny, records):
    model = tiny()
    before = {name: p.clone() for name, p in model.named_parameters()}
    groups = (Group("encoder.", 0.0, 5), Group("", 1e-2, 5))
    history = train(model, model.examples(records), model.collate, replace(CONFIG, epochs=1, groups=groups))
    assert history[4]["lr"] == pytest.approx(1e-2 / 5**0.5)
    assert history[4]["lr encoder."] == 0
    for name, parameter in model.named_parameters():
        if name.startswith("encoder."):
            assert torch.equal(parameter, before[name])
    assert not torch.equal(model.classifier.weight, before["classifier.weight"])


def test_groups_that_leave_out_or_find_nothing_are_refused(tiny, records):
    model = tiny()
    examples = model.examples(records)
    with pytest.raises(ValueError, match="no group takes the parameter encoder"):
        train(model, examples, model.collate, replace(CONFIG, groups=(Group("classifier", 1e-3, 5),)))
    with pytest.raises(ValueError, match="the group 'decoder.' takes no parameter"):
        train(model, examples, model.collate, replace(CONFIG, groups=(Group("decoder.", 1e-3, 5), Group("", 1e-3, 5))))


def test_nothing_to_train_on_says_so(tiny):
    with pytest.raises(ValueError, match="nothing to train on"):
        train(tiny(), [], tiny().collate, CONFIG)


@pytest.mark.parametrize("stop", [1, 5, 7])
def test_resumed_equals_uninterrupted_bit_for_bit(tiny, records, tmp_path, stop):
    def fresh():
        return tiny(dropout=0.1, encoder_dropout=0.1)

    whole, parted = fresh(), fresh()
    examples = whole.examples(records)
    full = train(whole, examples, whole.collate, CONFIG)

    class StopError(Exception):
        pass

    def fail(history):
        if len(history) == stop + 1:  # one update after the checkpoint, as a power cut would
            raise StopError

    config = replace(CONFIG, save_every=stop)
    with pytest.raises(StopError):
        train(parted, examples, parted.collate, config, tmp_path / "checkpoint", on_update=fail)
    parted = fresh()
    resumed = train(parted, examples, parted.collate, config, tmp_path / "checkpoint")
    assert same(whole, parted)
    assert resumed == full
    names = {file.name for file in (tmp_path / "checkpoint").iterdir()}
    assert names == {"model.safetensors", "optimizer.safetensors", "random.safetensors", "state.json", "SHA256SUMS"}


def test_a_checkpoint_of_another_run_or_damaged_is_refused(tiny, records, tmp_path):
    model = tiny()
    examples = model.examples(records)
    config = replace(CONFIG, epochs=1, save_every=5)
    train(model, examples, model.collate, config, tmp_path / "c")
    with pytest.raises(ValueError, match="checkpoint of another run"):
        train(tiny(), examples, tiny().collate, replace(config, seed=1), tmp_path / "c")
    with pytest.raises(ValueError, match="checkpoint of another run"):
        train(tiny(), examples[:-1], tiny().collate, config, tmp_path / "c")
    (tmp_path / "c" / "optimizer.safetensors").write_bytes(b"x")
    with pytest.raises(ValueError, match="optimizer.safetensors is damaged"):
        train(tiny(), examples, tiny().collate, config, tmp_path / "c")


def test_ctrl_c_leaves_a_checkpoint_and_training_goes_on_to_the_same_end(tiny, records, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    whole, parted = tiny(dropout=0.1), tiny(dropout=0.1)
    examples = whole.examples(records)
    train(whole, examples, whole.collate, CONFIG)

    def press(history):
        if len(history) == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="stopped after update 4 of 15; run again to go on"):
        train(parted, examples, parted.collate, CONFIG, tmp_path / "c", on_update=press)
    parted = tiny(dropout=0.1)
    train(parted, examples, parted.collate, CONFIG, tmp_path / "c")
    assert same(whole, parted)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_loss_that_is_no_number_stops_the_run_and_spoils_nothing(tiny, records, tmp_path):
    model, seen = tiny(), []
    loss = model.loss
    model.loss = lambda *arguments: loss(*arguments) * (float("nan") if len(seen) == 3 else 1.0)
    config = replace(CONFIG, save_every=1, tokens_per_batch=10_000)
    with pytest.raises(FloatingPointError, match="loss of update 4 is nan: lower.*last good checkpoint is"):
        train(model, model.examples(records), model.collate, config, tmp_path / "c", on_update=seen.append)
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert len(json.loads((tmp_path / "c" / "state.json").read_text())["history"]) == 3


def test_it_runs_outside_the_main_thread(tiny, records):
    model, result = tiny(), []
    examples = model.examples(records)
    config = replace(CONFIG, epochs=1)
    thread = threading.Thread(target=lambda: result.append(train(model, examples, model.collate, config)))
    thread.start()
    thread.join()
    assert len(result[0]) == 5


def test_an_unwritable_checkpoint_folder_says_so(tiny, records, tmp_path):
    (tmp_path / "file").write_text("")
    model = tiny()
    with pytest.raises(OSError, match="cannot write to"):
        train(model, model.examples(records), model.collate, replace(CONFIG, save_every=1), tmp_path / "file" / "c")


@pytest.fixture
def worker(tiny_encoder, records, tmp_path):
    """Start ``train_worker.py`` in a process of its own; what it prints goes to the file ``log``."""
    (tmp_path / "records.json").write_text(json.dumps(records))

    def start(log, output, dropout, launch=(), **environment):
        arguments = [WORKER, tiny_encoder, tmp_path / "records.json", output, dropout]
        with open(log, "w") as stream:
            command = [sys.executable, *launch, *map(str, arguments)]
            return subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, **environment})

    return start


def test_killed_at_a_random_moment_and_resumed_it_ends_with_equal_weights(worker, tmp_path):
    log = tmp_path / "log"
    assert worker(log, tmp_path / "whole", 0.1).wait() == 0, log.read_text()
    killed = worker(log, tmp_path / "killed", 0.1)
    state = tmp_path / "killed" / "checkpoint" / "state.json"
    while not state.exists():
        assert killed.poll() is None, log.read_text()
        time.sleep(0.01)
    time.sleep(random.random())  # a random step, or even a half-written checkpoint
    killed.kill()
    killed.wait()
    assert not (tmp_path / "killed" / "model").exists(), "it ended before it was killed: make the run longer"
    assert worker(log, tmp_path / "killed", 0.1).wait() == 0, log.read_text()
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("whole", "killed")]
    assert weights[0] == weights[1]


def test_two_processes_give_the_loss_curve_of_one(worker, tmp_path):
    # What `accelerate launch` itself starts; on CPUs alone that command would want MPI.
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    log = tmp_path / "log"
    assert worker(log, tmp_path / "one", 0.0, OMP_NUM_THREADS="1").wait() == 0, log.read_text()
    two = worker(log, tmp_path / "two", 0.0, launch=launch, ACCELERATE_USE_CPU="1", OMP_NUM_THREADS="1")
    assert two.wait() == 0, log.read_text()
    curves = [json.loads((tmp_path / run / "history.json").read_text()) for run in ("one", "two")]
    assert curves[1]["processes"] == 2
    assert len(curves[0]["loss"]) == len(curves[1]["loss"])
    assert curves[0]["loss"] == pytest.approx(curves[1]["loss"], abs=1e-4)
    assert curves[0]["loss"][-1] < curves[0]["loss"][0]
