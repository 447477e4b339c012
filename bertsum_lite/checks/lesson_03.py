"""Checkers for the exercises on pre-training."""

import math
import random
from functools import cache, partial
from itertools import combinations

import torch

from bertsum_lite import load_backbone, load_corpus
from bertsum_lite.checks import Wrong, agree, compare, exercise, gradients, hint
from bertsum_lite.checks.tools import numbers

IGNORE = -100


@exercise("03.1", "Greedy, and never going back.", "03.2, three faults in WordPiece.")
def by_pencil(pieces):
    named = {
        "these are the fewest pieces; WordPiece takes the longest beginning, `moorin`": ["moor", "##ings"],
        "a piece that does not begin the word carries ##": ["moorin", "g", "s"],
        "you took the shortest pieces; the longest comes first": ["m", "##o", "##o", "##r", "##in", "##g", "##s"],
        "the cut is right; the first piece carries no ##": ["##moorin", "##g", "##s"],
        "the word is not lost: after `moorin` the vocabulary has ##g and ##s": ["[UNK]"],
        "what is left, `gs`, is not lost: the vocabulary has ##g and ##s": ["moorin", "[UNK]"],
        "`ings` without ## can only begin a word": ["moor", "ings"],
    }
    if not isinstance(pieces, list | tuple) or not all(isinstance(piece, str) for piece in pieces):
        raise Wrong('a list of strings is wanted, such as ["sea", "##side"]')
    pieces, vocabulary = list(pieces), ["m", "moor", "moorin", "ings", "##o", "##r", "##in", "##ings", "##g", "##s"]
    for piece in pieces:
        if piece not in vocabulary:
            inside = f", `##{piece}` is" if f"##{piece}" in vocabulary else ""
            named[f"`{piece}` is not in the vocabulary{inside}"] = pieces
    spelt = "".join(piece.removeprefix("##") for piece in pieces)
    named[f"your pieces spell {spelt or 'nothing'}"] = pieces if spelt != "moorings" else None
    named["the longest beginning comes first: `moorin` is longer than yours"] = pieces  # nothing else is left
    compare(pieces, ["moorin", "##g", "##s"], named)


FAULTS = {
    "shortest": "you take the shortest piece that fits; the longest comes first",
    "marks": "a piece inside the word carries ##: look it up as `##…`, and return it so",
    "rest": "where no piece fits the whole word is [UNK]; yours keeps the pieces before",
}


def wordpiece_by(word, vocabulary, faults=()):
    """WordPiece, with faults by name."""
    pieces, start = [], 0
    while start < len(word):
        ends = range(start + 1, len(word) + 1)
        if "shortest" not in faults:
            ends = range(len(word) - ("last letter" in faults), start + ("one letter" in faults), -1)
        marks = "##" if "all marked" in faults or (start and "marks" not in faults) else ""
        end = next((end for end in ends if marks + word[start:end] in vocabulary), None)
        if end is None:
            return [*pieces, "[UNK]"] if "rest" in faults else pieces if "silent" in faults else ["[UNK]"]
        pieces.append(word[start:end] if "bare" in faults else marks + word[start:end])
        start = end
    return pieces


@exercise("03.2", "All three mended: it cuts as BERT's tokenizer does.", "03.3, blanks by the rule of 80/10/10.")
def three_faults(mended):
    named = {
        f"{count} of 3 faults left: " + "; ".join(FAULTS[name] for name in left): left
        for count in (1, 2, 3)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "the pieces are looked up with their ## and returned without": ["bare"],
        "a word that cannot be cut to its end is [UNK]; yours forgets the rest of it in silence": ["silent"],
        "you never try the last letter of what is left: `word[start:end]` stops before `end`": ["last letter"],
        "you never try a single letter: a range's end is not part of it, so that it has to be `start`": ["one letter"],
        "a piece that begins the word carries no ##": ["all marked"],
    }
    toy = ["sea", "s", "##e", "##a", "##side", "##s", "##i", "##d", "side", "seas", "e", "a", "i", "d"]
    inputs = [(word, toy) for word in ("sea", "seaside", "sides", "xsea", "seax", "", "s", "seasx", "aside")]
    inputs += [("harbour", ["har", "harb", "##bour", "##o", "##ur"]), ("harbour", ["har", "harb", "##bour", "##o"])]
    agree(mended, wordpiece_by, inputs, {words: partial(wordpiece_by, faults=left) for words, left in named.items()})
    tokenizer = load_backbone()[1]
    vocabulary = Vocabulary(tokenizer.get_vocab())
    for word in ("marzagena", "oosterveen", "summarization", "unaffable", "a⚓", "ferries"):
        with hint("right in a small vocabulary, not in BERT's"):
            compare(mended(word, vocabulary), tokenizer.tokenize(word) if word != "a⚓" else ["[UNK]"])


