"""Figures of the course: colours anyone can tell apart, labelled axes, a text for those who cannot see them."""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import DisplayHandle, display

from bertsum_lite.rouge import METRICS, RougeResult

COLOURS = sns.color_palette("colorblind").as_hex()  # chosen for the common kinds of colour blindness
SCORES_MIME = "application/vnd.bertsum-lite.scores+json"  # `make course` collects these


def style() -> None:
    """Set the course's look for figures made by hand."""
    sns.set_theme(style="whitegrid", palette=COLOURS, rc={"figure.figsize": (7, 3.5), "figure.dpi": 110})


def _html(figure: plt.Figure, alt: str) -> dict[str, str]:
    """A picture as HTML: the one form whose alternative text every viewer of notebooks keeps."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(figure)
    picture = base64.b64encode(buffer.getvalue()).decode()
    tag = f'<img src="data:image/png;base64,{picture}" alt="{html.escape(alt)}" style="max-width:100%">'
    return {"text/html": tag, "text/plain": alt}


def show(figure: plt.Figure, alt: str) -> None:
    """Display ``figure`` with an alternative text, and close it.

    Raises:
        ValueError: if ``alt`` is empty: every figure of the course can be read aloud.
    """
    if not alt.strip():
        raise ValueError("say in `alt` what the figure shows")
    display(_html(figure, alt), raw=True)


MAP = (
    ("00", "start\nhere"),
    ("01", "self-\nattention"),
    ("02", "encoder"),
    ("03", "pre-\ntraining"),
    ("04", "ROUGE"),
    ("05", "oracle\nlabels"),
    ("06", "BERTSUM\ninputs"),
    ("07", "choose\nsentences"),
    ("08", "two\nencoders"),
    ("09", "decoder,\nbeams"),
    ("10", "write\nsummaries"),
    ("11", "evaluate"),
    ("12", "beyond"),
)


def course_map(here: str) -> None:
    """The course as thirteen boxes in a row, the notebook ``here`` ("00" … "12") in colour: you are here."""
    figure, axes = plt.subplots(figsize=(11, 1.3))
    for x, (number, topic) in enumerate(MAP):
        at_home = number == here
        back = COLOURS[0] if at_home else "#e8eef4"
        axes.add_patch(plt.Rectangle((x + 0.05, 0), 0.9, 1, facecolor=back, edgecolor="none"))
        ink = "white" if at_home else "#222222"
        axes.text(x + 0.5, 0.76, number, ha="center", va="center", color=ink, weight="bold", fontsize=9)
        axes.text(x + 0.5, 0.34, topic, ha="center", va="center", color=ink, fontsize=7)
    for left, right, name in ((1, 4, "how BERT reads"), (4, 7, "the task"), (8, 11, "writing"), (7, 8, "choosing")):
        axes.plot([left + 0.1, right - 0.1], [1.12, 1.12], color="#888888", linewidth=1)
        axes.text((left + right) / 2, 1.3, name, ha="center", va="center", fontsize=7, color="#444444")
    axes.set(xlim=(0, len(MAP)), ylim=(0, 1.45))
    axes.axis("off")
    topic = dict(MAP)[here].replace("-\n", "-").replace("\n", " ")
    show(figure, f"Map of the course, notebooks 00 to 12 in a row; you are at {here}, {topic}.")


def heatmap(
    matrix: Sequence[Sequence[float]], rows: Sequence[str], columns: Sequence[str], x: str, y: str, title: str
) -> plt.Figure:
    """A matrix as colours with its values' scale beside it; attention weights have a query a row."""
    figure, axes = plt.subplots(figsize=(1.6 + 0.38 * len(columns), 1.2 + 0.32 * len(rows)))
    sns.heatmap(
        [[float(value) for value in row] for row in matrix],
        xticklabels=columns,
        yticklabels=rows,
        cmap="cividis",
        ax=axes,
    )
    axes.set(xlabel=x, ylabel=y, title=title)
    axes.tick_params(axis="y", rotation=0)
    return figure


def lines(
    curves: Mapping[str, Sequence[float]], x: str, y: str, title: str, start: int = 1, styles: Sequence[str] = ("-",)
) -> plt.Figure:
    """One line a curve over start, start + 1, …"""
    figure, axes = plt.subplots()
    for i, (name, values) in enumerate(curves.items()):
        axes.plot(range(start, start + len(values)), values, styles[i % len(styles)], label=name)
    axes.set(xlabel=x, ylabel=y, title=title)
    if len(curves) > 1:
        axes.legend()
    return figure


