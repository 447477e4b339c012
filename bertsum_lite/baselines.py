"""What every model must beat: lead, random, TextRank, and the ceiling it cannot pass (notebook 04).

Each takes a document (a list of sentences) and returns the indices of the chosen ones, sorted;
``centrality`` gives every sentence a number, for a model to weigh. The ceiling is
``bertsum_lite.oracle.ceiling``.
"""

import math
import random
from collections.abc import Sequence
from itertools import combinations

from bertsum_lite.rouge import tokenize


def lead(document: Sequence[str], k: int = 3) -> list[int]:
    """The first ``k`` sentences: in news, a baseline that is hard to beat."""
    return list(range(min(k, len(document))))


def random_sentences(document: Sequence[str], k: int = 3, seed: int | str = 0) -> list[int]:
    """``k`` sentences drawn evenly; give each document a seed of its own (its id, say)."""
    return sorted(random.Random(seed).sample(range(len(document)), min(k, len(document))))


def textrank(document: Sequence[str], k: int = 3) -> list[int]:
    """The ``k`` sentences that most others resemble: PageRank over shared words.

    The similarity is Mihalcea & Tarau's (2004, section 4): |A ∩ B| / (log |A| + log |B|).
    """
    import networkx

    words = [set(tokenize(sentence)) for sentence in document]
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(document)))
    for i, j in combinations(range(len(document)), 2):
        shared = len(words[i] & words[j])
        # A pair of one-word sentences has log 1 + log 1 = 0 below the line: leave it unconnected.
        if shared and (length := math.log(len(words[i])) + math.log(len(words[j]))):
            graph.add_edge(i, j, weight=shared / length)
    ranks = networkx.pagerank(graph, max_iter=1000) if document else {}
    return sorted(sorted(ranks, key=lambda i: (-ranks[i], i))[:k])


def centrality(document: Sequence[str]) -> list[float]:
    """How much of each sentence the others say too: its mean ROUGE-1 F, on sets of stems, with each of them, 0 to 1.

    Degree centrality, as LexRank has it (Erkan & Radev 2004, section 3.1), with ROUGE for the cosine.
    """
    words = [set(tokenize(sentence, stem=True)) for sentence in document]
    sums = [0.0] * len(document)
    for i, j in combinations(range(len(document)), 2):
        f1 = 2 * len(words[i] & words[j]) / max(len(words[i]) + len(words[j]), 1)
        sums[i] += f1
        sums[j] += f1
    return [total / max(len(document) - 1, 1) for total in sums]
