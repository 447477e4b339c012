"""Checkers for the exercises on two encoders and their vector space."""

import math
from functools import cache, partial
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from bertsum_lite.checks import Wrong, agree, compare, exercise, gradients, hint
from bertsum_lite.checks.tools import Answer, numbers
from bertsum_lite.corpus import load_corpus
from bertsum_lite.dual_encoder import retrieval

CLOSE = 6e-3  # two decimals


def nearest(got, named):
    """The nearest mistake first: two may lie within `CLOSE`."""
    return dict(sorted(named.items(), key=lambda mistake: abs(mistake[1] - got)))


@exercise("08.1", "One matrix, two losses: rows and columns ask different questions.", "08.2, twins in the batch.")
def two_pairs(answer):
    there, back, push = numbers(answer, "there, back, push")
    with hint("there"):
        named = {
            "that is summary → document: the documents compare along their rows": 0.7201,
            "that is the mean of both directions; each is asked for by itself": 0.6117,
            "that is the sum over both documents, not their mean": 1.0064,
            "you multiplied by the temperature; divide by it": 0.6907,
            "the temperature is missing: divide the cosines by 0.1": 0.6688,
            "take the logarithms first, then their mean": -math.log(0.6155),
            "the sign is turned: a loss is −log p": -0.5032,
            "you took the right logit minus the wrong; x is the wrong one minus the right": 1.0032,
            "that is the mean probability of the right ones; the loss is the mean of −log p": 0.6155,
        }
        compare(there, 0.5032, nearest(there, named), CLOSE)
    with hint("back"):
        named = {
            "that is document → summary: the summaries compare along their columns": 0.5032,
            "that is the mean of both directions; each is asked for by itself": 0.6117,
            "the sign is turned: a loss is −log p": -0.7201,
            "you took the right logit minus the wrong; x is the wrong one minus the right": 1.2201,
            "that is the sum over both summaries, not their mean": 1.4402,
        }
        compare(back, 0.7201, nearest(back, named), CLOSE)
    with hint("push"):
        named = {
            "that is the probability: the cosine was divided by 0.1, so is the derivative": 0.7311,
            "you multiplied by the temperature; the derivative is divided by it": 0.0731,
            "that is what pulls the right one, the 0.5; raising the wrong one, the 0.6, raises the loss": -7.3106,
            "0.269 is the wrong one's share in document 0's row, or the right one's in column 1; "
            "the 0.6 is the wrong one in column 1": 2.6894,
            "you halved it, as in the mean; summary 1's own loss is asked for": 3.6553,
        }
        compare(push, 7.3106, nearest(push, named), CLOSE)


def info_nce(documents, summaries, temperature, events, *faults):
    """InfoNCE both ways, twins left out, with faults by name."""
    axis = 0 if "axis" in faults else -1
    x, y = (v if "length" in faults else F.normalize(v, dim=axis) for v in (documents, summaries))
    x, y = documents if "x" in faults else x, summaries if "y" in faults else y
    cosines = x @ y.T
    logits = cosines * temperature if "times" in faults else cosines if "none" in faults else cosines / temperature
    right = torch.arange(len(logits))
    same = events[:, None] == events
    own = torch.eye(len(logits), dtype=torch.bool)
    if "both right" in faults:
        return -sum(((z.log_softmax(-1) * same).sum(-1) / same.sum(-1)).mean() / 2 for z in (logits, logits.T))
    hidden = ~same if "turned" in faults else same if "own" in faults else same & ~own
    masked = logits if "twins" in faults else logits.masked_fill(hidden, 0.0 if "zero" in faults else -math.inf)
    if "own" in faults:
        return ((masked.logsumexp(0) + masked.logsumexp(1)) / 2 - logits.diagonal()).mean()
    ways = masked, logits.T if "rows" in faults else masked.T
    ways = [z.softmax(-1) if "twice" in faults else z for z in ways]
    reduction = "sum" if "sum" in faults else "none" if "each" in faults else "mean"
    there, back = (F.cross_entropy(z, right, reduction=reduction) for z in ways)
    total = there if "there" in faults else back if "back" in faults else there + back
    total = total if {"there", "back", "added"} & set(faults) else total / 2
    return -total if "minus" in faults else total


