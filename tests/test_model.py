"""layers, encoding, extractive."""

import pytest
import torch
from torch import nn

from bertsum_lite import backbone
from bertsum_lite.encoding import (
    Window,
    collate,
    encode_sentences,
    interval_segments,
    token_batches,
    windows,
)
from bertsum_lite.extractive import ExtractiveConfig
from bertsum_lite.layers import EncoderLayer, MultiHeadAttention, scaled_dot_product_attention, sinusoidal_positions
from bertsum_lite.sentences import clean, split_sentences

# layers


def test_attention_equals_pytorchs_with_and_without_a_mask():
    query, key, value = (torch.randn(2, 3, 5, 8) for _ in range(3))
    mask = torch.rand(2, 1, 5, 5) > 0.3
    mask[..., 0] = True
    for m in (None, mask):
        ours, weights = scaled_dot_product_attention(query, key, value, m)
        torch.testing.assert_close(ours, nn.functional.scaled_dot_product_attention(query, key, value, m))
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5))


def test_a_row_with_everything_hidden_gives_no_nan():
    x = torch.randn(1, 4, 8)
    assert scaled_dot_product_attention(x, x, x, torch.zeros(1, 4, 4, dtype=torch.bool))[0].isfinite().all()


def test_multi_head_attention_equals_pytorchs():
    ours, theirs = MultiHeadAttention(16, 4), nn.MultiheadAttention(16, 4, batch_first=True)
    parts = [ours.query, ours.key, ours.value]
    theirs.in_proj_weight.data = torch.cat([p.weight for p in parts])
    theirs.in_proj_bias.data = torch.cat([p.bias for p in parts])
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    x, real = torch.randn(2, 5, 16), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    expected, _ = theirs(x, x, x, key_padding_mask=~real)
    torch.testing.assert_close(ours(x, real[:, None, None, :]), expected)


def test_an_encoder_layer_equals_pytorchs():
    ours = EncoderLayer(16, 4, 32, dropout=0.0).eval()
    theirs = nn.TransformerEncoderLayer(16, 4, 32, 0.0, nn.functional.gelu, batch_first=True, norm_first=True).eval()
    attention = ours.attention
    parts = [attention.query, attention.key, attention.value]
    theirs.self_attn.in_proj_weight.data = torch.cat([p.weight for p in parts])
    theirs.self_attn.in_proj_bias.data = torch.cat([p.bias for p in parts])
    theirs.self_attn.out_proj.load_state_dict(attention.output.state_dict())
    theirs.linear1.load_state_dict(ours.feed_forward[0].state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward[3].state_dict())
    x = torch.randn(2, 5, 16)
    torch.testing.assert_close(ours(x), theirs(x))


def test_positions_by_pencil_and_heads_that_do_not_divide():
    positions = sinusoidal_positions(3, 4)
    expected = torch.tensor([2.0, 2.0, 0.02, 0.02]).mul(torch.tensor([1, 1, 1, 1]))
    torch.testing.assert_close(
        positions[2], torch.stack([expected[0].sin(), expected[1].cos(), expected[2].sin(), expected[3].cos()])
    )
    with pytest.raises(ValueError, match="3 heads do not divide"):
        MultiHeadAttention(16, 3)


# encoding


@pytest.fixture(scope="module")
def tokenizer():
    return backbone.load_backbone()[1]


def test_each_sentence_is_wrapped_and_typed_markup_is_text(tokenizer):
    pieces = encode_sentences(["One.", "Say [CLS] [SEP] [unused0] [PAD] [MASK]."], tokenizer, 512)
    assert pieces[0] == [101, 2028, 1012, 102]
    assert (pieces[1][0], pieces[1][-1]) == (101, 102)
    assert not {101, 102, 0, 103, 1} & set(pieces[1][1:-1])


@pytest.mark.parametrize("text", ["😀😀", "渡轮停运。", "توقفت العبارة", "a\x00\x07b", "x\ud800y", "\u200b", "…"])
def test_any_text_is_encoded(tokenizer, text):
    pieces = encode_sentences([text, "A word."], tokenizer, 512)
    assert len(pieces) == 2
    assert all(p[0] == 101 and p[-1] == 102 for p in pieces)


def test_empty_documents_are_refused(tokenizer):
    for document in ([], ["", " \t "]):
        with pytest.raises(ValueError, match="no sentence of it has any text"):
            encode_sentences(document, tokenizer, 512)


