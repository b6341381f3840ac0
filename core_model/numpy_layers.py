"""Layers in NumPy: the same arithmetic as torch's modules of these names, from their weights.

Channels come last everywhere, so that a convolution over single cells is a product of matrices. The factor and the bias
of a normalisation are put into the product that follows it, once, when the weights are read.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core_model.config import BottleneckConfig

Array = NDArray[np.float32]
Shapes = dict[str, tuple[int, ...]]
EPSILON = np.float32(1e-5)


class Linear:
    """x -> x W + b over the last axis."""

    def __init__(self, weight: Array, bias: Array) -> None:
        """`weight` [in, out], `bias` [out]."""
        self.weight = np.ascontiguousarray(weight)
        self.bias = bias

    @classmethod
    def read(cls, weights: Mapping[str, Array], name: str, norm: str = "", scale: float = 1.0) -> Linear:
        """The layer of this name, after the factor and bias of the normalisation `norm`, its result times `scale`."""
        weight, bias = weights[f"{name}.weight"].T, weights[f"{name}.bias"]
        if norm:
            bias = weights[f"{norm}.bias"] @ weight + bias
            weight = weights[f"{norm}.weight"][:, None] * weight
        return cls(weight * np.float32(scale), bias * np.float32(scale))

    def centred(self) -> Linear:
        """The layer whose results have the mean 0, and differ from each other as before."""
        return Linear(centred(self.weight), centred(self.bias))

    def __call__(self, x: Array) -> Array:
        """[..., in] -> [..., out], a new array."""
        y = (x if x.ndim == 2 else x.reshape(-1, x.shape[-1])) @ self.weight
        y += self.bias
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], -1)


class Convolution:
    """A 3 x 3 convolution with a margin of zeros, as one product: [b, h, w, c] -> [b, h / stride, w / stride, out]."""

    def __init__(self, weights: Mapping[str, Array], name: str, stride: int = 1) -> None:
        kernel = weights[f"{name}.weight"]  # [out, c, 3, 3]
        self.weight = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel)))
        self.bias = weights[f"{name}.bias"]
        self.stride = stride

    def __call__(self, x: Array) -> Array:
        b, h, w, c = x.shape
        padded = np.zeros((b, h + 2, w + 2, c), np.float32)
        padded[:, 1:-1, 1:-1] = x
        # All nine neighbours of a cell side by side: of each of the three rows, three cells lie together in memory.
        rows, cells, channels = padded.strides[1:]
        near = np.lib.stride_tricks.as_strided(
            padded,
            (b, -(-h // self.stride), -(-w // self.stride), 3, 3 * c),
            (padded.strides[0], rows * self.stride, cells * self.stride, rows, channels),
            writeable=False,
        )
        y = near.reshape(-1, 9 * c) @ self.weight
        y += self.bias
        return y.reshape(*near.shape[:3], -1)


def normalise(x: Array) -> Array:
    """Mean 0 and variance 1 over the last axis: layer normalisation without its factor and bias."""
    n = np.float32(x.shape[-1])
    y: Array = np.subtract(x, np.add.reduce(x, axis=-1, keepdims=True) / n)
    flat = y.reshape(-1, y.shape[-1])
    flat /= np.sqrt(np.vecdot(flat, flat) / n + EPSILON)[:, None]
    return y


def centred(x: Array) -> Array:
    """Without the mean over the last axis."""
    return x - x.mean(axis=-1, keepdims=True)


def normalise_centred(x: Array) -> Array:
    """`normalise` for rows [b, d] that have the mean 0 already."""
    return x / np.sqrt(np.vecdot(x, x) / np.float32(x.shape[1]) + EPSILON)[:, None]


def relu(x: Array) -> Array:
    """In place."""
    return np.maximum(x, np.float32(0), out=x)


def softmax(x: Array) -> Array:
    """Over the last axis, in place."""
    x -= np.maximum.reduce(x, axis=-1, keepdims=True)
    np.exp(x, out=x)
    x /= np.add.reduce(x, axis=-1, keepdims=True)
    return x


class Bottleneck:
    """See `core_model.encoders.BottleneckBlock`."""

    def __init__(self, weights: Mapping[str, Array], name: str) -> None:
        self.reduce = Linear.read(weights, f"{name}.reduce", norm=f"{name}.norm")
        self.spatial = Convolution(weights, f"{name}.spatial")
        self.expand = Linear.read(weights, f"{name}.expand")

    def __call__(self, x: Array) -> Array:
        y = self.expand(relu(self.spatial(relu(self.reduce(normalise(x))))))
        y += x
        return y


class Encoder:
    """See `core_model.encoders.BottleneckEncoder`; all cells are valid."""

    stride = 8

    def __init__(self, config: BottleneckConfig, weights: Mapping[str, Array]) -> None:
        self.stem = Convolution(weights, "encoder.stem")
        self.down4 = Convolution(weights, "encoder.down4", stride=2)
        self.stage4 = [Bottleneck(weights, f"encoder.stage4.{i}") for i in range(config.blocks[0])]
        self.down8 = Convolution(weights, "encoder.down8", stride=2)
        self.stage8 = [Bottleneck(weights, f"encoder.stage8.{i}") for i in range(config.blocks[1])]

    def __call__(self, images: Array) -> Array:
        """Images [b, 1, h, w] -> features [b, h / 8, w / 8, width]."""
        b, _, h, w = images.shape
        pixels = images.reshape(b, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 2, 4).reshape(b, h // 2, w // 2, 4)
        x = relu(self.down4(relu(self.stem(pixels))))
        for block in self.stage4:
            x = block(x)
        x = relu(self.down8(x))
        for block in self.stage8:
            x = block(x)
        return x


def linear_shapes(name: str, inward: int, outward: int) -> Shapes:
    return {f"{name}.weight": (outward, inward), f"{name}.bias": (outward,)}


def convolution_shapes(name: str, inward: int, outward: int) -> Shapes:
    return {f"{name}.weight": (outward, inward, 3, 3), f"{name}.bias": (outward,)}


def norm_shapes(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def encoder_shapes(config: BottleneckConfig) -> Shapes:
    """Names and shapes of the encoder's weights in a checkpoint."""
    first, second = config.widths
    shapes = convolution_shapes("encoder.stem", 4, config.stem)
    shapes |= convolution_shapes("encoder.down4", config.stem, first)
    shapes |= convolution_shapes("encoder.down8", first, second)
    for stage, width, squeeze, blocks in zip((4, 8), config.widths, config.squeeze, config.blocks, strict=True):
        for i in range(blocks):
            name, inner = f"encoder.stage{stage}.{i}", width // squeeze
            shapes |= norm_shapes(f"{name}.norm", width) | linear_shapes(f"{name}.reduce", width, inner)
            shapes |= convolution_shapes(f"{name}.spatial", inner, inner) | linear_shapes(
                f"{name}.expand", inner, width
            )
    return shapes
