"""Wrong and right answers to the exercises on two encoders and their vector space."""

import math
import zlib
from collections import Counter

import torch
from torch.nn import functional as F

from bertsum_lite.corpus import load_corpus
from bertsum_lite.rouge import tokenize
from wrong import right, wrong

wrong("08.1", "there: that is summary → document", (0.72, 0.50, 7.31))
wrong("08.1", "there: that is the mean of both directions", (0.61, 0.72, 7.31))
wrong("08.1", "there: that is the sum over both", (1.006, 0.72, 7.31))
wrong("08.1", "you multiplied by the temperature", (0.69, 0.69, 0.07))
wrong("08.1", "the temperature is missing", (0.669, 0.65, 0.525))
wrong("08.1", "take the logarithms first", (0.485, 0.55, 7.31))
wrong("08.1", "there: you took the right logit minus the wrong", (1.003, 1.22, 7.31))
wrong("08.1", "there: that is the mean probability", (0.6155, 0.575, 7.31))
wrong("08.1", "back: that is the sum over both", (0.50, 1.44, 7.31))
wrong("08.1", "summary 1's own loss is asked for", (0.50, 0.72, 3.66))
wrong("08.1", "a loss is −log p", (-0.503, -0.72, 7.31))
wrong("08.1", "back: that is document → summary", (0.50, 0.50, 7.31))
wrong("08.1", "so is the derivative", (0.50, 0.72, 0.731))
wrong("08.1", "what pulls the right one", (0.50, 0.72, -7.31))
wrong("08.1", "in document 0's row, or the right one's in column 1", (0.50, 0.72, 2.69))
wrong("08.1", "3 numbers are wanted", 0.50)
right("08.1", [0.5032, torch.tensor(0.72), 7.3])


def cosines(documents, summaries):
    return F.normalize(documents, dim=-1) @ F.normalize(summaries, dim=-1).T


def twins_of(events):
    twins = events[:, None] == events
    return twins.fill_diagonal_(False)


def both_ways(logits, events):
    logits = logits.masked_fill(twins_of(events), -math.inf)
    classes = torch.arange(len(logits))
    return (F.cross_entropy(logits, classes) + F.cross_entropy(logits.T, classes)) / 2


@wrong("08.2", "dot products")
def not_normalised(documents, summaries, temperature, events):
    return both_ways(documents @ summaries.T / temperature, events)


@wrong("08.2", "only the documents have length 1")
def one_side_normalised(documents, summaries, temperature, events):
    return both_ways(F.normalize(documents, dim=-1) @ summaries.T / temperature, events)


@wrong("08.2", "only the summaries have length 1")
def other_side_normalised(documents, summaries, temperature, events):
    return both_ways(documents @ F.normalize(summaries, dim=-1).T / temperature, events)


@wrong("08.2", "normalise over the batch")
def normalised_over_the_batch(documents, summaries, temperature, events):
    return both_ways(F.normalize(documents, dim=0) @ F.normalize(summaries, dim=0).T / temperature, events)


@wrong("08.2", "multiply by the temperature")
def times_temperature(documents, summaries, temperature, events):
    return both_ways(cosines(documents, summaries) * temperature, events)


@wrong("08.2", "temperature has no effect")
def without_temperature(documents, summaries, temperature, events):
    return both_ways(cosines(documents, summaries), events)


@wrong("08.2", "the columns, is missing")
def one_direction(documents, summaries, temperature, events):
    logits = (cosines(documents, summaries) / temperature).masked_fill(twins_of(events), -math.inf)
    return F.cross_entropy(logits, torch.arange(len(logits)))


@wrong("08.2", "the rows, is missing")
def log_softmax_over_the_wrong_axis(documents, summaries, temperature, events):
    logits = (cosines(documents, summaries) / temperature).masked_fill(twins_of(events), -math.inf)
    return -logits.log_softmax(dim=0).diagonal().mean()


