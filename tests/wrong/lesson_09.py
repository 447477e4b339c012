"""Wrong and right answers to the exercises on the decoder and beam search."""

import heapq
import math

import torch

from bertsum_lite.layers import sinusoidal_positions
from wrong import right, wrong

wrong("09.1", "END is a token too", 0.66)
wrong("09.1", "has 5 added to each", 0.46)
wrong("09.1", "takes tokens, END included, and adds 5", 0.415)
wrong("09.1", "upside down", 1.41)
wrong("09.1", "an exponent and not a factor", 0.889)
wrong("09.1", "the sign is not", -0.71)
wrong("09.1", "0.5 is too small", 0.5)
wrong("09.1", "a number is wanted", "0.71")
right("09.1", 0.7095)


def real_keys(new, past_real):
    """(rows, 1, 1, past + new)"""
    return torch.cat([past_real, torch.ones(len(past_real), new, dtype=torch.bool)], dim=1)[:, None, None]


def triangle(new, past_real, shift):
    return torch.ones(new, past_real.size(1) + new, dtype=torch.bool).tril(shift)


@wrong("09.2", "the new tokens stand *behind* it")
def plain_tril(new, past_real):
    return real_keys(new, past_real) & triangle(new, past_real, 0)


@wrong("09.2", "one token of the future")
def one_too_far(new, past_real):
    return real_keys(new, past_real) & triangle(new, past_real, past_real.size(1) + 1)


@wrong("09.2", "does not see itself")
def without_itself(new, past_real):
    return real_keys(new, past_real) & triangle(new, past_real, past_real.size(1) - 1)


@wrong("09.2", "shifted by the number of new tokens")
def shifted_by_new(new, past_real):
    return real_keys(new, past_real) & triangle(new, past_real, new)


@wrong("09.2", "see each other in both directions")
def padding_only(new, past_real):
    return real_keys(new, past_real).expand(-1, 1, new, -1)


@wrong("09.2", "`past_real` has no effect")
def causal_only(new, past_real):
    return triangle(new, past_real, past_real.size(1)).expand(len(past_real), 1, -1, -1)


@wrong("09.2", "`past_real` is turned round")
def padding_and_nothing_else(new, past_real):
    return real_keys(new, ~past_real) & triangle(new, past_real, past_real.size(1))


@wrong("09.2", "together with `|`")
def real_or_past(new, past_real):
    return real_keys(new, past_real) | triangle(new, past_real, past_real.size(1))


@wrong("09.2", "`triu` keeps the future")
def the_other_triangle(new, past_real):
    past = past_real.size(1)
    return real_keys(new, past_real) & torch.ones(new, past + new, dtype=torch.bool).triu(past)


@wrong("09.2", "to be added to the scores")
def zero_and_minus_infinity(new, past_real):
    mask = real_keys(new, past_real) & triangle(new, past_real, past_real.size(1))
    return torch.zeros(mask.shape).masked_fill(~mask, -math.inf)


@wrong("09.2", "True hides in yours")
def true_hides(new, past_real):
    return ~real_keys(new, past_real) | ~triangle(new, past_real, past_real.size(1))


@wrong("09.2", "the cache is missing")
def mask_of_the_new_tokens(new, past_real):
    return torch.ones(new, new, dtype=torch.bool).tril().expand(len(past_real), 1, -1, -1)


@wrong("09.2", "stand before the cache")
def new_tokens_first(new, past_real):
    old = past_real[:, None, None, :].expand(-1, 1, new, -1)
    return torch.cat([torch.ones(new, new, dtype=torch.bool).tril().expand(len(old), 1, -1, -1), old], dim=-1)


@wrong("09.2", "not the new tokens before it")
def only_itself_of_the_new(new, past_real):
    old = past_real[:, None, None, :].expand(-1, 1, new, -1)
    return torch.cat([old, torch.eye(new, dtype=torch.bool).expand(len(old), 1, -1, -1)], dim=-1)


@wrong("09.2", "wrong way round")
def triu_of_the_new_tokens(new, past_real):
    old = past_real[:, None, None, :].expand(-1, 1, new, -1)
    return torch.cat([old, torch.ones(new, new, dtype=torch.bool).triu().expand(len(old), 1, -1, -1)], dim=-1)


@wrong("09.2", "queries for the cached tokens too")
def all_tokens_ask(new, past_real):
    n = past_real.size(1) + new
    return real_keys(new, past_real) & torch.ones(n, n, dtype=torch.bool).tril()


@wrong("09.2", "axis for the heads is missing")
def no_axis_for_heads(new, past_real):
    return real_keys(new, past_real)[:, 0] & triangle(new, past_real, past_real.size(1))


