"""The bundled corpora: harbour's gates, tinynews's grammar, its generator and its checker."""

import random
import re
from collections import Counter, defaultdict
from itertools import combinations

import pytest

from bertsum_lite import grammar, tinynews
from bertsum_lite.backbone import load_backbone
from bertsum_lite.baselines import lead, random_sentences
from bertsum_lite.corpus import describe, load_corpus, novel_bigrams, references, stream_corpus
from bertsum_lite.oracle import greedy_oracle, ngrams
from bertsum_lite.rouge import corpus_rouge
from bertsum_lite.selection import typical_length

# harbour ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def harbour():
    return {split: load_corpus("harbour", split).to_list() for split in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def documents(harbour):
    return [record for records in harbour.values() for record in records]


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower().replace("'", "").replace("’", ""))


def test_harbour_form(harbour, documents):
    assert {split: len(records) for split, records in harbour.items()} == {"train": 240, "validation": 40, "test": 80}
    assert Counter(record["domain"] for record in documents) == {"news": 240, "thread": 60, "abstract": 60}
    assert len({record["id"] for record in documents}) == len({record["title"] for record in documents}) == 360
    for record in documents:
        low, high = {"news": (12, 26), "thread": (8, 40), "abstract": (7, 12)}[record["domain"]]
        assert low <= len(record["document"]) <= high, record["id"]
        assert len(record["summary"]) in ((1,) if record["domain"] == "abstract" else (2, 3)), record["id"]
        assert all(s == s.strip() and s for s in record["document"] + record["summary"]), record["id"]
    for record in harbour["validation"] + harbour["test"]:
        first, second = record["references"]
        assert first == record["summary"] != second, record["id"]


def test_harbour_zh():
    records = [record for split in ("train", "test") for record in load_corpus("harbour-zh", split).to_list()]
    assert Counter(record["domain"] for record in records) == {"news": 24, "thread": 8, "abstract": 8}
    assert len({record["id"] for record in records}) == len({record["title"] for record in records}) == 40
    holders = defaultdict(set)
    for record in records:
        assert record["language"] == "zh"
        text, summary = "".join(record["document"]), "".join(record["summary"])
        assert 7 <= len(record["document"]) <= 22, record["id"]
        assert 40 <= len(summary) <= 90, record["id"]
        assert set(re.findall(r"\d[\d.,]*", summary)) <= set(re.findall(r"\d[\d.,]*", text)), record["id"]
        assert 0.3 < novel_bigrams(record["document"], record["summary"]) < 0.7, record["id"]
        for gram in ngrams(text, 12):
            holders[gram].add(record["id"])
    assert all(len(ids) == 1 for ids in holders.values())
    assert typical_length(records) == 2, "counted by character: by blanks it would be 1"


def test_harbour_documents_share_no_phrases(documents):
    six, four = defaultdict(set), defaultdict(set)
    sizes = []
    for number, record in enumerate(documents):
        tokens = words(" ".join(record["document"]))
        for gram in ngrams(tokens, 6):
            six[gram].add(number)
        grams = ngrams(tokens, 4)
        sizes.append(len(grams))
        for gram in grams:
            four[gram].add(number)
    assert sum(len(holders) > 1 for holders in six.values()) <= 20
    shared = Counter(pair for holders in four.values() for pair in combinations(sorted(holders), 2))
    assert max(n / (sizes[a] + sizes[b] - n) for (a, b), n in shared.items()) < 0.02


def test_harbour_language(documents):
    assert len({word for record in documents for word in words(" ".join(record["document"]))}) >= 10_500
    novel = [novel_bigrams(record["document"], record["summary"]) for record in documents]
    assert 0.45 <= sum(novel) / len(novel) <= 0.80
    for record in documents:
        if record["domain"] == "news":
            assert 5 <= len(words(" ".join(record["document"]))) / len(words(" ".join(record["summary"]))) <= 12


def test_harbour_summaries_name_nothing_their_document_lacks(documents):
    for record in documents:
        text = " ".join(record["document"])
        for sentence in (sentence for reference in references(record) for sentence in reference):
            for number in re.findall(r"\d[\d,.]*\d|\d", sentence):
                assert number in text, (record["id"], number)
            for word in re.findall(r"[^\W\d_][\w'’-]*", sentence)[1:]:
                assert not word[0].isupper() or re.sub(r"['’]s$", "", word) in text, (record["id"], word)


