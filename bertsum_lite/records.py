"""Records: documents with their summaries, read from files of the usual formats and checked (notebook 04).

Everywhere one record: ``{"id", "document": [sentence, …], "summary": [sentence, …]}`` and, where
present, ``"references"`` (list of summaries), ``"title"``, ``"domain"``, ``"language"``, ``"highlights"``
(indices of the sentences that people marked), ``"facts"`` (``tinynews`` only), and whatever else a file holds.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bertsum_lite.sentences import split_sentences

# The usual names; the first one that a record has is taken.
TEXT_COLUMNS = ("document", "article", "text", "dialogue")
SUMMARY_COLUMNS = ("summary", "highlights")
ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")

Row = tuple[int, str, object]  # its line or number, where it lies (for messages), what the file holds there

BLOCK = 2**16
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)  # what reading a damaged .gz raises


def data_folder() -> Path:
    """The folder of the bundled corpora: inside an installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    return here / "data" if (here / "data").is_dir() else here.parent / "data"


def references(record: dict) -> list[list[str]]:
    """A record's reference summaries: ``references`` where it has them, else its one ``summary``."""
    return record.get("references") or [record["summary"]]


# From a row to a record ---------------------------------------------------------------------------


def read_records(
    path: str | Path,
    *,
    text_column: str | None = None,
    summary_column: str | None = None,
    language: str = "en",
    summaries: bool = True,
) -> Iterator[dict]:
    """Yield the records of a file, one at a time: a file of any size needs little more memory than its longest record.

    A text is split into sentences, a dialogue into its turns; a list of sentences stays as it is. Both get
    the course's names; all other fields stay. A missing ``id`` becomes the line (JSONL, CSV, TSV) or the
    number (JSON array, Parquet) of the record.

    Args:
        path: a file with one of ``ENDINGS``. ``.json`` and ``.jsonl`` hold one array, or one object per line.
        text_column: the field with the text; default: the first of ``TEXT_COLUMNS`` that the record has.
        summary_column: the field with the summary; default: the first of ``SUMMARY_COLUMNS``.
        language: of the texts, for sentence splitting; a record's own ``language`` takes precedence.
        summaries: whether every record must have a summary.

    Raises:
        ValueError: naming file and line, if the file is damaged or a record is not one; says what to do.
        OSError: if the file cannot be read.
    """
    empty = True
    for number, where, row in _rows(Path(path)):
        record = _record(row, where, text_column, summary_column, language, summaries)
        if record.get("id") in (None, ""):
            record["id"] = number
        empty = False
        yield {**record, "id": str(record["id"])}
    if empty:
        raise ValueError(f"{path} holds no records: it is empty or has blank lines only")


def _record(
    row: object, where: str, text_column: str | None, summary_column: str | None, language: str, summaries: bool
) -> dict:
    """The record of a row: text and summary as sentences under the course's names, all else unchanged."""
    if not isinstance(row, dict):
        raise ValueError(f'{where}: want an object like {{"document": …, "summary": …}}, got {row!r:.60}')
    text = text_column or next((name for name in TEXT_COLUMNS if name in row), None)
    if text not in row:
        raise _no_column(row, where, "text", text, TEXT_COLUMNS)
    summary = summary_column or next(
        (name for name in SUMMARY_COLUMNS if name != text and _is_summary(row, name)), None
    )
    if summary not in row and (summaries or summary_column):
        raise _no_column(row, where, "summary", summary, SUMMARY_COLUMNS)
    if text == summary:
        raise ValueError(f"{where}: {text!r} cannot be both the text and its summary; name two columns")
    names = {text: "document", summary: "summary"}
    for column, name in names.items():
        if name in row and name not in names:
            raise ValueError(f"{where}: {column!r} would replace the field {name!r}; rename or remove one of the two")
    language = row.get("language") or language
    if not isinstance(language, str):
        raise ValueError(f"{where}: 'language' must be a code such as 'en', got {language!r:.60}")
    record = {"id": None, **{names.get(field, field): value for field, value in row.items()}}
    record["document"] = _document(row[text], f"{where}: {text!r}", language, dialogue=text == "dialogue")
    if summaries or row.get(summary):
        record["summary"] = _summary(row[summary], f"{where}: {summary!r}", language)
    else:
        record.pop("summary", None)
    _check_references(record, where)
    return record


def _is_summary(row: dict, name: str) -> bool:
    """Whether a row has this field as a summary: ``highlights`` may also be the indices of marked sentences."""
    return name in row and (name != "highlights" or isinstance(row[name], str))


