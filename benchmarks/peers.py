"""Beside our systems, the ones a user would pick from PyPI: quality and seconds on harbour's test documents.

python -m venv /tmp/peers
echo $PWD/.venv/lib/python3.*/site-packages > $(echo /tmp/peers/lib/python3.*/site-packages)/course.pth
/tmp/peers/bin/pip install --no-deps sumy bert-extractive-summarizer breadability docopt pycountry
/tmp/peers/bin/pip install scikit-learn spacy lxml lxml_html_clean requests
PYTHONPATH=. /tmp/peers/bin/python benchmarks/peers.py MODEL      (the one that notebook 07 saves, say)

All get the same sentences, one document at a time, and choose as many. sumy has its stemmer and stop words, and our
words (its own need nltk's data); bert-extractive-summarizer has its defaults, on our MiniLM.
"""

import sys
import time

import torch
from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
from sumy.nlp.stemmers import Stemmer
from sumy.summarizers.lex_rank import LexRankSummarizer
from sumy.summarizers.lsa import LsaSummarizer
from sumy.summarizers.text_rank import TextRankSummarizer
from sumy.utils import get_stop_words

from bertsum_lite import (
    ExtractiveSummarizer,
    corpus_rouge,
    lead,
    load_backbone,
    load_corpus,
    paired_bootstrap,
    textrank,
)
from bertsum_lite.corpus import references
from bertsum_lite.rouge import tokenize
from bertsum_lite.selection import typical_length


class Words:  # the tokenizer that sumy asks for
    to_words = staticmethod(tokenize)


def sumy(kind: type, k: int):
    summarizer = kind(Stemmer("english"))
    summarizer.stop_words = get_stop_words("english")

    def summarize(document: list[str]) -> list[str]:
        parsed = ObjectDocumentModel([Paragraph([Sentence(sentence, Words()) for sentence in document])])
        return [str(sentence) for sentence in summarizer(parsed, k)]

    return summarize


def clusters(k: int):
    import transformers  # here: transformers puts another module in its place while it loads

    for name in ("TransfoXLModel", "TransfoXLTokenizer"):  # gone from transformers; the package imports them still
        transformers.__dict__.setdefault(name, None)
    from summarizer import Summarizer

    encoder, tokenizer = load_backbone("minilm")
    encoder.config.output_hidden_states = True

    def same_sentences(document: list[str], shortest: int, longest: int) -> list[str]:
        return [sentence for sentence in document if shortest < len(sentence) < longest]

    summarizer = Summarizer(custom_model=encoder, custom_tokenizer=tokenizer, sentence_handler=same_sentences)
    return lambda document: summarizer(document, num_sentences=k, return_as_list=True)


def main() -> None:
    test = load_corpus("harbour", "test").to_list()
    k, golds = typical_length(load_corpus("harbour", "train").to_list()), [references(record) for record in test]
    model = ExtractiveSummarizer.from_pretrained(sys.argv[1])
    systems = {
        "lead": lambda document: [document[i] for i in lead(document, k)],
        "TextRank (ours)": lambda document: [document[i] for i in textrank(document, k)],
        "BERTSUM (ours)": lambda document: [document[i] for i in model.extract([document], k=k)[0]],
        "sumy LexRank": sumy(LexRankSummarizer, k),
        "sumy TextRank": sumy(TextRankSummarizer, k),
        "sumy LSA": sumy(LsaSummarizer, k),
        "bert-extractive-summarizer": clusters(k),
    }
    scores, seconds = {}, {}
    for name, system in systems.items():
        system(test[0]["document"])  # warm up
        start = time.perf_counter()
        summaries = [system(record["document"]) for record in test]
        seconds[name] = time.perf_counter() - start
        scores[name] = corpus_rouge(summaries, golds)
    print(f"{len(test)} documents, {k} sentences each, {torch.get_num_threads()} thread(s)")
    print(f"{'':27}   R1    R2    RL   documents/s   BERTSUM's R1 minus this one's, 95 % interval")
    for name, score in scores.items():
        gain = paired_bootstrap(scores["BERTSUM (ours)"].scores[:, 0], score.scores[:, 0])
        row = [*score.mean.values(), len(test) / seconds[name], *gain]
        print("{:27}{:5.2f} {:5.2f} {:5.2f} {:9.1f}      {:+.2f} [{:+.2f}, {:+.2f}]".format(name, *row))


if __name__ == "__main__":
    main()
