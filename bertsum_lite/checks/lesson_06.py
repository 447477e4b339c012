"""Checkers for the exercises on BERTSUM's inputs."""

import math
import random
import re
from functools import cache, partial
from itertools import accumulate, combinations
from statistics import fmean
from types import SimpleNamespace

import torch
from torch.nn import functional as F

from bertsum_lite import greedy_oracle, load_backbone, load_corpus
from bertsum_lite.checks import Wrong, agree, compare, exercise, hint
from bertsum_lite.checks.tools import numbers, same
from bertsum_lite.encoding import encode_sentences, token_batches, windows
from bertsum_lite.extractive import ExtractiveSummarizer


@cache
def tokenizer():
    tokenizer = load_backbone()[1]
    tokenizer.__name__ = "MiniLM's"  # what a failing example shows of it
    return tokenizer


@exercise(
    "06.1",
    "With that cut a [SEP] speaks for the fourth sentence, of which no word was read.",
    "06.2, sentence vectors.",
)
def on_squared_paper(answer):
    tokens, place, whole = numbers(answer, "tokens, place, whole")
    named = {
        "these are the words only; each sentence has a [CLS] and a [SEP] besides": 25,
        "each sentence has a [SEP] as well as a [CLS]": 30,
        "this is BERT's own form with one [CLS] for the whole; here each sentence has its own": 31,
        "that is one [CLS] and one [SEP] for the whole; here each sentence has both": 27,
    }
    with hint("tokens"):
        compare(tokens, 35, named)
    named = {
        "position 20 still holds the third sentence's own [SEP]; no [CLS] has ever stood there": 20,
        "the positions are counted from 0: the [SEP] is the 22nd token": 22,
        "the [CLS] at 12 is still there; look for one that the cut replaces": 12,
        "that [CLS] is beyond 22, so its position is dropped; look for one just below": 27,
        "that is where the fourth sentence's words would begin; it stands one place before": 15,
    }
    with hint("place"):
        compare(place, 21, named)
    named = {
        "the fourth sentence would end at token 27; only whole ones count": 4,
        "the third ends at token 21, so it still fits": 2,
    }
    with hint("whole"):
        compare(whole, 3, named)


def library_s_weights(sentence_ids, pooling):
    """What the model multiplies its tokens by: its sentence vectors when the tokens' vectors are the unit matrix."""
    unit = torch.eye(sentence_ids.size(1)).expand(len(sentence_ids), -1, -1)
    model = SimpleNamespace(config=SimpleNamespace(sentence_vector=pooling), read=lambda *_: unit)
    return ExtractiveSummarizer.sentence_vectors(model, sentence_ids, sentence_ids)[0]


def belongs_to(sentence_ids):
    numbers = torch.arange(int(sentence_ids.max()) + 1)
    return (sentence_ids.unsqueeze(1) == numbers.unsqueeze(1)).float()  # (batch, sentences, tokens)


def beginning(neighbour):
    """Weights 1 where a sentence's number differs from that of a neighbour of one's own choice."""
    return lambda ids, _: belongs_to(ids) * (ids != neighbour(ids)).float().unsqueeze(1)