def smooth(values: Sequence[float], decay: float = 0.9) -> list[float]:
    """Running mean of a noisy curve, honest from the first step (bias-corrected)."""
    result, total = [], 0.0
    for step, value in enumerate(values, start=1):
        total = decay * total + (1 - decay) * value
        result.append(total / (1 - decay**step))
    return result


class LiveLoss:
    """A loss curve that grows while training runs: give it to ``train`` as ``on_update``."""

    def __init__(self, title: str, updates: int, every: int = 5):
        self.title, self.updates, self.every = title, updates, every
        self._handle: DisplayHandle | None = None

    def __call__(self, history: list[dict]) -> None:
        step = len(history)
        if step % self.every and step != self.updates:
            return
        losses = [row["loss"] for row in history]
        figure, axes = plt.subplots(figsize=(7, 2.8))
        axes.plot(range(1, step + 1), losses, color="0.75", label="each update")
        axes.plot(range(1, step + 1), smooth(losses), color=COLOURS[0], label="running mean")
        axes.set(xlabel="update", ylabel="loss", title=self.title, xlim=(0, self.updates + 1))
        axes.legend(loc="upper right")
        last = smooth(losses)[-1]
        alt = f"Training loss over {step} updates; the running mean goes from {losses[0]:.2f} to {last:.2f}."
        if self._handle is None:
            self._handle = display(_html(figure, alt), raw=True, display_id=True)
        else:
            self._handle.update(_html(figure, alt), raw=True)


def score_table(results: Mapping[str, RougeResult]) -> None:
    """A table of systems: mean ROUGE and its 95 % interval; ``make course`` prints the same at its end."""
    n = {result.n for result in results.values()}
    head = "".join(f"<th>{name}</th>" for name in ("ROUGE-1", "ROUGE-2", "ROUGE-L"))
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        + "".join(f"<td>{r.mean[m]:.2f} <small>[{r.low[m]:.2f}, {r.high[m]:.2f}]</small></td>" for m in METRICS)
        + "</tr>"
        for name, r in results.items()
    )
    caption = f"Mean F1 in percent over {' / '.join(map(str, sorted(n)))} documents; 95 % bootstrap interval"
    table = f"<table><caption>{caption}</caption><tr><th></th>{head}</tr>{rows}</table>"
    text = "\n".join(f"{name:24} {result}" for name, result in results.items())
    scores = {name: {"mean": r.mean, "n": r.n} for name, r in results.items()}
    display({"text/html": table, "text/plain": text, SCORES_MIME: json.loads(json.dumps(scores))}, raw=True)


def score_bars(results: Mapping[str, RougeResult], metric: str, title: str) -> plt.Figure:
    """One bar a system with its interval, so that the eye sees what is noise."""
    figure, axes = plt.subplots(figsize=(7, 0.5 + 0.45 * len(results)))
    names, values = list(results), [result.mean[metric] for result in results.values()]
    spread = [
        [r.mean[metric] - r.low[metric] for r in results.values()],
        [r.high[metric] - r.mean[metric] for r in results.values()],
    ]
    axes.barh(names, values, xerr=spread, color=COLOURS[0], capsize=3)
    axes.invert_yaxis()
    axes.set(xlabel=f"{metric} F1 in percent, with 95 % interval", title=title)
    return figure


def highlight(document: Sequence[str], chosen: Sequence[int], oracle: Sequence[int], title: str = "") -> None:
    """A document with the model's sentences marked ▶ on blue, the oracle's ★ on orange, both on green."""
    backgrounds = {(True, False): "#cfe3f5", (False, True): "#fbe3c0", (True, True): "#cdeccf"}
    items = []
    for i, sentence in enumerate(document):
        state = (i in chosen, i in oracle)
        mark = "▶" * state[0] + "★" * state[1]
        back = f"background:{backgrounds[state]};color:#111;" if any(state) else ""
        items.append(
            f"<div style='{back}padding:1px 6px;display:flex'><b style='flex:0 0 2.2em'>{mark}</b>"
            f"<span>{html.escape(sentence)}</span></div>"
        )
    text = "\n".join(f"{'>' * (i in chosen)}{'*' * (i in oracle)}\t{sentence}" for i, sentence in enumerate(document))
    heading = f"<b>{html.escape(title)}</b> <small>▶ the model · ★ the oracle</small>"
    display(
        {
            "text/html": f"<div style='max-width:60em;line-height:1.45'>{heading}{''.join(items)}</div>",
            "text/plain": text,
        },
        raw=True,
    )
