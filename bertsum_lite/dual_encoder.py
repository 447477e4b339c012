"""Two encoders, one for the document and one for its summary, pre-trained into one vector space (notebook 08).

Not a part of Liu & Lapata's BERTSUM, which has one encoder: ``init_encoder_from`` hands the document's
encoder on to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertConfig, BertModel, PretrainedConfig
from transformers.utils import ModelOutput

from bertsum_lite.backbone import MINILM
from bertsum_lite.encoding import PADDING, Window, collate, first_windows, token_batches
from bertsum_lite.pretrained import BertsumModel


class DualConfig(PretrainedConfig):
    """What a ``DualEncoder`` is made of.

    Args:
        encoder: the BERT's own configuration, as a dictionary; both encoders have it.
        shared: one set of weights for both.
        similarity_temperature: the similarities, cosines, are divided by it.
        encoder_dropout, interval_segments, window: as in ``ExtractiveConfig``.
    """

    model_type = "bertsum-lite-dual"

    def __init__(
        self,
        encoder: dict | None = None,
        shared: bool = False,
        similarity_temperature: float = 0.05,
        encoder_dropout: float = 0.0,
        interval_segments: bool = True,
        window: int = 512,
        **kwargs,
    ):
        self.encoder = encoder or {}
        self.shared = shared
        self.similarity_temperature = similarity_temperature
        self.encoder_dropout = encoder_dropout
        self.interval_segments = interval_segments
        self.window = window
        super().__init__(**kwargs)


@dataclass
class DualOutput(ModelOutput):
    """Loss (mean over the batch) and cosine similarities (documents, summaries)."""

    loss: Tensor | None = None
    similarities: Tensor | None = None


@dataclass(frozen=True)
class DualPair:
    """A document's window and its summary's."""

    document: Window
    summary: Window

    def __len__(self) -> int:
        return len(self.document) + len(self.summary)


class DualEncoder(BertsumModel):
    """Encoder(X, Y) = [Encoder₁(X), Encoder₂(Y)]: a document and its summary should land close together."""

    config_class = DualConfig

    def __init__(self, config: DualConfig):
        super().__init__(config)
        self.summary_encoder = (
            None if config.shared else BertModel(BertConfig(**config.encoder), add_pooling_layer=False)
        )
        self.post_init()

    @classmethod
    def from_encoder(
        cls, name: str = MINILM, config: DualConfig | None = None, layers: int | None = None, **hub
    ) -> "DualEncoder":
        """As ``BertsumModel.from_encoder``; both encoders start as the same one."""
        model = super().from_encoder(name, config, layers, **hub)
        if model.summary_encoder is not None:
            model.summary_encoder.load_state_dict(model.encoder.state_dict())
        return model

    def vectors(self, input_ids: Tensor, sentence_ids: Tensor, summaries: bool = False) -> Tensor:
        """One vector of length 1 a text: the mean of its token vectors. (batch, tokens) → (batch, hidden)"""
        tokens = self.read(input_ids, sentence_ids, self.summary_encoder if summaries else None)
        real = (sentence_ids != PADDING).unsqueeze(-1)  # (batch, tokens, 1)
        return F.normalize((tokens * real).sum(dim=1) / real.sum(dim=1), dim=-1)

    def forward(
        self, input_ids: Tensor, sentence_ids: Tensor, summary_ids: Tensor, summary_sentence_ids: Tensor
    ) -> DualOutput:
        """InfoNCE both ways: find each document's summary among the batch's, and each summary's document.

        Args:
            input_ids, sentence_ids: of the documents (batch, tokens).
            summary_ids, summary_sentence_ids: of their summaries (batch, summary tokens).
        """
        documents = self.vectors(input_ids, sentence_ids)
        summaries = self.vectors(summary_ids, summary_sentence_ids, summaries=True)
        similarities = (documents @ summaries.T).float()  # (batch, batch), the right ones on the diagonal
        logits = similarities / self.config.similarity_temperature
        right = torch.arange(len(logits), device=logits.device)
        loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
        return DualOutput(loss=loss, similarities=similarities)

    def window(self, sentences: Sequence[str]) -> Window:
        """The first window of a document or a summary."""
        return first_windows([sentences], self.tokenizer, self.config.window)[0]

    def examples(self, records: Sequence[dict]) -> list[DualPair]:
        """Training examples.

        Raises:
            ValueError: if there are fewer than two: nothing could be told apart.
        """
        if len(records) < 2:
            raise ValueError(f"want at least two documents to tell apart, got {len(records)}")
        sides = ([record[field] for record in records] for field in ("document", "summary"))
        read = (first_windows(side, self.tokenizer, self.config.window, [r["id"] for r in records]) for side in sides)
        return [DualPair(document, summary) for document, summary in zip(*read)]

    def collate(self, examples: Sequence[DualPair]) -> dict[str, Tensor]:
        """Make a batch of examples, for ``train``.

        The other summaries of the *batch* are what a document is told apart from: set ``tokens_per_batch``
        so high that an update is one batch.
        """
        summaries = collate([pair.summary for pair in examples], self.tokenizer.pad_token_id)
        batch = collate([pair.document for pair in examples], self.tokenizer.pad_token_id)
        return {
            **batch,
            "summary_ids": summaries["input_ids"],
            "summary_sentence_ids": summaries["sentence_ids"],
        }

    @torch.inference_mode()
    def embed(self, texts: Sequence[Sequence[str]], summaries: bool = False, tokens_per_batch: int = 4096) -> Tensor:
        """Vectors (texts, hidden) of documents, or of summaries, in the order given."""
        read = first_windows(texts, self.tokenizer, self.config.window)
        result = torch.empty(len(read), self.encoder.config.hidden_size)
        was_training = self.training
        self.eval()
        for chosen in token_batches([len(window) for window in read], tokens_per_batch):
            batch = collate([read[i] for i in chosen], self.tokenizer.pad_token_id)
            batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
            result[chosen] = self.vectors(**batch, summaries=summaries).float().cpu()
        self.train(was_training)
        return result


def retrieval(similarities: Tensor) -> dict[str, float]:
    """How well the diagonal is found: recall@1, recall@5 and mean reciprocal rank, both ways.

    Args:
        similarities: (documents, summaries), square, the right pairs on the diagonal.
    """
    scores = {}
    for name, matrix in (("document → summary", similarities), ("summary → document", similarities.T)):
        # A tie counts against us, and so does NaN: a collapsed space, where all are alike, finds nothing.
        rank = (~(matrix < matrix.diagonal().unsqueeze(1))).sum(dim=1)  # 1 is best
        scores[f"{name} recall@1"] = (rank <= 1).float().mean().item()
        scores[f"{name} recall@5"] = (rank <= 5).float().mean().item()
        scores[f"{name} MRR"] = (1 / rank).mean().item()
    return scores
