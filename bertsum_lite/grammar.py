"""The grammar of ``tinynews``: what a fact may be and how a sentence states it, read from one file an event type.

Sentences are Python format strings, ``"{winner:last} won by {margin:vote|votes}"``; what may stand after
the colon is in ``Name`` and ``Number``. ``data/tinynews/README.md`` explains how to write an event type.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

import tomli

from bertsum_lite.records import data_folder
from bertsum_lite.rouge import tokenize

HELD_OUT = 5  # every fifth name is kept for the split ``test_unseen``

_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WORDS = _ONES + [f"{ten}-{one}" if one != "zero" else ten for ten in _TENS for one in _ONES[:10]]

Draw = Callable[[], float]  # a number in [0, 1): the one method of ``random`` that never changes with Python


def pick(items: Sequence, draw: Draw):
    """One of ``items``."""
    return items[int(draw() * len(items))]


class Name(str):
    """A fact in words. In a sentence: ``{x}`` as it is, ``{x:a}`` with "a" or "an", ``{x:last}`` its last word,
    ``{x:he}``, ``{x:him}``, ``{x:his}`` the pronoun, ``{x:told}`` the document's own way to say it.
    """

    told: str = ""
    pronouns: tuple[str, ...] = ()

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if spec == "told":
            return self.told
        if spec == "a":
            return f"{'an' if _vowel(self) else 'a'} {self}"
        if spec == "last":
            return self.rsplit(" ", 1)[-1]
        if spec in ("he", "him", "his") and self.pronouns:
            return self.pronouns[("he", "him", "his").index(spec)]
        raise ValueError(f"{self!r} has no form {spec!r}")


class Number(int):
    """A fact that is a number. ``{x}``: in words up to nine, else in digits; ``{x:words}``: in words up to 99;
    ``{x:home|homes}``: with its noun, singular or plural; ``{x:words home|homes}``: both.
    """

    def __format__(self, spec: str) -> str:
        words, noun = spec.startswith("words"), spec.removeprefix("words").strip()
        number = WORDS[self] if self < (100 if words else 10) else f"{int(self):,}"
        if not noun:
            return number
        if noun.count("|") != 1:
            raise ValueError(f"{number} has no form {spec!r}; want its noun as in home|homes")
        return f"{number} {noun.split('|')[self != 1]}"


def normalize(text: str) -> str:
    """Words in lower case without articles, numbers in digits, one space between."""
    tokens = tokenize(re.sub(r"(?<=\d) ?, ?(?=\d{3}\b)", "", text))
    result: list[str] = []
    for token in tokens:
        if result and result[-1] in _TENS and token in _ONES[1:10]:
            token = f"{result.pop()}-{token}"
        result.append(token)
    return " ".join(_DIGITS.get(token, token) for token in result if token not in ("a", "an", "the"))


_DIGITS = {word: str(number) for number, word in enumerate(WORDS)}


def _vowel(text: str) -> bool:
    return bool(re.match(r"(?!eu|uni|use|usu|one)[aeiou]|hour|honest|heir", text.lower()))


@dataclass(frozen=True)
class Kind:
    """What a fact may be.

    Attributes:
        family: facts of one family can be taken for each other.
        make: makes a value; its second argument asks for held-out names.
        known: values by which a wrong one can be recognised.
    """

    family: str
    make: Callable[[Draw, bool], Name | Number]
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """One event type, as its file has it."""

    name: str
    kinds: dict[str, Kind]
    story: dict[str, list[list[str]]]
    summaries: list[str]
    asked: tuple[str, ...]  # the facts that every summary states
    tellings: dict[str, dict[str, list[str]]]  # fact → value → how a document may say it


# The grammar, read from its files --------------------------------------------------------------


def grammar_folder() -> Path:
    """Where the event files lie."""
    return data_folder() / "tinynews"


@cache
def events() -> dict[str, Event]:
    """Every event type, by name.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    files = sorted(file for file in grammar_folder().glob("*.toml") if file.stem != "names")
    return {file.stem: read_event(file) for file in files}


@cache
def names() -> dict[str, dict[str, list[str]]]:
    """The tables of ``names.toml``: ``proper`` names, of which some are held out, and ``common`` ones."""
    return tomli.loads((grammar_folder() / "names.toml").read_text(encoding="utf-8"))


