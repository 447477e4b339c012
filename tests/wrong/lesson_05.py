"""Wrong and right answers to the exercises on oracle labels."""

import math
import operator
from fractions import Fraction

from bertsum_lite.oracle import exhaustive_oracle, greedy_oracle, labels, ngrams
from bertsum_lite.rouge import tokenize
from wrong import right, wrong

wrong("05.1", "the order is wanted in which greedy takes them", ([1, 3], 0.91))
wrong("05.1", "sentence 0 is second best alone", ([3, 0], 0.77))
wrong("05.1", "the three best alone", ([3, 0, 1], 0.86))
wrong("05.1", "greedy went on although nothing gains", ([3, 1, 0], 0.86))
wrong("05.1", "greedy went on although nothing gains", ([3, 1, 2], 0.67))
wrong("05.1", "as recall does", ([0, 2, 1], 0.75))
wrong("05.1", "the best alone", ([0, 3, 1], 0.91))
wrong("05.1", "these are labels", ([0, 1, 0, 1], 0.91))
wrong("05.1", "numbered from 0", ([4, 2], 0.91))
wrong("05.1", "the first sentence alone", ([3, 1], 0.67))
wrong("05.1", "that is recall", ([3, 1], 0.83))
wrong("05.1", "that is precision", ([3, 1], 1.0))
wrong("05.1", "is missing", ([3, 1], 0.45))
wrong("05.1", "a list of sentence numbers and a score", [3, 1])
right("05.1", ([3, 1], 0.91))


def f1_of(document, summary, extract, sizes=(1, 2)):
    total = 0
    reference = tokenize(" ".join(summary))
    for n in sizes:
        wanted, union = ngrams(reference, n), set()
        for i in extract:
            union |= ngrams(tokenize(document[i]), n)
        shared = len(union & wanted)
        if shared:
            precision, recall = shared / len(union), shared / len(wanted)
            total += 2 * precision * recall / (precision + recall)
    return total


def search(document, score, max_sentences):
    chosen, best = [], 0
    while len(chosen) < min(max_sentences, len(document)):
        scores = [score([*chosen, i]) for i in range(len(document))]
        if max(scores) <= best + 1e-12:
            break
        best = max(scores)
        chosen.append(scores.index(best))
    return chosen


@wrong("05.2", "you do not stop when nothing gains")
def never_stops(document, summary, max_sentences=3):
    chosen = []
    while len(chosen) < min(max_sentences, len(document)):
        rest = [i for i in range(len(document)) if i not in chosen]
        chosen.append(max(rest, key=lambda i: f1_of(document, summary, [*chosen, i])))
    return chosen


@wrong("05.2", "take a chosen sentence again")
def takes_the_best_again(document, summary, max_sentences=3):
    chosen = []
    for _ in range(min(max_sentences, len(document))):
        chosen.append(max(range(len(document)), key=lambda i: f1_of(document, summary, [*chosen, i])))
    return chosen


@wrong("05.2", "only single words count")
def words_only(document, summary, max_sentences=3):
    return search(document, lambda extract: f1_of(document, summary, extract, [1]), max_sentences)


@wrong("05.2", "only pairs count")
def pairs_only(document, summary, max_sentences=3):
    return search(document, lambda extract: f1_of(document, summary, extract, [2]), max_sentences)


@wrong("05.2", "your score is recall")
def by_recall(document, summary, max_sentences=3):
    wanted = [ngrams(tokenize(" ".join(summary)), n) for n in (1, 2)]

    def recall(extract):
        found = [set().union(*(ngrams(tokenize(document[i]), n) for i in extract)) for n in (1, 2)]
        return sum(len(a & b) / max(len(b), 1) for a, b in zip(found, wanted))

    return search(document, recall, max_sentences)


