"""sentences, rouge, oracle, baselines, selection: what needs no model."""

import gzip
import itertools
import json
import random

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer

from bertsum_lite.baselines import centrality, lead, random_sentences, textrank
from bertsum_lite.corpus import load_corpus
from bertsum_lite.oracle import ceiling, exhaustive_oracle, greedy_oracle, labels, sentence_scores
from bertsum_lite.rouge import corpus_rouge, rouge, tokenize
from bertsum_lite.selection import select

CHINESE = ["渡轮周五停运。", "市议会投票保留夜班渡轮。", "居民说他们很高兴。"]
ARABIC = ["توقفت العبارة يوم الجمعة.", "صوت المجلس لصالح العبارة الليلية."]


# rouge


def test_tokens_equal_rouge_scores_own_on_ascii():
    reference = DefaultTokenizer(use_stemmer=True)
    for record in load_corpus("harbour", "test"):
        for sentence in record["document"]:
            if sentence.isascii():
                assert tokenize(sentence, stem=True) == reference.tokenize(sentence)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Café Łódź", ["café", "łódź"]),
        ("渡轮停运 7号", ["渡", "轮", "停", "运", "7", "号"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("صوت المجلس", ["صوت", "المجلس"]),
        ("don't_stop", ["don", "t", "stop"]),
        ("😀", []),
    ],
)
def test_every_script_keeps_its_words(text, tokens):
    assert tokenize(text) == tokens


def test_chinese_scores_where_the_ascii_tokenizer_gives_zero():
    assert rouge(CHINESE[1:2], [CHINESE[1:2]])["rouge2"] == 100
    assert RougeScorer(["rouge1"]).score(CHINESE[1], CHINESE[1])["rouge1"].fmeasure == 0


def test_summary_level_l_differs_from_one_long_line():
    prediction, reference = ["The council met.", "The ferry sailed."], ["The ferry sailed.", "The council met."]
    assert rouge(prediction, [reference])["rougeLsum"] == pytest.approx(100)
    assert rouge([" ".join(prediction)], [[" ".join(reference)]])["rougeLsum"] == pytest.approx(50)


def test_a_line_break_inside_a_sentence_is_not_a_sentence_break():
    assert rouge(["The council\nmet."], [["met the council."]]) == rouge(["The council met."], [["met the council."]])


def test_a_letter_stored_as_two_characters_is_the_same_letter():
    assert rouge(["Le café a fermé"], [["Le cafe\u0301 a ferme\u0301"]])["rouge2"] == 100
    assert tokenize("ﬁrst ＡＢＣ") == ["first", "abc"]


def test_one_reference_is_picked_by_rouge_1_for_all_metrics():
    prediction = ["a b c d"]
    scrambled, ordered = ["d c b a"], ["a b x y z"]
    assert rouge(prediction, [ordered, scrambled]) == rouge(prediction, [scrambled])
    assert rouge(prediction, [scrambled])["rouge2"] < rouge(prediction, [ordered])["rouge2"]


@pytest.mark.parametrize("wrong", [("a b", [["a b"]]), (["a b"], "a b"), (["a b"], ["a b"])])
def test_a_string_for_a_list_of_sentences_is_refused(wrong):
    with pytest.raises(TypeError, match="lists of sentences"):
        rouge(*wrong)


def test_the_interval_is_seeded_holds_the_mean_and_reports_n():
    predictions = [["a b c"], ["d e"], ["f g h i"], ["a"]]
    golds = [[["a b d"]], [["d e"]], [["x"]], [["a b"]]]
    first, second = corpus_rouge(predictions, golds), corpus_rouge(predictions, golds)
    assert (first.low, first.high, first.n) == (second.low, second.high, 4)
    assert first.low["rouge1"] < first.mean["rouge1"] < first.high["rouge1"]
    assert first.mean["rouge1"] == pytest.approx(np.mean([rouge(p, g)["rouge1"] for p, g in zip(predictions, golds)]))


def test_nothing_to_score_and_unequal_lists_say_so():
    with pytest.raises(ValueError, match="nothing to score"):
        corpus_rouge([], [])
    with pytest.raises(ValueError, match="1 predictions for 2 documents"):
        corpus_rouge([["a"]], [[["a"]], [["b"]]])
    with pytest.raises(ValueError, match="at least one reference"):
        rouge(["a"], [])


# The numbers that published outputs must give (rouge-score with its stemmer on this text).
PUBLISHED = [
    ("cnndm_realsumm100", "lead-3", (41.06, 17.47, 37.21)),
    ("cnndm_realsumm100", "presumm_ext_abs", (42.77, 19.18, 39.36)),
    ("cnndm_realsumm100", "matchsumm", (45.97, 21.80, 41.60)),
    ("xsum_outputs", "lead", (16.01, 1.58, 11.79)),
    ("xsum_outputs", "ext-oracle", (29.36, 8.72, 22.40)),
    ("xsum_outputs", "convs2s", (30.94, 11.02, 25.05)),
]