@exercise("08.2", "Every wrong answer in the sum is wrong indeed.", "08.3, found among many.")
def twins_left_out(contrastive):
    named = {
        "you compare dot products: divide each vector by its length first": ["length"],
        "only the summaries have length 1; divide the documents by theirs, too": ["x"],
        "only the documents have length 1; divide the summaries by theirs, too": ["y"],
        "you normalise over the batch (`dim=0`); a text's own vector has to get length 1": ["axis"],
        "you multiply by the temperature; divide by it": ["times"],
        "the temperature has no effect": ["none"],
        "only documents look for summaries; the other direction, the columns, is missing": ["there"],
        "only summaries look for documents; the other direction, the rows, is missing": ["back"],
        "the two directions are added: take their mean": ["added"],
        "you sum over the batch; take the mean": ["sum"],
        "you return one loss a pair; take their mean": ["each"],
        "twins count as wrong answers: `events` has no effect": ["twins"],
        "twins are left out of the rows only: the columns, `logits.T`, need the mask, too": ["rows"],
        "your mask is turned round: it leaves out all but the twins": ["turned"],
        "the right answer is missing from your denominators: the sum goes over it and the wrong ones": ["own"],
        "twins count as right answers; leave them out of the denominator and go on": ["both right"],
        "a logit of 0 still counts e⁰ = 1 in the sum: fill in −∞": ["zero"],
        "`cross_entropy` does the softmax itself: yours is done twice": ["twice"],
        "the sign is turned: the better the space, the larger your loss": ["minus"],
    }
    inputs = [(torch.tensor([[1.0, 0], [0, 2]]), torch.tensor([[1.0, 1], [0, 1]]), 0.5, torch.tensor([1, 2]))]
    inputs += [(torch.randn(n, 3), 2 * torch.randn(n, 3), t, torch.arange(n)) for n, t in ((3, 1.0), (5, 0.2))]
    named = {words: lambda *args, faults=faults: info_nce(*args, *faults) for words, faults in named.items()}
    with_twins = [(torch.randn(3, 2), torch.randn(3, 2), 0.5, torch.tensor([7, 4, 7]))]
    with_twins += [(torch.randn(8, 4), torch.randn(8, 4), 0.1, torch.randint(4, (8,))) for _ in range(3)]
    for args in inputs + with_twins:
        if isinstance(got := contrastive(*args), Tensor) and not (got.abs() < 1e4).all():
            if got.isnan().any():
                raise Wrong("NaN: is 0 multiplied by −∞? Take out the right entries instead")
            raise Wrong("∞: is a document's own summary masked too? `==` calls each pair its own twin")
    agree(contrastive, info_nce, inputs + with_twins, named)
    with hint("right so far, wrong when all pairs are twins, or there is only one: then nothing is to be told apart"):
        agree(
            contrastive, info_nce, [(torch.randn(n, 3), torch.randn(n, 3), 0.1, torch.zeros(n).long()) for n in (3, 1)]
        )
    with hint("right so far, wrong at a temperature of 0.005: e^200 is too large, let `cross_entropy` take the logits"):
        agree(contrastive, info_nce, [(torch.randn(6, 4), torch.randn(6, 4), 0.005, torch.arange(6) // 2)], named)
    x, y = torch.randn(6, 4, requires_grad=True), torch.randn(6, 4, requires_grad=True)
    events, one = torch.arange(6) // 2, torch.tensor(1.0)
    got = gradients(contrastive(x, y, 0.1, events), (x, y), one)
    with hint("the loss is right, its gradient by the documents and summaries is not"):
        compare(got, gradients(info_nce(x, y, 0.1, events), (x, y), one), tolerance=1e-3)


def retrieved(similarities, right, k, fault=""):
    """Recall at k and mean reciprocal rank, with a fault by name."""
    own = similarities.diagonal()[:, None] if fault == "diagonal" else similarities.gather(1, right[:, None])
    order = similarities.argsort(dim=1, descending=True, stable=True)
    ranks = {
        "for us": (similarities > own).sum(dim=1) + 1,
        "sorted": (order == right[:, None]).int().argmax(dim=1) + 1,
        "less": (similarities <= own).sum(dim=1),
        "from 0": (similarities > own).sum(dim=1),
        "twice": (similarities >= own).sum(dim=1) + 1,
        "argsort": order.gather(1, right[:, None])[:, 0] + 1,
        "axis": (similarities >= own).sum(dim=0),
        "columns": (similarities[:, right] >= own[:, 0]).sum(dim=0),
    }
    rank = ranks.get(fault, (similarities >= own).sum(dim=1))
    found = rank <= {"at one": 1, "short": k - 1, "long": k + 1}.get(fault, k)
    if fault == "topk":
        found = (similarities.topk(min(k, similarities.size(1)), dim=1).indices == right[:, None]).any(dim=1)
    recall, mrr = found.double().mean().item(), (1 / rank).mean().item()
    others = {
        "mean rank": (recall, 1 / rank.double().mean().item()),
        "cut": (recall, (found / rank).mean().item()),
        "over k": (recall / k, mrr),
        "percent": (100 * recall, 100 * mrr),
        "count": (recall * len(right), mrr),
        "turned": (mrr, recall),
    }
    return others.get(fault, (recall, mrr))


@exercise("08.3", "Who calls everything alike finds nothing.", "08.4, the right value and the wrong direction.")
def found_among_many(found):
    named = {
        "a tie counts for you: count with `>=`, so that equal candidates come before the right one": "for us",
        "ties come in the order of the sort; count with `>=`, so that they come before the right one": "sorted",
        "you count what is *less* similar: the most similar has rank 1": "less",
        "your ranks begin with 0: the right candidate counts itself, so the best rank is 1": "from 0",
        "the right candidate is counted twice: `>=` has it already, so add no 1": "twice",
        "`argsort` gives the candidate at each place, not the place of each candidate": "argsort",
        "you take the right answers from the diagonal; they are at `right`": "diagonal",
        "`sum(dim=0)` counts documents; a rank counts a document's candidates, dim=1": "axis",
        "you count along columns; a document's rank is among its row": "columns",
        "your recall leaves out rank k itself: the first k include it": "short",
        "your recall counts rank k + 1, too: the first k end before it": "long",
        "1 over the mean rank is not the mean of 1/rank": "mean rank",
        "what is not among the first k gives no reciprocal rank in yours; MRR knows no k": "cut",
        "your recall is that at 1, whatever `k`": "at one",
        "your recall goes by `topk`, where a tie may count for you: it is the share of ranks up to k": "topk",
        "your recall counts documents; their share is wanted": "count",
        "your recall is divided by k: divide by the documents, each has one right candidate": "over k",
        "yours is in percent; shares between 0 and 1 are wanted": "percent",
        "the order is (recall, mrr)": "turned",
    }
    inputs = [(torch.tensor([[0.4, 0.5, 0.6, 0.1], [0.5, 0.1, 0.6, 0.4]]), torch.tensor([2, 1]), 2)]  # each slip shows
    inputs += [(torch.rand(5, 9), torch.randint(9, (5,)), k) for k in (1, 3, 5)]
    inputs += [(torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.2, 0.2]]), torch.tensor([2, 0]), 2)]
    inputs += [(torch.randint(4, (20, 30)) / 4, torch.randint(30, (20,)), 5), (torch.ones(4, 10), torch.arange(4), 5)]
    agree(found, retrieved, inputs, {words: partial(retrieved, fault=fault) for words, fault in named.items()})
    with hint("right so far, wrong when k is larger than the number of candidates: then all are found"):
        agree(found, retrieved, [(torch.rand(3, 4), torch.randint(4, (3,)), 9)])


