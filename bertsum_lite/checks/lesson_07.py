"""Checkers for the exercises on extractive fine-tuning."""

import copy
import math
from functools import cache, partial
from itertools import combinations
from types import SimpleNamespace

import torch
from torch import nn

from bertsum_lite import ExtractiveConfig, ExtractiveSummarizer, corpus_rouge, lead, load_backbone, load_corpus, select
from bertsum_lite.checks import Wrong, agree, compare, exercise, gradients, hint
from bertsum_lite.checks.tools import Answer, number, numbers, same
from bertsum_lite.corpus import references
from bertsum_lite.encoding import Window
from bertsum_lite.rouge import tokenize
from bertsum_lite.training import noam


@exercise("07.1", "Between 1.10 and 0.67 lies all that there is to learn.", "07.2, the listwise loss.")
def first_number(answer):
    listwise, bce, floor = numbers(answer, "listwise, bce, floor")
    named = {
        "the padded sentence is no side of the die: log 3": math.log(4),
        "a die with three sides: log 3, once, whatever the targets": 3 * math.log(3),
        "a coin costs log 2; the listwise loss is one die with three sides": math.log(2),
    }
    with hint("listwise"):
        compare(listwise, math.log(3), named, tolerance=0.01)
    named = {
        "the padded sentence is no coin: 3 · log 2": 4 * math.log(2),
        "that is one coin's; the loss is the sum over the document's three": math.log(2),
        "each sentence is a coin, so log 2 each; log 3 is the die's": math.log(3),
    }
    with hint("bce"):
        compare(bce, 3 * math.log(2), named, tolerance=0.01)
    named = {
        "soft labels are no certainty: a model that says just the targets loses their entropy": 0.0,
        "divide ROUGE by the temperature, 0.1, before the softmax": 1.0945,
        "that is what one of the sentences costs; weigh each by its target and sum": 0.2395,
        "that is in bits; the loss is taken with natural logarithms": 0.9602,
        "the two sentences of 0.1 both count": 0.427,
        "the fourth, padded sentence has no target": 0.7966,
        "the targets are a softmax of 3, 1, 1; you divided them by their sum": 0.9503,
    }
    with hint("floor"):
        compare(floor, 0.6656, named, tolerance=0.01)


def hide(scores, real):
    return scores.masked_fill(~real, torch.finfo(torch.float32).min)


def loss_by(targets=None, log_p=None, end=lambda losses, real: losses.sum(dim=-1).mean()):
    """A listwise loss with targets, log-probabilities or an end of one's own."""
    targets = targets or (lambda rouge, real, t: hide(rouge / t, real).softmax(dim=-1))
    log_p = log_p or (lambda logits, real, t: hide(logits, real).log_softmax(dim=-1))

    def loss(logits, rouge, real, temperature):
        return end(-(targets(rouge, real, temperature) * log_p(logits, real, temperature)), real)

    return loss


