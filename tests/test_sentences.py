"""sentences: nothing is lost, in whatever text; where sentences end, in the texts people have."""

import multiprocessing
import re
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bertsum_lite import sentences
from bertsum_lite.sentences import LONGEST, PIECE, VISIBLE, WORD, clean, join_sentences, split_sentences, split_spans

CHINESE = ["渡轮周五停运。", "市议会投票保留夜班渡轮。", "居民说他们很高兴。"]


def bare(text: str) -> str:
    return "".join(text.split())


# Nothing is lost

ALPHABETS = [
    "ab A.?! \n",
    "♭∯ȸ☉☈☇☄ȹƪ♟☏☝&⎋ᓰᓱᓳᓴᓷᓸ. aB\n",  # what pysbd writes into a text while it works, and takes out
    "[](){}<>.:;,1|\t \n",
    "\"'“”‘’«»„.!?aB \n",
    "12. 3,)iva(: \n",
    "-•#*Ab: \n1.",
    "\u200b\u200c\u200d\ufeff\u2060\u00ad\u202e\u0301\u3164. éA",
    "😀👩‍👧🇳🇴️.! a",
    "市长。！？、“”「」（）と. \nA",
    "مرحبا. ؟שלום",
    "हिन्दी। สวัสดี ខ្មែរ ",
    "\r\n\t\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029a.B \xa0\u3000",
    "\x00\x01\x07\x7f\ud83d\ude00\udfffa. B",
]
WORDS = [
    "Dr. ",
    "U.S. ",
    "word ",
    "etc. ",
    "The ",
    "1) ",
    "2) ",
    "(i) ",
    "(ii) ",
    "Anna: ",
    "\n- ",
    "\n\n",
    "“",
    ".",
    ",\n",
]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(), max_size=60),
    *(st.text(st.sampled_from(alphabet), max_size=80) for alphabet in ALPHABETS),
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
    st.tuples(st.sampled_from(["word ", "市", "a,", "w\n", "\ud83d\ude00 "]), st.integers(300, 900)).map(
        lambda pair: pair[0] * pair[1]
    ),
)


@settings(max_examples=2000, deadline=None, derandomize=True)
@given(text=TEXTS, language=st.sampled_from(["en", "es", "de", "fr", "zh", "ja"]))
@example(text="\ud83d.\ude00", language="en")
@example(text="a. \u2060 b", language="en")
def test_every_visible_character_comes_out_once_and_in_order(text, language):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spans = split_spans(text, language)
        pieces = split_sentences(text, language)
    assert bare("".join(pieces)) == bare(clean(text))
    assert pieces == [clean(text[start:end]) for start, end in spans]
    assert all(pieces)
    assert all(WORD.search(piece) for piece in pieces) or len(pieces) == 1
    places = [place for span in spans for place in span]
    assert places == sorted(places)
    assert all(start < end for start, end in spans)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(TEXTS)
def test_clean_text_is_clean_and_free_of_surrogates(text):
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    cleaned.encode("utf-8")
    assert VISIBLE.search(cleaned) or not cleaned


@pytest.mark.parametrize("text", ["", " \n\n ", "\u200b", "\ufeff\n", "\u200d\u2060", "\x00\x01"])
def test_where_nothing_is_visible_there_is_no_sentence(text):
    assert split_sentences(text) == []
    assert clean(text) == ""


@pytest.mark.parametrize("text", ["!!!", "😀 🎉", "… ?! …", "\ud800"])
def test_without_letter_and_digit_all_is_one_sentence(text):
    assert split_sentences(text) == [clean(text)]


def test_invisible_characters_stay_inside_words_and_emoji():
    joined = "\u06a9\u200c\u0627 👩\u200d👧 hy\u00adphen"
    assert clean(joined) == joined
    assert clean("\ufeffOne\u200btwo\x1b \x00 three") == "One two three"


def test_lone_surrogates_and_white_space_are_cleaned_and_pairs_kept():
    assert clean("a\ud800b \n\t c \U0001f600") == "a\ufffdb c \U0001f600"
    assert clean("\ud83d\ude00") == "\U0001f600"
    assert split_sentences("Smile \ud83d\ude00. Then\udfff go.") == ["Smile \U0001f600.", "Then\ufffd go."]