class Vocabulary(dict):
    """BERT's vocabulary, shown in one word."""

    def __repr__(self):
        return "BERT's vocabulary"


@exercise("03.3", "15 % asked, of these 80 : 10 : 10, and nothing else touched.", "03.4, what a guess costs.")
def eighty_ten_ten(mask_pieces):
    first, vocabulary, mask = 5, 50, 4
    rows = torch.tensor([[2, 17, 30, 8, 3, 0, 0], [2, 9, 9, 41, 22, 49, 3]])  # [CLS] pieces [SEP] [PAD] …
    for rate, ids in ((1.0, rows.repeat(100, 1)), (0.15, rows.repeat(1500, 8))):
        result = mask_pieces(ids, rate, first, vocabulary, mask)
        if not isinstance(result, list | tuple) or len(result) != 2:
            raise Wrong("two tensors are wanted: return inputs, labels", example=[])
        inputs, labels = result
        look(ids, inputs, labels, rate, first, mask)
    asked = labels != IGNORE
    if (asked[::2] == asked[0]).all():
        raise Wrong("every text has its blanks at the same places: draw for each place of each text", example=[])
    share = (asked.sum() / (ids >= first).sum()).item()
    if abs(share - 0.15) > 0.01:
        raise Wrong(f"at a rate of 15 % you ask {share:.1%} of the pieces", example=[])
    n = asked.sum()
    blank, kept = (asked & (inputs == mask)).sum() / n, (asked & (inputs == ids)).sum() / n
    swapped = 1 - blank - kept
    if swapped < 0.01 and kept < 0.01:
        raise Wrong("all that is asked becomes [MASK]: 10 % have to be swapped and 10 % kept", example=[])
    if swapped < 0.01:
        raise Wrong(f"no piece is swapped for a random one, {kept:.0%} are kept", example=[])
    if kept < 0.02:
        raise Wrong(f"hardly any piece is kept as it is: [MASK] {blank:.0%}, swapped {swapped:.0%}", example=[])
    said = f"of the pieces asked {blank:.1%} became [MASK], {swapped:.1%} another piece, {kept:.1%} stayed"
    if abs(blank - 0.8) > 0.02 or abs(kept - 0.1) > 0.02:
        words = "one number between 0 and 1 decides a piece's fate; a second draw takes its share of what is left"
        raise Wrong(f"{said}; wanted are 80, 10 and 10. {words}", example=[])
    chosen = inputs[asked & (inputs != mask) & (inputs != ids)]
    if len(chosen.unique()) < 30:
        raise Wrong("swapped pieces become few different ones: draw for each place by itself", example=[])
    if chosen.min() < first:
        raise Wrong("a swapped piece may not become a special one: draw from `first` on", example=[])
    if chosen.max() >= vocabulary:
        raise Wrong(f"a swapped piece became {chosen.max()}; the vocabulary ends at {vocabulary - 1}", example=[])


