"""BERTSUM that writes: a pre-trained encoder and our decoder on it (notebooks 09 and 10)."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import PretrainedConfig
from transformers.utils import ModelOutput

from bertsum_lite.backbone import MINILM
from bertsum_lite.beam_search import Search, beam_search
from bertsum_lite.encoding import (
    PADDING,
    Window,
    collate,
    document_from,
    documents_from,
    first_windows,
    token_batches,
)
from bertsum_lite.layers import DecoderLayer, KeysValues, sinusoidal_positions
from bertsum_lite.pretrained import BertsumModel
from bertsum_lite.sentences import clean
from bertsum_lite.spelling import Spelling

# BERT's unused tokens open and close a summary and part its sentences, as in the paper's code.
START, END, NEXT = 1, 2, 3
IGNORED = -100  # no loss at padding


class AbstractiveConfig(PretrainedConfig):
    """What an ``AbstractiveSummarizer`` is made of.

    Args:
        encoder: the BERT's own configuration, as a dictionary.
        decoder_layers, heads, intermediate_size, dropout: of the decoder.
        embedding_scale: the decoder's first hidden states, token vectors plus positions / √hidden, are
            multiplied by it. √hidden is the paper's; at 1, which learns in fewer updates, a token does not
            begin as its own likeliest successor (notebook 10).
        encoder_dropout: inside the BERT; 0.1 in the paper.
        label_smoothing: share of the target probability spread over all words, while training.
        sampled_words: in training the softmax runs over the batch's own words and so many random others
            (Jean et al. 2015): on a CPU most of an update is that softmax. 0: over the whole vocabulary.
        interval_segments: alternate ``token_type_ids`` from sentence to sentence.
        window: tokens of a document that the encoder reads; what is beyond is not seen.
        longest_target: tokens of a summary in training; longer ones are cut.
        search: arguments of ``bertsum_lite.beam_search.Search`` for ``summarize``.
        language: for sentence splitting in ``summarize``.
    """

    model_type = "bertsum-lite-abstractive"

    def __init__(
        self,
        encoder: dict | None = None,
        decoder_layers: int = 3,
        heads: int = 8,
        intermediate_size: int = 1024,
        dropout: float = 0.1,
        embedding_scale: float = 1.0,
        encoder_dropout: float = 0.0,
        label_smoothing: float = 0.1,
        sampled_words: int = 0,
        interval_segments: bool = True,
        window: int = 512,
        longest_target: int = 140,
        search: dict | None = None,
        language: str = "en",
        **kwargs,
    ):
        self.encoder = encoder or {}
        self.decoder_layers = decoder_layers
        self.heads = heads
        self.intermediate_size = intermediate_size
        self.dropout = dropout
        self.embedding_scale = embedding_scale
        self.encoder_dropout = encoder_dropout
        self.label_smoothing = label_smoothing
        self.sampled_words = sampled_words
        self.interval_segments = interval_segments
        self.window = window
        self.longest_target = longest_target
        self.search = search or {}
        self.language = language
        super().__init__(**kwargs)

    @classmethod
    def paper(cls, **changes) -> "AbstractiveConfig":
        """BertSumAbs as Liu & Lapata (2019) describe it, with their search on CNN/DailyMail."""
        decoder = {"decoder_layers": 6, "intermediate_size": 2048, "embedding_scale": math.sqrt(768)}
        search = {"width": 5, "shortest": 50, "longest": 200, "length_penalty": 0.95, "block": 3}
        return cls(**{**decoder, "encoder_dropout": 0.1, "search": search, **changes})


@dataclass
class AbstractiveOutput(ModelOutput):
    """Loss (mean over documents of the mean over their tokens) and logits (batch, target, vocabulary).

    In training with ``sampled_words`` the logits are those of the sampled words.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None


@dataclass(frozen=True)
class Pair:
    """A document's window and the summary to write.

    Attributes:
        target: token ids up to the end token (tokens,).
        memory: what the encoder says of the window (window tokens, hidden), if ``remember`` has asked it.
    """

    window: Window
    target: list[int]
    memory: Tensor | None = None

    def __len__(self) -> int:
        return len(self.window) + len(self.target)


