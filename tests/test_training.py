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
from safetensors.torch import load_file

from bertsum_lite import training
from bertsum_lite.checkpoint import _fingerprint
from bertsum_lite.storage import NEW
from bertsum_lite.training import (
    Group,
    TrainingConfig,
    chosen_precision,
    noam,
    plan,
    train,
    use_bf16,
)

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


@pytest.fixture
def begun(tiny, records, tmp_path):
    """A run of one epoch with a checkpoint in ``tmp_path / "c"``; goes on with changes and returns the refusal."""
    config = replace(CONFIG, epochs=1, save_every=5)
    model = tiny()
    examples = model.examples(records)
    train(model, examples, model.collate, config, tmp_path / "c")

    def go_on(model=None, examples=examples, **changes) -> str:
        model = model or tiny()
        with pytest.raises(ValueError, match="checkpoint|optimizer") as refusal:
            train(model, examples, model.collate, replace(config, **changes), tmp_path / "c")
        return str(refusal.value)

    go_on.examples = examples
    return go_on


def test_a_checkpoint_of_another_run_is_refused_and_each_difference_named(begun, tiny, records):
    said = begun(tiny(loss="bce", encoder_dropout=0.5), seed=1, epochs=3)
    assert (
        "is a checkpoint of another run: epochs: 1 in the checkpoint, 3 now; seed: 0 in the checkpoint, 1 now" in said
    )
    assert "loss: 'listwise' in the checkpoint, 'bce' now" in said
    assert "encoder_dropout: 0.0 in the checkpoint, 0.5 now" in said
    assert "encoder.hidden_dropout_prob: 0.0 in the checkpoint, 0.5 now" in said
    assert said.count(" now") == 6  # the encoder has two of these
    assert "; the examples" not in said
    groups = (Group("", 2e-2, 5),)
    assert "groups: [{'prefix': '', 'learning_rate': 0.01" in begun(groups=groups)
    assert "precision: 'no' in the checkpoint, 'bf16' now" in begun(precision="bf16")
    frozen = tiny()
    frozen.encoder.requires_grad_(False)
    assert "trained tensors: " in begun(frozen)


def test_other_examples_than_the_checkpoints_are_refused(begun, tiny, records):
    assert "run: the examples differ (40 in the checkpoint, 39 now)." in begun(examples=begun.examples[:-1])
    other = [{**record, "document": [*record["document"], "One more."]} for record in records]
    for examples in (tiny().examples(other), begun.examples[::-1]):
        assert "run: the examples differ (40 both times, but other texts, labels or windows)." in begun(
            examples=examples
        )


def test_the_encoder_that_the_checkpoint_began_with_must_be_the_same(begun, tiny):
    model = tiny()
    model.config.initialized_from = "minilm"
    assert "initialized_from: 'sha256:" in begun(model)


def test_examples_of_any_kind_are_told_apart():
    class Plain:
        def __init__(self, ids, extra):
            self.ids, self.extra = ids, extra

    def digest(*examples):
        return _fingerprint(examples)["digest"]

    assert digest(Plain([1], {"a": torch.rand(2)})) != digest(Plain([2], None))
    assert digest(Plain([1], torch.rand(3)), [2, "\ud800"]) == digest(Plain([1], torch.rand(3)), [2, "\ud800"])
    assert digest([Plain([1], None)]) == digest([Plain([1], None)])  # not where they lie in memory
    assert digest([1], [2]) != digest([2], [1])
    assert digest([1], [2]) != digest([1, 2])


def test_a_damaged_checkpoint_is_refused(begun, tmp_path):
    (tmp_path / "c" / "optimizer.safetensors").write_bytes(b"x")
    assert "optimizer.safetensors is damaged" in begun()


@pytest.mark.parametrize("state", ['{"config": {}, "examples": 40, "history": []}', "[]", "not JSON", '{"run": {}}'])
def test_a_checkpoint_of_version_0_1_0_or_of_others_is_refused_and_stays(begun, tmp_path, state):
    (tmp_path / "c" / "state.json").write_text(state)
    (tmp_path / "c" / "SHA256SUMS").unlink()
    assert "holds no checkpoint that this version can go on from (version 0.1.0" in begun()
    assert (tmp_path / "c" / "state.json").read_text() == state


