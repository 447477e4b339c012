"""Label, encode and summarise a stream of tinynews documents: documents/s, peak memory, and whether they grow.

python benchmarks/scale.py [JOB…]                (label, encode, summarise; default: all)
python benchmarks/scale.py JOB SIZE >> rows      (one measurement, say where a queue limits the minutes) …
python benchmarks/scale.py report < rows         (… and the table of all of them)

A stream of ``datasets`` is read, worked on BATCH documents at a time and written in shards of SHARD. A shard has
a hidden temporary name until it is whole. Each measurement is a process of its own on one core; its seconds hold
generating, the job and writing, not the start (imports, weights, a first batch).
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from datasets import Dataset, IterableDataset, disable_progress_bars
from torch import Tensor
from torch.nn import functional as F

from bertsum_lite import tinynews
from bertsum_lite.backbone import load_backbone
from bertsum_lite.encoding import PADDING, Window, encode_sentences, windows
from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
from bertsum_lite.oracle import labels

SIZES, SHORT, BUDGET = (1_000, 10_000, 100_000), (1_000, 3_000, 10_000), 20 * 60  # over BUDGET seconds: SHORT
BATCH, SHARD, WINDOW, LAYERS = 250, 1_000, 256, 2
ONE_CORE = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
# Batches of hundreds of widths make summarise's memory climb, by 15 % from 1,000 to 100,000 documents: oneDNN keeps a
# compiled kernel for each of the last 1,024 shapes, and malloc the holes that freed tensors leave. Hence few widths.
STEP, LEAN = 64, {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "32", "MALLOC_MMAP_THRESHOLD_": "131072"}


class FewWidths(ExtractiveSummarizer):
    """Pads its batches on, to a multiple of STEP tokens."""

    def collate(self, examples: Sequence[Window]) -> dict[str, Tensor]:
        batch = super().collate(examples)
        more = -batch["input_ids"].size(1) % STEP
        own = {"input_ids": self.tokenizer.pad_token_id, "sentence_ids": PADDING}
        return {name: F.pad(batch[name], (0, more), value=value) for name, value in own.items()}


def make(job: str) -> Callable[[dict], dict]:
    """The job as a function of a batch of records, column by column."""
    if job == "label":
        return lambda batch: {"id": batch["id"], "labels": list(map(labels, batch["document"], batch["summary"]))}
    if job == "encode":
        tokenizer = load_backbone()[1]

        def encode(batch: dict) -> dict:
            encoded = [windows(encode_sentences(d, tokenizer, WINDOW), WINDOW)[0] for d in batch["document"]]
            columns = {name: [getattr(window, name) for window in encoded] for name in ("input_ids", "sentence_ids")}
            return {"id": batch["id"], **columns}

        return encode
    torch.manual_seed(0)
    model = FewWidths.from_encoder(config=ExtractiveConfig(window=WINDOW, k=1), layers=LAYERS).bfloat16()

    def summarise(batch: dict) -> dict:
        chosen = model.extract(batch["document"], tokens_per_batch=1024)
        return {"id": batch["id"], "summary": [[d[i] for i in row] for d, row in zip(batch["document"], chosen)]}

    return summarise


def stream(job: Callable[[dict], dict], size: int, folder: Path) -> None:
    """Generate, work, write: never more in memory than a batch and a shard."""
    records = IterableDataset.from_generator(tinynews.generate, gen_kwargs={"size": size})
    names = list(next(tinynews.generate(size=1)))
    results = records.map(job, batched=True, batch_size=BATCH, remove_columns=names)
    for number, shard in enumerate(results.iter(batch_size=SHARD)):
        temporary = folder / f".{number:05}.parquet"
        Dataset.from_dict(shard).to_parquet(temporary)
        temporary.rename(folder / f"{number:05}.parquet")


def measure(name: str, size: int) -> dict:
    """Seconds, this process's peak memory, and the bytes written."""
    disable_progress_bars()
    job = make(name)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as folder:
        stream(job, BATCH, Path(first))
        start, start_cpu = time.perf_counter(), time.process_time()
        stream(job, size, Path(folder))
        seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        # The peak also counts the parent's at the moment of the start: it has done no more than the same imports.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
        shards = sorted(Path(folder).iterdir())
        written = [key for shard in shards for key in pq.read_table(shard, columns=["id"])["id"].to_pylist()]
        assert written == [f"tinynews-0-train-{number}" for number in range(size)], "documents lost or out of order"
        total = sum(shard.stat().st_size for shard in shards)
    times = {"seconds": seconds, "cpu": cpu}
    return {"job": name, "size": size, **times, "megabytes": peak, "bytes": total, "shards": len(shards)}


def child(job: str, size: int) -> dict:
    command = [sys.executable, __file__, "measure", job, str(size)]
    return json.loads(subprocess.check_output(command, env={**os.environ, **ONE_CORE, **LEAN}, text=True))


def sizes(job: str) -> tuple[int, ...]:
    trial = child(job, SHORT[0])
    expected = sum(SIZES) * trial["seconds"] / trial["size"]
    if expected <= BUDGET:
        return SIZES
    print(f"{job}: {expected / 60:.0f} minutes for {SIZES} documents are too many; {SHORT} instead", flush=True)
    return SHORT


def report(rows: list[dict]) -> None:
    print(f"one core, one process a line; {LAYERS} layers of MiniLM in bf16 and an untrained head for summarise")
    print(f"{'job':10} {'documents':>9} {'shards':>6} {'seconds':>8} {'of CPU':>8} {'documents/s':>11} {'peak MB':>8}")
    for r in rows:
        counts = f"{r['job']:10} {r['size']:9,} {r['shards']:6} {r['seconds']:8.1f} {r['cpu']:8.1f}"
        print(f"{counts} {r['size'] / r['seconds']:11.0f} {r['megabytes']:8.0f}")
    for job in dict.fromkeys(r["job"] for r in rows):
        own = sorted((r for r in rows if r["job"] == job), key=lambda r: r["size"])
        logs = {name: np.log([r[name] for r in own]) for name in ("size", "seconds", "cpu")}
        slope, cpu = (np.polyfit(logs["size"], logs[name], 1)[0] for name in ("seconds", "cpu"))
        least, most = own[0], own[-1]
        memory, times = most["megabytes"] / least["megabytes"], 10_000_000 / most["size"]
        between = f"memory {most['size']:,} / {least['size']:,}: {memory:.3f} (bar: 0.9 to 1.1)"
        print(f"{job:10} slope {slope:.3f} (bar: at most 1.05; of CPU seconds {cpu:.3f}); {between}")
        hours, gigabytes = most["seconds"] * times / 3600, most["bytes"] * times / 1e9
        print(f"{'':10} 10 million, {times:,.0f} times what was measured: {hours:.1f} h, {gigabytes:.1f} GB on disk")
    print("Assumed for 10 million: the rate at the largest size lasts, and documents are as short as here (160 tokens;")
    print("a CNN/DailyMail article has about six times as many). Not measured: a slower disk, many processes at once.")


def main() -> None:
    if sys.argv[1:] == ["report"]:
        report([json.loads(line) for line in sys.stdin])
    elif sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
    elif len(sys.argv) == 3 and sys.argv[2].isdigit():
        print(json.dumps(child(sys.argv[1], int(sys.argv[2]))))
    else:
        report([child(job, size) for job in sys.argv[1:] or ("label", "encode", "summarise") for size in sizes(job)])


if __name__ == "__main__":
    main()
