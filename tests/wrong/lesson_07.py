"""Wrong and right answers to the exercises on extractive fine-tuning."""

import math
import re

import torch
from torch import nn

from bertsum_lite import lead, select
from bertsum_lite.rouge import tokenize
from bertsum_lite.training import noam
from wrong import right, wrong

LOWEST = torch.finfo(torch.float32).min

wrong("07.1", "the padded sentence is no side", (1.386, 2.08, 0.67))
wrong("07.1", "one die with three sides", (0.693, 2.08, 0.67))
wrong("07.1", "the padded sentence is no coin", (1.10, 2.77, 0.67))
wrong("07.1", "the sum over the document's three", (1.10, 0.693, 0.67))
wrong("07.1", "soft labels are no certainty", (1.10, 2.08, 0.0))
wrong("07.1", "divide ROUGE by the temperature", (1.10, 2.08, 1.09))
wrong("07.1", "3 numbers are wanted", 1.10)
right("07.1", (math.log(3), math.log(8), 0.6656))


def targets_of(rouge, real, temperature):
    return (rouge / temperature).masked_fill(~real, -math.inf).softmax(dim=-1)


def log_p_of(logits, real):
    return logits.masked_fill(~real, LOWEST).log_softmax(dim=-1)


@wrong("07.2", "0 · −∞ is NaN")
def zero_times_infinity(logits, rouge, real, temperature):
    log_p = logits.masked_fill(~real, -math.inf).log_softmax(dim=-1)
    return -(targets_of(rouge, real, temperature) * log_p).sum(dim=-1).mean()


@wrong("07.2", "padding gets a share of the targets")
def padding_in_the_targets(logits, rouge, real, temperature):
    q = (rouge / temperature).softmax(dim=-1)
    return -(q * log_p_of(logits, real)).sum(dim=-1).mean()


@wrong("07.2", "padding gets a share of what the model says")
def padding_in_the_logits(logits, rouge, real, temperature):
    return -(targets_of(rouge, real, temperature) * logits.log_softmax(dim=-1)).sum(dim=-1).mean()


@wrong("07.2", "both softmaxes have shared with it before")
def padding_out_of_the_sum_only(logits, rouge, real, temperature):
    losses = -((rouge / temperature).softmax(dim=-1) * logits.log_softmax(dim=-1))
    return losses.masked_fill(~real, 0.0).sum(dim=-1).mean()


@wrong("07.2", "`real` has no effect")
def forgets_padding(logits, rouge, real, temperature):
    return nn.functional.cross_entropy(logits, (rouge / temperature).softmax(dim=-1))


@wrong("07.2", "ignore the temperature")
def without_temperature(logits, rouge, real, temperature):
    return -(targets_of(rouge, real, 1.0) * log_p_of(logits, real)).sum(dim=-1).mean()


@wrong("07.2", "your logits are divided by it, too")
def temperature_for_both(logits, rouge, real, temperature):
    return -(targets_of(rouge, real, temperature) * log_p_of(logits / temperature, real)).sum(dim=-1).mean()


@wrong("07.2", "it belongs to the targets")
def temperature_for_the_logits(logits, rouge, real, temperature):
    return -(targets_of(rouge, real, 1.0) * log_p_of(logits / temperature, real)).sum(dim=-1).mean()


@wrong("07.2", "so they sum to less than 1")
def targets_masked_afterwards(logits, rouge, real, temperature):
    return -((rouge / temperature).softmax(dim=-1) * real * log_p_of(logits, real)).sum(dim=-1).mean()


@wrong("07.2", "you divide by all real sentences of the batch")
def mean_over_real_sentences(logits, rouge, real, temperature):
    return -(targets_of(rouge, real, temperature) * log_p_of(logits, real))[real].mean()


@wrong("07.2", "`real` is True at the text: give it `~real`")
def hides_the_text(logits, rouge, real, temperature):
    targets = (rouge / temperature).masked_fill(real, LOWEST).softmax(dim=-1)
    return -(targets * logits.masked_fill(real, LOWEST).log_softmax(dim=-1)).sum(dim=-1).mean()


