"""The model in NumPy alone, for reading on the processor without torch.

The arithmetic of `core_model.model` from the same checkpoint, equal to rounding. A step of decoding is so little work
that torch spends most of it on calling its operations; NumPy needs about half as long, and is there at once, where
importing torch takes seconds and 400 MB. `tests/core_model/test_numpy_model.py` holds the two against each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_model.blas import one_thread
from core_model.checkpoint import Checkpoint, check, not_buildable
from core_model.config import BottleneckConfig, ModelConfig, TransformerConfig
from core_model.decoding import Index
from core_model.numpy_layers import (
    Array,
    Encoder,
    Linear,
    Shapes,
    centred,
    encoder_shapes,
    linear_shapes,
    norm_shapes,
    normalise,
    normalise_centred,
    relu,
    softmax,
)
from core_model.positions import sine_positions, sine_positions_2d
from core_model.preprocessing import Grey, to_batch

__all__ = ["Memory", "NumpyModel", "State", "build", "can_read", "shapes"]

HIDDEN = 8
"""Width of the coverage's hidden layer, as in `core_model.attention.Coverage`."""


def can_read(config: ModelConfig) -> bool:
    """Whether models of this form are known here: a new kind of encoder or decoder runs by torch until it is."""
    return isinstance(config.encoder, BottleneckConfig) and isinstance(config.decoder, TransformerConfig)


def shapes(config: ModelConfig, vocab_size: int) -> Shapes:
    """Names and shapes of all weights in a checkpoint."""
    d, decoder = config.decoder.width, config.decoder
    found = encoder_shapes(config.encoder) | linear_shapes("project", config.encoder.width, d) | norm_shapes("norm", d)
    for i in range(decoder.layers):
        name = f"decoder.layers.{i}"
        for norm in ("norm_self", "norm_cross", "norm_ff"):
            found |= norm_shapes(f"{name}.{norm}", d)
        for layer, outward in (("qkv", 3 * d), ("out_self", d), ("query", d), ("key_value", 2 * d), ("out_cross", d)):
            found |= linear_shapes(f"{name}.{layer}", d, outward)
        found |= linear_shapes(f"{name}.ff_in", d, decoder.feedforward)
        found |= linear_shapes(f"{name}.ff_out", decoder.feedforward, d)
        if decoder.coverage and i > 0:
            found |= linear_shapes(f"{name}.coverage.inward", decoder.heads, HIDDEN)
            found[f"{name}.coverage.outward.weight"] = (decoder.heads, HIDDEN)
    found |= norm_shapes("decoder.norm", d) | linear_shapes("decoder.output", d, vocab_size)
    return found | {"decoder.embedding.weight": (vocab_size, d)}


def build(read: Checkpoint) -> NumpyModel:
    """The model of a checkpoint that was read. Raises CheckpointError."""
    try:
        if read.model.decoder.layers + sum(read.model.encoder.blocks) > len(read.tensors):
            raise ValueError("it has more layers than weights")
        wanted = shapes(read.model, len(read.tokenizer))
    except (TypeError, ValueError) as error:
        raise not_buildable(read.path, error) from error
    check(read.tensors, wanted, read.path)
    return NumpyModel(read.model, {name: tensor.astype(np.float32) for name, tensor in read.tensors.items()})


@dataclass(frozen=True)
class Memory:
    """What the decoder reads: features [b, n, d], mask [b, n] (True: valid), grid (rows, columns), px per cell."""

    features: Array
    mask: NDArray[np.bool_]
    grid: tuple[int, int]
    stride: int

    def select(self, index: Index) -> Memory:
        """The rows ``index`` [m] of the batch, in that order; rows may repeat."""
        return Memory(self.features[index], self.mask[index], self.grid, self.stride)


