"""Oracle labels: which sentences of a document would make the best extract (notebook 05).

A reference summary is written freely; an extractive model needs to be told *sentences*. The
greedy algorithm adds the sentence that most raises ROUGE-1 F + ROUGE-2 F and stops when nothing
does (Nallapati et al. 2017; the paper's section 4.2 and its code, which counts n-gram *sets*).
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np

from bertsum_lite.rouge import tokenize

Grams = set[str] | set[tuple[str, str]]  # of n = 1, words; of n = 2, pairs


def ngrams(tokens: Sequence[str], n: int) -> set[tuple[str, ...]]:
    """The set of n-grams of ``tokens``."""
    return set(zip(*(tokens[i:] for i in range(n))))


def _grams(document: Sequence[str], summary: Sequence[str], stem: bool = False) -> list[tuple[list[Grams], Grams]]:
    """For n = 1 and 2: the n-grams of each sentence, and those of the whole summary."""
    sentences = [tokenize(sentence, stem) for sentence in document]
    reference = [token for sentence in summary for token in tokenize(sentence, stem)]
    pairs = [set(zip(tokens, tokens[1:])) for tokens in sentences]
    return [([set(tokens) for tokens in sentences], set(reference)), (pairs, set(zip(reference, reference[1:])))]


def _f1(overlap: int, candidate: int, reference: int) -> float:
    """F1 of n-gram sets by their sizes: 2 · overlap / (candidate + reference)."""
    return 2 * overlap / max(candidate + reference, 1)


def greedy_oracle(document: Sequence[str], summary: Sequence[str], max_sentences: int = 3) -> list[int]:
    """Indices of the greedy extract, in the order chosen (ties go to the earlier sentence).

    What a sentence would add to the extract only shrinks as the extract grows, so what it *could* score
    at best is known without counting. Sentences are counted in the order of these bounds, and no
    further once a bound lies below the best score found (Minoux 1978: lazy greedy).

    Returns an empty list when no sentence shares a word with the summary.
    """
    chosen: list[int] = []
    best = 0.0
    words, pairs = (_Extract(sentences, reference) for sentences, reference in _grams(document, summary))
    while len(chosen) < min(max_sentences, len(document)):
        bounds = words.bounds() + pairs.bounds()  # (sentences,)
        winner = None
        for i in np.argsort(-bounds, kind="stable").tolist():
            if bounds[i] < best:
                break
            score = words.score(i) + pairs.score(i)
            if score > best or (score == best and winner is not None and i < winner):
                best, winner = score, i
        if winner is None:
            break
        words.take(winner)
        pairs.take(winner)
        chosen.append(winner)
    return chosen


def ceiling(document: Sequence[str], references: Sequence[Sequence[str]], max_sentences: int = 3) -> list[int]:
    """Sorted indices of the best extract that greedy search finds, whichever reference it is measured against.

    The score takes the best of several references, so a ceiling must look at all of them: search once per
    reference, and keep the extract with the best ROUGE-1.
    """

    def words(sentences: Sequence[str]) -> Counter:
        return Counter(token for sentence in sentences for token in tokenize(sentence, stem=True))

    def rouge_1(extract: list[int]) -> float:
        own = words([document[i] for i in extract])
        return max(_f1((own & gold).total(), own.total(), gold.total()) for gold in golds)

    golds = [words(reference) for reference in references]
    return max((sorted(greedy_oracle(document, reference, max_sentences)) for reference in references), key=rouge_1)


class _Extract:
    """The extract so far, and how many hits each sentence can at most add to it, for one n."""

    def __init__(self, sentences: list[Grams], reference: Grams):
        self.sentences, self.reference = sentences, reference
        self.hits = np.array([len(grams & reference) for grams in sentences])  # (sentences,)
        self.grams: Grams = set()
        self.overlap = 0
        self.size = max(len(reference), 1)  # of extract and reference together

    def bounds(self) -> np.ndarray:
        """F1 of the extract with each sentence, if all that it adds were hits."""
        return 2 * (self.overlap + self.hits) / (self.size + self.hits)

    def score(self, i: int) -> float:
        """F1 of the extract with sentence ``i``; its hits are counted anew."""
        new = self.sentences[i] - self.grams
        self.hits[i] = hits = len(new & self.reference)
        return 2 * (self.overlap + hits) / (self.size + len(new))

    def take(self, i: int) -> None:
        new = self.sentences[i] - self.grams
        self.grams |= new
        self.size += len(new)
        self.overlap += len(new & self.reference)


def exhaustive_oracle(
    document: Sequence[str], summary: Sequence[str], max_sentences: int = 3, limit: int = 200_000
) -> list[int]:
    """The best extract of at most ``max_sentences``, by trying every one (same objective as greedy).

    Raises:
        ValueError: if there are more than ``limit`` extracts to try.
    """
    sizes = range(1, min(max_sentences, len(document)) + 1)
    tries = sum(comb(len(document), size) for size in sizes)
    if tries > limit:
        raise ValueError(
            f"{tries:,} extracts of {len(document)} sentences to try, more than {limit:,}: "
            "use greedy_oracle, or fewer sentences"
        )
    grams = _grams(document, summary)

    def score(extract: tuple[int, ...]) -> float:
        unions = [(set().union(*(sentences[i] for i in extract)), reference) for sentences, reference in grams]
        return sum(_f1(len(union & reference), len(union), len(reference)) for union, reference in unions)

    extracts = [extract for size in sizes for extract in combinations(range(len(document)), size)]
    best = max(extracts, key=score, default=())
    return list(best) if best and score(best) > 0 else []


def sentence_scores(document: Sequence[str], summary: Sequence[str]) -> list[float]:
    """How good each sentence is alone: mean of its ROUGE-1 and ROUGE-2 F on stems, between 0 and 1.

    The soft labels: where greedy labels call a sentence nearly as good as the chosen one a 0,
    these say how nearly.
    """
    per_n = [
        [_f1(len(grams & reference), len(grams), len(reference)) for grams in sentences]
        for sentences, reference in _grams(document, summary, stem=True)
    ]
    return [sum(values) / 2 for values in zip(*per_n)]


def labels(document: Sequence[str], summary: Sequence[str], max_sentences: int = 3) -> list[int]:
    """One 0 or 1 a sentence: 1 where ``greedy_oracle`` chose it."""
    chosen = set(greedy_oracle(document, summary, max_sentences))
    return [int(i in chosen) for i in range(len(document))]