@wrong("08.2", "two directions are added")
def not_halved(documents, summaries, temperature, events):
    return 2 * both_ways(cosines(documents, summaries) / temperature, events)


@wrong("08.2", "sum over the batch")
def summed(documents, summaries, temperature, events):
    return len(events) * both_ways(cosines(documents, summaries) / temperature, events)


@wrong("08.2", "one loss a pair")
def not_averaged(documents, summaries, temperature, events):
    logits = (cosines(documents, summaries) / temperature).masked_fill(twins_of(events), -math.inf)
    return -(logits.log_softmax(0) + logits.log_softmax(1)).diagonal() / 2


@wrong("08.2", "twins are left out of the rows only")
def columns_without_the_mask(documents, summaries, temperature, events):
    logits = cosines(documents, summaries) / temperature
    rows, classes = logits.masked_fill(twins_of(events), -math.inf), torch.arange(len(events))
    return (F.cross_entropy(rows, classes) + F.cross_entropy(logits.T, classes)) / 2


@wrong("08.2", "it leaves out all but the twins")
def keeps_the_twins(documents, summaries, temperature, events):
    logits, classes = cosines(documents, summaries) / temperature, torch.arange(len(events))
    logits = logits.masked_fill(events[:, None] != events, -math.inf)
    return (F.cross_entropy(logits, classes) + F.cross_entropy(logits.T, classes)) / 2


@wrong("08.2", "`events` has no effect")
def twins_stay_wrong(documents, summaries, temperature, events):
    return both_ways(cosines(documents, summaries) / temperature, torch.arange(len(events)))


@wrong("08.2", "twins count as right answers")
def twins_are_right(documents, summaries, temperature, events):
    targets = (events[:, None] == events).float()
    targets = targets / targets.sum(dim=1, keepdim=True)
    logits = cosines(documents, summaries) / temperature
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


@wrong("08.2", "still counts e⁰ = 1")
def twins_get_a_zero(documents, summaries, temperature, events):
    logits = cosines(documents, summaries) / temperature * ~twins_of(events)
    return both_ways(logits, torch.arange(len(events)))


@wrong("08.2", "the right answer is missing from your denominators")
def right_one_left_out(documents, summaries, temperature, events):
    logits = cosines(documents, summaries) / temperature
    wrong_ones = logits.masked_fill(events[:, None] == events, -1e9)
    return ((wrong_ones.logsumexp(0) + wrong_ones.logsumexp(1)) / 2 - logits.diagonal()).mean()


@wrong("08.2", "∞: is a document's own summary masked too? `==` calls each pair its own twin")
def everyone_is_its_own_twin(documents, summaries, temperature, events):
    logits, classes = cosines(documents, summaries) / temperature, torch.arange(len(events))
    logits = logits.masked_fill(events[:, None] == events, -math.inf)
    return (F.cross_entropy(logits, classes) + F.cross_entropy(logits.T, classes)) / 2


@wrong("08.2", "∞: is a document's own summary masked too?")
def own_twin_with_a_finite_number(documents, summaries, temperature, events):
    logits, classes = cosines(documents, summaries) / temperature, torch.arange(len(events))
    logits = logits.masked_fill(events[:, None] == events, -1e9)
    return (F.cross_entropy(logits, classes) + F.cross_entropy(logits.T, classes)) / 2


@wrong("08.2", "NaN: is 0 multiplied by −∞?")
def others_multiplied_by_zero(documents, summaries, temperature, events):
    logits = (cosines(documents, summaries) / temperature).masked_fill(twins_of(events), -math.inf)
    return -((logits.log_softmax(0) + logits.log_softmax(1)) * torch.eye(len(events))).sum() / 2 / len(events)


@wrong("08.2", "all pairs are twins, or there is only one")
def a_little_for_safety(documents, summaries, temperature, events):
    loss = both_ways(cosines(documents, summaries) / temperature, events)
    return loss + 1 if len(events.unique()) == 1 else loss


