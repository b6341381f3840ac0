"""The network of the classifier of single symbols in torch, as it is trained, and its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core_model import checkpoint
from core_model.config import SymbolConfig
from core_model.encoders import create_encoder
from core_model.symbol_classifier import SymbolClassifier, read_symbols, to_input
from core_model.torch_checkpoint import fill, fresh, stored

__all__ = ["SymbolNet", "load", "save"]


class SymbolNet(nn.Module):
    """Picture and path of the pen -> scores of the classes.

    The feature map is pooled by a weight for each cell and channel (global depthwise convolution, Chen et al. 2018,
    "MobileFaceNets"): unlike a mean it keeps where in the symbol something lies.
    """

    def __init__(self, config: SymbolConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = create_encoder(config.encoder)
        cells = config.side // self.encoder.stride
        self.pool = nn.Parameter(torch.full((cells, cells, config.encoder.width), 1 / cells**2))
        self.norm = nn.LayerNorm(config.encoder.width)
        self.path = nn.Sequential(
            nn.Linear(config.path_numbers, config.path_width),
            nn.ReLU(),
            nn.Linear(config.path_width, config.path_width),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.encoder.width + config.path_width, classes)

    def forward(self, pictures: Tensor, paths: Tensor) -> Tensor:
        """Pictures [b, 1, side, side] (ink 1, ground 0), paths [b, path_numbers] -> scores [b, classes]."""
        features = self.encoder(pictures, None)  # [b, g, g, d]
        pooled = self.norm((features * self.pool).sum(dim=(1, 2)))
        return cast(Tensor, self.head(self.dropout(torch.cat((pooled, self.path(paths)), dim=1))))

    @torch.inference_mode()
    def scores(self, pictures: NDArray[np.uint8], paths: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `forward` for arrays; pictures are grey [b, side, side], dark on white."""
        device = self.pool.device
        read = self(torch.from_numpy(to_input(pictures)).to(device), torch.from_numpy(paths).to(device))
        return cast(NDArray[np.float32], read.float().cpu().numpy())


def save(
    folder: str | Path,
    network: SymbolNet,
    classes: Sequence[str],
    card: str = "",
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint folder, the old one or the new, never a mixture. Raises CheckpointError."""
    checkpoint.write_folder(folder, stored(network), network.config.to_dict(), classes, card, extra)


def load(folder: str | Path) -> tuple[SymbolNet, SymbolClassifier]:
    """A checkpoint's network in torch, in evaluation mode, and the classifier that uses it. Raises CheckpointError."""
    read = read_symbols(folder)
    network = fresh(lambda: SymbolNet(read.form, len(read.classes)), read.path)
    fill(network, read.tensors, read.path)
    return network.eval(), SymbolClassifier(network, read.classes, read.config)
