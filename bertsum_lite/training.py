"""The training loop, on ``accelerate``: one process or many, CPU or GPU (notebooks 07 and 10).

An *update* is a fixed number of documents, whatever the machine. They are cut into batches that
fit the memory, the batches are dealt to the processes, and their gradients add up. So the
accumulation follows from the machine, and the result does not.
"""

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
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel

from bertsum_lite.checkpoint import CHECKPOINT, History, identity, load_checkpoint, save_checkpoint
from bertsum_lite.encoding import token_batches
from bertsum_lite.storage import check_folder, check_writable

Plan = list[list[int]]  # the batches of one update, each a list of example indices
PRECISIONS = ("no", "bf16", "fp16", "auto")


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
        precision: what the matrices are multiplied in; the weights stay float32. ``"no"`` (float32),
            ``"bf16"``, ``"fp16"`` (CUDA GPUs, with a loss scaler), or ``"auto"``: see ``chosen_precision``.
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
            device the result equals, bit for bit, a run that was never interrupted. A checkpoint of
            other settings, another model or other examples is refused.
        on_update: called after each update with the history so far (live plots).

    Raises:
        ValueError: if there are no examples, this machine lacks the precision, or the checkpoint is damaged
            or of another run; names what differs.
        OSError: if the checkpoint cannot be written; known before the first update.
        FloatingPointError: if the loss is not a number any more; the model keeps its last good weights.
        KeyboardInterrupt: on Ctrl-C, after the running update is done and a checkpoint is left.
    """
    if not len(examples):
        raise ValueError("there is nothing to train on: the list of examples is empty")
    accelerator = Accelerator(mixed_precision="no")  # ours is below: accelerate's would stay on the model
    device = accelerator.device.type
    precision = chosen_precision(config.precision, device)
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    autocast = torch.autocast(device, dtype, enabled=precision != "no")
    # Small gradients would be zero in fp16: the loss is multiplied by a large number, the gradients divided by it.
    scaler = torch.amp.GradScaler(device, enabled=precision == "fp16")
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
    if checkpoint:
        checkpoint = Path(checkpoint)
        settings = asdict(config) | {"precision": precision}
        del settings["save_every"]  # it changes no result
        run = identity(settings, model, examples)
        check_folder(checkpoint)
        if (checkpoint / "state.json").exists():
            history = load_checkpoint(checkpoint, accelerator, model, optimizer, scaler, run)
        if accelerator.is_main_process:
            check_writable(checkpoint, CHECKPOINT)

    with _ctrl_c() as interrupted, _progress(accelerator, len(updates), len(history)) as bar:
        for step, (epoch, batches) in enumerate(updates[len(history) :], start=len(history) + 1):
            for group in optimizer.param_groups:
                group["lr"] = noam(step, group["learning_rate"], group["warmup"])
            chosen = [[examples[i] for i in batch] for batch in batches]
            loss = _update(accelerator, autocast, wrapped, optimizer, scaler, chosen, collate)
            if not math.isfinite(loss):
                kept = checkpoint and (checkpoint / "state.json").exists()
                where = f"; the last good checkpoint is {checkpoint}" if kept else ""
                raise FloatingPointError(f"the loss of update {step} is {loss}: lower the learning rate{where}")
            rates = {f"lr {g['name']}".strip(): g["lr"] for g in optimizer.param_groups}
            history.append({"step": step, "epoch": epoch + 1, "loss": loss, **rates})
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)  # drawn by update, not too often for a notebook
            bar.update()
            if on_update and accelerator.is_main_process:
                on_update(history)
            due = config.save_every and step % config.save_every == 0
            if checkpoint and (due or interrupted.is_set()):
                save_checkpoint(checkpoint, accelerator, model, optimizer, scaler, run, history)
            if interrupted.is_set():
                where = f"; run again to go on from {checkpoint}" if checkpoint else ""
                raise KeyboardInterrupt(f"stopped after update {step} of {len(updates)}{where}")
    model.train(was_training)
    return history


def _update(accelerator, autocast, model, optimizer, scaler, batches: list[list], collate) -> float:
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
            accelerator.backward(scaler.scale(loss * accelerator.num_processes))
        total += loss.detach()
    mean = float(accelerator.reduce(total, reduction="sum"))
    if math.isfinite(mean):
        # The scaler must see the optimizer itself. It leaves out a step whose gradients overflow, and lowers its
        # factor; it is switched off, and steps as ever, unless we compute in fp16.
        scaler.step(optimizer.optimizer)
        scaler.update()
    optimizer.zero_grad()
    return mean


def chosen_precision(precision: str = "auto", device: str | None = None) -> str:
    """What ``precision`` means on this machine: ``"no"``, ``"bf16"`` or ``"fp16"``.

    ``"auto"`` is bf16 where the processor computes in it, else fp16 on a CUDA GPU (Colab's T4), else ``"no"``.

    Args:
        device: ``"cuda"``, ``"cpu"``, …; None: a GPU where there is one.

    Raises:
        ValueError: if there is no such precision, or fp16 is asked for without a CUDA GPU.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}")
    if precision == "fp16" and device != "cuda":
        raise ValueError('precision "fp16" needs a CUDA GPU, and this run has none; use "auto"')
    if precision != "auto":
        return precision
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    known = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch cannot tell: float32
    return "bf16" if any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")) else "no"


def use_bf16(precision: str = "auto") -> bool:
    """Whether to compute in bf16: where the processor does, or as ``precision`` says."""
    return chosen_precision(precision) == "bf16"


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