def look(ids, inputs, labels, rate, first, mask) -> None:
    """What has to hold of every place, whatever was drawn."""
    compare(inputs.shape, ids.shape)
    compare(labels.shape, ids.shape)
    asked, special, changed = labels != IGNORE, ids < first, inputs != ids
    faults = {
        "special pieces are masked too: [CLS], [SEP] and padding have to stay": special & changed,
        "labels stand everywhere: where nothing is asked they have to be −100": (labels == ids) & special & (ids == 0),
        "special pieces are asked too: at [CLS], [SEP] and padding the label is −100": asked & special,
        "a label holds [MASK]; wanted is the true piece, from before the masking": asked & (labels == mask),
        "a label holds what was swapped in; wanted is the true piece": asked & (labels == inputs) & changed,
        "a label is not the true piece": asked & (labels != ids),
        "pieces are changed where nothing is asked: the label there is −100": ~asked & changed,
        "at a rate of 1 every piece has to be asked, the one that is kept as well": ~asked & ~special & (rate == 1),
    }
    if not asked.any():
        raise Wrong("nothing is asked: every label is −100", example=[])
    for words, places in faults.items():
        if places.any():
            row = int(places.any(dim=1).nonzero()[0])  # the first text that shows it
            values = {"ids": ids, "inputs": inputs, "labels": labels}
            raise Wrong(words, example=[f"{name:6} {value[row, :7].tolist()}" for name, value in values.items()])


def loss_by(hidden, table, bias, labels, faults=()):
    """The masked language model's loss, with faults by name."""
    asked = labels != IGNORE
    if "piece 0" in faults:
        asked, labels = torch.ones_like(asked), labels.clamp(min=0)
    logits = hidden @ table.T + (0 if "bias" in faults else bias)  # (batch, tokens, vocabulary)
    if "classes" in faults:
        return torch.nn.functional.cross_entropy(logits, labels)
    if "twice" in faults:
        logits = logits.softmax(dim=-1)
    logs = logits.log_softmax(dim={"places": 1, "texts": 0}.get("".join(faults), -1))
    if "probability" in faults:
        logs = logits.softmax(dim=-1)
    right = -logs.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1) * asked  # (batch, tokens)
    if "per text" in faults:
        return (right.sum(dim=1) / asked.sum(dim=1).clamp(min=1)).mean()
    count = labels.numel() if "all places" in faults else len(labels) if "batch" in faults else asked.sum().clamp(min=1)
    return right.sum() / (1 if "sum" in faults else count) * (-1 if "sign" in faults else 1)


@exercise("03.4", "Asked places only, each counting the same.", "03.5, what a fresh model must cost.")
def cost_of_a_guess(mlm_loss):
    named = {
        "you divide by all places; only those asked count, and the mean is over them": ["all places"],
        "this is the sum over the places asked; the mean is wanted": ["sum"],
        "you divide by the number of texts; the mean is over the places asked": ["batch"],
        "you take each text's mean first: a place in a text with few blanks then counts more": ["per text"],
        "the softmax runs over the places; it has to run over the vocabulary, the last axis": ["places"],
        "the softmax runs over the texts; it has to run over the vocabulary, the last axis": ["texts"],
        "`F.cross_entropy` looks for pieces on axis 1, where your tokens are: hand it (places, pieces)": ["classes"],
        "the softmax is taken twice: `F.cross_entropy` takes scores and has its own": ["twice"],
        "−100 is counted as if piece 0 were asked": ["piece 0"],
        "the bias is missing": ["bias"],
        "the sign: log p is negative, a loss is −log p": ["sign"],
        "the logarithm is missing: these are probabilities": ["probability"],
    }

    def batch(texts, tokens, d, pieces, scale=1.0):
        labels = torch.randint(pieces, (texts, tokens)).masked_fill(torch.rand(texts, tokens) < 0.5, IGNORE)
        labels[0, :2] = torch.tensor([1, IGNORE])
        return scale * torch.randn(texts, tokens, d), torch.randn(pieces, d), torch.randn(pieces), labels

    numbers = torch.tensor([[[1.0, 0.0], [2.0, 1.0], [0.0, 1.0]], [[0.0, 2.0], [1.0, 1.0], [3.0, 0.0]]])
    table, bias = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), torch.tensor([0.0, 1.0, 0.0])
    labels = torch.tensor([[1, IGNORE, IGNORE], [0, 2, IGNORE]])
    inputs = [(numbers, table, bias, labels), batch(3, 5, 4, 7), batch(4, 9, 8, 120), batch(1, 2, 4, 7)]
    agree(mlm_loss, loss_by, inputs, {words: partial(loss_by, faults=faults) for words, faults in named.items()})
    with hint("right for small scores, not for large ones: exponentials overflow, `log_softmax` does not"):
        agree(mlm_loss, loss_by, [batch(2, 4, 4, 7, scale=300.0)])
    with hint("right, except where nothing is asked: a loss of 0 is wanted there"):
        agree(mlm_loss, loss_by, [(numbers, table, bias, torch.full((2, 3), IGNORE))])
    *learnt, labels = batch(3, 5, 4, 7)
    for part in learnt:
        part.requires_grad_()
    ours, theirs = (gradients(loss(*learnt, labels), learnt, torch.tensor(1.0)) for loss in (mlm_loss, loss_by))
    for name, one, other in zip(("hidden", "table", "bias"), ours, theirs):
        with hint(f"the loss is right, its gradient for `{name}` is not"):
            compare(one, other)


