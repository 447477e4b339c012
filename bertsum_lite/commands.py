"""What ``bertsum-lite`` does: train, evaluate, summarize, label (notebook 12). The options are in ``cli``.

Results go to standard output, progress and warnings to standard error. Heavy imports stand inside the
functions, so that ``bertsum-lite --help`` answers at once.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shlex import quote

# For summaries of one sentence. 500 documents held out of SciTLDR's training set ask for 2 to 4 (cross entropy).
CENTRALITY = 4.0


def train(args: argparse.Namespace) -> None:
    """Fine-tune a pre-trained encoder to choose sentences, or to write."""
    from dataclasses import replace

    import torch

    from bertsum_lite.abstractive import AbstractiveConfig, AbstractiveSummarizer
    from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
    from bertsum_lite.selection import typical_length
    from bertsum_lite.storage import check_writable, new_file
    from bertsum_lite.tiers import CPU, shortened, small, with_peak
    from bertsum_lite.training import train as run

    model_folder, checkpoint = args.output / "model", args.output / "checkpoint"
    if model_folder.exists():
        raise ValueError(f"{model_folder} is there already; choose another --output, or remove it")
    check_writable(args.output)
    use_device(args.device)
    records = list(read(args))
    torch.manual_seed(args.seed)
    if args.task == "extractive":
        kind, options, settings = ExtractiveSummarizer, {"k": args.k or typical_length(records)}, CPU.settings
        if options["k"] == 1 and not args.paper:
            options["centrality"] = CENTRALITY
    else:
        kind, options, settings = AbstractiveSummarizer, {}, CPU.writing
    if args.window:
        options["window"] = args.window
    config_class = {ExtractiveSummarizer: ExtractiveConfig, AbstractiveSummarizer: AbstractiveConfig}[kind]
    config = (config_class.paper if args.paper else config_class)(language=args.language or "en", **options)
    model = kind.from_encoder(args.init_from or args.encoder, config)
    examples = model.examples(records)
    say(f"{len(examples):,} training examples, {sum(map(len, examples)):,} tokens")
    if (checkpoint / "state.json").exists():
        say(f"going on from {checkpoint}")
    settings = replace(settings, epochs=args.epochs or settings.epochs)
    few = args.task == "extractive" and len(examples) < 1000
    settings = small(len(examples), settings.epochs) if few else shortened(settings, len(examples))
    if args.learning_rate:
        settings = with_peak(settings, args.learning_rate)
    tokens = args.tokens_per_batch or (16_384 if torch.cuda.is_available() else settings.tokens_per_batch)
    documents = args.documents_per_update or settings.documents_per_update
    changes = {"tokens_per_batch": tokens, "documents_per_update": documents, "save_every": args.save_every}
    history = run(model, examples, model.collate, replace(settings, seed=args.seed, **changes), checkpoint)
    if accelerate_rank() == 0:
        model.save_pretrained(model_folder)
        with new_file(args.output / "history.jsonl") as file:
            file.write_text("".join(json.dumps(row) + "\n" for row in history), encoding="utf-8")
        result = {"model": str(model_folder), "updates": len(history), "loss": history[-1]["loss"]}
        emit(args, result, f"{len(history)} updates, last loss {history[-1]['loss']:.3f}\nmodel: {model_folder}")


def evaluate(args: argparse.Namespace) -> None:
    """Score a model against lead, random, TextRank and the oracle."""
    from tqdm import tqdm

    from bertsum_lite.baselines import lead, random_sentences, textrank
    from bertsum_lite.corpus import references
    from bertsum_lite.oracle import ceiling
    from bertsum_lite.rouge import corpus_rouge
    from bertsum_lite.selection import typical_length

    model = load(args)
    records = list(read(args))
    documents, golds = [record["document"] for record in records], [references(record) for record in records]
    k = args.k or (model.config.k if chooses(model) else typical_length(records))
    chosen = {
        f"lead-{k}": [lead(d, k) for d in documents],
        "random": [random_sentences(r["document"], k, r["id"]) for r in records],
        "textrank": [textrank(d, k) for d in documents],
        "oracle": [ceiling(d, g, k) for d, g in zip(documents, golds)],
    }
    options = {"ids": [record["id"] for record in records]} | batch_size(args)
    bar = partial(tqdm, desc="scoring" if chooses(model) else "writing", unit="batch")
    if chooses(model):
        chosen["bertsum"] = model.extract(documents, k=k, progress=bar, **options)
    summaries = {name: [[d[i] for i in row] for d, row in zip(documents, rows)] for name, rows in chosen.items()}
    if not chooses(model):
        summaries["bertsum"] = model.write(documents, progress=bar, **options)
    scores = {name: corpus_rouge(predictions, golds) for name, predictions in summaries.items()}
    as_json = {name: {"mean": s.mean, "low": s.low, "high": s.high, "n": s.n} for name, s in scores.items()}
    emit(args, as_json, "\n".join(f"{name:9} {score}" for name, score in scores.items()))


def summarize(args: argparse.Namespace) -> None:
    """Summarize a text, files, a folder of .txt files, or a corpus."""
    if sum([args.text is not None, bool(args.files), args.data is not None]) > 1:
        raise ValueError("give one of FILE, --text and --data")
    if args.text is not None and args.output is not None:
        raise ValueError("--output is for files and corpora; the summary of --text goes to standard output")
    files = list(text_files(args.files or ["-"]))
    if args.text is not None or (args.data is None and args.output is None and len(files) == 1):
        text = args.text if args.text is not None else read_text(files[0])
        if not text.strip():
            raise ValueError("the text is empty: there is nothing to summarize")
        summarize_one(args, text)
    else:
        summarize_many(args, files)


def summarize_one(args: argparse.Namespace, text: str) -> None:
    from bertsum_lite.sentences import join_sentences

    model = load(args)
    limits = limits_for(model, args)
    if not args.scores:
        summary = model.summarize(text, **limits, **batch_size(args))
        emit(args, {"summary": summary}, join_sentences(summary))
        return
    scored = model.score(text)
    sentences = [sentence.text for sentence in scored]
    (chosen,) = model.choose([sentences], [[sentence.score for sentence in scored]], **limits)
    rows = [vars(sentence) | {"chosen": i in chosen} for i, sentence in enumerate(scored)]
    lines = [f"{'*' if row['chosen'] else ' '} {row['score']:.4f}  {row['text']}" for row in rows]
    emit(args, {"summary": [sentences[i] for i in chosen], "sentences": rows}, "\n".join(lines))


def summarize_many(args: argparse.Namespace, files: list[str]) -> None:
    """Many texts, a chunk at a time: to standard output, or to ``--output`` so that an interrupted run can go on."""
    from tqdm import tqdm

    from bertsum_lite.batch import chunks, steady_memory, write_rows
    from bertsum_lite.sentences import join_sentences
    from bertsum_lite.storage import check_writable

    if args.output:
        check_writable(args.output.parent)
    steady_memory()
    model = load(args)
    limits = limits_for(model, args)

    def answer(records: list[dict]) -> list[dict]:
        documents = [record["document"] for record in records]
        options = {"ids": [record["id"] for record in records]} | batch_size(args)
        if not chooses(model):
            return [{"id": r["id"], "summary": s} for r, s in zip(records, model.write(documents, **options))]
        scores = model.score_documents(documents, **options)
        rows = []
        for record, row, chosen in zip(records, scores, model.choose(documents, scores, **limits)):
            answer = {"id": record["id"], "summary": [record["document"][i] for i in chosen]}
            rows.append(answer | ({"sentences": record["document"], "scores": row} if args.scores else {}))
        return rows

    missing: list[str] = []
    source = read(args, summaries=False) if args.data is not None else read_texts(args, model, files, missing)
    with tqdm(source, desc="summarizing", unit=" documents", disable=not sys.stderr.isatty()) as records:
        if args.output:
            settings = {"model": model_digest(args.model), "scores": args.scores, "language": args.language, **limits}
            write_rows(args.output, records, answer, settings | batch_size(args))
        else:
            for row in (row for chunk in chunks(records) for row in answer(chunk)):
                emit(args, row, f"==> {row['id']} <==\n{join_sentences(row['summary'])}\n", as_json=args.scores)
    if missing:
        raise ValueError(f"{len(missing)} of {len(files)} files could not be summarized: {', '.join(missing)}")


def label(args: argparse.Namespace) -> None:
    """Print the greedy oracle's labels, one JSON object per document."""
    from bertsum_lite.oracle import labels

    for record in read(args):
        row = {"id": record["id"], "labels": labels(record["document"], record["summary"], args.k or 3)}
        print(json.dumps(row, ensure_ascii=False))


