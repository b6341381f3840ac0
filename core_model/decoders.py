"""Decoders: memory + tokens so far -> scores of the next token.

A decoder offers the whole sequence at once for training (``forward``) and one token at a time with cached state for
recognition (``start`` and ``step``); both give the same scores.
"""

import math
from dataclasses import dataclass
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.attention import Coverage, attend, merge_heads, spent_before, split_heads
from core_model.config import DecoderConfig, TransformerConfig
from core_model.positions import sine_positions


@dataclass(frozen=True)
class Memory:
    """What a decoder reads: features [b, n, d], mask [b, n] (True: valid), grid (rows, columns), px per cell."""

    features: Tensor
    mask: Tensor
    grid: tuple[int, int]
    stride: int

    def select(self, index: Tensor) -> "Memory":
        """The rows ``index`` [m] of the batch, in that order; rows may repeat."""
        return Memory(self.features[index], self.mask[index], self.grid, self.stride)


class DecoderState(Protocol):
    """Everything a decoder remembers between steps."""

    def select(self, index: Tensor) -> "DecoderState":
        """The rows ``index`` [m] of the batch; used to reorder, repeat and drop hypotheses."""
        ...


class TransformerState:
    """Cached keys and values.

    Buffers grow by doubling, so a step appends in place; ``select`` copies. A state must not be stepped twice.
    """

    def __init__(
        self,
        cross: list[tuple[Tensor, Tensor]],
        bias: Tensor | None,
        past: list[tuple[Tensor, Tensor]],
        spent: list[Tensor],
        grid: tuple[int, int],
        length: int,
    ) -> None:
        self.cross = cross  # per layer: scaled keys [b, h, k, n], values [b, h, n, k]
        self.bias = bias  # [b, 1, n], -inf on padding; None if nothing is padded
        self.past = past  # per layer: keys, values [b, h, capacity, k]
        self.spent = spent  # per layer but the last: [b, h, n]
        self.grid = grid
        self.length = length

    def select(self, index: Tensor) -> "TransformerState":
        """See `DecoderState.select`."""
        return TransformerState(
            [(k[index], v[index]) for k, v in self.cross],
            None if self.bias is None else self.bias[index],
            [(k[index], v[index]) for k, v in self.past],
            [s[index] for s in self.spent],
            self.grid,
            self.length,
        )

    def reorder(self, index: Tensor) -> "TransformerState":
        """As `select`, where row i of the result belongs to the same picture as row i: the memory's part is kept."""
        return TransformerState(
            self.cross,
            self.bias,
            [(k[index], v[index]) for k, v in self.past],
            [s[index] for s in self.spent],
            self.grid,
            self.length,
        )

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store this step's key and value [b, h, k]; returns all so far [b, h, length + 1, k]."""
        keys, values = self.past[layer]
        if self.length == keys.shape[2]:
            keys = torch.cat([keys, torch.empty_like(keys)], dim=2)
            values = torch.cat([values, torch.empty_like(values)], dim=2)
            self.past[layer] = keys, values
        keys[:, :, self.length] = key
        values[:, :, self.length] = value
        return keys[:, :, : self.length + 1], values[:, :, : self.length + 1]


