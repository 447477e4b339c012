"""From sentences to tensors: one ``[CLS]`` a sentence, whole sentences, windows, batches (notebook 06).

    [CLS] first sentence [SEP] [CLS] second sentence [SEP] …
      0     0       0      0     1      1       1      1     sentence_ids

``sentence_ids`` says of every token which sentence it belongs to (−1: padding). Everything else
follows from it: the attention mask, the interval segments, where the ``[CLS]`` stand.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bertsum_lite.sentences import clean, split_sentences

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PADDING = -1


@dataclass(frozen=True)
class Window:
    """Consecutive whole sentences of a document that fit the encoder together.

    Attributes:
        input_ids: (tokens,)
        sentence_ids: (tokens,), counted from 0 within the window.
        start: index in the document of the window's first sentence.
        labels: (sentences,), or None where nothing is known.
    """

    input_ids: list[int]
    sentence_ids: list[int]
    start: int = 0
    labels: list[float] | None = None

    @property
    def sentences(self) -> int:
        return self.sentence_ids[-1] + 1

    def __len__(self) -> int:
        return len(self.input_ids)


def document_from(text: str | Sequence[str], language: str = "en") -> list[str]:
    """The sentences of one raw text, or of one document that is a list of sentences already.

    Raises:
        TypeError: if it is neither, or a list of whole texts; says what to call.
        ValueError: if there is no text.
    """
    if isinstance(text, str):
        sentences = split_sentences(text, language)
    elif isinstance(text, Sequence) and not isinstance(text, bytes) and all(isinstance(part, str) for part in text):
        sentences = list(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # these are only counted
            parts = sum(len(split_sentences(sentence, language)) for sentence in sentences)
        if sentences and parts >= 2 * len(sentences):
            raise TypeError(
                f"a list of {len(sentences)} strings that hold {parts} sentences is no list of sentences: call "
                "summarize_many(texts) for several texts, or summarize(text) with one string"
            )
    else:
        cure = "; decode it first: text.decode('utf-8')" if isinstance(text, bytes) else ""
        raise TypeError(f"want one text (a string) or a list of its sentences, got {type(text).__name__}{cure}")
    if not any(map(clean, sentences)):
        raise ValueError("the text is empty: there is nothing to summarize")
    return sentences


def documents_from(texts: Sequence[str | Sequence[str]], language: str = "en") -> list[list[str]]:
    """``document_from`` for each of many texts; an error names the text, counted from 1."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise TypeError(f"want a list of texts, got {type(texts).__name__}; summarize(text) takes one")
    documents = []
    for number, text in enumerate(texts, start=1):
        try:
            documents.append(document_from(text, language))
        except (TypeError, ValueError) as error:
            raise type(error)(f"text {number}: {error}") from error
    return documents


