"""Checkers for the exercises on self-attention."""

import math
from functools import partial
from itertools import combinations

import torch

from bertsum_lite.checks import Wrong, agree, compare, exercise, gradients, hint
from bertsum_lite.checks.tools import numbers
from bertsum_lite.layers import scaled_dot_product_attention, sinusoidal_positions

LOWEST = torch.finfo(torch.float32).min


@exercise("01.1", "Divided by √4, the third key left out, e² : e¹.", "01.2, the same for any shape.")
def by_pencil(mixed):
    named = {
        "your scores are not divided by √d: 4 and 2 became weights as they are": 11.192,
        "you divided by d = 4; it is √d = 2, because a standard deviation grows with √d": 13.775,
        "the third token is padding and still gets a weight: leave its exponential out": 36.431,
        "you hid the third weight after the softmax, so the weights no longer sum to 1": 8.79,
        "a score of 0 does not hide a key, since e⁰ = 1: its exponential has to be 0, its score −∞": 19.649,
        "these are scores divided by their sum: a softmax takes exponentials first": 40 / 3,
        "the weights are right and stand the wrong way round: the first key scores higher": 17.311,
    }
    compare(mixed, 12.689, named, tolerance=1e-3)


def softmax(dim=-1, power=0.5, of=lambda query, key: query.size(-1)):
    """Attention weights with a softmax, a root and a size of one's own; they ignore the mask."""
    return lambda query, key, mask=None: (query @ key.mT / of(query, key) ** power).softmax(dim=dim)


def masked(change):
    """Attention weights, the mask applied to scores in a way of one's own."""
    return lambda query, key, mask=None: change(query @ key.mT / math.sqrt(query.size(-1)), mask)


@exercise("01.2", "Your weights and their gradients are the library's.", "01.3, what a token must not see.")
def weights_from_memory(attention_weights):
    def right(query, key, mask=None):
        return scaled_dot_product_attention(query, key, key, mask)[1]

    def integers(*shape):
        return torch.randint(-2, 3, shape).float()

    named = {
        "your columns sum to 1, not your rows: the softmax runs over the queries, it has to run over the keys": (
            softmax(dim=-2)
        ),
        "all your weights together sum to 1; each row has to, because each query has its own mean": (
            lambda query, key: (query @ key.T / math.sqrt(query.size(-1))).flatten().softmax(0).view(len(query), -1)
        ),
        "the scores are not divided by √d": softmax(power=0),
        "you divide by d; it is √d, because a standard deviation grows with √d": softmax(power=1),
        "you divide by 2, which is √d for d = 4 only: take d from `query.size(-1)`": softmax(of=lambda query, key: 4),
        "you divide by the root of the number of keys; d is the size of a vector, `query.size(-1)`": (
            softmax(of=lambda query, key: len(key))
        ),
        "you divide by the root of the number of queries; d is the size of a vector, `query.size(-1)`": (
            softmax(of=lambda query, key: len(query))
        ),
        "these are scores, not weights: the softmax is missing": masked(lambda scores, _: scores),
        "the rows are keys and the columns queries: `query @ keyᵀ`, not `key @ queryᵀ`": (
            lambda query, key: right(key, query)
        ),
    }
    agree(attention_weights, right, [(integers(2, 4), integers(3, 4)), (integers(3, 6), integers(5, 6))], named)

    with hint("right for two axes, wrong with (batch, heads) before them; transpose(-2, -1) swaps the last two only"):
        named = {"count the softmax's axis from the end, dim=-1": softmax(dim=1)}
        agree(attention_weights, right, [(torch.randn(2, 3, 4, 8), torch.randn(2, 3, 5, 8))], named)

    named = {
        "the mask has no effect": softmax(),
        "your mask hides what it should show: here True says that a query may look": (
            lambda query, key, mask: right(query, key, ~mask)
        ),
        "you zero weights after the softmax: the row no longer sums to 1": masked(lambda s, m: s.softmax(-1) * m),
        "a hidden score becomes 0, and e⁰ = 1 is no weight of 0: use the lowest finite number": (
            masked(lambda s, m: (s * m).softmax(-1))
        ),
    }
    some = torch.tensor([[True, False, True], [True, True, False]])
    inputs = [(integers(2, 4), integers(3, 4), some) for _ in range(3)]
    with hint("right without a mask, wrong with one"):
        agree(attention_weights, right, inputs, named)
        batch = (torch.randn(2, 3, 6, 8), torch.randn(2, 3, 6, 8), torch.arange(6) < torch.tensor([[[[6]]], [[[2]]]]))
        agree(attention_weights, right, [batch])  # a mask (batch, 1, 1, key), for all heads and queries

    if attention_weights(integers(2, 4), integers(3, 4), some & torch.tensor([[False], [True]])).isnan().any():
        raise Wrong("a row with every key hidden gives NaN, 0/0: fill with the lowest finite number, not with −∞")

    query, key, pull = (torch.randn(2, 3, 6, 8, requires_grad=True) for _ in range(3))
    ours = gradients(attention_weights(query, key), (query, key), pull @ key.mT)
    for one, other in zip(ours, gradients(right(query, key), (query, key), pull @ key.mT)):
        with hint("the weights are right, their gradient is not"):
            compare(one, other)