def test_a_sentence_longer_than_the_window_is_cut_and_said_once(tokenizer):
    with pytest.warns(UserWarning, match="a sentence of 10000 tokens .* was cut to 510") as caught:
        pieces = encode_sentences(["word " * 10_000, "word " * 600, "short"], tokenizer, 512)
    assert len(caught) == 1
    assert list(map(len, pieces)) == [512, 512, 3]


def test_windows_hold_whole_sentences_cover_all_and_overlap():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        pieces = [[101, *[7] * int(torch.randint(0, 60, (), generator=generator)), 102] for _ in range(40)]
        packed = windows(pieces, 128)
        seen = set()
        for window in packed:
            rebuilt = [[] for _ in range(window.sentences)]
            for token, i in zip(window.input_ids, window.sentence_ids):
                rebuilt[i].append(token)
            assert rebuilt == pieces[window.start : window.start + window.sentences]
            assert len(window) <= 128
            seen |= set(range(window.start, window.start + window.sentences))
        assert seen == set(range(40))
        assert [w.start for w in packed] == sorted({w.start for w in packed})
    assert len(windows(pieces[:2], 128)) == 1
    assert len(windows([[1] * 128] * 5, 128)) == 5


def test_windows_repeat_about_a_quarter():
    packed = windows([[1] * 10] * 100, 100)
    assert packed[1].start == 8  # two sentences of ten tokens: at most a quarter of the window
    assert sum(map(len, packed)) < 1.35 * 1000


def test_interval_segments_alternate_and_padding_is_zero():
    assert interval_segments(torch.tensor([[0, 0, 1, 1, 2, -1]])).tolist() == [[0, 0, 1, 1, 0, 0]]


def test_a_sentence_that_fits_no_window_is_refused():
    with pytest.raises(ValueError, match="a sentence of 6 tokens fits no window of 5"):
        windows([[1, 2], [1] * 6], 5)
    assert windows([], 5) == []


def test_collate_pads_tokens_sentences_and_labels():
    batch = collate([Window([5, 6, 7], [0, 0, 1], labels=[1.0, 0.0]), Window([8], [0], labels=[1.0])], pad_token_id=9)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch["sentence_ids"].tolist() == [[0, 0, 1], [0, -1, -1]]
    assert batch["labels"].tolist() == [[1, 0], [1, 0]]
    assert "labels" not in collate([Window([5], [0])])


def test_batches_hold_the_budget_use_everything_once_and_isolate_giants():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(20, 500, (300,), generator=generator).tolist() + [9000]
    batches = token_batches(lengths, 2048)
    assert sorted(i for batch in batches for i in batch) == list(range(301))
    assert [300] in batches
    padded = [max(lengths[i] for i in batch) * len(batch) for batch in batches]
    assert all(size <= 2048 for size in padded if size != 9000)
    assert sum(lengths) / sum(padded) > 0.95


# extractive


def test_padding_changes_nothing(tiny):
    model = tiny().eval()
    short, long = Window([101, 7, 102], [0, 0, 0]), Window([101, 8, 102] * 5, [i for i in range(5) for _ in range(3)])
    alone = model(**collate([short])).logits
    together = model(**collate([short, long])).logits
    torch.testing.assert_close(alone[0, 0], together[0, 0])


@pytest.mark.parametrize("vector", ["cls", "mean"])
def test_sentence_vectors_are_what_they_are_called(tiny, vector):
    model = tiny(sentence_vector=vector).eval()
    ids, sentence_ids = torch.tensor([[101, 7, 102, 101, 8, 9, 102]]), torch.tensor([[0, 0, 0, 1, 1, 1, 1]])
    hidden = model.encoder(ids, token_type_ids=sentence_ids).last_hidden_state[0]
    expected = hidden[[0, 3]] if vector == "cls" else torch.stack([hidden[:3].mean(0), hidden[3:].mean(0)])
    vectors, mask = model.sentence_vectors(ids, sentence_ids)
    torch.testing.assert_close(vectors[0], expected)
    assert mask.tolist() == [[True, True]]