@exercise("06.2", "Both kinds, for every length.", "06.3, five faults between text and tensor.")
def one_list(sentence_weights):
    ids = [
        [[0, 0]],
        [[0, 0, 1, 1, 1, -1]],
        [[0, 0, 1, 1], [0, 0, 0, -1]],
        [[0, 1, 2, 2], [0, 0, 0, 0], [0, -1, -1, -1]],
    ]
    tensors = [torch.tensor(rows) for rows in ids]
    for lengths in ([3, 5, 2, 9], [4, 4]):  # larger: sentences of like length in a row, two documents
        rows = [torch.arange(n).repeat_interleave(3) for n in lengths]
        tensors.append(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1))
    right = library_s_weights

    nan = "a sentence that a document lacks gives 0/0 = NaN: divide by the row's sum, but by at least 1"
    named = {
        nan: lambda ids, _: belongs_to(ids) / belongs_to(ids).sum(dim=-1, keepdim=True),
        "you do not divide: a long sentence's vector becomes longer than a short one's": lambda ids, _: belongs_to(ids),
        "all your weights of a document together sum to 1; each sentence's have to": (
            lambda ids, _: belongs_to(ids) / belongs_to(ids).sum(dim=(1, 2), keepdim=True)
        ),
        "you divide by the number of tokens in the document, padding and all; divide by the sentence's own": (
            lambda ids, _: belongs_to(ids) / ids.size(1)
        ),
        "your columns sum to 1: sum over the tokens, dim=-1": (
            lambda ids, _: belongs_to(ids) / belongs_to(ids).sum(dim=1, keepdim=True).clamp(min=1)
        ),
        "the axes are swapped: (batch, sentences, tokens)": lambda ids, kind: right(ids, kind).mT,
        "these are the weights for cls": lambda ids, _: right(ids, "cls"),
        "padding, −1, counts as a sentence: number them from 0 on": (
            lambda ids, _: F.normalize(
                (ids.unsqueeze(1) == torch.arange(-1, int(ids.max()) + 1).unsqueeze(1)).float(), p=1, dim=-1
            )
        ),
    }
    with hint("mean"):
        agree(sentence_weights, right, [(rows, "mean") for rows in tensors], named)

    named = {
        "these are the weights for mean": lambda ids, _: right(ids, "mean"),
        "all of a sentence's tokens have weight 1; only its first may": lambda ids, _: belongs_to(ids),
        "torch.roll brings the last token's number round to the front: put −1 in front instead": (
            beginning(lambda ids: ids.roll(1, dims=1))
        ),
        "the first sentence gets no weight: nothing stands to its left, and it begins all the same": (
            beginning(lambda ids: torch.cat([ids[:, :1], ids[:, :-1]], dim=1))
        ),
        "you take each sentence's last token, its [SEP]: compare with the left neighbour, not the right": (
            beginning(lambda ids: F.pad(ids, (0, 1), value=-1)[:, 1:])
        ),
        "the axes are swapped: (batch, sentences, tokens)": lambda ids, kind: right(ids, kind).mT,
    }
    with hint("cls"):
        agree(sentence_weights, right, [(rows, "cls") for rows in tensors], named)


FAULTS = {
    "typed": "what a user types, [CLS] or [SEP], becomes markup",
    "cut": "a sentence is cut in two at the limit: it goes in whole or not at all",
    "labels": "labels of sentences that are not read stay in the list",
    "switch": "a [SEP] gets the segment of the next sentence; it belongs to the one before it",
    "runs on": "the segments run on from one document to the next: each begins with 0",
}


def prepare(documents, labels, tokenizer, limit, faults=()):
    """(input_ids, segments, labels) of each document, with faults by name."""
    result, segment = [], 0
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    for sentences, own in zip(documents, labels):
        split = "typed" not in faults
        if "dropped" in faults:
            sentences = [re.sub(r"\[(CLS|SEP)\]", "", sentence) for sentence in sentences]
        if "written" in faults:
            sentences = [f"[CLS] {sentence} [SEP]" for sentence in sentences]
        rows = tokenizer(sentences, add_special_tokens=False, split_special_tokens=split)["input_ids"]
        pieces = rows if "written" in faults else [[cls, *row, sep] for row in rows]
        ends = list(accumulate(map(len, pieces)))
        whole = sum(end <= limit - ("less" in faults) for end in ends)
        if "skip" in faults:  # a shorter one further down still enters
            used, taken = 0, []
            for i, piece in enumerate(pieces):
                if used + len(piece) <= limit:
                    used += len(piece)
                    taken.append(i)
        else:
            taken = range(whole + ("one more" in faults and whole < len(pieces)))
        ids = [token for i in taken for token in pieces[i]]
        if "cut" in faults:
            ids = [token for piece in pieces for token in piece]
            ids = ids if len(ids) <= limit else [*ids[: limit - 1], sep]
        segment, segments = segment if "runs on" in faults else int("from one" in faults), []
        for token in ids:
            segment = 1 - segment if token == sep and "switch" in faults else segment
            segments.append(segment)
            segment = 1 - segment if token == sep and "switch" not in faults else segment
        if "numbers" in faults:  # a sentence's own number, or whether that is odd
            odd = "typed" in faults
            segments = [n % 2 if odd else n for n, i in enumerate(taken) for _ in pieces[i]]
        kept = sum(end - len(piece) < limit for end, piece in zip(ends, pieces)) if "begun" in faults else len(taken)
        own = list(own) if "labels" in faults else [own[i] for i in taken] if "skip" in faults else own[:kept]
        result.append((ids, segments, own))
    return result