def test_harbour_can_be_learnt_and_lead_does_not_solve_it(documents):
    def rouge1(records, choose):
        chosen = [[record["document"][i] for i in choose(record)] for record in records]
        return corpus_rouge(chosen, [[record["summary"]] for record in records]).mean["rouge1"]

    def oracle(record):
        return sorted(greedy_oracle(record["document"], record["summary"], 3))

    assert 45 <= rouge1(documents, oracle) <= 62
    news = [record for record in documents if record["domain"] == "news"]
    lead3 = rouge1(news, lambda record: lead(record["document"], 3))
    assert rouge1(news, lambda r: random_sentences(r["document"], 3, r["id"])) < lead3 < rouge1(news, oracle) - 6


# describe ---------------------------------------------------------------------------------------


def test_describe_counts_what_a_pencil_counts(tmp_path, capsys):
    (tmp_path / "test.jsonl").write_text(
        '{"document": ["a b c d", "e f"], "summary": ["a b x"], "domain": "one"}\n'
        '{"document": ["a b c d e f g h"], "summary": ["b c d e"], "domain": "two"}\n'
    )
    whole, one, two = describe(tmp_path, k=1)
    assert (one["documents"], one["sentences"], one["words"], one["summary"], one["compression"]) == (1, 2, 6, 3, 2)
    assert (one["novel %"], two["novel %"], whole["novel %"]) == (50, 0, 25)
    assert two["lead"]["rouge1"] == pytest.approx(100 * 2 * 4 / (8 + 4)) == two["oracle"]["rouge1"]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5
    assert printed[2].split()[:3] == ["all", "2", "1.5"]


def test_describe_reproduces_the_published_figures(real_data, capsys):
    (row,) = describe(real_data / "scitldr", "validation", k=1)
    assert row["documents"] == 619
    assert [round(row[name]) for name in ("sentences", "words", "summary")] == [7, 159, 19]
    expected = {"rouge1": 30.11, "rouge2": 10.62, "rougeLsum": 23.02}
    assert row["lead"] == pytest.approx(expected, abs=0.02)  # our tokenizer keeps letters that rouge-score drops
    (row,) = describe(real_data / "cnndm_realsumm100", "test", k=3)
    assert [round(row[name]) for name in ("documents", "sentences", "words", "summary")] == [100, 33, 745, 56]


# tinynews: the grammar --------------------------------------------------------------------------

EVENTS = sorted(grammar.events())
CONFUSABLE = ("person", "town", "company", "team", "number")


def test_there_are_enough_event_types():
    assert len(EVENTS) >= 24


@pytest.fixture(scope="module")
def tokenizer():
    return load_backbone()[1]


@pytest.mark.parametrize("name", EVENTS)
def test_every_story_has_its_size_and_its_traps(name, tokenizer):
    event = grammar.events()[name]
    records = [tinynews.write(event, random.Random(f"size {i}").random, i % 4 == 0) for i in range(300)]
    for record in records:
        assert 6 <= len(record["document"]) <= 14
        assert len(record["summary"]) == 1
        text = " ".join(record["document"] + record["summary"])
        assert not re.search(r"  | [,.;]|[{}]|\.\.|\ban? (an?|the)\b", text), text
    pieces = [
        len(ids) for ids in tokenizer([" ".join(r["document"]) for r in records], add_special_tokens=False)["input_ids"]
    ]
    assert 90 <= min(pieces) <= max(pieces) <= 180
    assert sum(novel_bigrams(r["document"], r["summary"]) for r in records) / len(records) >= 0.4
    families = Counter(kind.family for kind in event.kinds.values())
    for slot in event.asked:
        family = event.kinds[slot].family
        assert family not in CONFUSABLE or families[family] > 1, f"nothing to confuse {slot} with"


@pytest.mark.parametrize("name", EVENTS)
def test_every_asked_fact_is_told(name):
    event = grammar.events()[name]
    for i in range(300):
        record = tinynews.write(event, random.Random(f"told {i}").random)
        text = f" {grammar.normalize(' '.join(record['document']))} "
        for slot in record["facts"]["slots"]:
            if slot["name"] in event.asked:
                forms = tinynews._forms(event, slot["name"], slot["value"])
                assert any(f" {form} " in text for form in forms), (slot, record["document"])


