"""Checkers for the exercises on the Transformer encoder."""

import copy
from functools import cache, partial
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from bertsum_lite import load_backbone, load_corpus
from bertsum_lite.checks import Wrong, agree, compare, exercise, gradients, hint
from bertsum_lite.checks.tools import numbers
from bertsum_lite.layers import Bert


@exercise("02.1", "Mean 5, variance 9, then γ, then β.", "02.2, the same for any tensor.")
def by_pencil(normed):
    named = {
        "your variance divides the squares by d − 1 = 3; LayerNorm divides by d": [-1.598, 0.134, 0.134, 5.330],
        "γ = 3 is missing, or you divided by the variance, 9: it is its root, 3": [0.0, 0.667, 0.667, 2.667],
        "β = 1 is missing, or these are the deviations only: norm them, times γ, plus β": [-3.0, -1.0, -1.0, 5.0],
        "you divided by √36, the squares' sum: the variance is their mean, 36 / 4": [-0.5, 0.5, 0.5, 3.5],
        "γ and β are swapped: γ = 3 multiplies, β = 1 is added": [2.0, 2.667, 2.667, 4.667],
        "β is added last: γ scales the normed numbers, not the shift": [0.0, 2.0, 2.0, 8.0],
        "the norm is right; γ and β are missing": [-1.0, -0.333, -0.333, 1.667],
        "the mean is not subtracted: 5 has to go from each number before you divide": [3.0, 5.0, 5.0, 11.0],
    }
    compare(normed, [-2.0, 0.0, 0.0, 6.0], named, tolerance=5e-3)


def norm_by(dim=-1, correction=0, centre=True, root=lambda v, e: (v + e).sqrt(), after=lambda n, a, b: a * n + b):
    """LayerNorm with an axis, a variance, a root, and a scale and shift of one's own."""

    def norm(x, scale, shift, eps):
        axes = tuple(range(x.dim()))[dim] if isinstance(dim, slice) else dim
        mean, variance = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, correction=correction)
        if not centre:
            mean, variance = 0.0, x.square().mean(axes, keepdim=True)
        return after((x - mean) / root(variance, eps), scale, shift)

    return norm


@exercise("02.2", "Values and gradients are PyTorch's.", "02.3, where a layer spends its time.")
def layer_norm_from_memory(layer_norm):
    def right(x, scale, shift, eps):
        return F.layer_norm(x, x.shape[-1:], scale, shift, eps)

    named = {
        "your mean runs over the tokens: each token is normed by itself, over the hidden axis": norm_by(dim=-2),
        "your mean runs over the batch (that is BatchNorm): each token is normed by itself, dim=-1": norm_by(dim=0),
        "one mean for the whole tensor: each token has its own, over the hidden axis": norm_by(dim=slice(0, None)),
        "the tokens of a text share one mean: each has its own, over the hidden axis": norm_by(dim=slice(1, None)),
        "right for (tokens, hidden), wrong with a batch before it: count the axis from the end, dim=-1": norm_by(dim=1),
        "your variance divides by d − 1, torch's default; LayerNorm divides by d: correction=0": norm_by(correction=1),
        "ε belongs under the root, beside the variance": norm_by(root=lambda v, e: v.sqrt() + e),
        "ε is missing, or not the one handed over": norm_by(root=lambda v, e: v.sqrt()),
        "you divide by the variance; it is its root": norm_by(root=lambda v, e: v + e),
        "the mean is not subtracted (that is RMSNorm)": norm_by(centre=False),
        "scale and shift are missing": norm_by(after=lambda n, a, b: n),
        "the shift is added before the scale; it comes last": norm_by(after=lambda n, a, b: a * (n + b)),
        "scale and shift are swapped": norm_by(after=lambda n, a, b: b * n + a),
    }
    two_tokens = torch.tensor([[2.0, 4.0, 4.0, 10.0], [1.0, 1.0, 3.0, 3.0]])
    vectors = torch.tensor([1.0, 2.0, 3.0, 1.0]), torch.tensor([0.0, 0.0, 1.0, 1.0])
    inputs = [(two_tokens, *vectors, 7.0), (two_tokens.expand(3, 2, 4) + torch.randn(3, 2, 4), *vectors, 0.5)]
    inputs += [(torch.randn(shape), torch.randn(6), torch.randn(6), 0.1) for shape in ((6,), (2, 3, 4, 6))]
    agree(layer_norm, right, inputs, named)
    far = 10_000 + torch.tensor([[2.0, 4.0, 4.0, 10.0]]), torch.ones(4), torch.zeros(4), 1e-5
    with hint("right, except for numbers far from 0, where (mean of squares) − (square of mean) loses its digits"):
        agree(layer_norm, right, [far], tolerance=1e-3)

    x, scale, shift = (torch.randn(shape, requires_grad=True) for shape in ((2, 5), (5,), (5,)))
    pull, learnt = torch.randn(2, 5), (x, scale, shift)
    with hint("the values are right, their gradient is not; mean and variance depend on x as well"):
        ours, theirs = (gradients(norm(*learnt, 1e-5), learnt, pull) for norm in (layer_norm, right))
        compare(ours[0], theirs[0])