def test_a_file_in_the_way_of_a_checkpoint_is_known_before_the_first_update(tiny, records, tmp_path):
    (tmp_path / "model.safetensors").write_text("somebody's")
    model, seen = tiny(), []
    with pytest.raises(OSError, match="cannot write to.*model.safetensors was not written by bertsum-lite"):
        train(model, model.examples(records), model.collate, CONFIG, tmp_path, on_update=seen.append)
    assert not seen
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_checkpoint_lies_beside_files_of_others(tiny, records, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    model = tiny()
    train(model, model.examples(records), model.collate, replace(CONFIG, save_every=5), tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert json.loads((tmp_path / "state.json").read_text())["run"]["settings"]["precision"] == "no"


def test_a_checkpoint_whose_last_step_was_cut_off_is_finished_first(begun, tiny, tmp_path):
    (tmp_path / "c").rename(tmp_path / "complete")
    (tmp_path / "c").mkdir()
    (tmp_path / "complete").rename(tmp_path / "c" / NEW)
    assert "seed: 0 in the checkpoint, 1 now" in begun(seed=1)


# precision


@pytest.mark.parametrize(
    ("cuda", "bf16", "capabilities", "chosen"),
    [
        (True, True, {}, "bf16"),  # A100, H100
        (True, False, {"avx512_bf16": True}, "fp16"),  # Colab's T4
        (False, False, {"amx_bf16": True}, "bf16"),
        (False, False, {"avx2": True}, "no"),
    ],
)
def test_auto_is_what_the_processor_computes_in(monkeypatch, cuda, bf16, capabilities, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert chosen_precision() == chosen_precision("auto") == chosen
    assert use_bf16() == (chosen == "bf16")
    assert [chosen_precision("no"), chosen_precision("bf16")] == ["no", "bf16"]
    if cuda:
        assert chosen_precision("fp16") == "fp16"
        cpu = "bf16" if any(capabilities.values()) else "no"
        assert chosen_precision("auto", "cpu") == cpu  # with --device cpu on a machine that has a GPU


def test_a_precision_that_there_is_not_is_refused(tiny, records, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = tiny()
    examples = model.examples(records)
    for wrong, said in (("fp32", "one of no, bf16, fp16, auto; got 'fp32'"), ("fp16", "fp16. needs a CUDA GPU")):
        with pytest.raises(ValueError, match=said):
            train(model, examples, model.collate, replace(CONFIG, precision=wrong))


def test_what_counts_on_resuming_is_what_auto_means_here(tiny, records, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    config, model = replace(CONFIG, epochs=1, save_every=5, precision="auto"), tiny()
    examples = model.examples(records)
    history = train(model, examples, model.collate, config, tmp_path)
    assert train(tiny(), examples, model.collate, replace(config, precision="no"), tmp_path) == history
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    with pytest.raises(ValueError, match="precision: 'no' in the checkpoint, 'bf16' now"):
        train(tiny(), examples, model.collate, config, tmp_path)


@pytest.fixture
def fp16_on_a_cpu(monkeypatch):
    """No GPU here: the same loop, with torch's loss scaler for CPUs."""
    monkeypatch.setattr(training, "chosen_precision", lambda *_: "fp16")


def test_fp16_learns_what_float32_learns_and_weights_stay_float32(tiny, records, fp16_on_a_cpu, monkeypatch):
    model = tiny()
    history = train(model, model.examples(records), model.collate, replace(CONFIG, precision="fp16"))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    monkeypatch.undo()
    exact = tiny()
    expected = train(exact, exact.examples(records), exact.collate, CONFIG)
    assert [row["loss"] for row in history] == pytest.approx([row["loss"] for row in expected], rel=0.02)
    assert history != expected


def test_fp16_leaves_out_updates_that_overflow_and_resumes_exactly(tiny, records, tmp_path, fp16_on_a_cpu):
    def fresh(model_calls):
        """Of this model's first two updates the gradients are infinite, as if the factor were too large."""
        model = tiny(dropout=0.1)
        forward = model.forward

        def overflowing(**batch):
            output = forward(**batch)
            model_calls.append(1)
            if len(model_calls) <= 2:
                output.loss.register_hook(lambda gradient: gradient * float("inf"))
            return output

        model.forward = overflowing
        return model

    config = replace(CONFIG, tokens_per_batch=10_000)  # an update is one batch
    calls: list[int] = []
    whole, parted = fresh([]), fresh(calls)
    before = {name: value.clone() for name, value in parted.state_dict().items()}
    examples = whole.examples(records)
    train(whole, examples, whole.collate, config)
    for step in (2, 7):
        with pytest.raises(RuntimeError, match="enough"):
            train(parted, examples, parted.collate, replace(config, save_every=1), tmp_path / "c", stop_at(step + 1))
        state = json.loads((tmp_path / "c" / "state.json").read_text())
        assert state["scaler"]["scale"] == 2.0**14  # halved twice
        assert state["scaler"]["_growth_tracker"] == step - 2
        if step == 2:
            weights = load_file(tmp_path / "c" / "model.safetensors")
            assert all(torch.equal(value, before[name]) for name, value in weights.items())
        parted = fresh(calls)
    train(parted, examples, parted.collate, replace(config, save_every=1), tmp_path / "c")
    assert same(whole, parted)


def stop_at(step):
    def stop(history):
        if len(history) == step:
            raise RuntimeError("enough")

    return stop


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
