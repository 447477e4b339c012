"""The course's checkers: ``check("01.3", my_function)`` says whether an exercise is solved, and if not, why.

One module a lesson, loaded when first asked for. A checker gets the answer, tries it on inputs from small to
large, and raises `Wrong` with the misconception; when it returns, the answer is right.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import torch

from bertsum_lite.checks.tools import Answer, NotDone, Wrong, agree, compare, gradients, hint, show, stopped

__all__ = ["Wrong", "agree", "check", "compare", "exercise", "exercises", "gradients", "hint", "show"]


@dataclass
class Exercise:
    checker: Callable
    right: str  # what a solver hears
    next: str  # where to go then


_EXERCISES: dict[str, Exercise] = {}


def exercise(name: str, right: str, next: str) -> Callable:
    """Register a checker: a function of the answer that raises `Wrong`, or returns when it is right.

    What it returns, if anything, is printed: a figure that the answer has reached.
    """

    def register(checker: Callable) -> Callable:
        _EXERCISES[name] = Exercise(checker, right, next)
        return checker

    return register


def exercises(lesson: str) -> list[str]:
    """The names of a lesson's exercises: ``exercises("01")`` → ``["01.1", "01.2", …]``."""
    modules = (m.name for m in pkgutil.iter_modules(__path__))
    lessons = sorted(m.removeprefix("lesson_") for m in modules if m.startswith("lesson_"))
    if lesson not in lessons:
        raise ValueError(f"no exercises for lesson {lesson!r}; there are some for {', '.join(lessons)}")
    import_module(f"{__name__}.lesson_{lesson}")
    return sorted((name for name in _EXERCISES if name.partition(".")[0] == lesson), key=lambda n: int(n[3:]))


def check(name: str, answer: object) -> bool:
    """Try an answer, print the verdict, and return whether it is right.

    Args:
        name: the exercise, such as ``"01.3"``.
        answer: what it asks for: a function (itself, not what it returns), a number, a tuple of numbers, …

    Raises:
        ValueError: if there is no such exercise. Nothing else: mistakes in the answer are printed.
    """
    known = exercises(name.partition(".")[0])
    if name not in known:
        raise ValueError(f"no exercise {name!r}; lesson {name[:2]} has {', '.join(known)}")
    tried = Answer(answer) if callable(answer) else answer
    try:
        if not_given(answer):
            raise NotDone("replace the line `raise NotImplementedError` by your answer and run that cell")
        with torch.random.fork_rng(devices=[]):  # the checker's random inputs; the learner's generator stays
            torch.manual_seed(0)
            reached = _EXERCISES[name].checker(tried)
    except NotDone as blank:
        print(f"… {name}  not done yet: {blank}")
    except Wrong as mistake:
        print("\n      ".join([f"✗ {name}  {mistake}", *example(tried, mistake)]))
    except Exception as error:  # of the answer's own making, outside a call: no traceback of ours
        print(f"✗ {name}  {stopped(error)}")
    else:
        said = _EXERCISES[name]
        print(f"✓ {name}  {f'{reached} ' if reached else ''}{said.right} Next: {said.next}")
        return True
    return False


def not_given(answer: object) -> bool:
    """Whether the answer, or a part of it, is still None."""
    parts = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list | tuple) else [answer]
    return any(part is None for part in parts)


def example(answer: object, mistake: Wrong) -> list[str]:
    """The call that failed, line by line; checkers go from small to large, so it is the smallest.

    Where the answer is a value and not a function, the right one would give the exercise away.
    """
    if not isinstance(answer, Answer):
        return [f"yours {show(answer)}"]
    lines = answer.last_call() if mistake.example is None else mistake.example
    return lines if mistake.want is None else [*lines, f"right {show(mistake.want)}"]
