"""``bertsum-lite``: the command line (notebook 12). What the commands do is in ``commands``.

Exit codes: 0, all is well; 2, something a person can mend, said in one line; 130, Ctrl-C; 141, the reader of
the output went away.
"""

import argparse
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bertsum_lite.commands import evaluate, label, say, summarize, train


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Print each kind of warning once, in one line, and at the end how often it came."""
    seen: Counter = Counter()

    def show(message, category, filename, lineno, *_) -> None:
        seen[filename, lineno] += 1
        if seen[filename, lineno] == 1:
            say(f"bertsum-lite: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
    if again := sum(seen.values()) - len(seen):
        say(f"bertsum-lite: {again} more warnings of these kinds")


def advice_on_memory(error: BaseException, args: argparse.Namespace) -> str | None:
    """What to lower, if it was memory that ran out."""
    text = str(error).lower()
    if not isinstance(error, MemoryError) and "out of memory" not in text and "can't allocate memory" not in text:
        return None
    if not hasattr(args, "tokens_per_batch"):
        return "out of memory: use --limit"
    now = args.tokens_per_batch or "the default"
    return f"out of memory: lower --tokens-per-batch (now {now}), for example to 1024, or use --device cpu"


# The command line --------------------------------------------------------------------------------


def number(kind: type, least: float, most: float = float("inf")) -> Callable[[str], float]:
    """A type for ``argparse``: a number of this kind in these bounds."""

    def convert(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            wanted = "a whole number" if kind is int else "a number"
            between = f"of at least {least}" if most == float("inf") else f"between {least} and {most}"
            raise argparse.ArgumentTypeError(f"want {wanted} {between}, got {text!r}")
        return value

    return convert


positive = number(int, 1)
DATA = "harbour, harbour-zh, tinynews (bundled), scitldr, xsum … (Hub), a file (.jsonl .json .csv .tsv .parquet, the \
text ones also with .gz), or a folder that holds train.jsonl and the like"


def parser() -> argparse.ArgumentParser:
    """The command line; each command's help is its function's first line."""
    main_parser = argparse.ArgumentParser(prog="bertsum-lite", description="Summarization with BERTSUM.")
    main_parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = main_parser.add_subparsers(dest="command")

    def command(function, split: str | None = None) -> argparse.ArgumentParser:
        sub = commands.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
        sub.set_defaults(run=function, split="train")
        sub.add_argument("--data", required=function is not summarize, help=DATA)
        if split:
            sub.add_argument("--split", default=split, help="of a corpus or folder (default: %(default)s)")
        sub.add_argument("--limit", type=positive, metavar="N", help="use only the first N documents")
        sub.add_argument("--text-column", metavar="NAME", help="field that holds the text, if it has an unusual name")
        sub.add_argument("--summary-column", metavar="NAME", help="field that holds the summary")
        sub.add_argument("--language", help="of the texts, for sentence splitting: en, de, zh … (default: %(default)s)")
        sub.add_argument("--k", type=positive, help="sentences in a summary (default: what the data suggests)")
        if function is not label:  # which prints nothing but JSON, and computes nothing
            sub.add_argument("--json", action="store_true", help="print the result as JSON")
            sub.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 … (default: %(default)s)")
            what = "padded tokens that are computed at once: lower it when memory runs out"
            sub.add_argument("--tokens-per-batch", type=positive, metavar="N", help=what)
        return sub

    sub = command(train)
    sub.add_argument("--output", required=True, type=Path, help="folder for the model, its history and checkpoints")
    sub.add_argument("--encoder", default="minilm", help="minilm (bundled), a Hub id of a BERT, or a folder")
    sub.add_argument("--task", choices=("extractive", "abstractive"), default="extractive", help="choose or write")
    sub.add_argument("--init-from", metavar="MODEL", help="start from the encoder of a trained model of ours")
    sub.add_argument("--paper", action="store_true", help="the paper's model instead of the one for small data")
    sub.add_argument("--epochs", type=positive, metavar="N", help="passes over the data (default: what suits the task)")
    rate = "peak rate of the new layers; the encoder keeps its share of it (default: what suits the task)"
    sub.add_argument("--learning-rate", type=number(float, 1e-8, 1.0), metavar="RATE", help=rate)
    updates = "documents that one update learns from (default: 16; 4 for fewer than 1,000 documents)"
    sub.add_argument("--documents-per-update", type=positive, metavar="N", help=updates)
    sub.add_argument("--window", type=number(int, 8), metavar="N", help="tokens that the encoder reads (default: 512)")
    often = "updates between checkpoints (default: %(default)s); the same command goes on from one"
    sub.add_argument("--save-every", type=positive, default=50, metavar="N", help=often)
    sub.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")

    sub = command(evaluate, split="validation")
    sub.add_argument("--model", required=True, help="folder of a trained model, or its Hub id")

    sub = command(summarize, split="test")
    files = "text files or folders of them; - or nothing: standard input"
    sub.add_argument("files", nargs="*", metavar="FILE", help=files)
    sub.add_argument("--text", help="the text itself, instead of a file")
    sub.add_argument("--model", required=True, help="folder of a trained model, or its Hub id")
    resumes = "write one JSON object per document here; the same command goes on after an interruption"
    sub.add_argument("--output", type=Path, metavar="FILE", help=resumes)
    sub.add_argument("--words", type=positive, metavar="N", help="at most N words in all, instead of --k sentences")
    share = "at most this share of the text's words, for example 0.2"
    sub.add_argument("--ratio", type=number(float, 0.0001, 1), metavar="SHARE", help=share)
    close = "only sentences whose score is at least this share of the best one's: 1 keeps the best alone, 0.5 those \
half as good, 0 all; how many that are depends on the text"
    sub.add_argument("--threshold", type=number(float, 0, 1), metavar="SHARE", help=close)
    sub.add_argument("--no-blocking", action="store_true", help="also choose what repeats three words in a row")
    sub.add_argument("--scores", action="store_true", help="print every sentence with its score; * marks the chosen")

    command(label, split="train")
    return main_parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; errors that a person can mend are one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):  # a Windows console or PYTHONIOENCODING=cp1252 cannot print Chinese
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    args = parser().parse_args(arguments)
    try:
        if args.version:
            from importlib.metadata import version

            print(f"bertsum-lite {version('bertsum-lite')}")
        elif args.command is None:
            parser().print_help()
            return 2
        else:
            with one_line_warnings():
                args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head -1` has read enough; what Python flushes at exit must not complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError, FloatingPointError) as error:
        say(f"bertsum-lite: {error}")
        return 2
    except (RuntimeError, MemoryError) as error:
        if (advice := advice_on_memory(error, args)) is None:
            raise
        say(f"bertsum-lite: {advice}")
        return 2
    except KeyboardInterrupt as stop:
        say(f"bertsum-lite: {stop or 'stopped'}")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
