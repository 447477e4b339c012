"""A newsroom that never runs dry: short synthetic news whose facts are known (notebooks 04 and 10).

In the spirit of TinyStories (Eldan & Li 2023): a grammar small enough for a small model to learn in
minutes. Because every document carries its facts, a wrong name or number in a generated summary
can be counted, which no real corpus allows.
"""

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter

from bertsum_lite.grammar import Draw, Event, Kind, Name, Number, events, normalize, pick

SIZES = {"train": 3000, "validation": 300, "test": 300, "test_unseen": 300}


def generate(split: str = "train", size: int | None = None, seed: int = 0) -> Iterator[dict]:
    """Yield ``size`` records of ``split``: the same on every machine and Python version.

    Args:
        split: ``train``, ``validation``, ``test``, or ``test_unseen``, whose proper names occur in
            none of the others.
        size: default in ``SIZES``; a larger one begins with the same documents.
        seed: another one gives other documents.

    Raises:
        ValueError: if there is no such split.
    """
    if split not in SIZES:
        raise ValueError(f"tinynews has no split {split!r}; it has {', '.join(SIZES)}")
    kinds = list(events().values())
    for number in range(SIZES[split] if size is None else size):
        draw = random.Random(f"{seed} {split} {number}").random
        yield {"id": f"tinynews-{seed}-{split}-{number}"} | write(pick(kinds, draw), draw, split == "test_unseen")


def write(event: Event, draw: Draw, held_out: bool = False) -> dict:
    """One document of ``event`` with its summary and its facts."""
    facts = draw_facts(event, draw, held_out)
    first, middle, last = event.story["first"], list(event.story["middle"]), event.story["last"]
    for i in range(len(middle) - 1, 0, -1):  # Fisher and Yates's shuffle
        j = int(draw() * (i + 1))
        middle[i], middle[j] = middle[j], middle[i]
    told = [pick(ways, draw) for ways in itertools.chain(first, middle, last)]
    return {
        "document": [render(sentence, facts) for sentence in told if sentence],
        "summary": [render(pick(event.summaries, draw), facts)],
        "domain": "tinynews",
        "language": "en",
        "facts": {
            "event": event.name,
            "slots": [{"name": name, "value": str(value)} for name, value in facts.items()],
        },
    }


def draw_facts(event: Event, draw: Draw, held_out: bool = False) -> dict[str, Name | Number]:
    """Values for all facts of ``event``, no two alike, so that taking one for another always shows."""
    facts: dict[str, Name | Number] = {}
    used: set[str | int] = set()
    for name, kind in event.kinds.items():
        marks = None
        while marks is None or not used.isdisjoint(marks):
            value = kind.make(draw, held_out)
            marks = {value, *value.split()} if kind.family == "person" else {value}  # nor two with one surname
        used |= marks
        facts[name] = value
    return facts


def render(sentence: str, facts: dict[str, Name | Number]) -> str:
    """Fill in the facts, and begin with a capital."""
    text = sentence.format_map(facts)
    return text[0].upper() + text[1:]


# Checking ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What a summary makes of one fact.

    Attributes:
        state: ``correct``, ``wrong`` or ``missing``.
        said: the words it has in that place, if any.
        owner: where they are wrong, the other fact of the document that they state, if any.
    """

    state: str
    said: str | None = None
    owner: str | None = None


def check(summary: Sequence[str] | str, facts: dict) -> dict[str, Verdict]:
    """Say of each fact that a summary of this event should state whether it does.

    A summary in one of the grammar's forms is read word for word, so that two names of one kind in
    the wrong order are seen. In any other, a fact counts as stated where its value stands anywhere,
    and as stated wrongly where another value of its kind stands instead.

    Args:
        summary: its sentences, or one string; case, punctuation and the spelling of numbers do not matter.
        facts: a record's ``facts``.

    Raises:
        ValueError: if the facts are of an event type that is not there.
    """
    if facts["event"] not in events():
        raise ValueError(f"no event type {facts['event']!r}; there are {', '.join(events())}")
    event = events()[facts["event"]]
    text = normalize(summary if isinstance(summary, str) else " ".join(summary))
    forms = {slot["name"]: _forms(event, slot["name"], slot["value"]) for slot in facts["slots"]}
    readings = [m.groupdict() for pattern in _patterns(event.name) if (m := pattern.fullmatch(text + " "))]
    readings = readings or [{name: _search(event, name, forms, text) for name in event.asked}]
    verdicts = [{name: _verdict(event, name, said, forms) for name, said in reading.items()} for reading in readings]
    return max(verdicts, key=lambda verdict: sum(v.state == "correct" for v in verdict.values()))


def _forms(event: Event, name: str, value: str) -> list[str]:
    """The normalised ways to state a value, the fullest first."""
    ways = [value, *event.tellings.get(name, {}).get(value, ())]
    if event.kinds[name].family == "person":
        ways.append(value.rsplit(" ", 1)[-1])
    return [normalize(way) for way in ways]


def _verdict(event: Event, name: str, said: str | None, forms: dict[str, list[str]]) -> Verdict:
    if said is None:
        return Verdict("missing")
    if said in forms[name]:
        return Verdict("correct", said)
    alike = (other for other in forms if event.kinds[other].family == event.kinds[name].family)
    return Verdict("wrong", said, next((other for other in alike if said in forms[other]), None))


@cache
def _patterns(event: str) -> list[re.Pattern]:
    """One pattern a summary form, with a named group for each fact."""
    return [re.compile(_pattern(summary, events()[event].kinds)) for summary in events()[event].summaries]


def _pattern(summary: str, kinds: dict[str, Kind]) -> str:
    """A summary form as a pattern over normalised words, each followed by a space; any fact may be left out."""
    parts = []
    for literal, name, spec, _ in Formatter().parse(summary):
        parts += [re.escape(word) + " " for word in normalize(literal).split()]
        if name is not None:
            noun = (spec or "").removeprefix("words").strip()
            said = r"\S+" if kinds[name].family == "number" else r"\D+?"
            parts.append(f"(?:(?P<{name}>{said}) {f'(?:{noun}) ' if '|' in noun else ''})?")
    return "".join(parts)


def _search(event: Event, name: str, forms: dict[str, list[str]], text: str) -> str | None:
    """What a summary of no known form says of a fact: its value, else another one of its kind, else nothing.

    The right value of another fact that is asked for belongs to that one.
    """
    kind = event.kinds[name]
    taken = {way for other in event.asked if other != name for way in forms[other]}
    others = [way for other, ways in forms.items() if event.kinds[other].family == kind.family for way in ways]
    for way in [*forms[name], *others, *map(normalize, kind.known)]:
        if f" {way} " in f" {text} " and (way in forms[name] or way not in taken):
            return way
    return None
