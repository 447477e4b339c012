"""The repository itself: requirements agree, the address stands once, the wheel carries the data."""

import json
import re
import subprocess
import sys
import zipfile

import pytest
import tomli
import yaml
from conftest import ROOT

PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch"}


def requirements(lines):
    """{name: lower bound} of lines such as ``torch>=2.6``."""
    found = (re.match(r"([\w.-]+)>=([\d.]+)$", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_environment_yml_and_pyproject_ask_for_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    pip = next(entry["pip"] for entry in environment if isinstance(entry, dict))
    conda = requirements([*(line for line in environment if isinstance(line, str)), *pip])
    extras = PROJECT["optional-dependencies"]
    wanted = requirements([*PROJECT["dependencies"], *extras["course"], *extras["test"]])
    wanted = {CONDA_NAMES.get(name, name): bound for name, bound in wanted.items()}
    assert conda == {**wanted, "python": PROJECT["requires-python"].removeprefix(">=")}
    assert "-e ." in pip


def test_the_brief_s_tools_are_all_required():
    wanted = {"jupyterlab", "torch", "transformers", "datasets", "matplotlib", "seaborn", "rouge-score", "nbval"}
    extras = PROJECT["optional-dependencies"]
    assert wanted <= set(requirements([*PROJECT["dependencies"], *extras["course"], *extras["test"]]))


def test_every_pin_satisfies_its_lower_bound():
    pins = dict(
        re.match(r"([\w.-]+)==([\d.]+)", line).groups()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    assert pins["torch"] == "2.13.0"
    for name, bound in requirements(PROJECT["dependencies"]).items():
        pinned = [int(part) for part in pins[name].split(".")]
        assert pinned >= [int(part) for part in bound.split(".")], name


@pytest.mark.parametrize("file", ["README.md", "README.zh.md", "CITATION.cff", "CONTRIBUTING.md", "data/README.md"])
def test_the_address_is_the_one_of_pyproject(file):
    address = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    text = (ROOT / file).read_text(encoding="utf-8")
    found = re.findall(r"(?:github\.com|colab\.research\.google\.com/github)/([\w-]+/[\w-]+)", text)
    assert set(found) <= {address}


@pytest.mark.parametrize("file", ["README.md", "README.zh.md"])
def test_the_readme_links_lead_somewhere(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / target).exists(), target


def test_the_weekly_run_takes_from_colab_s_list_only_what_we_require():
    workflow = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8"))
    steps = [step["run"] for step in workflow["jobs"]["course"]["steps"] if "run" in step]
    assert "python notebooks/run_course.py" in steps
    taken = set(re.search(r"\^\(([\w|]+)\)==", steps[0])[1].split("|"))
    assert set(requirements(PROJECT["dependencies"])) & taken == taken - {"tokenizers", "pandas"}


def test_the_top_level_holds_what_the_brief_fixes():
    for name in ("notebooks", "bertsum_lite", "data", "exercises", "tests", "environment.yml", "README.md"):
        assert (ROOT / name).exists(), name


def test_the_wheel_carries_the_corpora_and_finds_them_when_installed(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {
        "bertsum_lite/data/README.md",
        *(f"bertsum_lite/data/harbour/{s}.jsonl" for s in ("train", "validation", "test")),
    } <= set(names)
    assert "bertsum_lite/data/tinynews/fire.toml" in names
    assert "bertsum_lite/checks/lesson_01.py" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    code = """
import bertsum_lite, bertsum_lite.corpus
print(bertsum_lite.corpus.data_folder())
assert len(bertsum_lite.load_corpus("harbour", "test")) and len(bertsum_lite.load_corpus("tinynews", "test"))
"""
    site = tmp_path / "site"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site,
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == str(site / "bertsum_lite" / "data")


def test_the_readme_s_cpu_build_of_torch_is_the_one_we_test():
    pin = re.search(r"^torch==\S+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)[0]
    assert f"pip install {pin} --index-url" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_s_scores_are_the_notebook_s():
    notebook = json.loads((ROOT / "notebooks" / "07_extractive_finetuning.ipynb").read_text(encoding="utf-8"))
    mime = "application/vnd.bertsum-lite.scores+json"
    tables = [o["data"][mime] for c in notebook["cells"] for o in c.get("outputs", ()) if mime in o.get("data", {})]
    systems = {name: score["mean"] for table in tables for name, score in table.items()}
    names = {
        "Lead-3": "lead",
        "TextRank": "textrank",
        "**BERTSUM, MiniLM**": "BERTSUM (ours)",
        "oracle (ceiling)": "oracle",
    }
    rows = re.findall(
        r"^\| (.+?) \|((?: \**[\d.]+\** \|){3})$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) == 5
    for name, cells in rows:
        shown = [float(number) for number in re.findall(r"[\d.]+", cells)]
        assert shown == [round(value, 2) for value in systems[names.get(name, name)].values()], name
