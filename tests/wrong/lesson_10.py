"""Wrong and right answers to the exercises on abstractive fine-tuning."""

from collections import Counter, defaultdict

import torch
from torch import nn
from torch.nn import functional as F

from bertsum_lite import tinynews
from bertsum_lite.checks.lesson_10 import START, VOCABULARY, Writer
from bertsum_lite.training import noam
from wrong import right, wrong

wrong("10.1", "decoder: that is the peak", (1.5e-3, 1e-4, 60, 7.5))
wrong("10.1", "multiply by the warm-up, not by its root", (0.15, 0.04, 60, 7.5))
wrong("10.1", "decoder: you divide by √warmup", (1.5e-4, 5e-6, 60, 7.5))
wrong("10.1", "encoder: 0.001 is too small", (0.015, 0.001, 60, 7.5))
wrong("10.1", "at_100: that is the ratio of the peaks", (0.015, 0.002, 15, 7.5))
wrong("10.1", "still warming up", (0.015, 0.002, 7.5, 7.5))
wrong("10.1", "at_900: that is the ratio of the peaks", (0.015, 0.002, 60, 15))
wrong("10.1", "at_900: upside down", (0.015, 0.002, 60, 0.1333))
wrong("10.1", "4 numbers are wanted", (0.015, 0.002))
right("10.1", [torch.tensor(0.015), 2e-3, 60.0, 7.5])


def token_losses(logits, labels, smoothing, **changes):
    return F.cross_entropy(logits.mT, labels, label_smoothing=smoothing, reduction="none", **changes)


@wrong("10.2", "average all tokens of the batch")
def as_cross_entropy_averages(logits, labels, smoothing):
    return F.cross_entropy(logits.mT, labels, label_smoothing=smoothing)


@wrong("10.2", "padding counts in your loss")
def clamped_and_averaged(logits, labels, smoothing):
    return F.cross_entropy(logits.mT, labels.clamp(min=0), label_smoothing=smoothing)


@wrong("10.2", "counted where you divide")
def plain_mean(logits, labels, smoothing):
    return token_losses(logits, labels, smoothing).mean(dim=1).mean()


@wrong("10.2", "but not in the number of tokens")
def padding_in_the_sum(logits, labels, smoothing):
    losses = token_losses(logits, labels.clamp(min=0), smoothing)
    return (losses.sum(dim=1) / (labels >= 0).sum(dim=1)).mean()


@wrong("10.2", "spread ε over the other words only")
def one_minus_epsilon_for_the_right_one(logits, labels, smoothing):
    log_p, real = logits.log_softmax(dim=-1), labels >= 0
    targets = torch.full_like(log_p, smoothing / (logits.size(-1) - 1))
    targets.scatter_(2, labels.clamp(min=0).unsqueeze(2), 1 - smoothing)
    return ((-(targets * log_p).sum(dim=-1) * real).sum(dim=1) / real.sum(dim=1)).mean()


def smoothed_by(right, every):
    """A loss with weights of one's own for log p of the right word, and for the sum over all words."""

    def loss(logits, labels, smoothing):
        log_p, real = logits.log_softmax(dim=-1), labels >= 0
        chosen = log_p.gather(2, labels.clamp(min=0).unsqueeze(2)).squeeze(2)
        losses = -right(smoothing, logits.size(2)) * chosen - every(smoothing, logits.size(2)) * log_p.sum(dim=-1)
        return ((losses * real).sum(dim=1) / real.sum(dim=1)).mean()

    return loss


wrong("10.2", "each word gets ε", smoothed_by(lambda e, v: 1 - e, lambda e, v: e))
wrong("10.2", "keeps all of its 1", smoothed_by(lambda e, v: 1, lambda e, v: e / v))
wrong("10.2", "exchanged: the right word", smoothed_by(lambda e, v: e, lambda e, v: (1 - e) / v))
wrong("10.2", "your targets sum to less than 1", smoothed_by(lambda e, v: 1 - e - e / v, lambda e, v: e / v))


@wrong("10.2", "one loss a document")
def not_averaged(logits, labels, smoothing):
    return token_losses(logits, labels, smoothing).sum(dim=1) / (labels >= 0).sum(dim=1)


@wrong("10.2", "smoothing has no effect")
def forgets_smoothing(logits, labels, smoothing):
    return (token_losses(logits, labels, 0.0).sum(dim=1) / (labels >= 0).sum(dim=1)).mean()


