"""Memory and speed of reading files larger than one would hold: ``python benchmarks/files.py [megabytes]``.

Each format is written to a temporary folder and streamed by a process of its own, whose peak memory is reported.
Nearly all of each record is a field that is carried along, so that reading is timed and not sentence splitting.
"""

import csv
import gzip
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from bertsum_lite.corpus import stream_corpus


def write_files(folder: Path, megabytes: int) -> None:
    """The same records, of 10 kB each, in every format; the array on one line and the Parquet in one row group."""
    rows = [
        {"text": "They left. He stayed.", "summary": f"E {i}.", "notes": f"{i * 7919:010}" * 1000}
        for i in range(100 * megabytes)
    ]
    with open(folder / "lines.jsonl", "w") as lines, open(folder / "array.json", "w") as array:
        for i, row in enumerate(rows):
            lines.write(json.dumps(row) + "\n")
            array.write(("," if i else "[") + json.dumps(row))
        array.write("]")
    with open(folder / "table.csv", "w", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    table = pa.Table.from_pylist(rows)
    pa.parquet.write_table(
        table, folder / "table.parquet", compression="none", use_dictionary=False, row_group_size=len(rows)
    )
    with open(folder / "lines.jsonl", "rb") as plain, gzip.open(folder / "lines.jsonl.gz", "wb", 1) as packed:
        shutil.copyfileobj(plain, packed)


def read(file: str) -> None:
    """Stream one file, and print what it took."""
    start = time.perf_counter()
    count = sum(1 for _ in stream_corpus(file))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = Path(file).stat().st_size / 2**20
    print(f"{Path(file).name:15} {size:8.0f} MB {count:10,} records {seconds:8.1f} s {peak:8.0f} MB at most")


def main(megabytes: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own, too: a child's peak counts from what its parent holds.
        subprocess.run([sys.executable, __file__, "write", folder, megabytes], check=True)
        for file in sorted(Path(folder).iterdir()):
            subprocess.run([sys.executable, __file__, "read", str(file)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write_files(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["read"]:
        read(sys.argv[2])
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else "200")