def encode_sentences(
    sentences: Sequence[str], tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> list[list[int]]:
    """Token ids of each sentence, from its ``[CLS]`` to its ``[SEP]``, at most ``max_length``.

    Special tokens typed in the text are text: ``[CLS]`` becomes ``[``, ``cl``, ``##s``, ``]``.
    A sentence longer than the window is cut, with one warning for the document.

    Raises:
        ValueError: if no sentence has any text.
    """
    texts = [clean(sentence) for sentence in sentences]
    if not any(texts):
        raise ValueError("the document is empty: no sentence of it has any text")
    # split_special_tokens: what a user types is data, never markup
    rows = tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    room = max_length - 2
    if (longest := max(map(len, rows))) > room:
        warnings.warn(
            f"a sentence of {longest} tokens is longer than the encoder's window and was cut to {room}", stacklevel=2
        )
    return [[tokenizer.cls_token_id, *row[:room], tokenizer.sep_token_id] for row in rows]


def encode_documents(
    documents: Sequence[Sequence[str]],
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
    ids: Sequence[str] | None = None,
) -> list[list[list[int]]]:
    """``encode_sentences`` of many documents, with one warning for all that is cut.

    Args:
        ids: the names of the documents, for messages; default: their numbers, counted from 1.

    Raises:
        ValueError: if a document has no sentence with any text, naming it.
    """
    result, cut = [], []
    for name, document in zip(ids or range(1, len(documents) + 1), documents):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result.append(encode_sentences(document, tokenizer, max_length))
            except ValueError as error:
                raise ValueError(f"document {name}: {error}") from error
        if caught:
            lengths = [len(tokenizer.tokenize(clean(sentence), verbose=False)) for sentence in document]
            cut.append((max(lengths), name))
    if cut:
        longest, name = max(cut)
        warnings.warn(
            f"{len(cut)} of {len(documents)} documents have a sentence longer than the encoder's window, which was cut "
            f"to {max_length - 2} tokens; the longest, of {longest} tokens, is in document {name}",
            stacklevel=1,
        )
    return result


def windows(pieces: Sequence[Sequence[int]], max_length: int) -> list[Window]:
    """Pack encoded sentences into windows of at most ``max_length`` tokens, never cutting one.

    A document that fits is one window. In a longer one each window repeats the last quarter of
    the one before, so that no sentence is read at an edge only.

    Raises:
        ValueError: if a sentence alone is longer than a window.
    """
    if (longest := max(map(len, pieces), default=0)) > max_length:
        raise ValueError(f"a sentence of {longest} tokens fits no window of {max_length}; encode_sentences cuts it")
    result: list[Window] = []
    start = end = 0
    while end < len(pieces):
        end, used = start, 0
        while end < len(pieces) and used + len(pieces[end]) <= max_length:
            used += len(pieces[end])
            end += 1
        own = pieces[start:end]
        result.append(
            Window(
                input_ids=[token for piece in own for token in piece],
                sentence_ids=[i for i, piece in enumerate(own) for _ in piece],
                start=start,
            )
        )
        # Step back over whole sentences while they fit into a quarter; always move forward by one.
        next_start, repeated = end, 0
        while next_start - 1 > start and (repeated := repeated + len(pieces[next_start - 1])) <= max_length // 4:
            next_start -= 1
        start = next_start
    return result


def first_windows(
    documents: Sequence[Sequence[str]],
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
    ids: Sequence[str] | None = None,
) -> list[Window]:
    """The first window of each document; ``ids`` and errors as in ``encode_documents``."""
    return [windows(pieces, max_length)[0] for pieces in encode_documents(documents, tokenizer, max_length, ids)]


def interval_segments(sentence_ids: Tensor) -> Tensor:
    """``token_type_ids`` that alternate with the sentence: 0, 1, 0, 1 … (padding: 0).

    (batch, tokens) → (batch, tokens). Liu & Lapata 2019, section 3.1.
    """
    return sentence_ids.clamp(min=0) % 2


def collate(examples: Sequence[Window], pad_token_id: int = 0) -> dict[str, Tensor]:
    """Pad windows to one length.

    Returns:
        ``input_ids`` and ``sentence_ids`` (batch, tokens), and ``labels`` (batch, sentences) where
        every window has them.
    """

    def padded(rows: list[list], value: float) -> Tensor:
        width = max(map(len, rows))
        return torch.tensor([row + [value] * (width - len(row)) for row in rows])

    batch = {
        "input_ids": padded([w.input_ids for w in examples], pad_token_id),
        "sentence_ids": padded([w.sentence_ids for w in examples], PADDING),
    }
    if all(w.labels is not None for w in examples):
        batch["labels"] = padded([w.labels for w in examples], 0.0)
    return batch


def token_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group indices into batches whose *padded* size is at most ``max_tokens``.

    Neighbours in length share a batch, which keeps padding small. An example larger than the
    budget makes a batch of its own. Every index appears exactly once, in any order: put results
    back by index.
    """
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        # Lengths only grow, so this example's length is the width of the batch it joins.
        if batches and lengths[i] * (len(batches[-1]) + 1) <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches
