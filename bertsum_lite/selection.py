"""From sentence scores to a summary: top-k, trigram blocking, threshold, word budget (notebook 07)."""

from collections.abc import Sequence

from bertsum_lite.oracle import ngrams
from bertsum_lite.rouge import tokenize


def select(
    sentences: Sequence[str],
    scores: Sequence[float],
    k: int = 3,
    words: int | None = None,
    threshold: float | None = None,
    block_trigrams: bool = True,
) -> list[int]:
    """Choose sentences by falling score and return their indices in document order.

    Args:
        k: at most so many sentences.
        words: at most so many words in all, where ``k`` is not asked to limit first; a sentence
            that would pass the budget is skipped, so a shorter one further down may still enter.
        threshold: only sentences that score at least this.
        block_trigrams: skip a sentence that shares three words in a row with the summary so far
            (Paulus et al. 2018; Liu & Lapata 2019, section 4.2).

    The best sentence is always taken, whatever the threshold or the budget: an empty summary
    helps nobody.

    Raises:
        ValueError: if ``k`` or ``words`` is below 1, or there is not one score a sentence.
    """
    if len(sentences) != len(scores):
        raise ValueError(f"{len(scores)} scores for {len(sentences)} sentences")
    if k < 1:
        raise ValueError(f"k is the number of sentences to choose and must be at least 1, got {k}")
    if words is not None and words < 1:
        raise ValueError(f"the word budget must be at least 1, got {words}")

    chosen: list[int] = []
    trigrams: set[tuple[str, ...]] = set()
    used = 0
    for i in sorted(range(len(sentences)), key=lambda i: (-scores[i], i)):
        if len(chosen) == k or (chosen and threshold is not None and scores[i] < threshold):
            break
        tokens = tokenize(sentences[i])
        if chosen and words is not None and used + len(tokens) > words:
            continue
        own = ngrams(tokens, 3)
        if block_trigrams and own & trigrams:
            continue
        chosen.append(i)
        trigrams |= own
        used += len(tokens)
    return sorted(chosen)


def typical_length(records: list[dict]) -> int:
    """How many average sentences of these documents are as long as an average summary (at least 1)."""
    summary = sum(len(tokenize(" ".join(r["summary"]))) for r in records) / len(records)
    words = sum(len(tokenize(sentence)) for r in records for sentence in r["document"])
    return max(1, round(summary * sum(len(r["document"]) for r in records) / words))