PLACES, VOCABULARY, HIDDEN = 200, 5000, 128


@exercise(
    "03.5",
    "The formula wants the mean of eᶻ, which a few enormous scores make; 5,000 draws do not hold them. "
    "So the loss is about the largest score: how sure the model is of a wrong piece.",
    "03.6, the same game with counts.",
)
def fresh_loss(answer):
    predicted, measured, largest = numbers(answer, "predicted, measured, largest")
    log_v = math.log(VOCABULARY)
    named = {
        "log V is missing: it is what a model costs whose scores are all equal": 64.0,
        "half of the variance, dσ²/2, is added": log_v + 128,
        "that is the loss of equal scores: dσ²/2 is missing": log_v,
        "the variance of a score is d, not its root": log_v + 128**0.5 / 2,
        "the logarithm is the natural one": math.log2(VOCABULARY) + 64,
    }
    with hint("predicted"):
        compare(predicted, log_v + 64, named, tolerance=0.01)
    if abs(measured - predicted) < 8:
        raise Wrong("measured: with 5,000 pieces it comes out much lower; measure, and do not use the formula")
    if abs(measured - log_v) < 1:
        raise Wrong("measured: this is log V, as for a small σ; draw the table with σ = 1")
    if not 36 <= measured <= 48:
        raise Wrong("measured: the mean of cross entropy over 200 places lies between 36 and 48")
    if abs(largest - HIDDEN**0.5) < 1:
        raise Wrong("largest: this is the spread of the scores, √d; the largest of 5,000 lies several spreads out")
    if not 36 <= largest <= 47:
        raise Wrong("largest: for each place the largest of its 5,000 scores, and of these the mean: 36 to 47")


@cache
def blanks(count: int = 1000) -> list[tuple[list[str], list[str], str]]:
    """Pieces before a blank, pieces after it, and the answer, in sentences of `tinynews` that training never showed."""
    tokenizer, splits = load_backbone()[1], {}
    for split in ("train", "test"):
        splits[split] = {s for document in load_corpus("tinynews", split)["document"] for s in document}
    draw, result = random.Random(0), []
    for sentence in draw.sample(sorted(splits["test"] - splits["train"]), count):
        pieces = ["[CLS]", *tokenizer.tokenize(sentence), "[SEP]"]
        at = draw.randrange(1, len(pieces) - 1)
        result.append((pieces[:at], pieces[at + 1 :], pieces[at]))
    return result


@exercise("03.6", "Without a single weight. What is left, a network has to be worth.", "lesson 04, summaries.")
def counts_only(fill):
    right = 0
    for before, after, answer in blanks():
        guess = fill(before, after)
        if not isinstance(guess, str):
            raise Wrong(f"one piece is wanted, a string; yours is of type {type(guess).__name__}")
        right += guess == answer
    share = right / len(blanks())
    reached = f"{share:.3f} of 1,000 blanks right."
    if share >= 0.75:
        return reached
    words = "Look further than one neighbour on each side, and fall back to less where you never saw so much"
    if share < 0.12:
        words = "Always the commonest piece reaches 0.05: look at the neighbours"
    raise Wrong(f"{reached} 0.75 is wanted. {words}", example=[])
