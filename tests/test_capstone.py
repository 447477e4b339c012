"""The capstone's checker finds what is wrong with a predictions file, and says where; the starter notebook is whole."""

import json
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT

from bertsum_lite import ceiling, greedy_oracle, lead, load_corpus
from bertsum_lite.checks.capstone import check_predictions
from bertsum_lite.evaluation import PREDICTIONS, write_predictions
from bertsum_lite.selection import typical_length

CAPSTONE = ROOT / "exercises" / "capstone"
RECORDS = load_corpus("harbour", "test", 12).to_list()
IDS = [record["id"] for record in RECORDS]


def extracts(choose):
    return [[r["document"][i] for i in choose(r)] for r in RECORDS]


GOOD = extracts(lambda r: sorted(greedy_oracle(r["document"], r["summary"], 2)))  # above Lead, below the oracle


@pytest.fixture
def folder(tmp_path):
    write_predictions(tmp_path / "mine", RECORDS, GOOD)
    return tmp_path / "mine"


def changed(folder, change):
    """The submission as a lone file, its rows (or lines) changed."""
    rows = [json.loads(line) for line in (folder / PREDICTIONS).read_text(encoding="utf-8").splitlines()]
    lines = [row if isinstance(row, str) else json.dumps(row) for row in change(rows)]
    file = folder.parent / "changed.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def heard(capsys, place, records=RECORDS):
    verdict = check_predictions(place, records)
    return verdict, capsys.readouterr().out


def test_a_good_submission_passes_and_is_placed_between_lead_and_oracle(folder, capsys):
    for place in (folder, folder / PREDICTIONS, str(folder)):
        verdict, words = heard(capsys, place)
        assert verdict is True
        assert words.startswith("✓ ")
        assert "one good summary for each of 12 documents" in words
        for name in ("yours ", "Lead-3", "oracle ", "ROUGE-1 beside Lead-3: +", "of the way from Lead to the oracle"):
            assert name in words


def test_the_oracle_looks_at_every_reference(tmp_path, capsys):
    """An extract made for whichever reference fits best is no better than the oracle, and no leak."""
    k = typical_length(RECORDS)
    best = extracts(lambda r: ceiling(r["document"], r["references"], k))
    write_predictions(tmp_path / "best", RECORDS, best)
    assert all(len(record["references"]) == 2 for record in RECORDS)
    verdict, words = heard(capsys, tmp_path / "best")
    assert verdict is True
    assert "100% of the way from Lead to the oracle" in words


