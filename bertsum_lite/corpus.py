"""Corpora by name: bundled, from the Hub, or your own files (notebook 04); what a record is, ``records`` says."""

import glob
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import truediv
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import regex

from bertsum_lite.baselines import lead
from bertsum_lite.oracle import ceiling, ngrams
from bertsum_lite.records import ENDINGS, check_record, data_folder, read_records, references
from bertsum_lite.rouge import METRICS, corpus_rouge, tokenize
from bertsum_lite.selection import typical_length
from bertsum_lite.sentences import UNSPACED, split_sentences

if TYPE_CHECKING:
    import pyarrow
    from datasets import Dataset

BUNDLED = ("harbour", "harbour-zh", "tinynews")


@dataclass(frozen=True)
class HubCorpus:
    """Where a corpus lies on the Hub and how a row of it becomes a record.

    Attributes:
        files: pattern of a split's files; read directly, because ``datasets`` ≥ 4 runs no loading scripts.
        revision: branch or reference of the repository.
        record: makes a record of a row.
    """

    repository: str
    files: str
    revision: str
    record: Callable[[dict], dict]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _cnn_dailymail(row: dict) -> dict:
    return {"id": row["id"], "document": split_sentences(row["article"]), "summary": _lines(row["highlights"])}


def _xsum(row: dict) -> dict:
    document = [sentence for line in _lines(row["document"]) for sentence in split_sentences(line)]
    return {"id": row["id"], "document": document, "summary": [row["summary"]]}


def _scitldr(row: dict) -> dict:
    summaries = [[target] for target in row["target"]]
    return {"id": row["paper_id"], "document": row["source"], "summary": summaries[0], "references": summaries}


def _dialogsum(row: dict) -> dict:
    return {"id": row["id"], "document": _lines(row["dialogue"]), "summary": split_sentences(row["summary"])}


CONVERTED = "refs/convert/parquet"  # the Hub's own conversion of repositories that hold a loading script
HUB = {
    "cnn_dailymail": HubCorpus("abisee/cnn_dailymail", "3.0.0/{split}-*.parquet", "main", _cnn_dailymail),
    "xsum": HubCorpus("EdinburghNLP/xsum", "default/{split}/*.parquet", CONVERTED, _xsum),
    "scitldr": HubCorpus("allenai/scitldr", "Abstract/{split}/*.parquet", CONVERTED, _scitldr),
    "dialogsum": HubCorpus("knkarthick/dialogsum", "{split}.csv", "main", _dialogsum),
}


def load_corpus(
    name_or_path: str | os.PathLike,
    split: str = "train",
    size: int | None = None,
    seed: int = 0,
    *,
    text_column: str | None = None,
    summary_column: str | None = None,
    language: str = "en",
) -> "Dataset":
    """Load one split of a corpus as a ``datasets.Dataset`` of records.

    Args:
        name_or_path: a bundled name (``harbour``, ``harbour-zh``, ``tinynews``), a Hub name
            (``cnn_dailymail``, ``xsum``, ``scitldr``, ``dialogsum``), a JSONL, JSON, CSV, TSV or Parquet
            file (``split`` is then not used), or a folder with ``train.jsonl`` and the like.
            Names are looked up first in the folder that the environment variable ``BERTSUM_DATA`` points
            to, laid out as ``scitldr/train.jsonl`` or as the Hub lays it (``allenai/scitldr/…``).
        split: ``train``, ``validation`` or ``test``; ``tinynews`` also has ``test_unseen``.
        size: the first so many documents; of ``tinynews``, as many as you like.
        seed: of ``tinynews``: another one gives other documents.
        text_column, summary_column, language: of a file, as in ``records.read_records``.

    Raises:
        ValueError: if a record of the file is not one (naming file and line), if there is none, or if a field has
            values of several types.
        OSError: if it is neither here nor reachable, saying what to do.
    """
    name = str(name_or_path)
    if name in HUB and not _find(name, split):
        _check_arguments(name, size, text_column, summary_column)
        rows = _hub_rows(name, split)
        rows = rows if size is None else rows.select(range(min(size, len(rows))))
        options = {"with_indices": True, "fn_kwargs": {"name": name}, "remove_columns": rows.column_names}
        return rows.map(_hub_record, desc=f"reading {name}", **options)  # map keeps its result on disk
    columns = {"text_column": text_column, "summary_column": summary_column, "language": language}
    return _dataset(list(stream_corpus(name, split, size, seed, **columns)))