@pytest.mark.parametrize(("folder", "system", "expected"), PUBLISHED)
def test_published_outputs_get_their_published_scores(real_data, folder, system, expected):
    (file,) = (real_data / folder).glob("test.jsonl*")
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    outputs = [row["document"][:3] if system == "lead-3" else row["systems"][system] for row in rows]
    result = corpus_rouge(outputs, [[row["summary"]] for row in rows], resamples=10)
    assert list(result.mean.values()) == pytest.approx(expected, abs=0.05)


# oracle


def plain_greedy(document, summary, max_sentences=3):
    """The algorithm as one would write it down, recounting every union: what the fast one must equal."""

    def grams(tokens, n):
        return {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}

    def f1(candidate, reference):
        return 2 * len(candidate & reference) / max(len(candidate) + len(reference), 1)

    reference_tokens = [token for sentence in summary for token in tokenize(sentence)]
    references = [grams(reference_tokens, n) for n in (1, 2)]
    sentences = [[grams(tokenize(sentence), n) for sentence in document] for n in (1, 2)]
    chosen, best = [], 0.0
    for _ in range(max_sentences):
        winner = None
        for i in range(len(document)):
            if i in chosen:
                continue
            score = 0.0
            for of_n, reference in zip(sentences, references):
                score += f1(set().union(*(of_n[j] for j in [*chosen, i])), reference)
            if score > best:
                winner, best = i, score
        if winner is None:
            break
        chosen.append(winner)
    return chosen


def test_greedy_equals_the_plain_algorithm_on_random_documents_of_few_words():
    # Few words: ties and repetitions abound.
    generator = random.Random(0)
    for _ in range(300):
        lengths = [generator.randint(0, 6) for _ in range(generator.randint(0, 9))]
        document = [" ".join(generator.choices("abcdefg", k=length)) for length in lengths]
        summary = [" ".join(generator.choices("abcdefg", k=5)) for _ in range(2)]
        k = generator.randint(1, 5)
        assert greedy_oracle(document, summary, k) == plain_greedy(document, summary, k), (document, summary, k)


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("scitldr", "train"),
        ("scitldr", "validation"),
        ("cnndm_realsumm100", "test"),
        ("csl", "validation"),
    ],
)
def test_greedy_equals_the_plain_algorithm_on_real_corpora(real_data, folder, split):
    for record in load_corpus(real_data / folder, split):
        assert greedy_oracle(record["document"], record["summary"]) == plain_greedy(
            record["document"], record["summary"]
        )


@pytest.mark.parametrize("document", [CHINESE, ARABIC])
def test_greedy_works_in_every_script(document):
    assert greedy_oracle(document, document[1:2]) == [1]
    assert labels(document, document[1:2])[1] == 1


def test_exhaustive_is_the_best_and_at_least_greedy():
    generator = random.Random(1)
    better = 0
    for _ in range(100):
        document = [" ".join(generator.choices("abcdefghij", k=5)) for _ in range(6)]
        summary = [" ".join(generator.choices("abcdefghij", k=8))]

        best = exhaustive_oracle(document, summary, 2)
        greedy = sorted(greedy_oracle(document, summary, 2))
        tries = [e for n in (1, 2) for e in itertools.combinations(range(6), n)]
        assert unions(document, summary, best) == max(unions(document, summary, e) for e in tries)
        assert unions(document, summary, best) >= unions(document, summary, greedy) - 1e-12
        better += best != greedy
    assert better  # greedy is not always right: otherwise this test compares nothing


def unions(document, summary, extract):
    reference = tokenize(" ".join(summary))
    total = 0.0
    for n in (1, 2):
        gold = set(zip(*(reference[i:] for i in range(n))))
        held = set()
        for i in extract:
            tokens = tokenize(document[i])
            held |= set(zip(*(tokens[j:] for j in range(n))))
        total += 2 * len(held & gold) / max(len(held) + len(gold), 1)
    return total


def test_exhaustive_refuses_what_would_take_forever():
    with pytest.raises(ValueError, match="extracts of 200 sentences to try"):
        exhaustive_oracle(["a b"] * 200, ["a"], 3)


def test_a_ceiling_looks_at_every_reference():
    document, references = ["The ferry sank.", "It rained all day."], [["A boat."], ["It rained all day."]]
    assert greedy_oracle(document, references[0], 1) == []
    assert ceiling(document, references, 1) == [1]
    assert ceiling(document, references[::-1], 1) == [1]
    assert ceiling(document, [["x"]], 1) == []


