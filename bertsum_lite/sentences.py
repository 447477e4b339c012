"""Sentence splitting: raw text in, the places of its sentences out (notebook 04).

The rules are our own: of the libraries we measured (benchmarks/splitters.py), each loses characters, needs minutes
for some megabytes of text, or finds fewer of the sentence ends that corpora give.
"""

import warnings
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import regex

# A grapheme that belongs to a script which writes no spaces between words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"

# The zero-width space and the byte order mark separate words or files; inside a word they mean nothing.
AS_SPACE = str.maketrans("\u200b\ufeff", "  ")
CONTROLS = [c for c in (*range(0x20), *range(0x7F, 0xA0)) if not chr(c).isspace()]  # no text at all
BREAKS = str.maketrans(dict.fromkeys("\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029", " "))
VISIBLE = regex.compile(r"[^\s\p{Default_Ignorable_Code_Point}\p{Cc}]")
WORD = regex.compile(r"(?V1)[[\p{L}\p{N}]--\p{Default_Ignorable_Code_Point}]")

# A full stop after a title never ends a sentence, after an abbreviation only before one of STARTERS, and after one of
# NUMBERED not before a number.
TITLES = {
    "en": "mr mrs ms mx messrs dr prof st gen col capt cmdr lt sgt maj adm rep sen gov pres rev hon fr supt det",
    "es": "sr sra srta sres dr dra prof profa d dña lic ing gral av avda st sto sta exc",
    "de": "dr prof hr fr frl dipl ing st fa mag",
    "fr": "m mm mme mlle me mgr dr pr prof st ste",
}
ABBREVIATIONS = {
    "en": "inc ltd co corp bros jr sr al vs v cf ca e.g i.e eg ie a.m p.m approx dept univ assn est resp viz ex incl "
    "esp ph.d jan feb mar apr jun jul aug sep sept oct nov dec ave blvd rd mt ft w.r.t i.i.d iid",
    "es": "ej p.ej aprox cía ca ee.uu ee uu admón depto dpto a.c d.c tel pág vol cap art núm fig ed",
    "de": "z.b bzw ca d.h u.a evtl ggf inkl exkl vgl bspw sog geb gest jh jhd mio mrd str tel zzgl max min "
    "jan feb apr aug sept okt nov dez bzgl abs art nr s.o s.u u.u o.ä co allg",
    "fr": "ex p.ex cf av apr env ed janv févr avr juil sept oct nov déc chap art fig vol tél no bd cie ch",
}
NUMBERED = set(
    regex.findall(r"\w+", "no nos nr núm num fig figs sec sect eq eqs ch chap vol p pp art tab abs pág págs")
)
NEVER_SMALL = {"etc", "usw"}  # a capital after these begins a sentence
STARTERS = {
    "en": "the a an this that these those he she it they we i you his her its their our my in on at by for from to "
    "as if when while after before since then there here however but and or so yet not no nobody only both all some "
    "many most what who where why how others another once under with without",
    "es": "el la los las un una él ella ellos se en no pero y por para con este esta al lo su sus según cuando",
    "de": "der die das ein eine er sie es wir ich in im am an auf bei mit nach von aber und doch dann da so nicht "
    "niemand das den dem diese dieser alle als wenn",
    "fr": "le la les un une il elle ils elles on nous je en dans mais et ce cette ces son ses au à pour par puis",
}

CLOSING = r"""(?:["'”’»›)\]}」』】〉》）］]|[“‘«](?=[\s\p{P}]|$)|\s»)"""
END = regex.compile(rf"([\p{{Sentence_Terminal}}…]+)({CLOSING}*(?:\[\d[\d, –-]*\])*)")
BEFORE = regex.compile(r"(?r)([\p{L}\p{M}\p{N}.]{1,40})\s?")
INITIALS = regex.compile(r"\p{Lu}|\p{L}{1,2}(?:\.\p{L}{1,3})+")
NEXT = regex.compile(r"(\s*)[\p{Ps}\p{Pi}\p{Pf}\p{Pd}\"'`¿¡]{0,5}\s?([\p{L}\p{M}\p{N}]{0,20})")
GLUED = regex.compile(r"[\"“‘(]?\p{Lu}(?:\p{Ll}|\s)[^\s./@:_()=]{0,40}(?:[.,;:!?]?(?:\s|$)|[.!?]\p{Lu})")
IS_UNSPACED = regex.compile(rf"[{UNSPACED}“「（]")
WIDE_MARK = regex.compile(r"[^.!?…]|……")

