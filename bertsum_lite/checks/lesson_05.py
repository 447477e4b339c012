"""Checkers for the exercises on oracle labels."""

import random
from functools import lru_cache, partial
from itertools import combinations

from bertsum_lite.checks import Wrong, agree, compare, exercise, hint
from bertsum_lite.checks.tools import number, sequence
from bertsum_lite.corpus import load_corpus
from bertsum_lite.oracle import _f1, _grams, exhaustive_oracle, greedy_oracle, labels, ngrams
from bertsum_lite.rouge import tokenize


@exercise("05.1", "The third sentence would have cost more than it brings.", "05.2, the same in code.")
def by_pencil(answer):
    if not sequence(answer) or len(answer) != 2 or not sequence(answer[0]) or not number(answer[1]):
        raise Wrong("a list of sentence numbers and a score are wanted: (chosen, score)")
    chosen, score = answer
    named = {
        "the order is wanted in which greedy takes them, not that of the text": [1, 3],
        "sentence 0 is second best alone; beside sentence 3, look at what each other *adds*": [3, 0],
        "these are the three best alone; after the first, look at what each other *adds*": [3, 0, 1],
        "greedy went on although nothing gains: a third sentence lowers F from 10/11 to 12/14 or less": (
            [3, 1, *chosen[2:]]
        ),
        "these are labels, a 0 or 1 for each sentence; wanted are the numbers of the chosen ones": [0, 1, 0, 1],
        "you left out one that gains: sentence 1 beside sentence 3 raises F": [3],
        "you took most hits first, as recall does; F also counts what is of no use": [0, 2, 1],
        "sentences are numbered from 0 here": [4, 2],
    }
    first = None if list(chosen[:1]) == [3] else list(chosen)
    named["the first choice is the best alone: compare F of all four sentences"] = first
    with hint("chosen"):
        compare(list(chosen), [3, 1], named)
    named = {
        "that is the first sentence alone; the extract has two": 6 / 9,
        "that is recall, hits over the summary's words": 5 / 6,
        "that is precision, hits over the extract's words": 1.0,
        "that is F with sentence 0 as well, which greedy leaves out": 12 / 14,
        "the 2 of 2o / (c + r) is missing": 5 / 11,
        "percent are not wanted; a number between 0 and 1": 90.9,
    }
    with hint("score"):
        compare(score, 10 / 11, named, tolerance=5e-3)


def score_of(sentences, reference, extract, sizes=(1, 2), kind="F", count=set, size=None):
    """The score of an extract, with what may go wrong in it: which n, F or recall, sets or lists, also for sizes."""
    total = 0.0
    for n in sizes:
        wanted = ngrams(reference, n)
        said = [gram for i in extract for gram in ngrams(sentences[i], n)]
        hits, length = sum(gram in wanted for gram in count(said)), len((size or count)(said))
        below = {"F": (length + len(wanted)) / 2, "recall": len(wanted), "precision": length}[kind]
        total += hits / max(below, 0.5)
    return total


def search(
    document,
    summary,
    max_sentences=3,
    stop=True,
    again=False,
    ties=1,
    order=list,
    alone=False,
    across=False,
    exhaustive=False,
    slack=0.0,
    **how,
):
    """Greedy search, with what may go wrong in it."""
    if exhaustive:
        return exhaustive_oracle(document, summary, max_sentences)
    sentences = [tokenize(sentence) for sentence in document]
    reference = [token for sentence in summary for token in tokenize(sentence)]

    def score(extract):
        if across:
            joined = [token for i in extract for token in sentences[i]]
            return score_of([joined], reference, [0], **how)
        return score_of(sentences, reference, extract, **how)

    if alone:
        ranked = sorted(range(len(document)), key=lambda i: -score([i]))
        return [i for i in ranked if score([i]) > 0][:max_sentences]
    chosen, best = [], 0.0
    while len(chosen) < min(max_sentences, len(document)):
        rest = [i for i in range(len(document)) if again or i not in chosen]
        i = max(rest[::ties], key=lambda i: score([*chosen, i]))
        if stop and score([*chosen, i]) <= best - slack:
            break
        chosen.append(i)
        best = score(chosen)
    return order(chosen)


def news(count, sentences=12):
    records = load_corpus("harbour", "validation").to_list()[:count]
    return [(record["document"][:sentences], record["summary"]) for record in records]