def seen(rule):
    """A mask by a rule on `keys` (batch, 1, 1, key), True for text, and `causal` (query, key), the lower triangle."""

    def mask(lengths):
        n = max(lengths)
        real = torch.arange(n) < torch.tensor(lengths)[:, None]  # (batch, key)
        return rule(real[:, None, None, :], torch.ones(n, n, dtype=torch.bool).tril())

    return mask


@exercise("01.3", "Padding and the future, in one mask.", "01.4, three faults that raise no error.")
def padding_and_future(attention_mask):
    named = {
        "it is the wrong triangle: your queries see the future and not the past": seen(
            lambda keys, causal: keys & causal.T
        ),
        "True hides in yours; here True says that a query may look": seen(lambda keys, causal: ~(keys & causal)),
        "True hides the future, True shows the text: yours mixes the two meanings": (
            seen(lambda keys, causal: keys & ~causal)
        ),
        "a token does not see itself, so the first sees nothing: the diagonal belongs to the mask": (
            seen(lambda keys, causal: keys & causal.tril(-1))
        ),
        "each query sees one token of the future: the triangle reaches one too far": (
            seen(lambda keys, causal: keys & torch.ones_like(causal).tril(1))
        ),
        "padding is hidden, the future is not": (seen(lambda keys, causal: keys & torch.ones_like(causal))),
        "the future is hidden, padding is not": seen(lambda keys, causal: causal | torch.zeros_like(keys)),
        "a key may be seen if it is no padding AND not in the future; yours says OR": (
            seen(lambda keys, causal: keys | causal)
        ),
        "a query that is padding sees nothing at all: a mask hides keys, the last axis; yours hides queries": (
            seen(lambda keys, causal: keys.mT & causal)
        ),
        "one padding token too many is visible: a text of length 2 has the places 0 and 1": (
            seen(lambda keys, causal: torch.cat([keys[..., :1], keys[..., :-1]], dim=-1) & causal)
        ),
        "the axis for the heads is missing: (batch, 1, query, key)": seen(lambda keys, causal: (keys & causal)[:, 0]),
        "the mask is of whole numbers, and `~` of 1 is −2 there: make it bool": (
            seen(lambda keys, causal: (keys & causal).long())
        ),
        "the mask is of decimal numbers: make it bool": seen(lambda keys, causal: (keys & causal).float()),
    }
    inputs = [([2],), ([1, 2],), ([3, 1, 2],), ([5, 5],), ([1],)]
    agree(attention_mask, seen(lambda keys, causal: keys & causal), inputs, named)


FAULTS = {
    "split": "`view` mixes tokens when it splits the heads: unflatten, then transpose",
    "scale": "the scores are divided by √hidden; a head has its own d = hidden / heads",
    "mask": "the mask is transposed: it hides queries, and padding is still looked at",
}