def test_interval_segments_matter_only_when_on(tiny):
    ids, sentence_ids = torch.tensor([[101, 7, 102, 101, 8, 102]]), torch.tensor([[0, 0, 0, 1, 1, 1]])
    on, off = tiny().eval(), tiny(interval_segments=False).eval()
    assert not torch.allclose(on(ids, sentence_ids).logits, off(ids, sentence_ids).logits)
    for model in (on, off):
        with torch.no_grad():
            table = model.encoder.embeddings.token_type_embeddings.weight
            table[1] = table[0]
    torch.testing.assert_close(on(ids, sentence_ids).logits, off(ids, sentence_ids).logits)


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_inter_sentence_layers_let_sentences_see_each_other_after_the_encoder(tiny, layers):
    model = tiny(inter_sentence_layers=layers)
    assert len(model.layers) == layers
    assert model(torch.tensor([[101, 7, 102]]), torch.tensor([[0, 0, 0]])).logits.shape == (1, 1)


def test_binary_loss_by_pencil(tiny):
    model = tiny(loss="bce")
    logits, mask = torch.tensor([[0.0, 0.0, 9.0]]), torch.tensor([[True, True, False]])
    loss = model.loss(logits, torch.tensor([[1.0, 0.0, 1.0]]), mask)
    torch.testing.assert_close(loss, torch.tensor(2.0).log() * 2)  # log 2 a real sentence, summed


def test_listwise_loss_by_pencil(tiny):
    model = tiny(loss="listwise", label_temperature=1.0)
    logits, mask = torch.tensor([[0.0, 0.0, 9.0]]), torch.tensor([[True, True, False]])
    loss = model.loss(logits, torch.tensor([[0.7, 0.1, 5.0]]), mask)
    torch.testing.assert_close(loss, torch.tensor(2.0).log())  # any targets against even logits: log 2


def test_the_papers_configuration(tiny):
    config = ExtractiveConfig.paper()
    assert (config.sentence_vector, config.loss, config.inter_sentence_layers) == ("cls", "bce", 2)
    assert config.interval_segments
    assert ExtractiveConfig.paper(k=1).k == 1
    with pytest.raises(ValueError, match="sentence_vector must be"):
        ExtractiveConfig(sentence_vector="max")
    with pytest.raises(ValueError, match="loss must be"):
        ExtractiveConfig(loss="hinge")


def test_a_window_beyond_the_encoders_positions_is_refused(tiny):
    with pytest.raises(ValueError, match="window 1024 is more than the 512 positions"):
        tiny(window=1024)


def test_examples_carry_labels_of_the_first_window(tiny, records):
    hard = tiny(loss="bce").examples(records)
    assert all(set(w.labels) <= {0.0, 1.0} and sum(w.labels) for w in hard)
    model = tiny(window=40)
    examples, all_windows = model.examples(records), model.examples(records, all_windows=True)
    assert len(examples) == len(records) < len(all_windows)
    assert all(len(w.labels) == w.sentences for w in all_windows)
    assert {w.start for w in examples} == {0}


def test_no_examples_says_why(tiny):
    with pytest.raises(ValueError, match="no training example came out of 1 documents"):
        tiny().examples([{"id": "1", "document": ["a b", "c"], "summary": ["x y"]}])


def test_documents_of_one_sentence_are_named(tiny, records):
    whole = [{"id": f"w{i}", "document": ["A whole article. In one piece."], "summary": ["Article."]} for i in range(2)]
    with pytest.warns(UserWarning, match=r"2 of 42 documents .* \(the first: w0\).* must be a string") as caught:
        assert len(tiny().examples([*records, *whole])) == len(records) + 2
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="one sentence"), pytest.raises(ValueError, match="came out of 2 documents"):
        tiny().examples(whole)