FAULTS = {
    "axis": "`F.normalize(…, dim=0)` measures the batch; a text's own vector has to get length 1",
    "times": "the cosines are multiplied by the temperature",
    "ways": "both denominators run over the documents: `dim=0` of `logits` is `dim=1` of `logits.T`",
    "push": "the denominators have no gradient, so nothing pushes and the space collapses",
}


def trained(first, second, documents, summaries, updates, temperature, faults=()):
    """Losses and trained matrices, with faults by name."""
    first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
    optimizer = torch.optim.Adam([first] if "one" in faults else [first, second], lr=0.01)
    losses = []
    for _ in range(updates):
        axis, both = 0 if "axis" in faults else 1, (documents @ first, summaries @ second)
        x, y = both if "length" in faults else (F.normalize(v, dim=axis) for v in both)
        logits = x @ y.T if "none" in faults else x @ y.T * temperature if "times" in faults else x @ y.T / temperature
        rows, columns = logits.logsumexp(dim=1), logits.logsumexp(dim=0)
        rows, columns = columns if "ways" in faults else rows, rows if "rows" in faults else columns
        if "push" in faults:
            rows, columns = rows.detach(), columns.detach()
        loss = ((rows + columns) / 2 - logits.diagonal()).mean()
        if "keeps" not in faults:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, first.detach(), second.detach()