def test_offsets_lead_into_the_original():
    text = "  One\nline. \ufeff\U0001f600 Two! "
    assert [text[start:end] for start, end in split_spans(text)] == ["One\nline.", "\U0001f600 Two!"]


# Time

LONG = [
    "..[" + "111 " * 250_000 + "]",
    *(seed * (1_000_000 // len(seed)) for seed in ("1", "(", '"a. ', ".", "a", " ", "\n", "Dr. ", "!Ab", "i) ii) ")),
    "市（" + "。）市" * 300_000,
    ".[1" * 300_000,
    "a: b\n" * 100_000,
]


def _split_all() -> None:
    warnings.simplefilter("ignore")
    for text in LONG:
        split_sentences(text)


def test_a_megabyte_of_anything_returns():
    # Under a minute for all together; what is quadratic would need hours for one.
    process = multiprocessing.get_context("spawn").Process(target=_split_all)
    process.start()
    process.join(timeout=600)
    alive = process.is_alive()
    process.kill()
    assert not alive
    assert process.exitcode == 0


# Where sentences end. Each row is a text and its sentences.

ROWS = [
    (
        "en",
        "The concert opened late. The Sonata in B♭ major was played twice. The hall was full.",
        ["The concert opened late.", "The Sonata in B♭ major was played twice.", "The hall was full."],
    ),
    (
        "en",
        "The mayor resigned.The council will vote on Monday.A new election follows.",
        ["The mayor resigned.", "The council will vote on Monday.", "A new election follows."],
    ),
    (
        "en",
        "The rest was left to him .. Logically, he refused. Then he left .... Nobody saw him.",
        ["The rest was left to him ..", "Logically, he refused.", "Then he left ....", "Nobody saw him."],
    ),
    (
        "en",
        "Dr. Oke paid $3.5 million to the U.S. firm on Jan. 5. She left at 9:30 a.m. for St. Ives.",
        ["Dr. Oke paid $3.5 million to the U.S. firm on Jan. 5.", "She left at 9:30 a.m. for St. Ives."],
    ),
    (
        "en",
        "Yan et al. [2004] analysed the ice. Others disagree.",
        ["Yan et al. [2004] analysed the ice.", "Others disagree."],
    ),
    (
        "en",
        "See https://www.example.org/a.html?b=c. Then go home.",
        ["See https://www.example.org/a.html?b=c.", "Then go home."],
    ),
    (
        "en",
        "Anna: are you coming\nBen: yes at six\nAnna: bring the cake\nBen: ok",
        ["Anna: are you coming", "Ben: yes at six", "Anna: bring the cake", "Ben: ok"],
    ),
    (
        "en",
        "Agenda:\n- open the meeting\n- read the budget\n- elect a chair\nThe meeting ends at five.",
        ["Agenda:", "- open the meeting", "- read the budget", "- elect a chair", "The meeting ends at five."],
    ),
    (
        "en",
        "The storm came\nashore at noon and\ncut the power. It left\nat dusk.",
        ["The storm came ashore at noon and cut the power.", "It left at dusk."],
    ),
    ("es", "El Sr. Pérez dimitió. EE.UU. pagó la deuda.", ["El Sr. Pérez dimitió.", "EE.UU. pagó la deuda."]),
    (
        "de",
        "Am 3. Mai kam Dr. Weber z. B. nicht. Er rief um 9 Uhr an.",
        ["Am 3. Mai kam Dr. Weber z. B. nicht.", "Er rief um 9 Uhr an."],
    ),
    (
        "zh",
        "市长辞职了。委员会将于周一投票！新的选举何时举行？",
        ["市长辞职了。", "委员会将于周一投票！", "新的选举何时举行？"],
    ),
    ("en", "\u200b", []),
]


@pytest.mark.parametrize(("language", "text", "wanted"), ROWS)
def test_the_texts_that_broke_us(language, text, wanted):
    assert split_sentences(text, language) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        ["Dr. Oke paid $3.5 million at 5 p.m. yesterday.", '"Was it fair?" she asked.', "He left."],
        ["J. R. Okafor wrote the score.", "A. Meyer sang it."],
        ["He moved to the U.S.", "Then he came back."],
        ["See Fig. 3 and Sec. 4.2 for details.", "He is No. 1.", "She works for Brandt Inc.", "Her brother does not."],
        ["Apples, pears, etc. were sold out.", "“We lost everything.”", "The farmer left (in haste!) for Ives."],
        ["Write to anna.Meier@example.org or use torch.Tensor objects.", "The rest (Berg et al., 2011) is known [5]."],
        ["ok see you at six.", "bring the cake!", "really?", "iPhones sold well.", "eBay did not."],
        ["He waited... and waited.", "No one came …", "Really?!", "Yes."],
        ["He works by", "1) copying words, and", "2) counting them."],
    ],
)
def test_english_golden_rules(wanted):
    assert split_sentences(" ".join(wanted)) == wanted


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("es", ["La Sra. Gómez llegó a las 9.30.", "¿Quién la esperaba?", "¡Nadie!"]),
        ("de", ["Der 2. Versuch gelang am 14. Juli.", "„Kommst du?“, fragte Prof. Huber.", "Sie nickte."]),
        ("fr", ["M. Leroy part.", "« Venez ! » dit-elle.", "Où sont-ils ?", "À Lyon !"]),
    ],
)
def test_other_languages_abbreviations_and_quotations(language, wanted):
    assert split_sentences(" ".join(wanted), language) == wanted


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("zh", ["船停了。", "港务局说：“不会！”", "会议（原定周一。）改期了。", "（天黑了。）", "票价涨到3.5元。"]),
        ("zh", ["提出了一种方法.", "结果表明有效."]),
        ("ja", ["彼は「もう遅い。」と言った。", "「行こう。」", "彼女は立った。", "本当に？！"]),
    ],
)
def test_chinese_and_japanese_keep_their_quotations(language, wanted):
    assert split_sentences("".join(wanted), language) == wanted