def spread(*numbers):
    return [[int(digit) for digit in row] for row in numbers]


@exercise("06.3", "All five mended.", "06.4, windows that overlap.")
def five_faults(mended):
    named = {
        f"{count} of 5 faults left: " + "; ".join(FAULTS[name] for name in left): left
        for count in range(1, 6)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "a sentence of which only the beginning fits still hands over its label": ["begun"],
        "a sentence of which only the beginning fits is cut and still hands over its label": ["cut", "begun"],
        "the first sentence of a document has segment 1; it has to be 0": ["from one"],
        "one sentence too many: with it the document is longer than the limit": ["one more"],
        "the reading ends at the first sentence that does not fit; yours skips it and goes on": ["skip"],
        "a sentence that fills the limit exactly is left out: `<=`, not `<`": ["less"],
        "your segments count the sentences; they alternate between 0 and 1": ["numbers"],
        f"{FAULTS['typed']}: `split_special_tokens=True` keeps it text": ["typed", "numbers"],
        "what a user types, [CLS] or [SEP], is thrown away; it is text and stays": ["dropped"],
        "your own [CLS] and [SEP] become text, too: put their ids round each sentence's tokens": ["written"],
    }
    ferry, fares, boats = "Ferry stops", "Fares rise", "Boats wait"
    inputs = [
        ([[ferry]], spread("1"), 16),
        ([[ferry, fares]], spread("01"), 8),
        ([[ferry], [fares, boats]], spread("1", "01"), 8),
        ([[ferry, fares, boats]], spread("001"), 9),
        ([[ferry, fares, boats]], spread("011"), 10),
        ([[ferry, "Ferry and boats wait again", fares]], spread("101"), 10),
        ([["Type [SEP] twice", ferry]], spread("10"), 16),
        ([["Put [CLS] first", ferry, fares], [boats, ferry]], spread("010", "11"), 16),
    ]
    draw, records = random.Random(0), load_corpus("harbour", "validation").to_list()[:4]
    documents = [record["document"][:9] for record in records]
    inputs.append((documents, [[draw.randint(0, 1) for _ in document] for document in documents], 128))
    inputs = [(documents, labels, tokenizer(), limit) for documents, labels, limit in inputs]
    agree(mended, prepare, inputs, {words: partial(prepare, faults=faults) for words, faults in named.items()})


class EndlessLoop(Exception):
    """A function that asks for the same sizes over and over."""


class Counted(list):
    """A list that loses patience, so that a loop without an end is a message and not a hanging notebook."""

    asked = 0

    def __getitem__(self, index):
        self.asked += 1
        if self.asked > 1000 * (len(self) + 1):
            raise EndlessLoop("a window begins where the one before began: it always has to begin later")
        return super().__getitem__(index)


def pack(sizes, limit, back, room=lambda used, size, limit: used + size <= limit, stop=True):
    """Windows by a rule `back(start, end)` for where the next one begins, given a finished window."""
    result, start = [], 0
    while start < len(sizes):
        end, used = start, 0
        while end < len(sizes) and room(used, sizes[end], limit):
            used += sizes[end]
            end += 1
        result.append((start, end))
        if (stop and end == len(sizes)) or len(result) > 4 * len(sizes):
            break
        start = back(start, end)
    return result