@exercise("05.2", "The library's sentences, in the library's order.", "05.3, what makes it stop.")
def greedy_search(greedy):
    named = {
        "you do not stop when nothing gains: a further sentence is taken only if it raises the score": {"stop": False},
        "you never stop, and take a chosen sentence again": {"stop": False, "again": True},
        "only single words count in yours; pairs belong to the score too": {"sizes": [1]},
        "only pairs count in yours; single words belong to the score too": {"sizes": [2]},
        "your score is recall: nothing that is of no use costs anything": {"kind": "recall"},
        "your score is precision: a single right word is a perfect extract": {"kind": "precision"},
        "an n-gram that two sentences share counts twice: unite their *sets*": {"count": list},
        "pairs cross from one chosen sentence to the next: take each sentence's pairs, then unite": {"across": True},
        "pairs cross from one chosen sentence to the next, so that a chosen one seems to gain again": {
            "across": True,
            "again": True,
        },
        "these are the best sentences alone; each has to be tried *beside* those chosen before": {"alone": True},
        "the order is wanted in which they are chosen; yours is that of the text": {"order": sorted},
        "this is the best of all extracts; a greedy search never takes a sentence back": {"exhaustive": True},
        "ties go to the earlier sentence; yours goes to the later": {"ties": -1},
    }
    words, summary = ["a b c", "d e", "a x y", "b c"], ["a b c d e"]
    inputs = [(["x", "a b"], ["a b"]), (["a b", "a b", "c"], ["a b c"]), (words, summary), (["a", "b"], ["z"])]
    inputs += [
        (["d e", "a b c"], summary),
        (["a b x", "b c y", "c d"], ["a b c d"], 2),
        (words, summary, 1),
        ([], ["a"]),
    ]
    inputs.append((["a b c d", "e f g h", "b c d e f g"], ["a b c d e f g h"], 2))  # the bridge of notebook 05
    draw = random.Random(0)
    for n in range(3, 9):
        document = [" ".join(draw.choices("abcdefghxyz", k=draw.randint(1, 6))) for _ in range(n)]
        inputs.append((document, [" ".join(draw.sample("abcdefgh", 4)) for _ in range(2)], draw.randint(1, 4)))
    inputs += news(6)
    agree(greedy, greedy_oracle, inputs, {words: partial(search, **how) for words, how in named.items()})
    with hint("right, but not for a summary without words"):
        agree(greedy, greedy_oracle, [(["a b"], [""])])