@exercise("08.4", "A constant pushes nobody: look at gradients, not only at values.", "08.5, choosing a temperature.")
def pull_and_push(mended):
    named = {
        f"{count} of 4 faults left: " + "; ".join(FAULTS[name] for name in left): left
        for count in range(1, 5)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "the vectors are not normalised any more: dot products are no cosines": ["length"],
        "the temperature is gone: divide by it": ["none"],
        "both denominators run over the summaries now; one of them has to run over the documents": ["rows"],
        "only `first` is trained": ["one"],
        "gradients add up from update to update: `zero_grad` is missing": ["keeps"],
    }
    inputs = []
    for pairs, features, hidden, updates in ((2, 3, 2, 1), (2, 3, 2, 3), (4, 5, 3, 3), (8, 12, 6, 4)):
        matrices = [torch.randn(features, hidden) for _ in range(2)] + [torch.rand(pairs, features) for _ in range(2)]
        inputs.append((*matrices, updates, 0.2))
    agree(mended, trained, inputs, {words: partial(trained, faults=left) for words, left in named.items()}, 1e-3)


@exercise(
    "08.5",
    "At 1 the loss is nearly as low as it can get, and retrieval is worse than at 0.2, far above its floor: "
    "each temperature has a scale of its own. Choose by retrieval.",
    "08.6, two encoders of your own.",
)
def which_temperature(answer):
    floor, best, above = numbers(answer, "floor, best, above")
    with hint("floor"):
        named = {
            "that is what it costs to know nothing, log 64": math.log(64),
            "a perfect space is not free at temperature 1: e against 63 times 1": 0.0,
            "that is for 16 pairs; here are 64": math.log1p(15 / math.e),
            "the sign in the exponent is turned: the right one has the *larger* weight": math.log1p(63 * math.e),
            "there are 63 wrong answers; the 64th of the sum is the right one": math.log1p(64 / math.e),
            "the right answer is missing from the sum: log(1 + …)": math.log(63 / math.e),
            "the logarithm is missing": 1 + 63 / math.e,
            "the two directions are added: take their mean": 2 * math.log1p(63 / math.e),
        }
        compare(floor, math.log1p(63 / math.e), named, tolerance=2.5e-3)
    with hint("best"):
        if all(abs(best - temperature) > 1e-3 for temperature in (1, 0.2, 0.05, 0.01)):
            raise Wrong("one of the four temperatures is wanted, not the loss or the MRR reached with it")
        named = {
            "that is where the loss is lowest; look at the MRR": 0.05,
            "that is where the loss comes nearest to its floor; look at the MRR": 1.0,
            "that is the lowest temperature, and the lowest MRR": 0.01,
        }
        compare(best, 0.2, named)
    if not 0.03 <= above <= 0.12:
        named = {
            (3.1, 3.4): "that is the loss itself; subtract the floor",
            (0.45, 0.86): "that is another temperature's distance from its floor; the one at 1 is wanted",
            (0.86, 1.0): "that is how far it has come down from log 64; what is left above the floor is wanted",
            (1.0, 1.05): "that is the ratio; the difference is wanted",
            (-0.12, -0.03): "the sign is turned: the loss ends above the floor",
            (2.5, 3.0): "that is the difference of two temperatures' losses; compare 1 with its own floor",
        }
        words = [words for (low, high), words in named.items() if low <= above <= high]
        raise Wrong(f"above: {words[0] if words else 'the loss at temperature 1 is wanted, less its floor'}")