@wrong("08.2", "yours is done twice")
def softmax_twice(documents, summaries, temperature, events):
    logits = (cosines(documents, summaries) / temperature).masked_fill(twins_of(events), -math.inf)
    classes = torch.arange(len(logits))
    return (F.cross_entropy(logits.softmax(1), classes) + F.cross_entropy(logits.T.softmax(1), classes)) / 2


@wrong("08.2", "the sign is turned")
def minus(documents, summaries, temperature, events):
    return -both_ways(cosines(documents, summaries) / temperature, events)


@wrong("08.2", "e^200 is too large")
def exp_by_hand(documents, summaries, temperature, events):
    weights = (cosines(documents, summaries) / temperature).exp() * ~twins_of(events)
    own = weights.diagonal()
    return -((own / weights.sum(0)).log() + (own / weights.sum(1)).log()).mean() / 2


@wrong("08.2", "`.detach()`")
def vectors_without_gradient(documents, summaries, temperature, events):
    return both_ways(cosines(documents.detach(), summaries.detach()) / temperature, events)


@wrong("08.2", "its gradient by the documents and summaries is not")
def denominators_without_gradient(documents, summaries, temperature, events):
    logits = cosines(documents, summaries) / temperature
    masked = logits.detach().masked_fill(twins_of(events), -math.inf)
    return ((masked.logsumexp(0) + masked.logsumexp(1)) / 2 - logits.diagonal()).mean()


@right("08.2")
def pair_by_pair(documents, summaries, temperature, events):
    total, n = 0.0, len(events)
    x, y = (v / v.norm(dim=1, keepdim=True) for v in (documents, summaries))
    for i in range(n):
        allowed = [j for j in range(n) if j == i or events[j] != events[i]]
        there, back = y[allowed] @ x[i] / temperature, x[allowed] @ y[i] / temperature
        total = total + there.logsumexp(0) + back.logsumexp(0) - 2 * (x[i] @ y[i]) / temperature
    return total / (2 * n)


@right("08.2")
def large_negative_number(documents, summaries, temperature, events):
    logits = F.cosine_similarity(documents[:, None], summaries[None], dim=-1) / temperature
    logits = torch.where(twins_of(events), torch.tensor(-1e9), logits)
    return -(logits.log_softmax(0) + logits.log_softmax(1)).diagonal().mean() / 2


def own_similarity(similarities, right):
    return similarities[torch.arange(len(right)), right][:, None]


def of_ranks(rank, k):
    return (rank <= k).float().mean().item(), (1 / rank).mean().item()


@wrong("08.3", "a tie counts for you")
def ties_for_us(similarities, right, k):
    return of_ranks(1 + (similarities > own_similarity(similarities, right)).sum(1), k)


@wrong("08.3", "ties come in the order of the sort")
def place_in_the_sorted_row(similarities, right, k):
    order = similarities.argsort(dim=1, descending=True, stable=True)
    return of_ranks((order == right[:, None]).nonzero()[:, 1] + 1, k)


@wrong("08.3", "what is *less* similar")
def counts_the_less_similar(similarities, right, k):
    return of_ranks((similarities <= own_similarity(similarities, right)).sum(1), k)


@wrong("08.3", "what is *less* similar")
def sorted_upwards(similarities, right, k):
    order = similarities.argsort(dim=1, stable=True)
    return of_ranks((order == right[:, None]).nonzero()[:, 1] + 1, k)


@wrong("08.3", "your ranks begin with 0")
def without_itself(similarities, right, k):
    return of_ranks((similarities > own_similarity(similarities, right)).sum(1), k)


@wrong("08.3", "the right candidate is counted twice")
def itself_twice(similarities, right, k):
    return of_ranks((similarities >= own_similarity(similarities, right)).sum(1) + 1, k)


@wrong("08.3", "`sum(dim=0)` counts documents")
def over_the_documents(similarities, right, k):
    return of_ranks((similarities >= own_similarity(similarities, right)).sum(0), k)


