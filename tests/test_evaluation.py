"""evaluation: predictions are written once, and the tests of significance hold what they promise."""

import json

import numpy as np
import pytest
from conftest import ROOT
from scipy import stats

import bertsum_lite
from bertsum_lite.evaluation import (
    PREDICTIONS,
    evaluate,
    paired_bootstrap,
    paired_permutation,
    print_table,
    read_predictions,
    write_predictions,
)
from bertsum_lite.rouge import corpus_rouge


def first_sentence(records):
    return [record["document"][:1] for record in records]


def pair(seed, n=60, gain=1.0):
    """Scores of two systems that suffer from the same hard documents."""
    generator = np.random.default_rng(seed)
    hard = generator.gamma(4, 8, n)
    return hard + generator.normal(gain, 5, n), hard + generator.normal(0, 5, n)


# predictions


def test_every_system_is_asked_once_and_scored_as_often_as_wanted(tmp_path, records):
    asked = []

    def system(rows):
        asked.append(len(rows))
        return first_sentence(rows)

    corpora = {"a": records[:10], "b": records[10:]}
    once = evaluate({"first": system}, corpora, tmp_path)
    again = evaluate({"first": system}, corpora, tmp_path)
    by_file = evaluate({"first": None}, corpora, tmp_path)
    assert asked == [10, 30]
    assert once["b"]["first"].mean == again["b"]["first"].mean == by_file["b"]["first"].mean
    expected = corpus_rouge(first_sentence(records[:10]), [[r["summary"]] for r in records[:10]])
    assert once["a"]["first"].mean == expected.mean


def test_the_file_is_one_line_a_document_with_its_id(tmp_path, records):
    evaluate({"first": first_sentence}, {"a": records}, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "a" / "first" / PREDICTIONS).read_text("utf-8").splitlines()]
    assert [(row["id"], row["summary"]) for row in rows] == [(r["id"], r["document"][:1]) for r in records]


def test_every_script_and_every_kind_of_line_break_comes_back(tmp_path):
    records = [{"id": "1", "document": ["渡轮停运。", "a\u2028b\x85c"], "summary": ["渡轮。"]}]
    write_predictions(tmp_path / "p", records, [["渡轮停运。", "a\u2028b\x85c\ud800"]])
    assert read_predictions(tmp_path / "p", records) == [["渡轮停运。", "a b c\ufffd"]]


def test_records_in_another_order_get_their_own_predictions(tmp_path, records):
    write_predictions(tmp_path / "p", records, first_sentence(records))
    assert read_predictions(tmp_path / "p", records[::-1]) == first_sentence(records[::-1])


def test_a_system_that_fails_leaves_nothing_behind(tmp_path, records):
    def system(rows):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        evaluate({"first": system}, {"a": records}, tmp_path)
    assert not list(tmp_path.rglob("*.jsonl"))
    assert evaluate({"first": first_sentence}, {"a": records}, tmp_path)["a"]["first"].n == 40


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (lambda rows: first_sentence(rows)[1:], "39 summaries for 40 documents; want one each, in order"),
        (lambda rows: [r["document"][0] for r in rows], "summary of '0' must be a list of sentences, got 'The harbour"),
        (None, "is not there: give evaluate the system that writes it"),
    ],
)
def test_a_wrong_answer_says_what_to_do(tmp_path, records, system, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        evaluate({"first": system}, {"a": records}, tmp_path)
    assert not list(tmp_path.rglob("*.jsonl"))


def test_predictions_for_other_documents_are_refused(tmp_path, records):
    evaluate({"first": first_sentence}, {"a": records[:10]}, tmp_path)
    renamed = [*records[:9], {**records[9], "id": "new"}]
    with pytest.raises(ValueError, match=r"no summary of 'new' \(1 missing\); give evaluate another folder"):
        evaluate({"first": None}, {"a": renamed}, tmp_path)
    with pytest.raises(ValueError, match="10 summaries for 11 documents"):
        evaluate({"first": None}, {"a": records[:11]}, tmp_path)
    same_ids = [{**new, "id": old["id"]} for old, new in zip(records[:10], records[10:])]
    with pytest.raises(ValueError, match=r"written for another text of '0' \(10 differ\)"):
        evaluate({"first": None}, {"a": same_ids}, tmp_path)


def test_a_damaged_file_is_named(tmp_path, records):
    evaluate({"first": first_sentence}, {"a": records}, tmp_path)
    file = tmp_path / "a" / "first" / PREDICTIONS
    file.write_text(file.read_text("utf-8").replace("quiet", "loud", 1), "utf-8")
    with pytest.raises(ValueError, match=r"predictions\.jsonl is damaged"):
        evaluate({"first": first_sentence}, {"a": records}, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [], "corpus 'a' is empty"),
        (lambda rows: [rows[0], {**rows[1], "id": None}], "document 2 has no 'id'"),
        (lambda rows: [rows[0], rows[0]], "the id '0' occurs more than once"),
    ],
)
def test_records_that_cannot_be_told_apart_are_refused(tmp_path, records, change, message):
    with pytest.raises(ValueError, match=message):
        evaluate({"first": first_sentence}, {"a": change(records)}, tmp_path)


