"""Checkers for the exercises on summaries and ROUGE."""

import math
import random
import re
import tracemalloc
from collections import Counter
from functools import lru_cache, partial
from itertools import combinations

import numpy as np
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer

from bertsum_lite.baselines import lead, textrank
from bertsum_lite.checks import Wrong, agree, compare, exercise, hint
from bertsum_lite.checks.tools import number, numbers, same
from bertsum_lite.corpus import load_corpus, references
from bertsum_lite.rouge import METRICS, corpus_rouge, rouge, tokenize


@exercise("04.1", "Clipped words, pairs, and a subsequence for each sentence.", "04.2, the first two for any n.")
def by_pencil(answer):
    numbers(answer, "rouge1, rouge2, rougeLsum")
    all_three = {
        "these are fractions; percent are wanted": (0.7, 1 / 3, 0.5),
        "these are precisions, hits per word said; F1 also asks for recall": (63.6, 30.0, 45.5),
        "these are recalls, hits per word of the reference; F1 also asks for precision": (77.8, 37.5, 55.6),
        "these are plain means of precision and recall; F1 is 2h / (p + r)": (70.7, 33.75, 50.5),
        "the 2 of 2h / (p + r) is missing": (35.0, 16.7, 25.0),
    }
    for message, value in all_three.items():
        if same(list(answer), list(value), 4e-3):
            raise Wrong(message, (70.0, 33.3, 50.0))
    each = {
        "rouge1": (70.0, {
            "the third *the* of the prediction pays too; the reference has two, so only two count": 80.0,
            "you have 6 hits; *the* stands twice in both texts and counts twice": 60.0,
            "you counted different words; *the* stands twice in both texts and counts twice": 1200 / 17,
        }),
        "rouge2": (100 / 3, {
            "you took no pair across a full stop; here each text is one line, with 8 and 10 pairs": 37.5,
            "you divided by numbers of words, 9 and 11; there are 8 and 10 pairs": 30.0,
        }),
        "rougeLsum": (50.0, {
            "this is rougeL, one subsequence through the whole text; take each reference sentence by itself": 30.0,
            "order counts here; this is the number of shared words, as in ROUGE-1": 70.0,
            "you took each sentence's F1 and the mean; add up the words kept, 3 + 2, then take F1 once": 54.8,
            "*the … opens the* is longer than *the bridge* or *the mayor*": 40.0,
        }),
    }  # fmt: skip
    for got, (name, (want, misconceptions)) in zip(answer, each.items()):
        with hint(name):
            compare(got, want, misconceptions, tolerance=4e-3)


def grams(words, n):
    return list(zip(*(words[i:] for i in range(n))))


def counted(rule):
    """A score by a rule on the lists of n-grams: those of the reference, those of the prediction."""
    return lambda reference, prediction, n: rule(grams(reference, n), grams(prediction, n))


def clipped(wanted, said):
    return (Counter(wanted) & Counter(said)).total()


def f1(hits, sizes):
    return 2 * hits / max(sizes, 1)