@wrong("05.2", "counts twice: unite their *sets*")
def adds_instead_of_uniting(document, summary, max_sentences=3):
    wanted = [ngrams(tokenize(" ".join(summary)), n) for n in (1, 2)]
    own = [[ngrams(tokenize(sentence), n) for sentence in document] for n in (1, 2)]

    def score(extract):
        total = 0
        for grams, target in zip(own, wanted):
            said = sum(len(grams[i]) for i in extract)
            total += 2 * sum(len(grams[i] & target) for i in extract) / max(said + len(target), 1)
        return total

    # `own` holds sets, so that a repetition *within* a sentence counts once, as the exercise asks
    chosen, best = [], 0
    while len(chosen) < min(max_sentences, len(document)):
        rest = [i for i in range(len(document)) if i not in chosen]
        i = max(rest, key=lambda i: score([*chosen, i]))
        if score([*chosen, i]) <= best:
            break
        chosen.append(i)
        best = score(chosen)
    return chosen


def joined(document, summary):
    return lambda extract: f1_of([" ".join(document[i] for i in extract)], summary, [0])


@wrong("05.2", "pairs cross from one chosen sentence to the next: take")
def joins_sentences(document, summary, max_sentences=3):
    score, chosen = joined(document, summary), []
    while len(chosen) < min(max_sentences, len(document)):
        i = max((i for i in range(len(document)) if i not in chosen), key=lambda i: score([*chosen, i]))
        if score([*chosen, i]) <= (score(chosen) if chosen else 0):
            break
        chosen.append(i)
    return chosen


@wrong("05.2", "a chosen one seems to gain again")
def joins_sentences_and_takes_one_twice(document, summary, max_sentences=3):
    return search(document, joined(document, summary), max_sentences)


@wrong("05.2", "these are the best sentences alone")
def best_alone(document, summary, max_sentences=3):
    scores = [f1_of(document, summary, [i]) for i in range(len(document))]
    ranked = sorted(range(len(document)), key=lambda i: -scores[i])
    return [i for i in ranked if scores[i] > 0][:max_sentences]


@wrong("05.2", "yours is that of the text")
def in_the_order_of_the_text(document, summary, max_sentences=3):
    return sorted(greedy_oracle(document, summary, max_sentences))


@wrong("05.2", "yours goes to the later")
def ties_go_to_the_later(document, summary, max_sentences=3):
    chosen, best = [], 0.0
    while len(chosen) < min(max_sentences, len(document)):
        place = {}
        for i in set(range(len(document))) - set(chosen):
            place[f1_of(document, summary, [*chosen, i])] = i
        if max(place) <= best:
            break
        best = max(place)
        chosen.append(place[best])
    return chosen


wrong("05.2", "this is the best of all extracts", exhaustive_oracle)


@wrong("05.2", "`return` is missing")
def returns_nothing(document, summary, max_sentences=3):
    greedy_oracle(document, summary, max_sentences)


@wrong("05.2", "your code stopped with ValueError")
def fails_on_an_empty_document(document, summary, max_sentences=3):
    chosen, best = [], 0.0
    while len(chosen) < max_sentences:
        i = max(range(len(document)), key=lambda i: f1_of(document, summary, [*chosen, i]))
        if f1_of(document, summary, [*chosen, i]) <= best:
            break
        chosen.append(i)
        best = f1_of(document, summary, chosen)
    return chosen


@right("05.2")
def by_harmonic_means(document, summary, max_sentences=3):
    return search(document, lambda extract: f1_of(document, summary, extract), max_sentences)


wrong("05.3", "a tie is no gain", lambda overlap, extract, reference, added: math.ceil(
    Fraction(overlap * added, extract + reference)))  # fmt: skip


@wrong("05.3", "one hit at least is needed")
def at_least_the_share(overlap, extract, reference, added):
    return max(1, math.ceil(Fraction(overlap * added, extract + reference)))


@wrong("05.3", "yours asks for all of F")
def all_of_f(overlap, extract, reference, added):
    return 2 * overlap * added // (extract + reference) + 1


@wrong("05.3", "you compare with precision")
def as_precise_as_before(overlap, extract, reference, added):
    return overlap * added // extract + 1 if extract else 1


