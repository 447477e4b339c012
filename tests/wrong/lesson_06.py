"""Wrong and right answers to the exercises on BERTSUM's inputs."""

import random
import re
from itertools import accumulate

import torch
from torch.nn import functional as F

from bertsum_lite import textrank
from bertsum_lite.encoding import encode_sentences, windows
from wrong import right, wrong

wrong("06.1", "these are the words only", (25, 21, 3))
wrong("06.1", "has a [SEP] as well", (30, 21, 3))
wrong("06.1", "one [CLS] and one [SEP] for the whole", (27, 21, 3))
wrong("06.1", "counted from 0", (35, 22, 3))
wrong("06.1", "own [SEP]", (35, 20, 3))
wrong("06.1", "beyond 22", (35, 27, 3))
wrong("06.1", "only whole ones count", (35, 21, 4))
wrong("06.1", "3 numbers are wanted", 35)
right("06.1", [35.0, 21, 3])


def belongs_to(sentence_ids):
    numbers = torch.arange(int(sentence_ids.max()) + 1)
    return (sentence_ids[:, None] == numbers[:, None]).float()


def mean(sentence_ids):
    belongs = belongs_to(sentence_ids)
    return belongs / belongs.sum(-1, keepdim=True).clamp(min=1)


@wrong("06.2", "0/0 = NaN")
def divides_by_zero(sentence_ids, pooling):
    belongs = belongs_to(sentence_ids)
    return belongs / belongs.sum(-1, keepdim=True)


@wrong("06.2", "you do not divide")
def sums_for_means(sentence_ids, pooling):
    return belongs_to(sentence_ids)


@wrong("06.2", "padding and all")
def divides_by_the_width(sentence_ids, pooling):
    return belongs_to(sentence_ids) / sentence_ids.size(1)


@wrong("06.2", "the axes are swapped")
def tokens_first(sentence_ids, pooling):
    return mean(sentence_ids).transpose(1, 2)


@wrong("06.2", "padding, −1, counts as a sentence")
def with_a_row_for_padding(sentence_ids, pooling):
    numbers = torch.arange(-1, int(sentence_ids.max()) + 1)
    belongs = (sentence_ids[:, None] == numbers[:, None]).float()
    return belongs / belongs.sum(-1, keepdim=True).clamp(min=1)


@wrong("06.2", "cls: these are the weights for mean")
def ignores_pooling(sentence_ids, pooling):
    return mean(sentence_ids)


@wrong("06.2", "cls: torch.roll brings the last")
def compares_with_roll(sentence_ids, pooling):
    if pooling == "mean":
        return mean(sentence_ids)
    return belongs_to(sentence_ids) * (sentence_ids != sentence_ids.roll(1, 1))[:, None]


@wrong("06.2", "cls: the first sentence gets no weight")
def by_differences(sentence_ids, pooling):
    if pooling == "mean":
        return mean(sentence_ids)
    steps = F.pad(sentence_ids.diff(dim=1), (1, 0))  # 0 in front: no difference there
    return belongs_to(sentence_ids) * (steps != 0)[:, None]


@wrong("06.2", "cls: you take each sentence's last token")
def looks_to_the_right(sentence_ids, pooling):
    if pooling == "mean":
        return mean(sentence_ids)
    after = F.pad(sentence_ids, (0, 1), value=-1)[:, 1:]
    return belongs_to(sentence_ids) * (sentence_ids != after)[:, None]


@right("06.2")
def by_loops(sentence_ids, pooling):
    result = torch.zeros(len(sentence_ids), int(sentence_ids.max()) + 1, sentence_ids.size(1))
    for document, row in enumerate(sentence_ids.tolist()):
        for sentence in set(row) - {-1}:
            places = [i for i, s in enumerate(row) if s == sentence]
            if pooling == "cls":
                places = places[:1]
            result[document, sentence, places] = 1 / len(places)
    return result


@right("06.2")
def by_argmax_and_normalize(sentence_ids, pooling):
    belongs = belongs_to(sentence_ids)
    if pooling == "cls":
        first = F.one_hot(belongs.argmax(-1), belongs.size(-1))
        belongs = first * belongs
    return F.normalize(belongs, p=1, dim=-1)


