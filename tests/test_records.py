"""Files in: every format is read whole, what is damaged is named, and no field of a record is lost."""

import ast
import csv
import gzip
import json
import random
import tracemalloc
from graphlib import TopologicalSorter
from itertools import islice

import pyarrow
import pyarrow.parquet
import pytest
from conftest import ROOT

import bertsum_lite
from bertsum_lite import corpus
from bertsum_lite.corpus import load_corpus, stream_corpus
from bertsum_lite.records import check_record, read_records, references

RECORD = {"id": "a", "document": ["One.", "Two."], "summary": ["One."]}
ARTICLE = {"article": "Dr. Oke met Bo. They left.", "highlights": "Oke met Bo.\nThey left."}
SPLIT = {"document": ["Dr. Oke met Bo.", "They left."], "summary": ["Oke met Bo.", "They left."]}


def write(path, *lines, encoding="utf-8", end="\n"):
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def write_jsonl(path, records):
    return write(path, *map(json.dumps, records))


def write_table(path, records, delimiter=","):
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(records[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(records)
    return path


def write_parquet(path, records):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), str(path))
    return path


def write_in_every_format(folder, records):
    """The same records in a file of each format, some of them packed."""
    files = [
        write_jsonl(folder / "lines.jsonl", records),
        write_jsonl(folder / "lines.json", records),
        write(folder / "array.json", json.dumps(records)),
        write(folder / "pretty.json", json.dumps(records, indent=4), end="\r\n"),
        write(folder / "array.jsonl", json.dumps(records)),
        write_table(folder / "table.csv", records),
        write_table(folder / "TABLE.TSV", records, "\t"),
        write_parquet(folder / "table.parquet", records),
    ]
    for file in files[:-1]:
        packed = folder / f"{file.name}.gz"
        packed.write_bytes(gzip.compress(file.read_bytes()))
        files.append(packed)
    return files


# Formats


def test_the_bundled_corpus_has_its_splits_and_only_whole_records():
    splits = {split: load_corpus("harbour", split) for split in ("train", "validation", "test")}
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 240, "validation": 40, "test": 80}
    ids = [row["id"] for rows in splits.values() for row in rows]
    assert len(set(ids)) == 360
    assert all(len(references(row)) == 2 for row in splits["test"])


def test_all_formats_give_the_same_records(tmp_path):
    rows = [{"id": f"r{i}", **ARTICLE, "title": title} for i, title in enumerate(["渡轮 😀", 'a "b"\n\tc, [d]', ""])]
    wanted = [{"id": row["id"], **SPLIT, "title": row["title"]} for row in rows]
    for file in write_in_every_format(tmp_path, rows):
        assert list(read_records(file)) == wanted, file.name
        assert list(stream_corpus(file)) == load_corpus(file).to_list() == wanted, file.name


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_are_fine(tmp_path):
    line = json.dumps({**RECORD, "document": ["渡轮。", "😀 [CLS]"]}, ensure_ascii=False)
    plain = write(tmp_path / "a.jsonl", line, "", line)
    windows = write(tmp_path / "b.jsonl", line, line, encoding="utf-8-sig", end="\r\n")
    array = write(tmp_path / "c.json", "", f"[{line},", "", f"{line}]", encoding="utf-8-sig", end="\r\n")
    rows = [load_corpus(path).to_list() for path in (plain, windows, array)]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0][0]["document"] == ["渡轮。", "😀 [CLS]"]
    table = write(
        tmp_path / "d.csv", "", "text,summary", "They left. He stayed.,It rained.", encoding="utf-8-sig", end="\r\n"
    )
    assert list(read_records(table)) == [
        {"id": "3", "document": ["They left.", "He stayed."], "summary": ["It rained."]}
    ]


def test_a_packed_file_is_known_by_its_content(tmp_path):
    browser = write_jsonl(tmp_path / "unpacked.jsonl.gz", [RECORD])
    other = tmp_path / "packed.jsonl"
    other.write_bytes(gzip.compress(browser.read_bytes()))
    assert list(read_records(browser)) == list(read_records(other)) == [RECORD]