@exercise("07.2", "Padding costs nothing, and the gradient is the library's.", "07.3, a schedule by its peak.")
def listwise(listwise_loss):
    def right(logits, rouge, real, temperature):
        model = SimpleNamespace(config=SimpleNamespace(loss="listwise", label_temperature=temperature))
        return ExtractiveSummarizer.loss(model, logits, rouge, real)

    def infinite(logits, real, t):
        return logits.masked_fill(~real, -math.inf).log_softmax(dim=-1)

    def every_target(rouge, real, t):
        return (rouge / t).softmax(dim=-1)

    def every_logit(logits, real, t):
        return logits.log_softmax(dim=-1)

    def entropy(rouge, real, t):
        q = hide(rouge / t, real).softmax(dim=-1)
        return torch.special.entr(q).sum(dim=-1).mean()

    named = {
        "0 · −∞ is NaN: hide padded logits with the lowest finite number": loss_by(log_p=infinite),
        "padding gets a share of the targets: e⁰ = 1, so hide it before the softmax of the targets": (
            loss_by(every_target)
        ),
        "padding gets a share of what the model says: hide its logits before the softmax": loss_by(log_p=every_logit),
        "`real` has no effect: padding has a target, and the model spends probability on it": (
            loss_by(every_target, every_logit)
        ),
        "padding is left out of the sum only; both softmaxes have shared with it before": (
            loss_by(every_target, every_logit, lambda losses, real: (losses * real).sum(dim=-1).mean())
        ),
        "a hidden score of 0 does not hide: e⁰ = 1": loss_by(
            lambda rouge, real, t: (rouge * real / t).softmax(dim=-1),
            lambda logits, real, t: (logits * real).log_softmax(dim=-1),
        ),
        "the targets ignore the temperature": loss_by(lambda rouge, real, t: hide(rouge, real).softmax(dim=-1)),
        "the targets are multiplied by the temperature; divide": loss_by(
            lambda rouge, real, t: hide(rouge * t, real).softmax(dim=-1)
        ),
        "the temperature is one of the targets; your logits are divided by it, too": loss_by(
            log_p=lambda logits, real, t: hide(logits / t, real).log_softmax(dim=-1)
        ),
        "the temperature divides your logits; it belongs to the targets, ROUGE / temperature": loss_by(
            lambda rouge, real, t: hide(rouge, real).softmax(dim=-1),
            lambda logits, real, t: hide(logits / t, real).log_softmax(dim=-1),
        ),
        "padding is taken out after the softmax of the targets, so they sum to less than 1: hide it before": loss_by(
            lambda rouge, real, t: every_target(rouge, real, t) * real
        ),
        "you divide by all real sentences of the batch; sum over each document's, and take the documents' mean": (
            loss_by(end=lambda losses, real: losses.sum() / real.sum())
        ),
        "the targets are ROUGE itself; a softmax of ROUGE / temperature makes them": loss_by(
            lambda rouge, real, t: rouge * real
        ),
        "the targets are ROUGE divided by its sum; a softmax makes them": loss_by(
            lambda rouge, real, t: rouge * real / (rouge * real).sum(dim=-1, keepdim=True)
        ),
        "all of the target is on the best sentence: that is a hard label": loss_by(
            lambda rouge, real, t: nn.functional.one_hot(rouge.masked_fill(~real, -1).argmax(-1), rouge.size(-1))
        ),
        "the sign is missing: a loss falls as the model gets better": lambda *args: -right(*args),
        "the logarithm is missing: yours sums q · p": loss_by(
            log_p=lambda logits, real, t: hide(logits, real).softmax(dim=-1)
        ),
        "you take the mean over sentences: a long document's sentences count less; sum over them": loss_by(
            end=lambda losses, real: losses.mean()
        ),
        "you take the mean over the document's sentences; the sum −Σ q log p is the loss": loss_by(
            end=lambda losses, real: (losses.sum(dim=-1) / real.sum(dim=-1)).mean()
        ),
        "you sum over documents; the mean makes the loss the same for small batches and large": loss_by(
            end=lambda losses, real: losses.sum()
        ),
        "one loss a document is what you return; their mean is wanted": loss_by(
            end=lambda losses, real: losses.sum(dim=-1)
        ),
        "the softmax runs over the documents; it has to run over the sentences, dim=-1": loss_by(
            lambda rouge, real, t: hide(rouge / t, real).softmax(dim=0),
            lambda logits, real, t: hide(logits, real).log_softmax(dim=0),
        ),
        "the targets' entropy is subtracted: that is the Kullback-Leibler divergence, which has the same gradient": (
            lambda logits, rouge, real, t: right(logits, rouge, real, t) - entropy(rouge, real, t)
        ),
        "`real` is turned round: you hide the text and show the padding": lambda logits, rouge, real, t: right(
            logits, rouge, ~real, t
        ),
        "`masked_fill` hides where its mask is True, and `real` is True at the text: give it `~real`": (
            lambda logits, rouge, real, t: loss_by()(logits, rouge, ~real, t)
        ),
    }

    def batch(*lengths):
        real = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        rouge = torch.rand(real.shape) * real
        return 2 * torch.randn(real.shape), rouge / 2, real, 0.1

    both = torch.ones(1, 2, dtype=torch.bool)
    padded = torch.tensor([[0.0, 1.0, 3.0]]), torch.tensor([[0.4, 0.1, 0.0]]), torch.tensor([[True, True, False]]), 0.1
    inputs = [(torch.zeros(1, 2), torch.tensor([[0.4, 0.1]]), both, 0.1)]
    inputs += [(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.4, 0.1]]), both, 0.5), padded]
    inputs += [batch(2, 2), batch(3, 1), batch(5, 9, 2, 7), batch(40, 3)]
    agree(listwise_loss, right, inputs, named)

    logits, rouge, real, temperature = batch(4, 6)
    logits.requires_grad_()
    with hint("the loss is right, its gradient is not"):
        ours = gradients(listwise_loss(logits, rouge, real, temperature), [logits], torch.tensor(1.0))[0]
        compare(ours, gradients(right(logits, rouge, real, temperature), [logits], torch.tensor(1.0))[0])