@pytest.mark.parametrize("loss", ["bce", "listwise"])
def test_order_is_restored_and_every_sentence_scored(tiny, records, loss):
    model = tiny(loss=loss)
    documents = [record["document"] * (1 + i % 7) for i, record in enumerate(records)]
    together = model.score_documents(documents, tokens_per_batch=300)
    assert list(map(len, together)) == list(map(len, documents))
    for document, scores in list(zip(documents, together))[::9]:
        assert model.score_documents([document])[0] == pytest.approx(scores, abs=1e-5)
    if loss == "listwise":
        assert sum(together[0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("loss", ["bce", "listwise"])
def test_centrality_is_added_to_the_logits(tiny, loss):
    document = ["Red foxes run.", "Red whales swim and run.", "Trees stand."]
    model = tiny(loss=loss)
    without = torch.tensor(model.score_documents([document])[0])
    model.config.centrality = 4.0
    scores = torch.tensor(model.score_documents([document])[0])
    expected = without.logit() if loss == "bce" else without.log()
    expected = expected + 4 * torch.tensor([0.25, 0.25, 0.0])  # 2·2/8, halved: two others
    expected = expected.sigmoid() if loss == "bce" else expected.softmax(dim=-1)
    torch.testing.assert_close(scores, expected)


@pytest.mark.parametrize("weight", [0.0, 4.0])
def test_five_thousand_sentences(tiny, weight):
    document = [f"Sentence number {i}." for i in range(5000)]
    model = tiny(centrality=weight)
    assert len(model.summarize(document, k=5)) == 5
    assert len(model.score_documents([document])[0]) == 5000


def test_summarize_takes_raw_text_and_returns_its_sentences(tiny):
    model = tiny(k=2)
    text = "The ferry stopped. A storm came. Nobody was hurt. It sails again on Monday."
    summary = model.summarize(text, block_trigrams=False)
    assert len(summary) == 2
    assert all(sentence in text for sentence in summary)
    assert model.summarize("Only one.") == ["Only one."]
    assert model.summarize(text, k=10_000, block_trigrams=False) == text.replace(". ", ".|").split("|")
    assert len(" ".join(model.summarize(text, words=6)).split()) <= 6


def test_many_texts_are_summarized_in_order_and_a_list_of_texts_is_no_document(tiny):
    model = tiny(k=1)
    texts = ["A ferry sank. Nobody was hurt.", "It rained. The market closed. Fares rose."]
    assert model.summarize_many(texts) == [model.summarize(text) for text in texts]
    assert model.summarize_many([]) == []
    with pytest.raises(TypeError, match=r"2 strings that hold 5 sentences .* summarize_many\(texts\)"):
        model.summarize(texts)
    with pytest.raises(ValueError, match="text 2: the text is empty"):
        model.summarize_many(["A ferry sank.", " "])


@pytest.mark.parametrize("wrong", [float("nan"), None, {"text": "A."}, ["A.", 3], b"A."])
def test_what_is_no_text_is_refused_in_words(tiny, wrong):
    with pytest.raises(TypeError, match="want one text .* or a list of its sentences, got"):
        tiny().summarize(wrong)
    with pytest.raises(TypeError, match="text 1: want one text"):
        tiny().summarize_many([wrong])


def test_a_score_comes_with_its_sentence_and_place(tiny):
    text = "  The ferry\nstopped. 渡轮停运。 Nobody was hurt.\n\n- a list item\n"
    model = tiny()
    scored = model.score(text)
    assert [clean(text[s.start : s.end]) for s in scored] == [s.text for s in scored] == split_sentences(text)
    assert [s.score for s in scored] == pytest.approx(model.score_documents([split_sentences(text)])[0])
    for wrong in (["A."], None):
        with pytest.raises(TypeError, match="score wants one text"):
            model.score(wrong)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_scores_about_the_same(tiny, records, dtype):
    model, documents = tiny(), [record["document"] for record in records[:3]]
    whole, half = model.score_documents(documents), model.to(dtype).score_documents(documents)
    assert [len(row) for row in half] == [len(row) for row in whole]
    assert half[0] == pytest.approx(whole[0], abs=0.05)


def test_many_long_sentences_are_one_warning_that_names_the_longest(tiny):
    documents = [["word " * n, "Short."] for n in (600, 900, 5)]
    with pytest.warns(UserWarning, match=r"2 of 3 documents .* of 900 tokens, is in document b") as caught:
        tiny().score_documents(documents, ids=["a", "b", "c"])
    assert len(caught) == 1


@pytest.mark.parametrize("text", ["", "  \n ", []])
def test_summarize_refuses_nothing(tiny, text):
    with pytest.raises(ValueError, match="nothing to summarize"):
        tiny().summarize(text)


def test_a_document_without_text_is_named(tiny):
    with pytest.raises(ValueError, match="document 2: the document is empty"):
        tiny().score_documents([["a"], ["  "]])


@pytest.mark.parametrize("k", [0, -1])
def test_summarize_refuses_k_below_one(tiny, k):
    with pytest.raises(ValueError, match="at least 1"):
        tiny().summarize("A. B.", k=k)


def test_a_text_of_ten_thousand_words_without_a_stop(tiny):
    with pytest.warns(UserWarning, match="without the end of a sentence"):
        assert tiny().summarize("word " * 10_000, k=2, block_trigrams=False)
    with pytest.warns(UserWarning, match="which was cut to 510 tokens"):
        assert len(tiny().score_documents([["word " * 10_000]])[0]) == 1
