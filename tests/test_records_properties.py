"""What is written and read back is the same, for any record and any text."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertsum_lite.records import SUMMARY_COLUMNS, TEXT_COLUMNS, read_records

thorough = settings(max_examples=1000, deadline=None, derandomize=True)

KNOWN = {"id", "references", "language", *TEXT_COLUMNS, *SUMMARY_COLUMNS}
text = st.text(st.characters(), max_size=12)  # lone surrogates too: json escapes them
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=5,
)
sentences = st.lists(text, min_size=1, max_size=3).map(lambda list_: [*list_, "One."])
records = st.builds(
    lambda extra, record: {**extra, **record},
    st.dictionaries(text.filter(lambda name: name not in KNOWN), values, max_size=3),
    st.fixed_dictionaries(
        {"id": text.filter(bool), "document": sentences, "summary": sentences},
        optional={"references": st.lists(sentences, min_size=1, max_size=2) | st.none()},
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


def write_lines(file, rows):
    """As anybody would write them who wants to read them: one object per line, letters unescaped."""
    with open(file, "w", encoding="utf-8", errors="backslashreplace") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_array(file, rows):
    file.write_text(json.dumps(rows, indent=2), encoding="utf-8")


@thorough
@given(st.lists(records, min_size=1, max_size=2))
def test_any_record_is_read_as_it_was_written(folder, rows):
    rows = json.loads(json.dumps(rows))  # two surrogates that make a pair are one character from here on
    for file, write in ((folder / "a.jsonl", write_lines), (folder / "a.json", write_array)):
        write(file, rows)
        read = list(read_records(file))
        assert read == rows
        write(file, read)
        assert list(read_records(file)) == read


# UTF-8 holds no surrogates, and Python 3.10's csv refuses the character 0.
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@thorough
@given(st.lists(cells, min_size=1, max_size=4, unique=True), st.data())
def test_any_cell_is_read_as_it_was_written(folder, names, data):
    names = ["text", "summary", "id", *(name for name in names if name not in KNOWN)]
    row = st.fixed_dictionaries({"text": st.just("One."), "summary": st.just("Two."), "id": cells})
    extra = st.fixed_dictionaries({name: cells for name in names[3:]})
    rows = [{**data.draw(row), **data.draw(extra)} for _ in range(2)]
    for file, delimiter in ((folder / "a.csv", ","), (folder / "a.tsv", "\t")):
        with open(file, "w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, names, delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        for row, record in zip(rows, read_records(file), strict=True):
            assert record.pop("document") == ["One."]
            assert record.pop("summary") == ["Two."]
            assert record.pop("id") == row["id"] or not row["id"]
            assert record == {name: row[name] for name in names[3:]}