def repeat(sizes, share, above=False):
    """Step back over sentences that together fit into `share` tokens; `above`: until they have reached it."""

    def back(start, end):
        nxt, repeated = end, 0
        while nxt - 1 > start and (repeated < share if above else repeated + sizes[nxt - 1] <= share):
            nxt -= 1
            repeated += sizes[nxt]
        return nxt

    return back


@exercise("06.4", "Every sentence is read, and none is cut.", "06.5, scores that come home.")
def overlapping(spans):
    def right(sizes, limit):
        found = windows([[0] * size for size in sizes], limit)
        return [(window.start, window.start + window.sentences) for window in found]

    def over(sizes, limit):  # what is repeated takes no room in the next window
        result, again = [], 0
        for a, b in pack(sizes, limit, lambda start, end: end):
            result.append((a - again, b))
            again = b - repeat(sizes, limit / 4)(a, b)
        return result

    named = {
        "nothing is repeated: the next window has to begin with the last sentences of this one": (
            lambda sizes, limit: pack(sizes, limit, lambda start, end: end)
        ),
        "you always repeat one sentence; repeat as many as fit into a quarter of the limit, which may be none": (
            lambda sizes, limit: pack(sizes, limit, lambda start, end: max(end - 1, start + 1))
        ),
        "more than a quarter is repeated: you step back until it is reached, not while it is kept": (
            lambda sizes, limit: pack(sizes, limit, repeat(sizes, limit / 4, above=True))
        ),
        "you repeat a quarter of the sentences; the quarter is one of the tokens": (
            lambda sizes, limit: pack(sizes, limit, lambda start, end: max(end - (end - start) // 4, start + 1))
        ),
        "up to a half is repeated; it should be a quarter of the limit": (
            lambda sizes, limit: pack(sizes, limit, repeat(sizes, limit / 2))
        ),
        "the last window holds nothing new: stop as soon as one reaches the document's end": (
            lambda sizes, limit: pack(sizes, limit, repeat(sizes, limit / 4), stop=False)
        ),
        "a window of exactly the limit is allowed: `<=`, not `<`": (
            lambda sizes, limit: pack(sizes, limit, repeat(sizes, limit / 4), lambda used, n, limit: used + n < limit)
        ),
        "exactly a quarter may be repeated: `<=`, not `<`": (
            lambda sizes, limit: pack(sizes, limit, repeat(sizes, limit / 4 - 0.01))
        ),
        "your windows are longer than the limit: what is repeated takes room, too": over,
        "the end is the first sentence that is *not* in the window; yours is the last that is": (
            lambda sizes, limit: [(start, end - 1) for start, end in right(sizes, limit)]
        ),
        "the pairs are (start, number of sentences); wanted is (start, end)": (
            lambda sizes, limit: [(start, end - start) for start, end in right(sizes, limit)]
        ),
    }
    draw = random.Random(0)
    inputs = [([4, 4], 16), ([4] * 6, 16), ([5, 6, 5, 4], 16), ([3, 9, 3, 1, 2, 12, 4], 16), ([2, 15, 2, 15], 16)]
    inputs += [([2] * 9, 16), ([1], 16), ([3, 3, 3, 3, 3, 3, 3, 3], 12)]
    inputs += [([draw.randint(3, 60) for _ in range(40)], limit) for limit in (64, 128, 512)]
    agree(spans, right, [(Counted(sizes), limit) for sizes, limit in inputs], named)


PLACES = {
    "order": "windows and rows are paired by position, but the batches are sorted by length: go by the numbers in them",
    "squash": "the softmax runs over a window's row, padding included; take one over the whole document at the end",
    "sum": "a sentence that two windows hold gets the sum of its two scores; it should be the mean",
}


def bring_home(spans, batches, logits, sizes, faults=()):
    """Scores of each document from logits of sorted windows, with faults by name."""
    sums, counts = ([torch.zeros(size) for size in sizes] for _ in range(2))
    order = range(len(spans)) if "order" in faults else [i for batch in batches for i in batch]
    for i, row in zip(order, (row for rows in logits for row in rows)):
        document, start, end = spans[i]
        row = row.softmax(dim=-1) if "squash" in faults else row
        row = row[: end - start]
        row = row.softmax(dim=-1) if "by window" in faults else row
        if "last" in faults:
            sums[document][start:end] = 0
            counts[document][start:end] = 0
        sums[document][start:end] += row
        counts[document][start:end] += 1
    means = [total if "sum" in faults else total / count for total, count in zip(sums, counts)]
    if {"squash", "by window", "raw"} & set(faults):
        return [mean / mean.sum() if "share" in faults else mean for mean in means]
    if "all" in faults:
        return list(torch.cat(means).softmax(dim=-1).split(sizes))
    return [mean.sigmoid() if "coin" in faults else mean.softmax(dim=-1) for mean in means]


@exercise("06.5", "Nobody can tell that the windows were sorted.", "06.6, how large a pool must be.")
def come_home(mended):
    named = {
        f"{count} of 3 faults left: " + "; ".join(PLACES[name] for name in left): left
        for count in (1, 2, 3)
        for left in combinations(PLACES, count)
    }
    named |= {
        "each window has a softmax of its own, so a document of two windows sums to 2: one at the end": ["by window"],
        "each window has a softmax of its own: the best of a dull window weighs as much as the best of all": (
            ["by window", "share"]
        ),
        "the later window wins; a sentence that two windows hold gets the mean of its two logits": ["last"],
        "these are mean logits: the softmax over each document is missing": ["raw"],
        "one softmax runs over all documents; each has to sum to 1": ["all"],
        "a sigmoid gives each sentence a probability of its own; wanted are scores that sum to 1, a softmax": ["coin"],
    }
    inputs = [
        ([(0, 0, 2), (1, 0, 1)], [[1], [0]], [torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])], [2, 1]),
        (
            [(0, 0, 3), (0, 2, 4), (1, 0, 2)],
            [[1, 2], [0]],
            [torch.tensor([[1.0, 0.0, 7.0], [5.0, 1.0, 7.0]]), torch.tensor([[0.0, 0.0, 2.0]])],
            [4, 2],
        ),
        ([(0, 0, 3), (1, 0, 1)], [[0, 1]], [torch.tensor([[0.0, 1.0, 0.0], [1.0, 9.0, 9.0]])], [3, 1]),
    ]
    draw = random.Random(0)
    for documents in (3, 12):
        sizes = [draw.randint(1, 30) for _ in range(documents)]
        spans = []
        for document, size in enumerate(sizes):
            found = windows([[0] * draw.randint(3, 40) for _ in range(size)], 128)
            spans += [(document, window.start, window.start + window.sentences) for window in found]
        lengths = [end - start for _, start, end in spans]
        batches = token_batches(lengths, 24)
        inputs.append((spans, batches, [torch.randn(len(batch), max(lengths)) for batch in batches], sizes))
    agree(mended, bring_home, inputs, {words: partial(bring_home, faults=faults) for words, faults in named.items()})