@wrong("05.3", "you compare with recall")
def share_of_the_summary(overlap, extract, reference, added):
    return overlap * added // reference + 1


@wrong("05.3", "rounded down, the score does not rise yet")
def rounded_down(overlap, extract, reference, added):
    return overlap * added // (extract + reference)


@wrong("05.3", "rounded to the nearest number")
def rounded(overlap, extract, reference, added):
    return round(added * overlap / (extract + reference))


@wrong("05.3", "this is the share")
def only_the_share(overlap, extract, reference, added):
    return overlap / (extract + reference)


@wrong("05.3", "a rounding error decides")
def with_decimal_numbers(overlap, extract, reference, added):
    return math.floor(overlap / (extract + reference) * added) + 1


@wrong("05.3", "only at the start")
def any_hit_will_do(overlap, extract, reference, added):
    return 1


@right("05.3")
def tried_one_by_one(overlap, extract, reference, added):
    hits = 0
    while Fraction(overlap + hits, extract + reference + added) <= Fraction(overlap, extract + reference):
        hits += 1
    return hits


def cut(document, room):
    kept, used = [], 0
    for sentence in document:
        words = len(tokenize(sentence))
        if used + words > room:
            break
        if words >= 4:
            kept.append(sentence)
            used += words
    return kept


def score_by(document, summary, recall=False, lists=False):
    reference = tokenize(" ".join(summary))

    def score(extract):
        total = 0
        for n in (1, 2):
            wanted = ngrams(reference, n)
            found = [gram for i in extract for gram in ngrams(tokenize(document[i]), n)]
            found = found if lists else set(found)
            hits = sum(gram in wanted for gram in found)
            total += hits / max(len(wanted), 1) if recall else 2 * hits / max(len(found) + len(wanted), 1)
        return total

    return score


def fill(document, score, max_sentences, stop=True, worse=operator.le):
    chosen = []
    while len(chosen) < min(max_sentences, len(document)):
        rest = [i for i in range(len(document)) if i not in chosen]
        i = max(rest, key=lambda i: score([*chosen, i]))
        if stop and worse(score([*chosen, i]), score(chosen)):
            break
        chosen.append(i)
    return [int(i in chosen) for i in range(len(document))]


@wrong("05.4", "4 of 4 faults left")
def as_it_was(document, summary, max_sentences=3, room=60):
    row = fill(document, score_by(document, summary, recall=True, lists=True), max_sentences, stop=False)
    return list(zip(cut(document, room), row))


@wrong("05.4", "1 of 4 faults left: the labels are numbered by the document")
def still_slips(document, summary, max_sentences=3, room=60):
    return list(zip(cut(document, room), labels(document, summary, max_sentences)))


