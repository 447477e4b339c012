"""`make course`: a lesson that fails says where and how to run it alone; an environment that is broken is made anew."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from conftest import ROOT

# Ctrl-C as a terminal sends it, even where the tests run in the background and would hand on that it is ignored.
LISTENING = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with a blank in its path that holds run_course.py and the notebooks it is given."""
    root = tmp_path / "my course"
    (root / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "run_course.py", root / "notebooks")

    def write(**notebooks):
        for name, cells in notebooks.items():
            cells = [nbformat.v4.new_markdown_cell("# A lesson"), *map(nbformat.v4.new_code_cell, cells)]
            nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "notebooks" / f"{name}.ipynb")
        return root

    return write


def run_course(root, *arguments):
    command = [sys.executable, "notebooks/run_course.py", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)


def test_a_lesson_that_fails_says_where_and_the_next_one_runs(checkout):
    root = checkout(
        **{
            "00_fails": ["a = 1", "b = 2\nc = 3\nd = 4\nraise ValueError('above\\nthe last line')", "print('never')"],
            "01_dies": ["import os\nos._exit(9)"],
            "02_works": ["print('headline: all is well')"],
        }
    )
    done = run_course(root)
    assert done.returncode == 1
    fails, dies, works = re.split(r"^(?=\d\d_)", done.stdout.split("\n\n")[0], flags=re.MULTILINE)[1:]
    assert "FAILED: ValueError: the last line\n  in cell [2]:\n    b = 2\n    c = 3\n    d = 4\n    …\n" in fails
    assert "FAILED: the kernel died" in dies
    assert "memory" in dies
    assert "in cell [1]:\n    import os\n" in dies
    assert works.endswith(" s   all is well")
    assert "Traceback" not in done.stdout + done.stderr
    # The executed copies are there, up to where each of them came.
    copies = [nbformat.read(root / "build" / f"{name}.ipynb", 4).cells for name in ("00_fails", "01_dies", "02_works")]
    assert [cell.outputs[0].output_type for cell in (copies[0][2], copies[2][1])] == ["error", "stream"]

    head, *commands = done.stderr.strip().splitlines()
    assert head == "To run alone what did not finish:"
    assert [shlex.split(line)[-1] for line in commands] == ["notebooks/00_fails.ipynb", "notebooks/01_dies.ipynb"]
    checkout(**{"00_fails": ["print('headline: mended')"]})
    alone = subprocess.run(commands[0], shell=True, cwd=root, capture_output=True, text=True, timeout=600)
    assert alone.returncode == 0
    assert "mended" in alone.stdout
    assert "01_dies" not in alone.stdout


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(checkout):
    sleep = "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(600)"
    root = checkout(**{"00_long": [sleep], "01_next": ["print('never')"]})
    command = [sys.executable, "-c", LISTENING, "notebooks/run_course.py"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (root / "notebooks" / "begun").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "stopped by Ctrl-C" in out
    assert "01_next" not in out
    assert "notebooks/00_long.ipynb" in err
    assert "Traceback" not in err
    assert (root / "build" / "00_long.ipynb").is_file()


# Stands for a Python. Its `-m venv` makes an environment of this script, with pip where there is a file `whole`.
PYTHON = """#!/bin/sh
cd "$(dirname "$MAKEFILE")"
echo "$@" >> calls
case "$*" in
  *version_info*) [ ! -e old ] ;;
  *'print("runs")'*) echo runs ;;
  "-m pip --version") [ -e .venv/pip ] ;;
  "-m venv --clear .venv")
    rm -rf .venv
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    [ -e whole ] && touch .venv/pip ;;
  *) true ;;
esac
"""


@pytest.fixture
def make(tmp_path):
    """Run ``make course`` in a folder of its own with the stand-in above: what it says, and how it was called."""
    if not shutil.which("make"):
        pytest.skip("needs make")
    root = tmp_path / "my course"
    root.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, root)
    (root / "python").write_text(PYTHON, encoding="utf-8")
    (root / "python").chmod(0o755)

    def run(python="./python"):
        (root / "calls").write_text("", encoding="utf-8")
        environment = {"PATH": "/usr/bin:/bin", "MAKEFILE": str(root / "Makefile")}
        command = ["make", "course", f"PYTHON={python}"]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600)
        return done, (root / "calls").read_text(encoding="utf-8")

    return root, run


def test_make_recovers_when_python3_venv_comes_late(make):
    root, run = make
    done, calls = run()
    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stderr
    assert "pip install" not in calls
    (root / "whole").touch()  # python3-venv is installed
    done, calls = run()
    assert done.returncode == 0, done.stderr
    assert calls.index("-m venv --clear .venv") < calls.index("-m pip install") < calls.index("notebooks/run_course.py")
    done, calls = run()
    assert done.returncode == 0
    assert "venv" not in calls
    assert "pip" not in calls


def test_make_notices_that_the_system_s_python_has_been_replaced(make):
    root, run = make
    (root / "whole").touch()
    run()
    (root / ".venv" / "bin" / "python").unlink()
    done, calls = run()
    assert done.returncode == 0, done.stderr
    assert "-m venv --clear .venv" in calls


@pytest.mark.parametrize("python", ["./python", "./not-there"])
def test_make_says_in_one_line_that_python_is_too_old_or_missing(make, python):
    root, run = make
    (root / "old").touch()
    done, calls = run(python)
    assert done.returncode != 0
    assert "Python 3.10 or newer is needed" in done.stderr
    assert "make course PYTHON=python3.12" in done.stderr
    assert not (root / ".venv").exists()