@exercise("07.3", "Up in a straight line, down with the root.", "07.4, how far ten updates get.")
def by_its_peak(rates):
    def right(updates, peak, warmup):
        return [noam(step, peak * math.sqrt(warmup), warmup) for step in range(1, updates + 1)]

    def each(rate, first=1):
        return lambda updates, peak, warmup: [rate(t, peak, warmup) for t in range(first, first + updates)]

    named = {
        "your first update is number 0, with a learning rate of 0: nothing is learned from it": each(
            lambda t, peak, warmup: right(t, peak, warmup)[-1] if t else 0.0, first=0
        ),
        "your first two updates have the same rate: number 0 is bent into 1; count from 1": each(
            lambda t, peak, warmup: right(max(t, 1), peak, warmup)[-1], first=0
        ),
        "`peak` went in as lr₀, so the highest rate is peak / √warmup": each(
            lambda t, peak, warmup: noam(t, peak, warmup)
        ),
        "lr₀ is peak · √warmup, not peak · warmup": each(lambda t, peak, warmup: noam(t, peak * warmup, warmup)),
        "lr₀ is peak · √warmup; you divided": each(lambda t, peak, warmup: noam(t, peak / math.sqrt(warmup), warmup)),
        "`max` takes the upper of the two curves; the schedule is the lower one": each(
            lambda t, peak, warmup: peak * max((warmup / t) ** 0.5, t / warmup)
        ),
        "after the warm-up it has to fall, with one over the root of the update": each(
            lambda t, peak, warmup: peak * min(1, t / warmup)
        ),
        "it falls with 1/t; it should fall with 1/√t": each(lambda t, peak, warmup: peak * min(warmup / t, t / warmup)),
        "the warm-up is missing": each(lambda t, peak, warmup: peak * (warmup / t) ** 0.5),
        "the last update is missing: range ends one before its end": (
            lambda updates, peak, warmup: right(updates, peak, warmup)[:-1]
        ),
        "one rate too many: the updates are 1 to `updates`": (
            lambda updates, peak, warmup: right(updates + 1, peak, warmup)
        ),
        "the fall after the warm-up is a straight line; it should go with 1/√t": lambda updates, peak, warmup: [
            peak * min(t / warmup, (updates - t) / max(updates - warmup, 1)) for t in range(1, updates + 1)
        ],
    }
    inputs = [(4, 1.0, 2), (3, 1.0, 4), (6, 1.0, 3), (60, 1e-4, 15), (5, 0.5, 1), (1, 1.0, 1), (1000, 2e-5, 100)]
    agree(rates, right, inputs, named, tolerance=1e-9)


@exercise(
    "07.4",
    "Adam's step forgets how large the gradient is, so the learning rate says how far a weight can go. "
    "To cross its own size, 0.02, a weight needs 400 updates at 5e-5; ten move it by a fortieth of it.",
    "07.5, the loop that made ten.",
)
def ten_updates(answer):
    predicted, measured, factor = numbers(answer, "predicted, measured, factor")
    named = {
        "that is one update; there are ten": 5e-5,
        "that is Adam's usual rate; here it is 5e-5": 1e-2,
        "a weight's size does not come into it: each update moves it by about the learning rate": 10 * 5e-5 * 0.02,
        "the ten updates pull the same way, so their lengths add up, not their squares": math.sqrt(10) * 5e-5,
    }
    with hint("predicted"):
        compare(predicted, 5e-4, named, tolerance=1e-6)
    if measured > 2e-3:
        raise Wrong(
            "measured: that is much more than ten learning rates: is it the largest distance of one weight, and 5e-5?"
        )
    if measured < 1e-4:
        raise Wrong("measured: that is about one update's: does the loop make ten, each with a new loss?")
    if not 4.4e-4 <= measured <= 5.6e-4:
        raise Wrong("measured: the largest of the 384 distances lies close to ten times the learning rate")
    if factor > 100:
        raise Wrong("factor: that is how SGD moves; AdamW divides by the gradient's own size")
    if not 0.95 <= factor <= 1.05:
        raise Wrong("factor: the same start and the same ten updates, with 1,000 · loss: largest distance over largest")


