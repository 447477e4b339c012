"""Which sentence splitter? Our golden rows, the sentences that corpora give, characters lost, and seconds.

The splitters beside ours are measured where they are installed:
pip install sentencex pysbd syntok nupunkt blingfire2 choppa-srx sentencesplit aclsum

BERTSUM_DATA=/folder/of/corpora python benchmarks/splitters.py
"""

import argparse
import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import random
import re
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from bertsum_lite.corpus import load_corpus
from bertsum_lite.sentences import clean, split_sentences

ROWS = Path(os.environ.get("BERTSUM_CASES", "../shared/cases")) / "sentences.jsonl"
LIMIT = 10  # seconds for 1 MB; who needs more is stopped

# Language, then the sentences; the text is the sentences with a space between them (none in Chinese and Japanese).
GOLDEN = [
    # abbreviations and initials
    ("en", "Prof. Lindqvist met Mrs. Adeyemi at noon.", "They spoke for an hour."),
    ("en", "The firm, Harlow & Sons Ltd., closed in March.", "Nobody bought it."),
    ("en", "She works for Brandt Inc.", "Her brother does not."),
    ("en", "J. R. Okafor wrote the score.", "A. Meyer sang it."),
    ("en", "The U.S. Senate voted late.", "The E.U. had voted before."),
    ("en", "He moved to the U.S.", "Then he came back."),
    ("en", "Bring fruit, e.g. apples or pears.", "Cheese, i.e. the hard kind, is welcome too."),
    ("en", "Gen. Ortiz and Capt. Bell left on Feb. 3.", "Sgt. Moss stayed."),
    ("en", "The shop is on Market St. near the bridge.", "It opens early."),
    ("en", "Apples, pears, plums, etc. were sold out.", "Only bread was left."),
    ("en", "Smith v. Jones was decided in June.", "The appeal failed."),
    ("en", "See Fig. 3 and Sec. 4.2 for details.", "Eq. 7 follows at once."),
    # numbers, money, times
    ("en", "The index rose 2.75 per cent to 1,204.6 points.", "Oil fell."),
    ("en", "It cost $4.99.", "That was too much."),
    ("en", "We met at 5 p.m. on Friday.", "It rained."),
    ("en", "The train left at 7.45 a.m.", "We missed it."),
    ("en", "Version 2.10.3 is out.", "Version 3 will follow."),
    ("en", "There were 300 guests in 1998.", "In 1999 there were none."),
    ("en", "He is No. 1 in the world.", "She is No. 12."),
    # quotations and parentheses
    ("en", '"Is it over?" he asked.', '"Not yet," she said.'),
    ("en", "“We lost everything.”", "The farmer said no more."),
    ("en", "She wrote (in haste, it seems) to the board.", "No answer came."),
    ("en", "The vote was close (51 to 49).", "A recount was asked for."),
    ("en", "The road was closed.", "(It had snowed.)"),
    ("en", "They called it 'the big one.'", "It was small."),
    # question and exclamation marks, ellipses
    ("en", "Really?!", "Yes, really!", "I can prove it."),
    ("en", "He waited... and waited.", "No one came."),
    ("en", "He waited …", "No one came."),
    ("en", "Yahoo! reported a loss.", "The shares fell."),
    # e-mails, addresses, names of files
    ("en", "Write to anna.meier@example.org by Friday.", "She will answer."),
    ("en", "The site www.example.com/news?id=4 is down.", "Try later."),
    ("en", "Open setup.py and run main.exe.", "Then restart."),
    ("en", "We used Node.js and ASP.NET for it.", "Both worked."),
    # citations
    ("en", "Storms are rarer now (Berg et al., 2011).", "Floods are not."),
    ("en", "Earlier work [3, 4] disagrees.", "Later work does not [5]."),
    ("en", "Kim et al. report 0.92 F1 vs. 0.88 before.", "We report 0.95."),
    ("en", "We minimise the loss w.r.t. the weights, cf. Section 2.", "It converges."),
    # missing spaces, odd starts
    ("en", "iPhones sold well.", "eBay did not."),
    ("en", "the clerk was late.", "the train was not."),
    ("en", "He got 10 of 12 right.", "3 more came later."),
    ("en", "Is that you, Mr. Webb?", "It is I!"),
    ("en", "What a day!", "“Come in.”", "He did."),
    ("en", "Dr. Ng earned her Ph.D. in Oslo.", "Her M.A. is from Bergen."),
    ("en", "The storm (the worst since 1931!) passed.", "Boats were lost."),
    ("es", "La Sra. Gómez llegó a las 9.30.", "¿Quién la esperaba?", "¡Nadie!"),
    ("es", "Vive en la Av. Libertad núm. 5.", "El Dr. Ruiz vive enfrente."),
    ("es", "El P.I.B. creció un 2,5 %.", "La deuda, p. ej., bajó."),
    ("es", "Según el art. 7, no procede.", "Se archivó."),
    ("es", "EE. UU. firmó el acuerdo.", "México no."),
    ("de", "Der 2. Versuch gelang am 14. Juli.", "Alle waren froh."),
    ("de", "Prof. Dr. Huber sprach u. a. über Lärm.", "Niemand widersprach."),
    ("de", "Das kostet ca. 3,50 Euro bzw. mehr.", "Zu teuer!"),
    ("de", "„Kommst du?“, fragte er.", "Sie nickte."),
    ("de", "Die Fa. Kranz, d. h. der Inhaber, zahlt nicht.", "Das Gericht entscheidet."),
    ("de", "Er wohnt in der Hauptstr. 5 im 3. Stock.", "Sie nicht."),
    ("fr", "M. Leroy et Mme Petit sont partis.", "Où sont-ils ?", "À Lyon !"),
    ("fr", "L'art. 12 du règlement, p. ex., fut modifié.", "Le vote eut lieu hier."),
    ("fr", "« Venez ! » dit-elle.", "Il vint."),
    ("fr", "Le Dr Morel arrive à 8 h 30.", "J.-P. Roux l'attend."),
    ("fr", "Cf. p. 14 pour la suite.", "Le reste est perdu."),
    ("zh", "他说：“船停了。”", "没有人相信。"),
    ("zh", "票价涨到3.5元！", "你愿意付吗？", "我不愿意。"),
    ("zh", "他走了……", "谁也没有说话。"),
    ("zh", "会议（原定周一。）改期了。", "新的日期未定。"),
    ("zh", "真的吗？！", "真的。"),
    ("ja", "船は止まった。", "明日は動きますか？", "はい！"),
    ("ja", "彼は「もう遅い。」と言った。", "誰も動かなかった。"),
    ("ja", "料金は3.5ユーロです。", "高いですね。"),
    ("ja", "本当に？！", "信じられない。"),
    ("ja", "「行こう。」", "彼女は立ち上がった。"),
]


