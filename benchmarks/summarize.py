"""Summarize real-length news: seconds, tokens per second, and that no sentence is left unscored.

python benchmarks/summarize.py MODEL [CORPUS] [SPLIT]      (default: cnndm_realsumm100 test, in $BERTSUM_DATA)
"""

import sys
import time

from bertsum_lite.corpus import load_corpus
from bertsum_lite.encoding import encode_sentences, windows
from bertsum_lite.extractive import ExtractiveSummarizer


def main() -> None:
    name, split = (sys.argv[2:4] + ["cnndm_realsumm100", "test"][len(sys.argv[2:4]) :])[:2]
    model = ExtractiveSummarizer.from_pretrained(sys.argv[1])
    documents = [record["document"] for record in load_corpus(name, split)]
    start = time.perf_counter()
    scores = model.score_documents(documents)
    seconds = time.perf_counter() - start
    assert [len(row) for row in scores] == [len(document) for document in documents]
    assert all(score == score for row in scores for score in row), "a score is not a number"
    pieces = [encode_sentences(document, model.tokenizer, model.config.window) for document in documents]
    tokens = sum(len(piece) for document in pieces for piece in document)
    read = sum(len(window) for document in pieces for window in windows(document, model.config.window))
    print(f"{len(documents)} documents, {sum(map(len, documents)):,} sentences, every one scored")
    print(f"{tokens:,} tokens ({read:,} read, windows overlap) in {seconds:.1f} s: {tokens / seconds:,.0f} tokens/s")


if __name__ == "__main__":
    main()