@cache
def small():
    """A model that trains in no time, of the kind that notebook 07 trains, and what it reads."""
    encoder = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    encoder |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "max_position_embeddings": 64}
    config = ExtractiveConfig(encoder=encoder, heads=2, intermediate_size=32, dropout=0.0, window=64)
    torch.manual_seed(0)
    model = ExtractiveSummarizer(config)
    model.tokenizer = load_backbone()[1]
    with torch.no_grad():
        for parameter in model.encoder.embeddings.parameters():
            parameter.mul_(20)  # so that different inputs have different losses at once
    records = [{**r, "document": r["document"][:6]} for r in load_corpus("harbour", "train").to_list()[:10]]
    return model.eval(), records


def loop(model, records, updates, peak, warmup, faults=()):
    """The training loop, with faults by name."""
    examples = model.examples(records)
    if "alone" in faults:
        firsts = [(w, w.sentence_ids.count(0)) for w in examples]
        examples = [Window(w.input_ids[:n], w.sentence_ids[:n], labels=w.labels[:1]) for w, n in firsts]
    size = 1 if "singly" in faults else len(examples) if "whole" in faults else 4
    batches = [model.collate(examples[i : i + size]) for i in range(0, len(examples), size)]
    batches = batches[:1] if "first" in faults else batches
    if "full only" in faults:
        batches = [batch for batch in batches if len(batch["labels"]) == size]
    trained = [p for name, p in model.named_parameters() if "head" not in faults or not name.startswith("encoder")]
    kind = torch.optim.SGD if "sgd" in faults else torch.optim.Adam if "adam" in faults else torch.optim.AdamW
    optimizer = kind(trained, lr=0.0)
    model.train()
    losses = []
    for t in range(1, updates + 1):
        loss = model(**batches[(t - 1) % len(batches)]).loss
        if "adds" not in faults:
            optimizer.zero_grad()
        loss.backward()
        rate = noam(t, peak * warmup**0.5, warmup)
        rate = noam(t - 1, peak * warmup**0.5, warmup) if "zero" in faults and t > 1 else rate
        rate = 0.0 if "zero" in faults and t == 1 else rate
        rate = noam(max(t - 1, 1), peak * warmup**0.5, warmup) if "bent" in faults else rate
        rate = noam(t, peak, warmup) if "lr0" in faults else rate
        rate = peak if "flat" in faults else 5e-5 if "recipe" in faults else 1e-3 if "default" in faults else rate
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        losses.append(loss.item())
    return losses


SETTINGS = {"updates": 6, "peak": 0.02, "warmup": 2}
LOOPS = {
    "gradients of earlier updates are still there: `zero_grad` before each `backward`": ["adds"],
    "each update learns from the first four examples: go on to the next four": ["first"],
    "an update learns from one example; four belong in a batch": ["singly"],
    "an update learns from all examples; four belong in a batch": ["whole"],
    "the last batch, which has fewer than four, is left out": ["full only"],
    "the learning rate is 5e-5 all the time: Noam's, with `peak` and `warmup`, is wanted": ["recipe"],
    "the learning rate is AdamW's default all the time: set it before each `step`": ["default"],
    "the learning rate is `peak` all the time: warm up to it, and fall": ["flat"],
    "the first update is number 0, with a learning rate of 0: count from 1": ["zero"],
    "the first two updates have the same rate: number 0 is bent into 1; count from 1": ["bent"],
    "`peak` went in as lr₀; the highest rate is peak / √warmup then: lr₀ is peak · √warmup": ["lr0"],
    "that is plain SGD; Adam or AdamW is wanted": ["sgd"],
    "only the new layers learn; the encoder is to be trained, too": ["head"],
    "you train on the first sentence of each document; the model compares a document's sentences": ["alone"],
}


@cache
def losses_with(*faults):
    model, records = small()
    return loop(copy.deepcopy(model), records, **SETTINGS, faults=faults)


class Watched(ExtractiveSummarizer):
    """A model that notes in which mode it was asked."""

    def forward(self, *args, **kwargs):
        self.asked.append(self.training)
        return super().forward(*args, **kwargs)