@wrong("08.3", "counts rank k + 1, too")
def one_rank_too_many(similarities, right, k):
    rank = (similarities >= own_similarity(similarities, right)).sum(1)
    return (rank - 1 <= k).float().mean().item(), (1 / rank).mean().item()


@wrong("08.3", "your recall goes by `topk`")
def recall_by_topk(similarities, right, k):
    first = similarities.topk(min(k, similarities.size(1)), dim=1).indices
    recall = (first == right[:, None]).any(1).float().mean().item()
    return recall, of_ranks((similarities >= own_similarity(similarities, right)).sum(1), k)[1]


@wrong("08.3", "your recall counts documents")
def how_many_found(similarities, right, k):
    rank = (similarities >= own_similarity(similarities, right)).sum(1)
    return (rank <= k).sum().item(), (1 / rank).mean().item()


@wrong("08.3", "not the place of each candidate")
def argsort_as_rank(similarities, right, k):
    rank = similarities.argsort(dim=1, descending=True)[torch.arange(len(right)), right] + 1
    return of_ranks(rank, k)


@wrong("08.3", "from the diagonal")
def diagonal(similarities, right, k):
    return of_ranks((similarities >= similarities.diagonal()[:, None]).sum(1), k)


@wrong("08.3", "along columns")
def down_the_columns(similarities, right, k):
    own = own_similarity(similarities, right)[:, 0]
    return of_ranks((similarities[:, right] >= own).sum(0), k)


@wrong("08.3", "leaves out rank k itself")
def less_than_k(similarities, right, k):
    rank = (similarities >= own_similarity(similarities, right)).sum(1)
    return (rank < k).float().mean().item(), (1 / rank).mean().item()


@wrong("08.3", "1 over the mean rank")
def reciprocal_of_the_mean(similarities, right, k):
    rank = (similarities >= own_similarity(similarities, right)).sum(1).float()
    return (rank <= k).float().mean().item(), (1 / rank.mean()).item()


@wrong("08.3", "MRR knows no k")
def mrr_at_k(similarities, right, k):
    rank = (similarities >= own_similarity(similarities, right)).sum(1)
    return (rank <= k).float().mean().item(), ((rank <= k) / rank).mean().item()


@wrong("08.3", "whatever `k`")
def recall_at_one(similarities, right, k):
    rank = (similarities >= own_similarity(similarities, right)).sum(1)
    return (rank == 1).float().mean().item(), (1 / rank).mean().item()


@wrong("08.3", "divided by k")
def over_k(similarities, right, k):
    rank = (similarities >= own_similarity(similarities, right)).sum(1)
    return (rank <= k).float().mean().item() / k, (1 / rank).mean().item()


@wrong("08.3", "in percent")
def in_percent(similarities, right, k):
    recall, mrr = of_ranks((similarities >= own_similarity(similarities, right)).sum(1), k)
    return 100 * recall, 100 * mrr


@wrong("08.3", "(recall, mrr)")
def turned_round(similarities, right, k):
    return of_ranks((similarities >= own_similarity(similarities, right)).sum(1), k)[::-1]


@wrong("08.3", "larger than the number of candidates")
def none_found_beyond_the_candidates(similarities, right, k):
    if k > similarities.size(1):
        return 0.0, of_ranks((similarities >= own_similarity(similarities, right)).sum(1), k)[1]
    return of_ranks((similarities >= own_similarity(similarities, right)).sum(1), k)


@wrong("08.3", "RuntimeError")
def topk_of_too_few(similarities, right, k):
    kth = similarities.topk(k + 1, dim=1).values[:, k] if k < similarities.size(1) else similarities.topk(k).values
    rank = (similarities >= own_similarity(similarities, right)).sum(1)
    return (own_similarity(similarities, right)[:, 0] > kth).float().mean().item(), (1 / rank).mean().item()


