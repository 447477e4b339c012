"""Documents with summaries: bundled, from the Hub, or your own file (notebook 04).

Everywhere one record: ``{"id", "document": [sentence, …], "summary": [sentence, …]}`` and, where
present, ``"references"`` (list of summaries), ``"title"``, ``"domain"``, ``"language"``, ``"facts"``
(``tinynews`` only).
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import truediv
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import regex

from bertsum_lite.baselines import lead
from bertsum_lite.oracle import greedy_oracle, ngrams
from bertsum_lite.rouge import METRICS, corpus_rouge, tokenize
from bertsum_lite.selection import typical_length
from bertsum_lite.sentences import UNSPACED, split_sentences

if TYPE_CHECKING:
    from datasets import Dataset

BUNDLED = ("harbour", "harbour-zh", "tinynews")
SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")


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


def data_folder() -> Path:
    """The folder of the bundled corpora: inside an installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    return here / "data" if (here / "data").is_dir() else here.parent / "data"


def load_corpus(
    name_or_path: str | os.PathLike, split: str = "train", size: int | None = None, seed: int = 0
) -> "Dataset":
    """Load one split of a corpus as a ``datasets.Dataset`` of records.

    Args:
        name_or_path: a bundled name (``harbour``, ``harbour-zh``, ``tinynews``), a Hub name
            (``cnn_dailymail``, ``xsum``, ``scitldr``, ``dialogsum``), a ``.jsonl``, ``.jsonl.gz`` or
            ``.parquet`` file (``split`` is then not used), or a folder with ``train.jsonl`` and the like.
            Names are looked up first in the folder that the environment variable ``BERTSUM_DATA`` points
            to, laid out as ``scitldr/train.jsonl`` or as the Hub lays it (``allenai/scitldr/…``).
        split: ``train``, ``validation`` or ``test``; ``tinynews`` also has ``test_unseen``.
        size: the first so many documents; of ``tinynews``, as many as you like.
        seed: of ``tinynews``: another one gives other documents.

    Raises:
        ValueError: if a line is not a record (naming file and line), or there is nothing in the file.
        OSError: if it is neither here nor reachable, saying what to do.
    """
    if size is not None and size < 1:
        raise ValueError(f"size is a number of documents and must be at least 1, got {size}")
    name = str(name_or_path)
    if name == "tinynews":
        from datasets import Dataset

        return Dataset.from_list(list(stream_corpus(name, split, size, seed)))
    path = _find(name, split)
    dataset = _from_file(path) if path else _from_hub(name, split, _local())
    return dataset if size is None else dataset.select(range(min(size, len(dataset))))


def stream_corpus(
    name_or_path: str | os.PathLike, split: str = "train", size: int | None = None, seed: int = 0
) -> Iterator[dict]:
    """The records of ``load_corpus``, one at a time: ``tinynews`` and JSONL of any length need no more memory.

    A line that is no record is found when it is reached. The arguments are those of ``load_corpus``.
    """
    if str(name_or_path) == "tinynews":
        from bertsum_lite.tinynews import generate

        return generate(split, size, seed)
    path = _find(str(name_or_path), split)
    if path and not path.name.endswith(".parquet"):
        return islice(read_jsonl(path), size)
    return iter(load_corpus(name_or_path, split, size))


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
    for suffix in SUFFIXES:
        if (folder / f"{split}{suffix}").is_file():
            return folder / f"{split}{suffix}"
    there = ", ".join(sorted(file.name for file in folder.iterdir())) if folder.is_dir() else "nothing"
    raise FileNotFoundError(f"no {split}.jsonl, {split}.jsonl.gz or {split}.parquet in {folder}; it holds {there}")


def _from_file(path: Path) -> "Dataset":
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    if path.name.endswith(".parquet"):
        dataset = Dataset.from_parquet(str(path))
        for number, row in enumerate(dataset, start=1):
            check_record(row, f"{path}, row {number}")
        return dataset
    return Dataset.from_list(list(read_jsonl(path)))