@exercise("02.3", "Up to 512 tokens the linear maps are the cost, not the square.", "02.4, weights from Google.")
def cost(answer):
    crossing, growth, share = numbers(answer, "crossing, growth, share")
    named = {
        768: "the feed-forward net is missing: its two maps cost 8d² beside attention's 4d²",
        1536: "attention's four maps cost 4d² and the net's two 8d², all together 12d²; some are missing",
        2112: "attention has four maps: the one after the heads are joined costs d² as well",
        4608: "attention multiplies twice over n tokens, QKᵀ and the mixing: 2nd for each query",
        192: "heads share the hidden size: 12 heads of 32 cost what one of 384 costs",
    }
    if near := [words for value, words in named.items() if abs(crossing - value) < 8]:
        raise Wrong(f"crossing: {near[0]}")
    with hint("crossing"):
        compare(crossing, 2304, tolerance=0.01)
    named = {
        "4 is how the n² part grows by itself; measure the whole layer": 4.0,
        "2 is how the linear maps grow by themselves; measure the whole layer": 2.0,
        "both texts are in your second count, 1 + 2.2: take a new counter for each": 3.2,
        "the wrong way round: the cost at 512 tokens divided by that at 256": 1 / 2.2,
    }
    with hint("growth"):
        compare(growth, 2.2, named, tolerance=0.02)
    named = {
        "that is the n² part in parts of the linear one; wanted is its share of the whole": 2 / 9,
        "that is the share of the linear maps": 9 / 11,
        "that is the share at 256 tokens, or of one product of the two": 0.1,
        "a share is wanted, between 0 and 1; yours is in percent": 18.18,
    }
    with hint("share"):
        compare(share, 2 / 11, named, tolerance=0.03)


GOOGLE = {
    "embeddings.token": "embeddings/word_embeddings",
    "embeddings.position": "embeddings/position_embeddings",
    "embeddings.segment": "embeddings/token_type_embeddings",
    "embeddings.norm": "embeddings/LayerNorm",
    "layers.": "encoder/layer_",
    "attention_norm": "attention/output/LayerNorm",
    "attention.output": "attention/output/dense",
    "feed_forward_norm": "output/LayerNorm",
    "feed_forward.0": "intermediate/dense",
    "feed_forward.3": "output/dense",
    ".attention.": "/attention/self/",
}


def google_name(name: str) -> str:
    """A part's name in Google's BERT: ``layers.0.attention.query`` → ``encoder/layer_0/attention/self/query``."""
    for ours, theirs in GOOGLE.items():
        name = name.replace(ours, theirs)
    return name.replace(".", "/")


def google_checkpoint(bert: Bert) -> dict[str, Tensor]:
    """A BERT's weights as Google published them: other names, kernels (in, out), and the parts for pre-training."""
    state = {}
    for name, tensor in bert.state_dict().items():
        part, _, kind = name.rpartition(".")
        kinds = {"weight": "/gamma", "bias": "/beta"} if "norm" in part else {"weight": "/kernel", "bias": "/bias"}
        kind = "" if name in TABLES else kinds[kind]
        state[f"bert/{google_name(part)}{kind}"] = tensor.t().clone() if kind == "/kernel" else tensor.clone()
    hidden = bert.embeddings.norm.weight.numel()
    state |= {"bert/pooler/dense/kernel": torch.randn(hidden, hidden), "bert/pooler/dense/bias": torch.randn(hidden)}
    return state | {"cls/seq_relationship/output_weights": torch.randn(2, hidden)}


TABLES = {f"embeddings.{kind}.weight" for kind in ("token", "position", "segment")}