BULLET = regex.compile(r"(?:[-*+•‣▪●◦–—>]|#{1,6})\s+\S")
# The labels of a list inside a sentence. "(1)" may be an equation, and "1." begins a list only after a colon.
LABEL = regex.compile(r"(?<!\S)(?:(?:([1-9])|\(?(i{1,3}|iv|vi{0,3}|ix)|\(?([a-h]))\)|(?:(?<=:\s)(1)|([2-9]))\.)(?=\s)")
DIGITS = list("123456789")
COUNTS = {1: DIGITS, 2: ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"], 3: list("abcdefgh"), 4: DIGITS}
NUMBER = regex.compile(r"\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s")
TURN = regex.compile(r"[^\s:：]{1,24}(?:\s[^\s:：]{1,24}){0,3}\s?(?::(?=\s|$)|：)")
CELL = regex.compile(r".*?(?:\t|(?<!\S)\|(?!\S))")
CAPITALS = regex.compile(r"(?:\P{L}*\p{Lu}){2}[\p{Lu}\P{L}]*$")
NARROW, WIDE = 40, 120  # characters of the widest line: in narrower and in wider ones nobody wraps prose

UNIT = regex.compile(rf"([{UNSPACED}]\p{{M}}*[，；、：,;]*)|[^\s{UNSPACED}]+")
LONGEST, PIECE = 200, 100  # words; two characters of an unspaced script count as one

TAG = regex.compile(r"(?i)</?(?:p|div|br|span|a|h[1-6]|li|ul|ol|table|tr|td|html|body|b|i|em|strong)\b[^<>]{0,300}>")


def clean(text: str) -> str:
    """Return ``text`` on one line: white space folded, control characters dropped, lone surrogates as U+FFFD.

    Zero-width spaces and byte order marks are white space. All other invisible characters stay, since scripts and
    emoji are built with joiners; but where nothing is visible, there is no text.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(text.translate(AS_SPACE | dict.fromkeys(CONTROLS)).split()) if VISIBLE.search(text) else ""


def split_sentences(text: str, language: str = "en") -> list[str]:
    """Split ``text`` into sentences: ``clean`` of each of ``split_spans``, which has the rules."""
    return [clean(text[start:end]) for start, end in split_spans(text, language)]


def join_sentences(sentences: list[str]) -> str:
    """Join sentences to a text: with a space, or with nothing after Chinese, Japanese or Thai."""
    return regex.sub(rf"(?<=[{UNSPACED}。！？；]) (?=[{UNSPACED}“「])", "", " ".join(sentences))


def split_spans(text: str, language: str = "en") -> list[tuple[int, int]]:
    """Find the sentences of ``text``: every visible character is in one, and each has a letter or a digit.

    Lines. A blank line ends a sentence. Any other line break is a space, because prose is wrapped, unless

    - the next line begins with a list mark ("- ", "# "), or as every third line of its block at least does, with a
      number or a speaker ("1. ", "Anna: ");
    - one of the two lines is a row of a table (tabs or "|") or, alone in its block, in capitals;
    - the next line begins with no small letter and the line was left early: prose goes on to the margin, so the
      rest of the widest line would not have held the next word. Where no line begins with a small letter, most
      lines left early, or five lines or more, make a list. Lines of over 120 characters are paragraphs.

    A list inside a sentence is divided, too: "by 1) copying words, 2) counting them".

    Very long stretches. More than 200 words without an end, as in a transcript, are cut into pieces of at most 100:
    after a line, else after a semicolon or comma, else after a word. A warning says so, as it does where the text
    holds HTML.

    Args:
        text: any string; where nothing is visible, there are no sentences.
        language: ISO 639-1 code. English, Spanish, German, French, Chinese and Japanese have rules of their own
            (abbreviations, numbers, quotations). Every other code gets the general ones, with one warning.

    Returns:
        ``(start, end)`` of each sentence in characters of ``text``, in order.

    Raises:
        TypeError: if ``text`` or ``language`` is no string.
        ValueError: if ``language`` is empty.
    """
    if not isinstance(text, str):
        raise TypeError(f"the text to split must be a string, got {type(text).__name__}")
    if not isinstance(language, str):
        raise TypeError(f'language must be an ISO 639-1 code such as "en", got {type(language).__name__}')
    rules = _rules(regex.split("[-_]", language.strip().lower())[0])
    if len(TAG.findall(text, 0, 100_000)) > 1:
        warnings.warn(
            "the text holds HTML tags, which are kept as words; take them out first, for example with "
            'BeautifulSoup(text, "html.parser").get_text("\\n")',
            stacklevel=2,
        )
    # From here on a text of the same length, so that places in it are places in the original.
    text = regex.sub("[\ud800-\udfff]", "\ufffd", text.translate(AS_SPACE | dict.fromkeys(CONTROLS, " ")))
    spans: list[tuple[int, int]] = []
    for start, end in _stretches(text):
        for item in _items(text, start, end):
            for sentence in _sentences(text, *item, rules):
                spans += _pieces(text, *sentence)
    return _with_words(text, spans)


class _Rules(NamedTuple):
    titles: frozenset[str]
    abbreviations: frozenset[str]
    starters: frozenset[str]
    ordinals: bool  # "14. Juli"
    small_starts: bool  # whether a sentence may begin with a small letter, as in posts and chats


@cache  # so that a language is warned of once
def _rules(language: str) -> _Rules:
    """The words that decide about a full stop in ``language``."""
    if not language:
        raise ValueError('language must be an ISO 639-1 code such as "en", got an empty string')
    if language not in (*STARTERS, "zh", "ja"):
        warnings.warn(
            f"no sentence rules for language {language!r}: the general ones are used, with the abbreviations of "
            f"{', '.join(STARTERS)}; rules of their own have {', '.join((*STARTERS, 'zh', 'ja'))}",
            stacklevel=4,
        )
    own = [language] if language in STARTERS else ["en"] if language in ("zh", "ja") else list(STARTERS)
    tables = (TITLES, ABBREVIATIONS, STARTERS)
    words = [frozenset(word for code in own for word in table[code].split()) for table in tables]
    return _Rules(*words, ordinals=language == "de", small_starts=own == ["en"])


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """The stretches of the text inside which no line break ends a sentence."""
    place = 0
    starts, block = [], []
    for line in [*text.splitlines(keepends=True), ""]:
        if line.strip():
            starts.append(place)
            block.append(line.strip())
            place += len(line)
            if not line.endswith("\u2029"):  # the paragraph separator
                continue
        if block:
            starts = [start for start, new in zip(starts, _new(block)) if new]
            yield from zip(starts, [*starts[1:], place])
            starts, block = [], []
        if not line.strip():
            place += len(line)


def _new(lines: list[str]) -> list[bool]:
    """Whether each line of a block, which no blank line divides, begins a sentence."""

    def often(kind: regex.Pattern) -> bool:
        # A wrapped sentence, too, can begin one line so.
        count = sum(kind.match(line) is not None for line in lines)
        return count > 1 and 3 * count >= len(lines)

    begins = [BULLET, *filter(often, (NUMBER, TURN))]
    alone = [CAPITALS] if not all(map(CAPITALS.match, lines)) else []
    alone += filter(often, [CELL])
    is_alone = [any(kind.match(line) for kind in alone) for line in lines]
    widest = max(map(len, lines))
    # How much was left of the line before: less than 0 where this line's first word would not have fitted in.
    room = [0] + [widest - len(a) - 1 - len(b.split(maxsplit=1)[0]) for a, b in zip(lines, lines[1:])]
    listed = False
    if not any(line[0].islower() for line in lines[1:]):
        early = sum(left + max(NARROW - widest, 0) >= 0 for left in room[1:])
        listed = 2 * early > len(lines) - 1 or (len(lines) > 4 and any(line != line.upper() for line in lines))
    new = [True]
    for i, line in enumerate(lines[1:], 1):
        early = listed or widest > WIDE or room[i] > 0.3 * widest
        marked = is_alone[i - 1] or is_alone[i] or any(kind.match(line) for kind in begins)
        new.append(marked or (early and not line[0].islower()))
    return new


def _items(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The items of a list that runs on inside a sentence: "by 1) copying words, and 2) counting them"."""
    starts = [start]
    latest: dict[int, tuple[int, int]] = {}  # by kind of label: the number of the latest and its place
    for match in LABEL.finditer(text, start, end):
        kind, label = match.lastindex, match[match.lastindex]
        if kind == 5:  # "2." goes on with what "1." began
            kind = 4
        number = COUNTS[kind].index(label)
        before, place = latest.get(kind, (-1, start))
        if number == 0 or (number == before + 1 and match.start() - place > 9):
            latest[kind] = number, match.start()
            starts += [place, match.start()] if number else []
    starts = sorted(set(starts))
    yield from zip(starts, [*starts[1:], end])


def _sentences(text: str, start: int, end: int, rules: _Rules) -> Iterator[tuple[int, int]]:
    """The sentences of one stretch, line breaks in it being spaces."""
    stretch = text[start:end].translate(BREAKS)
    begin = 0
    for match in END.finditer(stretch):
        if _ends(stretch, begin, match, rules):
            yield start + begin, start + match.end()
            begin = match.end()
    yield start + begin, end


def _ends(text: str, begin: int, match: regex.Match, rules: _Rules) -> bool:
    """Whether the sentence from ``begin`` ends with this mark: by the mark, the word before it and the word after."""
    mark, closing = match.groups()
    before = BEFORE.match(text, begin, match.start())
    token = before[1].lower() if before else ""
    space, word = NEXT.match(text, match.end()).groups()
    after = text[match.end() : match.end() + 1]
    if WIDE_MARK.search(mark) or (IS_UNSPACED.match(after) and IS_UNSPACED.match(token[-1:])):
        if closing[-1:] in (")", "）"):  # the sentence ends in its brackets only if it began in them
            near = max(begin, match.end() - 500)  # a bound, so that time stays linear
            opened = max(text.rfind(bracket, near, match.end()) for bracket in "(（")
            return not VISIBLE.search(text, begin, max(opened, begin))
        return not closing or after not in "とっのがをにはもで"
    if not space:
        # "resigned.The council", but no address, name of a file or line of code
        glued = GLUED.match(text, match.end()) and len(token) > 1 and token.isalpha()
        return bool(glued) and (mark != "." or word.lower() in rules.starters)
    place = match.end() + len(space)
    if text.startswith((",", ";", ":", ")", "]", "}"), place):
        return False
    small = word[:1].islower() and not word[1:2].isupper()  # "eBay" counts as a capital
    if mark != ".":
        return not small or (rules.small_starts and not closing and ("?" in mark or "!" in mark))
    if closing or not token:
        return not small
    if token in rules.titles or (token in NUMBERED and word[:1].isdigit()):
        return False
    if token.isdigit() and not VISIBLE.search(text, begin, before.start()):
        return False  # "1. Open the meeting."
    initials = INITIALS.fullmatch(before[1] if rules.small_starts else token.upper())
    ordinal = rules.ordinals and token.isdigit() and len(token) < 3
    if initials or ordinal or token in rules.abbreviations:
        another = len(word) == 1 and text.startswith(".", place + 1)  # "A" in "J. A. Smith" is no word
        return not small and not another and word.lower() in rules.starters
    return not small or (token not in NEVER_SMALL and len(token) > (1 if rules.small_starts else 3))


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentence, or its pieces if it is longer than any sentence."""
    units = list(UNIT.finditer(text, start, end)) if end - start > 2 * LONGEST else []
    sizes = [0.5 if unit[1] else 1 for unit in units]
    if sum(sizes) > LONGEST:
        warnings.warn(
            f"more than {LONGEST} words without the end of a sentence are cut into pieces of at most {PIECE}; "
            "punctuate the text first if it is a transcript",
            stacklevel=3,
        )
        words, rank, best, at_best = 0.0, 0, start, 0.0
        for unit, following, size in zip(units, units[1:], sizes):
            words += size
            gap = text[unit.end() : following.start()]
            here = 3 if gap.translate(BREAKS) != gap else 2 if unit[0][-1] in ",;:，；、：" else 1
            if words > PIECE / 2 and here >= rank:
                rank, best, at_best = here, unit.end(), words
            if words >= PIECE:
                yield start, best
                start, words, rank = best, words - at_best, 0
    yield start, end


def _with_words(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans without outer white space; one without a letter or a digit is joined to the one before it."""
    joined: list[tuple[int, int]] = []
    worded = False  # whether the last of them has a letter or a digit
    for start, end in spans:
        has_word = WORD.search(text, start, end) is not None
        if joined and not (has_word and worded):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
        worded = worded or has_word
    if not worded and not VISIBLE.search(text):
        return []
    trimmed = []
    for start, end in joined:
        sentence = text[start:end]
        trimmed.append((end - len(sentence.lstrip()), start + len(sentence.rstrip())))
    return trimmed