@exercise("07.5", "It learns: same losses as ours, update by update.", "07.6, blocked by the wrong text.")
def can_learn(mended):
    model, records = small()
    shown = [", ".join(["10 records", *(f"{name} = {value}" for name, value in SETTINGS.items())])]

    def attempt(**changes):
        own = copy.deepcopy(model)
        own.__class__, own.asked = Watched, []
        try:
            return own, mended(own, copy.deepcopy(records), *(SETTINGS | changes).values())
        except Wrong as mistake:  # a whole model is no readable example
            raise Wrong(str(mistake), example=shown) from None

    own, losses = attempt()
    if losses is None:
        raise Wrong("your function returns None: its `return` is missing", example=shown)
    losses = losses.tolist() if isinstance(losses, torch.Tensor) else losses
    if not isinstance(losses, list | tuple) or not all(map(number, losses)):
        raise Wrong(f"a list of numbers is wanted, one an update; yours is {type(losses).__name__}", example=shown)
    if not own.asked:
        raise Wrong("the model that was handed over was never asked: train `model`, no other", example=shown)
    if len(losses) != SETTINGS["updates"]:
        raise Wrong(f"{len(losses)} losses for {SETTINGS['updates']} updates: one an update is wanted", example=shown)
    if any(isinstance(loss, torch.Tensor) and loss.requires_grad for loss in losses):
        raise Wrong("your losses are tensors that keep their graphs alive: `loss.item()` is a number", example=shown)

    got, right = [float(loss) for loss in losses], losses_with()
    lines = [f"{whose} [{', '.join(f'{x:.3f}' for x in row)}]" for whose, row in (("yours", got), ("right", right))]
    shown += lines
    if len(own.asked) == 1:
        words = "one forward pass for all updates: new weights need a new one, so it belongs inside the loop"
        raise Wrong(words, example=shown)
    still = [name for (name, p), q in zip(own.named_parameters(), model.parameters()) if p.equal(q)]
    if len(still) == len(list(model.parameters())):
        raise Wrong("no weight moves: after `backward` the optimizer has to take its `step`", example=shown)
    if not same(got, right, 1e-3) and not same(got, losses_with("adam"), 1e-3):
        named = (words for words, faults in LOOPS.items() if same(got, losses_with(*faults), 1e-3))
        first = next(t for t, (a, b) in enumerate(zip(got, right), 1) if not same(a, b, 1e-3))
        after = "before it: the batch" if first == 1 else f"up to update {first - 1}, and at the batch of {first}"
        raise Wrong(next(named, f"the loss of update {first} is another; look at what is done {after}"), example=shown)
    if not all(own.asked):
        raise Wrong("the model stays in evaluation mode: `model.train()` switches dropout on", example=shown[:1])
    _, losses = attempt(updates=2)
    if len(losses) != 2:
        raise Wrong(f"updates = 2 gives {len(losses)} losses", example=[])
    return f"The loss falls from {sum(got[:3]) / 3:.2f} in the first pass to {sum(got[3:]) / 3:.2f} in the second."


FAULTS = {
    "looked": "sentences that were skipped block others, although they are not in the summary",
    "joined": "words of two sentences make a triple that stands in neither: compare sentence by sentence",
    "split": "`split()` keeps case and punctuation: “The” and “the” are two words then, “stays” and “stays.” as well",
    "order": "the numbers come by score; a summary is read in the document's order",
}


def choose_by(sentences, scores, k, faults=()):
    """Top k with trigram blocking, with faults by name."""
    size = 2 if "pairs" in faults else 3

    def grams(words):
        return set(zip(*(words[i:] for i in range(size))))

    chosen, text, seen = [], [], set()
    cut = [str.split(s) if "split" in faults else tokenize(s) for s in sentences]
    order = sorted(range(len(sentences)), key=lambda i: (-scores[i], i))
    if "up" in faults:
        order = order[::-1]
    for i in order[:k] if "short" in faults else order:
        if len(chosen) == k:
            break
        own, before = grams(cut[i]), grams(text) if "joined" in faults else seen
        if "document" in faults:
            before = set().union(*(grams(words) for j, words in enumerate(cut) if j < i))
        if "last" in faults:
            before = grams(cut[chosen[-1]]) if chosen else set()
        free = "never" in faults or not own & before
        if free or "looked" in faults:
            text += cut[i]
            seen |= own
        if free:
            chosen.append(i)
        elif "stops" in faults:
            break
    return chosen if "order" in faults else sorted(chosen)


