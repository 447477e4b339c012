"""Wrong and right answers to the exercises on pre-training."""

import math
from collections import Counter, defaultdict
from functools import cache

import torch
from torch.nn import functional as F

from bertsum_lite import load_backbone, load_corpus
from wrong import right, wrong

wrong("03.1", "the fewest pieces", ["moor", "##ings"])
wrong("03.1", "does not begin the word carries ##", ["moorin", "g", "s"])
wrong("03.1", "you took the shortest", ["m", "##o", "##o", "##r", "##in", "##g", "##s"])
wrong("03.1", "the word is not lost", ["[UNK]"])
wrong("03.1", "what is left, `gs`, is not lost", ["moorin", "[UNK]"])
wrong("03.1", "`##gs` is not in the vocabulary", ["moorin", "##gs"])
wrong("03.1", "`s` is not in the vocabulary, `##s` is", ["moorin", "##g", "s"])
wrong("03.1", "your pieces spell moorins", ["moorin", "##s"])
wrong("03.1", "`moorin` is longer than yours", ["moor", "##in", "##g", "##s"])
wrong("03.1", "a list of strings is wanted", "moorin ##g ##s")
right("03.1", ("moorin", "##g", "##s"))


@wrong("03.2", "3 of 3 faults left")
def as_it_was(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            if word[start:end] in vocabulary:
                break
        else:
            return [*pieces, "[UNK]"]
        pieces.append(word[start:end])
        start = end
    return pieces


def longest_first(word, vocabulary, mark="##", dead_end=lambda pieces: ["[UNK]"], last=0, least=0, first=""):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word) - last, start + least, -1):
            piece = (mark if start else first) + word[start:end]
            if piece in vocabulary:
                break
        else:
            return dead_end(pieces)
        pieces.append(piece)
        start = end
    return pieces