def heads_by(query, key, value, heads, real, faults=()):
    """Multi-head attention whose linear maps are done already, joined and not yet mapped, with faults by name."""
    batch, tokens, hidden = query.shape
    d = hidden // heads

    def cut(x):  # (batch, tokens, hidden) → (batch, heads, tokens, d)
        return x.view(batch, heads, tokens, d) if "split" in faults else x.unflatten(-1, (heads, d)).transpose(1, 2)

    sizes = {"heads": heads, "scale": hidden, "no scale": 1, "no root": d * d}
    size = next((sizes[fault] for fault in faults if fault in sizes), d)
    scores = cut(query) @ cut(key).transpose(-2, -1) / math.sqrt(size)
    visible = real[:, None, :, None] if "mask" in faults else real[:, None, None, :]
    visible = ~visible if "inverted" in faults else visible & visible.mT if "both" in faults else visible
    mixed = scores.masked_fill(~visible, LOWEST).softmax(dim=-1) @ cut(value)  # (batch, heads, tokens, d)
    if "apart" in faults:
        return mixed
    return mixed.reshape(batch, tokens, hidden) if "join" in faults else mixed.transpose(1, 2).flatten(2)


@exercise("01.4", "All three mended.", "01.5, what flows back through the softmax.")
def three_faults(mended):
    named = {
        f"{count} of 3 faults left: " + "; ".join(FAULTS[name] for name in left): left
        for count in (1, 2, 3)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "the heads are joined without moving tokens back in front of them: transpose(1, 2), then flatten": ["join"],
        "the heads are not joined again: (batch, tokens, hidden) is wanted": ["apart"],
        "the mask shows padding and hides the text: fill where `real` is False": ["inverted"],
        "a query that is padding sees nothing at all now: hide keys, not queries as well": ["both"],
        "the scores are divided by √heads; it is the size of a head": ["heads"],
        "the scores are not divided at all: divide by √d, the root of a head's size": ["no scale"],
        "you divide by d, a head's size; it is √d": ["no root"],
    }
    inputs = []
    for lengths, hidden, heads in (([2, 1], 4, 2), ([5, 2, 4, 1], 6, 2), ([5, 2, 4], 12, 3), ([1, 2], 2, 1)):
        real = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]  # (batch, tokens)
        qkv = (torch.randint(-3, 4, (*real.shape, hidden)).float() for _ in range(3))
        inputs.append((*qkv, heads, real))
    agree(mended, heads_by, inputs, {words: partial(heads_by, faults=faults) for words, faults in named.items()})


@exercise("01.5", "That is what autograd does, without the Jacobian.", "01.6, how long a text may be.")
def back_through_softmax(softmax_backward):
    def right(p, g):
        return p * (g - (p * g).sum(dim=-1, keepdim=True))

    def mean(p, g):
        return (p * g).sum(dim=-1, keepdim=True)

    named = {
        "only the weight that was pulled moves: every score is in the denominator, so all scores move": (
            lambda p, g: p * g
        ),
        "this is the Jacobian's diagonal p(1 − p); the entries −pᵢpⱼ beside it are missing": (
            lambda p, g: p * (1 - p) * g
        ),
        "subtract the mean of the gradient under the weights, Σ pⱼgⱼ; yours is the plain sum": (
            lambda p, g: p * (g - g.sum(dim=-1, keepdim=True))
        ),
        "subtract the mean of the gradient under the weights, Σ pⱼgⱼ; yours is the plain mean": (
            lambda p, g: p * (g - g.mean(dim=-1, keepdim=True))
        ),
        "the sum Σ pⱼgⱼ has to be weighted with pᵢ as well: p · (g − Σ)": lambda p, g: p * g - mean(p, g),
        "the sign is the wrong way round": lambda p, g: -right(p, g),
        "the bracket is right; each score's share of it, the factor p, is missing": lambda p, g: g - mean(p, g),
        "your sum runs over all rows; each row is a softmax of its own: dim=-1": lambda p, g: p * (g - (p * g).sum()),
        "without keepdim=True the sums of the rows are subtracted from the columns": (
            lambda p, g: p * (g - (p * g).sum(dim=-1))
        ),
        "your sum runs over the queries; a softmax runs over the keys, dim=-1": (
            lambda p, g: p * (g - (p * g).sum(dim=0, keepdim=True))
        ),
    }
    several = torch.randint(-2, 3, (3, 3)).float().softmax(dim=-1), torch.randint(-2, 3, (3, 3)).float()
    agree(softmax_backward, right, [(torch.tensor([0.75, 0.25]), torch.tensor([1.0, 0.0])), several], named)

    z, g = torch.randn(2, 3, 4, 5, requires_grad=True), torch.randn(2, 3, 4, 5)
    p = z.softmax(dim=-1)
    with hint("right for one matrix, wrong with (batch, heads) before it"):
        compare(softmax_backward(p.detach(), g), torch.autograd.grad(p, z, g)[0])  # the judge: autograd


