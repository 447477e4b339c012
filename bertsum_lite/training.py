"""The training loop, on ``accelerate``: one process or many, CPU or GPU (notebooks 07 and 10).

An *update* is a fixed number of documents, whatever the machine. They are cut into batches that
fit the memory, the batches are dealt to the processes, and their gradients add up. So the
accumulation follows from the machine, and the result does not.
"""

import json
import math
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel

from bertsum_lite.encoding import token_batches
from bertsum_lite.storage import check_folder, new_folder

Plan = list[list[int]]  # the batches of one update, each a list of example indices
History = list[dict[str, float]]


def noam(step: int, learning_rate: float, warmup: int) -> float:
    """lr · min(step^-0.5, step · warmup^-1.5): up in a straight line, then down with 1/√step.

    ``step`` counts from 1. The peak, at ``step == warmup``, is lr / √warmup
    (Vaswani et al. 2017, equation 3; Liu & Lapata 2019, section 4.2).
    """
    return learning_rate * min(step**-0.5, step * warmup**-1.5)


@dataclass(frozen=True)
class Group:
    """Parameters whose names begin with ``prefix`` share one schedule ("" takes what is left)."""

    prefix: str
    learning_rate: float
    warmup: int


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Args:
        epochs: passes over the examples.
        documents_per_update: documents that one step of the optimizer learns from, over all
            batches and processes together.
        tokens_per_batch: padded tokens one forward pass holds; set it by memory, the result
            does not depend on it.
        groups: schedules, the first prefix that fits decides; default: one for everything.
        seed: of the order of documents, and of dropout.
        precision: ``"no"`` (float32), ``"bf16"``, or ``"auto"``: bf16 where the processor computes in it.
        save_every: updates between two checkpoints; 0 leaves one only on Ctrl-C.
    """

    epochs: int = 3
    documents_per_update: int = 16
    tokens_per_batch: int = 2048
    groups: tuple[Group, ...] = (Group("", 1e-3, 100),)
    seed: int = 0
    precision: str = "auto"
    save_every: int = 0


def plan(lengths: Sequence[int], config: TrainingConfig, epoch: int) -> list[Plan]:
    """Every update of one epoch; each example appears once.

    Documents are shuffled, then sorted by length within pools of eight updates, so that those of an
    update are of similar length and little padding is needed; the updates are shuffled again.
    """
    shuffle = random.Random(f"{config.seed}-{epoch}").shuffle
    order = list(range(len(lengths)))
    shuffle(order)
    size, pool = config.documents_per_update, 8 * config.documents_per_update
    updates = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool], key=lambda i: lengths[i])
        updates += [near[i : i + size] for i in range(0, len(near), size)]
    shuffle(updates)
    return [
        [[update[i] for i in batch] for batch in token_batches([lengths[i] for i in update], config.tokens_per_batch)]
        for update in updates
    ]


def train(
    model: PreTrainedModel,
    examples: Sequence[Sized],
    collate: Callable[[list], dict[str, Tensor]],
    config: TrainingConfig,
    checkpoint: str | Path | None = None,
    on_update: Callable[[History], None] | None = None,
) -> History:
    """Train ``model`` in place and return its history, one row an update: step, epoch, loss, learning rates.

    Args:
        model: its forward takes what ``collate`` makes and returns an output whose ``loss`` is the
            mean over the batch's documents.
        examples: ``len(example)`` is its number of tokens.
        checkpoint: folder for checkpoints. Where it holds one, training goes on from there: on one
            device the result equals, bit for bit, a run that was never interrupted.
        on_update: called after each update with the history so far (live plots).

    Raises:
        ValueError: if there are no examples, or the checkpoint is damaged or of another run.
        FloatingPointError: if the loss is not a number any more; the model keeps its last good weights.
        KeyboardInterrupt: on Ctrl-C, after the running update is done and a checkpoint is left.
    """
    if not len(examples):
        raise ValueError("there is nothing to train on: the list of examples is empty")
    accelerator = Accelerator(mixed_precision="no")  # ours is below: accelerate's would stay on the model
    autocast = torch.autocast(accelerator.device.type, torch.bfloat16, enabled=use_bf16(config.precision))
    set_seed(config.seed, device_specific=True)
    groups = _parameter_groups(model, config.groups)
    # Fused: on a CPU several times as fast, and where the update is small that is half of its time.
    optimizer = torch.optim.Adam(groups, lr=0.0, betas=(0.9, 0.999), eps=1e-9, fused=True)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    was_training = model.training
    wrapped.train()

    lengths = [len(example) for example in examples]
    updates = [(epoch, batches) for epoch in range(config.epochs) for batches in plan(lengths, config, epoch)]
    history: History = []
    if checkpoint and (Path(checkpoint) / "state.json").is_file():
        history = _load(Path(checkpoint), accelerator, model, optimizer, config, len(examples))

    with _ctrl_c() as interrupted, _progress(accelerator, len(updates), len(history)) as bar:
        for step, (epoch, batches) in enumerate(updates[len(history) :], start=len(history) + 1):
            for group in optimizer.param_groups:
                group["lr"] = noam(step, group["learning_rate"], group["warmup"])
            chosen = [[examples[i] for i in batch] for batch in batches]
            loss = _update(accelerator, autocast, wrapped, optimizer, chosen, collate)
            if not math.isfinite(loss):
                where = (
                    f"; the last good checkpoint is {checkpoint}" if checkpoint and Path(checkpoint).exists() else ""
                )
                raise FloatingPointError(f"the loss of update {step} is {loss}: lower the learning rate{where}")
            rates = {f"lr {g['name']}".strip(): g["lr"] for g in optimizer.param_groups}
            history.append({"step": step, "epoch": epoch + 1, "loss": loss, **rates})
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)  # drawn by update, not too often for a notebook
            bar.update()
            if on_update and accelerator.is_main_process:
                on_update(history)
            due = config.save_every and step % config.save_every == 0
            if checkpoint and (due or interrupted.is_set()):
                _save(Path(checkpoint), accelerator, model, optimizer, config, len(examples), history)
            if interrupted.is_set():
                where = f"; run again to go on from {checkpoint}" if checkpoint else ""
                raise KeyboardInterrupt(f"stopped after update {step} of {len(updates)}{where}")
    model.train(was_training)
    return history


def _update(accelerator, autocast, model, optimizer, batches: list[list], collate) -> float:
    """One step of the optimizer over all ``batches``; returns the mean loss over their documents."""
    documents = sum(map(len, batches))
    # Every process must take part in the last, synchronised backward: an idle one repeats a batch at weight 0.
    own = [(batch, 1.0) for batch in batches[accelerator.process_index :: accelerator.num_processes]]
    own = own or [(batches[0], 0.0)]
    total = torch.zeros((), device=accelerator.device)
    for number, (batch, weight) in enumerate(own, start=1):
        tensors = {name: tensor.to(accelerator.device) for name, tensor in collate(batch).items()}
        with nullcontext() if number == len(own) else accelerator.no_sync(model):
            with autocast:
                loss = model(**tensors).loss * (weight * len(batch) / documents)
            # Gradients are averaged over processes; their sum is what one process would have.
            accelerator.backward(loss * accelerator.num_processes)
        total += loss.detach()
    mean = float(accelerator.reduce(total, reduction="sum"))
    if math.isfinite(mean):
        optimizer.step()
    optimizer.zero_grad()
    return mean


def use_bf16(precision: str = "auto") -> bool:
    """Whether to compute in bf16: where the processor does, or as ``precision`` says."""
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch cannot tell: float32
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _parameter_groups(model: torch.nn.Module, groups: Sequence[Group]) -> list[dict]:
    """One Adam group for each of ``groups``; refuses a parameter nobody claims and a group that claims none."""
    claimed: list[list] = [[] for _ in groups]
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        first = next((i for i, group in enumerate(groups) if name.startswith(group.prefix)), None)
        if first is None:
            raise ValueError(f"no group takes the parameter {name}; add Group('', …) as the last one")
        claimed[first].append(parameter)
    for group, parameters in zip(groups, claimed):
        if not parameters:
            raise ValueError(f"the group {group.prefix!r} takes no parameter of {type(model).__name__}")
    return [
        {"params": parameters, "name": group.prefix, "learning_rate": group.learning_rate, "warmup": group.warmup}
        for group, parameters in zip(groups, claimed)
    ]


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a flag, so that an update is never left half done; the second one stops at once."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def note(*_) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _progress(accelerator: Accelerator, total: int, done: int) -> tqdm:
    # In a notebook standard error is drawn red and looks like a fault.
    in_notebook = "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None
    stream = sys.stdout if in_notebook else sys.stderr
    return tqdm(
        total=total,
        initial=done,
        desc="training",
        unit="update",
        file=stream,
        disable=not accelerator.is_main_process,
        dynamic_ncols=True,
    )


# Checkpoints: safetensors and JSON, written whole or not at all ---------------------------------


def _names(model: torch.nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _save(folder, accelerator, model, optimizer, config, examples: int, history: History) -> None:
    """Weights, Adam's moments, every process's random state, and where we are."""
    devices = [torch.get_rng_state()] + ([torch.cuda.get_rng_state()] if torch.cuda.is_available() else [])
    # Equal shapes on every process: one row a process.
    random_states = [accelerator.gather(state.to(accelerator.device).unsqueeze(0)).cpu() for state in devices]
    if accelerator.is_main_process:
        state = optimizer.optimizer.state
        moments = {f"{name}|{key}": value for name, p in _names(model) for key, value in state[p].items()}
        with new_folder(folder) as new:
            for name, tensors in (("model", model.state_dict()), ("optimizer", moments)):
                save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, new / f"{name}.safetensors")
            save_file({str(i): rows for i, rows in enumerate(random_states)}, new / "random.safetensors")
            record = {"config": _comparable(config), "examples": examples, "history": history}
            (new / "state.json").write_text(json.dumps(record), encoding="utf-8")
    accelerator.wait_for_everyone()


def _load(folder, accelerator, model, optimizer, config, examples: int) -> History:
    check_folder(folder)
    record = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    if (record["config"], record["examples"]) != (_comparable(config), examples):
        raise ValueError(f"{folder} is a checkpoint of another run (other settings or data); remove it to start anew")
    model.load_state_dict(load_file(folder / "model.safetensors"))
    moments = load_file(folder / "optimizer.safetensors")
    for name, parameter in _names(model):
        optimizer.optimizer.state[parameter] = {
            key: moments[f"{name}|{key}"].to(parameter.device) for key in ("step", "exp_avg", "exp_avg_sq")
        }
    states = load_file(folder / "random.safetensors")
    rank = accelerator.process_index % len(states["0"])
    torch.set_rng_state(states["0"][rank])
    if "1" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["1"][rank])
    return record["history"]


def _comparable(config: TrainingConfig) -> dict:
    """The settings that must agree for a resumed run to equal an uninterrupted one, as JSON knows them."""
    return json.loads(json.dumps({k: v for k, v in asdict(config).items() if k != "save_every"}))
