"""The exercises: form, learner's copies, and the checkers themselves.

Every solution is accepted, every blank is rejected, and so is every wrong answer of tests/wrong, for the reason given.
"""

import contextlib
import importlib
import io
import re
import runpy
from collections import Counter

import nbformat
import pytest
from conftest import ROOT
from wrong import ATTEMPTS

from bertsum_lite.checks import check, exercises

MAKE = runpy.run_path(str(ROOT / "exercises" / "make.py"))
SOURCES = sorted((ROOT / "exercises" / "solutions").glob("*.ipynb"))
every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
for source in SOURCES:
    importlib.import_module(f"wrong.lesson_{source.stem[:2]}")
CODE = ("code", "repair")


def read(path):
    return nbformat.read(path, as_version=4)


def heard(name, answer):
    """The checker's verdict and its words."""
    with contextlib.redirect_stdout(io.StringIO()) as words:
        verdict = check(name, answer)
    return verdict, words.getvalue()


def run(source, namespace):
    """Run a cell without its Colab line; what it prints."""
    code = re.sub(r"^( *)%.*$", r"\1pass", source, flags=re.MULTILINE)
    with contextlib.redirect_stdout(io.StringIO()) as words:
        exec(compile(code, "cell", "exec"), namespace)
    return words.getvalue()


def test_each_set_belongs_to_a_lesson_and_has_a_learner_s_copy():
    lessons = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    names = [path.name for path in SOURCES]
    assert {name[:2] for name in names} == {f"{number:02}" for number in range(1, 11)}
    assert set(names) <= lessons
    assert sorted(path.name for path in (ROOT / "exercises").glob("*.ipynb")) == names


@every_source
def test_the_source_has_its_metadata_and_the_learner_s_copy_is_fresh(path):
    source = read(path)
    assert source == MAKE["annotate"](source), "run make exercises"
    roles = [cell.metadata.nbgrader for cell in source.cells if cell.cell_type == "code"]
    assert len({role.grade_id for role in roles}) == len(roles)
    assert all(re.fullmatch(r"[\w-]+", role.grade_id, re.ASCII) for role in roles), "nbgrader allows nothing else"
    fresh = nbformat.writes(MAKE["learner"](source)) + "\n"
    assert (ROOT / "exercises" / path.name).read_text(encoding="utf-8") == fresh, "run make exercises"


@every_source
def test_the_source_is_executed_and_its_checks_pass(path):
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
        if name := MAKE["name_of_check"](cell):
            assert cell.outputs[0].text.startswith(f"✓ {name}  ")


@every_source
def test_the_first_cells_are_the_lesson_s(path):
    first, setup = read(path).cells[:2]
    lesson = read(ROOT / "notebooks" / path.name)
    assert setup.source == next(cell.source for cell in lesson.cells if cell.cell_type == "code")
    badge = re.search(r"colab\.research\.google\.com/github/(.+?/blob/main/)notebooks/", lesson.cells[0].source)[1]
    assert f"https://colab.research.google.com/github/{badge}exercises/{path.name}" in first.source


@every_source
def test_each_exercise_has_its_header_hints_and_checker(path):
    source, lesson = read(path), path.stem[:2]
    headers = MAKE["headers"](source)
    names = [f"{lesson}.{i}" for i in range(1, len(headers) + 1)]
    assert 4 <= len(names) <= 7
    assert list(headers) == names == exercises(lesson)
    assert [name for cell in source.cells if (name := MAKE["name_of_check"](cell))] == names
    minutes = sum(int(header["minutes"]) for header in headers.values())
    assert f"about {minutes} minutes" in source.cells[0].source, "the sum of the exercises"
    kinds = Counter(header["kind"] for header in headers.values())
    assert kinds["open"] == 1
    assert kinds["code"] >= 1
    assert len(kinds) >= 4
    for cell in source.cells:
        if cell.cell_type == "markdown" and (match := MAKE["HEADER"].match(cell.source)):
            hints = re.findall(r"<details><summary>Hint (\d)</summary>\n\n.+?\n\n</details>", cell.source, re.DOTALL)
            assert hints == ["1", "2"], match["name"]