def read_event(file: Path) -> Event:
    """Read and check one event file.

    Raises:
        ValueError: naming the file and what is wrong in it.
    """
    try:
        raw = tomli.loads(file.read_text(encoding="utf-8"))
        kinds = {name: _kind(value) for name, value in raw["facts"].items()}
        story = {part: raw["story"].get(part, []) for part in ("first", "middle", "last")}
        _check(kinds, [s for part in story.values() for ways in part for s in ways], raw["summary"])
    except KeyError as error:
        raise ValueError(f"{file}: {error} is not there") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    asked = {name for name, _ in _slots(raw["summary"][0])}
    return Event(
        name=file.stem,
        kinds=kinds,
        story=story,
        summaries=raw["summary"],
        asked=tuple(name for name in kinds if name in asked),
        tellings={name: value for name, value in raw["facts"].items() if isinstance(value, dict)},
    )


def _check(kinds: dict[str, Kind], sentences: list[str], summaries: list[str]) -> None:
    """Raise a ``ValueError`` for what would make bad stories, or summaries that cannot be checked."""
    if not summaries:
        raise ValueError("summary is empty: there is no way to sum this up")
    for sentence in sentences + summaries:
        for name, spec in _slots(sentence):
            format(kinds[name].make(lambda: 0.5, False), spec)  # raises if there is no such form
    told = {name for sentence in sentences for name, _ in _slots(sentence)}
    asked = {name for name, _ in _slots(summaries[0])}
    if asked - told:
        raise ValueError(f"the story never tells {', '.join(sorted(asked - told))}")
    for summary in summaries:
        if {name for name, _ in _slots(summary)} != asked:
            raise ValueError(f"every summary must state the same facts: {summary!r}")
        parts = [(normalize(literal), name) for literal, name, _, _ in Formatter().parse(summary) if name]
        for (_, before), (literal, after) in itertools.pairwise(parts):
            if not literal and "number" not in (kinds[before].family, kinds[after].family):
                raise ValueError(f"no word stands between {before} and {after}, the checker needs one: {summary!r}")
    for name, kind in kinds.items():
        if number := next((value for value in kind.known if re.search(r"\d", normalize(value))), None):
            raise ValueError(
                f"{name} may be {number!r}: make the number a fact of its own, or the checker mixes them up"
            )


def _slots(sentence: str) -> list[tuple[str, str]]:
    """The (fact, form) pairs of a format string."""
    return [(name, spec or "") for _, name, spec, _ in Formatter().parse(sentence) if name is not None]


def _kind(value: str | list[str] | dict[str, list[str]]) -> Kind:
    """A kind of fact from its line in the file: a range, a list of ``names.toml``, or the values themselves."""
    if isinstance(value, dict):
        pairs = list(value.items())
        return Kind("|".join(value), lambda draw, _: _told(*pick(pairs, draw), draw), tuple(value))
    if isinstance(value, list):
        values = [Name(v) for v in value]
        return Kind("|".join(value), lambda draw, _: pick(values, draw), tuple(value))
    if match := re.fullmatch(r"(\d+)-(\d+)(?:/(\d+))?", value):
        low, high, step = (int(part or 1) for part in match.groups())
        return Kind("number", lambda draw, _: Number(low + step * int(draw() * ((high - low) // step + 1))))
    if value == "person":
        return Kind("person", _person, tuple(names()["proper"]["surname"]))
    if value in names()["common"]:
        return _kind(names()["common"][value])
    if proper := names()["proper"].get(value):
        return Kind(value, lambda draw, held_out: pick(_proper(value, held_out), draw), tuple(proper))
    raise ValueError(f"{value!r} is neither a range like 2-40, nor a list in names.toml, nor a list of values")


def _told(value: str, tellings: list[str], draw: Draw) -> Name:
    name = Name(value)
    name.told = pick(tellings, draw)
    return name


def _person(draw: Draw, held_out: bool) -> Name:
    woman = draw() < 0.5
    first = pick(_proper("woman" if woman else "man", held_out), draw)
    name = Name(f"{first} {pick(_proper('surname', held_out), draw)}")
    name.pronouns = ("she", "her", "her") if woman else ("he", "him", "his")
    return name


@cache
def _proper(kind: str, held_out: bool) -> list[Name]:
    every = [Name(name) for name in names()["proper"][kind]]
    return every[HELD_OUT - 1 :: HELD_OUT] if held_out else [n for i, n in enumerate(every, 1) if i % HELD_OUT]