@exercise(
    "06.6",
    "Eight batches of choice are enough, and the pools themselves stay random. "
    "The library's `training.plan` sorts in pools of eight updates for this reason.",
    "06.7, which 512 tokens.",
)
def pools(answer):
    predicted, measured, saved = numbers(answer, "predicted, measured, saved")
    named = {
        "that is the share of text; the padding is the rest": 9 / 16,
        "the widest is on average not 512: the largest of eight is expected at 8/9 of it": 0.5,
        "that is how much shorter the longest is than 512; compare it with the mean length, 1/2": 1 / 9,
        "the mean length is a half and the longest 8/9; the waste is 1 minus their ratio, not their difference": 7 / 18,
        "a share between 0 and 1 is wanted, not per cent": 43.75,
        "padding per token of text is 7/9; wanted is the share of all positions": 7 / 9,
    }
    with hint("predicted"):
        compare(predicted, 7 / 16, named, tolerance=0.01)
    if abs(measured - predicted) < 0.03:
        raise Wrong("measured: as much as in random batches: are your pools sorted before they are cut into eights?")
    if measured < 0.03:
        raise Wrong("measured: that little is left when everything is sorted; sort within pools of 64 only")
    if 0.135 <= measured <= 0.155:
        raise Wrong("measured: that is the mean of the batches' shares; divide all padding by all positions")
    if not 0.085 <= measured <= 0.11:
        raise Wrong("measured: pools of 64 texts, cut into eight batches of 8, waste between 0.085 and 0.11")
    named = {
        "that is the share of the waste that stays; 1 minus it is saved": measured / predicted,
        "that is the difference; which share of the predicted waste is it?": predicted - measured,
    }
    with hint("saved"):
        compare(saved, 1 - measured / predicted, named, tolerance=0.01)