def read_jsonl(path: Path) -> Iterator[dict]:
    """Yield the records of a JSONL file, plain or gzipped; a BOM and Windows line ends are fine.

    A record without an ``id`` gets its line number.

    Raises:
        ValueError: naming file and line, if a line is not UTF-8, not JSON, or not a record, or if there is none.
    """
    empty = True
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as stream:
        for number, raw in enumerate(stream, start=1):
            where = f"{path}, line {number}"
            try:
                line = raw.decode("utf-8-sig").strip()
                record = json.loads(line) if line else None
            except UnicodeDecodeError as error:
                raise ValueError(f"{where}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
            except json.JSONDecodeError as error:
                raise ValueError(f"{where}: not JSON: {error.msg} at column {error.colno}") from error
            if record is None:
                continue
            check_record(record, where)
            empty = False
            yield {"id": str(number), **record}
    if empty:
        raise ValueError(f"{path} holds no records: it is empty or has blank lines only")


def check_record(record: dict, where: str) -> None:
    """Raise a ``ValueError`` that names ``where`` unless ``record`` has the course's format."""
    if not isinstance(record, dict):
        raise ValueError(f'{where}: want an object like {{"document": […], "summary": […]}}, got {record!r:.60}')
    for field in ("document", "summary"):
        if field not in record:
            raise ValueError(f"{where}: the field {field!r} is missing; there are {', '.join(record) or 'none'}")
        _check_sentences(record[field], f"{where}: {field!r}")
    if record.get("references") is not None:
        if not isinstance(record["references"], list) or not record["references"]:
            raise ValueError(f"{where}: 'references' must be a list of summaries, each a list of sentences")
        for reference in record["references"]:
            _check_sentences(reference, f"{where}: a reference")


def _check_sentences(value: object, what: str) -> None:
    if isinstance(value, str):
        raise ValueError(f"{what} is one string; make it a list of sentences with bertsum_lite.split_sentences")
    if not isinstance(value, list) or not all(isinstance(sentence, str) for sentence in value):
        raise ValueError(f"{what} must be a list of sentences (strings), got {value!r:.60}")
    if not any(sentence.strip() for sentence in value):
        raise ValueError(f"{what} has no sentence with any text")


def references(record: dict) -> list[list[str]]:
    """A record's reference summaries: ``references`` where it has them, else its one ``summary``."""
    return record.get("references") or [record["summary"]]


def describe(
    name_or_path: str | os.PathLike, split: str = "test", k: int | None = None, size: int | None = None
) -> list[dict]:
    """Print what a split is like, and return the same as one dictionary a row: all of it, then each domain.

    Means over documents: sentences, words, words of the summary, compression (words to summary
    words), share of the summary's bigrams that the document lacks (%), ROUGE-1/2/L of the first
    ``k`` sentences and of the greedy oracle's ``k``.

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
        "oracle": score([greedy_oracle(d, s, k) for d, s in zip(documents, summaries)]),
    }


def _words(text: str) -> int:
    """Words between blanks; in scripts without blanks, characters."""
    return len(regex.sub(rf"(?<=[{UNSPACED}])(?=[{UNSPACED}])", " ", text).split())


def novel_bigrams(document: Sequence[str], summary: Sequence[str]) -> float:
    """The share of the summary's bigrams that no sentence of the document has, between 0 and 1."""
    known = set().union(*(ngrams(tokenize(sentence), 2) for sentence in document))
    own = set().union(*(ngrams(tokenize(sentence), 2) for sentence in summary))
    return len(own - known) / max(len(own), 1)


def _from_hub(name: str, split: str, local: Path | None) -> "Dataset":
    from datasets import load_dataset

    corpus = HUB[name]
    source, revision = corpus.repository, corpus.revision
    if local and (local / source).is_dir():
        source, revision = str(local / source), None
    try:
        files = {split: corpus.files.format(split=split)}
        rows = load_dataset(source, revision=revision, data_files=files, split=split)
    except (OSError, ValueError) as error:  # datasets raises either when it cannot reach the Hub
        raise OSError(
            f"could not load {name} ({corpus.repository} at {corpus.revision}): {error}\n"
            f"Without a network, put its files under $BERTSUM_DATA/{name}/{split}.jsonl "
            f"or $BERTSUM_DATA/{corpus.repository}/"
        ) from error
    return rows.map(corpus.record, remove_columns=rows.column_names, desc=f"reading {name}")