@wrong("07.2", "a long document's sentences count less")
def mean_over_everything(logits, rouge, real, temperature):
    return -(targets_of(rouge, real, temperature) * log_p_of(logits, real)).mean()


@wrong("07.2", "you sum over documents")
def sum_over_documents(logits, rouge, real, temperature):
    return -(targets_of(rouge, real, temperature) * log_p_of(logits, real)).sum()


@wrong("07.2", "divided by its sum")
def targets_without_softmax(logits, rouge, real, temperature):
    rouge = rouge.masked_fill(~real, 0.0)
    return -(rouge / rouge.sum(dim=-1, keepdim=True) * log_p_of(logits, real)).sum(dim=-1).mean()


@wrong("07.2", "that is a hard label")
def best_sentence_only(logits, rouge, real, temperature):
    return nn.functional.nll_loss(log_p_of(logits, real), rouge.argmax(dim=-1))


@wrong("07.2", "the sign is missing")
def rising(logits, rouge, real, temperature):
    return (targets_of(rouge, real, temperature) * log_p_of(logits, real)).sum(dim=-1).mean()


@wrong("07.2", "the logarithm is missing")
def plain_probabilities(logits, rouge, real, temperature):
    return -(targets_of(rouge, real, temperature) * log_p_of(logits, real).exp()).sum(dim=-1).mean()


@wrong("07.2", "Kullback-Leibler")
def divergence(logits, rouge, real, temperature):
    return nn.functional.kl_div(log_p_of(logits, real), targets_of(rouge, real, temperature), reduction="batchmean")


@wrong("07.2", "no gradient finds its way")
def as_a_number(logits, rouge, real, temperature):
    return torch.tensor(-(targets_of(rouge, real, temperature) * log_p_of(logits, real)).sum(dim=-1).mean().item())


@right("07.2")
def document_by_document(logits, rouge, real, temperature):
    losses = []
    for z, r, here in zip(logits, rouge, real):
        losses.append(-((r[here] / temperature).softmax(0) * z[here].log_softmax(0)).sum())
    return torch.stack(losses).mean()


@right("07.2")
def by_cross_entropy(logits, rouge, real, temperature):
    return nn.functional.cross_entropy(logits.masked_fill(~real, -1e9), targets_of(rouge, real, temperature))


@wrong("07.3", "with a learning rate of 0")
def from_zero(updates, peak, warmup):
    return [peak * min((warmup / t) ** 0.5, t / warmup) if t else 0.0 for t in range(updates)]


@wrong("07.3", "number 0 is bent into 1")
def zero_bent_into_one(updates, peak, warmup):
    return [noam(max(t, 1), peak * warmup**0.5, warmup) for t in range(updates)]


@wrong("07.3", "`peak` went in as lr₀")
def peak_as_factor(updates, peak, warmup):
    return [noam(t, peak, warmup) for t in range(1, updates + 1)]


@wrong("07.3", "not peak · warmup")
def without_the_root(updates, peak, warmup):
    return [noam(t, peak * warmup, warmup) for t in range(1, updates + 1)]


@wrong("07.3", "`max` takes the upper")
def upper_curve(updates, peak, warmup):
    return [peak * max((warmup / t) ** 0.5, t / warmup) for t in range(1, updates + 1)]


@wrong("07.3", "after the warm-up it has to fall")
def warm_up_and_stay(updates, peak, warmup):
    return [peak * min(1.0, t / warmup) for t in range(1, updates + 1)]


@wrong("07.3", "it falls with 1/t")
def falls_too_fast(updates, peak, warmup):
    return [peak * min(warmup / t, t / warmup) for t in range(1, updates + 1)]


@wrong("07.3", "is a straight line; it should")
def triangle(updates, peak, warmup):
    rest = max(updates - warmup, 1)
    return [peak * min(t / warmup, (updates - t) / rest) for t in range(1, updates + 1)]


@wrong("07.3", "the last update is missing")
def one_too_few(updates, peak, warmup):
    return [noam(t, peak * warmup**0.5, warmup) for t in range(1, updates)]


