"""Checkers for the exercises on abstractive fine-tuning."""

import random
from functools import partial
from itertools import combinations

import torch
from torch import nn
from torch.nn import functional as F

from bertsum_lite import tinynews
from bertsum_lite.checks import Wrong, agree, compare, exercise, gradients, hint
from bertsum_lite.checks.tools import Answer, numbers
from bertsum_lite.training import noam


@exercise("10.1", "The encoder moves less, and later.", "10.2, the loss under label smoothing.")
def two_schedules(answer):
    decoder, encoder, at_100, at_900 = numbers(answer, "decoder, encoder, at_100, at_900")
    for name, got, peak, warmup in (("decoder", decoder, 1.5e-3, 100), ("encoder", encoder, 1e-4, 400)):
        named = {
            "that is the peak; a Group takes the factor before the formula, and the peak is factor / √warmup": peak,
            "you multiply by the warm-up, not by its root": peak * warmup,
            "you divide by √warmup: the peak is factor / √warmup, and the factor is wanted": peak / warmup**0.5,
        }
        with hint(name):
            compare(got, peak * warmup**0.5, named, tolerance=2e-5)
    upside_down = "upside down: the decoder's rate goes above the line"
    named = {
        "that is the ratio of the peaks, which are reached at different times": 15,
        "that is the ratio once both fall; at 100 the encoder is still warming up": 7.5,
        "the warm-up is a straight line, so after a quarter of it a quarter of the peak": 30,
    }
    with hint("at_100"):
        compare(at_100, 60, {**named, upside_down: 1 / 60}, tolerance=0.01)
    named = {
        "that is the ratio of the peaks; by 900 the decoder has fallen for longer than the encoder": 15,
        "that is the ratio at 100; by 900 the encoder's warm-up is over": 60,
        "both fall with 1/√step, not with 1/step": 3.75,
    }
    with hint("at_900"):
        compare(at_900, 7.5, {**named, upside_down: 1 / 7.5}, tolerance=0.01)


def mean_of_means(losses, real):
    return ((losses * real).sum(dim=1) / real.sum(dim=1)).mean()


def smooth(right, log_p, smoothing):
    return -(1 - smoothing) * right - smoothing * log_p.mean(dim=2)


def smoothed(logits, labels, smoothing, end=mean_of_means, dim=-1, rule=smooth):
    """A label-smoothed loss with an end or a rule of one's own, or a softmax over another axis."""
    log_p = logits.log_softmax(dim=dim)
    right = log_p.gather(2, labels.clamp(min=0).unsqueeze(2)).squeeze(2)  # (batch, target)
    return end(rule(right, log_p, smoothing), labels != -100)


@exercise("10.2", "Padding pays nothing, and no document counts more for being long.", "10.3, whose fault it is.")
def loss_with_smoothing(smoothed_loss):
    ends = {
        "padding counts in your loss": lambda ls, real: ls.mean(),
        "padding counts in the sum, but not in the number of tokens": (
            lambda ls, real: (ls.sum(dim=1) / real.sum(dim=1)).mean()
        ),
        "padding is left out of the sum, but counted where you divide": lambda ls, real: (ls * real).mean(),
        "you average all tokens of the batch: average each document, then these": lambda ls, real: ls[real].mean(),
        "the sign is wrong: a loss is −log p": lambda ls, real: -mean_of_means(ls, real),
        "a document's tokens are summed, where their mean is wanted": lambda ls, real: (ls * real).sum(dim=1).mean(),
        "documents are summed, where their mean is wanted": lambda ls, real: mean_of_means(ls, real) * len(real),
        "yours is one loss a document; return their mean": lambda ls, real: (ls * real).sum(dim=1) / real.sum(dim=1),
    }
    rules = {
        "you spread ε over the other words only; the right one has its share too, 1 − ε + ε/V": (
            lambda right, log_p, e: -(1 - e) * right - e * (log_p.sum(dim=2) - right) / (log_p.size(2) - 1)
        ),
        "your targets sum to less than 1: the right word has 1 − ε, and its share ε/V besides": (
            lambda right, log_p, e: -(1 - e) * right - e * (log_p.sum(dim=2) - right) / log_p.size(2)
        ),
        "each word gets ε; the V words share it, so take the mean of log p": (
            lambda right, log_p, e: -(1 - e) * right - e * log_p.sum(dim=2)
        ),
        "the right word keeps all of its 1; smoothing takes ε of it: (1 − ε)": (
            lambda right, log_p, e: -right - e * log_p.mean(dim=2)
        ),
        "exchanged: the right word has 1 − ε, and ε is for all": lambda right, log_p, e: smooth(right, log_p, 1 - e),
        "smoothing has no effect": lambda right, log_p, e: -right,
    }
    named = {words: partial(smoothed, end=end) for words, end in ends.items()}
    named |= {words: partial(smoothed, rule=rule) for words, rule in rules.items()} | {
        "words compete with words: your softmax runs over the target's positions": partial(smoothed, dim=1),
    }
    inputs = []
    for lengths, words, smoothing in (([1], 3, 0.3), ([2, 1], 3, 0.3), ([4, 1, 2], 5, 0.1), ([3, 1], 4, 0.0)):
        real = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
        labels = torch.where(real, torch.randint(words, real.shape), -100)
        inputs.append((2 * torch.randn(*real.shape, words), labels, smoothing))
    agree(smoothed_loss, smoothed, inputs, named)
    logits, labels, smoothing = inputs[2]
    logits.requires_grad_()
    got, want = (gradients(f(logits, labels, smoothing), [logits], torch.ones(())) for f in (smoothed_loss, smoothed))
    with hint("the loss is right, its gradient is not"):
        compare(got[0], want[0])


