"""The Transformer's parts, as notebooks 01 and 02 derive them (Vaswani et al. 2017).

Masks are boolean everywhere: True where a position may be attended to.
"""

import math

import torch
from torch import Tensor, nn

KeysValues = tuple[Tensor, Tensor]  # each (batch, heads, tokens, hidden / heads)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(QKᵀ/√d)V and the attention weights.

    Args:
        query: (…, query, d)
        key: (…, key, d)
        value: (…, key, d)
        mask: bool, broadcastable to (…, query, key); False hides a key from a query.

    Returns:
        The mixture of values (…, query, d) and the weights (…, query, key), rows summing to 1.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))  # (…, query, key)
    if mask is not None:
        # The lowest finite number, not −∞: a row with every key hidden gives no NaN.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


class MultiHeadAttention(nn.Module):
    """Attention in ``heads`` subspaces of size ``hidden_size // heads``, side by side.

    Dropout falls on the mixed values; PyTorch's and BERT's falls on the weights. Without it all agree.

    Raises:
        ValueError: if ``heads`` does not divide ``hidden_size``.
    """

    def __init__(self, hidden_size: int, heads: int, dropout: float = 0.0):
        super().__init__()
        if hidden_size % heads:
            raise ValueError(f"{heads} heads do not divide a hidden size of {hidden_size}")
        self.heads = heads
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def split(self, x: Tensor) -> Tensor:
        """(batch, tokens, hidden) → (batch, heads, tokens, hidden / heads)"""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Self-attention over ``x`` (batch, tokens, hidden); ``mask`` broadcasts to (batch, heads, query, key)."""
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        mixed, _ = scaled_dot_product_attention(query, key, value, mask)  # (batch, heads, tokens, hidden / heads)
        return self.output(self.dropout(mixed.transpose(1, 2).flatten(2)))  # (batch, tokens, hidden)


class FeedForward(nn.Sequential):
    """Two linear maps with a GELU between, applied to each position alone."""

    def __init__(self, hidden_size: int, intermediate_size: int, dropout: float = 0.0):
        super().__init__(
            nn.Linear(hidden_size, intermediate_size),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(intermediate_size, hidden_size),
        )


class EncoderLayer(nn.Module):
    """One Transformer layer: attention, then a feed-forward net, each *added* to the residual stream.

    Args:
        norm_first: LayerNorm before each part, x + f(norm(x)), which trains without care; False puts it
            after the sum, norm(x + f(x)), as Vaswani et al. and BERT do.
        eps: added to the variance in LayerNorm; 1e-12 in BERT.
    """

    def __init__(
        self,
        hidden_size: int,
        heads: int,
        intermediate_size: int,
        dropout: float = 0.1,
        norm_first: bool = True,
        eps: float = 1e-5,
    ):
        super().__init__()
        self.attention_norm = nn.LayerNorm(hidden_size, eps)
        self.attention = MultiHeadAttention(hidden_size, heads, dropout)
        self.feed_forward_norm = nn.LayerNorm(hidden_size, eps)
        self.feed_forward = FeedForward(hidden_size, intermediate_size, dropout)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, tokens, hidden) → the same shape; ``mask`` broadcasts to (batch, heads, query, key)."""
        if self.norm_first:
            x = x + self.dropout(self.attention(self.attention_norm(x), mask))
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self.dropout(self.attention(x, mask)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))