@wrong("10.2", "your softmax runs over the target's positions")
def softmax_over_positions(logits, labels, smoothing):
    log_p, real = logits.log_softmax(dim=1), labels >= 0
    chosen = log_p.gather(2, labels.clamp(min=0).unsqueeze(2)).squeeze(2)
    losses = -(1 - smoothing) * chosen - smoothing * log_p.mean(dim=-1)
    return ((losses * real).sum(dim=1) / real.sum(dim=1)).mean()


@wrong("10.2", "a document's tokens are summed")
def sums_a_document(logits, labels, smoothing):
    return token_losses(logits, labels, smoothing).sum(dim=1).mean()


@wrong("10.2", "documents are summed")
def sums_documents(logits, labels, smoothing):
    return (token_losses(logits, labels, smoothing).sum(dim=1) / (labels >= 0).sum(dim=1)).sum()


@wrong("10.2", "sign is wrong")
def log_p_itself(logits, labels, smoothing):
    return -(token_losses(logits, labels, smoothing).sum(dim=1) / (labels >= 0).sum(dim=1)).mean()


@wrong("10.2", "stopped with")
def gathers_at_padding(logits, labels, smoothing):
    log_p = logits.log_softmax(dim=-1)
    chosen = log_p.gather(2, labels.unsqueeze(2)).squeeze(2)
    return (-(1 - smoothing) * chosen - smoothing * log_p.mean(dim=-1))[labels >= 0].mean()


@wrong("10.2", "no gradient finds its way")
def gives_a_number(logits, labels, smoothing):
    return torch.tensor((token_losses(logits, labels, smoothing).sum(dim=1) / (labels >= 0).sum(dim=1)).mean().item())


@right("10.2")
def by_cross_entropy(logits, labels, smoothing):
    return (token_losses(logits, labels, smoothing).sum(dim=1) / (labels != -100).sum(dim=1)).mean()


@right("10.2")
def one_document_after_another(logits, labels, smoothing):
    total = 0
    for row, label in zip(logits, labels):
        row, label = row[label >= 0], label[label >= 0]  # (tokens, vocabulary), (tokens,)
        targets = F.one_hot(label, row.size(1)) * (1 - smoothing) + smoothing / row.size(1)
        total = total - (targets * row.log_softmax(dim=1)).sum(dim=1).mean()
    return total / len(logits)


def tally(summaries, records, stated, mixed, invented, key=lambda event, slot: (event, slot)):
    rows = defaultdict(lambda: [0, 0, 0])
    for summary, record in zip(summaries, records):
        for slot, verdict in tinynews.check(summary, record["facts"]).items():
            for i, rule in enumerate((stated, mixed, invented)):
                rows[key(record["facts"]["event"], slot)][i] += int(rule(verdict))
    return {name: tuple(row) for name, row in rows.items()}


def is_stated(v):
    return v.state != "missing"


def is_mixed(v):
    return v.owner is not None


def is_invented(v):
    return v.state == "wrong" and v.owner is None


@wrong("10.3", "missing slots count as stated")
def counts_all_as_stated(summaries, records):
    return tally(summaries, records, lambda v: True, is_mixed, is_invented)


@wrong("10.3", "missing slots count as invented")
def not_correct_is_invented(summaries, records):
    return tally(summaries, records, is_stated, is_mixed, lambda v: v.state != "correct" and v.owner is None)


@wrong("10.3", "ask for the state first")
def stated_without_owner(summaries, records):
    return tally(summaries, records, is_stated, is_mixed, lambda v: v.said is not None and v.owner is None)


@wrong("10.3", "all that has no owner counts as invented")
def no_owner_is_invented(summaries, records):
    return tally(summaries, records, is_stated, is_mixed, lambda v: not v.owner)


@wrong("10.3", "exchanged")
def owner_means_invented(summaries, records):
    return tally(summaries, records, is_stated, is_invented, is_mixed)


@wrong("10.3", "only correct slots count as stated")
def correct_is_stated(summaries, records):
    return tally(summaries, records, lambda v: v.state == "correct", is_mixed, is_invented)


@wrong("10.3", "your keys are slots")
def by_slot_alone(summaries, records):
    return tally(summaries, records, is_stated, is_mixed, is_invented, key=lambda event, slot: slot)