@wrong("03.2", "1 of 3 faults left: you take the shortest")
def still_the_shortest(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        fits = [e for e in range(start + 1, len(word) + 1) if "##" * bool(start) + word[start:e] in vocabulary]
        if not fits:
            return ["[UNK]"]
        pieces.append("##" * bool(start) + word[start : fits[0]])
        start = fits[0]
    return pieces


@wrong("03.2", "1 of 3 faults left: a piece inside the word")
def still_without_marks(word, vocabulary):
    return longest_first(word, vocabulary, mark="")


@wrong("03.2", "1 of 3 faults left: where no piece fits")
def still_keeps_the_beginning(word, vocabulary):
    return longest_first(word, vocabulary, dead_end=lambda pieces: [*pieces, "[UNK]"])


@wrong("03.2", "2 of 3 faults left")
def only_the_order_mended(word, vocabulary):
    return longest_first(word, vocabulary, mark="", dead_end=lambda pieces: [*pieces, "[UNK]"])


@wrong("03.2", "returned without")
def marks_for_the_look_up_only(word, vocabulary):
    return [p if p == "[UNK]" else p.removeprefix("##") for p in longest_first(word, vocabulary)]


@wrong("03.2", "in silence")
def forgets_the_rest(word, vocabulary):
    return longest_first(word, vocabulary, dead_end=lambda pieces: pieces)


@wrong("03.2", "never try the last letter")
def range_one_short(word, vocabulary):
    return longest_first(word, vocabulary, last=1)


@wrong("03.2", "never try a single letter")
def pieces_of_two_letters_at_least(word, vocabulary):
    return longest_first(word, vocabulary, least=1)


@wrong("03.2", "begins the word carries no ##")
def every_piece_marked(word, vocabulary):
    return longest_first(word, vocabulary, first="##")


@right("03.2")
def by_recursion(word, vocabulary, mark=""):
    if not word:
        return []
    for end in range(len(word), 0, -1):
        if mark + word[:end] in vocabulary:
            rest = by_recursion(word[end:], vocabulary, "##")
            return ["[UNK]"] if rest == ["[UNK]"] else [mark + word[:end], *rest]
    return ["[UNK]"]


def draw(ids, rate, first):
    return (torch.rand(ids.shape) < rate) & (ids >= first)


def rule(ids, asked, first, vocabulary, mask, blank=0.8, swap=0.1):
    fate = torch.rand(ids.shape)
    other = torch.randint(first, vocabulary, ids.shape)
    return torch.where(asked & (fate < blank), mask, torch.where(asked & (fate >= 1 - swap), other, ids))


@wrong("03.3", "special pieces are masked too")
def masks_cls_and_padding(ids, rate, first, vocabulary, mask):
    asked = torch.rand(ids.shape) < rate
    return rule(ids, asked, first, vocabulary, mask), ids.masked_fill(~asked, -100)


@wrong("03.3", "labels stand everywhere")
def labels_everywhere(ids, rate, first, vocabulary, mask):
    return rule(ids, draw(ids, rate, first), first, vocabulary, mask), ids.clone()


@wrong("03.3", "a label holds [MASK]")
def labels_from_the_inputs(ids, rate, first, vocabulary, mask):
    asked = draw(ids, rate, first)
    inputs = rule(ids, asked, first, vocabulary, mask)
    return inputs, inputs.masked_fill(~asked, -100)


@wrong("03.3", "the one that is kept as well")
def asks_only_what_changed(ids, rate, first, vocabulary, mask):
    inputs = rule(ids, draw(ids, rate, first), first, vocabulary, mask)
    return inputs, ids.masked_fill(inputs == ids, -100)


@wrong("03.3", "all that is asked becomes [MASK]")
def masks_them_all(ids, rate, first, vocabulary, mask):
    asked = draw(ids, rate, first)
    return ids.masked_fill(asked, mask), ids.masked_fill(~asked, -100)


@wrong("03.3", "no piece is swapped")
def never_swaps(ids, rate, first, vocabulary, mask):
    asked = draw(ids, rate, first)
    return rule(ids, asked, first, vocabulary, mask, swap=0.0), ids.masked_fill(~asked, -100)


@wrong("03.3", "a second draw takes its share of what is left")
def two_draws(ids, rate, first, vocabulary, mask):
    asked = draw(ids, rate, first)
    blank = asked & (torch.rand(ids.shape) < 0.8)
    swap = asked & ~blank & (torch.rand(ids.shape) < 0.1)
    other = torch.randint(first, vocabulary, ids.shape)
    return torch.where(blank, mask, torch.where(swap, other, ids)), ids.masked_fill(~asked, -100)


@wrong("03.3", "at a rate of 15 % you ask")
def asks_what_is_left(ids, rate, first, vocabulary, mask):
    asked = (torch.rand(ids.shape) >= 1 - rate**2) & (ids >= first) if rate < 1 else ids >= first
    return rule(ids, asked, first, vocabulary, mask), ids.masked_fill(~asked, -100)


@wrong("03.3", "at the same places")
def one_draw_for_all_texts(ids, rate, first, vocabulary, mask):
    asked = (torch.rand(ids.shape[1]) < rate) & (ids >= first)
    return rule(ids, asked, first, vocabulary, mask), ids.masked_fill(~asked, -100)


@wrong("03.3", "may not become a special one")
def swaps_in_special_pieces(ids, rate, first, vocabulary, mask):
    asked = draw(ids, rate, first)
    return rule(ids, asked, 0, vocabulary, mask), ids.masked_fill(~asked, -100)


@wrong("03.3", "your function changes `ids`")
def in_place(ids, rate, first, vocabulary, mask):
    asked = draw(ids, rate, first)
    labels = ids.masked_fill(~asked, -100)
    ids[asked & (torch.rand(ids.shape) < 0.8)] = mask
    return ids, labels


@right("03.3")
def place_by_place(ids, rate, first, vocabulary, mask):
    inputs, labels = ids.clone(), torch.full_like(ids, -100)
    for row, at in (ids >= first).nonzero()[torch.rand(int((ids >= first).sum())) < rate].tolist():
        labels[row, at], fate = ids[row, at], torch.rand(()).item()
        if fate < 0.1:
            inputs[row, at] = torch.randint(first, vocabulary, ())
        elif fate < 0.9:
            inputs[row, at] = mask
    return inputs, labels


def logs_of(hidden, table, bias, labels):
    """−log p of the answer at the places asked."""
    asked = labels != -100
    return -(hidden[asked] @ table.T + bias).log_softmax(-1).gather(1, labels[asked][:, None])[:, 0]


@wrong("03.4", "you divide by all places")
def mean_over_all_places(hidden, table, bias, labels):
    return logs_of(hidden, table, bias, labels).sum() / labels.numel()


@wrong("03.4", "this is the sum")
def the_sum(hidden, table, bias, labels):
    return logs_of(hidden, table, bias, labels).sum()


@wrong("03.4", "each text's mean first")
def mean_of_means(hidden, table, bias, labels):
    return sum(logs_of(h, table, bias, y).sum() / (y != -100).sum().clamp(min=1) for h, y in zip(hidden, labels)) / len(
        labels
    )


@wrong("03.4", "as if piece 0 were asked")
def clamps_the_labels(hidden, table, bias, labels):
    return F.cross_entropy((hidden @ table.T + bias).flatten(0, 1), labels.clamp(min=0).flatten())


@wrong("03.4", "runs over the places")
def softmax_over_places(hidden, table, bias, labels):
    logs = (hidden @ table.T + bias).log_softmax(dim=1).flatten(0, 1)
    return F.nll_loss(logs, labels.flatten())


@wrong("03.4", "looks for pieces on axis 1")
def classes_on_the_wrong_axis(hidden, table, bias, labels):
    return F.cross_entropy(hidden @ table.T + bias, labels)


@wrong("03.4", "the softmax is taken twice")
def softmax_before_cross_entropy(hidden, table, bias, labels):
    return F.cross_entropy((hidden @ table.T + bias).softmax(dim=-1).flatten(0, 1), labels.flatten())


@wrong("03.4", "the bias is missing")
def without_bias(hidden, table, bias, labels):
    return logs_of(hidden, table, 0, labels).mean()


@wrong("03.4", "a loss is −log p")
def wrong_sign(hidden, table, bias, labels):
    return -logs_of(hidden, table, bias, labels).mean()


@wrong("03.4", "`log_softmax` does not")
def log_of_a_softmax(hidden, table, bias, labels):
    asked = labels != -100
    if not asked.any():
        return hidden.sum() * 0
    p = (hidden[asked] @ table.T + bias).softmax(dim=-1)
    return -p.gather(1, labels[asked][:, None]).log().mean()


@wrong("03.4", "a loss of 0 is wanted there")
def nan_without_a_blank(hidden, table, bias, labels):
    return F.cross_entropy((hidden @ table.T + bias).flatten(0, 1), labels.flatten())


@wrong("03.4", "no gradient finds its way")
def table_detached(hidden, table, bias, labels):
    return logs_of(hidden, table.detach(), bias, labels).sum() / (labels != -100).sum().clamp(min=1)


@right("03.4")
def by_ignore_index(hidden, table, bias, labels):
    logits = torch.einsum("btd,vd->bvt", hidden, table) + bias[:, None]
    return F.cross_entropy(logits, labels, reduction="sum") / max(1, int((labels != -100).sum()))


wrong("03.5", "dσ²/2 is missing", (math.log(5000), 41.7, 41.3))
wrong("03.5", "log V is missing", (64, 41.7, 41.3))
wrong("03.5", "do not use the formula", (72.5, 72.5, 41.3))
wrong("03.5", "as for a small σ", (72.5, 8.54, 41.3))
wrong("03.5", "this is the spread", (72.5, 41.7, 11.3))
wrong("03.5", "3 numbers are wanted", 72.5)
right("03.5", [72.52, 42.1, 41.0])


@cache
def counts():
    """How often a piece stood in a context: (kind, context) → pieces."""
    tokenizer, found = load_backbone()[1], defaultdict(Counter)
    sentences = dict.fromkeys(s for document in load_corpus("tinynews", "train")["document"] for s in document)
    for row in tokenizer(list(sentences), add_special_tokens=False)["input_ids"]:
        pieces = ["[CLS]", *tokenizer.convert_ids_to_tokens(row), "[SEP]"]
        for at in range(1, len(pieces) - 1):
            for context in contexts(pieces[:at], pieces[at + 1 :]):
                found[context][pieces[at]] += 1
    return found


def contexts(before, after):
    """From wide to narrow: pieces before and after."""
    sizes = ((2, 2), (2, 1), (1, 2), (1, 1), (1, 0), (0, 0))
    return [(size, *before[len(before) - size[0] :], "_", *after[: size[1]]) for size in sizes]


def commonest(before, after, sizes):
    for context in contexts(before, after):
        if context[0] in sizes and context in counts():
            return counts()[context].most_common(1)[0][0]
    return ""


@wrong("03.6", "Always the commonest piece")
def always_the_same(before, after):
    return commonest(before, after, [(0, 0)])


@wrong("03.6", "Look further than one neighbour")
def the_neighbour_before(before, after):
    return commonest(before, after, [(1, 0), (0, 0)])


@wrong("03.6", "Look further than one neighbour on each side")
def one_neighbour_on_each_side(before, after):
    return commonest(before, after, [(1, 1), (1, 0), (0, 0)])


@wrong("03.6", "one piece is wanted, a string")
def a_number(before, after):
    return 17


@right("03.6")
def a_vote_of_all_contexts(before, after):
    votes = Counter()
    for context in contexts(before, after):
        if found := counts().get(context):
            size, total = sum(context[0]), found.total()
            for piece, count in found.items():
                votes[piece] += 3**size * count / (total + 1)
    return votes.most_common(1)[0][0]
