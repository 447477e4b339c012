"""Write the learner's copies from exercises/solutions, the only source.

make exercises          or:  python exercises/make.py [SOURCE …]

In a source a blank is

    # wanted: the sentence that the learner reads
    ### BEGIN SOLUTION
    …
    ### END SOLUTION

and becomes ``raise NotImplementedError("the sentence …")``. A cell ``assert check("01.3", f)`` becomes
``check("01.3", f);`` with the solution folded behind it. The sources get nbgrader's metadata.
"""

import json
import re
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
CHECK = re.compile(r'^assert (check\("(\d\d\.\d+)", .+\))$', re.DOTALL)
HEADER = re.compile(
    r"^### (?P<name>\d\d\.\d+) · (?P<title>.+)\n"
    r"difficulty (?P<stars>(?=[●○]{5} )●+○*) · (?P<minutes>\d+) minutes · "
    r"(?P<kind>hand|code|repair|experiment|open) · (?P<aim>.+)\n"
)
BLANK = re.compile(
    r"^(?P<indent> *)# wanted: (?P<sentence>.+(?:\n *# .+)*)\n *### BEGIN SOLUTION\n"
    r"(?P<solution>.*?)^ *### END SOLUTION\n?",
    re.DOTALL | re.MULTILINE,
)


def is_solution(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and "### BEGIN SOLUTION" in cell.source


def name_of_check(cell: NotebookNode) -> str | None:
    match = CHECK.match(cell.source) if cell.cell_type == "code" else None
    return match and match[2]


def headers(notebook: NotebookNode) -> dict[str, dict[str, str]]:
    """What the line under each exercise's title says: name → title, stars, minutes, kind, aim."""
    found = (HEADER.match(cell.source + "\n") for cell in notebook.cells if cell.cell_type == "markdown")
    return {match["name"]: match.groupdict() for match in found if match}


def annotate(source: NotebookNode) -> NotebookNode:
    """The source with nbgrader's metadata: what is to be solved, what is graded, what stays as it is."""
    notebook, about = deepcopy(source), headers(source)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for i, cell in enumerate(codes):
        checked = name_of_check(cell)
        role = {"schema_version": 3, "task": False, "grade": bool(checked), "solution": is_solution(cell)}
        role["locked"] = not role["solution"]
        if checked:
            if checked not in about:
                raise SystemExit(f"exercise {checked} is checked, but no cell begins as {HEADER.pattern} asks")
            role |= {"grade_id": f"check-{checked}", "points": about[checked]["stars"].count("●")}
        elif role["solution"]:
            name = next(filter(None, map(name_of_check, codes[i:])), None)
            role["grade_id"] = f"solution-{name}-{cell.id}"
        else:
            role["grade_id"] = f"given-{cell.id}"
        role["grade_id"] = role["grade_id"].replace(".", "-")  # nbgrader allows no dots
        cell.metadata.pop("execution", None)
        cell.metadata["nbgrader"] = nbformat.from_dict(role)
    return notebook


def blank(code: str) -> str:
    """A solution cell as the learner gets it."""

    def stub(match: re.Match) -> str:
        sentence = " ".join(line.strip().removeprefix("# ") for line in match["sentence"].splitlines())
        return f"{match['indent']}raise NotImplementedError({json.dumps(sentence, ensure_ascii=False)})\n"

    result = BLANK.sub(stub, code + "\n").rstrip("\n")
    if " SOLUTION" in result:
        raise SystemExit(f"`# wanted: …` has to stand right before ### BEGIN SOLUTION:\n{code}")
    return result


def solved(code: str) -> str:
    """A solution cell without markers and without `answer = None` before them."""
    result = BLANK.sub(lambda match: match["solution"], code + "\n").rstrip("\n")
    return re.sub(r"\A[\w, ]+ = None\b.*\n", "", result)


def learner(source: NotebookNode) -> NotebookNode:
    """The learner's copy: blanks, no outputs, solutions folded."""
    notebook, solutions = annotate(source), []
    cells, notebook.cells = notebook.cells, []
    for cell in cells:
        notebook.cells.append(cell)
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if is_solution(cell):
            solutions.append(solved(cell.source))
            cell.source = blank(cell.source)
        elif name_of_check(cell):
            cell.source = CHECK.sub(r"\1;", cell.source)
            code = "\n\n".join(solutions)
            folded = f"<details><summary>Solution</summary>\n\n```python\n{code}\n```\n\n</details>"
            notebook.cells.append(nbformat.v4.new_markdown_cell(folded, id=f"{cell.id}-solution"))
            solutions = []
    return notebook


def main() -> None:
    for path in map(Path, sys.argv[1:] or sorted((HERE / "solutions").glob("*.ipynb"))):
        source = nbformat.read(path, as_version=4)
        for notebook, target in ((annotate(source), path), (learner(source), HERE / path.name)):
            text = nbformat.writes(notebook) + "\n"
            if not target.exists() or target.read_text(encoding="utf-8") != text:
                target.write_text(text, encoding="utf-8")
                print(f"written: {target}")


if __name__ == "__main__":
    main()