@wrong("10.3", "never stated are left out")
def drops_silent_slots(summaries, records):
    rows = tally(summaries, records, is_stated, is_mixed, is_invented)
    return {name: row for name, row in rows.items() if any(row)}


@wrong("10.3", "only the last summary")
def overwrites(summaries, records):
    rows = {}
    for summary, record in zip(summaries, records):
        rows |= tally([summary], [record], is_stated, is_mixed, is_invented)
    return rows


@wrong("10.3", "stopped with KeyError")
def asks_for_every_fact(summaries, records):
    rows = {}
    for summary, record in zip(summaries, records):
        verdicts = tinynews.check(summary, record["facts"])
        for slot in record["facts"]["slots"]:
            rows[slot["name"]] = verdicts[slot["name"]].state
    return rows


@right("10.3")
def with_counters(summaries, records):
    stated, mixed, invented = Counter(), Counter(), Counter()
    for summary, record in zip(summaries, records):
        for slot, verdict in tinynews.check(summary, record["facts"]).items():
            key = record["facts"]["event"], slot
            stated[key] += verdict.said is not None
            mixed[key] += bool(verdict.owner)
            invented[key] += verdict.said is not None and verdict.state != "correct" and not verdict.owner
    return {key: [stated[key], mixed[key], invented[key]] for key in stated}


def loop(model, batches, shift=True, padding=False, encoder=1e-3, others=1e-2, first=START, scale=20**0.5, clear=True):
    """The training loop with mistakes, written with one optimizer a group."""
    parts = ([], [])
    for name, parameter in model.named_parameters():
        parts[name.split(".")[0] == "encoder"].append(parameter)
    optimizers = [torch.optim.Adam(part) for part in parts]
    losses = []
    for step, (document, labels) in enumerate(batches, start=1):
        for optimizer, peak in zip(optimizers, (others, encoder)):
            optimizer.param_groups[0]["lr"] = noam(step, peak * scale, 20)
        words = labels.clamp(min=0)
        read = torch.cat([torch.full_like(words[:, :1], first), words[:, :-1]], dim=1) if shift else words
        log_p = model(document, read).log_softmax(dim=-1)
        token_loss = -log_p.gather(2, words.unsqueeze(2)).squeeze(2)
        loss = token_loss.mean() if padding else token_loss[labels >= 0].mean()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            if clear:
                optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@wrong("10.4", "3 of 3 faults left")
def as_it_was(model, batches):
    return loop(model, batches, shift=False, padding=True, encoder=1e-2)


@wrong("10.4", "2 of 3 faults left: padding is a word to predict in your loss; encoder and decoder have one rate")
def only_shifted(model, batches):
    return loop(model, batches, padding=True, encoder=1e-2)


@wrong("10.4", "1 of 3 faults left: the decoder reads the very word")
def not_shifted(model, batches):
    return loop(model, batches, shift=False)


@wrong("10.4", "1 of 3 faults left: padding is a word")
def padding_counts(model, batches):
    return loop(model, batches, padding=True)


@wrong("10.4", "1 of 3 faults left: encoder and decoder have one rate")
def one_rate(model, batches):
    return loop(model, batches, encoder=1e-2)


@wrong("10.4", "one rate is left for both, now the encoder's")
def lower_for_both(model, batches):
    return loop(model, batches, others=1e-3)


@wrong("10.4", "exchanged")
def rates_the_wrong_way_round(model, batches):
    return loop(model, batches, encoder=1e-2, others=1e-3)


def shifted(read, target=lambda labels: labels, rate=noam):
    """The loop with a shift of one's own."""

    def train(model, batches):
        encoder = [p for name, p in model.named_parameters() if name.startswith("encoder.")]
        others = [p for name, p in model.named_parameters() if not name.startswith("encoder.")]
        optimizer = torch.optim.Adam([{"params": encoder, "peak": 1e-3}, {"params": others, "peak": 1e-2}])
        losses = []
        for step, (document, labels) in enumerate(batches, start=1):
            for group in optimizer.param_groups:
                group["lr"] = rate(step, group["peak"] * 20**0.5, 20)
            loss = F.cross_entropy(model(document, read(labels.clamp(min=0))).mT, target(labels))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    return train


def behind_start(words):
    return F.pad(words, (1, 0), value=START)[:, :-1]


