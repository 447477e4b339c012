"""Wrong and right answers to the exercises on self-attention."""

import math

import torch
from torch.nn import functional as F

from bertsum_lite.layers import sinusoidal_positions
from wrong import right, wrong

LOWEST = torch.finfo(torch.float32).min

wrong("01.1", "not divided by √d", 11.19)
wrong("01.1", "divided by d = 4", 13.775)
wrong("01.1", "padding and still gets a weight", 36.43)
wrong("01.1", "no longer sum to 1", 8.79)
wrong("01.1", "e⁰ = 1", 19.65)
wrong("01.1", "takes exponentials first", 13.33)
wrong("01.1", "15 is too large", 15.0)
wrong("01.1", "a number is wanted", "12.69")
right("01.1", 12.689)


def scores_of(query, key):
    return query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))


@wrong("01.2", "the softmax runs over the queries")
def softmax_over_queries(query, key, mask=None):
    return scores_of(query, key).softmax(dim=-2)


@wrong("01.2", "not divided by √d")
def without_the_root(query, key, mask=None):
    return (query @ key.transpose(-2, -1)).softmax(dim=-1)


@wrong("01.2", "you divide by d")
def divided_by_d(query, key, mask=None):
    return (query @ key.transpose(-2, -1) / query.size(-1)).softmax(dim=-1)


@wrong("01.2", "which is √d for d = 4 only")
def divided_by_two(query, key, mask=None):
    return (query @ key.transpose(-2, -1) / 2).softmax(dim=-1)


@wrong("01.2", "the softmax runs over the queries")
def two_mistakes(query, key, mask=None):
    return (query @ key.transpose(-2, -1) / 2).softmax(dim=-2)


@wrong("01.2", "root of the number of keys")
def root_of_the_text_length(query, key, mask=None):
    return (query @ key.transpose(-2, -1) / math.sqrt(key.size(-2))).softmax(dim=-1)


@wrong("01.2", "transpose(-2, -1) swaps the last two only")
def transposed_with_t(query, key, mask=None):
    return (query @ key.T / math.sqrt(query.size(-1))).softmax(dim=-1)


@wrong("01.2", "axis from the end")
def softmax_over_axis_one(query, key, mask=None):
    return scores_of(query, key).softmax(dim=1)


@wrong("01.2", "the softmax is missing")
def no_softmax(query, key, mask=None):
    return scores_of(query, key)


@wrong("01.2", "all your weights together sum to 1")
def one_softmax_for_all(query, key, mask=None):
    e = scores_of(query, key).exp()
    return e / e.sum()


@wrong("01.2", "rows are keys and the columns queries")
def keys_ask_queries(query, key, mask=None):
    return scores_of(key, query).softmax(dim=-1)


@wrong("01.2", "the mask has no effect")
def forgets_the_mask(query, key, mask=None):
    scores = scores_of(query, key)
    if mask is not None:
        scores.masked_fill(~mask, LOWEST)  # the result is thrown away
    return scores.softmax(dim=-1)


@wrong("01.2", "hides what it should show")
def fills_where_true(query, key, mask=None):
    scores = scores_of(query, key)
    return (scores if mask is None else scores.masked_fill(mask, LOWEST)).softmax(dim=-1)


@wrong("01.2", "zero weights after the softmax")
def zeroes_afterwards(query, key, mask=None):
    weights = scores_of(query, key).softmax(dim=-1)
    return weights if mask is None else weights * mask


@wrong("01.2", "a hidden score becomes 0")
def multiplies_scores(query, key, mask=None):
    scores = scores_of(query, key)
    return (scores if mask is None else scores * mask).softmax(dim=-1)


@wrong("01.2", "gives NaN")
def minus_infinity(query, key, mask=None):
    scores = scores_of(query, key)
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(dim=-1)


@wrong("01.2", "no gradient finds its way")
def leaves_the_graph(query, key, mask=None):
    scores = scores_of(query.data, key.data)
    return (scores if mask is None else scores.masked_fill(~mask, LOWEST)).softmax(dim=-1)


