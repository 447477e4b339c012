"""Whatever text comes in: no crash, and nothing lost, from sentences to ROUGE."""

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bertsum_lite.encoding import encode_sentences, windows
from bertsum_lite.oracle import ceiling, labels
from bertsum_lite.rouge import METRICS, rouge
from bertsum_lite.selection import select
from bertsum_lite.sentences import clean, split_sentences

NASTY = st.sampled_from(
    [
        ". ",
        "? ",
        "...",
        "\n",
        "\n\n",
        "\u2028",
        "\u200b",
        "\ud800",
        "\x00",
        "é",
        "e\u0301",
        "渡轮。",
        "हिन्दी।",
        "العربية؟",
        "👩‍👩‍👧",
    ]
    + ["[CLS]", "[SEP]", "<p>", "- item\n", "Anna: yes\n", "Dr. ", "3.5 ", "..[111 111 ", '"Why?" ', "♭", "the same. "]
)
TEXTS = st.lists(st.one_of(NASTY, st.text(max_size=20)), max_size=25).map("".join)


@pytest.fixture(scope="module")
def model(tiny_encoder):
    from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer

    config = ExtractiveConfig(heads=2, intermediate_size=64, inter_sentence_layers=1, window=64)
    return ExtractiveSummarizer.from_encoder(str(tiny_encoder), config, layers=1)


@settings(max_examples=2000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=TEXTS, k=st.integers(1, 5))
def test_split_encode_score_select_rouge(model, text, k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sentence was cut, or that there is markup, is right here
        sentences = split_sentences(text)
        assert "".join("".join(sentences).split()) == "".join(clean(text).split())
        if not sentences:
            with pytest.raises(ValueError, match="empty"):
                model.summarize(text)
            return
        packed = windows(encode_sentences(sentences, model.tokenizer, 64), 64)
        assert packed[-1].start + packed[-1].sentences == len(sentences)
        scored = model.score(text)
        summary = model.summarize(text, k=k)
    assert [s.text for s in scored] == sentences
    assert [clean(text[s.start : s.end]) for s in scored] == sentences
    chosen = select(sentences, [s.score for s in scored], k)
    assert summary == [sentences[i] for i in chosen]
    assert 1 <= len(chosen) <= k
    assert len(labels(sentences, summary)) == len(sentences)
    best = [sentences[i] for i in ceiling(sentences, [summary], k)]
    scores = rouge(best, [summary])
    assert all(0 <= scores[metric] <= 100 + 1e-9 for metric in METRICS)
    assert rouge(summary, [sentences, summary])["rouge1"] == pytest.approx(100) or not any(
        map(str.isalnum, "".join(summary))
    )