class Decoder(nn.Module):
    """A Transformer that writes the next token; its token vectors are also its output layer.

    Args:
        embedding: token vectors (vocabulary, hidden), used at both ends.
        config: the rest.
    """

    def __init__(self, embedding: nn.Embedding, config: AbstractiveConfig):
        super().__init__()
        self.embedding = embedding
        self.scale = config.embedding_scale
        self.layers = nn.ModuleList(
            DecoderLayer(embedding.embedding_dim, config.heads, config.intermediate_size, config.dropout)
            for _ in range(config.decoder_layers)
        )
        self.norm = nn.LayerNorm(embedding.embedding_dim)
        self.dropout = nn.Dropout(config.dropout)

    def sources(self, memory: Tensor) -> list[KeysValues]:
        """Each layer's keys and values of the source (documents, tokens, hidden): computed once a document."""
        return [layer.cross_attention.keys_values(memory) for layer in self.layers]

    def forward(
        self,
        ids: Tensor,
        sources: list[KeysValues],
        source_mask: Tensor,
        past: list[KeysValues] | None = None,
        words: Tensor | None = None,
    ) -> tuple[Tensor, list[KeysValues]]:
        """Logits for the token after each of ``ids`` (rows, tokens, vocabulary), and the new ``past``.

        Args:
            words: the ids of the tokens to give logits of; None: of all.
        """
        before = 0 if past is None else past[0][0].size(2)
        hidden = self.embedding.embedding_dim
        positions = sinusoidal_positions(before + ids.size(1), hidden, ids.device)[before:]  # (tokens, hidden)
        vectors = self.embedding(ids)
        x = self.dropout(self.scale * (vectors + positions.to(vectors.dtype) / math.sqrt(hidden)))
        present = []
        for i, layer in enumerate(self.layers):
            x, own = layer(x, sources[i], source_mask, None if past is None else past[i])
            present.append(own)
        output = self.embedding.weight if words is None else self.embedding.weight[words]
        return F.linear(self.norm(x), output), present