@wrong("01.2", "its `return` is missing")
def returns_nothing(query, key, mask=None):
    scores_of(query, key).softmax(dim=-1)


@wrong("01.2", "your function changes `query`")
def divides_in_place(query, key, mask=None):
    query /= math.sqrt(query.size(-1))
    return (query @ key.transpose(-2, -1)).softmax(dim=-1)


@right("01.2")
def by_exponentials(query, key, mask=None):
    e = torch.einsum("...qd,...kd->...qk", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        e = torch.where(mask, e, torch.tensor(-1e30))
    e = (e - e.amax(dim=-1, keepdim=True)).exp()
    return e / e.sum(dim=-1, keepdim=True)


@right("01.2")
def by_adding_a_bias(query, key, mask=None):
    scores = torch.matmul(query / query.size(-1) ** 0.5, key.mT)
    if mask is not None:
        scores = scores + (~mask) * -1e9
    return F.softmax(scores, -1)


def real_and_causal(lengths):
    n = max(lengths)
    real = torch.arange(n) < torch.tensor(lengths)[:, None]
    return real[:, None, None, :], torch.ones(n, n, dtype=torch.bool).tril()


@wrong("01.3", "wrong triangle")
def upper_triangle(lengths):
    real, causal = real_and_causal(lengths)
    return real & causal.T


@wrong("01.3", "does not see itself")
def without_the_diagonal(lengths):
    real, causal = real_and_causal(lengths)
    return real & causal.tril(-1)


@wrong("01.3", "one token of the future")
def one_too_far(lengths):
    n = max(lengths)
    return real_and_causal(lengths)[0] & (torch.arange(n) <= torch.arange(n)[:, None] + 1)


@wrong("01.3", "True hides in yours")
def true_hides(lengths):
    real, causal = real_and_causal(lengths)
    return ~real | ~causal


@wrong("01.3", "yours mixes the two meanings")
def future_as_in_pytorch_s_decoder(lengths):
    n = max(lengths)
    return real_and_causal(lengths)[0] & torch.triu(torch.ones(n, n), diagonal=1).bool()


@wrong("01.3", "yours says OR")
def either(lengths):
    real, causal = real_and_causal(lengths)
    return real | causal


@wrong("01.3", "yours hides queries")
def hides_queries(lengths):
    real, causal = real_and_causal(lengths)
    return real.transpose(-2, -1) & causal


@wrong("01.3", "a query that is padding sees nothing at all")
def hides_both(lengths):
    real, causal = real_and_causal(lengths)
    return real & real.transpose(-2, -1) & causal


@wrong("01.3", "the future is not")
def padding_only(lengths):
    real, causal = real_and_causal(lengths)
    return real.expand(-1, 1, len(causal), -1)


@wrong("01.3", "padding is not")
def future_only(lengths):
    return real_and_causal(lengths)[1].expand(len(lengths), 1, -1, -1)


@wrong("01.3", "one padding token too many")
def off_by_one(lengths):
    n = max(lengths)
    real = torch.arange(n) <= torch.tensor(lengths)[:, None]
    return real[:, None, None, :] & real_and_causal(lengths)[1]


@wrong("01.3", "axis for the heads is missing")
def no_axis_for_heads(lengths):
    real, causal = real_and_causal(lengths)
    return real[:, 0] & causal


@wrong("01.3", "make it bool")
def zeros_and_ones(lengths):
    real, causal = real_and_causal(lengths)
    return (real & causal).long()


@right("01.3")
def by_loops(lengths):
    n = max(lengths)
    mask = torch.zeros(len(lengths), 1, n, n, dtype=torch.bool)
    for text, length in enumerate(lengths):
        for query in range(n):
            mask[text, 0, query, : min(query + 1, length)] = True
    return mask


def attend(q, k, v, real):
    """(batch, heads, tokens, d) → the same, with padding hidden as it should be."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=real[:, None, None, :])


def cut(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


@wrong("01.4", "3 of 3 faults left")
def as_it_was(query, key, value, heads, real):
    batch, tokens, hidden = query.shape

    def view(x):
        return x.view(batch, heads, tokens, hidden // heads)

    scores = view(query) @ view(key).transpose(-2, -1) / math.sqrt(hidden)
    scores = scores.masked_fill(~real[:, None, :, None], LOWEST)
    return (scores.softmax(dim=-1) @ view(value)).transpose(1, 2).reshape(batch, tokens, hidden)


@wrong("01.4", "1 of 3 faults left: `view` mixes tokens")
def still_by_view(query, key, value, heads, real):
    batch, tokens, hidden = query.shape
    q, k, v = (x.view(batch, heads, tokens, hidden // heads) for x in (query, key, value))
    return attend(q, k, v, real).transpose(1, 2).flatten(2)


@wrong("01.4", "1 of 3 faults left: the scores are divided by √hidden")
def still_the_wrong_root(query, key, value, heads, real):
    query = query / math.sqrt(heads)  # √d becomes √hidden
    return attend(cut(query, heads), cut(key, heads), cut(value, heads), real).transpose(1, 2).flatten(2)


@wrong("01.4", "1 of 3 faults left: the mask is transposed")
def still_masks_queries(query, key, value, heads, real):
    q, k, v = cut(query, heads), cut(key, heads), cut(value, heads)
    scores = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).masked_fill(~real[:, None, :, None], LOWEST)
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)


@wrong("01.4", "2 of 3 faults left")
def only_the_split_mended(query, key, value, heads, real):
    q, k, v = cut(query, heads), cut(key, heads), cut(value, heads)
    scores = q @ k.transpose(-2, -1) / math.sqrt(query.size(-1))
    scores = scores.masked_fill(~real[:, None, :, None], LOWEST)
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)


@wrong("01.4", "joined without moving tokens back")
def joins_by_reshape(query, key, value, heads, real):
    return attend(cut(query, heads), cut(key, heads), cut(value, heads), real).reshape(query.shape)


@wrong("01.4", "are not joined again")
def forgets_to_join(query, key, value, heads, real):
    return attend(cut(query, heads), cut(key, heads), cut(value, heads), real)


@wrong("01.4", "shows padding and hides the text")
def mask_inverted(query, key, value, heads, real):
    q, k, v = cut(query, heads), cut(key, heads), cut(value, heads)
    scores = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).masked_fill(real[:, None, None, :], LOWEST)
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)


@wrong("01.4", "a query that is padding sees nothing")
def masks_both(query, key, value, heads, real):
    q, k, v = cut(query, heads), cut(key, heads), cut(value, heads)
    visible = real[:, None, None, :] & real[:, None, :, None]
    scores = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).masked_fill(~visible, LOWEST)
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)


def scaled_by(size):
    def answer(query, key, value, heads, real):
        query = query * math.sqrt(query.size(-1) // heads) / size(query, heads)
        return attend(cut(query, heads), cut(key, heads), cut(value, heads), real).transpose(1, 2).flatten(2)

    return answer


wrong("01.4", "not divided at all", scaled_by(lambda query, heads: 1))
wrong("01.4", "you divide by d, a head's size", scaled_by(lambda query, heads: query.size(-1) // heads))
wrong("01.4", "divided by √heads", scaled_by(lambda query, heads: math.sqrt(heads)))
wrong("01.4", "entry (0, 0, 0) is", scaled_by(lambda query, heads: math.sqrt(query.size(1))))  # √tokens: not named


@right("01.4")
def head_by_head(query, key, value, heads, real):
    results = []
    for q, k, v in zip(*(x.chunk(heads, dim=-1) for x in (query, key, value))):
        scores = q @ k.mT / q.size(-1) ** 0.5 + torch.where(real, 0.0, -1e9)[:, None]
        results.append(scores.softmax(dim=-1) @ v)
    return torch.cat(results, dim=-1)


@right("01.4")
def by_pytorch(query, key, value, heads, real):
    return attend(cut(query, heads), cut(key, heads), cut(value, heads), real).transpose(1, 2).reshape(query.shape)


@wrong("01.5", "all scores move")
def only_its_own(p, g):
    return p * g


@wrong("01.5", "this is the Jacobian's diagonal")
def diagonal_only(p, g):
    return p * (1 - p) * g


@wrong("01.5", "yours is the plain sum")
def plain_sum(p, g):
    return p * (g - g.sum(dim=-1, keepdim=True))


@wrong("01.5", "yours is the plain mean")
def plain_mean(p, g):
    return p * (g - g.mean(dim=-1, keepdim=True))


@wrong("01.5", "weighted with pᵢ as well")
def bracket_forgotten(p, g):
    return p * g - (p * g).sum(dim=-1, keepdim=True)


@wrong("01.5", "the sign")
def sign(p, g):
    return p * ((p * g).sum(dim=-1, keepdim=True) - g)


@wrong("01.5", "the factor p, is missing")
def factor_forgotten(p, g):
    return g - (p * g).sum(dim=-1, keepdim=True)


@wrong("01.5", "runs over all rows")
def sum_of_everything(p, g):
    return p * (g - (p * g).sum())


@wrong("01.5", "without keepdim=True")
def no_keepdim(p, g):
    return p * (g - (p * g).sum(dim=-1))


@wrong("01.5", "runs over the queries")
def over_queries(p, g):
    return p * (g - (p * g).sum(dim=0, keepdim=True))


@wrong("01.5", "wrong with (batch, heads) before it")
def for_matrices_only(p, g):
    return p * g - p * (p * g).sum(dim=1 if p.dim() > 1 else 0, keepdim=True)


@right("01.5")
def by_jacobian(p, g):
    jacobian = torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)
    return (jacobian @ g.unsqueeze(-1)).squeeze(-1)


@right("01.5")
def by_autograd(p, g):
    z = p.log().requires_grad_()
    return torch.autograd.grad(z.softmax(dim=-1), z, g)[0]


wrong("01.6", "the word is one of the n keys", (148, 92, 1.65))
wrong("01.6", "the score is an exponent", (6, 92, 1.65))
wrong("01.6", "are your other scores all 0", (149, 149, 1.65))
wrong("01.6", "the mean over 1,000 draws", (149, 60, 1.65))
wrong("01.6", "not e to the mean of z", (149, 92, 1.0))
wrong("01.6", "one standard deviation", (149, 92, 2.718))
wrong("01.6", "3 numbers are wanted", 149)
right("01.6", (150, 91.0, 1.62))


def clocks(which, turn, scale):
    W_q, W_k = torch.zeros(2 * len(which), 64), torch.zeros(2 * len(which), 64)
    for row, i in enumerate(which):
        w = torch.tensor(turn * 10_000 ** (-2 * i / 64))
        W_k[2 * row : 2 * row + 2, 2 * i : 2 * i + 2] = scale * torch.eye(2)
        rotation = torch.tensor([[w.cos(), -w.sin()], [w.sin(), w.cos()]])
        W_q[2 * row : 2 * row + 2, 2 * i : 2 * i + 2] = scale * rotation
    return W_q, W_k


def trained():
    torch.manual_seed(1)
    W_q, W_k = matrices = [(0.1 * torch.randn(8, 64)).requires_grad_() for _ in range(2)]
    optimizer, positions = torch.optim.Adam(matrices, lr=0.05), sinusoidal_positions(64, 64)
    for _ in range(150):
        x = positions + 0.2 * torch.randn(16, 64, 64)
        scores = (x @ W_q.T) @ (x @ W_k.T).mT / math.sqrt(8)
        loss = -scores.log_softmax(dim=-1).diagonal(-1, 1, 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return W_q, W_k


wrong("01.7", "the turn goes the wrong way", clocks([0, 1, 2, 3], -1, 8.0))
wrong("01.7", "has to turn", clocks([0, 1, 2, 3], 0, 8.0))
wrong("01.7", "the softmax is too warm", clocks([0, 1, 2, 3], 1, 1.0))
wrong("01.7", "slow ones hardly turn", clocks([12, 13, 14, 15], 1, 8.0))
wrong("01.7", "at most d = 8", clocks([0, 1, 2, 3, 4], 1, 8.0))
wrong("01.7", "two matrices are wanted", torch.zeros(8, 64))
right("01.7", trained())