@wrong("07.3", "ZeroDivisionError")
def divides_by_zero(updates, peak, warmup):
    return [noam(t, peak * warmup**0.5, warmup) for t in range(updates)]


@right("07.3")
def by_cases(updates, peak, warmup):
    up = [peak * (t + 1) / warmup for t in range(min(warmup, updates))]
    return up + [peak * math.sqrt(warmup / t) for t in range(warmup + 1, updates + 1)]


@right("07.3")
def as_a_tensor(updates, peak, warmup):
    t = torch.arange(1, updates + 1, dtype=torch.double)
    return peak * warmup**0.5 * torch.minimum(t**-0.5, t * warmup**-1.5)


wrong("07.4", "that is one update", (5e-5, 5e-4, 1.0))
wrong("07.4", "a weight's size does not come into it", (1e-5, 5e-4, 1.0))
wrong("07.4", "not their squares", (1.5811e-4, 5e-4, 1.0))
wrong("07.4", "much more than ten learning rates", (5e-4, 9.8e-3, 1.0))
wrong("07.4", "about one update's", (5e-4, 5e-5, 1.0))
wrong("07.4", "how SGD moves", (5e-4, 5e-4, 1000.0))
wrong("07.4", "the same ten updates", (5e-4, 5e-4, 1.3))
right("07.4", (0.0005, 0.000502, torch.tensor(1.002)))


def batches_of(model, records):
    examples = model.examples(records)
    return [model.collate(examples[i : i + 4]) for i in range(0, len(examples), 4)]


def step(optimizer, loss, rate):
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()


@wrong("07.5", "backward through the graph a second time")
def as_it_was(model, records, updates, peak, warmup):
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    loss = model(**batches_of(model, records)[0]).loss
    losses = []
    for _ in range(updates):
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@wrong("07.5", "it belongs inside the loop")
def keeps_the_graph(model, records, updates, peak, warmup):
    optimizer, losses = torch.optim.SGD(model.parameters()), []
    loss = model(**batches_of(model, records)[0]).loss
    for _ in range(updates):
        optimizer.zero_grad()
        loss.backward(retain_graph=True)  # what the error message suggests
        losses.append(loss.item())
    return losses


@wrong("07.5", "gradients of earlier updates are still there")
def never_clears(model, records, updates, peak, warmup):
    model.train()
    batches, optimizer, losses = batches_of(model, records), torch.optim.AdamW(model.parameters()), []
    for t in range(1, updates + 1):
        loss = model(**batches[(t - 1) % len(batches)]).loss
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = noam(t, peak * warmup**0.5, warmup)
        optimizer.step()
        losses.append(loss.item())
    return losses


@wrong("07.5", "no weight moves")
def never_steps(model, records, updates, peak, warmup):
    model.train()
    batches, losses = batches_of(model, records), []
    for t in range(updates):
        loss = model(**batches[t % len(batches)]).loss
        loss.backward()
        losses.append(loss.item())
    return losses


@wrong("07.5", "the first four examples")
def same_batch_again(model, records, updates, peak, warmup):
    model.train()
    batch, optimizer, losses = batches_of(model, records)[0], torch.optim.AdamW(model.parameters()), []
    for t in range(1, updates + 1):
        loss = model(**batch).loss
        step(optimizer, loss, noam(t, peak * warmup**0.5, warmup))
        losses.append(loss.item())
    return losses


@wrong("07.5", "the learning rate is 5e-5 all the time")
def recipe_s_rate(model, records, updates, peak, warmup):
    model.train()
    batches, optimizer, losses = batches_of(model, records), torch.optim.AdamW(model.parameters()), []
    for t in range(updates):
        loss = model(**batches[t % len(batches)]).loss
        step(optimizer, loss, 5e-5)
        losses.append(loss.item())
    return losses


@wrong("07.5", "`peak` went in as lr₀")
def peak_as_lr0(model, records, updates, peak, warmup):
    model.train()
    batches, optimizer, losses = batches_of(model, records), torch.optim.AdamW(model.parameters()), []
    for t in range(1, updates + 1):
        loss = model(**batches[(t - 1) % len(batches)]).loss
        step(optimizer, loss, noam(t, peak, warmup))
        losses.append(loss.item())
    return losses