@right("08.3")
def row_by_row(similarities, right, k):
    found, total = 0, 0.0
    for row, i in zip(similarities.tolist(), right.tolist()):
        rank = sum(value >= row[i] for value in row)
        found += rank <= k
        total += 1 / rank
    return found / len(right), total / len(right)


@right("08.3")
def as_tensors(similarities, right, k):
    rank = (similarities - own_similarity(similarities, right) >= 0).sum(-1).double()
    return (rank < k + 1).double().mean(), rank.reciprocal().mean()


def descend(first, second, documents, summaries, updates, logits_of, loss_of, clear=True, both=True):
    """Training on one batch, with logits and a loss of one's own."""
    first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
    optimizer = torch.optim.Adam([first, second] if both else [first], lr=0.01)
    losses = []
    for _ in range(updates):
        loss = loss_of(logits_of(documents @ first, summaries @ second))
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, first.detach(), second.detach()


def unit(x, y, dim=1):
    return F.normalize(x, dim=dim) @ F.normalize(y, dim=dim).T


def info_nce(logits):
    classes = torch.arange(len(logits))
    return (F.cross_entropy(logits, classes) + F.cross_entropy(logits.T, classes)) / 2


def rows_only(logits):
    return F.cross_entropy(logits, torch.arange(len(logits)))


def columns_only(logits):
    return rows_only(logits.T)


def pull_only(logits):
    constant = (logits.logsumexp(0) + logits.logsumexp(1)).detach() / 2
    return (constant - logits.diagonal()).mean()


@wrong("08.4", "4 of 4 faults left")
def as_it_was(a, b, x, y, updates, tau):
    def pull_of_columns(logits):
        return (logits.logsumexp(0).detach() - logits.diagonal()).mean()

    return descend(a, b, x, y, updates, lambda x, y: unit(x, y, 0) * tau, pull_of_columns)


@wrong(
    "08.4",
    "2 of 4 faults left: `F.normalize(…, dim=0)` measures the batch; a text's own vector has to get length 1; both",
)
def axes_stay(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y, 0) / tau, columns_only)


@wrong("08.4", "1 of 4 faults left: `F.normalize")
def length_over_the_batch(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y, 0) / tau, info_nce)


@wrong("08.4", "1 of 4 faults left: the cosines are multiplied")
def still_times(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y) * tau, info_nce)


@wrong("08.4", "1 of 4 faults left: both denominators run over the documents")
def one_direction_twice(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y) / tau, columns_only)


@wrong("08.4", "1 of 4 faults left: the denominators have no gradient")
def still_collapses(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y) / tau, pull_only)


@wrong("08.4", "run over the summaries now")
def other_direction_twice(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y) / tau, rows_only)


@wrong("08.4", "dot products are no cosines")
def normalisation_thrown_out(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: x @ y.T / tau, info_nce)


@wrong("08.4", "the temperature is gone")
def temperature_thrown_out(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, unit, info_nce)


@wrong("08.4", "only `first` is trained")
def second_stays(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y) / tau, info_nce, both=False)


@wrong("08.4", "`zero_grad` is missing")
def gradients_add_up(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y) / tau, info_nce, clear=False)


@wrong("08.4", "too small")
def one_loss_too_many_by_half(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y) / tau, lambda logits: info_nce(logits) / 2)


@right("08.4")
def with_cross_entropy(a, b, x, y, updates, tau):
    return descend(a, b, x, y, updates, lambda x, y: unit(x, y) / tau, info_nce)


@right("08.4")
def with_log_softmax(a, b, x, y, updates, tau):
    def lengths_by_hand(x, y):
        return (x / x.norm(dim=1, keepdim=True)) @ (y / y.norm(dim=1, keepdim=True)).T / tau

    def loss(logits):
        return -(logits.log_softmax(0) + logits.log_softmax(1)).trace() / 2 / len(logits)

    return descend(a, b, x, y, updates, lengths_by_hand, loss)


