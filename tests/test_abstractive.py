"""Writing summaries: beam search against brute force, the decoder against PyTorch's, training, saving."""

import json
import random
from dataclasses import replace

import pytest
import torch
from torch import nn

from bertsum_lite.abstractive import END, NEXT, START, AbstractiveConfig, AbstractiveSummarizer
from bertsum_lite.backbone import load_backbone
from bertsum_lite.beam_search import Search, beam_search, block_repeats
from bertsum_lite.encoding import PADDING
from bertsum_lite.extractive import ExtractiveSummarizer
from bertsum_lite.layers import DecoderLayer
from bertsum_lite.spelling import Spelling
from bertsum_lite.training import Group, TrainingConfig, train

# beam search ------------------------------------------------------------------------------------


def markov(seed, vocabulary=6):
    """A writer whose next word depends on the last alone, and its table of log-probabilities."""
    table = torch.randn(vocabulary, vocabulary, generator=torch.Generator().manual_seed(seed)) * 1.5
    return (lambda tokens, rows: table[tokens]), table.log_softmax(dim=-1)


def brute_force(log_probs, start, end, search):
    """Every sequence of at most ``longest`` tokens, scored."""
    best = (-float("inf"), None)

    def extend(sequence, score):
        nonlocal best
        for token in range(len(log_probs)):
            length, total = len(sequence) + 1, score + log_probs[([start] + sequence)[-1], token].item()
            if token == end and length < search.shortest:
                continue
            if token == end or length == search.longest:
                written = sequence if token == end else [*sequence, token]
                best = max(best, (total / search.penalty(length), written))
            else:
                extend([*sequence, token], total)

    extend([], 0.0)
    return best[1]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
def test_a_wide_beam_finds_what_brute_force_finds(alpha):
    for seed in range(10):
        step, log_probs = markov(seed)
        for shortest in (1, 3):
            search = Search(width=6**4, shortest=shortest, longest=5, length_penalty=alpha, block=0)
            assert beam_search(step, 1, 1, 2, search) == [brute_force(log_probs, 1, 2, search)]


def test_one_beam_is_greedy_and_documents_do_not_mix():
    tables = [markov(seed)[1] for seed in range(4)]

    def step(tokens, rows):
        width = len(tokens) // 4
        return torch.stack([tables[i // width][token] for i, token in enumerate(tokens.tolist())])

    for width in (1, 3):
        search = Search(width=width, longest=8, block=0, length_penalty=0.0)
        together = beam_search(step, 4, 1, 2, search)
        alone = [beam_search(lambda tokens, rows, t=t: t[tokens], 1, 1, 2, search)[0] for t in tables]
        assert together == alone
    greedy, token = [], 1
    while len(greedy) < 8 and (token := int(tables[0][token].argmax())) != 2:
        greedy.append(token)
    assert beam_search(step, 4, 1, 2, Search(width=1, longest=8, block=0, length_penalty=0.0))[0] == greedy


def test_forbidden_tokens_and_lengths():
    step, _ = markov(1)
    forbidden = torch.tensor([0, 4])
    for result in beam_search(step, 3, 1, 2, Search(width=2, shortest=5, longest=6, block=0), forbidden):
        assert len(result) in (4, 5, 6)
        assert not set(result) & {0, 2, 4}


def test_blocking_forbids_just_what_would_repeat():
    log_probs = torch.zeros(2, 10)
    block_repeats(log_probs, torch.tensor([[1, 5, 6, 7, 5, 6], [1, 5, 6, 7, 6, 5]]), 3)
    assert log_probs[0].isinf().nonzero().flatten().tolist() == [7]
    assert not log_probs[1].isinf().any()
    block_repeats(log_probs, torch.tensor([[1, 5], [1, 5]]), 3)
    block_repeats(log_probs, torch.tensor([[1, 5, 3], [1, 5, 4]]), 1)
    assert log_probs[1].isinf().nonzero().flatten().tolist() == [1, 4, 5]
    generator = random.Random(0)
    for _ in range(100):
        sequence = [generator.randrange(4) for _ in range(12)]
        log_probs = torch.zeros(1, 4)
        block_repeats(log_probs, torch.tensor([sequence]), 2)
        pairs = set(zip(sequence, sequence[1:]))
        assert [bool(p) for p in log_probs[0].isinf()] == [(sequence[-1], token) in pairs for token in range(4)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"width": 0}, "at least 1"), ({"shortest": 9, "longest": 8}, "shortest 9"), ({"shortest": 0}, "shortest 0")],
)
def test_an_impossible_search_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Search(**wrong)