def test_chinese_is_joined_without_spaces():
    assert split_sentences(join_sentences(CHINESE), "zh") == CHINESE
    assert join_sentences(CHINESE) == "".join(CHINESE)
    assert join_sentences(["One.", "Two."]) == "One. Two."


# Lines


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The ferry\nstopped. A headline\n\nThen it sailed.", ["The ferry stopped.", "A headline", "Then it sailed."]),
        ("One\r\n\r\nTwo\u2029Three", ["One", "Two", "Three"]),
        ("- read the budget\n  again\n• vote\n# Notes\n> a reply", None),
        ("1. Read the budget.\n2. Vote.\n3. Elect a chair", ["1. Read the budget.", "2. Vote.", "3. Elect a chair"]),
        ("Name\tAge\nAnna\t12\nBen\t14", ["Name Age", "Anna 12", "Ben 14"]),
        ("| port | boats |\n| Ives | 12 |", ["| port | boats |", "| Ives | 12 |"]),
        ("anna: hi\nhow are you\nben: fine", ["anna: hi how are you", "ben: fine"]),
        ("Milk\nTwo eggs\nFlour", ["Milk", "Two eggs", "Flour"]),
        ("苹果\n香蕉\n一瓶牛奶", ["苹果", "香蕉", "一瓶牛奶"]),
    ],
)
def test_lines_that_are_sentences_of_their_own(text, wanted):
    assert split_sentences(text) == (wanted or ["- read the budget again", "• vote", "# Notes", "> a reply"])


def test_headings_stand_alone_above_wrapped_prose():
    prose = "The storm came ashore at noon near\nPort Ellen and cut the power in the\nwhole town. Nobody was\nhurt."
    joined = ["The storm came ashore at noon near Port Ellen and cut the power in the whole town.", "Nobody was hurt."]
    assert split_sentences(prose) == joined
    assert split_sentences("Results\n" + prose) == ["Results", *joined]
    assert split_sentences("THE STORM OF MAY\n" + prose) == ["THE STORM OF MAY", *joined]