def wrapped(sentences, tokenizer, typed_is_text=True):
    return [
        [
            tokenizer.cls_token_id,
            *tokenizer(sentence, add_special_tokens=False, split_special_tokens=typed_is_text)["input_ids"],
            tokenizer.sep_token_id,
        ]
        for sentence in sentences
    ]


def flat(pieces):
    return [token for piece in pieces for token in piece]


def parity(pieces):
    return [i % 2 for i, piece in enumerate(pieces) for _ in piece]


def fitting(pieces, limit):
    return [piece for piece, end in zip(pieces, accumulate(map(len, pieces))) if end <= limit]


@wrong("06.3", "5 of 5 faults left")
def as_it_was(documents, labels, tokenizer, limit):
    result, segment = [], 0
    for sentences, own in zip(documents, labels):
        text = " ".join(f"[CLS] {sentence} [SEP]" for sentence in sentences)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) > limit:
            ids = [*ids[: limit - 1], tokenizer.sep_token_id]
        segments = []
        for token in ids:
            if token == tokenizer.sep_token_id:
                segment = 1 - segment
            segments.append(segment)
        result.append((ids, segments, own))
    return result


@wrong("06.3", "1 of 5 faults left: what a user types")
def still_reads_markup(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        pieces = fitting(wrapped(sentences, tokenizer, typed_is_text=False), limit)
        segment, segments = 0, []
        for token in flat(pieces):
            segments.append(segment)
            segment = 1 - segment if token == tokenizer.sep_token_id else segment
        result.append((flat(pieces), segments, own[: len(pieces)]))
    return result


@wrong("06.3", "1 of 5 faults left: labels of sentences that are not read")
def still_keeps_all_labels(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        pieces = fitting(wrapped(sentences, tokenizer), limit)
        result.append((flat(pieces), parity(pieces), own))
    return result


@wrong("06.3", "only the beginning fits is cut and still hands over its label")
def cuts_and_counts_the_cls(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        pieces = wrapped(sentences, tokenizer)
        ids = flat(pieces)
        begins = [end - len(piece) for piece, end in zip(pieces, accumulate(map(len, pieces)))]
        kept = sum(begin < limit for begin in begins)  # every [CLS] position below the limit, as in the paper's code
        if len(ids) > limit:
            ids = [*ids[: limit - 1], tokenizer.sep_token_id]
        segment, segments = 0, []
        for token in ids:
            segments.append(segment)
            segment = 1 - segment if token == tokenizer.sep_token_id else segment
        result.append((ids, segments, own[:kept]))
    return result


@wrong("06.3", "1 of 5 faults left: a [SEP] gets the segment of the next")
def still_switches_early(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        pieces = fitting(wrapped(sentences, tokenizer), limit)
        segments = [(i + (token == tokenizer.sep_token_id)) % 2 for i, piece in enumerate(pieces) for token in piece]
        result.append((flat(pieces), segments, own[: len(pieces)]))
    return result


@wrong("06.3", "1 of 5 faults left: the segments run on")
def still_one_switch_for_all(documents, labels, tokenizer, limit):
    result, number = [], 0
    for sentences, own in zip(documents, labels):
        pieces, segments = fitting(wrapped(sentences, tokenizer), limit), []
        for piece in pieces:
            segments += [number % 2] * len(piece)
            number += 1
        result.append((flat(pieces), segments, own[: len(pieces)]))
    return result


@wrong("06.3", "2 of 5 faults left")
def cuts_ids_and_nothing_else(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        ids = flat(wrapped(sentences, tokenizer))
        if len(ids) > limit:
            ids = [*ids[: limit - 1], tokenizer.sep_token_id]
        segments, number = [], -1
        for token in ids:
            number += token == tokenizer.cls_token_id
            segments.append(number % 2)
        if len(ids) == limit and ids[-2] == tokenizer.sep_token_id:  # the cut fell between two sentences
            segments[-1] = 1 - segments[-2]
        if len(ids) == limit and ids[-2] == tokenizer.cls_token_id:
            segments[-1] = segments[-2]
        result.append((ids, segments, own))
    return result


@wrong("06.3", "has segment 1; it has to be 0")
def counts_sentences_from_one(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        pieces = fitting(wrapped(sentences, tokenizer), limit)
        result.append((flat(pieces), [1 - s for s in parity(pieces)], own[: len(pieces)]))
    return result


@wrong("06.3", "fills the limit exactly is left out")
def stops_one_short(documents, labels, tokenizer, limit):
    return sentence_by_sentence(documents, labels, tokenizer, limit - 1)


@wrong("06.3", "they alternate between 0 and 1")
def numbers_for_segments(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        pieces = fitting(wrapped(sentences, tokenizer), limit)
        segments = [i for i, piece in enumerate(pieces) for _ in piece]
        result.append((flat(pieces), segments, own[: len(pieces)]))
    return result


@wrong("06.3", "`split_special_tokens=True` keeps it text")
def wrapped_by_the_tokenizer(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        pieces = fitting(tokenizer(sentences)["input_ids"], limit)
        result.append((flat(pieces), parity(pieces), own[: len(pieces)]))
    return result


@wrong("06.3", "it is text and stays")
def throws_markup_away(documents, labels, tokenizer, limit):
    documents = [[s.replace("[SEP]", "").replace("[CLS]", "") for s in sentences] for sentences in documents]
    return sentence_by_sentence(documents, labels, tokenizer, limit)


@wrong("06.3", "put their ids round each sentence's tokens")
def splits_its_own_markup(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        marked = [f"[CLS] {sentence} [SEP]" for sentence in sentences]
        rows = tokenizer(marked, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        pieces = fitting(rows, limit)
        result.append((flat(pieces), parity(pieces), own[: len(pieces)]))
    return result


@wrong("06.3", "yours skips it and goes on")
def passes_over_the_long_one(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        kept, used = [], 0
        for piece, label in zip(wrapped(sentences, tokenizer), own):
            if used + len(piece) <= limit:
                kept.append((piece, label))
                used += len(piece)
        pieces = [piece for piece, _ in kept]
        result.append((flat(pieces), parity(pieces), [label for _, label in kept]))
    return result


@right("06.3")
def with_the_library_s_windows(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        first = windows(encode_sentences(sentences, tokenizer, limit), limit)[0]
        result.append((first.input_ids, [s % 2 for s in first.sentence_ids], own[: first.sentences]))
    return result


@right("06.3")
def sentence_by_sentence(documents, labels, tokenizer, limit):
    result = []
    for sentences, own in zip(documents, labels):
        ids, segments, kept = [], [], []
        for number, (piece, label) in enumerate(zip(wrapped(sentences, tokenizer), own)):
            if len(ids) + len(piece) > limit:
                break
            ids += piece
            segments += [number % 2] * len(piece)
            kept.append(label)
        result.append((ids, segments, kept))
    return result


def filled(sizes, start, limit):
    end, used = start, 0
    while end < len(sizes) and used + sizes[end] <= limit:
        used += sizes[end]
        end += 1
    return end


@wrong("06.4", "nothing is repeated")
def without_overlap(sizes, limit):
    result, start = [], 0
    while start < len(sizes):
        end = filled(sizes, start, limit)
        result.append((start, end))
        start = end
    return result


@wrong("06.4", "you always repeat one sentence")
def repeats_one(sizes, limit):
    result, start = [], 0
    while True:
        end = filled(sizes, start, limit)
        result.append((start, end))
        if end == len(sizes):
            return result
        start = max(end - 1, start + 1)


@wrong("06.4", "more than a quarter is repeated")
def until_the_quarter_is_passed(sizes, limit):
    result, start = [], 0
    while True:
        end = filled(sizes, start, limit)
        result.append((start, end))
        if end == len(sizes):
            return result
        last, start, repeated = start, end, 0
        while start - 1 > last and repeated < limit / 4:
            start -= 1
            repeated += sizes[start]


@wrong("06.4", "a quarter of the sentences")
def quarter_of_the_sentences(sizes, limit):
    result, start = [], 0
    while True:
        end = filled(sizes, start, limit)
        result.append((start, end))
        if end == len(sizes):
            return result
        start = max(start + 1, end - (end - start) // 4)


def stepped_back(sizes, last, end, limit):
    start, repeated = end, 0
    while start - 1 > last and repeated + sizes[start - 1] <= limit / 4:
        start -= 1
        repeated += sizes[start]
    return start


@wrong("06.4", "the last window holds nothing new")
def goes_on_after_the_end(sizes, limit):
    result, start = [], 0
    while start < len(sizes):
        end = filled(sizes, start, limit)
        result.append((start, end))
        start = stepped_back(sizes, start, end, limit)
    return result


@wrong("06.4", "`<=`, not `<`")
def never_quite_full(sizes, limit):
    result, start = [], 0
    while True:
        end = filled(sizes, start, limit - 1)
        result.append((start, end))
        if end == len(sizes):
            return result
        start = stepped_back(sizes, start, end, limit)


@wrong("06.4", "longer than the limit")
def repeats_in_front(sizes, limit):
    result, start, again = [], 0, 0
    while start < len(sizes):
        end = filled(sizes, start, limit)
        result.append((start - again, end))
        again = end - stepped_back(sizes, start, end, limit)
        start = end
    return result


@wrong("06.4", "yours is the last that is")
def inclusive(sizes, limit):
    pieces = [[0] * size for size in sizes]
    return [(w.start, w.start + w.sentences - 1) for w in windows(pieces, limit)]


@wrong("06.4", "it always has to begin later")
def for_ever(sizes, limit):
    result, start = [], 0
    while True:
        end = filled(sizes, start, limit)
        result.append((start, end))
        if end == len(sizes):
            return result
        start = stepped_back(sizes, -1, end, limit)


@right("06.4")
def by_sums(sizes, limit):
    ends = [0, *accumulate(sizes)]
    result, start = [], 0
    while True:
        end = max(i for i in range(len(ends)) if ends[i] - ends[start] <= limit)
        result.append((start, end))
        if end == len(sizes):
            return result
        start = min(i for i in range(start + 1, end + 1) if ends[end] - ends[i] <= limit // 4)


def by_index(spans, batches, logits):
    """(document, start, end, the row's own part), window by window."""
    for batch, rows in zip(batches, logits):
        for i, row in zip(batch, rows):
            document, start, end = spans[i]
            yield document, start, end, row[: end - start]


@wrong("06.5", "3 of 3 faults left")
def by_position(spans, batches, logits, sizes):
    scores = [torch.zeros(size) for size in sizes]
    rows = [row for batch in logits for row in batch.softmax(dim=-1)]
    for (document, start, end), row in zip(spans, rows):
        scores[document][start:end] += row[: end - start]
    return scores


@wrong("06.5", "1 of 3 faults left: windows and rows are paired by position")
def sorted_still(spans, batches, logits, sizes):
    sums, counts = ([torch.zeros(size) for size in sizes] for _ in range(2))
    for (document, start, end), row in zip(spans, [row for rows in logits for row in rows]):
        sums[document][start:end] += row[: end - start]
        counts[document][start:end] += 1
    return [(s / c).softmax(-1) for s, c in zip(sums, counts)]


@wrong("06.5", "1 of 3 faults left: a sentence that two windows hold")
def adds(spans, batches, logits, sizes):
    sums = [torch.zeros(size) for size in sizes]
    for document, start, end, row in by_index(spans, batches, logits):
        sums[document][start:end] += row
    return [s.softmax(-1) for s in sums]


@wrong("06.5", "1 of 3 faults left: the softmax runs over a window's row")
def squashes_rows(spans, batches, logits, sizes):
    sums, counts = ([torch.zeros(size) for size in sizes] for _ in range(2))
    squashed = [rows.softmax(-1) for rows in logits]
    for document, start, end, row in by_index(spans, batches, squashed):
        sums[document][start:end] += row
        counts[document][start:end] += 1
    return [s / c for s, c in zip(sums, counts)]


@wrong("06.5", "sums to 2")
def softmax_of_each_window(spans, batches, logits, sizes):
    sums, counts = ([torch.zeros(size) for size in sizes] for _ in range(2))
    for document, start, end, row in by_index(spans, batches, logits):
        sums[document][start:end] += row.softmax(-1)
        counts[document][start:end] += 1
    return [s / c for s, c in zip(sums, counts)]


@wrong("06.5", "the later window wins")
def overwrites(spans, batches, logits, sizes):
    scores = [torch.zeros(size) for size in sizes]
    for document, start, end, row in by_index(spans, batches, logits):
        scores[document][start:end] = row
    return [s.softmax(-1) for s in scores]


@wrong("06.5", "the softmax over each document is missing")
def logits_only(spans, batches, logits, sizes):
    sums, counts = ([torch.zeros(size) for size in sizes] for _ in range(2))
    for document, start, end, row in by_index(spans, batches, logits):
        sums[document][start:end] += row
        counts[document][start:end] += 1
    return [s / c for s, c in zip(sums, counts)]


@right("06.5")
def with_lists(spans, batches, logits, sizes):
    found = [[[] for _ in range(size)] for size in sizes]
    for document, start, _, row in by_index(spans, batches, logits):
        for i, logit in enumerate(row.tolist()):
            found[document][start + i].append(logit)
    return [F.softmax(torch.tensor([sum(values) / len(values) for values in rows]), dim=0) for rows in found]


def pooled(size, seed=1, texts=12_800):
    draw = random.Random(seed)
    lengths = [draw.randint(1, 512) for _ in range(texts)]
    rows = [sorted(lengths[i : i + size]) for i in range(0, texts, size)]
    widest = sum(8 * max(row[i : i + 8]) for row in rows for i in range(0, size, 8))
    return 1 - sum(lengths) / widest


wrong("06.6", "that is the share of text", (9 / 16, pooled(64), 0.78))
wrong("06.6", "the widest is on average not 512", (0.5, pooled(64), 0.78))
wrong("06.6", "not their difference", (0.389, pooled(64), 0.78))
wrong("06.6", "are your pools sorted", (0.4375, pooled(8), 0.0))
wrong("06.6", "when everything is sorted", (0.4375, pooled(12_800), 0.99))
wrong("06.6", "the mean of the batches' shares", (0.4375, 0.147, 0.664))
wrong("06.6", "pools of 64 texts", (0.4375, pooled(32), 0.6))
wrong("06.6", "1 minus it is saved", (0.4375, 0.097, 0.2217))
wrong("06.6", "which share of the predicted", (0.4375, 0.097, 0.3405))
right("06.6", (7 / 16, 7 / 72, 7 / 9))


def filled_by(values, sizes, limit):
    chosen, used = [], 0
    for i in sorted(range(len(sizes)), key=lambda i: -values[i]):
        if used + sizes[i] <= limit:
            chosen.append(i)
            used += sizes[i]
    return sorted(chosen)


@wrong("06.7", "what the front of the document keeps")
def the_front(document, sizes, limit):
    return [i for i, end in enumerate(accumulate(sizes)) if end <= limit]


@wrong("06.7", "0.70 is wanted. Which of its sentences would a reporter repeat")
def by_textrank(document, sizes, limit):
    rankings = (textrank(document, k) for k in range(17, 0, -1))
    return next(chosen for chosen in rankings if sum(sizes[i] for i in chosen) <= limit)


@wrong("06.7", "0.70 is wanted. Which")
def by_shared_words(document, sizes, limit):
    words = [set(sentence.lower().split()) for sentence in document]
    return filled_by([sum(len(own & other) for other in words) for own in words], sizes, limit)


@wrong("06.7", "no `isdigit()`: look for a digit")
def by_bare_numbers(document, sizes, limit):
    return filled_by([sum(word.isdigit() for word in s.split()) for s in document], sizes, limit)


@wrong("06.7", "sentences of the *lowest* value")
def sorted_upwards(document, sizes, limit):
    return filled_by([-len(re.findall(r"\d", s)) for s in document], sizes, limit)


@wrong("06.7", "whole numbers from 0")
def one_bool_a_sentence(document, sizes, limit):
    return [i < 9 for i in range(len(document))]


@wrong("06.7", "the encoder reads 512")
def all_of_it(document, sizes, limit):
    return list(range(len(document)))


@wrong("06.7", "there is room for more")
def three_from_each_half(document, sizes, limit):
    half = len(document) // 2
    return [0, 1, 2, half, half + 1, half + 2]


@wrong("06.7", "the numbers have to rise")
def by_falling_value(document, sizes, limit):
    return filled_by([len(sentence) for sentence in document], sizes, limit)[::-1]


@wrong("06.7", "whole numbers from 0")
def sentences_themselves(document, sizes, limit):
    return document[:10]


@right("06.7")
def by_digits(document, sizes, limit):
    return filled_by([len(re.findall(r"\d", s)) + len(s) / 1000 for s in document], sizes, limit)