# decoder ----------------------------------------------------------------------------------------


def test_the_decoder_layer_equals_pytorch_s():
    torch.manual_seed(0)
    ours, theirs = (
        DecoderLayer(32, 4, 64, dropout=0.0),
        nn.TransformerDecoderLayer(32, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True),
    )
    names = {
        "norm1": "self_norm",
        "norm2": "cross_norm",
        "norm3": "feed_forward_norm",
        "linear1": "feed_forward.0",
        "linear2": "feed_forward.3",
        "self_attn.out_proj": "self_attention.output",
        "multihead_attn.out_proj": "cross_attention.output",
    }
    own = dict(ours.named_parameters())
    weights = {}
    for name in dict(theirs.named_parameters()):
        module, _, kind = name.rpartition(".")
        if kind.startswith("in_proj_"):
            attention = "self_attention" if module == "self_attn" else "cross_attention"
            weights[name] = torch.cat([own[f"{attention}.{p}.{kind[8:]}"] for p in ("query", "key", "value")])
        else:
            weights[name] = own[f"{names[module]}.{kind}"]
    theirs.load_state_dict(weights)
    x, memory = torch.randn(2, 5, 32), torch.randn(2, 7, 32)
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    future = torch.ones(5, 5, dtype=torch.bool).triu(1)
    expected = theirs(x, memory, tgt_mask=future, memory_key_padding_mask=~mask)
    result, _ = ours(x, ours.cross_attention.keys_values(memory), mask)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


@pytest.fixture
def writer(tiny_encoder):
    """Make a small summarizer: ``writer(dropout=0.1)``."""

    def make(**config):
        torch.manual_seed(0)
        small = {"decoder_layers": 2, "heads": 2, "intermediate_size": 64, "dropout": 0.0, "search": {"longest": 12}}
        small["embedding_scale"] = 32**0.5  # as the paper: untrained, it writes other words for other documents
        return AbstractiveSummarizer.from_encoder(str(tiny_encoder), AbstractiveConfig(**{**small, **config}))

    return make


def test_the_cache_changes_nothing_and_beams_share_the_source(writer, records):
    model = writer().eval()
    batch = model.collate(model.examples(records[:3]))
    mask = batch["sentence_ids"] != PADDING
    with torch.no_grad():
        sources = model.decoder.sources(model.read(batch["input_ids"], batch["sentence_ids"]))
        ids = torch.randint(10, 1000, (3, 9))
        whole, _ = model.decoder(ids, sources, mask)
        past, steps = None, []
        for token in ids.split(1, dim=1):
            logits, past = model.decoder(token, sources, mask, past)
            steps.append(logits)
        torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-5, rtol=1e-5)
        beams, _ = model.decoder(ids.repeat_interleave(2, dim=0), sources, mask)  # two beams, one source
        torch.testing.assert_close(beams, whole.repeat_interleave(2, dim=0), atol=1e-5, rtol=1e-5)


def test_padding_and_company_change_no_loss_and_no_summary(writer, records):
    model = writer().eval()
    examples = model.examples(records[:4])
    with torch.no_grad():
        alone = [model(**model.collate([example])).loss for example in examples]
        together = model(**model.collate(examples)).loss
    torch.testing.assert_close(torch.stack(alone).mean(), together)
    documents = [record["document"] for record in records[:4]]
    assert model.write(documents) == [model.write([document])[0] for document in documents]


def test_a_summary_becomes_ids_and_sentences_again(writer):
    model = writer()
    ids = model.target(["The night ferry stays.", "Fares [SEP] rise."])
    assert (ids.count(NEXT), ids[-1]) == (1, END)
    assert model._sentences(ids[:-1]) == ["The night ferry stays.", "Fares [sep] rise."]
    with pytest.warns(UserWarning, match="was cut to 4"):
        assert len(writer(longest_target=5).target(["The night ferry stays for ever and a day."])) == 5