@exercise("04.2", "Clipped, and safe on empty texts.", "04.3, what ROUGE-L counts.")
def ngram_f1(rouge_n):
    named = {
        "you count different n-grams: sets forget that one may stand twice in both texts": (
            counted(lambda w, s: f1(len({*w} & {*s}), len({*w}) + len({*s})))
        ),
        "the hits are those of sets, the lengths are not: one that stands twice in both texts hits twice": (
            counted(lambda w, s: f1(len({*w} & {*s}), len(w) + len(s)))
        ),
        "nothing is clipped: an n-gram said three times pays three times, though the reference has it once": (
            counted(lambda w, s: f1(sum(g in w for g in s), len(w) + len(s)))
        ),
        "nothing is clipped: a word of the reference is found again and again, though it was said once": (
            counted(lambda w, s: f1(sum(g in s for g in w), len(w) + len(s)))
        ),
        "this is precision: hits over the prediction's n-grams": counted(lambda w, s: clipped(w, s) / max(len(s), 1)),
        "this is recall: hits over the reference's n-grams": counted(lambda w, s: clipped(w, s) / max(len(w), 1)),
        "this is the plain mean of precision and recall; F1 is the harmonic mean, 2h / (p + r)": (
            counted(lambda w, s: (clipped(w, s) / max(len(s), 1) + clipped(w, s) / max(len(w), 1)) / 2)
        ),
        "the 2 of 2h / (p + r) is missing: equal texts must score 1": (
            counted(lambda w, s: clipped(w, s) / max(len(w) + len(s), 1))
        ),
        "you divide by the numbers of words; count n-grams, of which there are n − 1 fewer": (
            lambda r, p, n: f1(clipped(grams(r, n), grams(p, n)), len(r) + len(p))
        ),
        "your n does nothing: these are single words": lambda r, p, n: f1(clipped(r, p), len(r) + len(p)),
        "for n = 1 you take pairs: an n-gram has n words": lambda r, p, n: right(r, p, 2),
        "you divide by p + r − h, all that one of the two has; F1 is 2h / (p + r)": (
            counted(lambda w, s: clipped(w, s) / max(len(w) + len(s) - clipped(w, s), 1))
        ),
        "the last n-gram is missing: it starts at place len(words) − n, and a range's end is not part of it": (
            counted(lambda w, s: f1(clipped(w[:-1], s[:-1]), len(w[:-1]) + len(s[:-1])))
        ),
        "your last n-grams are cut short: none starts behind place len(words) − n": (
            lambda r, p, n: f1(
                clipped(*([tuple(x[i : i + n]) for i in range(len(x))] for x in (r, p))), len(r) + len(p)
            )
        ),
        "your n-grams forget the order: *night ferry* is not *ferry night*": (
            counted(lambda w, s: f1(clipped(*([tuple(sorted(g)) for g in x] for x in (w, s))), len(w) + len(s)))
        ),
        "your n-grams do not overlap: the second pair starts at the second word": (
            lambda r, p, n: f1(
                clipped(*([tuple(x[i : i + n]) for i in range(0, len(x) - n + 1, n)] for x in (r, p))),
                (len(r) // n) + (len(p) // n),
            )
        ),
        "between 0 and 1 is wanted, not percent": counted(lambda w, s: 100 * f1(clipped(w, s), len(w) + len(s))),
    }
    right = counted(lambda w, s: f1(clipped(w, s), len(w) + len(s)))
    draw = random.Random(0)
    inputs = [(["the", "ferry", "stays"], ["the", "the", "ferry"], 1), (["a", "b", "a"], ["b", "a", "b", "a", "a"], 1)]
    inputs += [(["the", "night", "ferry"], ["night", "ferry", "the"], 2), (list("abab"), list("ababba"), 2)]
    inputs += [(draw.choices("abc", k=9), draw.choices("abc", k=6), n) for n in (1, 2, 3)]
    inputs += [(draw.choices("abcdefgh", k=60), draw.choices("abcdefgh", k=80), n) for n in (1, 2, 3)]
    agree(rouge_n, right, inputs, named)
    with hint("right for longer texts; where a text has no n-gram, 0 is wanted"):
        agree(rouge_n, right, [(["a"], [], 1), ([], [], 1), (["a"], ["a", "b"], 2), (["a"], ["a"], 2)])


class TooMany(Exception):
    """A function compared more often than any table needs."""


class Word(str):
    """A word that counts how often it is compared."""

    left = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Word.left -= 1
        if Word.left < 0:
            raise TooMany
        return str.__eq__(self, other)

    def __ne__(self, other):
        return not self == other


def by_rows(step, result=lambda rows: rows[-1][-1]):
    """A length by a rule of one's own: (corner, above, left, equal) → entry, over the whole table."""

    def length(a, b):
        rows = [[0] * (len(b) + 1)]
        for word in a:
            row = [0]
            for j, other in enumerate(b):
                row.append(step(rows[-1][j], rows[-1][j + 1], row[j], word == other))
            rows.append(row)
        return result(rows)

    return length


right_length = by_rows(lambda corner, above, left, equal: corner + 1 if equal else max(above, left))


def first_come(a, b):
    """Each word of ``a`` takes the next place in ``b`` that has it."""
    at = hits = 0
    for word in a:
        if word in b[at:]:
            at = b.index(word, at) + 1
            hits += 1
    return hits


@exercise("04.3", "Right, and the table is one row high.", "04.4, four faults in a scorer.")
def longest_subsequence(lcs_length):
    named = {
        "this is the longest common run, without gaps: an unequal pair keeps the larger neighbour, not 0": by_rows(
            lambda corner, above, left, equal: corner + 1 if equal else 0, lambda rows: max(map(max, rows))
        ),
        "order does not count in yours: these are the shared words": lambda a, b: clipped(a, b),
        "these are the different words that both have; order and repetition are lost": lambda a, b: len({*a} & {*b}),
        "equal words count only at the same place in both lists": lambda a, b: sum(map(str.__eq__, a, b)),
        "each word takes the first place that fits, which may lie too far on: keep the better of two ways": first_come,
        "each word of `b` takes the first place that fits, which may lie too far on": lambda a, b: first_come(b, a),
        "an equal pair extends the corner above left, not the place above: a word is used twice": (
            by_rows(lambda corner, above, left, equal: above + 1 if equal else max(above, left))
        ),
        "an equal pair extends the corner above left, not the place on the left; with one row, save it in time": (
            by_rows(lambda corner, above, left, equal: left + 1 if equal else max(above, left))
        ),
        "an equal pair adds 1 to the larger neighbour in yours; it adds 1 to the corner above left": (
            by_rows(lambda corner, above, left, equal: max(above, left) + equal)
        ),
        "an unequal pair takes the larger of above and left; yours takes the corner": (
            by_rows(lambda corner, above, left, equal: corner + equal)
        ),
        "an unequal pair takes the larger of above and left; yours never looks left": (
            by_rows(lambda corner, above, left, equal: corner + 1 if equal else above)
        ),
        "an unequal pair takes the larger of above and left; yours never looks above": (
            by_rows(lambda corner, above, left, equal: corner + 1 if equal else left)
        ),
        "an unequal pair takes the larger of above and left; yours takes the corner for above": (
            by_rows(lambda corner, above, left, equal: corner + 1 if equal else max(corner, left))
        ),
        "`above` stays at 0: after each word of `a` the row just built has to become `above`": (
            lambda a, b: right_length(a[-1:], b)
        ),
        "not every word is compared: does each loop run from the first word to the last?": (
            lambda a, b: right_length(a[:-1], b[:-1])
        ),
        "the length is wanted, one number; this is the table's last row": by_rows(
            lambda corner, above, left, equal: corner + 1 if equal else max(above, left), lambda rows: rows[-1]
        ),
    }
    draw = random.Random(0)
    inputs = [(list(a), list(b)) for a, b in (("ab", "ba"), ("aa", "a"), ("a", "aa"), ("", "a"), ("", ""))]
    inputs += [(list(a), list(b)) for a, b in (("abc", "axc"), ("xab", "abx"), ("abx", "xab"))]
    inputs += [(draw.choices("abcd", k=n), draw.choices("abcd", k=m)) for n, m in ((3, 5), (6, 4), (7, 7), (5, 8))]
    agree(lcs_length, right_length, inputs, named)

    a, b = ([Word(letter) for letter in draw.choices("abcdefgh", k=30)] for _ in range(2))
    Word.left = 10 * 30 * 30
    try:
        got = lcs_length(a, b)
    except Wrong:
        if Word.left >= 0:
            raise
        raise Wrong(
            "right for a few words; for two texts of 30 it compares more than 9,000 times, where a table needs 900: "
            "it works out the same places again and again",
            example=["a, b: lists of 30 words"],
        ) from None
    Word.left = 10**6
    compare(got, right_length(a, b))

    a, b = draw.choices(range(50), k=400), draw.choices(range(50), k=400)
    with hint("right for 30 words, not for 400"):
        tracemalloc.start()
        try:
            got = lcs_length(a, b)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        compare(got, right_length(a, b))
    if most > 300_000:
        raise Wrong(
            f"right, but it keeps {most / 1e6:.1f} MB for two texts of 400 words: of the rows only the last is needed",
            example=["a, b: lists of 400 words"],
        )


FAULTS = {
    "lines": "the sentences are joined with a space, so that rougeLsum becomes rougeL: join with a line break",
    "stem": "nothing is stemmed: `use_stemmer` is ignored beside a tokenizer of one's own",
    "ascii": "the tokenizer keeps a–z and 0–9 only: other scripts score 0",
    "mixed": "a maximum for each metric mixes references: choose one, by ROUGE-1",
}


class Tokens:
    def __init__(self, tokenize):
        self.tokenize = tokenize


def ascii_stems(text):
    return [stem for word in re.findall("[a-z0-9]+", text.lower()) for stem in tokenize(word, stem=True)]


def runs(text):
    stem = PorterStemmer().stem
    return [stem(word) if len(word) > 3 and word.isascii() else word for word in re.findall(r"\w+", text.lower())]


SPLITS = {
    "": partial(tokenize, stem=True),
    "stem": tokenize,
    "ascii": ascii_stems,
    "ascii stem": lambda text: re.findall("[a-z0-9]+", text.lower()),
    "runs": runs,
}
one_line = lru_cache(lambda split: RougeScorer(METRICS, tokenizer=Tokens(SPLITS[split])))


def scored(prediction, references, faults=(), split=None, choose=None):
    """ROUGE with faults by name, a way of cutting words, and a way of choosing among the references' scores."""
    scorer = one_line(" ".join(f for f in ("ascii", "stem") if f in faults) if split is None else split)
    line = " ".join if "lines" in faults else "\n".join
    rows = [scorer.score(line(reference), line(prediction)) for reference in references]
    rows = [{metric: 100 * row[metric].fmeasure for metric in METRICS} for row in rows]
    if choose:
        return choose(rows)
    if "mixed" in faults:
        return {metric: max(row[metric] for row in rows) for metric in METRICS}
    return max(rows, key=lambda row: row["rouge1"])


@exercise("04.4", "A score that can stand in a table.", "04.5, what the same documents are worth.")
def four_faults(mended):
    named = {
        f"{count} of 4 faults left: " + "; ".join(FAULTS[name] for name in left): {"faults": left}
        for count in (1, 2, 3, 4)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "one reference is to be chosen, the best by ROUGE-1; yours takes the mean of all": {
            "choose": lambda rows: {metric: sum(row[metric] for row in rows) / len(rows) for metric in METRICS}
        },
        "one reference is to be chosen, the best by ROUGE-1; yours is the first": {"choose": lambda rows: rows[0]},
        "one reference is to be chosen, the best by ROUGE-1; yours is the best by ROUGE-2": {
            "choose": lambda rows: max(rows, key=lambda row: row["rouge2"])
        },
        "one reference is to be chosen, the best by ROUGE-1; yours is the best by rougeLsum": {
            "choose": lambda rows: max(rows, key=lambda row: row["rougeLsum"])
        },
        "one reference is to be chosen, the best by ROUGE-1; yours has the best sum of metrics": {
            "choose": lambda rows: max(rows, key=lambda row: sum(row.values()))
        },
        "`\\w+` takes a Chinese sentence for one word: scripts without spaces are cut by character": {"split": "runs"},
        "percent are wanted: 100 times this": {
            "choose": lambda rows: {m: v / 100 for m, v in max(rows, key=lambda row: row["rouge1"]).items()}
        },
    }
    inputs = [
        (["Ferries stop."], [["The ferry stops."]]),
        (["Fares rise.", "The ferry stays."], [["The ferry stays.", "Fares rise."]]),
        (["The ferry stops on Friday."], [["On Friday stops the ferry."], ["The ferry stops on Monday."]]),
        (["渡轮周五停运。"], [["渡轮停运。"]]),
        (["Паром остаётся до весны."], [["Паром ходит.", "До весны."]]),
    ]
    for r in load_corpus("harbour", "validation").to_list()[:12]:
        inputs.append((r["document"][2:5], references(r)))
    agree(mended, rouge, inputs, {words: partial(scored, **how) for words, how in named.items()})


@lru_cache
def two_leads():
    """ROUGE-1 of Leads of three and of four sentences on the training set."""
    records = load_corpus("harbour", "train").to_list()
    golds = [references(r) for r in records]
    return tuple(
        corpus_rouge([[r["document"][i] for i in lead(r["document"], k)] for r in records], golds, 1).scores[:, 0]
        for k in (3, 4)
    )


@exercise(
    "04.5",
    "A document that is hard for one is hard for the other, and what they share cancels in the difference. "
    "0.78 is sure on these documents, and would not be on different ones. Compare systems pair by pair.",
    "04.6, a baseline of your own.",
)
def same_documents(answer):
    predicted, measured, correlation = numbers(answer, "predicted, measured, correlation")
    three, four = two_leads()
    root, spread = len(three) ** 0.5, (three - four).std(ddof=1)
    a, b = (1.96 * scores.std(ddof=1) / root for scores in (three, four))
    named = {
        "halves do not add up, variances do: take the root of the sum of squares": a + b,
        "variances add up for a difference too; yours subtracts them": math.sqrt(abs(a * a - b * b)),
        "yours is the mean of the two halves": (a + b) / 2,
        "yours is the larger of the two halves: the other's doubt comes on top": a,
        "this is one standard error; half a 95 % interval is 1.96 of them": math.hypot(a, b) / 1.96,
        "this is the whole interval; half of it is wanted": 2 * math.hypot(a, b),
        "this is the sum of the squares: take its root": a * a + b * b,
    }
    with hint("predicted"):
        compare(predicted, math.hypot(a, b), named, tolerance=0.03)
    named = {
        "as large as for different documents: subtract document by document, or draw the same ones for both": (
            math.hypot(a, b)
        ),
        "this is the scatter of single documents; the mean's is √n times smaller": spread,
        "1.96 standard deviations of single documents; the mean's is √n times smaller": 1.96 * spread,
        "this is one standard error; half a 95 % interval is 1.96 of them": spread / root,
        "this is the whole interval; half of it is wanted": 2 * 1.96 * spread / root,
        "this is the difference itself; wanted is how sure it is": abs((three - four).mean()),
        "halves of two intervals, subtracted; subtract the scores, then take the interval": a - b,
    }
    with hint("measured"):
        compare(measured, 1.96 * spread / root, named, tolerance=0.03)
    r = np.corrcoef(three, four)[0, 1]
    named = {
        "this is r², the share of variance explained; r itself is wanted": r * r,
        "this is the covariance; divide it by both standard deviations": np.cov(three, four)[0, 1],
        "the sign is wrong: where one scores high, so does the other": -r,
        "a column's correlation with itself: take entry [0, 1] of the matrix": 1.0,
        "this is the correlation of three with the difference; three with four is wanted": (
            np.corrcoef(three, three - four)[0, 1]
        ),
    }
    with hint("correlation"):
        compare(correlation, r, named, tolerance=0.015)


def longest(document, k=3):
    return sorted(sorted(range(len(document)), key=lambda i: (-len(document[i]), i))[:k])


@lru_cache
def held_out():
    records = load_corpus("harbour", "test").to_list()
    return records, [references(r) for r in records]


def mean_rouge1(choices):
    records, golds = held_out()
    extracts = [[r["document"][i] for i in chosen] for r, chosen in zip(records, choices)]
    return corpus_rouge(extracts, golds, resamples=1).mean["rouge1"]


@lru_cache
def of_textrank():
    return mean_rouge1([textrank(r["document"], 3) for r in held_out()[0]])


@exercise("04.6", "More than a graph and PageRank found.", "lesson 05, which sentences should have been chosen.")
def beats_textrank(choose):
    if not callable(choose):
        raise Wrong("a function is wanted: hand over `choose` itself, not what it returns")
    choices = []
    for document in (
        ["The ferry stays."],
        ["Fares rise.", "The ferry stays."],
        *(r["document"] for r in held_out()[0]),
    ):
        chosen = choose(list(document))
        if not isinstance(chosen, list | tuple | np.ndarray) or not all(number(i) and int(i) == i for i in chosen):
            raise Wrong("a list of sentence numbers is wanted, such as [0, 2, 5]")
        chosen = sorted(map(int, chosen))
        if len(chosen) > 3:
            raise Wrong(f"at most three sentences are allowed; yours are {len(chosen)}")
        if len(set(chosen)) < len(chosen):
            raise Wrong("a sentence is chosen twice: leave out those that you have")
        if chosen and not 0 <= chosen[0] <= chosen[-1] < len(document):
            count = f"this document has {len(document)}, counted from 0"
            raise Wrong(f"there is no such sentence: {count}; return numbers of sentences, not 0s and 1s")
        choices.append(chosen)
    score, goal = mean_rouge1(choices[2:]), of_textrank() + 1.5
    reached = f"{score:.1f} ROUGE-1, {score - of_textrank():+.1f} against TextRank."
    if score >= goal:
        return reached
    short = np.mean([len(chosen) for chosen in choices[2:]])
    advice = "Weigh words that several sentences use, and count each once"
    if short < 2.5:
        advice = f"You take {short:.1f} sentences a document: three are allowed, and recall counts too"
    known = {
        "These are Lead's sentences: two of the three kinds of text do not open with their matter": lead,
        "These are TextRank's own sentences: change what it prefers": textrank,
        "These are the longest: much of the way. Now choose by what they say, and nothing twice": longest,
    }
    for message, rule in known.items():
        if choices[2:] == [rule(r["document"], 3) for r in held_out()[0]]:
            advice = message
    raise Wrong(f"{reached} {advice}", None, [f"wanted {goal:.1f}, on the 80 test documents"])
