"""Summaries of a whole file: in order, a few documents at a time, and resumed where a run was cut off.

While it is at work, the rows stand in a hidden file beside the output, and a journal says how far they go.
The output itself appears at the end, whole.
"""

import ctypes
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

CHUNK = 64  # documents; a resumed run forms the same batches, so it gives the same summaries to the last digit


def chunks(records: Iterable[dict], size: int = CHUNK) -> Iterator[list[dict]]:
    """Lists of ``size`` records, the last one shorter."""
    records = iter(records)
    while chunk := list(islice(records, size)):
        yield chunk


def steady_memory() -> None:
    """Ask glibc to give freed tensors back to the system at once.

    Else it keeps the holes that tensors of many sizes leave, and a process that works for hours grows and grows.
    """
    mmap_threshold = -3  # M_MMAP_THRESHOLD in malloc.h
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(mmap_threshold, 2**20)


def write_rows(
    output: Path,
    records: Iterable[dict],
    answer: Callable[[list[dict]], list[dict]],
    settings: dict,
) -> None:
    """Write ``answer(chunk)``, one JSON object per record and line, to ``output``.

    Run again with the same arguments after an interruption, it goes on after the last chunk that was finished.

    Args:
        records: each with an ``id`` and a ``document``.
        settings: what the answers depend on, besides the records.

    Raises:
        ValueError: if ``output`` exists, or an interrupted run had other settings or other records; says what to do.
        OSError: if it cannot be written, on a full disk for instance; what is done is kept.
    """
    if output.exists():
        raise ValueError(f"{output} is there already; choose another --output, or remove it")
    part, journal = (output.with_name(f".{output.name}.{kind}") for kind in ("part", "journal"))
    try:
        _write(part, journal, records, answer, settings)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"{output} is not finished: {reason}. What is done is kept; the same command goes on") from error
    os.replace(part, output)
    journal.unlink()


def _write(part: Path, journal: Path, records: Iterable[dict], answer: Callable, settings: dict) -> None:
    """The rows that are still missing in ``part``, chunk by chunk."""
    done = _resume(part, journal, settings)
    number = -1
    with open(part, "ab") as rows, open(journal, "ab") as notes:
        if not done:
            _note(notes, settings)
        for number, chunk in enumerate(chunks(records)):
            digest = hashlib.sha256(json.dumps([(r["id"], r["document"]) for r in chunk]).encode()).hexdigest()
            if number < len(done):
                if done[number]["digest"] != digest:
                    first = number * CHUNK + 1
                    raise ValueError(
                        f"documents {first} to {first + len(chunk) - 1} are not those of the run that was interrupted; "
                        f"remove {part} to begin again"
                    )
                continue
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in answer(chunk))
            rows.write(lines.encode("utf-8", "backslashreplace"))  # a lone surrogate becomes its JSON escape
            rows.flush()
            _note(notes, {"digest": digest, "bytes": rows.tell()})
    if number + 1 < len(done):
        raise ValueError(f"there are fewer documents than when the run was interrupted; remove {part} to begin again")


def _note(journal, line: dict) -> None:
    journal.write(json.dumps(line).encode() + b"\n")
    journal.flush()


def _resume(part: Path, journal: Path, settings: dict) -> list[dict]:
    """The notes on the chunks that are finished; what comes after them is cut off."""
    if not (part.exists() and journal.exists()):
        part.unlink(missing_ok=True)
        journal.unlink(missing_ok=True)
        return []
    raw = journal.read_bytes().splitlines(keepends=True)
    lines = [json.loads(line) for line in raw if line.endswith(b"\n")]  # the last may be half a line
    differences = [
        f"{name} was {lines[0].get(name)!r} and is {settings.get(name)!r}"
        for name in (lines[0].keys() | settings.keys() if lines else ())
        if lines[0].get(name) != settings.get(name)
    ]
    if differences:
        raise ValueError(
            f"an interrupted run left {part} with other settings ({'; '.join(sorted(differences))}); "
            "repeat that command to finish it, or remove the file to begin again"
        )
    size = part.stat().st_size
    done = [note for note in lines[1:] if note["bytes"] <= size]
    os.truncate(part, done[-1]["bytes"] if done else 0)
    os.truncate(journal, sum(map(len, raw[: len(done) + 1])) if done else 0)  # needs no room on a full disk
    return done