def test_nothing_shared_gives_no_labels():
    assert greedy_oracle(["a b", "c"], ["x y"]) == exhaustive_oracle(["a b", "c"], ["x y"]) == []
    assert labels([], ["x"]) == sentence_scores([], ["x"]) == []


def test_sentence_scores_by_pencil():
    # "a b" against "a b c": unigrams 2·2/5, bigrams 2·1/3; their mean
    assert sentence_scores(["a b", "x"], ["a b c"]) == pytest.approx([(4 / 5 + 2 / 3) / 2, 0.0])


# baselines


def test_baselines_give_sorted_indices_and_survive_short_documents():
    # The third sentence shares two words with each of the first two, the last none with any.
    document = ["Red foxes run.", "Blue whales swim.", "Red whales swim and run.", "Trees stand."]
    assert lead(document, 2) == [0, 1]
    assert textrank(document, 1) == [2]
    assert random_sentences(document, 2, "id") == random_sentences(document, 2, "id")
    for choose in (lead, random_sentences, textrank):
        assert choose(document, 99) == [0, 1, 2, 3]
        assert choose(["one"], 3) == [0]
        assert choose([], 3) == []


def test_centrality_by_pencil():
    # Stems {red, fox, run}, {blue, whale, swim}, {red, whale, swim, and, run}: 2·2/8 of the third with each.
    document = ["Red foxes run.", "Blue whales swim.", "Red whales swim and run.", "…"]
    assert centrality(document) == pytest.approx([0.5 / 3, 0.5 / 3, 1 / 3, 0])
    assert (centrality(["one"]), centrality([])) == ([0.0], [])


# selection


def test_top_k_in_document_order_and_ties_to_the_earlier():
    assert select(["a", "b", "c", "d"], [0.1, 0.9, 0.9, 0.95], k=2) == [1, 3]


def test_trigram_blocking_skips_what_repeats_three_words():
    sentences = ["the night ferry stays", "they keep the night ferry stays too", "fares rise"]
    assert select(sentences, [3, 2, 1], k=2) == [0, 2]
    assert select(sentences, [3, 2, 1], k=2, block_trigrams=False) == [0, 1]


def test_word_budget_and_threshold_keep_the_best_in_any_case():
    sentences = ["one two three four", "one two", "three"]
    assert select(sentences, [3, 2, 1], k=3, words=5) == [0, 2]
    assert select(sentences, [3, 2, 1], k=3, words=1) == [0]
    assert select(sentences, [0.3, 0.2, 0.1], k=3, threshold=0.5) == [0, 1]
    assert select(sentences, [0.3, 0.2, 0.1], k=3, threshold=1) == [0]
    assert select(sentences, [0.3, 0.2, 0.1], k=3, threshold=0) == [0, 1, 2]
    with pytest.raises(ValueError, match="share of the best sentence's score, between 0 and 1, got 2"):
        select(sentences, [0.3, 0.2, 0.1], threshold=2)


def test_what_most_sentences_share_is_no_repetition_but_the_same_sentence_is():
    talk = [f"Dr. Anna Meier: {words}" for words in ("we meet at noon", "we leave at six", "bring a map")]
    assert select(talk, [3, 2, 1], k=3) == [0, 1, 2]
    log = [f"2024-05-0{day} the {name} was moved" for day, name in enumerate(("ferry", "bus", "tram", "train"), 1)]
    assert select(log, [4, 3, 2, 1], k=4) == [0, 1, 2, 3]
    assert select(["the same again"] * 5, [1] * 5, k=3) == [0]
    assert select(["😀", "😀", "yes", "Yes."], [4, 3, 2, 1], k=4) == [0, 1, 2]


def test_in_scripts_without_spaces_a_repetition_is_longer():
    sentences = ["市议会投票保留夜班渡轮。", "居民欢迎市议会的决定。", "他们说市议会投票保留夜班渡轮是好事。"]
    assert select(sentences, [3, 2, 1], k=3) == [0, 1]


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k):
    with pytest.raises(ValueError, match=f"must be at least 1, got {k}"):
        select(["a"], [1.0], k=k)


def test_k_beyond_the_document_gives_all_and_wrong_scores_are_refused():
    assert select(["a", "b"], [1, 2], k=10_000) == [0, 1]
    assert select([], [], k=3) == []
    with pytest.raises(ValueError, match="1 scores for 2 sentences"):
        select(["a", "b"], [1])
    with pytest.raises(ValueError, match="word budget"):
        select(["a"], [1], words=0)
