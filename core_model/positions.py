"""Where in a picture, and where in a formula: sine and cosine codes, the same for every runtime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sine_positions", "sine_positions_2d"]


def sine_positions(length: int, width: int) -> NDArray[np.float32]:
    """1D sine/cosine position code [length, width] (Vaswani et al. 2017)."""
    frequencies = np.exp(np.arange(0, width, 2) * (-9.21034 / width))
    angles = np.arange(length)[:, None] * frequencies
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(length, -1).astype(np.float32)


def sine_positions_2d(height: int, width: int, channels: int) -> NDArray[np.float32]:
    """2D sine/cosine position code [height, width, channels]: half of the channels for rows, half for columns.

    Parmar et al. 2018 ("Image Transformer"), frequencies of Vaswani et al. 2017; ``channels`` must divide by 4.
    """
    quarter = channels // 4
    frequencies = np.exp(np.arange(quarter) * (-9.21034 / quarter))  # 1 .. 1/10000
    rows, columns = (np.arange(length)[:, None] * frequencies for length in (height, width))
    code = np.empty((height, width, channels), np.float32)
    code[:, :, : 2 * quarter] = np.concatenate([np.sin(rows), np.cos(rows)], axis=1)[:, None]
    code[:, :, 2 * quarter :] = np.concatenate([np.sin(columns), np.cos(columns)], axis=1)
    return code