class Embeddings(nn.Module):
    """The sum of a token's vector, its position's and its segment's, normalised: BERT's first layer."""

    def __init__(self, vocabulary: int, hidden_size: int, positions: int = 512, dropout: float = 0.1):
        super().__init__()
        self.token = nn.Embedding(vocabulary, hidden_size)
        self.position = nn.Embedding(positions, hidden_size)
        self.segment = nn.Embedding(2, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """(batch, tokens) → (batch, tokens, hidden)"""
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        positions = torch.arange(input_ids.size(1), device=input_ids.device)  # (tokens,)
        x = self.token(input_ids) + self.position(positions) + self.segment(token_type_ids)
        return self.dropout(self.norm(x))


class Bert(nn.Module):
    """Embeddings and a stack of encoder layers (Devlin et al. 2019, section 3), small enough to read.

    Notebook 02 gives it the weights of a real BERT and finds Hugging Face's hidden states; notebook 03
    trains one from nothing.
    """

    def __init__(
        self,
        vocabulary: int,
        hidden_size: int,
        layers: int,
        heads: int,
        intermediate_size: int,
        positions: int = 512,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.embeddings = Embeddings(vocabulary, hidden_size, positions, dropout)
        self.layers = nn.ModuleList(
            EncoderLayer(hidden_size, heads, intermediate_size, dropout, norm_first=False, eps=1e-12)
            for _ in range(layers)
        )

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """(batch, tokens) → last hidden states (batch, tokens, hidden); ``attention_mask`` is 0 at padding."""
        x = self.embeddings(input_ids, token_type_ids)
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        for layer in self.layers:
            x = layer(x, mask)  # mask: (batch, heads, query, key)
        return x


class CachedAttention(MultiHeadAttention):
    """Attention to keys and values computed before: those of another text, or of this one so far."""

    def keys_values(self, x: Tensor) -> KeysValues:
        """(batch, tokens, hidden) → keys and values, each (batch, heads, tokens, hidden / heads)"""
        return self.split(self.key(x)), self.split(self.value(x))

    def forward(self, x: Tensor, keys_values: KeysValues, mask: Tensor | None = None) -> Tensor:
        """Queries from ``x`` (batch, tokens, hidden); ``mask`` broadcasts to (batch, heads, query, key)."""
        mixed, _ = scaled_dot_product_attention(self.split(self.query(x)), *keys_values, mask)
        return self.output(self.dropout(mixed.transpose(1, 2).flatten(2)))  # (batch, tokens, hidden)


class DecoderLayer(nn.Module):
    """One layer that writes: attention to what is written, attention to the source, feed-forward net.

    LayerNorm stands before each part (Vaswani et al. 2017, section 3.1, with the norm moved).
    """

    def __init__(self, hidden_size: int, heads: int, intermediate_size: int, dropout: float = 0.1):
        super().__init__()
        self.self_norm = nn.LayerNorm(hidden_size)
        self.self_attention = CachedAttention(hidden_size, heads, dropout)
        self.cross_norm = nn.LayerNorm(hidden_size)
        self.cross_attention = CachedAttention(hidden_size, heads, dropout)
        self.feed_forward_norm = nn.LayerNorm(hidden_size)
        self.feed_forward = FeedForward(hidden_size, intermediate_size, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, source: KeysValues, source_mask: Tensor, past: KeysValues | None = None
    ) -> tuple[Tensor, KeysValues]:
        """Take in the next tokens.

        Args:
            x: (rows, tokens, hidden); with beams, rows = documents · beams, a document's beams together.
            source: keys and values of the source for ``cross_attention``, once a *document*.
            source_mask: bool (documents, source tokens), False at padding.
            past: keys and values of the tokens before ``x``.

        Returns:
            (rows, tokens, hidden), and the keys and values of all tokens up to the end of ``x``.
        """
        normed = self.self_norm(x)
        own = self.self_attention.keys_values(normed)
        if past is not None:
            own = tuple(torch.cat(pair, dim=2) for pair in zip(past, own))  # (rows, heads, tokens so far, …)
        so_far = own[0].size(2)
        # Token i of x stands at so_far - tokens + i and sees itself and all before it.
        causal = torch.ones(x.size(1), so_far, dtype=torch.bool, device=x.device).tril(so_far - x.size(1))
        x = x + self.dropout(self.self_attention(normed, own, causal))
        # Beams of one document are queries to one source: (documents, beams · tokens, hidden)
        queries = self.cross_norm(x).reshape(source[0].size(0), -1, x.size(-1))
        mixed = self.cross_attention(queries, source, source_mask[:, None, None, :])
        x = x + self.dropout(mixed.view_as(x))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), own


def sinusoidal_positions(length: int, hidden_size: int, device: torch.device | None = None) -> Tensor:
    """Fixed position vectors (length, hidden): sin and cos of position / 10000^(2i/hidden).

    Computed when needed, not stored: nothing derived belongs into a checkpoint.
    """
    position = torch.arange(length, device=device).unsqueeze(1)  # (length, 1)
    even = torch.arange(0, hidden_size, 2, device=device)  # (hidden / 2,)
    angle = position * torch.exp(even * (-math.log(10_000.0) / hidden_size))  # (length, hidden / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (length, hidden)