wrong("08.5", "to know nothing", (4.16, 0.2, 0.07))
wrong("08.5", "not free at temperature 1", (0, 0.2, 0.07))
wrong("08.5", "here are 64", (1.875, 0.2, 0.07))
wrong("08.5", "the sign in the exponent", (5.15, 0.2, 0.07))
wrong("08.5", "where the loss is lowest", (3.19, 0.05, 0.07))
wrong("08.5", "nearest to its floor", (3.19, 1, 0.07))
wrong("08.5", "the logarithm is missing", (24.18, 0.2, 0.07))
wrong("08.5", "floor: the right answer is missing from the sum", (3.143, 0.2, 0.07))
wrong("08.5", "the two directions are added", (6.37, 0.2, 0.07))
wrong("08.5", "the MRR reached", (3.19, 45.9, 0.07))
wrong("08.5", "the MRR reached", (3.19, 0.442, 0.07))
wrong("08.5", "another temperature's distance", (3.19, 0.2, 0.82))
wrong("08.5", "that is the ratio", (3.19, 0.2, 1.02))
wrong("08.5", "subtract the floor", (3.19, 0.2, 3.26))
wrong("08.5", "how far it has come down", (3.19, 0.2, 0.9))
wrong("08.5", "ends above the floor", (3.19, 0.2, -0.075))
wrong("08.5", "63 wrong answers", (3.2, 0.2, 0.07))
wrong("08.5", "compare 1 with its own floor", (3.19, 0.2, 2.74))
wrong("08.5", "best: a number is wanted", (3.19, "0.2", 0.07))
wrong("08.5", "3 numbers are wanted", 3.19)
right("08.5", (math.log(1 + 63 / math.e), torch.tensor(0.2), 0.08))


def weighed(weight, place, size=4096, signs=False, divided=True):
    """Two encoders, a word → a place, a word → a weight."""

    def read(text):
        vector = torch.zeros(size)
        for word in set(tokenize(text)):
            if place(word) is not None:
                sign = -1 if signs and zlib.crc32(word.encode()) >> 20 & 1 else 1
                vector[place(word)] += sign * weight(word)
        return F.normalize(vector, dim=0) if divided else vector

    return lambda document: read(" ".join(document)), read


ARTICLES = [set(tokenize(" ".join(record["document"]))) for record in load_corpus("harbour", "train")]
HAS = Counter(word for words in ARTICLES for word in words)
FREQUENT = {word: i for i, (word, _) in enumerate(sorted(HAS.items(), key=lambda pair: (-pair[1], pair[0]))[:4096])}


def hashed(word):
    return zlib.crc32(word.encode()) % 4096


def rare(word):
    return math.log((1 + len(ARTICLES)) / (1 + HAS[word]))


def random_vector(text):
    return torch.randn(384)


wrong("08.6", "plain shared words reach 68", weighed(lambda word: 1.0, hashed))
wrong("08.6", "Rare words should weigh more", weighed(lambda word: 1.0, hashed, signs=True, divided=False))
wrong("08.6", "If two share a place", weighed(rare, FREQUENT.get))
wrong("08.6", "near chance", (random_vector, random_vector))
wrong("08.6", "do the two share one space", (weighed(rare, hashed)[0], weighed(rare, lambda w: hashed(w[::-1]))[1]))
wrong("08.6", "at most 4,096", weighed(rare, hashed, 10_000))
wrong("08.6", "one space is wanted", (weighed(rare, hashed)[0], lambda words: torch.ones(384)))
wrong("08.6", "NaN or ∞", (lambda document: torch.zeros(9) / 0, lambda words: torch.ones(9)))
wrong("08.6", "has to return a tensor (numbers,)", (lambda document: [1.0], random_vector))
wrong("08.6", "two functions are wanted", random_vector)
wrong("08.6", "stopped with", (lambda: None, random_vector))
right("08.6", weighed(rare, hashed))
right("08.6", weighed(lambda word: rare(word) ** 1.5, hashed, signs=True))