@every_source
def test_blanks_are_rejected_solutions_accepted_and_none_needs_another(path):
    """The learner's copy from top to bottom with every blank left; beside it, each solution by itself.

    Cells tagged ``slow`` are left to nbval, which runs the sources.
    """
    source = read(path)
    solution = {cell.id: cell for cell in source.cells}
    blanks, beside, wanted = {}, {}, []
    for cell in read(ROOT / "exercises" / path.name).cells:
        if cell.cell_type != "code" or "slow" in cell.metadata.get("tags", []):
            continue
        original = solution[cell.id]
        if MAKE["is_solution"](original):
            sentences = re.findall(r'raise NotImplementedError\("(.+)"\)', cell.source)
            assert len(sentences) == original.source.count("### BEGIN SOLUTION")
            assert all(20 <= len(sentence) <= 160 for sentence in sentences)
            wanted += sentences
            beside = beside or dict(blanks)
            run(original.source, beside)
            try:
                run(cell.source, blanks)
            except NotImplementedError as blank:
                assert str(blank) in sentences  # noqa: PT017
        elif name := MAKE["name_of_check"](original):
            words = run(cell.source, blanks)
            assert words.startswith(f"… {name}  not done yet: "), words
            run(original.source, beside)
            assert run(cell.source, beside).startswith(f"✓ {name}  ")
            beside = {}
        else:
            run(cell.source, blanks)
            if beside:
                run(cell.source, beside)
    assert wanted


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.label[:60])
def test_the_checker_knows_right_from_wrong(attempt):
    verdict, words = heard(attempt.exercise, attempt.answer)
    assert verdict is (attempt.says is None), words
    if attempt.says is not None:
        assert words.startswith("✗ ")
        assert attempt.says in words
        assert "Traceback" not in words


@every_source
def test_every_checker_is_tried_with_enough_wrong_answers(path):
    for name, header in MAKE["headers"](read(path)).items():
        wrong = [attempt.says for attempt in ATTEMPTS if attempt.exercise == name and attempt.says]
        right = [attempt for attempt in ATTEMPTS if attempt.exercise == name and not attempt.says]
        assert len(set(wrong)) >= (5 if header["kind"] in CODE else 2), f"{name} needs more named wrong answers"
        assert right, f"{name} needs a right answer that is not the reference"


def boom(*args):
    raise KeyError("gone")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (boom, "✗ 01.5  your code stopped with KeyError: 'gone', at `raise KeyError(\"gone\")`"),
        (lambda p: p, "TypeError"),
        (3.0, "hand over the function itself"),
        (None, "… 01.5  not done yet"),
        (lambda p, g: None, "`return` is missing"),
        (lambda p, g: p.sum(), "the shape should be (2,)"),
        (lambda p, g: p.tolist(), "a tensor is wanted"),
        (lambda p, g: p.fill_(0.0), "your function changes `p`"),
        (lambda p, g: torch_s_own_blank(), "stopped with NotImplementedError"),
    ],
    ids=("raises", "signature", "value", "blank", "no return", "shape", "type", "in place", "torch's own"),
)
def test_no_answer_makes_the_checker_itself_fail(answer, words):
    verdict, said = heard("01.5", answer)
    assert verdict is False
    assert words in said


def torch_s_own_blank():
    raise NotImplementedError("\"softmax_lastdim_kernel_impl\" not implemented for 'Long'")


def test_a_wrong_answer_shows_the_smallest_failing_example():
    _, words = heard("01.5", lambda p, g: p * g)
    assert "p = [0.75, 0.25]\n" in words
    assert "yours [0.75, 0]\n" in words
    assert "right [0.1875, -0.1875]\n" in words


def test_the_right_number_is_not_given_away():
    assert heard("01.1", 15.0)[1] == "✗ 01.1  15 is too large\n      yours 15\n"


def test_an_unknown_exercise_is_an_error_that_names_the_known():
    with pytest.raises(ValueError, match=r"lesson 01 has 01\.1, "):
        check("01.99", 1)
    with pytest.raises(ValueError, match="there are some for 01"):
        check("77.1", 1)
