"""``bertsum-lite``: train, evaluate, summarize and label from the shell (notebook 12).

Results go to standard output, progress and warnings to standard error.
"""

import argparse
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

# For summaries of one sentence. 500 documents held out of SciTLDR's training set ask for 2 to 4 (cross entropy).
CENTRALITY = 4.0

# Heavy imports stand inside the commands: `bertsum-lite --help` answers at once.


def train(args: argparse.Namespace) -> None:
    """Fine-tune a pre-trained encoder to choose sentences, or to write."""
    import torch

    from bertsum_lite.abstractive import AbstractiveConfig, AbstractiveSummarizer
    from bertsum_lite.corpus import load_corpus
    from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
    from bertsum_lite.selection import typical_length
    from bertsum_lite.tiers import CPU, small
    from bertsum_lite.training import train as run

    model_folder, checkpoint = args.output / "model", args.output / "checkpoint"
    if model_folder.exists():
        raise ValueError(f"{model_folder} is there already; choose another --output, or remove it")
    records = load_corpus(args.data, "train", args.limit).to_list()
    torch.manual_seed(args.seed)
    if args.task == "extractive":
        kind, options, settings = ExtractiveSummarizer, {"k": args.k or typical_length(records)}, CPU.settings
        if options["k"] == 1 and not args.paper:
            options["centrality"] = CENTRALITY
    else:
        kind, options, settings = AbstractiveSummarizer, {}, CPU.writing
    config_class = {ExtractiveSummarizer: ExtractiveConfig, AbstractiveSummarizer: AbstractiveConfig}[kind]
    config = (config_class.paper if args.paper else config_class)(language=args.language, **options)
    model = kind.from_encoder(args.init_from or args.encoder, config)
    examples = model.examples(records)
    say(f"{len(examples):,} training examples, {sum(map(len, examples)):,} tokens")
    if checkpoint.exists():
        say(f"going on from {checkpoint}")
    epochs = args.epochs or settings.epochs
    if args.task == "extractive" and len(examples) < 1000:
        settings = small(len(examples), epochs)
    changes = {"epochs": epochs, "seed": args.seed, "save_every": args.save_every}
    history = run(model, examples, model.collate, replace(settings, **changes), checkpoint)
    if accelerate_rank() == 0:
        model.save_pretrained(model_folder)
        (args.output / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history), encoding="utf-8")
        result = {"model": str(model_folder), "updates": len(history), "loss": history[-1]["loss"]}
        emit(args, result, f"{len(history)} updates, last loss {history[-1]['loss']:.3f}\nmodel: {model_folder}")


def load(name: str):
    """A trained model of either kind."""
    from bertsum_lite.abstractive import AbstractiveConfig, AbstractiveSummarizer
    from bertsum_lite.extractive import ExtractiveSummarizer
    from bertsum_lite.pretrained import model_type

    writes = model_type(name) == AbstractiveConfig.model_type
    return (AbstractiveSummarizer if writes else ExtractiveSummarizer).from_pretrained(name)


def evaluate(args: argparse.Namespace) -> None:
    """Score a model against lead, random, TextRank and the oracle."""
    from tqdm import tqdm

    from bertsum_lite.baselines import lead, random_sentences, textrank
    from bertsum_lite.corpus import load_corpus, references
    from bertsum_lite.extractive import ExtractiveSummarizer
    from bertsum_lite.oracle import greedy_oracle
    from bertsum_lite.rouge import corpus_rouge
    from bertsum_lite.selection import typical_length

    model = load(args.model)
    records = load_corpus(args.data, args.split, args.limit).to_list()
    documents = [record["document"] for record in records]
    extractive = isinstance(model, ExtractiveSummarizer)
    k = args.k or (model.config.k if extractive else typical_length(records))
    chosen = {
        f"lead-{k}": [lead(d, k) for d in documents],
        "random": [random_sentences(r["document"], k, r["id"]) for r in records],
        "textrank": [textrank(d, k) for d in documents],
        "oracle": [sorted(greedy_oracle(r["document"], r["summary"], k)) for r in records],
    }
    bar = partial(tqdm, desc="scoring" if extractive else "writing", unit="batch")
    if extractive:
        chosen["bertsum"] = model.extract(documents, k=k, progress=bar)
    summaries = {name: [[d[i] for i in row] for d, row in zip(documents, rows)] for name, rows in chosen.items()}
    if not extractive:
        summaries["bertsum"] = model.write(documents, progress=bar)
    golds = [references(record) for record in records]
    scores = {name: corpus_rouge(predictions, golds) for name, predictions in summaries.items()}
    as_json = {name: {"mean": s.mean, "low": s.low, "high": s.high, "n": s.n} for name, s in scores.items()}
    emit(args, as_json, "\n".join(f"{name:9} {score}" for name, score in scores.items()))


