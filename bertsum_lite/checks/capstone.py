"""The capstone's checker: is a predictions file whole, is it honest, does it beat Lead?

In a notebook ``check_predictions("runs/mine", load_corpus("my_corpus", "test"))``; from a shell

    python -m bertsum_lite.checks.capstone my_corpus runs/mine
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bertsum_lite.baselines import lead
from bertsum_lite.corpus import load_corpus, references
from bertsum_lite.evaluation import PREDICTIONS, _digest, paired_bootstrap
from bertsum_lite.oracle import ceiling
from bertsum_lite.rouge import corpus_rouge, tokenize
from bertsum_lite.selection import typical_length
from bertsum_lite.storage import check_folder

SHOWN = 8  # mistakes printed; the rest are counted
LEAKED = 0.2  # share of summaries that may equal a reference: in a formulaic corpus some do
REMEDY = "write the file with bertsum_lite.evaluation.write_predictions"


def check_predictions(place: str | Path, records: Sequence[dict]) -> bool:
    """Print what is wrong with a predictions file, or how good it is; return whether it passes.

    It passes when it has one good summary for each record, the references have not leaked into it, and its mean
    ROUGE-1 is at least that of Lead with as many sentences as an average summary is long.

    Args:
        place: the file, or the folder that ``write_predictions`` made.
        records: the test documents, with their references. Mistakes in the file are printed; nothing is raised.
    """
    file = Path(place) / PREDICTIONS if Path(place).is_dir() else Path(place)
    records = list(records)
    if not records:
        print("✗ there are no records to check the predictions against: load the test split first")
        return False
    mistakes, rows = read(file, records)
    mistakes = mistakes or damage(file) or leaks(file, records, rows)
    if mistakes:
        more = [f"… and {len(mistakes) - SHOWN} more"] if len(mistakes) > SHOWN else []
        print("\n  ".join([f"✗ {file}", *mistakes[:SHOWN], *more]))
        return False
    return scores(file, records, [rows[record["id"]][1] for record in records])


def read(file: Path, records: list[dict]) -> tuple[list[str], dict]:
    """Mistakes of form, each with its line and id, and ``{id: (line, summary)}``."""
    try:
        lines = file.read_bytes().decode("utf-8-sig").split("\n")  # not splitlines: U+2028 may stand in a text
    except UnicodeDecodeError as error:
        return [f"not UTF-8 at byte {error.start}; save it as UTF-8, or {REMEDY}"], {}
    except OSError as error:
        return [f"cannot be read ({error.strerror or error}); {REMEDY}"], {}
    known, rows, mistakes, unread = {record["id"]: record for record in records}, {}, [], 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            unread += 1
            where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            mistakes.append(f"line {number}: not JSON{where}: {line.strip()[:40]!r}; one object a line is wanted")
            continue
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(name, str | int):
            unread += 1
            mistakes.append(
                f'line {number}: want {{"id": …, "document": …, "summary": […]}}, got {line.strip()[:40]!r}'
            )
            continue
        where = f"line {number}, id {name!r}"
        if name not in known:
            mistakes.append(f"{where}: no document has this id; are these the predictions of another split?")
        elif name in rows:
            mistakes.append(f"{where}: the id stands on line {rows[name][0]} already; keep one of the two")
        else:
            rows[name] = number, row.get("summary")
            if wrong := mistake_in(row, known[name]):
                mistakes.append(f"{where}: {wrong}")
    if missing := [name for name in known if name not in rows]:
        some = ", ".join(repr(name) for name in missing[:3]) + (", …" if len(missing) > 3 else "")
        broken = f" ({unread} may be on lines that cannot be read)" if unread else ""
        mistakes.append(f"no summary of {some}: {len(missing)} of {len(known)} documents are missing{broken}")
    return mistakes, rows


def mistake_in(row: dict, record: dict) -> str | None:
    summary = row.get("summary")
    if "summary" not in row:
        return f"the field 'summary' is missing; there are {', '.join(row)}"
    if isinstance(summary, str):
        return "'summary' is one string; make it a list of sentences with bertsum_lite.split_sentences"
    if not isinstance(summary, list) or not all(isinstance(sentence, str) for sentence in summary):
        return f"'summary' must be a list of sentences (strings), got {summary!r:.40}"
    if not tokenize(" ".join(summary)):
        return "the summary is empty; every document gets at least one sentence"
    if row.get("document") != _digest(record):
        return f"'document' is not the digest of this document: another text had this id when it was written; {REMEDY}"
    return None


def damage(file: Path) -> list[str]:
    """Whether the file was changed after ``write_predictions`` had made its folder."""
    try:
        check_folder(file.parent)
    except (OSError, ValueError) as error:
        return [f"changed by hand or in transit ({error}); {REMEDY} again"]
    return []


def leaks(file: Path, records: list[dict], rows: dict) -> list[str]:
    """Summaries that are a reference word for word, where choosing sentences could not have given it."""
    copied = []
    for record in records:
        line, summary = rows[record["id"]]
        told = {tuple(tokenize(" ".join(r))) for r in references(record) if not set(r) <= set(record["document"])}
        if tuple(tokenize(" ".join(summary))) in told:
            copied.append(f"line {line}, id {record['id']!r}")
    if len(copied) <= LEAKED * len(records):
        return []
    return [
        f"{len(copied)} of {len(records)} summaries equal a reference word for word, the first on {copied[0]}: "
        "the references have leaked; let your system see record['document'] and nothing else, and look for test "
        "documents in your training data"
    ]


def scores(file: Path, records: list[dict], summaries: list[list[str]]) -> bool:
    """Print ROUGE of the submission between Lead and the oracle; whether it is at least Lead's."""
    k, golds = typical_length(records), [references(record) for record in records]
    chosen = {
        f"Lead-{k}": [lead(record["document"], k) for record in records],
        "oracle": [ceiling(record["document"], gold, k) for record, gold in zip(records, golds)],
    }
    systems = {n: [[r["document"][i] for i in row] for r, row in zip(records, rows)] for n, rows in chosen.items()}
    results = {name: corpus_rouge(told, golds) for name, told in {"yours": summaries, **systems}.items()}
    first, yours, best = results[f"Lead-{k}"], results["yours"], results["oracle"]
    table = [f"{name:8} {result}" for name, result in results.items()]
    ahead = yours.mean["rouge1"] - first.mean["rouge1"]
    better = ahead >= 0
    print(
        "\n  ".join([f"{'✓' if better else '✗'} {file}: one good summary for each of {len(records)} documents", *table])
    )
    interval = ""
    if len(records) > 1:
        _, low, high = paired_bootstrap(yours.scores[:, 0], first.scores[:, 0])
        interval = f" [{low:+.2f}, {high:+.2f}]"
    print(f"  ROUGE-1 beside Lead-{k}: {ahead:+.2f}{interval}")
    if not better:
        worst = min(range(len(records)), key=lambda i: yours.scores[i, 0] - first.scores[i, 0])
        print(f"  worse than the first {k} sentences, most of all for {records[worst]['id']!r}: read that one first")
    elif yours.mean["rouge1"] > best.mean["rouge1"]:
        print("  above the oracle: a system that writes may be; for one that chooses sentences, look for a leak")
    else:
        gap = best.mean["rouge1"] - first.mean["rouge1"]
        print(
            f"  {ahead / gap:.0%} of the way from Lead to the oracle"
            if gap > 0
            else "  the oracle is no better than Lead"
        )
    return better


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m bertsum_lite.checks.capstone CORPUS PREDICTIONS")
    sys.exit(not check_predictions(sys.argv[2], load_corpus(sys.argv[1], "test").to_list()))