def counted(summaries, records, key=lambda *names: names, row=lambda right, *rest: rest, skip=False, add=True):
    """{(event, slot): (stated, mixed up, invented)}; the settings are mistakes."""
    result = {}
    for summary, record in zip(summaries, records):
        for slot, v in tinynews.check(summary, record["facts"]).items():
            name, mixed, new = key(record["facts"]["event"], slot), bool(v.owner), v.state == "wrong" and not v.owner
            before = result.get(name, (0, 0, 0)) if add else (0, 0, 0)
            counts = row(v.state == "correct", v.state != "missing", mixed, new)
            result[name] = tuple(map(sum, zip(before, counts)))
    return {name: counts for name, counts in result.items() if counts[0] or not skip}


def told_wrongly(size, seed):
    """Summaries and records (their facts only): two names exchanged, another story's, cut short, or right."""
    rng, summaries, records = random.Random(seed), [], []
    every = [r for r in tinynews.generate("train", 80 * size, seed) if r["facts"]["event"] in ("auction", "election")]
    for i, record in enumerate(every[:size]):
        summary, facts = record["summary"][0], record["facts"]
        if i % 4 == 0:
            people = ("buyer", "seller", "winner", "loser", "old", "caller")
            one, other = rng.sample([s["value"] for s in facts["slots"] if s["name"] in people], 2)
            summary = summary.replace(one, "?").replace(other, one).replace("?", other)
        elif i % 4 == 1:
            alike = (r for r in every[i + 1 :] + every[:i] if r["facts"]["event"] == facts["event"])
            summary = next(alike)["summary"][0]
        elif i % 4 == 2:
            summary = " ".join(summary.split()[:6]) + "."
        summaries.append([summary])
        records.append({"facts": facts})
    return summaries, records


@exercise("10.3", "Mix-ups and inventions, each where it belongs.", "10.4, a training loop with a loss too good.")
def hallucinations_by_slot(hallucinations):
    rows = {  # right, said, mixed up, new → stated, mixed up, invented
        "missing slots count as stated in yours; they say nothing": lambda r, s, m, n: (True, m, n),
        "missing slots count as invented in yours; they say nothing": lambda r, s, m, n: (s, m, not r and not m),
        "correct slots count as invented in yours: ask for the state first": lambda r, s, m, n: (s, m, s and not m),
        "all that has no owner counts as invented, correct and missing slots too": lambda r, s, m, n: (s, m, not m),
        "exchanged: with an owner it is another fact of the document, a mix-up": lambda r, s, m, n: (s, n, m),
        "only correct slots count as stated in yours; wrong ones are stated too": lambda r, s, m, n: (r, m, n),
    }
    made = {words: partial(counted, row=row) for words, row in rows.items()} | {
        "your keys are slots, but a slot of that name in another event is another slot: key (event, slot)": (
            partial(counted, key=lambda event, slot: slot)
        ),
        "slots that were never stated are left out; they belong in, as (0, 0, 0)": partial(counted, skip=True),
        "only the last summary of each event counts: add to what is there": partial(counted, add=False),
    }
    inputs = [told_wrongly(size, seed) for size, seed in ((1, 0), (2, 1), (3, 2), (4, 3), (40, 5))]
    agree(hallucinations, counted, [*inputs, ([], [])], made)