@exercise("02.4", "Each tensor under its name, kernels turned, tables not.", "02.5, four faults in one BERT.")
def another_checkpoint(convert):
    bert = Bert(vocabulary=11, hidden_size=6, layers=12, heads=2, intermediate_size=10, positions=8)
    for parameter in bert.parameters():
        torch.nn.init.normal_(parameter)
    want, got = bert.state_dict(), convert(google_checkpoint(bert))
    if not isinstance(got, dict) or not all(isinstance(tensor, Tensor) for tensor in got.values()):
        raise Wrong("a dictionary from names to tensors is wanted", example=[])
    missing, extra = sorted(want.keys() - got.keys()), sorted(got.keys() - want.keys())
    differ = [f"missing: {n}" for n in missing[:2]] + [f"not ours: {n}" for n in extra[:2]]
    if differ:
        raise Wrong(about_names(missing, extra), example=differ[:4])
    if off := [name for name, tensor in want.items() if not equal(got[name], tensor)]:
        shapes = f"{off[0]}: yours {tuple(got[off[0]].shape)}, right {tuple(want[off[0]].shape)}"
        raise Wrong(about_tensors(got, want, off), example=[shapes])


def about_names(missing: list[str], extra: list[str]) -> str:
    if not missing and all("pooler" in name or "cls" in name for name in extra):
        return "our Bert has no pooler and no head for pre-training: leave their tensors out"
    if missing and all(name.startswith(("layers.10.", "layers.11.")) for name in missing):
        return "a layer's number may have two digits, and layers 10 and 11 are lost"
    if any("attention" in name and "feed_forward" in name for name in extra):
        return "`output/…` is also the tail of `attention/output/…`: replace the longer name first"
    if missing and all("norm" in name for name in missing):
        return "a LayerNorm's gamma is our `weight`, its beta our `bias`: they are lost"
    return "the names are not those of `bert.state_dict()`"


def about_tensors(got: dict[str, Tensor], want: dict[str, Tensor], off: list[str]) -> str:
    kernels = {name for name, tensor in want.items() if tensor.dim() == 2 and name not in TABLES}
    if all(equal(got[name], want[name].t()) for name in off):
        if TABLES & set(off):
            return "an embedding's table has one row per token here as there: only kernels are turned"
        if set(off) == kernels:
            return "your kernels are (in, out) still; nn.Linear keeps (out, in)"
        if all(want[name].size(0) == want[name].size(1) for name in off):
            return "the square kernels are not transposed: their shape fits either way, so no loader would complain"
        return f"{len(off)} of {len(kernels)} kernels are not transposed"
    if all(equal(got[name].flatten(), want[name].t().flatten()) for name in off):
        return "`view` and `reshape` keep the numbers in their order: they give the shape; `.T` turns"
    if other := [name for name in want if name != off[0] and equal(got[off[0]], want[name])]:
        return f"`{off[0]}` holds what belongs to `{other[0]}`"
    return f"`{off[0]}` holds other numbers than the checkpoint"


def equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other)


FAULTS = {
    "axis": "the norm runs over the tokens, not over the hidden axis",
    "segments": "the first [SEP] belongs to the first text, and gets segment 1",
    "mask": "padding is looked at: `segments >= 0` is true everywhere",
    "pre": "the layers are pre-norm; BERT norms the sum, norm(x + f(x))",
}


def bert_by(bert, input_ids, sep, pad, faults=()):
    """Real tokens' vectors of pairs of texts, with faults by name."""

    def norm(part, x):
        dim = 1 if "axis" in faults else (1, 2) if "shared" in faults else -1
        x = x - x.mean(dim=dim, keepdim=True)
        dim = 1 if "half axis" in faults else dim
        return part.weight * x / (x.square().mean(dim=dim, keepdim=True) + part.eps).sqrt() + part.bias

    real, ends, table = input_ids != pad, (input_ids == sep).long(), bert.embeddings
    past = ends.cumsum(dim=1)
    segments = (past - ends).clamp(max=1)
    ways = {"segments": past.clamp(max=1), "late": past.clamp(max=1) - ends, "minus 1": (past - 1).clamp(0, 1)}
    ways |= {"swapped": 1 - segments, "one segment": 0 * segments}
    segments = next((ways[fault] for fault in faults if fault in ways), segments)
    x = table.token(input_ids) + table.position(torch.arange(input_ids.size(1))) + table.segment(segments)
    x = norm(table.norm, x)
    mask = None if "mask" in faults else (real ^ ("inverted" in faults))[:, None, None, :]
    for layer in bert.layers:
        norms, parts = (layer.attention_norm, layer.feed_forward_norm), (layer.attention, layer.feed_forward)
        for own, part, more in zip(norms, parts, ([mask], [])):
            before = "pre" in faults or ("half" in faults and not more)
            if "outside" in faults:
                x = x + norm(own, part(x, *more))
            else:
                x = x + part(norm(own, x), *more) if before else norm(own, x + part(x, *more))
    return x[real]


