"""Checkers for the exercises on the decoder and beam search."""

import heapq
import math
import random
from functools import partial
from itertools import combinations

import torch

from bertsum_lite.checks import Wrong, agree, compare, exercise, hint
from bertsum_lite.checks.tools import numbers, show
from bertsum_lite.layers import DecoderLayer, sinusoidal_positions


@exercise("09.1", "(3/2)^α = 4/3.", "09.2, what a new token sees.")
def where_they_draw(alpha):
    named = {
        "you counted 6 and 12 tokens: END is a token too, so 7 and 13": math.log(4 / 3) / math.log(17 / 11),
        "you compare the lengths 7 and 13 themselves; the penalty has 5 added to each": (
            math.log(4 / 3) / math.log(13 / 7)
        ),
        "you compare 6 and 12 words; the penalty takes tokens, END included, and adds 5": (
            math.log(4 / 3) / math.log(2)
        ),
        "your fraction is upside down: α is ln of the ratio of log P, divided by ln of the ratio of the penalties": (
            math.log(3 / 2) / math.log(4 / 3)
        ),
        "α is an exponent and not a factor: take logarithms before you divide": 8 / 9,
        "the size is right, the sign is not: with a negative α a longer summary would pay for its length": -0.7095,
    }
    compare(alpha, 0.7095, named, tolerance=6e-3)


def over_cache(diagonal=lambda past, new: past, padding=True, change=lambda mask, past: mask):
    """A mask over cache and new tokens, with a diagonal and a change of one's own."""

    def mask(new, past_real):
        rows, past = past_real.shape
        real = past_real if padding else torch.ones_like(past_real)
        real = torch.cat([real, torch.ones(rows, new, dtype=torch.bool)], dim=1)  # (rows, past + new)
        causal = torch.ones(new, past + new, dtype=torch.bool).tril(diagonal(past, new))
        return change(real[:, None, None, :] & causal, past)

    return mask


def parts(rule):
    """A mask whose parts, over the past and over the new tokens, are put together by a rule of one's own."""
    return over_cache(change=lambda mask, past: rule(mask[..., :past], mask[..., past:]))


@exercise("09.2", "The real past, itself, and no future.", "09.3, a cache that forgets.")
def mask_over_a_cache(cache_mask):
    named = {
        "your diagonal starts at the cache's first key: the new tokens stand *behind* it, so shift it by `past`": (
            over_cache(lambda past, new: 0)
        ),
        "a new token sees one token of the future: the diagonal is shifted one too far": (
            over_cache(lambda past, new: past + 1)
        ),
        "a new token does not see itself: the diagonal belongs to the mask": over_cache(lambda past, new: past - 1),
        "the diagonal is shifted by the number of new tokens; it is the cache's length by which they stand later": (
            over_cache(lambda past, new: new)
        ),
        "the new tokens see each other in both directions: among them the future has to be hidden": (
            over_cache(lambda past, new: past + new)
        ),
        "padding in the cache is visible: `past_real` has no effect": over_cache(padding=False),
        "True hides in yours; here True says that a query may look": over_cache(change=lambda mask, past: ~mask),
        "the cache is hidden from the new tokens: without the past there is no need for one": (
            parts(lambda old, new: torch.cat([torch.zeros_like(old), new], dim=-1))
        ),
        "the new keys stand before the cache in yours; they are appended to it": (
            parts(lambda old, new: torch.cat([new, old], dim=-1))
        ),
        "`past_real` is turned round: it is True where a key is real": lambda new, real: over_cache()(new, ~real),
        "you put mask and triangle together with `|`; a key has to be real *and* not in the future: `&`": (
            lambda new, real: over_cache(padding=False)(new, real) | over_cache(lambda past, new: past + new)(new, real)
        ),
        "`triu` keeps the future; `tril` keeps the past": (
            lambda new, real: (
                over_cache(lambda past, new: past + new)(new, real)
                & torch.ones(new, real.size(1) + new, dtype=torch.bool).triu(real.size(1))
            )
        ),
        "yours is to be added to the scores, 0 and −∞; wanted is True where a query may look": (
            over_cache(change=lambda mask, past: torch.zeros(mask.shape).masked_fill(~mask, -math.inf))
        ),
        "only the new tokens are keys in yours: the cache is missing": parts(lambda old, new: new),
        "only the cache is keys in yours: a new token sees itself too": parts(lambda old, new: old),
        "a new token sees itself, and not the new tokens before it: they are its past as well": (
            parts(lambda old, new: torch.cat([old, new & new.mT], dim=-1))
        ),
        "the triangle of the new tokens is the wrong way round: they see the future and not the past": (
            parts(lambda old, new: torch.cat([old, new.mT], dim=-1))
        ),
        "the axis for the heads is missing: (rows, 1, query, key)": over_cache(change=lambda mask, past: mask[:, 0]),
        "the mask is of whole numbers, and `~` of 1 is −2 there: make it bool": (
            over_cache(change=lambda mask, past: mask.long())
        ),
        "the mask is of decimal numbers: make it bool": over_cache(change=lambda mask, past: mask.float()),
    }

    def square(new, past_real):
        past = past_real.size(1)
        real = torch.cat([past_real, torch.ones(len(past_real), new, dtype=torch.bool)], dim=1)
        return real[:, None, None, :] & torch.ones(past + new, past + new, dtype=torch.bool).tril()

    named["your mask has queries for the cached tokens too; they have spoken, only the new ones ask"] = square
    inputs = [(2, torch.tensor([[True, False]])), (3, torch.tensor([[True, True], [False, True]]))]
    inputs += [(1, torch.tensor([[True, True, False]])), (2, torch.rand(4, 5) > 0.4)]
    agree(cache_mask, over_cache(), inputs, named)
    with hint("right with a cache, wrong at the first step, when it is empty"):
        agree(cache_mask, over_cache(), [(3, torch.ones(2, 0, dtype=torch.bool))], named)