START, END, MEETS, KNOWN, NEW, VOCABULARY = 1, 2, 3, range(10, 50), range(50, 60), 60  # 4 to 9: trades


class Writer(nn.Module):
    """(document, words so far) → logits of the next word (batch, target, vocabulary)."""

    def __init__(self, hidden=32):
        super().__init__()
        words, places = nn.Embedding(VOCABULARY, hidden), nn.Embedding(8, hidden)
        self.encoder = nn.ModuleDict({"words": words, "pairs": nn.Linear(2 * hidden, hidden)})
        parts = {"places": places, "look": nn.Linear(hidden, hidden), "last": nn.Linear(hidden, VOCABULARY)}
        self.decoder = nn.ModuleDict({"words": nn.Embedding(VOCABULARY, hidden), **parts})

    def look(self, document, written):
        """State after each word (batch, target, hidden), and where it looks (batch, target, source)."""
        words, decoder = self.encoder["words"](document), self.decoder  # a word is read with the one before it
        memory = self.encoder["pairs"](torch.cat([words.roll(1, dims=1), words], dim=-1)).relu()
        query = decoder["words"](written) + decoder["places"].weight[: written.size(1)]
        scores = query @ decoder["look"](memory).mT
        attention = scores.masked_fill(document[:, None] == 0, -torch.inf).softmax(dim=-1)
        return query + attention @ memory, attention

    def forward(self, document, written):
        return self.decoder["last"](self.look(document, written)[0])


def stories(updates, seed=0, size=32, names=KNOWN, own=0):
    """Batches: documents (size, 12), trade, name, trade, name, …; labels (size, 4), −100 at padding.

    A label is the name of one trade, "meets", the name of another, END; without the other only name and END.
    Which two trades depends on the seed alone, and is a secret.
    """
    first, second = torch.randperm(6, generator=torch.Generator().manual_seed(seed))[:2]
    generator = torch.Generator().manual_seed(1000 * seed + own)
    for _ in range(updates):
        trades = torch.rand(size, 6, generator=generator).argsort(dim=1)
        who = names[0] + torch.rand(size, len(names), generator=generator).argsort(dim=1)[:, :6]
        alone = torch.rand(size, 1, generator=generator) < 0.5
        document = torch.stack([4 + trades, who], dim=2)  # (size, 6, 2)
        document = document.masked_fill((alone & (trades == second)).unsqueeze(2), 0).flatten(1)
        one, other = who[trades == first], who[trades == second]
        long = torch.stack([one, torch.full_like(one, MEETS), other, torch.full_like(one, END)], dim=1)
        yield document, torch.where(alone, F.pad(F.pad(one.unsqueeze(1), (0, 1), value=END), (0, 2), value=-100), long)


@torch.no_grad()
def written_right(model, seed=0, names=KNOWN):
    """The share of 300 new documents that a model, writing on its own, sums up without a mistake."""
    ((document, labels),) = stories(1, seed, 300, names, own=1)
    written = torch.full((300, 1), START)
    for _ in range(4):
        written = torch.cat([written, model(document, written)[:, -1:].argmax(dim=-1)], dim=1)
    return ((written[:, 1:] == labels) | (labels < 0)).all(dim=1).float().mean().item()


FAULTS = {
    "shift": "the decoder reads the very word it has to predict: shift what it reads right, START first",
    "padding": "padding is a word to predict in your loss",
    "rate": "encoder and decoder have one rate",
}
RATES = {"rate": (1e-2, 1e-2), "low": (1e-3, 1e-3), "exchanged": (1e-2, 1e-3)}  # encoder, decoder


def trained(model, batches, faults=()):
    """Losses of a training run, with faults by name."""
    low, high = next((RATES[name] for name in faults if name in RATES), (1e-3, 1e-2))
    groups = [{"params": p, "peak": low if n.startswith("encoder.") else high} for n, p in model.named_parameters()]
    optimizer, scale = torch.optim.Adam(groups, lr=0.0), 1 if "peak" in faults else 20**0.5
    losses = []
    for step, (document, labels) in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] if "flat" in faults else noam(step, group["peak"] * scale, 20)
        words = labels.clamp(min=0)
        read = words if "shift" in faults else F.pad(words, (1, 0), value=0 if "start" in faults else START)[:, :-1]
        read = words.roll(1, dims=1) if "roll" in faults else F.pad(words, (0, 1))[:, 1:] if "left" in faults else read
        target = words if "padding" in faults else labels
        if "second" in faults:
            read, target = words[:, :-1], labels[:, 1:]
        loss = F.cross_entropy(model(document, read).mT, target)
        if "kept" not in faults:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def run(train):
    torch.manual_seed(0)
    return train(Writer(), list(stories(6, size=4)))