# Reading -----------------------------------------------------------------------------------------


def read(args: argparse.Namespace, summaries: bool = True) -> Iterator[dict]:
    """The records that ``--data`` and its companions ask for."""
    from bertsum_lite.corpus import stream_corpus

    columns = {"text_column": args.text_column, "summary_column": args.summary_column}
    return stream_corpus(
        args.data, args.split, args.limit, **columns, language=args.language or "en", summaries=summaries
    )


def text_files(names: list[str]) -> Iterator[str]:
    """The files themselves, and of a folder its .txt files in order."""
    for name in names:
        if not Path(name).is_dir():
            yield name
            continue
        inside = sorted(Path(name).glob("*.txt"))
        if not inside:
            raise ValueError(f"{name} holds no .txt file; for a corpus of records use --data {name}")
        yield from map(str, inside)


def read_text(file: str) -> str:
    """The text of a file, or of standard input for ``-``."""
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        name = "standard input" if file == "-" else file
        raise ValueError(
            f"{name} is not UTF-8: byte {error.start} is 0x{raw[error.start]:02x}; convert it first, for example "
            f"with  iconv -f LATIN1 -t UTF-8 {'FILE' if file == '-' else quote(file)} > utf8.txt"
        ) from error


def read_texts(args: argparse.Namespace, model, files: list[str], missing: list[str]) -> Iterator[dict]:
    """A record for each file; one that cannot be read is said, noted in ``missing``, and passed over."""
    from bertsum_lite.encoding import document_from

    for file in files:
        try:
            yield {"id": file, "document": document_from(read_text(file), model.config.language)}
        except (ValueError, OSError) as error:
            missing.append(file)
            say(f"bertsum-lite: {file}: {error}")