class State:
    """Cached keys and values; they grow by doubling, so a step appends in place. Must not be stepped twice."""

    def __init__(
        self,
        cross: list[tuple[Array, Array]],
        bias: Array | None,
        past: list[tuple[Array, Array]],
        spent: list[Array],
        grid: tuple[int, int],
        length: int,
    ) -> None:
        self.cross = cross  # per layer: keys, values [b, h, n, k]
        self.bias = bias  # [b, 1, n], -inf on padding; None if nothing is padded
        self.past = past  # per layer: keys, values [b, h, capacity, k]
        self.spent = spent  # per layer: attention so far, [b, h, n]
        self.grid = grid
        self.length = length

    def select(self, index: Index) -> State:
        """The rows ``index`` [m] of the batch; used to reorder, repeat and drop hypotheses."""
        moved = self.reorder(index)
        moved.cross = [(keys[index], values[index]) for keys, values in self.cross]
        moved.bias = None if self.bias is None else self.bias[index]
        return moved

    def reorder(self, index: Index) -> State:
        """As `select`, where row i of the result belongs to the same picture as row i: the memory's part is kept."""
        past = [(keys[index], values[index]) for keys, values in self.past]
        return State(self.cross, self.bias, past, [spent[index] for spent in self.spent], self.grid, self.length)

    def append(self, layer: int, key: Array, value: Array) -> tuple[Array, Array]:
        """Store this step's key and value [b, h, k]; returns all so far [b, h, length + 1, k]."""
        keys, values = self.past[layer]
        if self.length == keys.shape[2]:
            keys = np.concatenate([keys, np.empty_like(keys)], axis=2)
            values = np.concatenate([values, np.empty_like(values)], axis=2)
            self.past[layer] = keys, values
        keys[:, :, self.length] = key
        values[:, :, self.length] = value
        return keys[:, :, : self.length + 1], values[:, :, : self.length + 1]