@wrong("09.2", "of decimal numbers")
def zeros_and_ones(new, past_real):
    return (real_keys(new, past_real) & triangle(new, past_real, past_real.size(1))).float()


@wrong("09.2", "wrong at the first step, when it is empty")
def needs_a_past(new, past_real):
    if past_real.numel() == 0:
        return torch.ones(len(past_real), 1, new, new, dtype=torch.bool)
    return real_keys(new, past_real) & triangle(new, past_real, past_real.size(1))


@right("09.2")
def by_positions(new, past_real):
    rows, past = past_real.shape
    mask = torch.zeros(rows, 1, new, past + new, dtype=torch.bool)
    mask[..., :past] = past_real[:, None, None]
    for query in range(new):
        mask[:, :, query, past : past + query + 1] = True
    return mask


@right("09.2")
def last_rows_of_the_square(new, past_real):
    n = past_real.size(1) + new
    return real_keys(new, past_real) * torch.ones(n, n, dtype=torch.bool).tril()[-new:]


def take_in(layer, table, source, mask, steps, position, move):
    """Step by step, with positions and a cache moved by rules of one's own."""
    past = None
    for t, (words, came_from) in enumerate(steps):
        if came_from is not None:
            past = move(past, came_from)
        x, past = layer((table[words] + position(t))[:, None], source, mask, past)
    return x[:, 0]


def stands_at(t):
    return sinusoidal_positions(t + 1, 8)[t]


def moved(past, came_from):
    return past[0][came_from], past[1][came_from]


def shared(layer, memory):
    return layer.cross_attention.keys_values(memory), torch.ones(memory.shape[:2], dtype=torch.bool)


@wrong("09.3", "3 of 3 faults left")
def as_it_was(layer, table, memory, width, steps):
    copies = shared(layer, memory.repeat(width, 1, 1))
    return take_in(layer, table, *copies, steps, lambda t: stands_at(0), lambda past, came_from: past)


@wrong("09.3", "2 of 3 faults left: every word stands at position 0, so their order is lost; the cache does not move")
def only_the_source_mended(layer, table, memory, width, steps):
    return take_in(layer, table, *shared(layer, memory), steps, lambda t: stands_at(0), lambda past, came_from: past)


@wrong("09.3", "1 of 3 faults left: every word stands at position 0")
def positions_restart(layer, table, memory, width, steps):
    return take_in(layer, table, *shared(layer, memory), steps, lambda t: stands_at(0), moved)


@wrong("09.3", "1 of 3 faults left: the cache does not move")
def cache_stays(layer, table, memory, width, steps):
    return take_in(layer, table, *shared(layer, memory), steps, stands_at, lambda past, came_from: past)


@wrong("09.3", "1 of 3 faults left: `repeat` puts")
def sources_in_the_wrong_order(layer, table, memory, width, steps):
    return take_in(layer, table, *shared(layer, memory.repeat(width, 1, 1)), steps, stands_at, moved)


@wrong("09.3", "the values stay where they were")
def keys_move_alone(layer, table, memory, width, steps):
    return take_in(
        layer, table, *shared(layer, memory), steps, stands_at, lambda past, came_from: (past[0][came_from], past[1])
    )


@wrong("09.3", "you move the cache after the new words are in it")
def moves_afterwards(layer, table, memory, width, steps):
    source, mask = shared(layer, memory)
    past = None
    for t, (words, came_from) in enumerate(steps):
        x, past = layer((table[words] + stands_at(t))[:, None], source, mask, past)
        if came_from is not None:
            past = moved(past, came_from)
    return x[:, 0]


@wrong("09.3", "only the cache has to move")
def moves_words_too(layer, table, memory, width, steps):
    steps = [(words if rows is None else words[rows], rows) for words, rows in steps]
    return take_in(layer, table, *shared(layer, memory), steps, stands_at, moved)


@wrong("09.3", "one too high")
def positions_from_one(layer, table, memory, width, steps):
    return take_in(layer, table, *shared(layer, memory), steps, lambda t: stands_at(t + 1), moved)


@wrong("09.3", "nothing is kept from step to step")
def no_cache(layer, table, memory, width, steps):
    return take_in(layer, table, *shared(layer, memory), steps, stands_at, lambda past, came_from: None)


@wrong("09.3", "read 6 words at once")
def all_words_again(layer, table, memory, width, steps):
    words = steps[0][0][:, None]
    for token, came_from in steps[1:]:
        words = torch.cat([words[came_from], token[:, None]], dim=1)
    x, _ = layer(table[words] + sinusoidal_positions(len(steps), 8), *shared(layer, memory))
    return x[:, -1]


