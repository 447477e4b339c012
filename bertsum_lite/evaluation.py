"""Who is better, and is it luck: outputs kept on disk, scored as often as wanted, compared in pairs (notebook 11)."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from bertsum_lite.corpus import references
from bertsum_lite.rouge import METRICS, RougeResult, corpus_rouge
from bertsum_lite.sentences import clean
from bertsum_lite.storage import check_folder, new_folder

System = Callable[[list[dict]], Sequence[Sequence[str]]]  # records → a summary (list of sentences) for each
Table = dict[str, dict[str, RougeResult]]  # corpus → system → scores
Interval = tuple[float, float, float]  # mean, low, high
PREDICTIONS = "predictions.jsonl"


def evaluate(systems: Mapping[str, System | None], corpora: Mapping[str, Sequence[dict]], folder: str | Path) -> Table:
    """Let every system summarize every corpus once, and score what it wrote: ``table[corpus][system]``.

    What a system says is kept as ``folder/corpus/system/predictions.jsonl``. Where that is, the system is not
    asked again: a changed model wants a new name or a new folder.

    Args:
        systems: name → function from records to summaries, or None where the folder must hold them already.
        corpora: name → records, each with an ``id`` of its own.

    Raises:
        ValueError: if a system answers wrongly, or the folder holds its answers to other documents; says what to do.
        FileNotFoundError: if a system is None and has written nothing.
    """
    table: Table = {corpus: {} for corpus in corpora}
    for corpus, records in ((name, list(rows)) for name, rows in corpora.items()):
        _check_ids(records, corpus)
        for name, system in systems.items():
            if bad := [part for part in (corpus, name) if not part or part != Path(part).name]:
                raise ValueError(f"{bad[0]!r} becomes the name of a folder: it must not be empty, nor hold a slash")
            place = Path(folder) / corpus / name
            if system is not None and not place.exists():
                write_predictions(place, records, system(records))
            table[corpus][name] = corpus_rouge(read_predictions(place, records), list(map(references, records)))
    return table


def write_predictions(place: str | Path, records: Sequence[dict], summaries: Sequence[Sequence[str]]) -> None:
    """Write one line a document, ``{"id", "document": its digest, "summary": [sentence, …]}``: all of them or nothing.

    Raises a ``ValueError`` unless there is one list of sentences for each record.
    """
    if len(summaries) != len(records):
        raise ValueError(f"{place}: {len(summaries)} summaries for {len(records)} documents; want one each, in order")
    for record, summary in zip(records, summaries):
        if isinstance(summary, str) or not all(isinstance(sentence, str) for sentence in summary):
            raise ValueError(f"{place}: summary of {record['id']!r} must be a list of sentences, got {summary!r:.60}")
    rows = ({"id": r["id"], "document": _digest(r), "summary": list(map(clean, s))} for r, s in zip(records, summaries))
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    with new_folder(place) as temporary:
        (temporary / PREDICTIONS).write_text("".join(lines), encoding="utf-8")


def read_predictions(place: str | Path, records: Sequence[dict]) -> list[list[str]]:
    """The summaries that ``write_predictions`` kept for ``records``, in their order.

    Raises a ``FileNotFoundError`` if there are none, a ``ValueError`` if they are damaged or of other documents.
    """
    file = Path(place) / PREDICTIONS
    check_folder(place)  # first: it finishes what an interrupted run has left
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there: give evaluate the system that writes it")
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]  # not splitlines: U+2028 may stand in a text
    rows = {row["id"]: row for row in map(json.loads, lines)}
    remedy = "give evaluate another folder, or remove this one and run the system again"
    if len(rows) != len(records):
        raise ValueError(f"{file} has {len(rows)} summaries for {len(records)} documents; {remedy}")
    if missing := [record["id"] for record in records if record["id"] not in rows]:
        raise ValueError(f"{file} has no summary of {missing[0]!r} ({len(missing)} missing); {remedy}")
    if changed := [r["id"] for r in records if rows[r["id"]]["document"] != _digest(r)]:
        raise ValueError(f"{file} was written for another text of {changed[0]!r} ({len(changed)} differ); {remedy}")
    return [rows[record["id"]]["summary"] for record in records]


def print_table(table: Table, metrics: Sequence[str] = METRICS) -> None:
    """Print the means, a system a row and a corpus a column (``metrics`` in percent, between slashes)."""
    systems = dict.fromkeys(name for column in table.values() for name in column)
    width, first = 2 + max(*map(len, table), 6 * len(metrics) - 1), max(map(len, systems))
    for head in (list(table), [f"n={next(iter(column.values())).n}" for column in table.values()]):
        print(" " * first + "".join(f"{text:>{width}}" for text in head))
    for name in systems:
        means = [column[name].mean if name in column else {} for column in table.values()]
        cells = ["/".join(f"{mean[metric]:.2f}" for metric in metrics) if mean else "–" for mean in means]
        print(f"{name:{first}}" + "".join(f"{cell:>{width}}" for cell in cells))


def paired_permutation(a: Sequence[float], b: Sequence[float], resamples: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value of the mean difference of two systems on the same documents.

    If the systems were equal, which of a document's two scores is whose would be a coin flip: flip each difference's
    sign at random, and count how often the mean comes out as far from 0 as ours. The + 1 counts ours among them: a
    p-value is never 0, and at 5 % no more than 5 % of equal systems are called different (Phipson & Smyth 2010).
    The scores, (documents,) each, may be of any measure.
    """
    difference, extreme, left = differences(a, b), 0, resamples  # (documents,)
    generator = np.random.default_rng(seed)
    bar = abs(difference.sum()) * (1 - 1e-12)  # a sum that is equal but for rounding counts as equal
    while left:
        rows = min(left, 1 + 1_000_000 // len(difference))  # bounds the memory
        signs = generator.integers(2, size=(rows, len(difference)), dtype=np.int8) * 2 - 1  # (resamples, documents)
        extreme += int((abs(signs @ difference) >= bar).sum())
        left -= rows
    return (extreme + 1) / (resamples + 1)


def paired_bootstrap(a: Sequence[float], b: Sequence[float], resamples: int = 10_000, seed: int = 0) -> Interval:
    """Mean of a − b over documents and its 95 % interval, in the scores' unit (percentile bootstrap).

    Documents are resampled with replacement, both systems' scores together; arguments and errors as above.
    """
    difference, generator = differences(a, b), np.random.default_rng(seed)
    means = [generator.choice(difference, len(difference)).mean() for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(difference.mean()), float(low), float(high)


def differences(a: Sequence[float], b: Sequence[float]) -> np.ndarray:
    """a − b, (documents,); a ``ValueError`` says why two systems' scores cannot be paired."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(f"want two systems' scores, one a document, of 2 documents or more; got {a.shape}, {b.shape}")
    if not np.isfinite(a - b).all():
        raise ValueError(f"document {int(np.argmin(np.isfinite(a - b))) + 1} has a score that is not a number")
    return a - b


def _check_ids(records: list[dict], corpus: str) -> None:
    if not records:
        raise ValueError(f"corpus {corpus!r} is empty: there is nothing to summarize")
    ids = [record.get("id") for record in records]
    if None in ids:
        raise ValueError(f"corpus {corpus!r}: document {ids.index(None) + 1} has no 'id'; load_corpus gives each one")
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise ValueError(f"corpus {corpus!r}: the id {twice!r} occurs more than once; ids must differ")


def _digest(record: dict) -> str:
    """Tells two documents apart whose ids are the same, line numbers for instance."""
    return hashlib.sha256("\n".join(record["document"]).encode("utf-8", "surrogatepass")).hexdigest()[:16]