class Layer:
    """One step of `core_model.decoders.TransformerLayer`."""

    def __init__(self, config: TransformerConfig, weights: Mapping[str, Array], name: str) -> None:
        self.heads = config.heads
        scale = 1 / math.sqrt(config.width // config.heads)
        qkv = Linear.read(weights, f"{name}.qkv", norm=f"{name}.norm_self")
        qkv.weight[:, : config.width] *= np.float32(scale)
        qkv.bias[: config.width] *= np.float32(scale)
        self.qkv = qkv
        self.out_self = Linear.read(weights, f"{name}.out_self").centred()
        self.query = Linear.read(weights, f"{name}.query", norm=f"{name}.norm_cross", scale=scale)
        self.key_value = Linear.read(weights, f"{name}.key_value")
        self.out_cross = Linear.read(weights, f"{name}.out_cross").centred()
        self.ff_in = Linear.read(weights, f"{name}.ff_in", norm=f"{name}.norm_ff")
        self.ff_out = Linear.read(weights, f"{name}.ff_out").centred()
        self.coverage: tuple[Array, Array, Array] | None = None
        if f"{name}.coverage.inward.weight" in weights:
            inward, bias, outward = (weights[f"{name}.coverage.{one}"] for one in COVERAGE)
            self.coverage = inward, bias[:, None], outward

    def memory_keys(self, features: Array) -> tuple[Array, Array]:
        """Features [b, n, d] -> keys and values of the cross-attention [b, h, n, k]."""
        b, n, d = features.shape
        both = self.key_value(features).reshape(b, n, 2, self.heads, d // self.heads).transpose(2, 0, 3, 1, 4)
        return np.ascontiguousarray(both[0]), np.ascontiguousarray(both[1])

    def step(self, x: Array, state: State, place: int) -> tuple[Array, Array]:
        """x [b, d], changed in place -> x, cross-attention [b, h, n]. `place`: of this layer."""
        rows, width = x.shape
        qkv = self.qkv(normalise_centred(x)).reshape(rows, 3, self.heads, -1)
        keys, values = state.append(place, qkv[:, 1], qkv[:, 2])
        weights = softmax((keys @ qkv[:, 0, :, :, None])[..., 0])
        x += self.out_self((weights[:, :, None] @ values).reshape(rows, width))
        keys, values = state.cross[place]
        scores = (keys @ self.query(normalise_centred(x)).reshape(rows, self.heads, -1, 1))[..., 0]
        if self.coverage is not None:
            inward, bias, outward = self.coverage
            hidden = inward @ state.spent[place]
            hidden += bias
            scores += outward @ relu(hidden)
        if state.bias is not None:
            scores += state.bias
        weights = softmax(scores)
        x += self.out_cross((weights[:, :, None] @ values).reshape(rows, width))
        x += self.ff_out(relu(self.ff_in(normalise_centred(x))))
        return x, weights


COVERAGE = ("inward.weight", "inward.bias", "outward.weight")


class NumpyModel:
    """Picture -> scores of LaTeX tokens, one step at a time; see `core_model.recognizer.ReadingModel`.

    Args:
        weights: as `shapes` says, float32.
    """

    device = "cpu"
    runtime = f"NumPy {np.__version__}"
    stride = Encoder.stride

    def __init__(self, config: ModelConfig, weights: Mapping[str, Array]) -> None:
        self.config = config
        self.encoder = Encoder(config.encoder, weights)
        self.project = Linear.read(weights, "project")
        self.norm = weights["norm.weight"], weights["norm.bias"]
        # What runs through the decoder is only ever normalised, which takes its mean away: so nothing with a mean is
        # put in, and the normalisations need not look for it.
        self.embedding = centred(weights["decoder.embedding.weight"] * np.float32(config.decoder.width**0.5))
        self.positions = centred(sine_positions(1024, config.decoder.width))
        self.layers = [Layer(config.decoder, weights, f"decoder.layers.{i}") for i in range(config.decoder.layers)]
        self.output = Linear.read(weights, "decoder.output", norm="decoder.norm")

    def encode(self, pictures: Sequence[Grey]) -> Memory:
        """Prepared pictures that cover the same number of cells, dark on white -> the memory of the decoder."""
        images, _ = to_batch(pictures)
        with one_thread():
            features = self.project(self.encoder(images))  # [b, gh, gw, d]
        b, rows, columns, d = features.shape
        features += sine_positions_2d(rows, columns, d)
        features = normalise(features).reshape(b, -1, d)
        features *= self.norm[0]
        features += self.norm[1]
        return Memory(features, np.ones((b, rows * columns), np.bool_), (rows, columns), self.stride)

    @staticmethod
    def join(memories: Sequence[Memory]) -> Memory:
        """Several memories -> one of all their pictures, padded to a common grid."""
        if len(memories) == 1:
            return memories[0]
        rows, columns = (max(memory.grid[axis] for memory in memories) for axis in (0, 1))
        count = sum(len(memory.features) for memory in memories)
        features = np.zeros((count, rows, columns, memories[0].features.shape[2]), np.float32)
        mask = np.zeros((count, rows, columns), np.bool_)
        place = 0
        for memory in memories:
            b, (height, width) = len(memory.features), memory.grid
            features[place : place + b, :height, :width] = memory.features.reshape(b, height, width, -1)
            mask[place : place + b, :height, :width] = memory.mask.reshape(b, height, width)
            place += b
        grid, stride = (rows, columns), memories[0].stride
        return Memory(features.reshape(count, rows * columns, -1), mask.reshape(count, -1), grid, stride)

    def start(self, memory: Memory) -> State:
        """The state before the first token."""
        b, n, d = memory.features.shape
        heads = self.config.decoder.heads
        empty = (b, heads, 64, d // heads)
        bias = None if memory.mask.all() else np.where(memory.mask, 0, -np.inf).astype(np.float32)[:, None]
        with one_thread():
            cross = [layer.memory_keys(memory.features) for layer in self.layers]
        return State(
            cross,
            bias,
            [(np.empty(empty, np.float32), np.empty(empty, np.float32)) for _ in self.layers],
            [np.zeros((b, heads, n if layer.coverage is not None else 0), np.float32) for layer in self.layers],
            memory.grid,
            0,
        )

    def step(self, tokens: Index, state: State) -> tuple[Array, Array, State]:
        """One more token [b]: scores of the next [b, v], attention [b, rows, columns], and the state after it."""
        with one_thread():
            x = self.embedding[tokens]
            if state.length >= len(self.positions):
                self.positions = centred(sine_positions(2 * len(self.positions), x.shape[1]))
            x += self.positions[state.length]
            weights: Array | None = None
            for place, layer in enumerate(self.layers):
                below = weights
                x, weights = layer.step(x, state, place)
                if layer.coverage is not None and below is not None:
                    state.spent[place] += below
            assert weights is not None
            state.length += 1
            attention = np.add.reduce(weights, axis=1)
            attention /= np.float32(weights.shape[1])
            return self.output(normalise_centred(x)), attention.reshape(len(x), *state.grid), state