def test_one_line_with_a_colon_or_a_number_in_prose_is_prose():
    text = "The board met in the hall at\nnoon: it was full by the time\n12. The rest is known to all"
    assert split_sentences(text)[0] == "The board met in the hall at noon: it was full by the time 12."


# Languages


def test_a_language_without_rules_is_split_with_one_warning(monkeypatch):
    sentences._rules.cache_clear()
    with pytest.warns(UserWarning, match="no sentence rules for language 'pt'.*abbreviations of en, es, de, fr"):
        assert split_sentences("O barco parou. Ninguém sabia.", "pt") == ["O barco parou.", "Ninguém sabia."]
    split_sentences("O barco parou.", "pt")  # warnings are errors here


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("ar", ["توقفت العبارة يوم الجمعة.", "لماذا؟", "لا أحد يعرف."]),
        ("hi", ["नाव रुक गई।", "किसी को पता नहीं।"]),
        ("el", ["Το πλοίο σταμάτησε.", "Κανείς δεν ήξερε."]),
        ("th", ["เรือหยุดแล้ว ไม่มีใครรู้"]),
    ],
)
@pytest.mark.filterwarnings("ignore:no sentence rules")
def test_other_scripts_end_at_their_own_marks(language, wanted):
    assert split_sentences(" ".join(wanted), language) == wanted


def test_a_region_is_no_other_language():
    assert split_sentences("A. B.", "en-US") == split_sentences("A. B.", "EN") == split_sentences("A. B.", "en")


@pytest.mark.parametrize(("text", "language"), [(1.5, "en"), (b"A.", "en"), (None, "en"), ("A.", None), ("A.", 1)])
def test_what_is_no_string_is_refused(text, language):
    with pytest.raises(TypeError, match="must be"):
        split_sentences(text, language)


def test_an_empty_language_is_refused():
    with pytest.raises(ValueError, match='such as "en"'):
        split_sentences("A.", "")


# Transcripts and markup


@pytest.mark.parametrize("word", ["word ", "船", "word, "])
def test_what_has_no_end_is_cut_into_pieces_and_said_so(word):
    with pytest.warns(UserWarning, match="without the end of a sentence") as caught:
        pieces = split_sentences(word * 5000)
    assert len(caught) == 1
    sizes = [len(re.findall("船|[a-z]+", piece)) * (0.5 if word == "船" else 1) for piece in pieces]
    assert max(sizes) <= PIECE
    assert min(sizes[:-1]) > PIECE / 2


def test_pieces_end_with_lines_then_with_commas():
    lines = "\n".join(" ".join(["so", "then,", *["word"] * 5]) for _ in range(100))
    with pytest.warns(UserWarning, match="transcript"):
        assert {piece.split()[-1] for piece in split_sentences(lines)} == {"word"}
    with pytest.warns(UserWarning, match="transcript"):
        pieces = split_sentences(" ".join(lines.split()))
    assert {piece.split()[-1] for piece in pieces[:-1]} == {"then,"}


def test_a_long_sentence_is_left_whole():
    text = "and so on " * (LONGEST // 3) + "it went."
    assert split_sentences(text[:-9] + ".") == [text[:-9] + "."]


def test_html_is_said_once_and_kept():
    with pytest.warns(UserWarning, match="HTML tags") as caught:
        assert split_sentences("<p>One.</p>\n\n<p>Two.</p>") == ["<p>One.</p>", "<p>Two.</p>"]
    assert len(caught) == 1


@pytest.mark.parametrize("text", ["Use the <b> tag.", "a < b and c > d", "<anna> hi", "船停了" * 60, ""])
def test_ordinary_texts_warn_of_nothing(text):
    split_sentences(text)  # warnings are errors here


def test_a_line_of_invisible_characters_is_lost_no_more_than_any_other():
    for text in ("One.\n\u202e\nTwo.", "\u200e\n\nOne.\n\n\u200d", "One\x1b.\n\x1b\nTwo"):
        assert "".join("".join(split_sentences(text)).split()) == "".join(clean(text).split())