@pytest.mark.parametrize("name", ["a[1].{}", "[abc]*?.{}", "two words.{}", "渡轮.{}", "%41#é.{}"])
def test_names_of_any_characters_are_names(tmp_path, name):
    folder = tmp_path / name.format("d")
    folder.mkdir()
    write_parquet(folder / name.format("parquet"), [RECORD])
    write_jsonl(folder / name.format("jsonl"), [RECORD])
    write_jsonl(folder / "test.jsonl", [RECORD])
    for file in folder.iterdir():
        assert load_corpus(file).to_list() == [RECORD]
    assert load_corpus(folder, "test").to_list() == [RECORD]


def test_a_folder_holds_one_file_for_each_split(tmp_path):
    write_parquet(tmp_path / "test.parquet", [RECORD])
    assert load_corpus(tmp_path, "test").to_list() == [RECORD]
    with pytest.raises(FileNotFoundError, match=r"no train.jsonl, .* it holds test.parquet"):
        load_corpus(tmp_path, "train")
    write_table(tmp_path / "test.csv", [ARTICLE])
    with pytest.raises(ValueError, match=r"holds test.csv and test.parquet: remove all but one"):
        load_corpus(tmp_path, "test")


def test_rows_of_empty_cells_are_passed_over(tmp_path):
    file = write(tmp_path / "a.csv", "text,summary", ",", "They left.,Gone.", ",", ",")
    assert list(read_records(file)) == [{"id": "3", "document": ["They left."], "summary": ["Gone."]}]


def test_very_long_cells_and_lines_are_read(tmp_path):
    long = {"id": "a", "text": "They left. He stayed.", "summary": "E.", "notes": "word " * 200_000}
    for file in write_in_every_format(tmp_path, [long]):
        (record,) = read_records(file)
        assert record["notes"] == long["notes"], file.name


def test_size_stops_reading_before_what_is_broken(tmp_path):
    good = json.dumps(RECORD)
    cells = "id,text,summary\na,One. Two.,One.\n"
    (tmp_path / "a.jsonl").write_bytes(good.encode() + b"\n\xff{")
    (tmp_path / "b.json").write_bytes(b"[" + good.encode() + b',\n"\xff", {')
    (tmp_path / "c.csv").write_bytes(cells.encode() + b'\xff,"')
    for file in tmp_path.iterdir():
        assert len(load_corpus(file, size=1)) == len(list(stream_corpus(file, size=1))) == 1
        with pytest.raises(ValueError, match=file.name):
            list(stream_corpus(file, size=2))


def test_arrays_are_read_in_blocks_of_any_size(tmp_path, monkeypatch):
    rows = [{**RECORD, "id": 'é\\"[]{}, \ud83d 😀', "n": [[-1.5e-7, {}], [], {"a": [True, None]}]}] * 3
    for text in (json.dumps(rows), json.dumps(rows, indent=1), json.dumps(rows, ensure_ascii=False, indent=2)):
        file = tmp_path / "a.json"
        file.write_bytes(text.encode("utf-8", "backslashreplace"))
        for block in (1, 2, 3, 7, 64):
            monkeypatch.setattr("bertsum_lite.records.BLOCK", block)
            assert list(read_records(file)) == json.loads(text)
        monkeypatch.undo()


def test_memory_does_not_grow_with_the_file(tmp_path):
    draw = random.Random(0)
    rows = [{"text": "One.", "summary": "Two.", "notes": draw.randbytes(5000).hex()} for _ in range(1000)]
    packed = tmp_path / "packed.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(rows).encode(), compresslevel=1))
    table = tmp_path / "table.parquet"
    pages = {"use_dictionary": False, "write_batch_size": 10}  # the smallest part that Parquet can read is a page
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), table, **pages)
    lines, cells = write_jsonl(tmp_path / "lines.jsonl", rows), write_table(tmp_path / "table.csv", rows)
    for file in (lines, packed, cells, table):
        tracemalloc.start()
        assert sum(1 for _ in read_records(file)) == len(rows)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000, (file.name, peak)  # of 10 MB


