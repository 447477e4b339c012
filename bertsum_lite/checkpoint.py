"""Checkpoints: what a training run needs to go on exactly, and the proof that it is the same run (notebook 07).

safetensors and JSON, written whole or not at all.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bertsum_lite.storage import new_folder, reading

History = list[dict[str, float]]
CHECKPOINT = ("model.safetensors", "optimizer.safetensors", "random.safetensors", "state.json")


def _names(model: torch.nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def save_checkpoint(folder: Path, accelerator, model, optimizer, scaler, run: dict, history: History) -> None:
    """Weights, Adam's moments, every process's random state, and where we are in which run."""
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
            record = {"run": run, "scaler": scaler.state_dict(), "history": history}
            (new / "state.json").write_text(json.dumps(record), encoding="utf-8")
    accelerator.wait_for_everyone()


def load_checkpoint(folder: Path, accelerator, model, optimizer, scaler, run: dict) -> History:
    """Bring back what ``save_checkpoint`` has written, and return the history so far.

    Raises:
        ValueError: if it is damaged, or the checkpoint of another run; names what differs.
    """
    with reading(folder):
        try:
            record = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            before, history = record["run"], record["history"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{folder} holds no checkpoint that this version can go on from (version 0.1.0 did not note the "
                "model and the texts of a run); remove it to start anew"
            ) from error
        if different := _differences(before, run):
            raise ValueError(
                f"{folder} is a checkpoint of another run: {'; '.join(different)}. Train as it was begun, "
                "or remove it to start anew"
            )
        weights, moments, states = (load_file(folder / name) for name in CHECKPOINT[:3])
    model.load_state_dict(weights)
    for name, parameter in _names(model):
        optimizer.optimizer.state[parameter] = {
            key: moments[f"{name}|{key}"].to(parameter.device) for key in ("step", "exp_avg", "exp_avg_sq")
        }
    scaler.load_state_dict(record["scaler"])
    rank = accelerator.process_index % len(states["0"])
    torch.set_rng_state(states["0"][rank])
    if "1" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["1"][rank])
    return history


# Which run it is: a resumed one equals an uninterrupted one only if all of this is the same ------


def identity(settings: dict, model: torch.nn.Module, examples: Sequence) -> dict:
    """What two runs must share for one to go on from the other's checkpoint, as JSON."""
    return {"settings": settings, "model": _model(model), "examples": _fingerprint(examples)}


def _model(model: torch.nn.Module) -> dict:
    """The model's configuration and how many of its tensors are trained."""
    noise = ("transformers_version", "_name_or_path", "dtype", "architectures")  # these depend on who wrote it last

    def without_noise(part: dict) -> dict:
        return {k: without_noise(v) if isinstance(v, dict) else v for k, v in part.items() if k not in noise}

    config = getattr(model, "config", None)
    return {**(without_noise(config.to_dict()) if config else {}), "trained tensors": len(_names(model))}


def _fingerprint(examples: Sequence) -> dict:
    """How many examples there are, and a digest of everything in them but tensors."""
    digest = hashlib.sha256()
    for example in examples:
        text = re.sub(" at 0x[0-9a-fA-F]+>", ">", repr(_plain(example)))  # where an object lies in memory
        digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return {"number": len(examples), "digest": digest.hexdigest()}


def _plain(value):
    """``value`` without its tensors, whose last digits vary between machines."""
    if isinstance(value, Tensor):
        return "tensor"
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if type(value).__repr__ is object.__repr__:
        return {name: _plain(part) for name, part in getattr(value, "__dict__", {}).items()}
    return value


def _differences(before: dict, now: dict) -> list[str]:
    """What differs between the run of a checkpoint and this one, in words."""
    result = []
    for part in ("settings", "model"):
        old, new = (_flat(json.loads(json.dumps(run[part]))) for run in (before, now))  # a tuple becomes a list
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                result.append(f"{name}: {old.get(name)!r} in the checkpoint, {new.get(name)!r} now")
    old, new = before["examples"], now["examples"]
    if old["number"] != new["number"]:
        result.append(f"the examples differ ({old['number']} in the checkpoint, {new['number']} now)")
    elif old != new:
        result.append(f"the examples differ ({new['number']} both times, but other texts, labels or windows)")
    return result


def _flat(settings: dict, prefix: str = "") -> dict:
    """{"encoder": {"hidden_size": 32}} as {"encoder.hidden_size": 32}."""
    result = {}
    for name, value in settings.items():
        result |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return result