class TransformerLayer(nn.Module):
    """Self-attention, cross-attention, feed-forward; each behind a LayerNorm and added to its input."""

    def __init__(self, config: TransformerConfig, coverage: bool) -> None:
        super().__init__()
        d = config.width
        self.heads = config.heads
        self.dropout = config.dropout
        self.norm_self = nn.LayerNorm(d)
        self.qkv = nn.Linear(d, 3 * d)
        self.out_self = nn.Linear(d, d)
        self.norm_cross = nn.LayerNorm(d)
        self.query = nn.Linear(d, d)
        self.key_value = nn.Linear(d, 2 * d)
        self.out_cross = nn.Linear(d, d)
        self.coverage = Coverage(config.heads) if coverage else None
        self.norm_ff = nn.LayerNorm(d)
        self.ff_in = nn.Linear(d, config.feedforward)
        self.ff_out = nn.Linear(config.feedforward, d)

    def memory_keys(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [b, n, d] -> keys and values [b, h, n, k]."""
        key, value = self.key_value(features).chunk(2, dim=-1)
        return split_heads(key, self.heads), split_heads(value, self.heads)

    def self_query(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [b, t, d] -> query, key, value of the self-attention, each [b, h, t, k]."""
        query, key, value = self.qkv(self.norm_self(x)).chunk(3, dim=-1)
        return split_heads(query, self.heads), split_heads(key, self.heads), split_heads(value, self.heads)

    def finish(
        self, x: Tensor, attended: Tensor, cross: tuple[Tensor, Tensor], bias: Tensor | None, spent: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Everything after the self-attention: returns x [b, t, d] and the cross-attention weights [b, h, t, n]."""
        x = x + self.drop(self.out_self(merge_heads(attended)))
        query = split_heads(self.query(self.norm_cross(x)), self.heads)
        if self.coverage is not None and spent is not None:
            refinement = self.coverage(spent)
            bias = refinement if bias is None else bias + refinement
        read, weights = attend(query, *cross, bias)
        x = x + self.drop(self.out_cross(merge_heads(read)))
        x = x + self.drop(self.ff_out(F.relu(self.ff_in(self.norm_ff(x)))))
        return x, weights

    # The same for one token at a time, with few operations: at this size each costs as much as what it computes.

    def memory_for_steps(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [b, n, d] -> keys [b, h, k, n], scaled and turned for the product, and values [b, h, n, k]."""
        key, value = self.memory_keys(features)
        return (key * (1.0 / math.sqrt(key.shape[-1]))).transpose(-1, -2).contiguous(), value.contiguous()

    def step_query(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [b, d] -> query, key, value of the self-attention, each [b, h, k]."""
        query, key, value = self.qkv(self.norm_self(x)).view(len(x), 3, self.heads, -1).unbind(1)
        return query, key, value

    def step_finish(
        self, x: Tensor, attended: Tensor, cross: tuple[Tensor, Tensor], bias: Tensor | None, spent: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As `finish` for x [b, d]: returns x and the cross-attention weights [b, h, n]."""
        rows, width = x.shape
        x = x + self.out_self(attended.reshape(rows, width))
        query = self.query(self.norm_cross(x)).view(rows * self.heads, 1, -1)
        scores = torch.bmm(query, cross[0].flatten(0, 1)).view(rows, self.heads, -1)
        if self.coverage is not None and spent is not None:
            scores = scores + self.coverage.of_step(spent)
        if bias is not None:
            scores = scores + bias
        weights = scores.softmax(dim=-1)
        read = torch.bmm(weights.flatten(0, 1)[:, None], cross[1].flatten(0, 1))
        x = x + self.out_cross(read.view(rows, width))
        return x + self.ff_out(F.relu(self.ff_in(self.norm_ff(x)))), weights

    def drop(self, x: Tensor) -> Tensor:
        """Dropout, skipped altogether at zero: the masks alone cost several per cent on a CPU."""
        return F.dropout(x, self.dropout, self.training) if self.dropout else x


class TransformerDecoder(nn.Module):
    """See `TransformerConfig`."""

    def __init__(self, config: TransformerConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.positions: Tensor
        self.embedding = nn.Embedding(vocab_size, config.width)
        nn.init.normal_(self.embedding.weight, std=config.width**-0.5)
        self.layers = nn.ModuleList(
            TransformerLayer(config, coverage=config.coverage and i > 0) for i in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.output = nn.Linear(config.width, vocab_size)
        self.register_buffer("positions", torch.from_numpy(sine_positions(1024, config.width)), persistent=False)

    def embed(self, tokens: Tensor, offset: int) -> Tensor:
        """Tokens [b, t] at positions offset .. offset + t - 1 -> [b, t, d]."""
        end = offset + tokens.shape[1]
        positions = self.positions
        if end > positions.shape[0]:
            # Not kept: a buffer made in inference mode could never be trained with again.
            positions = torch.from_numpy(sine_positions(end, self.config.width)).to(positions)
        scaled = self.embedding(tokens) * self.config.width**0.5
        return cast(Tensor, scaled + positions[offset:end])

    def forward(self, memory: Memory, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of each next token [b, t, v] and the last layer's cross-attention, mean of heads, [b, t, n]."""
        t = tokens.shape[1]
        x = self.embed(tokens, 0)
        causal = torch.full((t, t), float("-inf"), device=x.device).triu(1)
        bias = padding_bias(memory.mask)
        weights: Tensor | None = None
        for layer in self._layers():
            query, key, value = layer.self_query(x)
            attended, _ = attend(query, key, value, causal)
            spent = spent_before(weights) if layer.coverage is not None and weights is not None else None
            x, weights = layer.finish(x, attended, layer.memory_keys(memory.features), bias, spent)
        assert weights is not None
        return self.output(self.norm(x)), weights.mean(dim=1)

    def start(self, memory: Memory) -> TransformerState:
        """The state before the first token."""
        b, n, d = memory.features.shape
        heads = self.config.heads
        empty = memory.features.new_empty((b, heads, 64, d // heads))
        nothing_spent = memory.features.new_zeros((b, heads, n))
        layers = self._layers()
        return TransformerState(
            [layer.memory_for_steps(memory.features) for layer in layers],
            None if bool(memory.mask.all()) else padding_bias(memory.mask)[:, 0],
            [(empty.clone(), empty.clone()) for _ in layers],
            [nothing_spent.clone() for _ in layers[1:]] if self.config.coverage else [],
            memory.grid,
            0,
        )

    def step(self, tokens: Tensor, state: TransformerState) -> tuple[Tensor, Tensor, TransformerState]:
        """One more token [b]: scores of the next [b, v], attention [b, rows, columns], and the state after it."""
        x = self.embed(tokens[:, None], state.length)[:, 0]
        weights: Tensor | None = None
        for i, layer in enumerate(self._layers()):
            query, key, value = layer.step_query(x)
            keys, values = state.append(i, key, value)
            attended = F.scaled_dot_product_attention(query[:, :, None], keys, values)
            spent = state.spent[i - 1] if layer.coverage is not None else None
            below = weights
            x, weights = layer.step_finish(x, attended, state.cross[i], state.bias, spent)
            if spent is not None and below is not None:
                state.spent[i - 1] = spent + below
        assert weights is not None
        state.length += 1
        return self.output(self.norm(x)), weights.mean(dim=1).unflatten(1, state.grid), state

    def _layers(self) -> list[TransformerLayer]:
        return cast(list[TransformerLayer], list(self.layers))


def padding_bias(mask: Tensor) -> Tensor:
    """Mask [b, n] (True where valid) -> bias [b, 1, 1, n] with -inf on padding."""
    bias = torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, float("-inf"))
    return bias[:, None, None, :]


def create_decoder(config: DecoderConfig, vocab_size: int) -> TransformerDecoder:
    """The decoder for a configuration."""
    return TransformerDecoder(config, vocab_size)
