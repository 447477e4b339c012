"""Wrong and right answers to the exercises on summaries and ROUGE."""

import re
from collections import Counter
from functools import cache

import numpy as np
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer

from bertsum_lite.baselines import lead, random_sentences, textrank
from bertsum_lite.rouge import METRICS, tokenize
from wrong import right, wrong

wrong("04.1", "the third *the* of the prediction pays too", (80.0, 33.3, 50.0))
wrong("04.1", "you counted different words", (70.6, 33.3, 50.0))
wrong("04.1", "you took no pair across a full stop", (70.0, 37.5, 50.0))
wrong("04.1", "you divided by numbers of words", (70.0, 30.0, 50.0))
wrong("04.1", "this is rougeL, one subsequence through the whole text", (70.0, 33.3, 30.0))
wrong("04.1", "the number of shared words", (70.0, 33.3, 70.0))
wrong("04.1", "is longer than", (70.0, 33.3, 40.0))
wrong("04.1", "these are precisions", (63.6, 30.0, 45.5))
wrong("04.1", "these are recalls", (77.8, 37.5, 55.6))
wrong("04.1", "plain means of precision and recall", (70.7, 33.8, 50.5))
wrong("04.1", "the 2 of 2h / (p + r) is missing", (35, 16.7, 25))
wrong("04.1", "you have 6 hits", (60, 33.3, 50))
wrong("04.1", "add up the words kept", (70, 33.3, 54.8))
wrong("04.1", "percent are wanted", (0.7, 0.333, 0.5))
wrong("04.1", "3 numbers are wanted", 70.0)
right("04.1", [70, 33.3, 50])