@right("09.3")
def with_copies_in_order(layer, table, memory, width, steps):
    copies = memory[torch.arange(len(memory) * width) // width]
    return take_in(layer, table, *shared(layer, copies), steps, stands_at, moved)


@right("09.3")
def length_of_the_cache(layer, table, memory, width, steps):
    source, mask = shared(layer, memory)
    positions, past = sinusoidal_positions(len(steps), table.size(1)), None
    for words, came_from in steps:
        at = 0 if past is None else past[0].size(2)
        if past is not None:
            past = [part.index_select(0, came_from) for part in past]
        x, past = layer((table[words] + positions[at]).unsqueeze(1), source, mask, past)
    return x.squeeze(1)


wrong("09.4", "mean length of summaries that are drawn", (20, 6, 6))
wrong("09.4", "END is a token too", (0, 6, 6))
wrong("09.4", "what one beam writes", (13, 6, 6))
wrong("09.4", "less than 0.05", (2, 6, 6))
wrong("09.4", "less than half are empty", (1, 5, 6))
wrong("09.4", "a smaller one does", (1, 10, 6))
wrong("09.4", "count from 1", (1, 6, 5))
wrong("09.4", "3 numbers are wanted", 1)
right("09.4", (1.0, 6, torch.tensor(6)))


def beams(next_word, width):
    going, done = [(0.0, ())], []
    while going and (not done or max(done)[0] < going[0][0]):
        grown = sorted(((s + math.log(p), (*ws, w)) for s, ws in going for w, p in next_word(ws).items()), reverse=True)
        done += [(s, ws) for s, ws in grown[:width] if ws[-1] == "END"]
        going = [(s, ws) for s, ws in grown if ws[-1] != "END"][:width]
    return max(done)[1]


@wrong("09.5", "was better")
def greedy(next_word):
    return beams(next_word, 1)


@wrong("09.5", "95 are wanted")
def five_beams(next_word):
    return beams(next_word, 5)


@wrong("09.5", "At most 15 are wanted")
def ten_beams(next_word):
    return beams(next_word, 10)


@wrong("09.5", "more than 1,000 questions")
def every_summary(next_word):
    def grown(words, p):
        if words and words[-1] == "END":
            return [(p, words)]
        return [found for word, q in next_word(words).items() for found in grown((*words, word), p * q)]

    return max(grown((), 1.0))[1]


@wrong("09.5", "when it is *taken out*")
def stops_at_the_first_end(next_word):
    waiting = [(0.0, ())]
    while True:
        cost, words = heapq.heappop(waiting)
        for word, p in sorted(next_word(words).items(), key=lambda pair: -pair[1]):
            if word == "END":
                return (*words, word)
            heapq.heappush(waiting, (cost - math.log(p), (*words, word)))
            if p > 0.5:
                break


def best_first(next_word, cost, ask=1):
    """A heap by a cost of one's own: of −log P, the last word's p, and the length."""
    waiting = [(0.0, 0.0, ())]
    while True:
        _, total, words = heapq.heappop(waiting)
        if words and words[-1] == "END":
            return total, words
        for word, p in [next_word(words) for _ in range(ask)][0].items():
            longer = total - math.log(p)
            heapq.heappush(waiting, (cost(longer, p, len(words) + 1), longer, (*words, word)))


@wrong("09.5", "you take out the least probable beginning")
def by_log_p(next_word):
    return best_first(next_word, lambda total, p, length: -total)[1]


@wrong("09.5", "you divide by the length")
def by_mean_log_p(next_word):
    return best_first(next_word, lambda total, p, length: total / length)[1]


@wrong("09.5", "you go by the last word alone")
def by_the_last_word(next_word):
    return best_first(next_word, lambda total, p, length: -p)[1]


@wrong("09.5", "you ask the same question twice")
def asks_twice(next_word):
    return best_first(next_word, lambda total, p, length: total, ask=2)[1]


@wrong("09.5", "and nothing else; yours is (")
def with_its_cost(next_word):
    return best_first(next_word, lambda total, p, length: total)


@wrong("09.5", 'ends with "END"')
def forgets_the_end(next_word):
    return beams(next_word, 2)[:-1]


@wrong("09.5", "a tuple of words is wanted")
def gives_one_string(next_word):
    return " ".join(beams(next_word, 2))


@right("09.5")
def depth_first_with_a_bound(next_word):
    """Branch and bound with the one most probable beginning first: no heap, a list sorted each time."""
    waiting, best = [(1.0, ())], (0.0, ())
    while waiting[-1][0] > best[0]:
        p, words = waiting.pop()
        for word, q in next_word(words).items():
            if word == "END":
                best = max(best, (p * q, (*words, word)))
            else:
                waiting.append((p * q, (*words, word)))
        waiting.sort()
    return list(best[1])