class AbstractiveSummarizer(BertsumModel):
    """Reads a document as BERTSUM does and writes a summary.

    Make one with ``from_encoder``: from a pre-trained BERT it is the paper's BertSumAbs, from a trained
    extractive model's folder BertSumExtAbs.
    """

    config_class = AbstractiveConfig

    def __init__(self, config: AbstractiveConfig):
        super().__init__(config)
        size = self.encoder.config
        embedding = nn.Embedding(size.vocab_size, size.hidden_size)
        self.decoder = Decoder(embedding, config)
        self.post_init()

    @classmethod
    def from_encoder(
        cls, name: str = MINILM, config: AbstractiveConfig | None = None, layers: int | None = None, **hub
    ) -> "AbstractiveSummarizer":
        """As ``BertsumModel.from_encoder``; the decoder's token vectors start as the encoder's.

        Raises:
            ValueError: if the vocabulary has no unused tokens to open and close a summary with.
        """
        model = super().from_encoder(name, config, layers, **hub)
        if not all(t.startswith("[unused") for t in model.tokenizer.convert_ids_to_tokens([START, END, NEXT])):
            raise ValueError(f"the vocabulary of {name} has no [unused…] tokens at 1, 2 and 3, which summaries need")
        model.decoder.embedding.weight.data.copy_(model.encoder.embeddings.word_embeddings.weight)
        return model

    # The model ----------------------------------------------------------------------------------

    def forward(
        self, input_ids: Tensor, sentence_ids: Tensor, labels: Tensor, memory: Tensor | None = None
    ) -> AbstractiveOutput:
        """Teacher forcing: every word of the summary is predicted from the right words before it.

        Args:
            input_ids, sentence_ids: (batch, tokens); see ``bertsum_lite.encoding``.
            labels: (batch, target), the summary up to the end token; −100 at padding.
            memory: (batch, tokens, hidden), what the encoder says of ``input_ids``, if that is known.
        """
        memory = self.read(input_ids, sentence_ids) if memory is None else memory.to(self.dtype)
        written, words = F.pad(labels.clamp(min=0), (1, 0), value=START)[:, :-1], None  # shifted right
        if self.training and self.config.sampled_words:
            vocabulary = self.decoder.embedding.num_embeddings
            others = torch.randint(vocabulary, (self.config.sampled_words,), device=labels.device)
            words = torch.cat([labels.clamp(min=0).flatten(), input_ids.flatten(), others]).unique()  # sorted
            labels = torch.where(labels == IGNORED, IGNORED, torch.searchsorted(words, labels))
        logits, _ = self.decoder(written, self.decoder.sources(memory), sentence_ids != PADDING, words=words)
        losses = F.cross_entropy(
            logits.transpose(1, 2).float(),
            labels,
            ignore_index=IGNORED,
            label_smoothing=self.config.label_smoothing if self.training else 0.0,
            reduction="none",
        )  # (batch, target)
        loss = (losses.sum(dim=-1) / (labels != IGNORED).sum(dim=-1)).mean()
        return AbstractiveOutput(loss=loss, logits=logits)

    # From records to examples, from text to summary ---------------------------------------------

    def target(self, summary: Sequence[str]) -> list[int]:
        """Token ids of a summary: its sentences parted by one token and closed by another."""
        texts = [text for text in map(clean, summary) if text]
        if not texts:
            raise ValueError("the summary is empty: there is nothing to learn to write")
        rows = self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        ids = [token for row in rows for token in (NEXT, *row)][1:]
        if len(ids) >= self.config.longest_target:
            warnings.warn(
                f"a summary of {len(ids)} tokens is longer than longest_target and was cut to "
                f"{self.config.longest_target - 1}",
                stacklevel=2,
            )
        return [*ids[: self.config.longest_target - 1], END]

    def examples(self, records: Sequence[dict]) -> list[Pair]:
        """Training examples: the first window of each document, and its summary.

        Raises:
            ValueError: if there are no records, or a document or summary is empty; names the record.
        """
        documents, names = [record["document"] for record in records], [record["id"] for record in records]
        read = first_windows(documents, self.tokenizer, self.config.window, names)
        result = []
        for record, window in zip(records, read):
            try:
                result.append(Pair(window, self.target(record["summary"])))
            except ValueError as error:
                raise ValueError(f"document {record['id']}: {error}") from error
        if not result:
            raise ValueError("there are no records to make training examples of")
        return result

    @torch.no_grad()
    def remember(self, examples: Sequence[Pair]) -> list[Pair]:
        """Ask the encoder once about each window and freeze it: training then costs the decoder alone.

        Half precision: 3,000 documents of 150 tokens take 350 MB.
        """
        self.encoder.requires_grad_(False)
        was_training, result = self.training, list(examples)
        self.eval()
        for chosen in token_batches([len(pair.window) for pair in examples], 4096):
            batch = collate([examples[i].window for i in chosen], self.tokenizer.pad_token_id)
            memory = self.read(**{name: tensor.to(self.device) for name, tensor in batch.items()}).half().cpu()
            for i, vectors in zip(chosen, memory):
                result[i] = replace(examples[i], memory=vectors[: len(examples[i].window)].clone())
        self.train(was_training)
        return result

    def collate(self, examples: Sequence[Pair]) -> dict[str, Tensor]:
        """Make a batch of examples, for ``train``."""
        batch = collate([pair.window for pair in examples], self.tokenizer.pad_token_id)
        width = max(len(pair.target) for pair in examples)
        batch["labels"] = torch.tensor([pair.target + [IGNORED] * (width - len(pair.target)) for pair in examples])
        if all(pair.memory is not None for pair in examples):
            batch["memory"] = pad_sequence([pair.memory.float() for pair in examples], batch_first=True)
        return batch

    def write(
        self,
        documents: Sequence[Sequence[str]],
        search: Search | None = None,
        tokens_per_batch: int = 8192,
        progress: Callable[[Sequence], Sequence] = lambda batches: batches,
        ids: Sequence[str] | None = None,
    ) -> list[list[str]]:
        """A summary, as sentences, for each document, in the order given.

        Args:
            tokens_per_batch: padded tokens that the encoder reads at once; set it by memory.
            progress: wraps the list of batches, for a progress bar (``tqdm``).
            ids: the documents' names, for messages; default: their numbers, counted from 1.

        Warns if the end of a document was not read, and if several documents all get the same summary:
        then the decoder does not read its source.
        """
        search = search or Search(**self.config.search)
        forbidden = torch.tensor(self._never_written(), device=self.device)
        read = first_windows(documents, self.tokenizer, self.config.window, ids)
        if cut := [i for i, window in enumerate(read) if window.sentences < len(documents[i])]:
            warnings.warn(
                f"{len(cut)} of {len(documents)} documents are longer than the {self.config.window} tokens that the "
                f"encoder reads; of the first, it read {read[cut[0]].sentences} of {len(documents[cut[0]])} sentences",
                stacklevel=1,
            )
        results: list[list[str]] = [[] for _ in read]
        was_training = self.training
        self.eval()
        for chosen in progress(token_batches([len(window) for window in read], tokens_per_batch)):
            batch = collate([read[i] for i in chosen], self.tokenizer.pad_token_id)
            for i, ids_written in zip(chosen, self._search(batch, search, forbidden)):
                results[i] = self._sentences(ids_written, documents[i])
        self.train(was_training)
        if len({tuple(window.input_ids) for window in read}) > 2 and len(set(map(tuple, results))) == 1:
            warnings.warn(
                f"all {len(results)} documents got the same summary: the decoder does not read its source; train "
                "longer, with more documents per update, or with a lower learning rate for the encoder",
                stacklevel=1,
            )
        return results

    @torch.inference_mode()
    def _search(self, batch: dict[str, Tensor], search: Search, forbidden: Tensor) -> list[list[int]]:
        sentence_ids = batch["sentence_ids"].to(self.device)
        memory, mask = self.read(batch["input_ids"].to(self.device), sentence_ids), sentence_ids != PADDING
        sources, past = self.decoder.sources(memory), None

        def step(tokens: Tensor, rows: Tensor | None) -> Tensor:
            nonlocal past
            if rows is not None:
                past = [tuple(part[rows] for part in layer) for layer in past]
            logits, past = self.decoder(tokens.unsqueeze(1), sources, mask, past)
            return logits[:, -1]

        return beam_search(step, memory.size(0), START, END, search, forbidden, self.device)

    def _never_written(self) -> list[int]:
        """Ids of ``[PAD]``, ``[CLS]``, ``[unused7]`` and their like, but for those that structure a summary."""
        tokens = self.tokenizer.convert_ids_to_tokens(range(self.config.encoder["vocab_size"]))
        marks = set(self.tokenizer.all_special_tokens)
        return [i for i, t in enumerate(tokens) if (t in marks or t.startswith("[unused")) and i not in (END, NEXT)]

    def _sentences(self, ids: list[int], document: Sequence[str] = ()) -> list[str]:
        """Token ids as sentences, spelled as ``document`` spells its words."""
        rows: list[list[int]] = [[]]
        for token in ids:
            if token == NEXT:
                rows.append([])
            else:
                rows[-1].append(token)
        spelling = Spelling(self.tokenizer, document)
        return [text for row in rows if (text := spelling.text(self.tokenizer.convert_ids_to_tokens(row)))]

    def summarize(self, text: str | Sequence[str], search: Search | None = None, **writing) -> list[str]:
        """Summarize one raw text (or the list of its sentences); ``writing`` as in ``write``.

        Raises:
            TypeError: if it is no text; a list of texts is for ``summarize_many``.
            ValueError: if there is no text in it.
        """
        return self.write([document_from(text, self.config.language)], search, **writing)[0]

    def summarize_many(
        self, texts: Sequence[str | Sequence[str]], search: Search | None = None, **writing
    ) -> list[list[str]]:
        """``summarize`` for many texts at once, in batches, in the order given; ``writing`` as in ``write``.

        Raises:
            TypeError, ValueError: as ``summarize``, naming the text, counted from 1.
        """
        return self.write(documents_from(texts, self.config.language), search, **writing)