@exercise("10.4", "A higher loss, and now it writes.", "10.5, a lie that scores 100.")
def loop_too_good(mended):
    named = {
        f"{count} of 3 faults left: " + "; ".join(FAULTS[name] for name in left): left
        for count in (1, 2, 3)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "the first word read is 0, the padding; it is START, 1": ["start"],
        "`roll` brings the last word round to the front; START belongs there": ["roll"],
        "your shift goes to the left, so the decoder reads the word after next: to the right, START first": ["left"],
        "the first word is never predicted: put START before what is read, and keep all labels": ["second"],
        "the rates are the peaks all the time: `noam` warms them up and lets them fall": ["flat"],
        "the two rates are exchanged: the encoder's is the smaller": ["exchanged"],
        "one rate is left for both, now the encoder's": ["low"],
        "the peaks 1e-3 and 1e-2 stand where `noam` wants peak · √warmup": ["peak"],
        "gradients of earlier updates are still there: `zero_grad` is missing": ["kept"],
    }
    made = {words: run(partial(trained, faults=faults)) for words, faults in named.items()}
    compare(run(mended), run(trained), made)


@exercise("10.5", "The words are the same, so ROUGE-1 cannot see who did what.", "10.6, names never learned.")
def lie_and_truth(answer):
    lie, truth, preferred = numbers(answer, "lie, truth, preferred")
    with hint("lie"):
        if 1 < lie < 99.99:
            raise Wrong("which word of the lie does the reference lack? ROUGE-1 counts words and sees no order")
        compare(lie, 100, {"in percent": 1, "the facts are wrong, but the words are right: ROUGE counts words": 0})
    named = {"that is its ROUGE-2": 56.74, "that is its ROUGE-L": 63.55, "ROUGE here is in percent": 0.8697}
    with hint("truth"):
        compare(truth, 86.97, {**named, "that is the lie's ROUGE-1": 100}, tolerance=0.01)
    named = {"count the documents whose lie has the *higher* ROUGE-2": 0, "a number of documents, of 200": 1}
    named |= {"that is by how much on average; count the documents": 22.3056, "that is the lies' mean ROUGE-2": 79.0417}
    with hint("preferred"):
        compare(preferred, 200, {**named, "a number of documents, not percent": 100})


def learn(kind, seed=1):
    """Train a model for 600 updates; the shares of summaries it then writes right, names known and new."""
    torch.manual_seed(seed)
    model = kind()
    trained(model, stories(600, seed))
    return written_right(model, seed), written_right(model, seed, NEW)


@exercise("10.6", "It copies what it has never learned to say.", "lesson 11, where systems are compared.")
def names_never_seen(answer):
    if not isinstance(getattr(answer, "function", None), type):
        raise Wrong("a class is wanted: hand over the class itself, `Pointer`, neither a model nor a function")
    ((document, labels),) = stories(1, size=3)
    model = Answer(answer())
    size, got = sum(p.numel() for p in model.parameters()), model(document, labels.clamp(min=0))
    if size > 50_000:
        raise Wrong(f"{size:,} parameters; at most 50,000 are allowed")
    if not isinstance(got, torch.Tensor) or got.shape != (3, 4, VOCABULARY):
        raise Wrong(f"your model should return log-probabilities or logits (batch, target, {VOCABULARY})")
    if not got.isfinite().all():
        raise Wrong("a probability of 0 has no logarithm: `.clamp(min=1e-9)` before `.log()`")
    if (got >= 0).all():
        raise Wrong("you return probabilities: the loss wants their logarithm")
    known, new = map(min, zip(*(learn(answer.function, seed) for seed in (1, 2))))
    reached = f"{known:.0%} right with known names, {new:.0%} with new ones (the worse of two runs)."
    if known < 0.9:
        raise Wrong(f"{reached} 90 % of the known are wanted: what the lesson's model could do is lost")
    if new < 0.85:
        raise Wrong(f"{reached} 85 % of the new are wanted: no output layer can say what it has never learned to say")
    return reached