@exercise("05.3", "More than half of F, as a share of what is new.", "05.4, labels that slip.")
def pays_off(hits_needed):
    def right(overlap, extract, reference, added):
        return overlap * added // (extract + reference) + 1

    named = {
        "a tie is no gain: where the share is exactly half of F, one hit more is needed": (
            lambda o, c, r, a: -(-o * a // (c + r))
        ),
        "a tie is no gain, and one hit at least is needed: yours asks for at least the share, not more": (
            lambda o, c, r, a: max(1, -(-o * a // (c + r)))
        ),
        "the share has to exceed *half* of F; yours asks for all of F": lambda o, c, r, a: 2 * o * a // (c + r) + 1,
        "you compare with precision, o / c: that would keep the share of hits, not F": lambda o, c, r, a: (
            o * a // max(c, 1) + 1
        ),
        "you compare with recall, o / r": lambda o, c, r, a: o * a // r + 1,
        "one hit more is needed: rounded down, the score does not rise yet": lambda o, c, r, a: o * a // (c + r),
        "rounded to the nearest number it may fall short: the share has to be *exceeded*": (
            lambda o, c, r, a: round(o * a / (c + r))
        ),
        "this is the share; how many of the new words is that?": lambda o, c, r, a: o / (c + r),
        "h · z > o · a asks for a whole number above o · a / z; yours is that quotient": lambda o, c, r, a: (
            o * a / (c + r)
        ),
        "one hit is enough only at the start, where F is 0": lambda o, c, r, a: 1,
        "more than half of the *new* words is too strict: compare with F": lambda o, c, r, a: a // 2 + 1,
    }
    draw = random.Random(0)
    inputs = [(2, 4, 4, 4), (0, 0, 8, 5), (5, 5, 6, 4), (8, 9, 8, 17), (3, 10, 5, 1)]
    for _ in range(30):
        extract, reference = draw.randint(1, 60), draw.randint(1, 60)
        inputs.append((draw.randint(0, min(extract, reference)), extract, reference, draw.randint(1, 30)))
    agree(hits_needed, right, inputs, named)
    ties = [(3, 5, 6, 55), (13, 25, 20, 45), (6, 7, 40, 47), (8, 29, 20, 49), (15, 22, 22, 44), (3, 5, 6, 11)]
    with hint("right, but where the share is exactly half of F a rounding error decides: calculate with whole numbers"):
        agree(hits_needed, right, ties)


FAULTS = {
    "slip": "the labels are numbered by the document, not by what is left of it",
    "recall": "the score is recall, so that waste costs nothing",
    "twice": "an n-gram in two chosen sentences counts twice: unite sets",
    "more": "the search goes on although nothing gains",
}


def keep(document, room, least=4):
    kept, used = [], 0
    for i, sentence in enumerate(document):
        words = len(tokenize(sentence))
        if used + words > room:
            break
        if words >= least:
            kept.append(i)
            used += words
    return kept


def prepared(document, summary, max_sentences=3, room=60, faults=(), whole=False, least=4, **how):
    """Sentences that are left with their labels, with faults by name; ``whole``: labels of the whole document."""
    kept = keep(document, room, least)
    left = [document[i] for i in kept]
    how = {"kind": "recall" if "recall" in faults else "F", "count": list if "twice" in faults else set} | how
    how["stop"] = "more" not in faults
    chosen = search(document if whole or "slip" in faults else left, summary, max_sentences, **how)
    if whole:
        return [(document[i], int(i in chosen)) for i in kept]
    return [(sentence, int(i in chosen)) for i, sentence in enumerate(left)]


@exercise("05.4", "Each sentence has its own label, and no 1 is out of sight.", "05.5, how much is out of sight.")
def labels_of_what_is_left(mended):
    def right(document, summary, max_sentences, room, search=labels):
        left = [document[i] for i in keep(document, room)]
        return list(zip(left, search(left, summary, max_sentences)))

    named = {
        f"{count} of 4 faults left: " + "; ".join(FAULTS[name] for name in left): {"faults": left}
        for count in (1, 2, 3, 4)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "each label goes with its sentence now, but the search looked at the whole document: a 1 that was cut off "
        "is lost, and the best of what is left gets none": {"whole": True},
        "short sentences are no longer dropped: those of fewer than four words go": {"least": 0},
        "a repeated n-gram hits once now and still counts twice in the extract's length: take the set for both": {
            "size": list
        },
        "pairs cross from one chosen sentence to the next: take each sentence's pairs, then unite": {"across": True},
        "a sentence that leaves the score as it was gets a 1: stop also where the score is equal": {"slack": 1e-9},
    }
    named = {words: partial(prepared, **how) for words, how in named.items()}
    named["`max_sentences` has no effect: at most so many sentences may get a 1"] = lambda document, summary, _, room: (
        right(document, summary, 3, room)
    )
    named["`greedy_oracle` gives the numbers of the chosen sentences; a 0 or a 1 for each is wanted"] = partial(
        right, search=greedy_oracle
    )
    summary = ["The night ferry stops in June.", "Fares stay low."]
    ferry, fares, rain = "The night ferry stops in June.", "Fares in town stay low.", "It rained all day."
    inputs = [
        (["Good evening.", ferry, rain, fares], summary),
        ([ferry, rain, fares], summary),
        ([ferry, rain, fares], summary, 1, 60),
        ([rain, "Cabins in June stop.", ferry, fares], summary, 3, 8),
        (["The night ferry stops.", "In June the night ferry stops, the night ferry to Lirno.", fares, rain], summary),
    ]
    inputs.append((["a f d e", "f d y b"], ["a b c d e f"]))  # joined, they would have the pair e f
    inputs += [(document, reference, 3, room) for (document, reference), room in zip(news(12, 20), (80, 150, 300) * 4)]
    agree(mended, right, [(args if len(args) == 4 else (*args, 3, 60)) for args in inputs], named)


@lru_cache
def cut(limit=250):
    """Of each document of harbour: its labels, and how many sentences stay."""
    rows = []
    for record in (r for split in ("train", "validation", "test") for r in load_corpus("harbour", split).to_list()):
        n, used = 0, 0
        for sentence in record["document"]:
            used += len(sentence.split())
            n += used <= limit
        rows.append((labels(record["document"], record["summary"]), n))
    return rows


@exercise(
    "05.5",
    "Much of what matters stands late. Cut first, then label (05.4); or read in windows (lesson 06).",
    "05.6, a trap.",
)
def window(answer):
    if not sequence(answer) or len(answer) != 3 or not all(map(number, answer)):
        raise Wrong("three shares are wanted: (predicted, measured, without)")
    rows = cut()
    sentences, ones = sum(len(row) for row, _ in rows), sum(sum(row) for row, _ in rows)
    cut_sentences, cut_ones = sum(len(row) - n for row, n in rows), sum(sum(row[n:]) for row, n in rows)
    none, some = sum(not any(row[:n]) for row, n in rows), sum(n < len(row) for row, n in rows)
    percent = "a share between 0 and 1 is wanted, not percent"
    mean = "a mean of each document's share gives short ones the same weight: add up first, then divide"
    each = {
        "predicted": (cut_sentences / sentences, {
            "this is the share that stays; wanted is the share cut off": 1 - cut_sentences / sentences,
            "this is the share of documents that are cut; wanted is that of sentences": some / len(rows),
            mean: sum(1 - n / len(row) for row, n in rows) / len(rows),
            percent: 100 * cut_sentences / sentences,
        }),
        "measured": (cut_ones / ones, {
            "this is the share that stays; wanted is the share cut off": 1 - cut_ones / ones,
            "that is the share of sentences again; count the 1s among those cut off": cut_sentences / sentences,
            "these are the 1s among the sentences cut off; wanted is their share of all 1s": cut_ones / cut_sentences,
            mean: sum(sum(row[n:]) / max(sum(row), 1) for row, n in rows) / len(rows),
            percent: 100 * cut_ones / ones,
        }),
        "without": (none / len(rows), {
            "this is the share of documents that keep a 1": 1 - none / len(rows),
            "this is the share of documents that are cut, not of those without a 1": some / len(rows),
            "this is the share of documents that lose a 1; wanted are those that have none left": (
                sum(any(row[n:]) for row, n in rows) / len(rows)
            ),
            "this is a number of documents; divide by all of them": none,
            percent: 100 * none / len(rows),
        }),
    }  # fmt: skip
    for got, (name, (want, misconceptions)) in zip(answer, each.items()):
        with hint(name):
            compare(got, want, misconceptions, tolerance=6e-3)


@exercise("05.6", "A proof that greedy has no guarantee here.", "lesson 06, from labels to tensors.")
def trap(answer):
    if not sequence(answer) or len(answer) != 2 or not all(sequence(part) for part in answer):
        raise Wrong("two lists of sentences are wanted: (document, summary)")
    document, summary = answer
    if not all(isinstance(sentence, str) for part in answer for sentence in part):
        raise Wrong("each sentence has to be a string")
    if not 1 <= len(document) <= 8:
        raise Wrong(f"1 to 8 sentences are allowed; your document has {len(document)}", example=[])
    grams = _grams(document, summary)

    def score(extract):
        unions = [(set().union(*(sentences[i] for i in extract)), wanted) for sentences, wanted in grams]
        return sum(_f1(len(union & wanted), len(union), len(wanted)) for union, wanted in unions)

    greedy, best = greedy_oracle(document, summary), exhaustive_oracle(document, summary)
    if not best:
        raise Wrong("no sentence shares a word with the summary: there is nothing to find", example=[])
    ratio = score(greedy) / score(best)
    example = [f"greedy {greedy}, {score(greedy):.3f}", f"best   {best}, {score(best):.3f}"]
    if ratio < 0.8:
        return f"Greedy reaches {ratio:.3f} of the best."
    if set(greedy) == set(best):
        raise Wrong(
            "greedy finds the best extract here: give it a first sentence that the best does without", None, example
        )
    if set(greedy) & set(best) and greedy[0] in best:
        advice = (
            "its first choice is right: a bait that wins the first step, and that the best does without, costs more"
        )
    elif len(greedy) == 3:
        advice = "it falls for the bait and then repairs much: let nothing pay off beside the bait"
    else:
        advice = "it falls for the bait and stops: make the bait poorer, or what it misses richer"
    raise Wrong(f"greedy reaches {ratio:.3f} of the best, less than 0.8 is wanted; {advice}", None, example)