def stream_corpus(
    name_or_path: str | os.PathLike,
    split: str = "train",
    size: int | None = None,
    seed: int = 0,
    *,
    text_column: str | None = None,
    summary_column: str | None = None,
    language: str = "en",
    summaries: bool = True,
) -> Iterator[dict]:
    """The records of ``load_corpus``, one at a time: a corpus of any length needs no more memory.

    A row that is no record is found when it is reached, and one beyond ``size`` never.
    The arguments are those of ``load_corpus``; without ``summaries``, the records of a file need none.
    """
    name = str(name_or_path)
    path = None if name == "tinynews" else _find(name, split)
    _check_arguments(name if path is None else None, size, text_column, summary_column)
    if name == "tinynews":
        from bertsum_lite.tinynews import generate

        return generate(split, size, seed)
    if path:
        columns = {"text_column": text_column, "summary_column": summary_column}
        return islice(read_records(path, **columns, language=language, summaries=summaries), size)
    return (_hub_record(row, index, name) for index, row in enumerate(islice(_hub_rows(name, split), size)))


def _check_arguments(name: str | None, size: int | None, text_column: str | None, summary_column: str | None) -> None:
    """``name`` is None for a file."""
    if size is not None and size < 1:
        raise ValueError(f"size is a number of documents and must be at least 1, got {size}")
    if name and (text_column or summary_column):
        raise ValueError(f"--text-column and --summary-column are for files; the columns of {name} are known")


def _dataset(records: list[dict]) -> "Dataset":
    """A dataset with all fields of all records; None where a record lacks one."""
    import pyarrow
    from datasets import Dataset
    from datasets.table import InMemoryTable

    fields = dict.fromkeys(field for record in records for field in record)
    return Dataset(InMemoryTable(pyarrow.table({field: _column(field, records) for field in fields})))


def _column(field: str, records: list[dict]) -> "pyarrow.Array":
    """One field of all records; a ``ValueError`` names two places where they differ in type."""
    import pyarrow

    values = [record.get(field) for record in records]

    def fails(count: int) -> Exception | None:
        """Why the first ``count`` values do not go into one column."""
        try:
            pyarrow.array(values[:count])
        except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
            return error
        return None

    if error := fails(len(values)):
        last = bisect_left(range(len(values)), True, key=lambda index: bool(fails(index + 1)))
        first = next(index for index, value in enumerate(values) if value is not None)
        places = [f"{values[i]!r:.60} in record {records[i]['id']!r}" for i in sorted({first, last})]
        raise ValueError(
            f"a Dataset cannot hold the field {field!r}, {' and '.join(places)}: {error}; give it one type or remove it"
        ) from error
    return pyarrow.array(values)


def _local() -> Path | None:
    return Path(os.environ["BERTSUM_DATA"]) if os.environ.get("BERTSUM_DATA") else None


def _find(name: str, split: str) -> Path | None:
    """The file of a split; None where it lies on the Hub."""
    local = _local()
    if name in BUNDLED:
        return _split_file(data_folder() / name, split)
    if name in HUB:
        return _split_file(local / name, split) if local and (local / name).is_dir() else None
    if Path(name).is_dir():
        return _split_file(Path(name), split)
    if Path(name).is_file():
        return Path(name)
    if local and (local / name).is_dir():
        return _split_file(local / name, split)
    known = ", ".join([*BUNDLED, *HUB])
    raise FileNotFoundError(f"no corpus {name!r}: not a file or folder here, and not one of {known}")


def _split_file(folder: Path, split: str) -> Path:
    files = [folder / f"{split}{ending}" for ending in ENDINGS if (folder / f"{split}{ending}").is_file()]
    if len(files) > 1:
        names = " and ".join(file.name for file in files)
        raise ValueError(f"{folder} holds {names}: remove all but one, or give the path of the one that you mean")
    if files:
        return files[0]
    there = ", ".join(sorted(file.name for file in folder.iterdir())) if folder.is_dir() else "nothing"
    raise FileNotFoundError(f"no {split}.jsonl, {split}.csv or the like in {folder}; it holds {there}")


