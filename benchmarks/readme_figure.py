"""The figure of the README: an article with the sentences that BERTSUM chooses, and the table of systems as bars.

python benchmarks/readme_figure.py      (trains as notebook 07 does, about a minute; writes .github/course.png)
"""

import textwrap
from pathlib import Path

import torch

from bertsum_lite import ExtractiveConfig, ExtractiveSummarizer, load_corpus, plots, train
from bertsum_lite.baselines import lead, random_sentences, textrank
from bertsum_lite.corpus import references
from bertsum_lite.oracle import ceiling
from bertsum_lite.rouge import corpus_rouge
from bertsum_lite.tiers import small

K = 3


def main() -> None:
    torch.manual_seed(0)
    records, test = load_corpus("harbour", "train").to_list(), load_corpus("harbour", "test").to_list()
    model = ExtractiveSummarizer.from_encoder(config=ExtractiveConfig(k=K))
    train(model, model.examples(records), model.collate, small(len(records)))
    documents = [r["document"] for r in test]
    chosen = {
        "random": [random_sentences(r["document"], K, r["id"]) for r in test],
        "Lead-3": [lead(d, K) for d in documents],
        "TextRank": [textrank(d, K) for d in documents],
        "BERTSUM": model.extract(documents),
        "oracle": [ceiling(r["document"], references(r), K) for r in test],
    }
    golds = [references(r) for r in test]
    results = {
        name: corpus_rouge([[d[i] for i in sorted(row)] for d, row in zip(documents, rows)], golds)
        for name, rows in chosen.items()
    }
    shown = min((i for i, r in enumerate(test) if r["domain"] == "news"), key=lambda i: len(" ".join(documents[i])))

    plots.style()
    figure, (text, bars) = plots.plt.subplots(1, 2, figsize=(12, 5.4), width_ratios=(1.7, 1), layout="constrained")
    text.set(xlim=(0, 1), title=test[shown]["title"])
    text.axis("off")
    lines = [(line, i) for i, s in enumerate(documents[shown]) for line in textwrap.wrap(s, 92)]
    text.set_ylim(len(lines) + 0.8, -0.5)
    for y, (line, i) in enumerate(lines):
        taken = i in chosen["BERTSUM"][shown]
        background = {"facecolor": "#fde3b5", "edgecolor": "none", "pad": 2} if taken else None
        text.text(0.02, y, line, fontsize=9.5, va="center", color="black" if taken else "0.35", bbox=background)
        if i in chosen["oracle"][shown]:
            text.plot([0, 0], [y - 0.5, y + 0.5], color=plots.COLOURS[0], linewidth=4)
    legend = "shaded: what BERTSUM chooses; blue bar: what would score best against the references (oracle)"
    text.text(0.02, len(lines) + 0.3, legend, fontsize=9.5, va="center", style="italic")
    scores = {name: result.mean["rouge1"] for name, result in results.items()}
    colours = [plots.COLOURS[1] if name == "BERTSUM" else "0.7" for name in scores]
    bars.barh(list(scores), list(scores.values()), color=colours)
    for y, (name, result) in enumerate(results.items()):
        bars.plot([result.low["rouge1"], result.high["rouge1"]], [y, y], color="black", linewidth=1)
        bars.text(1, y, f"{scores[name]:.1f}", va="center")
    bars.set(xlabel="ROUGE-1 F1 with 95 % interval", title="After one minute on two cores")
    target = Path(__file__).resolve().parent.parent / ".github" / "course.png"
    figure.savefig(target, dpi=110)
    print(target, scores)


if __name__ == "__main__":
    main()
