"""From sentence scores to a summary: top-k, trigram blocking, threshold, word budget (notebook 07)."""

from collections import Counter
from collections.abc import Sequence

import regex

from bertsum_lite.rouge import tokenize
from bertsum_lite.sentences import UNSPACED

CHARACTER = regex.compile(rf"[{UNSPACED}]")


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
        words: at most so many words in all; a sentence that would pass the budget is skipped, so a
            shorter one further down may still enter.
        threshold: only sentences with at least this share, between 0 and 1, of the best score.
        block_trigrams: skip a sentence that repeats what the summary already says; see ``telling_ngrams``
            (Paulus et al. 2018; Liu & Lapata 2019, section 4.2).

    The best sentence is always taken, whatever the budget: an empty summary helps nobody.

    Raises:
        ValueError: if ``k`` or ``words`` is below 1, ``threshold`` is no share, or there is not one
            score per sentence.
    """
    if len(sentences) != len(scores):
        raise ValueError(f"{len(scores)} scores for {len(sentences)} sentences")
    if k < 1:
        raise ValueError(f"k is the number of sentences to choose and must be at least 1, got {k}")
    if words is not None and words < 1:
        raise ValueError(f"the word budget must be at least 1, got {words}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"the threshold is a share of the best sentence's score, between 0 and 1, got {threshold}")

    tokens = [tokenize(sentence) for sentence in sentences]
    grams = telling_ngrams(tokens)
    chosen: list[int] = []
    said: set[tuple[str, ...]] = set()
    used = 0
    for i in sorted(range(len(sentences)), key=lambda i: (-scores[i], i)):
        if len(chosen) == k or (chosen and threshold is not None and scores[i] < threshold * max(scores)):
            break
        if chosen and words is not None and used + len(tokens[i]) > words:
            continue
        if block_trigrams and grams[i] & said:
            continue
        chosen.append(i)
        said |= grams[i]
        used += len(tokens[i])
    return sorted(chosen)


def telling_ngrams(tokens: Sequence[Sequence[str]]) -> list[set[tuple[str, ...]]]:
    """For each sentence, the n-grams that give a repetition away: three words in a row, and the sentence itself.

    An n-gram that more than half of the sentences share (and at least three do) is no repetition but a
    label: a speaker's name, a date, an address. Its words count for nothing. In scripts without spaces,
    whose tokens are characters, it takes six in a row: three are often a single word.
    """
    every = [token for row in tokens for token in row]
    n = 6 if 2 * sum(bool(CHARACTER.match(token)) for token in every) > len(every) else 3
    grams = [list(zip(*(row[i:] for i in range(n)))) for row in tokens]
    counts = Counter(gram for own in grams for gram in set(own))
    labels = {gram for gram, count in counts.items() if count > max(2, len(tokens) / 2)}
    result = []
    for row, own in zip(tokens, grams):
        starts = [start for start, gram in enumerate(own) if gram in labels]
        label = {start + i for start in starts for i in range(n)}  # the places of the label's words
        telling = {gram for start, gram in enumerate(own) if label.isdisjoint(range(start, start + n))}
        result.append(telling | ({tuple(row)} if row else set()))
    return result


def typical_length(records: list[dict]) -> int:
    """How many average sentences of these documents are as long as an average summary (at least 1)."""
    summary = sum(len(tokenize(" ".join(r["summary"]))) for r in records) / len(records)
    words = sum(len(tokenize(sentence)) for r in records for sentence in r["document"])
    return max(1, round(summary * sum(len(r["document"]) for r in records) / words))