@exercise(
    "01.6",
    "The many small exponentials have the mean e^½, because the large ones count for more. "
    "A head that reads long texts needs larger scores, and training gives them: notebook 01, section 11.7.",
    "01.7, write a head yourself.",
)
def how_long(answer):
    predicted, measured, factor = numbers(answer, "predicted, measured, factor")
    named = {
        "e⁵ = n is nearly it: the word is one of the n keys, so n − 1 others share the sum": 148.41,
        "the score is an exponent: set e⁵ / (e⁵ + n − 1) = 1/2": 6,
        "the n − 1 others together weigh as much as the word, not twice as much": 2 * math.exp(5),
    }
    with hint("predicted"):
        compare(predicted, 149.41, named, tolerance=4e-3)
    if abs(measured - predicted) < 15:
        raise Wrong("measured: with random scores it happens much earlier; are your other scores all 0?")
    if not 85 <= measured <= 98:
        raise Wrong("measured: the mean over 1,000 draws or more falls below 1/2 between 85 and 98 keys")
    named = {
        "the mean of eᶻ is not e to the mean of z: the large scores gain more than the small ones lose": 1.0,
        "e is what one standard deviation is worth; the mean of eᶻ is e^(σ²/2)": math.e,
        "that is the score's exponential; wanted is the mean of eᶻ over the other keys": math.exp(5),
    }
    with hint("factor"):
        compare(factor, math.exp(0.5), named, tolerance=0.03)


@exercise("01.7", "A head by hand.", "lesson 02, where such heads become a BERT.")
def one_token_back(answer):
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Wrong("two matrices are wanted: (W_q, W_k)")
    W_q, W_k = answer
    for name, W in (("W_q", W_q), ("W_k", W_k)):
        if not isinstance(W, torch.Tensor) or W.dim() != 2 or W.size(1) != 64:
            raise Wrong(f"{name} has to be a tensor (d, 64)")
    if W_q.shape != W_k.shape or W_q.size(0) > 8:
        raise Wrong(f"a head of at most d = 8 is allowed: yours are {tuple(W_q.shape)} and {tuple(W_k.shape)}")
    x = sinusoidal_positions(64, 64) + 0.2 * torch.randn(100, 64, 64)  # (batch, tokens, hidden)
    _, weights = scaled_dot_product_attention(x @ W_q.float().T, x @ W_k.float().T, x)
    share = {name: weights.diagonal(offset, 1, 2).mean().item() for name, offset in
             (("previous", -1), ("own", 0), ("next", 1))}  # fmt: skip
    reached = f"{share['previous']:.2f} of the attention is on the previous token."
    best = max(share, key=share.get)
    if share["previous"] >= 0.8:
        return reached
    if best != "previous" and share[best] > 0.3:
        turn = "the turn goes the wrong way" if best == "next" else "one of the two has to turn by ω"
        raise Wrong(f"most of the attention, {share[best]:.2f}, is on the token's {best} place: {turn}")
    hits = (weights[:, 1:].argmax(dim=-1) == torch.arange(63)).float().mean()
    if hits > 0.6:
        raise Wrong(f"{reached} The largest weight is at the right place, but small: the softmax is too warm")
    raise Wrong(f"{reached} 0.8 is wanted. Neighbours look alike to your clocks: slow ones hardly turn in one step")
