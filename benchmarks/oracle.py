"""Greedy oracle labels: the lazy search against recounting every union.

Both cut the text into words and n-gram sets first, with the same code; the last column leaves that out.

python benchmarks/oracle.py
"""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from test_text import plain_greedy

from bertsum_lite.oracle import _grams, greedy_oracle


def document(sentences: int, generator: random.Random) -> list[str]:
    """Sentences of 22 words over 5,000, the frequent ones more often (Zipf), as in news."""
    words = [f"w{i}" for i in range(5000)]
    weights = [1 / (i + 1) for i in range(5000)]
    return [" ".join(generator.choices(words, weights, k=22)) for _ in range(sentences)]


def seconds(function, *arguments) -> float:
    """The best of ten runs."""
    times = []
    for _ in range(10):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    generator = random.Random(0)
    print(f"{'sentences':>9} {'k':>3} {'plain':>12} {'lazy':>12} {'faster':>8}   of which cutting into n-grams")
    for sentences, k in ((33, 3), (100, 10), (400, 20)):
        text = document(sentences, generator)
        # A summary long enough that the greedy algorithm goes on to k sentences.
        summary = [" ".join(generator.sample(sentence.split(), 15)) for sentence in generator.sample(text, k + 5)]
        assert greedy_oracle(text, summary, k) == plain_greedy(text, summary, k)
        assert len(greedy_oracle(text, summary, k)) == k
        plain = seconds(plain_greedy, text, summary, k)
        ours = seconds(greedy_oracle, text, summary, k)
        shared = seconds(_grams, text, summary)
        times = "".join(f"{1e3 * t:9.2f} ms " for t in (plain, ours))
        greedy = (plain - shared) / (ours - shared)
        print(
            f"{sentences:9} {k:3} {times}{plain / ours:7.1f}×   {1e3 * shared:5.2f} ms; the search alone {greedy:5.1f}×"
        )


if __name__ == "__main__":
    main()