@pytest.mark.parametrize("name", ["", "../up", "a/b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path, records, name):
    with pytest.raises(ValueError, match="becomes the name of a folder"):
        evaluate({name: first_sentence}, {"a": records}, tmp_path)


def test_the_table_has_a_system_a_row_and_a_corpus_a_column(tmp_path, records, capsys):
    table = evaluate({"first": first_sentence}, {"a": records[:10], "b": records[10:]}, tmp_path)
    table["b"]["late"] = table["b"]["first"]
    print_table(table, ["rouge1"])
    head, sizes, first, late = capsys.readouterr().out.splitlines()
    assert (head.split(), sizes.split()) == (["a", "b"], ["n=10", "n=30"])
    assert first.split() == ["first", *(f"{table[corpus]['first'].mean['rouge1']:.2f}" for corpus in "ab")]
    assert late.split()[:2] == ["late", "–"]
    assert len(head) == len(sizes) == len(first) == len(late)


# significance


@pytest.mark.parametrize(("seed", "gain"), [(1, 0.0), (2, 1.0), (3, 2.0)])
def test_the_permutation_test_is_scipy_s(seed, gain):
    a, b = pair(seed, gain=gain)
    theirs = stats.permutation_test(
        (a, b),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        batch=1000,
        random_state=0,
    ).pvalue
    p = paired_permutation(a, b, resamples=20_000)
    # Theirs is twice the smaller tail, ours counts both tails: two draws of 20,000 with these two variances.
    variance = (p * (1 - p) + 4 * (p / 2) * (1 - p / 2)) / 20_000
    assert abs(p - theirs) < 3 * variance**0.5 + 1e-4


def test_the_permutation_test_counts_all_flips_of_few_documents():
    a, b = np.array([3.0, 1.0, 2.0, 0.1]), np.array([0.0, 0.0, 0.0, 0.4])
    exact = stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert exact == 4 / 16  # 3 + 1 + 2 − 0.3 and 3 + 1 + 2 + 0.3, and both turned round
    assert paired_permutation(a, b, resamples=50_000) == pytest.approx(exact, abs=0.01)


def test_equal_sums_count_as_equal_whatever_the_rounding():
    a = np.array([0.1, 0.2, 0.3] * 5)
    assert paired_permutation(a, -a, resamples=999) < 0.01
    assert paired_permutation(a, a, resamples=99) == 1.0


@pytest.mark.parametrize("seed", [1, 2])
def test_the_interval_is_scipy_s(seed):
    a, b = pair(seed)
    theirs = stats.bootstrap(
        (a - b,), np.mean, n_resamples=10_000, method="percentile", random_state=1, batch=1000
    ).confidence_interval
    mean, low, high = paired_bootstrap(a, b)
    assert mean == pytest.approx((a - b).mean())
    assert [low, high] == pytest.approx([theirs.low, theirs.high], abs=0.05 * (high - low))


def test_equal_systems_are_called_different_in_five_comparisons_of_a_hundred():
    """1,000 null comparisons of 50 documents: the scores are skewed and share the documents' difficulty."""
    generator = np.random.default_rng(0)
    found = 0
    for seed in range(1000):
        hard = generator.gamma(4, 8, 50)
        a, b = hard + generator.exponential(6, 50), hard + generator.exponential(6, 50)
        found += paired_permutation(a, b, resamples=999, seed=seed) <= 0.05
    assert 35 <= found <= 65


def test_a_p_value_is_never_zero_and_the_seed_decides():
    a, b = pair(0, gain=20)
    assert paired_permutation(a, b, resamples=999) == 1 / 1000
    c, d = pair(4)
    assert paired_permutation(c, d, seed=1) == paired_permutation(c, d, seed=1) != paired_permutation(c, d, seed=2)
    assert paired_bootstrap(c, d, seed=1) == paired_bootstrap(c, d, seed=1) != paired_bootstrap(c, d, seed=2)


@pytest.mark.parametrize("compare", [paired_permutation, paired_bootstrap])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1.0, 2.0], [1.0], r"one a document, of 2 documents or more; got \(2,\), \(1,\)"),
        (np.ones((4, 3)), np.ones((4, 3)), r"one a document.*got \(4, 3\)"),
        ([], [], r"of 2 documents or more; got \(0,\)"),
        ([1.0, 2.0, float("nan")], [1.0, 2.0, 3.0], "document 3 has a score that is not a number"),
    ],
)
def test_scores_that_cannot_be_paired_are_refused(compare, a, b, message):
    with pytest.raises(ValueError, match=message):
        compare(a, b)


# the house


def test_public_names_are_there_and_lower_modules_do_not_import_this_one():
    assert bertsum_lite.evaluate is evaluate
    assert bertsum_lite.paired_permutation is paired_permutation
    assert bertsum_lite.paired_bootstrap is paired_bootstrap
    users = [
        file.name for file in (ROOT / "bertsum_lite").glob("*.py") if "evaluation import" in file.read_text("utf-8")
    ]
    assert set(users) <= {"cli.py"}