wrong("10.4", "`roll` brings the last word round", shifted(lambda words: words.roll(1, dims=1)))
wrong("10.4", "your shift goes to the left", shifted(lambda words: F.pad(words[:, 1:], (0, 1))))
wrong("10.4", "first word is never predicted", shifted(lambda words: words[:, :-1], lambda labels: labels[:, 1:]))
wrong("10.4", "the rates are the peaks all the time", shifted(behind_start, rate=lambda step, lr, warmup: lr / 20**0.5))
right("10.4", shifted(behind_start))


@wrong("10.4", "it is START, 1")
def begins_with_padding(model, batches):
    return loop(model, batches, first=0)


@wrong("10.4", "peak · √warmup")
def peaks_as_factors(model, batches):
    return loop(model, batches, scale=1)


@wrong("10.4", "`zero_grad` is missing")
def gradients_pile_up(model, batches):
    return loop(model, batches, clear=False)


@wrong("10.4", "`return` is missing")
def returns_nothing(model, batches):
    loop(model, batches)


@right("10.4")
def two_optimizers(model, batches):
    return loop(model, batches)


wrong("10.5", "sees no order", (79.0, 86.97, 200))
wrong("10.5", "ROUGE counts words", (0, 86.97, 200))
wrong("10.5", "lie: in percent", (1.0, 86.97, 200))
wrong("10.5", "truth: that is its ROUGE-2", (100, 56.74, 200))
wrong("10.5", "truth: that is its ROUGE-L", (100, 63.55, 200))
wrong("10.5", "that is the lie's", (100, 100, 200))
wrong("10.5", "the *higher* ROUGE-2", (100, 86.97, 0))
wrong("10.5", "sees no order", (33, 86.97, 200))
wrong("10.5", "by how much on average", (100, 86.97, 22.3056))
wrong("10.5", "that is the lies' mean ROUGE-2", (100, 86.97, 79.0417))
wrong("10.5", "not percent", (100, 86.97, 100))
wrong("10.5", "3 numbers are wanted", (100, 86.97))
right("10.5", [100.0, torch.tensor(87.0), 200])


wrong("10.6", "has never learned to say", Writer)


@wrong("10.6", "90 % of the known are wanted")
class NoGate(Writer):
    """Copies whatever it says, and so can never say "meets"."""

    def forward(self, document, written):
        _, attention = self.look(document, written)
        nothing = torch.zeros(*attention.shape[:2], VOCABULARY)
        return nothing.scatter_add(2, document[:, None].expand_as(attention), attention).clamp(min=1e-9).log()


@wrong("10.6", "at most 50,000")
class Large(Writer):
    def __init__(self):
        super().__init__(hidden=128)


class Pointer(Writer):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(32, 1)

    def parts(self, document, written):
        state, attention = self.look(document, written)
        own = self.decoder["last"](state).softmax(dim=-1)
        copied = torch.zeros_like(own).scatter_add(2, document[:, None].expand_as(attention), attention)
        return own, copied, self.gate(state).sigmoid()


@wrong("10.6", "the loss wants their logarithm")
class Probabilities(Pointer):
    def forward(self, document, written):
        own, copied, gate = self.parts(document, written)
        return gate * own + (1 - gate) * copied


@wrong("10.6", "has no logarithm")
class NoClamp(Pointer):
    def forward(self, document, written):
        _, copied, _ = self.parts(document, written)
        return copied.log()


@wrong("10.6", "log-probabilities or logits")
class OnlyTheLastWord(Pointer):
    def forward(self, document, written):
        return super().forward(document, written)[:, -1]


wrong("10.6", "hand over the class itself", "Pointer")


@right("10.6")
class AdditivePointer(Pointer):
    """The two scores are added before one softmax, as in CopyNet."""

    def forward(self, document, written):
        own, copied, gate = self.parts(document, written)
        return torch.log(gate * own + 1e-9 + copied * (1 - gate))


@right("10.6")
class NoNamesOfItsOwn(Writer):
    """Words of the frame are generated, names copied: the document's words get the attention's logarithm."""

    def forward(self, document, written):
        state, attention = self.look(document, written)
        names = torch.zeros(*attention.shape[:2], VOCABULARY)
        names = names.scatter_add(2, document[:, None].expand_as(attention), attention)[..., 10:]
        frame = self.decoder["last"](state)[..., :10]
        return torch.cat([frame, 5 + names.clamp(min=1e-6).log()], dim=-1)