def describe(
    name_or_path: str | os.PathLike, split: str = "test", k: int | None = None, size: int | None = None
) -> list[dict]:
    """Print what a split is like, and return the same as one dictionary a row: all of it, then each domain.

    Means over documents: sentences, words, words of the summary, compression (words to summary
    words), share of the summary's bigrams that the document lacks (%), ROUGE-1/2/L of the first
    ``k`` sentences and of the best ``k`` that greedy search finds for any of the references.

    Args:
        k: default: as many average sentences as make an average summary.
    """
    records = load_corpus(name_or_path, split, size).to_list()
    domains = sorted({record.get("domain") or "" for record in records})
    rows = [_describe(records, "all", k)]
    if len(domains) > 1:
        rows += [_describe([r for r in records if (r.get("domain") or "") == d], d, k) for d in domains]
    print(f"{name_or_path}, {split}")
    head = ["domain", "documents", "sentences", "words", "summary", "compression", "novel %", "k"]
    print("".join(f"{name:>12}" for name in head), f"{'lead R1/R2/RL':>18} {'oracle R1/R2/RL':>18}")
    for row in rows:
        cells = [f"{row[name]:.1f}" if isinstance(row[name], float) else row[name] for name in head]
        scores = ["/".join(f"{row[name][metric]:.2f}" for metric in METRICS) for name in ("lead", "oracle")]
        print("".join(f"{cell:>12}" for cell in cells), "".join(f"{score:>19}" for score in scores))
    return rows


def _describe(records: list[dict], domain: str, k: int | None) -> dict:
    k = k or typical_length(records)
    documents, summaries = [r["document"] for r in records], [r["summary"] for r in records]
    words = [_words(" ".join(document)) for document in documents]
    short = [_words(" ".join(summary)) for summary in summaries]

    def score(extracts: list[list[int]]) -> dict[str, float]:
        chosen = [[document[i] for i in sorted(extract)] for document, extract in zip(documents, extracts)]
        return corpus_rouge(chosen, [references(record) for record in records]).mean

    return {
        "domain": domain,
        "documents": len(records),
        "sentences": fmean(map(len, documents)),
        "words": fmean(words),
        "summary": fmean(short),
        "compression": fmean(map(truediv, words, short)),
        "novel %": 100 * fmean(map(novel_bigrams, documents, summaries)),
        "k": k,
        "lead": score([lead(document, k) for document in documents]),
        "oracle": score([ceiling(record["document"], references(record), k) for record in records]),
    }


def _words(text: str) -> int:
    """Words between blanks; in scripts without blanks, characters."""
    return len(regex.sub(rf"(?<=[{UNSPACED}])(?=[{UNSPACED}])", " ", text).split())


def novel_bigrams(document: Sequence[str], summary: Sequence[str]) -> float:
    """The share of the summary's bigrams that no sentence of the document has, between 0 and 1."""
    known = set().union(*(ngrams(tokenize(sentence), 2) for sentence in document))
    own = set().union(*(ngrams(tokenize(sentence), 2) for sentence in summary))
    return len(own - known) / max(len(own), 1)


def _hub_rows(name: str, split: str) -> "Dataset":
    """A split as the Hub has it."""
    from datasets import load_dataset

    corpus, local = HUB[name], _local()
    pattern = corpus.files.format(split=split)
    try:
        if local and (local / corpus.repository).is_dir():
            files = [glob.escape(str(file)) for file in sorted((local / corpus.repository).glob(pattern))]
            if not files:
                raise FileNotFoundError(f"there is no {pattern} in {local / corpus.repository}")
            kind = "csv" if pattern.endswith(".csv") else "parquet"
            return load_dataset(kind, data_files={split: files}, split=split)
        return load_dataset(corpus.repository, revision=corpus.revision, data_files={split: pattern}, split=split)
    except (OSError, ValueError) as error:  # datasets raises either when it cannot reach the Hub
        raise OSError(
            f"could not load {name} ({corpus.repository} at {corpus.revision}): {error}\n"
            f"Without a network, put its files under $BERTSUM_DATA/{name}/{split}.jsonl "
            f"or $BERTSUM_DATA/{corpus.repository}/"
        ) from error


def _hub_record(row: dict, index: int, name: str) -> dict:
    record = HUB[name].record(row)
    check_record(record, f"{name}, row {index + 1}")
    return record
