"""Run every notebook in order: one line each, executed copies under build/, the table of systems last.

make course          or:  python notebooks/run_course.py [NOTEBOOK …]

A lesson that fails says where, and the next one runs; how to run it alone is said at the end.
"""

import asyncio
import os
import shlex
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

SCORES_MIME = "application/vnd.bertsum-lite.scores+json"
HERE = Path(__file__).resolve().parent
SHOWN = 3  # lines of a cell that failed
PATIENCE = 600  # seconds for a kernel to start and to hand over what it printed; nbclient would wait 60 and 4


class Lesson(NotebookClient):
    """Runs a notebook where it lies, and remembers the code cell it has come to: ``cell`` is the ``number``-th."""

    number, cell = 0, None

    def __init__(self, notebook: nbformat.NotebookNode):
        super().__init__(
            notebook,
            timeout=None,
            startup_timeout=PATIENCE,
            iopub_timeout=PATIENCE,
            coalesce_streams=True,  # a progress bar becomes its last state
            record_timing=False,
            resources={"metadata": {"path": str(HERE)}},
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # its warnings would break the line
            on_cell_execute=self.come_to,
        )
        self.log.setLevel("CRITICAL")  # what it would log is said below

    def come_to(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        self.number, self.cell = self.number + 1, cell


class Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to Python, which raises ``KeyboardInterrupt``; nbclient would take it for a dead kernel."""

    def add_signal_handler(self, *arguments) -> None:
        raise RuntimeError("nbclient goes on without its handler")


def run(lesson: Lesson) -> None:
    """Run all cells; however that ends, the kernel ends with it."""
    loop = Loop()
    task = loop.create_task(lesson.async_execute())
    try:
        loop.run_until_complete(task)
    except KeyboardInterrupt:
        lesson.shutdown_kernel = "immediate"
        running = asyncio.all_tasks(loop)
        for each in running:
            each.cancel()
        loop.run_until_complete(asyncio.wait(running))
        task.exception()  # asyncio prints an error that nobody asked for
        raise
    finally:
        loop.close()


def reason(error: BaseException) -> str:
    """What went wrong, in one line: the last of the error."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl-C"
    if isinstance(error, DeadKernelError):
        return "FAILED: the kernel died, most likely because the memory was full; close other programs and notebooks"
    name, text = type(error).__name__, str(error)
    if isinstance(error, CellExecutionError):
        name, text = error.ename, error.evalue
    last = text.strip().rsplit("\n", 1)[-1]
    return f"FAILED: {name}: {last}" if last else f"FAILED: {name}"


def place(lesson: Lesson) -> str:
    """Which cell it was, and how it begins."""
    if lesson.cell is None:
        return "  before its first cell"
    lines = lesson.cell.source.splitlines()
    more = ["…"] if len(lines) > SHOWN else []
    return "\n".join([f"  in cell [{lesson.number}]:", *(f"    {line}" for line in [*lines[:SHOWN], *more])])


def command(path: Path) -> str:
    """What runs this lesson alone, as one types it in the present folder."""
    here = Path.cwd()
    words = [Path(sys.executable), Path(__file__).resolve(), path]
    return shlex.join(os.path.relpath(word) if word.is_relative_to(here) else str(word) for word in words)


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
    failed, table, interrupted = [], [], False
    for path in paths:
        print(f"{path.stem:32}", end="", flush=True)
        notebook = nbformat.read(path, as_version=4)
        lesson, start = Lesson(notebook), time.perf_counter()
        try:
            run(lesson)
            result = headline(notebook)
        except (CellControlSignal, RuntimeError, KeyboardInterrupt) as error:
            failed.append(path)
            interrupted = isinstance(error, KeyboardInterrupt)
            result = f"{reason(error)}\n{place(lesson)}"
        print(f"{time.perf_counter() - start:6.0f} s   {result}", flush=True)
        nbformat.write(notebook, build / path.name)
        table += [(path.stem[:2], system, result) for system, result in scores(notebook).items()]
        if interrupted:
            break
    if table:
        print(f"\n{'in':4}{'system':36}{'ROUGE-1':>8}{'ROUGE-2':>9}{'ROUGE-L':>9}{'documents':>11}")
        for number, system, result in table:
            r1, r2, rl = result["mean"].values()
            print(f"{number:4}{system:36}{r1:8.2f}{r2:9.2f}{rl:9.2f}{result['n']:11}")
    print(f"\nexecuted copies: {build}")
    if failed:
        print("\nTo run alone what did not finish:", *map(command, failed), sep="\n    ", file=sys.stderr)
    return 130 if interrupted else bool(failed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # between two lessons
        sys.exit(130)
