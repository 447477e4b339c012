"""Run every notebook in order: one line each, executed copies under build/, the table of systems last.

make course          or:  python notebooks/run_course.py [NOTEBOOK …]
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

SCORES_MIME = "application/vnd.bertsum-lite.scores+json"
HERE = Path(__file__).resolve().parent


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def headline(notebook: nbformat.NotebookNode) -> str:
    """The last line that a notebook printed as ``headline: …``."""
    text = "".join(output.text for output in outputs(notebook) if output.get("name") == "stdout")
    lines = [line.removeprefix("headline: ") for line in text.splitlines() if line.startswith("headline: ")]
    return lines[-1] if lines else ""


def scores(notebook: nbformat.NotebookNode) -> dict:
    """Every system that the notebook's score tables show."""
    tables = [output.data[SCORES_MIME] for output in outputs(notebook) if SCORES_MIME in output.get("data", {})]
    return {system: result for table in tables for system, result in table.items()}


def main() -> int:
    build = HERE.parent / "build"
    build.mkdir(exist_ok=True)
    paths = [Path(p).resolve() for p in sys.argv[1:]] or sorted(HERE.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        print(f"no notebooks in {HERE}", file=sys.stderr)
        return 1
    failed, table = [], []
    for path in paths:
        print(f"{path.stem:32}", end="", flush=True)
        notebook = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        try:
            NotebookClient(
                notebook,
                timeout=None,
                coalesce_streams=True,  # a progress bar becomes its last state
                record_timing=False,
                resources={"metadata": {"path": str(HERE)}},
                extra_arguments=["--IPKernelApp.log_level=ERROR"],  # its warnings would break the line
            ).execute()
            result = headline(notebook)
        except CellExecutionError as error:
            failed.append(path.stem)
            result = f"FAILED: {error.ename}: {error.evalue}"
        print(f"{time.perf_counter() - start:6.0f} s   {result}", flush=True)
        nbformat.write(notebook, build / path.name)
        table += [(path.stem[:2], system, result) for system, result in scores(notebook).items()]
    if table:
        print(f"\n{'in':4}{'system':36}{'ROUGE-1':>8}{'ROUGE-2':>9}{'ROUGE-L':>9}{'documents':>11}")
        for number, system, result in table:
            r1, r2, rl = result["mean"].values()
            print(f"{number:4}{system:36}{r1:8.2f}{r2:9.2f}{rl:9.2f}{result['n']:11}")
    print(f"\nexecuted copies: {build}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
