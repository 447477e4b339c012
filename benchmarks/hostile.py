"""10,000 hostile texts through the whole library: no crash, no hang, no character lost.

python benchmarks/hostile.py [TEXTS] [SEED]      (default: 10,000 texts, seed 0)

Each text is made of a few pieces of nasty kinds, up to about 20,000 characters, then split, labelled, encoded,
scored, selected from and summarized. A text that takes more than LIMIT seconds is a hang. The
model is a BERT of random weights with the real vocabulary: what is tried is the path, not the choice.
"""

import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager

import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from bertsum_lite.backbone import minilm_folder, quiet
from bertsum_lite.encoding import encode_sentences, windows
from bertsum_lite.extractive import ExtractiveConfig, ExtractiveSummarizer
from bertsum_lite.oracle import ceiling, labels
from bertsum_lite.selection import select
from bertsum_lite.sentences import clean, split_sentences

LIMIT = 10  # seconds for one text
SCRIPTS = [
    "abc dé ß",
    "абв где",
    "ابج دهو",
    "हिन्दी भाषा।",
    "渡轮停运。市议会",
    "ไทย ภาษา",
    "עברית",
    "한국어 문장",
    "😀🏳️‍🌈👩‍👩‍👧",
    "ﬁﬂ𝔸𝟘",
]
STOPS = [". ", "! ", "? ", "... ", "。", "؟ ", "। ", "\n", "\n\n", "\r\n", "\u2028", "\x85", " ", ""]
MARKUP = [
    "<p class='x'>",
    "</div>",
    "&nbsp;",
    "[CLS] [SEP] [unused0] [PAD]",
    "\\frac{a}{b}",
    "| a | b |",
    "```",
    "- item",
    "1. one",
]
SYMBOLS = "♭∯ȸȹ☝♬☉☈☇☄&∬∮⎋♟.,;:!?()[]{}<>\"'“”‘’«»-–—/\\|_*#@$%^~`+="
CONTROLS = [chr(code) for code in [*range(32), 127, 0x85, 0xA0, 0x200B, 0x200D, 0x200E, 0x202E, 0x2060, 0xFEFF, 0xFFFD]]
SURROGATES = ["\ud800", "\udfff", "\ud83d\ude00"]


def words(draw: random.Random) -> str:
    script = draw.choice(SCRIPTS)
    return "".join(
        "".join(draw.choices(script, k=draw.randint(1, 60))) + draw.choice(STOPS) for _ in range(draw.randint(1, 30))
    )


def one_symbol(draw: random.Random) -> str:
    return draw.choice(SYMBOLS + "a1 \n") * draw.randint(1, 5000)


def pattern(draw: random.Random) -> str:
    return "".join(draw.choices(SYMBOLS + "0123456789 aA", k=draw.randint(1, 6))) * draw.randint(1, 1000)


def noise(draw: random.Random) -> str:
    return "".join(chr(draw.randrange(0x10FFFF)) for _ in range(draw.randint(1, 300)))


def controls(draw: random.Random) -> str:
    return "".join(draw.choices([*CONTROLS, *SURROGATES, "a", ". ", "B"], k=draw.randint(1, 300)))


def marked_up(draw: random.Random) -> str:
    return draw.choice(["", " ", "\n"]).join(draw.choices([*MARKUP, "A word.", "Another one!"], k=draw.randint(1, 60)))


def repetition(draw: random.Random) -> str:
    return draw.choice(["The same. ", "Dr. Anna Meier: yes\n", "2024-01-05 12:00 ok\n", "渡轮停运。"]) * draw.randint(
        1, 400
    )


def accents(draw: random.Random) -> str:
    return "".join(
        c + "".join(chr(draw.randint(0x300, 0x36F)) for _ in range(draw.randint(0, 9))) for c in "zalgo text. "
    )


def long_word(draw: random.Random) -> str:
    return draw.choice(["a", "渡", "http://x.y/", "9.9", "ab-"]) * draw.randint(500, 6000)


KINDS: list[Callable[[random.Random], str]] = [
    words, one_symbol, pattern, noise, controls, marked_up, repetition, accents, long_word,
]  # fmt: skip


@contextmanager
def limit(seconds: int):
    def stop(*_):
        raise TimeoutError(f"more than {seconds} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def solid(text: str) -> str:
    return "".join(text.split())


def go_through(text: str, model: ExtractiveSummarizer) -> None:
    """Every step of the library; raises what goes wrong."""
    sentences = split_sentences(text)
    assert solid("".join(sentences)) == solid(clean(text)), "characters lost"
    if not sentences:
        for call in (model.summarize, model.score):
            try:
                call(text)
            except ValueError as error:
                assert "empty" in str(error)  # noqa: PT017
            else:
                raise AssertionError("nothing was summarized")
        return
    assert len(labels(sentences, sentences[-1:])) == len(sentences)
    ceiling(sentences, [sentences[:1], sentences[-1:]], 2)
    pieces = encode_sentences(sentences, model.tokenizer, model.config.window)
    packed = windows(pieces, model.config.window)
    assert max(w.start + w.sentences for w in packed) == len(sentences), "sentences lost"
    scored = model.score(text)
    assert [s.text for s in scored] == sentences
    assert all(clean(text[s.start : s.end]) == s.text for s in scored), "offsets wrong"
    scores = [s.score for s in scored]
    assert all(score == score for score in scores), "a score is not a number"
    for options in ({"k": 3}, {"k": len(sentences), "words": 20}, {"k": 5, "threshold": 0.5}):
        chosen = select(sentences, scores, **options)
        assert chosen == sorted(set(chosen)) != [], "bad selection"
    summary = model.summarize(text, ratio=0.3)
    assert set() < set(summary) <= set(sentences), "the summary is no extract"


def tiny_model() -> ExtractiveSummarizer:
    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    with tempfile.TemporaryDirectory() as folder, quiet():
        BertModel(BertConfig(vocab_size=len(tokenizer), **size), add_pooling_layer=False).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return ExtractiveSummarizer.from_encoder(folder, ExtractiveConfig(heads=2, intermediate_size=64))


def main() -> int:
    texts, seed = (int(value) for value in (sys.argv[1:] + ["10000", "0"][len(sys.argv) - 1 :])[:2])
    model, failures, seconds, kinds = tiny_model(), [], [], Counter()
    warnings.simplefilter("ignore")  # that a sentence was cut is right here
    for number in range(texts):
        draw = random.Random(f"{seed} {number}")
        chosen = draw.choices(KINDS, k=draw.randint(1, 4))
        text = draw.choice(["", " ", "\n", "\n\n"]).join(kind(draw) for kind in chosen)
        kinds.update(kind.__name__ for kind in chosen)
        start = time.perf_counter()
        try:
            with limit(LIMIT):
                go_through(text, model)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            failures.append(
                f"text {number}: {type(error).__name__}: {error} ({where.filename}:{where.lineno}) {text!r:.80}"
            )
        seconds.append((time.perf_counter() - start, len(text), number))
    longest = max(seconds)
    print(f"{texts:,} texts, {sum(n for _, n, _ in seconds):,} characters, pieces by kind: {dict(kinds)}")
    print(f"slowest: text {longest[2]}, {longest[1]:,} characters, {longest[0]:.2f} s (limit {LIMIT} s)")
    print(f"failures: {len(failures)}", *failures[:20], sep="\n")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