class Small(DecoderLayer):
    """A decoder layer that is shown in one line and notes whether it has read several words at once."""

    def __init__(self):
        super().__init__(8, 2, 16, dropout=0.0)
        self.requires_grad_(False)
        self.longest = 0

    def __repr__(self):
        return "DecoderLayer(8, 2, 16)"

    def forward(self, x, source, source_mask, past=None):
        self.longest = max(self.longest, x.size(1))
        return super().forward(x, source, source_mask, past)


FAULTS = {
    "positions": "every word stands at position 0, so their order is lost",
    "beams": "the cache does not move with its beam: a row goes on from another row's past",
    "source": "`repeat` puts the documents' sources in the order a b a b, and the rows are a a b b",
}


def with_cache(layer, table, memory, width, steps, faults=()):
    """Every row's last vector after a beam search's steps, with faults by name."""
    copied = memory.repeat(width, 1, 1) if "source" in faults else memory.repeat_interleave(width, dim=0)
    source = layer.cross_attention.keys_values(copied)
    mask, past = torch.ones(copied.shape[:2], dtype=torch.bool), None
    for t, (words, came_from) in enumerate(steps):
        moves = came_from is not None and "beams" not in faults
        if moves and "late" not in faults:
            past = (past[0][came_from], past[1] if "keys" in faults else past[1][came_from])
        if moves and "words" in faults:
            words = words[came_from]
        at = 0 if "positions" in faults else t + ("one" in faults)
        x = table[words][:, None] + sinusoidal_positions(at + 1, table.size(-1))[at:]  # (rows, 1, hidden)
        x, past = layer(x, source, mask, None if "none" in faults else past)
        if moves and "late" in faults:
            past = tuple(part[came_from] for part in past)
    return x[:, 0]


def searched(documents, width, length):
    """Steps of a search: words at random, each row from some row of its own document."""
    rows, steps = documents * width, []
    first = torch.arange(documents).repeat_interleave(width) * width  # a document's first row
    for t in range(length):
        came_from = first + torch.randint(width, (rows,)) if t else None
        steps.append((torch.randint(9, (rows,)), came_from))
    return steps


@exercise("09.3", "It remembers: order, beam and document.", "09.4, a better search and a worse summary.")
def forgetful_cache(mended):
    named = {
        f"{count} of 3 faults left: " + "; ".join(FAULTS[name] for name in left): left
        for count in (1, 2, 3)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "the keys move with their beam, the values stay where they were": ["keys"],
        "you move the cache after the new words are in it, and those are in the new order already": ["late"],
        "the words are in the new order already; only the cache has to move": ["words"],
        "all positions are one too high: the first word stands at position 0": ["one"],
        "nothing is kept from step to step: hand `past` to the layer": ["none"],
    }
    layer, table, inputs = Small(), torch.randn(9, 8), []
    for documents, width, length in ((1, 1, 2), (1, 2, 3), (2, 1, 2), (2, 2, 3), (3, 4, 6)):
        inputs.append((layer, table, torch.randn(documents, 5, 8), width, searched(documents, width, length)))
    agree(mended, with_cache, inputs, {words: partial(with_cache, faults=faults) for words, faults in named.items()})
    layer.longest = 0
    mended(*inputs[-1])
    if layer.longest > 1:
        raise Wrong(
            f"the vectors are right, but the layer read {layer.longest} words at once: "
            "with a cache it takes in one word a step"
        )


@exercise(
    "09.4",
    "Narrow beams write words only because they overlook END: an error of the search hides one of the model. "
    "Try length_penalty: with ten beams 1 changes little, 2 changes everything.",
    "09.5, a search that overlooks nothing.",
)
def better_and_worse(answer):
    best_length, width, place = numbers(answer, "best_length, width, place")
    named = {
        "1 / 0.05 = 20 is the mean length of summaries that are drawn; the most probable one is another thing": 20,
        "END is a token too, and no summary is without it": 0,
        "two tokens have the probability of a word times 0.05, which is less than 0.05": 2,
    }
    if best_length in (12, 13):
        raise Wrong("best_length: that is what one beam writes: it takes the likeliest word, and END never is")
    with hint("best_length"):
        compare(best_length, 1, named)
    if not 6 <= width <= 7:
        few = "the smallest is wanted, and a smaller one does" if width > 7 else "with it less than half are empty"
        raise Wrong(f"width: {width:g} is not it: {few}")
    named = {
        "count from 1: as many candidates as are at least as probable as END, END included": 5,
        "count from the most probable down": 25,
    }
    if not 6 <= place <= 7:
        with hint("place"):
            compare(place, 6, named)


def model(seed):
    """A model of its own for every seed: next_word(words) → {word: probability}."""

    def next_word(words):
        if len(words) >= 9:
            return {"END": 1.0}
        rng = random.Random(f"{seed} {words}")
        weights = {word: math.exp(rng.gauss(0, 2)) for word in "abcdefgh"}
        weights["END"] = math.exp(rng.gauss(0.3 * len(words) - 1, 2))
        return {word: weight / sum(weights.values()) for word, weight in weights.items()}

    return next_word


def most_probable(next_word, key=lambda cost, last, length: cost):
    """The best summary; `key` says which beginning is next, from −log P, the last word's, and the length."""
    waiting = [(0.0, 0.0, ())]
    while True:
        _, cost, words = heapq.heappop(waiting)
        if words and words[-1] == "END":
            return words
        for word, p in next_word(words).items():
            total, longer = cost - math.log(p), (*words, word)
            heapq.heappush(waiting, (key(total, -math.log(p), len(longer)), total, longer))


KEYS = {
    "you take out the least probable beginning: `heapq` gives the smallest, so put in −log P": lambda c, p, n: -c,
    "you divide by the length; the most probable summary is wanted, of any length": lambda c, p, n: c / n,
    "you go by the last word alone: a beginning has the product of all its words' probabilities": lambda c, p, n: p,
}


def counted(next_word):
    """The same model, and the list of what it has been asked."""
    asked = []

    def ask(words):
        asked.append(words)
        if len(asked) > 1000:
            raise RuntimeError("more than 1,000 questions about one model")
        return next_word(tuple(words))

    return ask, asked


@exercise("09.5", "No beam of any width does better.", "lesson 10, where the decoder reads what BERT has read.")
def search_of_your_own(find):
    found, counts, repeated, missed, all_found = 0, [], 0, None, []
    for seed in range(100, 200):
        ask, asked = counted(model(seed))
        got, best = find(ask), most_probable(model(seed))
        if got is None:
            raise Wrong("your function returns None: its `return` is missing")
        if not isinstance(got, list | tuple) or not all(isinstance(word, str) for word in got):
            raise Wrong(f"a tuple of words is wanted, and nothing else; yours is {show(got)}")
        if not got or got[-1] != "END" or "END" in got[:-1]:
            raise Wrong('a summary ends with "END", and has no other', best)
        found += tuple(got) == best
        if missed is None and tuple(got) != best:
            missed = Wrong("", best, [f"model({seed})", f"yours {tuple(got)}"])
        all_found.append(tuple(got))
        counts.append(len(asked))
        repeated += len(asked) - len({tuple(words) for words in asked})
    questions = sum(counts) / len(counts)
    reached = f"{found} of 100 found, {questions:.1f} questions each."
    if found < 95:
        kind = "a beginning that you dropped, or had not yet asked about, was better"
        if questions < 2:
            kind = "you stop as soon as END is put in; a summary is the best when it is *taken out*"
        for words, key in KEYS.items():
            alike = [most_probable(model(100 + i), key) == got for i, got in enumerate(all_found)]
            kind = words if sum(alike) >= 98 else kind
        raise Wrong(f"{reached} 95 are wanted: {kind}", missed.want, missed.example)
    if questions > 15 and questions - repeated / 100 <= 15:
        raise Wrong(f"{reached} At most 15 are wanted: you ask the same question twice; keep the answer", example=[])
    if questions > 15:
        most = [f"most: {max(counts)} questions, about model({100 + counts.index(max(counts))})"]
        raise Wrong(f"{reached} At most 15 are wanted: you ask about beginnings that cannot win any more", example=most)
    return reached
