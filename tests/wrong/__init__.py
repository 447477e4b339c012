"""Answers to the exercises that people really give, one module a lesson.

``wrong("01.2", "fragment")`` decorates a wrong solution; the checker's message must contain the fragment, which
names the misconception. ``right("01.2")`` decorates a right one, written otherwise than the reference. An answer
that is no function is handed over: ``wrong("01.1", "fragment", 12.0)``.
"""

import re
from typing import NamedTuple


class Attempt(NamedTuple):
    exercise: str
    answer: object
    label: str
    says: str | None  # None: it is right


ATTEMPTS: list[Attempt] = []


def attempt(exercise, says, answer):
    def register(answer):
        label = re.sub(r"<function (.+?) at 0x\w+>", r"\1", getattr(answer, "__name__", str(answer)))
        ATTEMPTS.append(Attempt(exercise, answer, f"{exercise}-{label}", says))
        return answer

    return register if answer is None else register(answer)


def wrong(exercise, says, answer=None):
    return attempt(exercise, says, answer)


def right(exercise, answer=None):
    return attempt(exercise, None, answer)
