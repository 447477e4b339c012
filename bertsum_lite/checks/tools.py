"""What checkers share: calling the learner's function safely, and comparing what it gives."""

import inspect
import math
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Number

import numpy as np
import torch
from torch import Tensor

TORCH_S_OWN = r'"\w+" not implemented|Could not run|.*required "forward"|.*derivative'  # no blank of ours


class Wrong(Exception):
    """A mistake, named.

    Args:
        want: what would have been right, shown with the failing example.
        example: the lines of that example; None: those of the last call; []: none.
    """

    def __init__(self, message: str, want: object = None, example: list[str] | None = None):
        super().__init__(message)
        self.want, self.example = want, example


class NotDone(Exception):
    """A blank that still raises NotImplementedError."""


def show(value: object) -> str:
    """A value in one line: numbers when they are few, type and shape when they are many."""
    if isinstance(value, np.ndarray | np.generic):
        value = torch.as_tensor(value)
    if isinstance(value, Tensor):
        if value.numel() > 24:
            return f"tensor {tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')}"
        value = value.detach().cpu().tolist()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        text = ", ".join(show(part) for part in value)
        text = f"[{text}]" if isinstance(value, list) else f"({text})"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key!r}: {show(part)}" for key, part in value.items()) + "}"
    else:
        text = getattr(value, "__name__", None) or repr(value)
        if len(text) > 300 and not isinstance(value, str):  # a model, a tokenizer
            text = f"a {type(value).__name__}"
    return text if len(text) <= 300 else f"{text[:300]} …"


def stopped(error: Exception) -> str:
    """An exception in one line, with the line of the learner's code that raised it."""
    if isinstance(error, TypeError) and "not callable" in str(error):
        return "a function is wanted: hand over the function itself, `f`, not what it returns, `f(…)`"
    words = " ".join(str(error).split()) or "no message"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if not re.search(r"site-packages|bertsum_lite", frame.filename)]
    where = f", at `{lines[-1]}`" if lines and lines[-1] else ""
    return f"your code stopped with {type(error).__name__}: {words[:300]}{where}"


class Answer:
    """The learner's function. Calling it reports its exceptions, and whether it changed what it was given."""

    def __init__(self, function: Callable):
        self.function, self.given, self.result = function, {}, None

    def __getattr__(self, name: str):
        return getattr(self.function, name)

    def __call__(self, *args, **kwargs):
        try:
            self.given = inspect.signature(self.function).bind(*args, **kwargs).arguments
        except (TypeError, ValueError):  # it takes something else: calling it will say so
            self.given = {f"argument {i}": value for i, value in enumerate(args, 1)} | kwargs
        self.given, before, self.result = dict(self.given), state(self.given), None
        try:
            self.result = self.function(*args, **kwargs)
        except NotImplementedError as blank:
            if re.match(TORCH_S_OWN, str(blank)):
                raise Wrong(stopped(blank)) from None
            raise NotDone(str(blank) or "the blank is still there") from None
        except Exception as error:
            raise Wrong(stopped(error)) from None
        for name, was, now in zip(self.given, before, state(self.given)):
            if was != now:
                raise Wrong(f"your function changes `{name}`, which belongs to its caller: work on a copy")
        return self.result

    def last_call(self) -> list[str]:
        lines = [f"{name} = {show(value)}" for name, value in self.given.items()]
        return [*lines, f"yours {show(self.result)}"] if self.result is not None else lines


def state(given: Mapping) -> list:
    """What shows that a value was changed in place: tensors count their changes, others are written out."""
    return [value._version if isinstance(value, Tensor) else repr(value)[:100_000] for value in given.values()]


def same(a: object, b: object, tolerance: float = 1e-4) -> bool:
    """Equal in shape and kind, numbers within the tolerance (absolute and relative), NaN equal to NaN.

    Arrays count as tensors, and tensors as lists where ``b`` is a list.
    """
    a, b = (torch.as_tensor(x) if isinstance(x, np.ndarray) else x for x in (a, b))
    if isinstance(a, Tensor) and sequence(b):
        a = a.tolist()
    if isinstance(a, Tensor) and isinstance(b, Tensor) and b.dim():
        alike = a.shape == b.shape and (a.dtype == b.dtype or (a.is_floating_point() and b.is_floating_point()))
        a, b = a.detach().cpu().double(), b.detach().cpu().double()
        return alike and torch.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
    if number(a) and number(b):
        a, b = float(a), float(b)
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) or (math.isnan(a) and math.isnan(b))
    if sequence(a) and sequence(b):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in b)
    return type(a) is type(b) and not isinstance(a, Tensor) and a == b


def number(value: object) -> bool:
    return isinstance(value, Number) or (isinstance(value, Tensor | np.generic) and value.ndim == 0)


def numbers(answer: object, names: str) -> list[float]:
    """The numbers of an answer, with their count and kind checked; ``names`` as in "predicted, measured, factor"."""
    wanted = names.split(", ")
    if not isinstance(answer, list | tuple) or len(answer) != len(wanted):
        raise Wrong(f"{len(wanted)} numbers are wanted: ({names})")
    for name, value in zip(wanted, answer):
        if not number(value):
            raise Wrong(f"{name}: a number is wanted; yours is of type {type(value).__name__}")
    return [float(value) for value in answer]


def sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def compare(got: object, want: object, misconceptions: Mapping[str, object] = {}, tolerance: float = 1e-4) -> None:
    """Raise `Wrong` unless ``got`` is ``want``.

    Args:
        misconceptions: message → what somebody with this misconception gets. The first that ``got`` equals
            names the mistake; if none does, the first differing entry is reported.
    """
    if isinstance(got, Answer):
        raise Wrong("a value is wanted here, not a function")
    if same(got, want, tolerance):
        return
    named = (message for message, value in misconceptions.items() if same(got, value, tolerance))
    raise Wrong(next(named, None) or difference(got, want, tolerance), want)


def agree(
    answer: Answer,
    reference: Callable,
    inputs: Iterable[tuple],
    misconceptions: Mapping[str, Callable] = {},
    tolerance: float = 1e-4,
) -> None:
    """Raise `Wrong` unless the answer gives what the reference gives, on every input.

    Args:
        inputs: tuples of arguments, from small to large: the first that fails is shown.
        misconceptions: message → a function that has this misconception. The first that gives what the answer
            gives on *all* inputs names the mistake, so that one input may leave several in doubt; where none
            does, the answer has two mistakes, and the first that explains the failing input is named.
    """
    named, failed, here = dict(misconceptions), None, []
    for args in inputs:
        try:
            got = answer(*args)
        except Wrong:
            if failed is None:
                raise
            break
        want = reference(*args)
        if failed is None and not same(got, want, tolerance):
            failed = Wrong(difference(got, want, tolerance), want, answer.last_call())
            here = [words for words, mistaken in misconceptions.items() if gives(mistaken, args, got, tolerance)]
        named = {words: mistaken for words, mistaken in named.items() if gives(mistaken, args, got, tolerance)}
    if failed is not None:
        raise Wrong([*named, *here, str(failed)][0], failed.want, failed.example)


def gives(mistaken: Callable, args: tuple, got: object, tolerance: float) -> bool:
    """Whether somebody with this misconception gets the same; where it raises an error, it does not."""
    try:
        return same(got, mistaken(*args), tolerance)
    except Exception:
        return False


def difference(got: object, want: object, tolerance: float) -> str:
    """Where two unequal values differ first, in words."""
    if got is None:
        return "your function returns None: its `return` is missing"
    got, want = (torch.as_tensor(x) if isinstance(x, np.ndarray) else x for x in (got, want))
    if isinstance(want, Tensor) and want.dim():
        if not isinstance(got, Tensor):
            return f"a tensor is wanted; yours is of type {type(got).__name__}"
        if got.shape != want.shape:
            return f"the shape should be {tuple(want.shape)}; yours is {tuple(got.shape)}"
        if got.dtype != want.dtype and not (got.is_floating_point() and want.is_floating_point()):
            return f"the dtype should be {want.dtype}; yours is {got.dtype}"
        if got.isnan().any() and not want.isnan().any():
            return f"NaN in {got.isnan().sum()} of {got.numel()} entries"
        off = ~torch.isclose(got.detach().double(), want.detach().double(), rtol=tolerance, atol=tolerance)
        at = tuple(off.nonzero()[0].tolist())
        here = f"entry {at} is {show(got[at])}, it should be {show(want[at])}"
        return f"{here}; {off.sum()} of {off.numel()} entries differ"
    if sequence(want) and (sequence(got) or isinstance(got, Tensor)):
        if len(got) != len(want):
            return f"{len(want)} things are wanted; yours are {len(got)}"
        at = next(i for i, pair in enumerate(zip(got, want)) if not same(*pair, tolerance))
        return f"number {at} (counted from 0): {difference(got[at], want[at], tolerance)}"
    if number(want):
        if not number(got):
            return f"a number is wanted; yours is of type {type(got).__name__}"
        return f"{show(got)} is too {'large' if got > want else 'small'}"
    return f"{show(got)} is not right"  # what is, `check` shows beside it; not where the answer is a value


def gradients(result: Tensor, inputs: Sequence[Tensor], pull: Tensor) -> tuple[Tensor, ...]:
    """∂(result · pull)/∂inputs; raises `Wrong` if the way back to one of them is cut."""
    try:
        return torch.autograd.grad((result * pull).sum(), inputs)
    except RuntimeError as error:
        if "does not require grad" in str(error) or "not have been used" in str(error):
            ways = "`.detach()`, `.data`, `.item()`, `.numpy()` and `torch.tensor(…)` cut it"
            raise Wrong(f"no gradient finds its way from your result back to every input: {ways}") from None
        raise Wrong(stopped(error)) from None


@contextmanager
def hint(words: str) -> Iterator[None]:
    """Say ``words`` before whatever turns out wrong inside: what this input has that the ones before had not."""
    try:
        yield
    except Wrong as mistake:
        raise Wrong(f"{words}: {mistake}", mistake.want, mistake.example) from None
