"""Beam search: the best of many summaries, word by word (notebook 09).

Batched over documents and done by tensor operations; whatever writes is behind one function, ``step``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Logits of the next token (rows, vocabulary), given each row's last token (rows,) and the row of the
# step before that it goes on from (rows,), None at the first step; rows = documents · width.
Step = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Search:
    """How to search. Lengths are in tokens, the end token included.

    Args:
        width: beams a document; 1 is greedy search.
        shortest, longest: of a summary.
        length_penalty: α of ((5 + length) / 6)^α, by which a log-probability is divided (Wu et al. 2016,
            equation 14): 0 favours short summaries, more favours long ones.
        block: no sequence of so many tokens comes twice; 0 for no such rule.
    """

    width: int = 5
    shortest: int = 1
    longest: int = 140
    length_penalty: float = 0.95
    block: int = 3

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"width is the number of beams and must be at least 1, got {self.width}")
        if not 1 <= self.shortest <= self.longest:
            raise ValueError(f"want 1 ≤ shortest ≤ longest, got shortest {self.shortest} and longest {self.longest}")

    def penalty(self, length: int) -> float:
        return ((5 + length) / 6) ** self.length_penalty


@torch.inference_mode()
def beam_search(
    step: Step,
    documents: int,
    start: int,
    end: int,
    search: Search,
    forbidden: Tensor | None = None,
    device: torch.device | str = "cpu",
) -> list[list[int]]:
    """The best sequence found for each document, without start and end token.

    A finished beam is never extended; the search for a document ends when no open beam can still
    beat its best finished one.

    Args:
        step: see ``Step``.
        start, end: ids of the tokens that open and close a summary.
        forbidden: ids never written (ids,).
        device: where ``step`` wants and leaves its tensors.
    """
    width = search.width
    first = (
        torch.arange(documents, device=device).unsqueeze(1) * width
    )  # (documents, 1): row of a document's first beam
    sequences = torch.full((documents * width, 1), start, device=device)
    # All beams of a document begin alike: only the first may count, or they would stay alike.
    scores = torch.full((documents, width), -torch.inf, device=device)
    scores[:, 0] = 0.0
    best = torch.full((documents,), -torch.inf, device=device)
    results: list[list[int]] = [[] for _ in range(documents)]
    rows = None
    for length in range(1, search.longest + 1):
        log_probs = step(sequences[:, -1], rows).float().log_softmax(dim=-1)  # (rows, vocabulary)
        if forbidden is not None:
            log_probs[:, forbidden] = -torch.inf
        if length < search.shortest:
            log_probs[:, end] = -torch.inf
        if search.block:
            block_repeats(log_probs, sequences, search.block)
        total = scores.unsqueeze(-1) + log_probs.unflatten(0, (documents, width))  # (documents, width, vocabulary)
        # Each beam has one way to end, so of twice as many candidates at least ``width`` go on.
        top, index = total.flatten(1).topk(2 * width)  # (documents, 2 · width)
        beam, token = index // total.size(-1), index % total.size(-1)
        ends = token == end

        ended = top[:, :width].masked_fill(~ends[:, :width], -torch.inf) / search.penalty(length)
        _keep_best(best, results, ended, (first + beam[:, :width]), sequences)

        keep = ends.int().argsort(dim=1, stable=True)[:, :width]  # the best that go on, in order
        scores, beam, token = top.gather(1, keep), beam.gather(1, keep), token.gather(1, keep)
        rows = (first + beam).flatten()
        sequences = torch.cat([sequences[rows], token.view(-1, 1)], dim=1)
        # Scores only fall, and no penalty is larger than that of the longest summary.
        if (best >= scores[:, 0] / search.penalty(search.longest)).all():
            return results
    _keep_best(
        best, results, scores / search.penalty(search.longest), first + torch.arange(width, device=device), sequences
    )
    return results


def _keep_best(best: Tensor, results: list[list[int]], scores: Tensor, rows: Tensor, sequences: Tensor) -> None:
    """Replace a document's result where one of its ``scores`` (documents, width) beats its best so far."""
    values, which = scores.max(dim=1)
    for i in (values > best).nonzero().flatten().tolist():
        best[i] = values[i]
        results[i] = sequences[rows[i, which[i]], 1:].tolist()


def block_repeats(log_probs: Tensor, sequences: Tensor, n: int) -> None:
    """Forbid each token that would make a sequence repeat ``n`` tokens in a row (Paulus et al. 2018).

    Args:
        log_probs: (rows, vocabulary), changed in place.
        sequences: (rows, tokens)
    """
    tokens = sequences.size(1)
    if tokens < n:
        return
    grams = sequences.unfold(1, n, 1)  # (rows, tokens - n + 1, n)
    begun = sequences[:, None, tokens - n + 1 :]  # (rows, 1, n - 1)
    row, gram = (grams[:, :, :-1] == begun).all(dim=-1).nonzero(as_tuple=True)
    log_probs[row, grams[row, gram, -1]] = -torch.inf