@exercise("07.6", "Only what is in the summary blocks.", "07.7, something small.")
def wrong_text(mended):
    named = {
        f"{count} of 4 faults left: " + "; ".join(FAULTS[name] for name in left): left
        for count in range(1, 5)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "nothing is blocked": ["never"],
        "two words in a row block already; it takes three": ["pairs"],
        "the best k are taken first and blocked then: the next best should take a blocked one's place": ["short"],
        "the first blocked sentence ends the choice: skip it and go on": ["stops"],
        "every earlier sentence of the document blocks; only those already chosen may": ["document"],
        "only the sentence chosen last blocks; all that are chosen do": ["last"],
        "the sentences with the lowest scores are chosen": ["up"],
    }
    a, b, c = "the night ferry stays", "critics said the night ferry stays too long", "it stays too long"
    inputs = [
        (["fares will rise", "boats wait"], [1, 2], 1),
        ([a, b], [2, 1], 2),
        (["The night ferry stays.", "They know the night ferry stays."], [2, 1], 2),
        (["It stays, the ferry.", "Now it stays the FERRY again"], [2, 1], 2),
        (["we saw the night", "ferry crews wait", "all of the night ferry crews"], [3, 2, 1], 3),
        ([a, "the night ferry leaves", "the ferry stays"], [3, 2, 1], 2),
        ([a, b, c], [3, 2, 1], 2),
        ([c, b, a], [1, 2, 3], 3),
        ([a, a, c, c, "fares will rise"], [5, 5, 4, 4, 1], 3),
        (["fares will rise", a, c], [1, 2, 3], 2),
        ([a, b, c, "crews wait"], [1, 4, 3, 2], 3),
    ]
    for record in load_corpus("harbour", "validation").to_list()[:6]:
        document = record["document"] + record["document"][::-2]
        inputs += [(document, torch.rand(len(document)).tolist(), k) for k in (3, len(document))]
    right = partial(select, block_trigrams=True)
    agree(mended, right, inputs, {words: partial(choose_by, faults=faults) for words, faults in named.items()})


@cache
def test_set():
    """The test split, its references, and Lead's ROUGE-1 on it."""
    records = load_corpus("harbour", "test").to_list()
    golds = [references(record) for record in records]
    first = [[record["document"][i] for i in lead(record["document"])] for record in records]
    return records, golds, corpus_rouge(first, golds).mean["rouge1"]


@exercise("07.7", "Small models that ask good questions are the baselines to beat.", "lesson 08, a second encoder.")
def small_and_good(answer):
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Wrong("two things are wanted: (head, choose)")
    head, choose = answer
    if not isinstance(head, nn.Module):
        raise Wrong(f"the head has to be an nn.Module, so that its parameters can be counted; yours is {type(head)}")
    if not callable(choose) or isinstance(choose, nn.Module):
        raise Wrong("`choose` has to be a function of a document, a list of sentences")
    trainable = sum(p.numel() for p in head.parameters() if p.requires_grad)
    if not trainable:
        raise Wrong("your head has no trainable parameter: it is to be trained", example=[])
    if trainable >= 1_000_000:
        raise Wrong(f"your head has {trainable:,} trainable parameters; fewer than 1,000,000 are allowed", example=[])
    records, golds, of_lead = test_set()
    answer, rows = Answer(choose), []
    for record in records:
        document = record["document"]
        chosen = answer(list(document))
        if chosen is None:
            raise Wrong("`choose` returns None: its `return` is missing", example=[])
        chosen = chosen.tolist() if isinstance(chosen, torch.Tensor) else list(chosen)
        place = [f"a document of {len(document)} sentences", f"yours {chosen}"]
        if not all(isinstance(i, int) and 0 <= i < len(document) for i in chosen):
            raise Wrong(f"`choose` returns numbers of sentences, here from 0 to {len(document) - 1}", example=place)
        if not 1 <= len(set(chosen)) == len(chosen) <= 3:
            raise Wrong("one to three different sentences are wanted", example=place)
        rows.append([document[i] for i in chosen])
    gain = corpus_rouge(rows, golds).mean["rouge1"] - of_lead
    reached = f"{gain:+.2f} ROUGE-1 over Lead on the test split, with {trainable:,} parameters."
    if gain >= 5:
        return reached
    if abs(gain) < 0.05:
        raise Wrong(f"{reached} 5 are wanted; you chose what Lead chooses", example=[])
    if gain < 0:
        raise Wrong(f"{reached} 5 are wanted; you do worse than Lead: are the scores sorted the right way?", example=[])
    raise Wrong(
        f"{reached} 5 are wanted. Tell your head more about a sentence: place, length, digits, shared words", example=[]
    )