@exercise("02.5", "All four mended: this is `Bert` again.", "02.6, a smaller one that says the same.")
def four_faults(mended):
    named = {
        f"{count} of 4 faults left: " + "; ".join(FAULTS[name] for name in left): left
        for count in (1, 2, 3, 4)
        for left in combinations(FAULTS, count)
    }
    named |= {
        "all tokens of a text share one mean: each token is normed by itself": ["shared"],
        "the second text has segment 0 and the first 1: the other way round": ["swapped"],
        "every token has segment 0": ["one segment"],
        "the last [SEP] has segment 0: subtract the [SEP] itself before you clamp, not after": ["late"],
        "the second text has segment 0 but for its [SEP]: subtract the [SEP] itself, not 1 everywhere": ["minus 1"],
        "the mean is over the hidden axis now, the variance still over the tokens: dim=-1 in both": ["half axis"],
        "the mask shows padding and hides the text: True says that a key is seen": ["inverted"],
        "you norm what the part adds, x + norm(f(x)); BERT norms the sum, norm(x + f(x))": ["outside"],
        "attention is post-norm now; the feed-forward net still reads a normed x": ["half"],
    }
    bert = Bert(vocabulary=20, hidden_size=8, layers=2, heads=2, intermediate_size=16, positions=16).eval()
    for parameter in bert.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    bert.__name__ = "Bert(vocabulary=20, hidden_size=8, layers=2, heads=2, …)"  # how a failing example shows it
    pairs = [[[1, 5, 2, 6, 2]], [[1, 5, 2, 6, 2], [1, 9, 4, 2, 2]], [[1, 7, 2, 8, 3, 2], [1, 5, 2, 2]]]
    pairs += [[[1, 2, 2], [1, 4, 5, 6, 7, 8, 2, 9, 10, 2], [1, 3, 2, 11, 12, 2]]]
    inputs = [(bert, pad_sequence(list(map(torch.tensor, rows)), batch_first=True), 2, 0) for rows in pairs]
    with torch.no_grad():
        agree(mended, bert_by, inputs, {words: partial(bert_by, faults=faults) for words, faults in named.items()})


@cache
def minilm() -> Bert:
    """The bundled MiniLM as our `Bert` (notebook 02, section 7.1)."""
    theirs = load_backbone()[0]
    c, state = theirs.config, theirs.state_dict()
    bert = Bert(c.vocab_size, c.hidden_size, c.num_hidden_layers, c.num_attention_heads, c.intermediate_size)
    for name, parameter in bert.named_parameters():
        part, _, kind = name.rpartition(".")
        their_part = google_name(part).replace("layer_", "layer/").replace("/", ".")
        parameter.data = state[f"{their_part}.{kind}"]
    return bert.eval().requires_grad_(False)


@cache
def sentences(split: str, count: int) -> tuple[Tensor, Tensor]:
    """``input_ids`` and ``attention_mask`` (count, tokens) of sentences of `harbour`, all of about one length."""
    documents = load_corpus("harbour", split, size=25)["document"]
    texts = [s for document in documents for s in document if 90 <= len(s) <= 110][:count]
    batch = load_backbone()[1](texts, padding=True, return_tensors="pt")
    return batch["input_ids"], batch["attention_mask"]


@exercise("02.6", "A smaller BERT that says nearly the same.", "lesson 03, where a BERT learns to read.")
def half_the_units(shrink):
    bert = copy.deepcopy(minilm())
    bert.__name__ = "MiniLM"
    with torch.no_grad():
        small = shrink(bert, *sentences("train", 48))
    shrink.result = None  # a model is no example to read
    if not isinstance(small, torch.nn.Module):
        raise Wrong(f"a Bert is wanted; yours is of type {type(small).__name__}", example=[])
    full, size = (sum(p.numel() for p in model.parameters()) for model in (minilm(), small))
    if size > (limit := full - 6 * 768 * (2 * 384 + 1)):
        words = f"{limit:,} are allowed: half of each net's units have to be gone, not set to zero"
        raise Wrong(f"your model has {size:,} parameters; {words}", example=[])
    input_ids, attention_mask = sentences("validation", 24)
    real = attention_mask.bool()
    with torch.no_grad():
        want = minilm()(input_ids, attention_mask)[real]  # (real tokens, hidden)
        got = small.eval()(input_ids, attention_mask)[real]
    compare(got.shape, want.shape)
    cosine = F.cosine_similarity(got, want, dim=-1).mean().item()
    reached = f"mean cosine {cosine:.3f} on sentences that you had not."
    if cosine >= 0.84:
        return reached
    words = "A good choice of units. Those you drop still gave something on average: who gives it now?"
    if cosine < 0.75:
        words = "Hardly better than units drawn at random, about 0.67. Ask the texts which units do something"
    if cosine < 0.3:
        words = "This is nonsense: are rows, bias and columns cut at the same units?"
    raise Wrong(f"{reached} 0.84 is wanted. {words}", example=[])