def summarize(args: argparse.Namespace) -> None:
    """Summarize a text file, standard input, or a text given with --text."""
    from bertsum_lite.extractive import ExtractiveSummarizer
    from bertsum_lite.sentences import join_sentences

    if args.text is not None:
        text = args.text
    elif args.file == "-":
        text = sys.stdin.buffer.read().decode("utf-8-sig", errors="replace")
    else:
        text = Path(args.file).read_bytes().decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise ValueError("the text is empty: there is nothing to summarize")
    model = load(args.model)
    choice = {"k": args.k, "words": args.words, "threshold": args.threshold}
    if isinstance(model, ExtractiveSummarizer):
        summary = model.summarize(text, **choice)
    elif given := [f"--{name}" for name, value in choice.items() if value is not None]:
        raise ValueError(f"{', '.join(given)} choose sentences, but {args.model} writes; leave them out")
    else:
        summary = model.summarize(text)
    emit(args, {"summary": summary}, join_sentences(summary))


def label(args: argparse.Namespace) -> None:
    """Print the greedy oracle's labels, one JSON object a document."""
    from bertsum_lite.corpus import stream_corpus
    from bertsum_lite.oracle import labels

    for record in stream_corpus(args.data, args.split, args.limit):
        row = {"id": record["id"], "labels": labels(record["document"], record["summary"], args.k or 3)}
        print(json.dumps(row, ensure_ascii=False))


def accelerate_rank() -> int:
    from accelerate import PartialState

    return PartialState().process_index


def say(message: str) -> None:
    print(message, file=sys.stderr)


def emit(args: argparse.Namespace, result: dict, text: str) -> None:
    print(json.dumps(result, ensure_ascii=False) if args.json else text)


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"want a whole number of at least 1, got {text!r}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line; each command's help is its function's first line."""
    main_parser = argparse.ArgumentParser(prog="bertsum-lite", description="Summarization with BERTSUM.")
    commands = main_parser.add_subparsers(dest="command", required=True)
    data = "harbour, harbour-zh, tinynews (bundled), scitldr, xsum … (Hub), a .jsonl, .jsonl.gz or .parquet, a folder"

    def command(function) -> argparse.ArgumentParser:
        sub = commands.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
        sub.set_defaults(run=function)
        sub.add_argument("--k", type=positive, help="sentences in a summary (default: what the data suggests)")
        if function is not label:  # which prints nothing but JSON
            sub.add_argument("--json", action="store_true", help="print the result as JSON")
        return sub

    sub = command(train)
    sub.add_argument("--data", required=True, help=data)
    sub.add_argument("--output", required=True, type=Path, help="folder for the model, its history and checkpoints")
    sub.add_argument("--encoder", default="minilm", help="minilm (bundled), a Hub id of a BERT, or a folder")
    sub.add_argument("--task", choices=("extractive", "abstractive"), default="extractive", help="choose or write")
    sub.add_argument("--init-from", metavar="MODEL", help="start from the encoder of a trained model of ours")
    sub.add_argument("--paper", action="store_true", help="the paper's model instead of the one for small data")
    sub.add_argument("--epochs", type=positive, help="passes over the data (default: what suits the task)")
    sub.add_argument("--language", default="en", help="of the texts, for sentence splitting (default: %(default)s)")
    sub.add_argument("--limit", type=positive, help="use only the first so many documents")
    sub.add_argument(
        "--save-every",
        type=positive,
        default=50,
        metavar="N",
        help="updates between checkpoints (default: %(default)s); the same command goes on from one",
    )
    sub.add_argument("--seed", type=int, default=0)

    sub = command(evaluate)
    sub.add_argument("--model", required=True, help="folder of a trained model, or its Hub id")
    sub.add_argument("--data", required=True, help=data)
    sub.add_argument("--split", default="validation", help="(default: %(default)s)")
    sub.add_argument("--limit", type=positive, help="use only the first so many documents")

    sub = command(summarize)
    sub.add_argument("file", nargs="?", default="-", help="text file; - or nothing for standard input")
    sub.add_argument("--text", help="the text itself, instead of a file")
    sub.add_argument("--model", required=True, help="folder of a trained model, or its Hub id")
    sub.add_argument("--words", type=positive, help="at most so many words")
    sub.add_argument("--threshold", type=float, help="only sentences that score at least this")

    sub = command(label)
    sub.add_argument("--data", required=True, help=data)
    sub.add_argument("--split", default="train", help="(default: %(default)s)")
    sub.add_argument("--limit", type=positive, help="use only the first so many documents")
    return main_parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; errors a person can mend are one line and exit code 2."""
    args = parser().parse_args(arguments)
    try:
        args.run(args)
    except (ValueError, OSError, FloatingPointError) as error:
        say(f"bertsum-lite: {error}")
        return 2
    except KeyboardInterrupt as stop:
        say(f"bertsum-lite: {stop}")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