TOY = """
summary = ["{who} goes to {place} with {n:cat|cats}.", "{n:cat|cats} go to {place} with {who:last}."]
[facts]
who = "person"
place = "town"
n = "1-3"
[facts.why]
rain = ["wet roads", "a wet day"]
[story]
first = [["{who} is off to {place} and {who:he} takes {n:words cat|cats}."]]
middle = [["It is {why:told}.", "The paper had forecast {why:told}."], ["{who:last} waves."]]
"""


def toy(tmp_path, text=TOY):
    file = tmp_path / "toy.toml"
    file.write_text(text, encoding="utf-8")
    return grammar.read_event(file)


def test_a_new_event_type_is_one_file_and_reads_the_same_everywhere(tmp_path):
    event = toy(tmp_path)
    assert event.asked == ("who", "place", "n")
    # names.toml may grow; what random.random gives may not change
    text = TOY.replace('"person"', '["Ann Lee", "Bo Oz", "Cy Poe"]').replace('"town"', '["Ayr", "Bath", "Cork"]')
    event = toy(tmp_path, text.replace("{who:he}", "now"))
    stories = [tinynews.write(event, random.Random(f"golden {i}").random) for i in range(2)]
    assert [story["document"][1:] + story["summary"] for story in stories] == [
        ["It is a wet day.", "Poe waves.", "Three cats go to Bath with Poe."],
        ["Poe waves.", "The paper had forecast a wet day.", "Cy Poe goes to Bath with three cats."],
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('who = "person"', 'who = "nobody"', "'nobody' is neither a range"),
        ("{n:cat|cats} go to {place} with {who:last}", "{n:cat|cats} go to {place}", "the same facts"),
        ("with {n:cat|cats}.", "with {m:cat|cats}.", "'m' is not there"),
        ("{who:last} waves", "{who:lest} waves", "no form 'lest'"),
        ("takes {n:words cat|cats}", "takes cats", "never tells n"),
        ("[story]", "[story", "line 9"),
        ("[story]", "[stories]", "'story' is not there"),
        ("{who} goes to {place}", "{who}, the {place}", "no word stands between who and place"),
        ("rain = [", '"two rains" = [', "a fact of its own"),
    ],
)
def test_a_broken_grammar_says_what_and_where(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message) as caught:
        toy(tmp_path, TOY.replace(old, new))
    assert "toy.toml" in str(caught.value)


def test_forms():
    name = grammar.Name("hour")
    assert f"{name:a} and {grammar.Name('unit'):a} and {grammar.Name('oven'):a}" == "an hour and a unit and an oven"
    numbers = [grammar.Number(n) for n in (1, 9, 10, 42, 3500)]
    assert [f"{n:cat|cats}" for n in numbers] == ["one cat", "nine cats", "10 cats", "42 cats", "3,500 cats"]
    assert [f"{n:words}" for n in numbers] == ["one", "nine", "ten", "forty-two", "3,500"]


# tinynews: the generator ------------------------------------------------------------------------


def test_size_and_seed():
    five, seven = (list(tinynews.generate(size=n)) for n in (5, 7))
    assert seven[:5] == five
    assert list(tinynews.generate(size=5, seed=1)) != five
    assert load_corpus("tinynews", "validation", size=5).to_list() == list(tinynews.generate("validation", 5))
    assert len(load_corpus("tinynews", "test")) == tinynews.SIZES["test"]
    with pytest.raises(ValueError, match="no split 'dev'; it has train"):
        load_corpus("tinynews", "dev")
    with pytest.raises(ValueError, match="at least 1"):
        load_corpus("tinynews", size=0)


def test_a_stream_gives_the_same_records_and_holds_none():
    assert next(stream_corpus("tinynews", size=10**12)) == next(tinynews.generate())
    for name, size in (("tinynews", 7), ("harbour", 7), ("harbour", None)):
        loaded, streamed = load_corpus(name, "test", size), list(stream_corpus(name, "test", size))
        assert [r["id"] for r in streamed] == loaded["id"][:]
        assert [r["document"] for r in streamed] == loaded["document"][:]
    assert all(len(list(stream_corpus(name, "test", 1))) == 1 for name in ("tinynews", "harbour"))


def test_no_test_document_is_known_from_training():
    train = {(*r["document"], *r["summary"]) for r in tinynews.generate("train")}
    summaries = {r["summary"][0] for r in tinynews.generate("train")}
    test = list(tinynews.generate("test"))
    assert not any((*r["document"], *r["summary"]) in train or r["summary"][0] in summaries for r in test)