@wrong("07.5", "count from 1")
def schedule_from_zero(model, records, updates, peak, warmup):
    model.train()
    batches, optimizer, losses = batches_of(model, records), torch.optim.AdamW(model.parameters()), []
    for t in range(updates):
        loss = model(**batches[t % len(batches)]).loss
        step(optimizer, loss, peak * min((warmup / t) ** 0.5, t / warmup) if t else 0.0)
        losses.append(loss.item())
    return losses


@wrong("07.5", "stays in evaluation mode")
def forgets_the_mode(model, records, updates, peak, warmup):
    batches, optimizer, losses = batches_of(model, records), torch.optim.AdamW(model.parameters()), []
    for t in range(1, updates + 1):
        loss = model(**batches[(t - 1) % len(batches)]).loss
        step(optimizer, loss, noam(t, peak * warmup**0.5, warmup))
        losses.append(loss.item())
    return losses


@wrong("07.5", "an update learns from one example")
def one_by_one(model, records, updates, peak, warmup):
    model.train()
    batches = [model.collate([example]) for example in model.examples(records)]
    optimizer, losses = torch.optim.AdamW(model.parameters()), []
    for t in range(1, updates + 1):
        loss = model(**batches[(t - 1) % len(batches)]).loss
        step(optimizer, loss, noam(t, peak * warmup**0.5, warmup))
        losses.append(loss.item())
    return losses


@wrong("07.5", "only the new layers learn")
def head_only(model, records, updates, peak, warmup):
    model.train()
    parts = [*model.layers.parameters(), *model.norm.parameters(), *model.classifier.parameters()]
    batches, optimizer, losses = batches_of(model, records), torch.optim.AdamW(parts), []
    for t in range(1, updates + 1):
        loss = model(**batches[(t - 1) % len(batches)]).loss
        step(optimizer, loss, noam(t, peak * warmup**0.5, warmup))
        losses.append(loss.item())
    return losses


@wrong("07.5", "tensors that keep their graphs alive")
def keeps_tensors(model, records, updates, peak, warmup):
    model.train()
    batches, optimizer, losses = batches_of(model, records), torch.optim.AdamW(model.parameters()), []
    for t in range(1, updates + 1):
        losses.append(model(**batches[(t - 1) % len(batches)]).loss)
        step(optimizer, losses[-1], noam(t, peak * warmup**0.5, warmup))
    return losses


@wrong("07.5", "its `return` is missing")
def returns_nothing(model, records, updates, peak, warmup):
    forgets_the_mode(model, records, updates, peak, warmup)


@right("07.5")
def with_torch_s_scheduler(model, records, updates, peak, warmup):
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=peak)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min((warmup / (done + 1)) ** 0.5, (done + 1) / warmup)
    )
    batches, losses = batches_of(model, records), []
    while len(losses) < updates:
        for batch in batches:
            if len(losses) == updates:
                break
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            losses.append(loss.detach().numpy().item())
    return losses


def triples(words):
    return set(zip(words, words[1:], words[2:]))


def by_score(scores):
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


@wrong("07.6", "4 of 4 faults left")
def as_the_faulty_one(sentences, scores, k):
    chosen, text = [], []
    for i in by_score(scores):
        if len(chosen) == k:
            break
        words = sentences[i].split()
        before = triples(text)
        text += words
        if not before & triples(words):
            chosen.append(i)
    return chosen


@wrong("07.6", "1 of 4 faults left: sentences that were skipped")
def skipped_ones_block(sentences, scores, k):
    chosen, seen = [], set()
    for i in by_score(scores):
        own = triples(tokenize(sentences[i]))
        if len(chosen) < k and not own & seen:
            chosen.append(i)
        seen |= own
    return sorted(chosen)


@wrong("07.6", "1 of 4 faults left: words of two sentences make a triple")
def across_borders(sentences, scores, k):
    chosen = []
    for i in by_score(scores):
        summary = tokenize(" ".join(sentences[j] for j in chosen))
        if len(chosen) < k and not triples(summary) & triples(tokenize(sentences[i])):
            chosen.append(i)
    return sorted(chosen)