@cache
def test_set():
    """The test documents, and the first six words of their summaries."""
    records = load_corpus("harbour", "test").to_list()
    return [r["document"] for r in records], [" ".join(" ".join(r["summary"]).split()[:6]) for r in records]


def read_all(name: str, encoder: Answer, texts: list) -> Tensor:
    """The vectors (texts, numbers) of one of the learner's encoders."""
    vectors = []
    for text in texts:
        vector = encoder(list(text) if isinstance(text, list) else text)
        if not isinstance(vector, Tensor) or vector.dim() != 1:
            kind = f"of shape {tuple(vector.shape)}" if isinstance(vector, Tensor) else f"a {type(vector).__name__}"
            raise Wrong(f"{name} has to return a tensor (numbers,); yours is {kind}")
        if not vector.double().isfinite().all():  # NaN would be found everywhere
            raise Wrong(f"{name} returns NaN or ∞: is a length 0 divided by?")
        if len(vector) > 4096:
            raise Wrong(f"{name} returns {len(vector):,} numbers; at most 4,096 are allowed")
        if vectors and len(vector) != len(vectors[0]):
            raise Wrong(f"{name} returns {len(vectors[0])} numbers for one text and {len(vector)} for another")
        vectors.append(vector.detach().cpu().double())
    return torch.stack(vectors)


@exercise("08.6", "Names decide short queries, and nobody can have trained on those to come.", "lesson 09, a decoder.")
def without_a_network(answer):
    if not isinstance(answer, list | tuple) or len(answer) != 2 or not all(callable(part) for part in answer):
        raise Wrong("two functions are wanted: (read_document, read_summary)")
    named = zip(("read_document", "read_summary"), answer, test_set())
    documents, summaries = (read_all(name, Answer(encoder), side) for name, encoder, side in named)
    if documents.size(1) != summaries.size(1):
        raise Wrong(f"{documents.size(1)} numbers a document and {summaries.size(1)} a summary: one space is wanted")
    recall = 100 * retrieval(documents @ summaries.T)["document → summary recall@1"]
    reached = f"Recall@1 {recall:.1f} % on the 80 test articles, with {documents.size(1):,} numbers a text."
    if recall >= 79.9:
        return reached
    if recall < 5:
        raise Wrong(f"{reached} 80 are wanted; that is near chance: do the two share one space?")
    if recall < 60:
        raise Wrong(f"{reached} 80 are wanted; plain shared words reach 68. Rare words should weigh more")
    raise Wrong(f"{reached} 80 are wanted. Which words does a query live by? If two share a place, which one wins?")