# Columns


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("document", "summary"),
        ("article", "highlights"),
        ("text", "summary"),
        ("dialogue", "summary"),
        ("article", "summary"),
    ],
)
def test_the_usual_columns_are_known(tmp_path, text, summary):
    row = {"id": "x", text: "Dr. Oke met Bo.\n\nThey left.", summary: "Oke met Bo.\nThey left.", "other": "kept"}
    for file in write_in_every_format(tmp_path, [row]):
        assert list(read_records(file)) == [{"id": "x", **SPLIT, "other": "kept"}]


def test_other_columns_can_be_named(tmp_path):
    file = write_table(tmp_path / "a.csv", [{"body": "They left. He stayed.", "abstract": "It rained.", "text": "x"}])
    with pytest.raises(ValueError, match="line 2: no summary .*there are body, abstract, text; .*--summary-column"):
        load_corpus(file)
    columns = {"text_column": "body", "summary_column": "abstract"}
    wanted = {"id": "2", "document": ["They left.", "He stayed."], "summary": ["It rained."], "text": "x"}
    assert load_corpus(file, **columns).to_list() == list(stream_corpus(file, **columns)) == [wanted]
    with pytest.raises(ValueError, match="line 2: no field 'Body'; there are body, .*--text-column"):
        load_corpus(file, text_column="Body")
    with pytest.raises(ValueError, match="line 2: 'body' cannot be both"):
        load_corpus(file, text_column="body", summary_column="body")
    with pytest.raises(ValueError, match="the columns of tinynews are known"):
        load_corpus("tinynews", text_column="body")


def test_a_column_never_replaces_another_field(tmp_path):
    file = write_jsonl(tmp_path / "a.jsonl", [{**RECORD, "title": "T."}])
    with pytest.raises(ValueError, match="line 1: 'title' would replace the field 'summary'"):
        load_corpus(file, summary_column="title")


def test_highlights_are_a_summary_as_text_and_marks_as_numbers(tmp_path):
    marks = {**RECORD, "highlights": [1]}
    file = write_jsonl(tmp_path / "a.jsonl", [marks, {"id": "b", **ARTICLE}])
    assert list(read_records(file)) == [marks, {"id": "b", **SPLIT}]
    file = write_jsonl(tmp_path / "b.jsonl", [{"document": ["A.", "B."], "highlights": [1]}])
    with pytest.raises(ValueError, match="line 1: no summary"):
        list(read_records(file))
    assert list(read_records(file, summaries=False)) == [{"id": "1", "document": ["A.", "B."], "highlights": [1]}]


def test_a_dialogue_is_split_into_its_turns(tmp_path):
    row = {"dialogue": "#A#: Hi. How are you?\r\n\r\n#B#: Fine.", "summary": "Al greets Bo. Bo is fine."}
    (record,) = read_records(write_jsonl(tmp_path / "a.jsonl", [row]))
    assert record["document"] == ["#A#: Hi. How are you?", "#B#: Fine."]
    assert record["summary"] == ["Al greets Bo.", "Bo is fine."]


def test_the_language_is_the_record_s_or_the_argument(tmp_path):
    text = "渡轮停了。票价涨了。"
    rows = [{"text": text, "summary": "停。", "language": "zh"}, {"text": text, "summary": "停。"}]
    file = write_jsonl(tmp_path / "a.jsonl", rows)
    assert [len(record["document"]) for record in load_corpus(file, language="zh")] == [2, 2]
    with pytest.raises(ValueError, match="line 1: 'language' must be a code"):
        list(read_records(write_jsonl(tmp_path / "b.jsonl", [{**RECORD, "language": ["en"]}])))