def _no_column(row: dict, where: str, what: str, name: str | None, usual: tuple[str, ...]) -> ValueError:
    there = ", ".join(f"{field:.40}" for field in row) or "none"
    wanted = f"no field {name!r}" if name else f"no {what} (a field {' or '.join(usual)})"
    return ValueError(f"{where}: {wanted}; there are {there}; name the right one with --{what}-column")


def _document(value: object, what: str, language: str, dialogue: bool) -> list[str]:
    if isinstance(value, str):
        turns = [line.strip() for line in value.splitlines() if line.strip()] if dialogue else []
        sentences = turns if len(turns) > 1 else split_sentences(value, language)
    else:
        sentences = value
    _check_document(sentences, what)
    return sentences


def _summary(value: object, what: str, language: str) -> list[str]:
    if isinstance(value, str):
        value = [sentence for line in value.splitlines() for sentence in split_sentences(line, language)]
    _check_sentences(value, what)
    return value


# Checks -------------------------------------------------------------------------------------------


def check_record(record: dict, where: str) -> None:
    """Raise a ``ValueError`` that names ``where`` unless ``record`` has the course's format."""
    if not isinstance(record, dict):
        raise ValueError(f'{where}: want an object like {{"document": […], "summary": […]}}, got {record!r:.60}')
    for field in ("document", "summary"):
        if field not in record:
            raise ValueError(f"{where}: the field {field!r} is missing; there are {', '.join(record) or 'none'}")
        check = _check_document if field == "document" else _check_sentences
        check(record[field], f"{where}: {field!r}")
    _check_references(record, where)


def _check_references(record: dict, where: str) -> None:
    if record.get("references") is None:
        return
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


def _check_document(value: object, what: str) -> None:
    """A document needs a letter or a digit, or no sentence has a score; a summary may be an e-mail's subject, "???"."""
    _check_sentences(value, what)
    if not any(character.isalnum() for sentence in value for character in sentence):
        raise ValueError(f"{what} has no sentence with a letter or a digit, got {value!r:.60}; leave this record out")


# From a file to rows ------------------------------------------------------------------------------


