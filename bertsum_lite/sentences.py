"""Sentence splitting: raw text in, a list of sentences out (notebook 04).

The rules are pysbd's ("pragmatic segmenter", Sadvilkar & Neumann 2020): it knows that
"Dr. Oke paid $3.5 million." is one sentence, and it keeps quotations together.
"""

import re

import pysbd
import regex

# A grapheme that belongs to a script which writes no spaces between words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"


def clean(text: str) -> str:
    """Return ``text`` on one line: white space folded, lone surrogates (no valid UTF-8) as U+FFFD."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(text.split())


def split_sentences(text: str, language: str = "en") -> list[str]:
    """Split ``text`` into sentences.

    A blank line always ends a sentence; a single line break is white space.

    Args:
        text: any string; an empty one gives an empty list.
        language: ISO 639-1 code, one of ``pysbd.languages.LANGUAGE_CODES``.

    Raises:
        ValueError: if no rules are known for ``language``.
    """
    if language not in pysbd.languages.LANGUAGE_CODES:
        known = ", ".join(sorted(pysbd.languages.LANGUAGE_CODES))
        raise ValueError(f"no sentence rules for language {language!r}; known are {known}")
    segmenter = pysbd.Segmenter(language=language, clean=False)
    paragraphs = map(clean, re.split(r"\n\s*\n", text))
    sentences = [s.strip() for paragraph in paragraphs if paragraph for s in segmenter.segment(paragraph)]
    return [s for s in sentences if s]


def join_sentences(sentences: list[str]) -> str:
    """Join sentences to a text: with a space, or with nothing after Chinese, Japanese or Thai."""
    return regex.sub(rf"(?<=[{UNSPACED}。！？；]) (?=[{UNSPACED}“「])", "", " ".join(sentences))
