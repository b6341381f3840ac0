"""Encoders: picture -> grid of feature vectors.

An encoder maps ``images`` float32 [b, 1, h, w] (ink 1, ground 0; h and w multiples of its ``stride``) to a feature map
[b, h / stride, w / stride, d], channels last. Positions are added by the model, so an encoder stays purely local.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.config import BottleneckConfig, EncoderConfig


class BottleneckBlock(nn.Module):
    """x + expand(conv3x3(reduce(norm(x)))).

    LayerNorm over the channels of each cell (as in ConvNeXt, Liu et al. 2022), so that nothing depends on how far a
    picture is padded; the 1x1 convolutions are linear layers on channels-last data, which is the same and quicker.
    """

    def __init__(self, width: int, squeeze: int) -> None:
        super().__init__()
        inner = width // squeeze
        self.norm = nn.LayerNorm(width)
        self.reduce = nn.Linear(width, inner)
        self.spatial = nn.Conv2d(inner, inner, 3, padding=1)
        self.expand = nn.Linear(inner, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x [b, h, w, c], mask [b, h, w, 1] (1 where valid) -> [b, h, w, c]."""
        y = F.relu(self.reduce(self.norm(x)))
        if mask is not None:
            y = y * mask
        y = self.spatial(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return cast(Tensor, x + self.expand(F.relu(y)))


class BottleneckEncoder(nn.Module):
    """See `BottleneckConfig`."""

    stride = 8

    def __init__(self, config: BottleneckConfig) -> None:
        super().__init__()
        first, second = config.widths
        # Space-to-depth keeps every pixel while the first convolution runs on a quarter of the positions.
        self.stem = nn.Conv2d(4, config.stem, 3, padding=1)
        self.down4 = nn.Conv2d(config.stem, first, 3, stride=2, padding=1)
        self.stage4 = nn.ModuleList(BottleneckBlock(first, config.squeeze[0]) for _ in range(config.blocks[0]))
        self.down8 = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.stage8 = nn.ModuleList(BottleneckBlock(second, config.squeeze[1]) for _ in range(config.blocks[1]))

    def forward(self, images: Tensor, mask: Tensor | None) -> Tensor:
        """Images [b, 1, h, w], mask [b, h / 8, w / 8] of valid cells or None if all are -> [b, h / 8, w / 8, width].

        What a 3x3 convolution sees beyond the valid cells is zero, as beyond the edge of the picture: a picture gives
        the same features alone and padded in a batch.
        """
        masks: list[Tensor | None] = [None] * 3
        if mask is not None:
            at8 = mask[:, :, :, None].to(images.dtype)  # [b, h, w, 1]
            at4 = at8.repeat_interleave(2, 1).repeat_interleave(2, 2)
            masks = [at8, at4, at4.repeat_interleave(2, 1).repeat_interleave(2, 2)]
        at8_or_none, at4_or_none, at2_or_none = masks
        pixels = F.pixel_unshuffle(images, 2).contiguous(memory_format=torch.channels_last)
        x = F.relu(self.stem(pixels)).permute(0, 2, 3, 1)
        x = F.relu(self._down(self.down4, x, at2_or_none))
        for block in self.stage4:
            x = block(x, at4_or_none)
        x = F.relu(self._down(self.down8, x, at4_or_none))
        for block in self.stage8:
            x = block(x, at8_or_none)
        return x

    @staticmethod
    def _down(convolution: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
        x = x if mask is None else x * mask
        return cast(Tensor, convolution(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)


def create_encoder(config: EncoderConfig) -> BottleneckEncoder:
    """The encoder for a configuration."""
    return BottleneckEncoder(config)