def test_without_summaries_a_record_may_lack_one_and_one_that_is_there_is_checked(tmp_path):
    texts = [
        {"text": "They left. He stayed."},
        {"text": "They left.", "summary": None},
        {"text": "They left.", "summary": "It rained."},
    ]
    records = list(stream_corpus(write_jsonl(tmp_path / "a.jsonl", texts), summaries=False))
    assert [record.get("summary") for record in records] == [None, None, ["It rained."]]
    assert "summary" not in records[1]
    table = write_table(tmp_path / "a.csv", [{"text": "They left.", "summary": ""}])
    assert list(stream_corpus(table, summaries=False)) == [{"id": "2", "document": ["They left."]}]
    with pytest.raises(ValueError, match="line 1: 'summary' must be a list"):
        list(stream_corpus(write_jsonl(tmp_path / "b.jsonl", [{"text": "A.", "summary": 3}]), summaries=False))


def test_a_summary_need_not_have_a_letter(tmp_path):
    record = {**RECORD, "summary": ["???"]}
    assert list(read_records(write_jsonl(tmp_path / "a.jsonl", [record]))) == [record]


# Ids and fields


def test_ids_are_strings_and_what_is_missing_gets_its_place(tmp_path):
    rows = [{**RECORD, "id": id} for id in ("a1", 2, None, "")]
    line = json.dumps({"document": ["A."], "summary": ["A."]})
    file = write(tmp_path / "a.jsonl", *map(json.dumps, rows), "", line)
    assert [record["id"] for record in load_corpus(file)] == ["a1", "2", "3", "4", "6"]
    assert [record["id"] for record in read_records(write(tmp_path / "a.json", f"[{line},\n{line}]"))] == ["1", "2"]
    table = write(tmp_path / "a.csv", "id,text,summary", ',"A\nb.",C.', ",They left.,C.", "x,They left.,C.")
    assert [record["id"] for record in read_records(table)] == ["2", "4", "x"]
    file = write_parquet(tmp_path / "a.parquet", [{"id": id, **ARTICLE} for id in (7, None)])
    assert [record["id"] for record in load_corpus(file)] == ["7", "2"]
    file = write_parquet(tmp_path / "b.parquet", [ARTICLE, ARTICLE])
    assert [record["id"] for record in load_corpus(file)] == ["1", "2"]


def test_two_records_of_one_id_are_both_kept(tmp_path):
    assert [r["id"] for r in load_corpus(write_jsonl(tmp_path / "a.jsonl", [RECORD, RECORD]))] == ["a", "a"]


def test_fields_that_the_first_record_lacks_are_kept(tmp_path):
    later = {"references": [["One."], ["Two."]], "title": "T", "domain": "news", "language": "en", "n": {"a": [1]}}
    rows = [RECORD, {**RECORD, "id": "b", **later}, {**RECORD, "id": "c", "title": "U"}]
    loaded = load_corpus(write_jsonl(tmp_path / "a.jsonl", rows)).to_list()
    assert [{k: v for k, v in record.items() if v is not None} for record in loaded] == rows
    assert set(loaded[0]) == set(rows[1])


@pytest.mark.parametrize(
    ("first", "other"),
    [(1, "x"), ("x", 1), (["x"], "x"), ({"a": 1}, {"a": "x"}), (True, 2), ("x", "\ud800"), (1, 2**70)],
)
def test_a_field_of_two_types_is_named_with_both_places(tmp_path, first, other):
    values = [None, first, first, other, None]
    rows = [{**RECORD, "id": f"r{i}", "note": value} for i, value in enumerate(values)]
    file = write_jsonl(tmp_path / "a.jsonl", rows)
    with pytest.raises(ValueError, match="the field 'note', .* in record 'r1' and .* in record 'r3'"):
        load_corpus(file)
    assert list(stream_corpus(file)) == rows


