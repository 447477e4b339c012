"""Two encoders: the loss by pencil, retrieval, hand-over."""

import pytest
import torch

from bertsum_lite.dual_encoder import DualConfig, DualEncoder, retrieval
from bertsum_lite.training import Group, TrainingConfig, train


@pytest.fixture
def dual(tiny_encoder):
    def make(**config):
        torch.manual_seed(0)
        return DualEncoder.from_encoder(str(tiny_encoder), DualConfig(**config))

    return make


def test_the_loss_by_pencil(dual, records):
    model = dual(similarity_temperature=0.5).eval()
    output = model(**model.collate(model.examples(records[:3])))
    logits = output.similarities / 0.5
    rows = [-(logits[i, i] - logits[i].exp().sum().log()) for i in range(3)]
    columns = [-(logits[i, i] - logits[:, i].exp().sum().log()) for i in range(3)]
    torch.testing.assert_close(output.loss, sum(rows + columns) / 6)


def test_vectors_have_length_one_and_do_not_depend_on_company(dual, records):
    model = dual()
    documents = [record["document"] for record in records[:7]]
    together = model.embed(documents)
    alone = torch.cat([model.embed([document]) for document in documents])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(7))


@pytest.mark.parametrize("shared", [True, False])
def test_both_encoders_start_alike_and_only_shared_ones_stay_so(dual, records, shared):
    model = dual(shared=shared)
    texts = [record["document"] for record in records[:4]]
    torch.testing.assert_close(model.embed(texts), model.embed(texts, summaries=True))
    config = TrainingConfig(epochs=2, documents_per_update=8, tokens_per_batch=10_000, groups=(Group("", 1e-2, 5),))
    train(model, model.examples(records), model.collate, config)
    assert torch.allclose(model.embed(texts), model.embed(texts, summaries=True)) is shared


def test_training_brings_pairs_together(dual, records):
    model = dual()
    documents, summaries = [r["document"] for r in records], [r["summary"] for r in records]

    def recall():
        similarities = model.embed(documents) @ model.embed(summaries, summaries=True).T
        return retrieval(similarities)["document → summary recall@5"]

    before = recall()
    config = TrainingConfig(epochs=20, documents_per_update=40, tokens_per_batch=100_000, groups=(Group("", 1e-2, 5),))
    train(model, model.examples(records), model.collate, config)
    assert recall() > before + 0.2


def test_retrieval_by_pencil():
    similarities = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.5, 0.9], [0.0, 0.2, 0.3]])
    scores = retrieval(similarities)
    assert scores["document → summary recall@1"] == pytest.approx(2 / 3)
    assert scores["document → summary MRR"] == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert scores["summary → document recall@1"] == pytest.approx(2 / 3)
    assert scores["summary → document MRR"] == pytest.approx((1 + 1 + 1 / 2) / 3)
    collapsed = retrieval(torch.ones(10, 10))
    assert collapsed["document → summary recall@1"] == collapsed["document → summary recall@5"] == 0
    assert retrieval(torch.full((10, 10), torch.nan))["document → summary recall@5"] == 0


def test_encoder_1_is_handed_on_and_saved(dual, tiny, records, tmp_path):
    model = dual()
    torch.nn.init.normal_(model.encoder.encoder.layer[0].output.dense.weight)
    model.save_pretrained(tmp_path / "dual")
    again = DualEncoder.from_pretrained(tmp_path / "dual")
    texts = [record["document"] for record in records[:3]]
    torch.testing.assert_close(again.embed(texts), model.embed(texts))
    extractive = tiny()
    extractive.init_encoder_from(model)
    torch.testing.assert_close(dict(extractive.encoder.state_dict()), dict(model.encoder.state_dict()))
    from_folder = type(extractive).from_encoder(str(tmp_path / "dual"))
    torch.testing.assert_close(dict(from_folder.encoder.state_dict()), dict(model.encoder.state_dict()))


def test_one_document_cannot_be_told_apart(dual, records):
    with pytest.raises(ValueError, match="at least two"):
        dual().examples(records[:1])
