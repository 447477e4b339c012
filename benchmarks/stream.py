"""`bertsum-lite summarize --data FILE --output FILE`: documents/s and peak memory as the file grows.

python benchmarks/stream.py [SIZE…]      (default: 1,000 and 10,000 tinynews articles, about 110 words each)

Each size is one run of the command line in a process of its own, start included. The model is the bundled MiniLM
with an untrained head: what is measured is the path, not the choice.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from bertsum_lite import ExtractiveSummarizer, tinynews


def measure(folder: Path, size: int) -> tuple[float, float]:
    """Seconds and peak memory in MB of one run over ``size`` articles."""
    articles, summaries = folder / f"articles-{size}.jsonl", folder / f"summaries-{size}.jsonl"
    with open(articles, "w", encoding="utf-8") as file:
        for record in tinynews.generate(size=size):
            file.write(json.dumps({"id": record["id"], "text": " ".join(record["document"])}) + "\n")
    command = [sys.executable, "-m", "bertsum_lite.cli", "summarize", "--model", str(folder / "model")]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--data", str(articles), "--output", str(summaries)])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert status == 0, "the command failed"
    ids = [json.loads(line)["id"] for line in summaries.read_text(encoding="utf-8").splitlines()]
    assert ids == [f"tinynews-0-train-{number}" for number in range(size)], "articles lost or out of order"
    return seconds, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        ExtractiveSummarizer.from_encoder().save_pretrained(Path(folder) / "model")
        print(f"{'articles':>9} {'seconds':>8} {'articles/s':>11} {'peak MB':>8}")
        for size in [int(size) for size in sys.argv[1:]] or (1_000, 10_000):
            seconds, megabytes = measure(Path(folder), size)
            print(f"{size:9,} {seconds:8.1f} {size / seconds:11.1f} {megabytes:8.0f}", flush=True)


if __name__ == "__main__":
    main()