def test_it_learns_to_write_what_its_source_says(writer):
    model = writer(decoder_layers=1, label_smoothing=0.0)
    places = ["harbour", "market", "bridge", "library"]
    records = [{"id": p, "document": [f"The {p} {p} {p}."], "summary": [f"It rained on the {p}."]} for p in places]
    groups = (Group("encoder.", 5e-3, 30), Group("decoder.", 5e-2, 30))
    config = TrainingConfig(epochs=150, documents_per_update=4, precision="no", groups=groups)
    history = train(model, model.examples(records), model.collate, config)
    assert history[-1]["loss"] < 0.1
    assert model.write([r["document"] for r in records]) == [[f"It rained on the {p}."] for p in places]


def test_a_remembered_encoder_says_the_same_and_stays_as_it_is(writer, records):
    model = writer()
    examples = model.examples(records[:5])
    remembered = model.remember(examples)
    batches = [model.collate(pairs) for pairs in (examples, remembered)]
    assert "memory" not in batches[0]
    losses = [model(**batch).loss for batch in batches]
    torch.testing.assert_close(*losses, atol=1e-3, rtol=1e-3)  # memory is kept in half precision
    before = {name: tensor.clone() for name, tensor in model.encoder.state_dict().items()}
    train(model, remembered, model.collate, TrainingConfig(epochs=1, groups=(Group("decoder.", 1e-2, 5),)))
    torch.testing.assert_close(before, dict(model.encoder.state_dict()))


def test_the_lower_layers_alone(writer, tiny_encoder, records, tmp_path):
    whole, lower = writer(), AbstractiveSummarizer.from_encoder(str(tiny_encoder), layers=1)
    batch = whole.collate(whole.examples(records[:2]))
    batch = {name: batch[name] for name in ("input_ids", "sentence_ids")}
    assert len(lower.encoder.encoder.layer) == 1
    states = whole.encoder.eval()(
        batch["input_ids"],
        (batch["sentence_ids"] != PADDING).long(),
        batch["sentence_ids"].clamp(min=0) % 2,
        output_hidden_states=True,
    ).hidden_states
    torch.testing.assert_close(lower.eval().read(**batch), states[1])
    lower.save_pretrained(tmp_path / "model")
    assert len(AbstractiveSummarizer.from_pretrained(tmp_path / "model").encoder.encoder.layer) == 1
    with pytest.raises(ValueError, match="has 2 layers, cannot keep 3"):
        AbstractiveSummarizer.from_encoder(str(tiny_encoder), layers=3)


def test_a_softmax_over_sampled_words_is_the_whole_one_if_all_are_sampled(writer, records):
    whole, sampled, few = writer(), writer(sampled_words=1_000_000), writer(sampled_words=10)
    batch = whole.collate(whole.examples(records[:3]))
    losses = [model.train()(**batch).loss for model in (whole, sampled, few)]
    torch.testing.assert_close(losses[0], losses[1])
    assert losses[2] < losses[0]  # fewer words to be mistaken for
    torch.testing.assert_close(few.eval()(**batch).loss, whole.eval()(**batch).loss)  # only in training