@wrong("05.4", "1 of 4 faults left: the score is recall")
def still_recall(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    return list(zip(kept, fill(kept, score_by(kept, summary, recall=True), max_sentences)))


@wrong("05.4", "1 of 4 faults left: an n-gram in two chosen sentences counts twice")
def still_counts_twice(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    return list(zip(kept, fill(kept, score_by(kept, summary, lists=True), max_sentences)))


@wrong("05.4", "stop also where the score is equal")
def stops_only_where_it_falls(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    return list(zip(kept, fill(kept, score_by(kept, summary), max_sentences, worse=operator.lt)))


@wrong("05.4", "still counts twice in the extract's length")
def sets_for_the_hits_only(document, summary, max_sentences=3, room=60):
    kept, reference = cut(document, room), tokenize(" ".join(summary))

    def score(extract):
        total = 0
        for n in (1, 2):
            wanted, found = ngrams(reference, n), [g for i in extract for g in ngrams(tokenize(kept[i]), n)]
            total += 2 * len(wanted & set(found)) / max(len(found) + len(wanted), 1)
        return total

    return list(zip(kept, fill(kept, score, max_sentences)))


@wrong("05.4", "pairs cross from one chosen sentence")
def pairs_of_the_joined_extract(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    return list(zip(kept, fill(kept, joined(kept, summary), max_sentences)))


@wrong("05.4", "2 things are wanted")
def fills_the_room_never(document, summary, max_sentences=3, room=60):
    return by_the_oracle(document, summary, max_sentences, room - 1)


@wrong("05.4", "`greedy_oracle` gives the numbers")
def numbers_for_labels(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    return list(zip(kept, greedy_oracle(kept, summary, max_sentences)))


@wrong("05.4", "1 of 4 faults left: the search goes on")
def still_never_stops(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    return list(zip(kept, fill(kept, score_by(kept, summary), max_sentences, stop=False)))


@wrong("05.4", "2 of 4 faults left: the labels are numbered by the document, not by what is left of it; the search")
def slips_and_never_stops(document, summary, max_sentences=3, room=60):
    return list(zip(cut(document, room), fill(document, score_by(document, summary), max_sentences, stop=False)))


@wrong("05.4", "the search looked at the whole document")
def labels_travel_from_the_whole_document(document, summary, max_sentences=3, room=60):
    row = labels(document, summary, max_sentences)
    kept, used = [], 0
    for sentence, label in zip(document, row):
        words = len(tokenize(sentence))
        if used + words > room:
            break
        if words >= 4:
            kept.append((sentence, label))
            used += words
    return kept


@wrong("05.4", "`max_sentences` has no effect")
def always_three(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    return list(zip(kept, labels(kept, summary, 3)))


@wrong("05.4", "short sentences are no longer dropped")
def keeps_short_sentences(document, summary, max_sentences=3, room=60):
    kept, used = [], 0
    for sentence in document:
        used += len(tokenize(sentence))
        if used > room:
            break
        kept.append(sentence)
    return list(zip(kept, labels(kept, summary, max_sentences)))


@right("05.4")
def written_otherwise(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    return list(zip(kept, fill(kept, score_by(kept, summary), max_sentences)))


@right("05.4")
def by_the_oracle(document, summary, max_sentences=3, room=60):
    kept = cut(document, room)
    chosen = greedy_oracle(kept, summary, max_sentences)
    return [(sentence, 1 if i in chosen else 0) for i, sentence in enumerate(kept)]


wrong("05.5", "predicted: this is the share that stays", (0.68, 0.44, 0.16))
wrong("05.5", "predicted: a share between 0 and 1", (32.4, 43.7, 16.1))
wrong("05.5", "that is the share of sentences again", (0.324, 0.324, 0.16))
wrong("05.5", "measured: this is the share that stays", (0.324, 0.563, 0.16))
wrong("05.5", "measured: these are the 1s among the sentences cut off", (0.324, 0.185, 0.16))
wrong("05.5", "this is the share of documents that keep a 1", (0.324, 0.437, 0.84))
wrong("05.5", "this is a number of documents", (0.324, 0.437, 58))
wrong("05.5", "three shares are wanted", 0.44)
right("05.5", [0.32, 0.44, 0.16])

poor_bridge = ["a0 a1 a2 b0 b1 b2 c0 c1 c2", *(" ".join(f"{x}{i}" for i in range(6)) for x in "abc")]
whole = [" ".join(f"{x}{i}" for x in "abc" for i in range(6))]
wrong("05.6", "greedy finds the best extract here", (["a b", "c d"], ["a b c d"]))
first = "The night ferry to Lirno stops for good on the last Sunday in June."
frame = "The harbour master told the council yesterday"
shared = [first, f"{frame} cabins close in autumn.", f"{frame} fares rise by half."]
wrong("05.6", "its first choice is right", (shared, [first, "Cabins close in autumn, fares rise by half."]))
wrong("05.6", "then repairs much", (poor_bridge, whole))
wrong("05.6", "8 sentences are allowed", (["a"] * 9, ["a b"]))
wrong("05.6", "shares a word with the summary", (["a b"], ["c"]))
wrong("05.6", "two lists of sentences are wanted", ("a b c", "a b"))
right(
    "05.6", (["a d g", *(f"p q r s t u v w x {part}" for part in ("a b c", "d e f", "g h i"))], ["a b c d e f g h i"])
)