def pairs_of(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@wrong("04.2", "sets forget")
def with_sets(reference, prediction, n):
    wanted, said = set(pairs_of(reference, n)), set(pairs_of(prediction, n))
    return 2 * len(wanted & said) / max(len(wanted) + len(said), 1)


@wrong("04.2", "the hits are those of sets")
def hits_of_sets(reference, prediction, n):
    wanted, said = pairs_of(reference, n), pairs_of(prediction, n)
    return 2 * len(set(wanted) & set(said)) / max(len(wanted) + len(said), 1)


@wrong("04.2", "an n-gram said three times pays three times")
def without_clipping(reference, prediction, n):
    wanted, said = pairs_of(reference, n), pairs_of(prediction, n)
    return 2 * sum(gram in wanted for gram in said) / max(len(wanted) + len(said), 1)


@wrong("04.2", "found again and again")
def without_clipping_from_the_reference(reference, prediction, n):
    wanted, said = pairs_of(reference, n), pairs_of(prediction, n)
    return 2 * sum(gram in said for gram in wanted) / max(len(wanted) + len(said), 1)


def sizes(reference, prediction, n):
    wanted, said = Counter(pairs_of(reference, n)), Counter(pairs_of(prediction, n))
    return (wanted & said).total(), wanted.total(), said.total()


@wrong("04.2", "this is precision")
def precision_only(reference, prediction, n):
    hits, _, said = sizes(reference, prediction, n)
    return hits / said if said else 0.0


@wrong("04.2", "this is recall")
def recall_only(reference, prediction, n):
    hits, wanted, _ = sizes(reference, prediction, n)
    return hits / wanted if wanted else 0.0


@wrong("04.2", "plain mean of precision and recall")
def plain_mean(reference, prediction, n):
    hits, wanted, said = sizes(reference, prediction, n)
    return (hits / wanted + hits / said) / 2 if wanted and said else 0.0


@wrong("04.2", "the 2 of 2h / (p + r) is missing")
def factor_forgotten(reference, prediction, n):
    hits, wanted, said = sizes(reference, prediction, n)
    return hits / (wanted + said or 1)


@wrong("04.2", "you divide by p + r − h")
def share_of_all(reference, prediction, n):
    hits, wanted, said = sizes(reference, prediction, n)
    return hits / (wanted + said - hits or 1)


@wrong("04.2", "you divide by the numbers of words")
def lengths_of_texts(reference, prediction, n):
    return 2 * sizes(reference, prediction, n)[0] / max(len(reference) + len(prediction), 1)


@wrong("04.2", "your n does nothing")
def single_words(reference, prediction, n):
    return both_fractions(reference, prediction, 1)


def counted_by(pairs):
    def score(reference, prediction, n):
        wanted, said = Counter(pairs(reference, n)), Counter(pairs(prediction, n))
        return 2 * (wanted & said).total() / max(wanted.total() + said.total(), 1)

    return score


wrong("04.2", "for n = 1 you take pairs", counted_by(lambda words, n: zip(words, words[1:])))
wrong("04.2", "the last n-gram is missing", counted_by(lambda x, n: [tuple(x[i : i + n]) for i in range(len(x) - n)]))
wrong("04.2", "are cut short", counted_by(lambda words, n: [tuple(words[i : i + n]) for i in range(len(words))]))


@wrong("04.2", "forget the order")
def bags_of_n(reference, prediction, n):
    wanted, said = (Counter(tuple(sorted(gram)) for gram in pairs_of(x, n)) for x in (reference, prediction))
    return 2 * (wanted & said).total() / max(wanted.total() + said.total(), 1)


@wrong("04.2", "do not overlap")
def cut_into_pieces(reference, prediction, n):
    wanted, said = (Counter(zip(*(x[i::n] for i in range(n)))) for x in (reference, prediction))
    return 2 * (wanted & said).total() / max(wanted.total() + said.total(), 1)


@wrong("04.2", "not percent")
def in_percent(reference, prediction, n):
    return 100 * both_fractions(reference, prediction, n)


@wrong("04.2", "ZeroDivisionError")
def not_safe_on_empty_texts(reference, prediction, n):
    hits, wanted, said = sizes(reference, prediction, n)
    return 2 * hits / (wanted + said)


@wrong("04.2", "your function changes `prediction`")
def strikes_words_out(reference, prediction, n):
    hits = 0
    for word in reference:
        if word in prediction:
            prediction.remove(word)
            hits += 1
    return hits


@right("04.2")
def both_fractions(reference, prediction, n):
    hits, wanted, said = sizes(reference, prediction, n)
    if not hits:
        return 0.0
    precision, recall = hits / said, hits / wanted
    return 2 * precision * recall / (precision + recall)


@right("04.2")
def strikes_out_on_a_copy(reference, prediction, n):
    left, wanted = pairs_of(prediction, n), pairs_of(reference, n)
    said, hits = len(left), 0
    for gram in wanted:
        if gram in left:
            left.remove(gram)
            hits += 1
    return 2 * hits / (said + len(wanted)) if said + len(wanted) else 0


def table(a, b, entry):
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, word in enumerate(a, 1):
        for j, other in enumerate(b, 1):
            rows[i][j] = entry(rows, i, j, word == other)
    return rows


@wrong("04.3", "longest common run, without gaps")
def longest_run(a, b):
    return max(map(max, table(a, b, lambda c, i, j, equal: c[i - 1][j - 1] + 1 if equal else 0)))


@wrong("04.3", "order does not count")
def shared_words(a, b):
    return (Counter(a) & Counter(b)).total()


@wrong("04.3", "the different words that both have")
def shared_set(a, b):
    return len(set(a) & set(b))


@wrong("04.3", "at the same place in both lists")
def same_place(a, b):
    return sum(x == y for x, y in zip(a, b))


@wrong("04.3", "takes the first place that fits")
def greedy(a, b):
    place, hits = 0, 0
    for word in a:
        for j in range(place, len(b)):
            if b[j] == word:
                place, hits = j + 1, hits + 1
                break
    return hits


@wrong("04.3", "not the place above: a word is used twice")
def extends_the_place_above(a, b):
    return table(a, b, lambda c, i, j, same: c[i - 1][j] + 1 if same else max(c[i - 1][j], c[i][j - 1]))[-1][-1]


@wrong("04.3", "not the place on the left")
def extends_the_place_left(a, b):
    return table(a, b, lambda c, i, j, same: c[i][j - 1] + 1 if same else max(c[i - 1][j], c[i][j - 1]))[-1][-1]


@wrong("04.3", "yours takes the corner")
def unequal_takes_the_corner(a, b):
    return table(a, b, lambda c, i, j, same: c[i - 1][j - 1] + same)[-1][-1]


@wrong("04.3", "yours never looks left")
def never_left(a, b):
    return table(a, b, lambda c, i, j, same: c[i - 1][j - 1] + 1 if same else c[i - 1][j])[-1][-1]


@wrong("04.3", "the corner for above")
def above_counted_from_zero(a, b):
    return table(a, b, lambda c, i, j, same: c[i - 1][j - 1] + 1 if same else max(c[i - 1][j - 1], c[i][j - 1]))[-1][-1]


@wrong("04.3", "`above` stays at 0")
def above_never_moves(a, b):
    above = row = [0] * (len(b) + 1)
    for word in a:
        row = [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
    return row[-1]


@wrong("04.3", "not every word is compared")
def ranges_one_short(a, b):
    above = [0] * (len(b) + 1)
    for i in range(1, len(a)):
        row = [0]
        for j in range(1, len(b)):
            row.append(above[j - 1] + 1 if a[i - 1] == b[j - 1] else max(above[j], row[j - 1]))
        above = row
    return above[-1]


@wrong("04.3", "with one row, save it in time")
def one_row_overwritten(a, b):
    row = [0] * (len(b) + 1)
    for word in a:
        for j in range(1, len(b) + 1):
            row[j] = row[j - 1] + 1 if b[j - 1] == word else max(row[j], row[j - 1])
    return row[-1]


@wrong("04.3", "this is the table's last row")
def returns_the_row(a, b):
    above = [0] * (len(b) + 1)
    for word in a:
        row = [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
        above = row
    return above


@wrong("04.3", "works out the same places again and again")
def recursion_without_memory(a, b):
    if not a or not b:
        return 0
    if a[-1] == b[-1]:
        return recursion_without_memory(a[:-1], b[:-1]) + 1
    return max(recursion_without_memory(a[:-1], b), recursion_without_memory(a, b[:-1]))


@wrong("04.3", "of the rows only the last is needed")
def whole_table(a, b):
    return table(a, b, lambda c, i, j, same: c[i - 1][j - 1] + 1 if same else max(c[i - 1][j], c[i][j - 1]))[-1][-1]


@wrong("04.3", "not for 400: your code stopped with RecursionError")
def recursion_with_memory(a, b):
    @cache
    def length(i, j):
        if i == len(a) or j == len(b):
            return 0
        return 1 + length(i + 1, j + 1) if a[i] == b[j] else max(length(i + 1, j), length(i, j + 1))

    return length(0, 0)


@right("04.3")
def one_row_and_a_corner(a, b):
    row = [0] * (len(b) + 1)
    for word in a:
        corner = 0
        for j, other in enumerate(b, start=1):
            corner, row[j] = row[j], corner + 1 if word == other else max(row[j], row[j - 1])
    return row[-1]


@right("04.3")
def by_last_places(a, b):
    """Hunt & Szymanski: of each length the earliest end in ``b``."""
    ends = []
    for word in a:
        for j in reversed([j for j, other in enumerate(b) if other == word]):
            at = int(np.searchsorted(ends, j))
            ends[at : at + 1] = [j]
    return len(ends)


class Words:
    def tokenize(self, text):
        return re.findall("[a-z0-9]+", text.lower())


class Stems:
    def tokenize(self, text):
        return tokenize(text, stem=True)


class Unstemmed:
    def tokenize(self, text):
        return tokenize(text)


def rows_of(scorer, prediction, references, separator="\n"):
    return [scorer.score(separator.join(reference), separator.join(prediction)) for reference in references]


def percent(score):
    return {metric: 100 * score[metric].fmeasure for metric in METRICS}


def by_rouge1(scores):
    return percent(max(scores, key=lambda score: score["rouge1"].fmeasure))


@wrong("04.4", "4 of 4 faults left")
def as_it_was(prediction, references):
    scores = rows_of(RougeScorer(METRICS, use_stemmer=True, tokenizer=Words()), prediction, references, " ")
    return {metric: 100 * max(score[metric].fmeasure for score in scores) for metric in METRICS}


@wrong("04.4", "1 of 4 faults left: the sentences are joined with a space")
def still_one_line(prediction, references):
    return by_rouge1(rows_of(RougeScorer(METRICS, tokenizer=Stems()), prediction, references, " "))


@wrong("04.4", "1 of 4 faults left: nothing is stemmed")
def still_unstemmed(prediction, references):
    return by_rouge1(rows_of(RougeScorer(METRICS, use_stemmer=True, tokenizer=Unstemmed()), prediction, references))


@wrong("04.4", "1 of 4 faults left: the tokenizer keeps a–z and 0–9 only")
def google_s_own_tokenizer(prediction, references):
    return by_rouge1(rows_of(RougeScorer(METRICS, use_stemmer=True), prediction, references))


@wrong("04.4", "1 of 4 faults left: a maximum for each metric")
def still_mixed(prediction, references):
    scores = rows_of(RougeScorer(METRICS, tokenizer=Stems()), prediction, references)
    return {metric: 100 * max(score[metric].fmeasure for score in scores) for metric in METRICS}


@wrong("04.4", "2 of 4 faults left: nothing is stemmed")
def lines_and_reference_mended(prediction, references):
    return by_rouge1(rows_of(RougeScorer(METRICS, use_stemmer=True, tokenizer=Words()), prediction, references))


@wrong("04.4", "yours takes the mean of all")
def mean_over_references(prediction, references):
    scores = [percent(s) for s in rows_of(RougeScorer(METRICS, tokenizer=Stems()), prediction, references)]
    return {metric: np.mean([score[metric] for score in scores]) for metric in METRICS}


@wrong("04.4", "yours is the first")
def first_reference(prediction, references):
    return percent(rows_of(RougeScorer(METRICS, tokenizer=Stems()), prediction, references)[0])


@wrong("04.4", "yours is the best by rougeLsum")
def best_by_another_metric(prediction, references):
    scores = rows_of(RougeScorer(METRICS, tokenizer=Stems()), prediction, references)
    return percent(max(scores, key=lambda score: score["rougeLsum"].fmeasure))


class Runs:
    def tokenize(self, text):
        stem = PorterStemmer().stem
        return [stem(word) if len(word) > 3 and word.isascii() else word for word in re.findall(r"\w+", text.lower())]


@wrong("04.4", "takes a Chinese sentence for one word")
def by_word_characters(prediction, references):
    return by_rouge1(rows_of(RougeScorer(METRICS, tokenizer=Runs()), prediction, references))


@wrong("04.4", "percent are wanted")
def as_fractions(prediction, references):
    return {metric: value / 100 for metric, value in tokens_joined_before(prediction, references).items()}


@right("04.4")
def tokens_joined_before(prediction, references):
    class Blanks:
        def tokenize(self, text):
            return text.split()

    def cut(sentences):
        return [" ".join(tokenize(sentence, stem=True)) for sentence in sentences]

    scorer = RougeScorer(METRICS, tokenizer=Blanks())
    return by_rouge1(rows_of(scorer, cut(prediction), list(map(cut, references))))


wrong("04.5", "halves do not add up", (2.15, 0.43, 0.93))
wrong("04.5", "the other's doubt comes on top", (1.15, 0.43, 0.93))
wrong("04.5", "yours subtracts them", (0.573, 0.43, 0.93))
wrong("04.5", "predicted: this is one standard error", (0.778, 0.43, 0.93))
wrong("04.5", "as large as for different documents", (1.525, 1.525, 0.93))
wrong("04.5", "1.96 standard deviations of single documents", (1.525, 6.6, 0.93))
wrong("04.5", "measured: this is one standard error", (1.525, 0.218, 0.93))
wrong("04.5", "this is the difference itself", (1.525, 0.78, 0.93))
wrong("04.5", "this is r²", (1.525, 0.43, 0.867))
wrong("04.5", "3 numbers are wanted", (1.5, 0.4))
right("04.5", (1.53, 0.42, 0.93))  # by a bootstrap


def greedily(document, worth):
    """Three sentences, each the best beside those before it."""
    stems = [[stem for stem in tokenize(sentence, stem=True) if len(stem) > 3] for sentence in document]
    used_by = Counter(stem for words in stems for stem in set(words))
    chosen, covered = [], set()
    while len(chosen) < min(3, len(document)):
        rest = [i for i in range(len(document)) if i not in chosen]
        chosen.append(max(rest, key=lambda i: worth(stems[i], used_by, covered)))
        covered |= set(stems[chosen[-1]])
    return chosen


wrong("04.6", "These are Lead's sentences", lead)
wrong("04.6", "These are TextRank's own sentences", textrank)


@wrong("04.6", "These are the longest")
def the_longest(document):
    return sorted(range(len(document)), key=lambda i: -len(document[i]))[:3]


@wrong("04.6", "Weigh words that several sentences use")
def at_random(document):
    return random_sentences(document, 3, seed=len(document))


@wrong("04.6", "You take 1.0 sentences a document")
def only_the_best(document):
    return greedily(document, lambda words, used_by, covered: sum(used_by[w] - 1 for w in set(words)))[:1]


@wrong("04.6", "at most three sentences")
def everything(document):
    return list(range(len(document)))


@wrong("04.6", "a sentence is chosen twice")
def the_best_three_times(document):
    return [max(range(len(document)), key=lambda i: len(document[i]))] * 3


@wrong("04.6", "there is no such sentence")
def three_even_from_one(document):
    return [0, 1, 2]


@wrong("04.6", "a list of sentence numbers is wanted")
def the_sentences_themselves(document):
    return document[:3]


@right("04.6")
def roots_of_counts(document):
    return greedily(document, lambda words, used_by, covered: sum((used_by[w] - 1) ** 0.5 for w in {*words} - covered))