def test_held_out_names_never_occur_elsewhere():
    sentences = [
        s for split in ("train", "test") for r in tinynews.generate(split) for s in r["document"] + r["summary"]
    ]
    inside = " ".join(sentence.split(" ", 1)[1] for sentence in sentences)  # the first word is always a capital
    seen = set(re.findall(r"[A-Z]\w+", inside))
    assert set(grammar._proper("surname", False)) <= seen
    for kind in ("woman", "man", "surname", "team"):
        assert not seen & set(grammar._proper(kind, True))
    for name in [*grammar._proper("town", True), *grammar._proper("company", True)]:
        assert name not in inside


# tinynews: the checker --------------------------------------------------------------------------


def draws(number):
    """An event with its facts and one of its summary forms, a different one for each ``number``."""
    event = grammar.events()[EVENTS[number % len(EVENTS)]]
    draw = random.Random(f"check {number}").random
    return event, tinynews.draw_facts(event, draw, number % 5 == 0), grammar.pick(event.summaries, draw), draw


def as_record(event, facts):
    return {"event": event.name, "slots": [{"name": n, "value": str(v)} for n, v in facts.items()]}


def test_no_false_alarm_in_10_000_references():
    for number in range(10_000):
        event, facts, form, _ = draws(number)
        verdicts = tinynews.check([tinynews.render(form, facts)], as_record(event, facts))
        assert set(verdicts) == set(event.asked)
        assert all(v.state == "correct" for v in verdicts.values()), (tinynews.render(form, facts), verdicts)


def corrupt(number):
    """A reference with one fact swapped, invented or left out; and what the checker should say of it."""
    event, facts, form, draw = draws(number)
    slot, how = event.asked[number // 3 % len(event.asked)], ("swapped", "invented", "missing")[number % 3]
    kind = event.kinds[slot]
    if how == "missing":
        return event, facts, slot, tinynews.render(re.sub(rf"{{{slot}[^}}]*}}", "", form), facts), "missing", None
    others = [name for name in facts if name != slot and event.kinds[name].family == kind.family]
    if how == "swapped" and others:
        owner = grammar.pick(others, draw)
        return event, facts, slot, tinynews.render(form, facts | {slot: facts[owner]}), "wrong", owner
    value = kind.make(draw, False)
    while value in facts.values() or any(str(value).split()[-1] == str(v).split()[-1] for v in facts.values()):
        value = kind.make(draw, False)
    return event, facts, slot, tinynews.render(form, facts | {slot: value}), "wrong", None


def test_no_miss_in_10_000_corrupted_summaries():
    for number in range(10_000):
        event, facts, slot, summary, state, owner = corrupt(number)
        verdict = tinynews.check(summary, as_record(event, facts))[slot]
        assert (verdict.state, verdict.owner) == (state, owner), (summary, slot, verdict)


def test_spelling_does_not_matter():
    event, facts = grammar.events()["fire"], None
    facts = tinynews.draw_facts(event, random.Random(3).random)
    form = event.summaries[0]
    plain = tinynews.render(form, facts)
    for other in (
        plain.upper(),
        plain.lower().rstrip("."),
        tinynews.render(re.sub(r"{hurt:", "{hurt:words ", form), facts),
    ):
        assert all(v.state == "correct" for v in tinynews.check(other, as_record(event, facts)).values())


def test_two_names_in_the_wrong_order_are_seen(tmp_path, monkeypatch):
    event = toy(
        tmp_path,
        'summary = ["{a} beats {b}."]\n[facts]\na = "team"\nb = "team"\n[story]\nfirst = [["{a} win, {b} lose."]]',
    )
    monkeypatch.setattr(tinynews, "events", lambda: {"toy": event})
    tinynews._patterns.cache_clear()
    facts = {"event": "toy", "slots": [{"name": "a", "value": "Lions"}, {"name": "b", "value": "Owls"}]}
    verdicts = tinynews.check("Owls beats Lions", facts)
    assert [(v.state, v.owner) for v in verdicts.values()] == [("wrong", "b"), ("wrong", "a")]
    free = tinynews.check("A fine day for the Lions", facts)
    assert [v.state for v in free.values()] == ["correct", "missing"]
    assert tinynews.check("A fine day for the Bears", facts)["a"].state == "wrong"


def test_check_says_which_events_there_are():
    with pytest.raises(ValueError, match="no event type 'wedding'; there are"):
        tinynews.check("x", {"event": "wedding", "slots": []})