def test_unused_tokens_are_never_written(writer, records):
    model = writer()
    names = model.tokenizer.convert_ids_to_tokens(model._never_written())
    assert {"[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "[unused0]", "[unused98]"} <= set(names)
    assert all(name.startswith("[") for name in names)


def test_identical_summaries_are_reported(writer, records):
    model = writer()
    model.decoder.embedding.weight.data.zero_()  # every word is as likely: the source no longer matters
    with pytest.warns(UserWarning, match="all 5 documents got the same summary"):
        model.write([record["document"] for record in records[:5]])


def test_saved_and_loaded_it_writes_the_same(writer, records, tmp_path):
    model = writer()
    model.save_pretrained(tmp_path / "model")
    again = AbstractiveSummarizer.from_pretrained(tmp_path / "model")
    documents = [record["document"] for record in records[:3]]
    assert again.write(documents) == model.write(documents)
    with pytest.raises(ValueError, match="'bertsum-lite-abstractive', not 'bertsum-lite-extractive'"):
        ExtractiveSummarizer.from_pretrained(tmp_path / "model")


def test_it_starts_from_an_extractive_model(tiny, writer, tmp_path):
    trained = tiny()
    nn.init.normal_(trained.encoder.encoder.layer[0].output.dense.weight)
    trained.save_pretrained(tmp_path / "model")
    encoder, _ = load_backbone(str(tmp_path / "model"))
    torch.testing.assert_close(dict(encoder.state_dict()), dict(trained.encoder.state_dict()))
    model = AbstractiveSummarizer.from_encoder(str(tmp_path / "model"))
    torch.testing.assert_close(dict(model.encoder.state_dict()), dict(trained.encoder.state_dict()))


def test_resumed_training_equals_uninterrupted(writer, records, tmp_path):
    config = TrainingConfig(epochs=2, documents_per_update=8, groups=(Group("", 1e-2, 5),), save_every=4)
    whole, parted = writer(dropout=0.1), writer(dropout=0.1)
    train(whole, whole.examples(records), whole.collate, replace(config, save_every=0))

    def stop(history):
        if len(history) == 6:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        train(parted, parted.examples(records), parted.collate, config, tmp_path / "c", on_update=stop)
    train(parted, parted.examples(records), parted.collate, config, tmp_path / "c")
    assert len(json.loads((tmp_path / "c" / "state.json").read_text())["history"]) >= 8
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), parted.state_dict().values()))


def test_what_is_not_read_is_said_once(writer):
    with pytest.warns(UserWarning, match=r"1 of 2 documents .* read \d+ of 4000 sentences") as caught:
        assert all(writer().write([["Short."], ["A word and another one."] * 4000]))  # 20,000 words
    assert len(caught) == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_writes_and_learns_from_what_was_remembered(writer, records, dtype):
    model = writer().to(dtype)
    assert model.write([records[0]["document"]])[0]
    assert model(**model.collate(model.remember(model.examples(records[:2])))).loss.isfinite()


def test_many_texts_are_written_in_order_and_a_list_of_texts_is_refused(writer):
    model, texts = writer(), ["A ferry sank. Nobody was hurt.", "It rained. The market closed. Fares rose."]
    assert model.summarize_many(texts) == [model.summarize(text) for text in texts]
    with pytest.raises(TypeError, match="summarize_many"):
        model.summarize(texts)


# spelling ---------------------------------------------------------------------------------------

SPELLINGS = [
    "$3.5 million, U.S., 10-year-old",
    'The mayor\'s 1,650 years (at least) "were not fair" he said.',
    "Don't go at 9:30 a.m. to St. Ives / Bath, 50% of it.",
    "Omar Reyes and McDonald's paid €2,000; see http://example.org/a_b?c=1#d.",
]


@pytest.fixture(scope="module")
def tokenizer():
    return load_backbone()[1]


@pytest.mark.parametrize("text", SPELLINGS)
def test_words_are_spelled_as_the_document_spells_them(tokenizer, text):
    tokens = tokenizer.tokenize(text)
    assert Spelling(tokenizer, ["We heard: " + text]).text(tokens) == text


@pytest.mark.parametrize("text", SPELLINGS[:2])
def test_without_a_document_the_spaces_are_right_all_the_same(tokenizer, text):
    assert Spelling(tokenizer).text(tokenizer.tokenize(text)).lower() == text.lower()


def test_a_capital_at_the_beginning_of_a_sentence_is_no_name(tokenizer):
    spelling = Spelling(tokenizer, ["Ferries stop.", "Omar Reyes saw the boats."])
    assert spelling.text(["omar", "saw", "ferries"]) == "Omar saw ferries"
    assert spelling.text([]) == ""


def test_bad_input_is_named(writer, records):
    model = writer()
    with pytest.raises(ValueError, match="document 7: the summary is empty"):
        model.examples([{"id": "7", "document": ["Some text."], "summary": [" "]}])
    with pytest.raises(ValueError, match="document 8: the document is empty"):
        model.examples([{"id": "8", "document": [""], "summary": ["Some text."]}])
    with pytest.raises(ValueError, match="no records"):
        model.examples([])
    with pytest.raises(ValueError, match="nothing to summarize"):
        model.summarize("  ")
    assert START not in model.target(["[unused0] stays text."])