def golden_rows() -> Iterator[tuple[str, str, list[str]]]:
    for language, *sentences in GOLDEN:
        yield language, ("" if language in ("zh", "ja") else " ").join(sentences), sentences


# The splitters: text and language in, pieces of the text out.


def naive(text: str, language: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+|(?<=[。！？])", text)


def pysbd_today(text: str, language: str) -> list[str]:
    """What the library did until now: white space folded first, a paragraph at a time."""
    import pysbd

    segmenter = pysbd.Segmenter(language=language, clean=False)
    paragraphs = filter(None, map(clean, re.split(r"\n\s*\n", text)))
    return [sentence for paragraph in paragraphs for sentence in segmenter.segment(paragraph)]


def pysbd_guarded(text: str, language: str) -> list[str]:
    """pysbd's sentences found again in the text; what it dropped goes to the sentence before."""
    pieces = []
    for paragraph in filter(None, map(clean, re.split(r"\n\s*\n", text))):
        starts, place = [0], 0
        for sentence in pysbd_today(paragraph, language):
            found = paragraph.find(sentence.strip(), place)
            if found >= 0:
                starts.append(found)
                place = found + len(sentence.strip())
        starts = sorted(set(starts))
        pieces += [paragraph[start:end] for start, end in zip(starts, [*starts[1:], None])]
    return pieces


def sentencex(text: str, language: str) -> list[str]:
    import sentencex

    return sentencex.segment(language, text)


def syntok(text: str, language: str) -> list[str]:
    from syntok.segmenter import analyze

    return [
        "".join(token.spacing + token.value for token in sentence)
        for paragraph in analyze(text)
        for sentence in paragraph
    ]


def nupunkt(text: str, language: str) -> list[str]:
    import nupunkt

    return nupunkt.sent_tokenize(text)


def blingfire(text: str, language: str) -> list[str]:
    import blingfire

    return blingfire.text_to_sentences(text).split("\n")


def choppa(text: str, language: str) -> list[str]:
    """LanguageTool's rules; the document of rules is read once per process."""
    from choppa import SrxDocument, SrxTextIterator

    if not hasattr(choppa, "rules"):
        (folder,) = importlib.util.find_spec("choppa").submodule_search_locations
        choppa.rules = SrxDocument(ruleset=str(Path(folder) / "data" / "srx" / "languagetool_segment.srx"))
    return list(SrxTextIterator(choppa.rules, f"{language}_two", text))


def sentencesplit(text: str, language: str) -> list[str]:
    import sentencesplit

    return sentencesplit.Segmenter(language=language).segment(text)


SPLITTERS: dict[str, Callable[[str, str], list[str]]] = {
    "naive": naive,
    "pysbd": pysbd_today,
    "pysbd+guard": pysbd_guarded,
    "sentencex": sentencex,
    "syntok": syntok,
    "nupunkt": nupunkt,
    "blingfire": blingfire,
    "choppa": choppa,
    "sentencesplit": sentencesplit,
    "ours": split_sentences,
}


def sentences(splitter: Callable, text: str, language: str) -> list[str]:
    """The splitter's pieces, cleaned; an error counts as the whole text in one piece."""
    try:
        return [piece for piece in map(clean, splitter(text, language)) if piece]
    except BaseException:  # sentencex is written in Rust, whose panics are no Exception
        return [clean(text)]


def ends(pieces: list[str]) -> set[int]:
    """Where the pieces end, counted in letters and digits; the end of the text says nothing.

    SciTLDR has ". We show" for a sentence now and then: to which side a mark goes is not what we measure.
    """
    places, total = set(), 0
    for piece in pieces:
        total += sum(map(str.isalnum, piece))
        places.add(total)
    return places - {total}


def f1(splitter: Callable, documents: list[tuple[str, list[str]]]) -> float:
    """F1 of the sentence ends over all documents, each a text and its sentences."""
    right = found = wanted = 0
    for text, document in documents:
        ours, given = ends(sentences(splitter, text, "en")), ends([clean(sentence) for sentence in document])
        right, found, wanted = right + len(ours & given), found + len(ours), wanted + len(given)
    return 200 * right / max(found + wanted, 1)


def joined(document: list[str]) -> tuple[str, list[str]]:
    return " ".join(document), document


def unglued(document: list[str]) -> list[str]:
    """The sentences, divided where one of them holds "environment.The nodes": SciTLDR's own splitter missed these."""
    return [piece for sentence in document for piece in re.split(r"(?<=[a-z)]{2}\.)(?=[A-Z])", sentence)]


def papers() -> list[tuple[str, list[str]]]:
    """The documents of ACLSum, read from the files of the installed package ``aclsum``, which is not imported."""
    distribution = importlib.metadata.distribution("aclsum")
    documents = []
    for file in distribution.files:
        if file.suffix == ".jsonl":
            text = Path(distribution.locate_file(file)).read_text(encoding="utf-8")
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
            documents += [joined(sum(row["sentences"].values(), [])) for row in rows]
    return documents


# Text that people have, and text that breaks things.

ALPHABETS = [
    "ab. ",
    "aB.?! \n",
    "♭∯ȸ☉☈☇☄ȹƪ♟☏☝&⎋ᓰᓱᓳᓴᓷᓸ. aB",
    "[](){}<>.:;,1 ",
    "\"'“”‘’«»„.! a",
    "12. 3,)",
    "\u200b\u200d\ufeff\u2060\u202e\u0301. é",
    "😀👩‍👩‍👧.! ",
    "市长。！？、“”「」（） ",
    "مرحبا. ؟",
    "\r\n\t\x0b\x0c\x1c\x85\u2028\u2029a.B ",
    "\x00\x01\x07\ud800\udfffa. ",
]


def lost(splitter: Callable, texts: int = 3000) -> tuple[int, int]:
    """Over hostile strings: in how many a character is lost or added, and how many raise an error."""
    generator = random.Random(0)
    changed = errors = 0
    for i in range(texts):
        alphabet = ALPHABETS[i % len(ALPHABETS)]
        text = "".join(generator.choices(alphabet, k=generator.randint(1, 80)))
        try:
            pieces = splitter(text, "en")
        except BaseException:
            errors += 1
            continue
        changed += "".join("".join(map(clean, pieces)).split()) != "".join(clean(text).split())
    return changed, errors


def megabytes(prose: str) -> dict[str, str]:
    """1 MB each of prose and of what makes splitters slow."""
    seeds = {
        "prose": prose + "\n\n",
        "prose, 1 line": " ".join(prose.split()) + " ",
        "..[111 111": "111 ",
        "digits": "1",
        "brackets": "(",
        "quotes": '"a. ',
        "dots": ".",
        "one word": "a",
        "words": "word ",
        "lines": "\n",
        "short lines": "Ab\n",
        "list": "- read the budget\n",
        "“A.” B. (": "“A.” B. (",
        "Chinese": "市长辞职了。",
        "Chinese, no 。": "市长辞职",
        "?!": "? ! ",
        "Dr. ": "Dr. ",
        "no space": "Aa.Bb.",
    }
    texts = {kind: (seed * (1_000_000 // len(seed) + 1))[:1_000_000] for kind, seed in seeds.items()}
    texts["..[111 111"] = "..[" + texts["..[111 111"] + "]"
    return texts


def _timed(name: str, text: str, pipe) -> None:
    warnings.simplefilter("ignore")
    SPLITTERS[name]("Warm up.", "en")
    start = time.perf_counter()
    try:
        SPLITTERS[name](text, "en")
        pipe.send(f"{time.perf_counter() - start:.2f}")
    except BaseException:
        pipe.send("error")


def seconds(name: str, text: str) -> str:
    """Seconds for the text in a process of its own, which is stopped after LIMIT."""
    receiver, sender = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_timed, args=(name, text, sender))
    process.start()
    result = receiver.recv() if receiver.poll(LIMIT) else f">{LIMIT}"
    process.kill()
    process.join()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=SPLITTERS, help="these splitters only")
    parser.add_argument("--no-times", action="store_true", help="leave the seconds out")
    parser.add_argument("--wrong", action="store_true", help="print every golden row that comes out wrong")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")

    needed = {name: name.removesuffix("+guard") for name in SPLITTERS if name not in ("naive", "ours")}
    names = [n for n in SPLITTERS if n not in needed or importlib.util.find_spec(needed[n])]
    names = [n for n in names if not arguments.only or n in arguments.only]

    rows = list(golden_rows())
    languages = list(dict.fromkeys(language for language, _, _ in rows))
    cases = []
    if ROWS.exists():
        cases = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    splits = ("train", "validation", "test")
    corpora = {"harbour": [joined(r["document"]) for split in splits for r in load_corpus("harbour", split)]}
    if os.environ.get("BERTSUM_DATA"):
        folder = Path(os.environ["BERTSUM_DATA"]) / "scitldr"
        corpora["scitldr"] = [joined(r["document"]) for split in splits for r in load_corpus(folder, split)]
        corpora["scitldr*"] = [(text, unglued(document)) for text, document in corpora["scitldr"]]
    if importlib.util.find_spec("aclsum"):
        corpora["papers"] = papers()

    columns = ["cases", *(f"golden {language}" for language in languages), *corpora, "lost", "errors"]
    sizes = [len(cases), *(sum(r[0] == la for r in rows) for la in languages), *map(len, corpora.values()), 3000, 3000]
    print(f"{'':14}" + "".join(f"{column:>11}" for column in columns))
    print(f"{'of':14}" + "".join(f"{size:>11}" for size in sizes), flush=True)
    for name in names:
        splitter = SPLITTERS[name]
        right = [sum(sentences(splitter, case["text"], case["language"]) == case["sentences"] for case in cases)]
        for language in languages:
            results = [(sentences(splitter, t, la), wanted) for la, t, wanted in rows if la == language]
            right.append(sum(result == wanted for result, wanted in results))
            if arguments.wrong:
                print(*(result for result, wanted in results if result != wanted), sep="\n")
        cells = [f"{count:11}" for count in right]
        cells += [f"{f1(splitter, documents):11.2f}" for documents in corpora.values()]
        cells += [f"{count:11}" for count in lost(splitter)]
        print(f"{name:14}" + "".join(cells), flush=True)

    if arguments.no_times:
        return
    prose = "\n\n".join(" ".join(record["document"]) for record in load_corpus("harbour", "train"))
    print(f"\nseconds for 1 MB (1,000,000 characters); >{LIMIT}: stopped\n{'':16}" + "".join(f"{n:>14}" for n in names))
    for kind, text in megabytes(prose).items():
        print(f"{kind:16}" + "".join(f"{seconds(name, text):>14}" for name in names), flush=True)


if __name__ == "__main__":
    main()