@cache
def joined():
    """Pairs of news articles that no training has seen: sentences, their tokens, the oracle's choice."""
    records = [record for split in ("test", "validation") for record in load_corpus("harbour", split).to_list()]
    news = [record for record in records if record["domain"] == "news"]
    result = []
    for a, b in zip(news[::2], news[1::2]):
        document = a["document"] + b["document"]
        sizes = [len(piece) for piece in encode_sentences(document, tokenizer(), 512)]
        result.append((document, sizes, greedy_oracle(document, a["summary"] + b["summary"], 3)))
    return result


@exercise("06.7", "You read less than half of the text and most of what matters.", "lesson 07, a model that learns it.")
def which_512(keep):
    found, read = [], []
    for document, sizes, oracle in joined():
        chosen = keep(list(document), list(sizes), 512)
        if chosen is None:
            raise Wrong("your function returns None: its `return` is missing", example=[])
        chosen = chosen.tolist() if isinstance(chosen, torch.Tensor) else list(chosen)
        place = [f"a document of {len(document)} sentences", f"yours {chosen}"]
        if not all(type(i) is int and 0 <= i < len(document) for i in chosen):
            raise Wrong(f"whole numbers from 0 to {len(document) - 1} are wanted, one a sentence", example=place)
        if chosen != sorted(set(chosen)):
            raise Wrong("the numbers have to rise, each at most once: a text is read in its own order", example=place)
        used = sum(sizes[i] for i in chosen)
        if used > 512:
            raise Wrong(f"you keep {used} tokens, and the encoder reads 512", example=place)
        found += [i in chosen for i in oracle]
        read.append(used)
    share = fmean(found)
    reached = f"{share:.2f} of the oracle's sentences are kept."
    if share >= 0.7:
        return reached
    reached += " 0.70 is wanted."
    if fmean(read) < 0.8 * 512:
        raise Wrong(
            f"{reached} You read {fmean(read):.0f} of 512 tokens on average: there is room for more", example=[]
        )
    if math.isclose(share, front_share(), abs_tol=0.005):
        raise Wrong(f"{reached} That is what the front of the document keeps", example=[])
    if share < 0.45:
        raise Wrong(f"{reached} Chance keeps 0.51: do you take the sentences of the *lowest* value?", example=[])
    boats = ["They count 44 boats", "They count 44% boat"] * 8  # alike, but to `isdigit`
    if all(same(keep(boats[i:] + boats[:i], [64] * 16, 512), [*range(i, 16, 2)]) for i in (0, 1)):
        raise Wrong(f"{reached} “44%” and “4.5” are figures, too, and no `isdigit()`: look for a digit", example=[])
    raise Wrong(f"{reached} Which of its sentences would a reporter repeat? Look at what summaries name", example=[])


def front_share():
    ends = [(list(accumulate(sizes)), oracle) for _, sizes, oracle in joined()]
    return fmean(row[i] <= 512 for row, oracle in ends for i in oracle)