# The model ---------------------------------------------------------------------------------------


def load(args: argparse.Namespace):
    """A trained model of either kind, on the device that is asked for."""
    from bertsum_lite.abstractive import AbstractiveConfig, AbstractiveSummarizer
    from bertsum_lite.extractive import ExtractiveSummarizer
    from bertsum_lite.pretrained import model_type

    writes = model_type(args.model) == AbstractiveConfig.model_type
    model = (AbstractiveSummarizer if writes else ExtractiveSummarizer).from_pretrained(args.model)
    if args.language:
        model.config.language = args.language
    return model.to(use_device(args.device))


def use_device(name: str):
    """The ``torch.device`` of this name; ``auto`` is the accelerator where there is one. ``train`` will use it, too.

    Raises:
        ValueError: if there is no such device.
    """
    import torch

    if name == "auto":
        return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        if device.type == "cuda":
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"there is no device {name!r} here: {str(error).splitlines()[0]}") from error
    if device.type == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"
    return device


def model_digest(name: str) -> str:
    """Tells two models apart: the digest of a folder's checksums, else the name."""
    from bertsum_lite.storage import CHECKSUMS, sha256

    sums = Path(name) / CHECKSUMS
    return sha256(sums) if sums.is_file() else name


def chooses(model) -> bool:
    from bertsum_lite.extractive import ExtractiveSummarizer

    return isinstance(model, ExtractiveSummarizer)


def limits_for(model, args: argparse.Namespace) -> dict:
    """The options that say how much to choose; a model that writes has none."""
    limits = {name: getattr(args, name) for name in ("k", "words", "ratio", "threshold")}
    given = [f"--{name}" for name, value in limits.items() if value is not None]
    given += ["--no-blocking"] * args.no_blocking + ["--scores"] * args.scores
    if chooses(model):
        return limits | {"block_trigrams": not args.no_blocking}
    if given:
        raise ValueError(f"{', '.join(given)} choose sentences, but {args.model} writes; leave them out")
    return {}


def batch_size(args: argparse.Namespace) -> dict:
    return {"tokens_per_batch": args.tokens_per_batch} if args.tokens_per_batch else {}


def accelerate_rank() -> int:
    from accelerate import PartialState

    return PartialState().process_index


# Saying ------------------------------------------------------------------------------------------


def say(message: str) -> None:
    print(message, file=sys.stderr)


def emit(args: argparse.Namespace, result: dict, text: str, as_json: bool = False) -> None:
    print(json.dumps(result, ensure_ascii=False) if args.json or as_json else text)