def _rows(path: Path) -> Iterator[Row]:
    """The rows of a file of any format."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name one of its files")
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending in (".jsonl", ".json"):
        return _json_array(path) if _first_character(path) == "[" else _json_lines(path)
    if ending in (".csv", ".tsv"):
        return _table(path, "," if ending == ".csv" else "\t")
    if ending == ".parquet":
        return _parquet(path)
    raise ValueError(f"{path}: cannot read this kind of file; its name must end in one of {', '.join(ENDINGS)}")


@contextmanager
def _open(path: Path) -> Iterator[io.TextIOWrapper]:
    """Open a text, packed or not, at whatever its name says: browsers unpack some downloads and not others.

    Bytes that are not UTF-8 become lone surrogates, which valid UTF-8 cannot hold: ``_check_utf8`` names them
    when they are reached, and not when a block that holds them is read ahead.
    """
    with open(path, "rb") as file:
        packed = _check_start(file, path)
        stream = gzip.GzipFile(fileobj=file) if packed else file
        try:
            yield io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
        except DAMAGE as error:
            line = _whole_lines(path)
            raise ValueError(f"{path} breaks off after line {line} ({error}); download it again") from error


def _check_start(file: io.BufferedReader, path: Path) -> bool:
    """Raise a ``ValueError`` if the file is plainly something else; return whether it is packed with gzip."""
    start = file.read(BLOCK)
    file.seek(0)
    if not start:
        raise ValueError(f"{path} is empty")
    if start.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a Git LFS pointer and not the file itself: run `git lfs pull`")
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise ValueError(f"{path} is an HTML or XML page, probably an error message; download the file again")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{path} is UTF-16 and not UTF-8; convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW")
    return start.startswith(b"\x1f\x8b")


def _whole_lines(path: Path) -> int:
    """How many lines of a damaged ``.gz`` can be read."""
    count = 0
    with gzip.open(path) as stream, suppress(*DAMAGE):
        for _ in stream:
            count += 1
    return count


def _first_character(path: Path) -> str:
    """The first visible character of a text; empty if there is none."""
    with _open(path) as stream:
        while block := stream.read(BLOCK):
            if block.strip():
                return block.lstrip()[0]
    return ""


def _check_utf8(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        place, byte = len(text[: error.start].encode()) + 1, ord(text[error.start]) - 0xDC00
        raise ValueError(
            f"{where}, byte {place}: not UTF-8 (0x{byte:02X}); convert the file, if it is Latin-1 with: "
            "iconv -f LATIN1 -t UTF-8 OLD > NEW"
        ) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value; write null")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _json_lines(path: Path) -> Iterator[Row]:
    """One object per line; blank lines are passed over."""
    with _open(path) as stream:
        for number, line in enumerate(stream, start=1):
            where = f"{path}, line {number}"
            _check_utf8(line, where)
            if not line.strip():
                continue
            try:
                yield number, where, _DECODER.decode(line)
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"{where}: not JSON: {error.msg} at column {error.colno}; want one object per line, or one array"
                ) from error
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{where}: not JSON: {error}") from error


def _json_array(path: Path) -> Iterator[Row]:
    """The elements of an array, each decoded as soon as it has been read to its end."""
    text, at, line, number = "", 0, 1, 0  # `at`: the first character not yet used; `line`: the line it is on
    with _open(path) as stream:
        while True:
            mark = _MARK.match(text, at)
            try:
                if mark is None or mark[1].startswith("[") != (number == 0):
                    raise json.JSONDecodeError("expecting ',' or ']'", text, _SPACE.match(text, at).end())
                if mark[1].endswith("]"):
                    break
                value, end = _DECODER.raw_decode(text, mark.end())
            except json.JSONDecodeError as error:
                place = f"line {line + text.count(chr(10), at, error.pos)}"
                if not _is_cut(error, text):
                    raise ValueError(f"{path}, {place}: not JSON: {error.msg}") from error
                block = stream.read(max(BLOCK, len(text) - at))  # twice as much each time, so that time stays linear
                if not block:
                    raise ValueError(
                        f"{path} breaks off after record {number}, {place}: the array has no end; download it again"
                    ) from error
                text, at = text[at:] + block, 0
                continue
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}, record {number + 1}: not JSON: {error}") from error
            number += 1
            line += text.count("\n", at, mark.end())
            where = f"{path}, record {number} (line {line})"
            _check_utf8(text[mark.end() : end], where)
            yield number, where, value
            line += text.count("\n", mark.end(), end)
            at = end
        if (text[mark.end() :] + stream.read(BLOCK)).strip():
            raise ValueError(f"{path}: something follows the end of the array; want one array, or one object per line")


_SPACE = re.compile(r"[ \t\r\n]*")
_MARK = re.compile(r"[ \t\r\n]*(\[[ \t\r\n]*\]|[\[,\]])[ \t\r\n]*")  # of an array: empty, opening, comma, closing


def _is_cut(error: json.JSONDecodeError, text: str) -> bool:
    """Whether more text may mend the error: it lies at the end of ``text``, or is a string that has no end yet."""
    return error.msg.startswith("Unterminated string") or error.pos > len(text) - len(r"\ud83d\ude00")


def _table(path: Path, delimiter: str) -> Iterator[Row]:
    """The rows of a CSV or TSV as dictionaries of strings; a cell in quotation marks may span lines."""
    csv.field_size_limit(2**27)  # characters: longer than any text, and an end for a quotation mark never closed
    with _open(path) as stream:
        cells = csv.reader(_utf8_lines(stream, path), delimiter=delimiter, strict=True)
        header: list[str] = []
        while True:
            line = cells.line_num + 1
            where = f"{path}, line {line}"
            try:
                row = next(cells, None)
            except csv.Error as error:
                raise ValueError(f"{where}: a quotation mark is out of place, or never closed ({error})") from error
            if row is None:
                return
            if row and not header:
                header = row
                if len(set(header)) < len(header):
                    raise ValueError(f"{where}: two columns have the same name: {', '.join(header):.200}")
            elif any(row):  # spreadsheets end in rows of empty cells
                if len(row) != len(header):
                    columns = ", ".join(f"{name:.40}" for name in header)
                    raise ValueError(f"{where}: {len(row)} cells, but the first line names {len(header)}: {columns}")
                yield line, where, dict(zip(header, row))


def _utf8_lines(stream: io.TextIOWrapper, path: Path) -> Iterator[str]:
    for number, line in enumerate(stream, start=1):
        _check_utf8(line, f"{path}, line {number}")
        yield line


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet

    with open(path, "rb") as file:
        _check_start(file, path)
        try:
            # pages are read one by one, not a whole column of a row group at once
            table = pyarrow.parquet.ParquetFile(file, buffer_size=BLOCK, pre_buffer=False)
            number = 0
            for batch in table.iter_batches(batch_size=64):
                for row in batch.to_pylist():
                    number += 1
                    yield number, f"{path}, row {number}", row
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path} is not a whole Parquet file, or damaged ({reason}); download it again") from error
