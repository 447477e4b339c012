"""BERTSUM that extracts: a pre-trained encoder, a few layers between sentences, one score each (notebook 07)."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig
from transformers.utils import ModelOutput

from bertsum_lite import oracle
from bertsum_lite.baselines import centrality
from bertsum_lite.encoding import (
    PADDING,
    Window,
    collate,
    document_from,
    documents_from,
    encode_documents,
    token_batches,
    windows,
)
from bertsum_lite.layers import EncoderLayer, sinusoidal_positions
from bertsum_lite.pretrained import BertsumModel
from bertsum_lite.rouge import tokenize
from bertsum_lite.selection import select
from bertsum_lite.sentences import clean, split_spans


class ExtractiveConfig(PretrainedConfig):
    """What an ``ExtractiveSummarizer`` is made of.

    Args:
        encoder: the BERT's own configuration, as a dictionary.
        sentence_vector: ``"cls"``, the vector at a sentence's ``[CLS]`` (the paper), or ``"mean"``,
            the mean over its tokens.
        loss: ``"bce"``, binary cross entropy against greedy oracle labels (the paper), or
            ``"listwise"``, cross entropy against the softmax of each sentence's ROUGE / temperature.
        label_temperature: of the listwise targets; ROUGE between 0 and 1 is divided by it.
        interval_segments: alternate ``token_type_ids`` from sentence to sentence.
        inter_sentence_layers: Transformer layers over the sentence vectors, 0 to 3 in the paper.
        heads, intermediate_size, dropout: of those layers.
        encoder_dropout: inside the BERT; 0.1 in the paper. On a CPU, drawing its random numbers costs
            a third of the training time.
        window: tokens the encoder reads at once, at training and at inference.
        k: how many sentences ``summarize`` chooses unless it is told otherwise.
        centrality: weight of ``baselines.centrality`` beside the logits, when scoring. It helps where one
            sentence must stand for the whole document; several central ones repeat each other.
        language: for sentence splitting in ``summarize``.
    """

    model_type = "bertsum-lite-extractive"

    def __init__(
        self,
        encoder: dict | None = None,
        sentence_vector: str = "mean",
        loss: str = "listwise",
        label_temperature: float = 0.1,
        interval_segments: bool = True,
        inter_sentence_layers: int = 2,
        heads: int = 8,
        intermediate_size: int = 2048,
        dropout: float = 0.1,
        encoder_dropout: float = 0.0,
        window: int = 512,
        k: int = 3,
        centrality: float = 0.0,
        language: str = "en",
        **kwargs,
    ):
        if sentence_vector not in ("cls", "mean"):
            raise ValueError(f'sentence_vector must be "cls" or "mean", got {sentence_vector!r}')
        if loss not in ("bce", "listwise"):
            raise ValueError(f'loss must be "bce" or "listwise", got {loss!r}')
        self.encoder = encoder or {}
        self.sentence_vector = sentence_vector
        self.loss = loss
        self.label_temperature = label_temperature
        self.interval_segments = interval_segments
        self.inter_sentence_layers = inter_sentence_layers
        self.heads = heads
        self.intermediate_size = intermediate_size
        self.dropout = dropout
        self.encoder_dropout = encoder_dropout
        self.window = window
        self.k = k
        self.centrality = centrality
        self.language = language
        super().__init__(**kwargs)

    @classmethod
    def paper(cls, **changes) -> "ExtractiveConfig":
        """BertSumExt as Liu & Lapata (2019) describe it: ``[CLS]`` vectors, binary cross entropy, two layers."""
        paper = {"sentence_vector": "cls", "loss": "bce", "inter_sentence_layers": 2, "encoder_dropout": 0.1}
        return cls(**{**paper, **changes})


@dataclass
class ExtractiveOutput(ModelOutput):
    """Loss (mean over documents; None without labels) and logits (batch, sentences)."""

    loss: Tensor | None = None
    logits: Tensor | None = None


@dataclass(frozen=True)
class ScoredSentence:
    """A sentence of a text, its score, and where it stands: ``text[start:end]``, counted in characters."""

    text: str
    score: float
    start: int
    end: int


class ExtractiveSummarizer(BertsumModel):
    """Scores every sentence of a document and chooses the best.

    Make one with ``from_encoder`` (pre-trained encoder, new head) or ``from_pretrained`` (trained).
    """

    config_class = ExtractiveConfig

    def __init__(self, config: ExtractiveConfig):
        super().__init__(config)
        hidden = self.encoder.config.hidden_size
        self.layers = nn.ModuleList(
            EncoderLayer(hidden, config.heads, config.intermediate_size, config.dropout)
            for _ in range(config.inter_sentence_layers)
        )
        self.norm = nn.LayerNorm(hidden)
        self.classifier = nn.Linear(hidden, 1)
        self.post_init()

    # The model, in five steps -------------------------------------------------------------------

    def sentence_vectors(self, input_ids: Tensor, sentence_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Encode and pool: one vector a sentence (batch, sentences, hidden), and which are real (batch, sentences)."""
        tokens = self.read(input_ids, sentence_ids)  # (batch, tokens, hidden)
        numbers = torch.arange(int(sentence_ids.max()) + 1, device=sentence_ids.device)
        belongs = sentence_ids.unsqueeze(1) == numbers.unsqueeze(1)  # (batch, sentences, tokens)
        mask = belongs.any(dim=-1)  # (batch, sentences)
        if self.config.sentence_vector == "cls":
            before = F.pad(sentence_ids, (1, 0), value=PADDING)[:, :-1]
            belongs = belongs & (sentence_ids != before).unsqueeze(1)  # only each sentence's first token
        weights = belongs.to(tokens.dtype)
        weights = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1)
        return weights @ tokens, mask

    def forward(self, input_ids: Tensor, sentence_ids: Tensor, labels: Tensor | None = None) -> ExtractiveOutput:
        """Score sentences.

        Args:
            input_ids: (batch, tokens)
            sentence_ids: (batch, tokens), −1 at padding; see ``bertsum_lite.encoding``.
            labels: (batch, sentences); 0/1 for ``bce``, ROUGE between 0 and 1 for ``listwise``.
        """
        x, mask = self.sentence_vectors(input_ids, sentence_ids)
        if self.layers:
            x = x + sinusoidal_positions(x.size(1), x.size(2), x.device).to(x.dtype)
        for layer in self.layers:
            x = layer(x, mask[:, None, None, :])  # mask: (batch, heads, query, key)
        logits = self.classifier(self.norm(x)).squeeze(-1)  # (batch, sentences)
        loss = None if labels is None else self.loss(logits.float(), labels, mask)
        return ExtractiveOutput(loss=loss, logits=logits)

    def loss(self, logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """Sum over a document's sentences, mean over documents; padding counts nothing."""
        if self.config.loss == "bce":
            losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
            return losses.masked_fill(~mask, 0.0).sum(dim=-1).mean()
        targets = (labels / self.config.label_temperature).masked_fill(~mask, -math.inf).softmax(dim=-1)
        losses = -targets * logits.masked_fill(~mask, torch.finfo(logits.dtype).min).log_softmax(dim=-1)
        return losses.masked_fill(~mask, 0.0).sum(dim=-1).mean()

    # From records to examples, from text to summary ---------------------------------------------

    def examples(self, records: Sequence[dict], all_windows: bool = False) -> list[Window]:
        """Training examples: the first window of each document (or all of them) with its labels.

        Raises:
            ValueError: if nothing is left to train on; says why.
        """
        make = oracle.labels if self.config.loss == "bce" else oracle.sentence_scores
        single = [record["id"] for record in records if len(record["document"]) == 1]
        if single:
            warnings.warn(
                f"{len(single)} of {len(records)} documents have one sentence, so nothing is learned from them (the "
                f"first: {single[0]}); a text in one piece must be a string, not a list, then it is split",
                stacklevel=1,
            )
        documents, ids = [record["document"] for record in records], [record["id"] for record in records]
        result = []
        for record, pieces in zip(records, encode_documents(documents, self.tokenizer, self.config.window, ids)):
            values = make(record["document"], record["summary"])
            if not any(values):
                continue  # no sentence shares a word with the summary: nothing to learn
            for window in windows(pieces, self.config.window)[: None if all_windows else 1]:
                own = [float(v) for v in values[window.start : window.start + window.sentences]]
                result.append(Window(window.input_ids, window.sentence_ids, window.start, own))
        if all(example.sentences == 1 for example in result):
            raise ValueError(
                f"no training example came out of {len(records)} documents: none has two or more sentences, "
                "of which one shares a word with its summary"
            )
        return result

    def collate(self, examples: Sequence[Window]) -> dict[str, Tensor]:
        """Make a batch of examples, for ``train``."""
        return collate(examples, self.tokenizer.pad_token_id)

    @torch.inference_mode()
    def score_documents(
        self,
        documents: Sequence[Sequence[str]],
        tokens_per_batch: int = 4096,
        progress: Callable[[list], list] = lambda batches: batches,
        ids: Sequence[str] | None = None,
    ) -> list[list[float]]:
        """One score for every sentence of every document, however long, in the order given.

        With ``bce`` a score is a probability; with ``listwise`` a document's scores sum to 1.
        A sentence that two windows hold gets the mean of its two logits.

        Args:
            tokens_per_batch: padded tokens that one forward pass holds; set it by memory.
            progress: wraps the list of batches, for a progress bar (``tqdm``).
            ids: the documents' names, for messages; default: their numbers, counted from 1.
        """
        if self.tokenizer is None:
            raise ValueError("this model has no tokenizer; make it with from_encoder or from_pretrained")
        pieces = encode_documents(documents, self.tokenizer, self.config.window, ids)
        encoded = [(number, window) for number, own in enumerate(pieces) for window in windows(own, self.config.window)]
        sums = [torch.zeros(len(document)) for document in documents]
        counts = [torch.zeros(len(document)) for document in documents]
        was_training = self.training
        self.eval()
        for batch in progress(token_batches([len(window) for _, window in encoded], tokens_per_batch)):
            tensors = self.collate([encoded[i][1] for i in batch])
            logits = self(**{name: tensor.to(self.device) for name, tensor in tensors.items()}).logits.float().cpu()
            for row, i in zip(logits, batch):
                number, window = encoded[i]
                own = slice(window.start, window.start + window.sentences)
                sums[number][own] += row[: window.sentences]
                counts[number][own] += 1
        self.train(was_training)
        logits = [total / count for total, count in zip(sums, counts)]
        if weight := self.config.centrality:
            logits = [own + weight * torch.tensor(centrality(document)) for own, document in zip(logits, documents)]
        squash = torch.sigmoid if self.config.loss == "bce" else lambda logits: logits.softmax(dim=-1)
        return [squash(own).tolist() for own in logits]

    def extract(
        self,
        documents: Sequence[Sequence[str]],
        *,
        tokens_per_batch: int = 4096,
        progress: Callable[[list], list] = lambda batches: batches,
        ids: Sequence[str] | None = None,
        **choice,
    ) -> list[list[int]]:
        """Indices of the chosen sentences of each document: ``score_documents``, then ``choose`` with ``choice``."""
        return self.choose(documents, self.score_documents(documents, tokens_per_batch, progress, ids), **choice)

    def choose(
        self,
        documents: Sequence[Sequence[str]],
        scores: Sequence[Sequence[float]],
        k: int | None = None,
        words: int | None = None,
        ratio: float | None = None,
        threshold: float | None = None,
        block_trigrams: bool = True,
    ) -> list[list[int]]:
        """Indices of the chosen sentences of each document, given its ``scores``.

        Args:
            k, words, threshold, block_trigrams: see ``bertsum_lite.selection.select``. Where neither ``k``
                nor another limit is given, ``config.k`` sentences are chosen.
            ratio: at most this share of the document's words, above 0 and up to 1.

        Warns where a document has fewer than ``k`` sentences that do not repeat each other.
        """
        if ratio is not None and not 0 < ratio <= 1:
            raise ValueError(f"the ratio is a share of the text's words, above 0 and up to 1, got {ratio}")
        limited = not (words is ratio is threshold is None)
        k = self.config.k if k is None and not limited else k
        chosen = []
        for document, row in zip(documents, scores):
            budget = words
            if ratio is not None:
                share = max(1, round(ratio * len(tokenize(" ".join(document)))))
                budget = share if words is None else min(words, share)
            chosen.append(select(document, row, len(document) if k is None else k, budget, threshold, block_trigrams))
        short = [len(row) for document, row in zip(documents, chosen) if len(row) < min(k or 0, len(document))]
        if short and not limited:
            warnings.warn(
                f"{len(short)} of {len(documents)} documents have fewer than {k} sentences that do not repeat each "
                f"other (the first has {short[0]}); block_trigrams=False, or --no-blocking, allows repetitions",
                stacklevel=1,
            )
        return chosen

    def summarize(self, text: str | Sequence[str], **choice) -> list[str]:
        """Summarize one raw text (or the list of its sentences): its chosen sentences, in their order.

        Args:
            choice: ``k``, ``words``, ``ratio``, ``threshold``, ``block_trigrams`` as in ``choose``.

        Raises:
            TypeError: if it is no text; a list of texts is for ``summarize_many``.
            ValueError: if there is no text in it.
        """
        return self._summaries([document_from(text, self.config.language)], choice)[0]

    def summarize_many(self, texts: Sequence[str | Sequence[str]], **choice) -> list[list[str]]:
        """``summarize`` for many texts at once, in batches, in the order given; ``progress`` as in ``score_documents``.

        Raises:
            TypeError, ValueError: as ``summarize``, naming the text, counted from 1.
        """
        return self._summaries(documents_from(texts, self.config.language), choice)

    def _summaries(self, documents: list[list[str]], choice: dict) -> list[list[str]]:
        return [[document[i] for i in row] for document, row in zip(documents, self.extract(documents, **choice))]

    def score(self, text: str) -> list[ScoredSentence]:
        """Every sentence of a raw text with its score, and its place in the text, in their order.

        With ``bce`` a score is a probability; with ``listwise`` the scores of a text sum to 1.

        Raises:
            TypeError, ValueError: as ``summarize``.
        """
        if not isinstance(text, str):
            raise TypeError(f"score wants one text, as a string, got {type(text).__name__}")
        spans = split_spans(text, self.config.language)
        if not spans:
            raise ValueError("the text is empty: there is nothing to score")
        sentences = [clean(text[start:end]) for start, end in spans]
        (scores,) = self.score_documents([sentences])
        return [ScoredSentence(s, score, *span) for s, score, span in zip(sentences, scores, spans)]