@wrong("07.6", "1 of 4 faults left: `split()`")
def by_split(sentences, scores, k):
    chosen, taken = [], set()
    for i in by_score(scores):
        own = triples(sentences[i].split())
        if len(chosen) < k and not own & taken:
            chosen.append(i)
            taken |= own
    return sorted(chosen)


@wrong("07.6", "1 of 4 faults left: the numbers come by score")
def best_first(sentences, scores, k):
    chosen, taken = [], set()
    for i in by_score(scores):
        own = triples(tokenize(sentences[i]))
        if len(chosen) < k and not own & taken:
            chosen.append(i)
            taken |= own
    return chosen


@wrong("07.6", "nothing is blocked")
def top_k(sentences, scores, k):
    return select(sentences, scores, k, block_trigrams=False)


@wrong("07.6", "the next best should take a blocked one's place")
def blocks_among_the_best_k(sentences, scores, k):
    best = by_score(scores)[:k]
    taken, chosen = set(), []
    for i in best:
        own = triples(tokenize(sentences[i]))
        if not own & taken:
            chosen.append(i)
            taken |= own
    return sorted(chosen)


@wrong("07.6", "two words in a row block already")
def bigrams(sentences, scores, k):
    chosen, taken = [], set()
    for i in by_score(scores):
        words = tokenize(sentences[i])
        own = set(zip(words, words[1:]))
        if len(chosen) < k and not own & taken:
            chosen.append(i)
            taken |= own
    return sorted(chosen)


@wrong("07.6", "every earlier sentence of the document blocks")
def against_the_document(sentences, scores, k):
    cut = [triples(tokenize(sentence)) for sentence in sentences]
    fresh = [i for i in by_score(scores) if not any(cut[i] & cut[j] for j in range(i))]
    return sorted(fresh[:k])


@right("07.6")
def by_strings(sentences, scores, k):
    cut, chosen = [f" {' '.join(tokenize(sentence))} " for sentence in sentences], []
    for i in by_score(scores):
        words = cut[i].split()
        runs = [f" {' '.join(words[j : j + 3])} " for j in range(len(words) - 2)]
        if len(chosen) < k and not any(run in cut[j] for run in runs for j in chosen):
            chosen.append(i)
    return sorted(chosen)


def longest(document):
    return sorted(sorted(range(len(document)), key=lambda i: -len(document[i]))[:3])


def by_hand(document):
    """Long sentences with figures and names that share words with others, not too far back."""
    words = [{word for word in tokenize(sentence, stem=True) if len(word) > 3} for sentence in document]
    scores = []
    for i, (sentence, own) in enumerate(zip(document, words)):
        digits, capitals = len(re.findall(r"\d", sentence)), len(re.findall(r"\b[A-Z]", sentence))
        shared = sum(word in other for word in own for other in words) - len(own)
        size = math.log(len(sentence.split()))
        scores.append(1.5 * size + 0.1 * min(digits, 10) + 0.1 * capitals + 0.05 * shared + 1 / (1 + i))
    return select(document, scores, k=3)


wrong("07.7", "you chose what Lead chooses", (nn.Linear(4, 1), lead))
wrong("07.7", "5 are wanted. Tell your head more", (nn.Linear(4, 1), longest))
wrong("07.7", "you do worse than Lead", (nn.Linear(4, 1), lambda d: sorted(range(len(d)), key=lambda i: len(d[i]))[:3]))
wrong("07.7", "fewer than 1,000,000 are allowed", (nn.Linear(1000, 1000), longest))
wrong("07.7", "no trainable parameter", (nn.Identity(), longest))
wrong("07.7", "one to three different sentences", (nn.Linear(4, 1), lambda document: range(4)))
wrong("07.7", "an nn.Module", (4, longest))
wrong("07.7", "returns numbers of sentences", (nn.Linear(4, 1), lambda document: document[:3]))
right("07.7", (nn.Linear(4, 1), by_hand))
