"""ROUGE as the summarization papers report it, for every script (notebook 04).

The counting is Google's ``rouge-score``; what stands here is what users of it trip over: a
tokenizer that keeps every script, summary-level ROUGE-L over sentence lists, several references,
and a bootstrap interval (Lin 2004; the settings of Liu & Lapata 2019: stemming, F1).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import regex
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

from bertsum_lite.sentences import UNSPACED, clean

METRICS = ("rouge1", "rouge2", "rougeLsum")

# One token is a run of letters, marks and digits, or one character of a script without spaces.
_TOKEN = regex.compile(rf"[{UNSPACED}]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+", regex.V1)
# The same on ASCII text, many times as fast: each letter in lower case, each digit, a space for all else.
_ASCII = bytes(ord(chr(c).lower()) if c < 128 and chr(c).isalnum() else ord(" ") for c in range(256))
_stem = lru_cache(maxsize=100_000)(PorterStemmer().stem)


def tokenize(text: str, stem: bool = False) -> list[str]:
    """Lower-cased words of ``text``; Chinese, Japanese and Thai by character.

    Equal to rouge-score's own tokenizer on ASCII text. Oracle labels, trigram blocking and the
    scorer all use this function, so that they can never disagree about what a word is.
    """
    if text.isascii():
        tokens = text.encode().translate(_ASCII).decode().split()
    else:  # é is one character or two, ﬁ one or two: NFKC has one spelling of each
        tokens = _TOKEN.findall(unicodedata.normalize("NFKC", text.lower()))
    # rouge-score leaves words of up to three letters alone, and Porter's rules are English.
    return [_stem(t) if len(t) > 3 and t.isascii() else t for t in tokens] if stem else tokens


class _StemmedTokens(Tokenizer):
    def tokenize(self, text: str) -> list[str]:
        return tokenize(text, stem=True)


_scorer = RougeScorer(METRICS, tokenizer=_StemmedTokens())


def rouge(prediction: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Score one summary: F1 in percent for each of ``METRICS``.

    With several references the one with the best ROUGE-1 is used for all three metrics
    (the SciTLDR scorer's rule); a maximum per metric would mix references.

    Args:
        prediction: the summary's sentences.
        references: one or more reference summaries, each a list of sentences.

    Raises:
        TypeError: if a string stands where a list of sentences is wanted: without sentence
            breaks ROUGE-L comes out several points too low.
        ValueError: if there is no reference.
    """
    if isinstance(prediction, str) or isinstance(references, str) or any(isinstance(r, str) for r in references):
        raise TypeError("rouge wants lists of sentences: rouge([sentence, …], [[sentence, …], …])")
    if not references:
        raise ValueError("rouge needs at least one reference summary")
    lines = "\n".join(map(clean, prediction))
    scores = [_scorer.score("\n".join(map(clean, reference)), lines) for reference in references]
    best = max(scores, key=lambda score: score["rouge1"].fmeasure)
    return {metric: 100 * best[metric].fmeasure for metric in METRICS}


@dataclass(frozen=True)
class RougeResult:
    """Mean ROUGE over ``n`` documents with a 95 % bootstrap interval, all in percent."""

    mean: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    n: int
    scores: np.ndarray  # (documents, metrics), in the order of METRICS

    def __str__(self) -> str:
        parts = (
            f"{name} {self.mean[m]:.2f} [{self.low[m]:.2f}, {self.high[m]:.2f}]"
            for name, m in zip(("R1", "R2", "RL"), METRICS)
        )
        return f"{'  '.join(parts)}  n={self.n}"


def corpus_rouge(
    predictions: Sequence[Sequence[str]],
    references: Sequence[Sequence[Sequence[str]]],
    resamples: int = 1000,
    seed: int = 0,
) -> RougeResult:
    """Score a corpus: the mean over documents, and how far it would move with other documents.

    The interval resamples documents with replacement (percentile bootstrap).

    Raises:
        ValueError: if there is nothing to score, or the two lists differ in length.
    """
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} documents")
    if not len(predictions):
        raise ValueError("nothing to score: the list of predictions is empty")
    scores = np.array([list(rouge(p, r).values()) for p, r in zip(predictions, references)])
    n = len(scores)
    generator = np.random.default_rng(seed)
    means = np.array([scores[generator.integers(n, size=n)].mean(axis=0) for _ in range(resamples)])
    low, high = np.percentile(means, [2.5, 97.5], axis=0)

    def named(row: np.ndarray) -> dict[str, float]:
        return dict(zip(METRICS, map(float, row)))

    return RougeResult(named(scores.mean(axis=0)), named(low), named(high), n, scores)
