"""Token ids back to text as people write it: spaces and capitals as the source has them (notebook 09).

A WordPiece tokenizer takes "$3.5 million" apart and puts it together as "$ 3. 5 million"; an uncased one
also forgets the capitals. What a summary says was mostly in the document, so the document knows better.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import regex

from bertsum_lite.sentences import UNSPACED, clean

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OPENING, CLOSING, JOINING = set("([{$£€¥#@“‘¿¡"), set(".,;:!?)]}%…”’。，、！？；："), set("-/'’_&")
UNSPACED_PAIR = regex.compile(rf"[{UNSPACED}。，、！？；：]{{2}}")


class Spelling:
    """How a document writes its words, for ``text``.

    Args:
        tokenizer: a BERT's.
        document: its sentences; without any, general rules of English alone decide.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", document: Sequence[str] = ()):
        normalize = tokenizer.backend_tokenizer.normalizer.normalize_str
        split = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str
        self.forms: dict[str, Counter] = defaultdict(Counter)  # word in the vocabulary's spelling → as written
        self.spaced: dict[tuple[str, str], Counter] = defaultdict(Counter)  # two neighbours → is there a space
        for sentence in map(clean, document):
            words = [(normalize(word).strip(), word, place) for word, place in split(sentence)]
            for number, (key, word, _) in enumerate(words):
                # A capital at the beginning says nothing, unless the name goes on.
                if number or (len(words) > 1 and words[1][1][:1].isupper()):
                    self.forms[key][word] += 1
            for (key, _, place), (next_key, _, next_place) in pairwise(words):
                self.spaced[key, next_key][place[1] < next_place[0]] += 1

    def text(self, tokens: Sequence[str]) -> str:
        """The tokens, ``##`` pieces included, as one sentence with a capital at its beginning."""
        words: list[str] = []
        for token in tokens:
            if token.startswith("##") and words:
                words[-1] += token[2:]
            else:
                words.append(token)
        result, quotes = "", 0
        for number, word in enumerate(words):
            if number and self._space(words, number, quotes):
                result += " "
            quotes += word == '"'
            result += self.forms[word].most_common(1)[0][0] if word in self.forms else word
        return result[:1].upper() + result[1:]

    def _space(self, words: list[str], number: int, quotes: int) -> bool:
        """Whether a space stands before the word of this number; ``quotes`` were seen before it."""
        before, word = words[number - 1 : number + 1]
        if (before, word) in self.spaced:
            return self.spaced[before, word].most_common(1)[0][0]
        if word in CLOSING or word in JOINING or before in OPENING or before in JOINING:
            return False
        if '"' in (before, word):  # a space outside the quotation: before its opening mark, after its closing one
            return quotes % 2 == 0
        if before in ".,:" and number > 1:
            left = words[number - 2]
            digits = left.isdigit() and word.isdigit()
            initials = before == "." and len(left) == len(word) == 1 and left.isalpha() and word.isalpha()
            return not (digits or initials)
        return not UNSPACED_PAIR.fullmatch(before[-1] + word[0])