@pytest.mark.parametrize("mark", ["\ufeff", "\n\n"], ids=("BOM", "blank lines"))
def test_what_harms_nobody_is_let_pass(folder, capsys, mark):
    file = changed(folder, lambda rows: rows[::-1])
    file.write_text(mark + file.read_text(encoding="utf-8").replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert heard(capsys, file)[0] is True


def put(position, **fields):
    return lambda rows: [row | fields if i == position else row for i, row in enumerate(rows)]


BAD = {
    "missing id": (lambda rows: rows[:4] + rows[5:], [f"no summary of {IDS[4]!r}: 1 of 12 documents are missing"]),
    "many missing": (lambda rows: rows[:2], [", …: 10 of 12 documents are missing"]),
    "empty file": (lambda rows: [], ["12 of 12 documents are missing"]),
    "duplicate": (lambda rows: [*rows, rows[2]], [f"line 13, id {IDS[2]!r}: the id stands on line 3 already"]),
    "unknown id": (lambda rows: [*rows, rows[0] | {"id": "x"}], ["line 13, id 'x': no document has this id"]),
    "broken JSON": (
        lambda rows: [*rows[:3], '{"id": "half', *rows[4:]],
        ["line 4: not JSON at column 8", f"no summary of {IDS[3]!r}", "(1 may be on lines that cannot be read)"],
    ),
    "no object": (lambda rows: ["[1, 2]", *rows[1:]], ["line 1: want {", f"no summary of {IDS[0]!r}"]),
    "id is a list": (put(0, id=[1]), ["line 1: want {"]),
    "no summary": (
        lambda rows: [{k: v for k, v in rows[0].items() if k != "summary"}, *rows[1:]],
        [f"line 1, id {IDS[0]!r}: the field 'summary' is missing; there are id, document"],
    ),
    "string": (put(5, summary="One string."), [f"line 6, id {IDS[5]!r}: 'summary' is one string"]),
    "null": (put(5, summary=None), [f"line 6, id {IDS[5]!r}: 'summary' must be a list of sentences", "None"]),
    "numbers": (put(5, summary=[1, 2]), [f"line 6, id {IDS[5]!r}: 'summary' must be a list", "[1, 2]"]),
    "empty list": (put(7, summary=[]), [f"line 8, id {IDS[7]!r}: the summary is empty"]),
    "blank sentences": (put(7, summary=["", " . "]), [f"line 8, id {IDS[7]!r}: the summary is empty"]),
    "another text": (put(1, document="0" * 16), [f"line 2, id {IDS[1]!r}: 'document' is not the digest"]),
    "no digest": (
        lambda rows: [{k: v for k, v in row.items() if k != "document"} for row in rows],
        ["line 1, id", "line 8, id", "… and 4 more"],
    ),
    "leaked": (
        lambda rows: [row | {"summary": r["summary"]} for row, r in zip(rows, RECORDS)],
        ["12 of 12 summaries equal a reference word for word, the first on line 1, id", "have leaked"],
    ),
    "leaked in part, second reference": (
        lambda rows: put(8, summary=[" ".join(RECORDS[8]["references"][1]).upper()])(
            [row | {"summary": r["summary"]} if i < 2 else row for i, (row, r) in enumerate(zip(rows, RECORDS))]
        ),
        ["3 of 12 summaries equal a reference"],
    ),
    "worse than Lead": (
        lambda rows: [row | {"summary": r["document"][-1:]} for row, r in zip(rows, RECORDS)],
        [
            "one good summary for each of 12",
            "ROUGE-1 beside Lead-3: -",
            "worse than the first 3 sentences, most of all",
        ],
    ),
}


@pytest.mark.parametrize(("change", "says"), BAD.values(), ids=BAD)
def test_a_bad_submission_is_refused_with_line_and_id(folder, capsys, change, says):
    file = changed(folder, change)
    verdict, words = heard(capsys, file)
    assert verdict is False
    assert words.startswith(f"✗ {file}")
    for part in says:
        assert part in words, words
    assert max(map(len, words.splitlines())) < 400


def test_every_mistake_is_told_not_only_the_first(folder, capsys):
    file = changed(folder, lambda rows: [*put(1, summary=[])(put(2, summary="x")(rows))[:11], "{"])
    words = heard(capsys, file)[1]
    assert [part in words for part in ("line 2,", "line 3,", "line 12:", repr(IDS[11]))] == [True] * 4


def test_a_file_changed_by_hand_is_refused_where_its_checksum_lies_beside_it(folder, capsys):
    file = folder / PREDICTIONS
    file.write_text(file.read_text(encoding="utf-8").replace("the", "a", 1), encoding="utf-8")
    verdict, words = heard(capsys, folder)
    assert verdict is False
    assert "changed by hand or in transit" in words


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read (No such file"), (b"\xff\xfe", "not UTF-8 at byte 0")],
    ids=("not there", "not UTF-8"),
)
def test_a_file_that_cannot_be_read_is_no_traceback(tmp_path, capsys, content, says):
    if content:
        (tmp_path / PREDICTIONS).write_bytes(content)
    verdict, words = heard(capsys, tmp_path)
    assert verdict is False
    assert says in words


def test_without_records_it_says_so(folder, capsys):
    assert heard(capsys, folder, []) == (
        False,
        "✗ there are no records to check the predictions against: load the test split first\n",
    )


def test_lead_itself_passes_and_choosing_a_reference_that_is_in_the_text_is_no_leak(tmp_path, capsys):
    records = [r | {"summary": r["document"][:3], "references": None} for r in RECORDS]
    write_predictions(tmp_path / "lead", records, [[r["document"][i] for i in lead(r["document"], 3)] for r in records])
    verdict, words = heard(capsys, tmp_path / "lead", records)
    assert verdict is True, words
    assert "ROUGE-1 beside Lead-3: +0.00" in words


def test_from_the_shell_the_exit_code_is_the_verdict(tmp_path, folder):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    lines = [json.dumps({key: r[key] for key in ("id", "document", "summary", "references")}) for r in RECORDS]
    (corpus / "test.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for place, code in ((folder, 0), (tmp_path, 1)):
        command = [sys.executable, "-m", "bertsum_lite.checks.capstone", str(corpus), str(place)]
        assert subprocess.run(command, capture_output=True).returncode == code


def test_the_starter_is_executed_quiet_and_passes_its_own_check():
    notebook = nbformat.read(CAPSTONE / "starter.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert all(output.output_type != "error" and output.get("name") != "stderr" for output in outputs)
    assert outputs[-1].text.startswith("✓ ")


def test_the_rubric_s_points_sum_to_what_it_says():
    text = (CAPSTONE / "BRIEF.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| ")]
    points = [int(cell) for cell in rows if cell.isdigit()]
    assert len(points) >= 5
    assert f"**{sum(points)}**" in text