# What is wrong is named


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"document": ["A."], "summ', "line 2: not JSON"),
        ("[1, 2]", "line 2: want an object"),
        ('{"id": "x", "document": ["A."]}', "line 2: no summary .*; there are id, document; .*--summary-column"),
        ('{"id": "x", "body": "A."}', "line 2: no text .*; there are id, body; .*--text-column"),
        ("{}", "line 2: no text .*; there are none"),
        ('{"document": ["A.", 3], "summary": ["A."]}', "line 2: 'document' must be a list of sentences"),
        ('{"document": null, "summary": ["A."]}', "line 2: 'document' must be a list"),
        ('{"article": 3, "summary": ["A."]}', "line 2: 'article' must be a list of sentences .*got 3"),
        ('{"document": ["A."], "summary": []}', "line 2: 'summary' has no sentence"),
        ('{"document": [" "], "summary": ["A."]}', "line 2: 'document' has no sentence"),
        ('{"document": "", "summary": ["A."]}', "line 2: 'document' has no sentence"),
        ('{"document": ["😀", "!"], "summary": ["A."]}', "line 2: 'document' has no sentence .*😀"),
        ('{"text": "😀 😀", "summary": "A."}', "line 2: 'text' has no sentence"),
        ('{"document": ["A."], "summary": ["A."], "references": "x"}', "line 2: 'references' must be a list"),
        ('{"document": ["A."], "summary": ["A."], "references": ["x"]}', "line 2: a reference is one string"),
        ('{"document": ["A."], "summary": ["A."], "n": NaN}', "line 2: not JSON: NaN"),
        ('{"document": ["A."], "summary": ["A."], "n": ' + "[" * 100_000, "line 2: not JSON"),
        ('{"document": ["A."], "summary": ["A."], "n": ' + "9" * 5000 + "}", "line 2: not JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    path = write(tmp_path / "bad.jsonl", json.dumps(RECORD), line)
    with pytest.raises(ValueError, match=f"bad.jsonl, {message}") as caught:
        load_corpus(path)
    assert "\n" not in str(caught.value)
    array = write(tmp_path / "bad.json", f"[{json.dumps(RECORD)},", line + "]")
    with pytest.raises(ValueError, match=r"bad.json(, | breaks off after )(record 2|line 2|record 1, line 2)"):
        list(read_records(array))


def test_check_record_wants_the_course_s_own_format():
    check_record(RECORD, "here")
    with pytest.raises(ValueError, match="here: 'summary' is one string; .*split_sentences"):
        check_record({**RECORD, "summary": "A."}, "here")
    with pytest.raises(ValueError, match="here: the field 'summary' is missing; there are document"):
        check_record({"document": ["A."]}, "here")


def break_file(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((ValueError, OSError), match=path.name) as caught:
        list(read_records(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


LINES = "".join(json.dumps({**RECORD, "id": f"{i} {i**9}"}) + "\n" for i in range(5000))


def test_bytes_that_are_not_utf8_are_named_with_their_place(tmp_path):
    line = '{"text": "Le café.", "summary": "é"}'
    for name in ("a.jsonl", "a.json"):
        assert "line 1, byte 17: not UTF-8 (0xE9); " in break_file(tmp_path / name, line.encode("latin-1"))
    array = f"[{line},\n{line}]"
    message = break_file(tmp_path / "b.json", array.encode("latin-1"))
    assert "record 1 (line 1), byte 17: not UTF-8 (0xE9)" in message
    assert "iconv -f LATIN1 -t UTF-8" in message
    assert "record 2 (line 3), byte 17" in break_file(
        tmp_path / "d.json", f"[{{\n{line[1:].replace('é', 'e')},\n{line}]".encode("latin-1")
    )
    table = "text,summary\nThey left.,C.\n日本 café,é\n".encode().replace(b"\xc3\xa9", b"\xe9")
    assert "line 3, byte 11: not UTF-8 (0xE9)" in break_file(tmp_path / "a.csv", table)
    assert "iconv -f UTF-16" in break_file(tmp_path / "c.csv", "text,summary\n".encode("utf-16"))


def test_a_broken_download_says_where_it_breaks_off(tmp_path):
    packed = gzip.compress(LINES.encode())
    assert "breaks off after line" in break_file(tmp_path / "a.jsonl.gz", packed[:-20])
    number = int(break_file(tmp_path / "b.jsonl.gz", packed[: len(packed) // 2]).split("after line ")[1].split()[0])
    assert 1000 < number < 4000
    assert len(list(islice(read_records(tmp_path / "b.jsonl.gz"), number - 200))) == number - 200
    assert "download it again" in break_file(tmp_path / "c.jsonl.gz", packed[:5000] + b"garbage" + packed[5007:])
    rows = json.dumps([RECORD] * 3, indent=1)
    for end in range(len(rows) - 150, len(rows)):
        assert "breaks off after record" in break_file(tmp_path / "d.json", rows[:end])
    assert "something follows the end" in break_file(tmp_path / "e.json", rows + "[]")
    table = write_parquet(tmp_path / "f.parquet", [RECORD] * 100).read_bytes()
    assert "not a whole Parquet file" in break_file(tmp_path / "g.parquet", table[:-20])
    assert "not a whole Parquet file" in break_file(tmp_path / "h.parquet", table[:40] + b"\xff" * 40 + table[80:])


def test_what_is_no_corpus_is_named(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    for name in ("a.jsonl", "a.jsonl.gz", "a.csv", "a.parquet"):
        assert "git lfs pull" in break_file(tmp_path / name, pointer)
        assert "is empty" in break_file(tmp_path / name, "")
        assert "HTML or XML page" in break_file(tmp_path / name, "\n<!DOCTYPE html>\n<html>")
    for name in ("b.jsonl", "b.json", "b.csv"):
        assert "holds no records" in break_file(tmp_path / name, "\n \n" if name != "b.csv" else "\n\n")
    assert "holds no records" in break_file(tmp_path / "c.json", "[ ]")
    assert "holds no records" in break_file(tmp_path / "c.csv", "text,summary\n")
    assert ".csv" in break_file(tmp_path / "d.txt", "They left.")
    (tmp_path / "e.jsonl").mkdir()
    with pytest.raises(IsADirectoryError, match="e.jsonl is a folder"):
        list(read_records(tmp_path / "e.jsonl"))
    with pytest.raises(FileNotFoundError, match="f.jsonl"):
        list(read_records(tmp_path / "f.jsonl"))
    with pytest.raises(FileNotFoundError, match="no corpus 'nowhere'.*harbour"):
        load_corpus("nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('text,summary\nThey left.,C.\n"They left.,C.\nD,E\n', "line 3: a quotation mark"),
        ('text,summary\n"A" b.,C.\n', "line 2: a quotation mark"),
        (
            "text,summary\nThey left.,C.\nThey left., c,D.\n",
            "line 3: 3 cells, but the first line names 2: text, summary",
        ),
        ("text,summary,text\n1,2,3\n", "line 1: two columns have the same name"),
        (
            "They left. He stayed.,It rained.\nShe slept.,All well.\n",
            "line 2: no text .* there are They left. He stayed., It rained.; ",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"a.csv, {message}"):
        load_corpus(write(tmp_path / "a.csv", text, end=""))


# The Hub


HUB_ROWS = {
    "cnn_dailymail": (
        "3.0.0/test-00000-of-00001.parquet",
        {"article": "Dr. Oke met Bo. They left.", "highlights": "A met B .\nThey left .", "id": "x"},
        {"id": "x", "document": ["Dr. Oke met Bo.", "They left."], "summary": ["A met B .", "They left ."]},
    ),
    "xsum": (
        "default/test/0000.parquet",
        {"document": "Oke met Bo\nThey left.", "summary": "They met.", "id": "x"},
        {"id": "x", "document": ["Oke met Bo", "They left."], "summary": ["They met."]},
    ),
    "scitldr": (
        "Abstract/test/0000.parquet",
        {
            "source": ["A.", "B."],
            "source_labels": [0, 1],
            "rouge_scores": [0.1, 0.2],
            "paper_id": "x",
            "target": ["S.", "T."],
        },
        {"id": "x", "document": ["A.", "B."], "summary": ["S."], "references": [["S."], ["T."]]},
    ),
    "dialogsum": (
        "test.csv",
        {"id": "x", "dialogue": "#A#: Hi.\n#B#: Bye.", "summary": "A greets. B leaves.", "topic": "t"},
        {"id": "x", "document": ["#A#: Hi.", "#B#: Bye."], "summary": ["A greets.", "B leaves."]},
    ),
}


def lay_out_as_the_hub(folder, name, rows):
    path = folder / corpus.HUB[name].repository / HUB_ROWS[name][0]
    path.parent.mkdir(parents=True)
    (write_table if path.suffix == ".csv" else write_parquet)(path, rows)


@pytest.mark.parametrize("name", corpus.HUB)
def test_hub_corpora_load_from_folders_laid_out_as_the_hub_lays_them(name, tmp_path, monkeypatch):
    folder = tmp_path / "my [data]*"
    _, row, expected = HUB_ROWS[name]
    lay_out_as_the_hub(folder, name, [row, row])
    monkeypatch.setenv("BERTSUM_DATA", str(folder))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    assert load_corpus(name, "test").to_list() == list(stream_corpus(name, "test")) == [expected, expected]
    assert load_corpus(name, "test", size=1).to_list() == list(stream_corpus(name, "test", size=1)) == [expected]


def test_the_hub_s_records_are_checked_too(tmp_path, monkeypatch):
    row = HUB_ROWS["xsum"][1]
    lay_out_as_the_hub(tmp_path, "xsum", [row, {**row, "document": "😀"}])
    monkeypatch.setenv("BERTSUM_DATA", str(tmp_path))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for read in (load_corpus, lambda *arguments: list(stream_corpus(*arguments))):
        with pytest.raises(ValueError, match="xsum, row 2: 'document' has no sentence"):
            read("xsum", "test")


@pytest.mark.parametrize("name", corpus.HUB)
def test_without_a_network_the_folder_to_fill_is_named(name, tmp_path, monkeypatch):
    monkeypatch.delenv("BERTSUM_DATA", raising=False)
    with pytest.raises(OSError, match=rf"could not load {name}[\s\S]*\$BERTSUM_DATA/{name}/train.jsonl"):
        load_corpus(name, "train")
    lay_out_as_the_hub(tmp_path, name, [HUB_ROWS[name][1]])
    monkeypatch.setenv("BERTSUM_DATA", str(tmp_path))
    with pytest.raises(OSError, match=rf"could not load {name}[\s\S]*there is no .*train"):
        load_corpus(name, "train")


@pytest.mark.network
@pytest.mark.parametrize("name", corpus.HUB)
def test_hub_corpora_load_from_the_hub(name):
    check_record(load_corpus(name, "test")[0], name)


def test_real_corpora_are_found_by_name(real_data):
    assert len(load_corpus("scitldr", "validation")) == 619
    assert len(load_corpus("cnndm_realsumm100", "test")) == 100


# The modules


def imports(source):
    """The names that a module's source imports, inside functions included; a public name is its module's."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            public = bertsum_lite._PUBLIC if node.module == "bertsum_lite" else {}
            yield node.module
            yield from (f"{node.module}.{public.get(alias.name, alias.name)}" for alias in node.names)


def test_no_modules_import_each_other_in_a_circle():
    files = (ROOT / "bertsum_lite").rglob("*.py")
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}
    graph = {name: names.keys() & imports(file.read_text(encoding="utf-8")) for name, file in names.items()}
    assert {"bertsum_lite.records", "bertsum_lite.tinynews"} <= graph["bertsum_lite.corpus"]
    TopologicalSorter(graph).prepare()  # a CycleError names the circle
