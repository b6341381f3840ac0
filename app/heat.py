"""Where the model looked, as a picture to lay over another: attention -> smooth, partly transparent colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

SMOOTH_SIDE = 640
"""Pixels that a heat picture has along its longer side, about."""
FAINTEST, FULL = 0.06, 0.6
"""Shares of the peak between which the colours fade in."""
OPACITY = 0.85
PAD = 2
"""Cells by which the heat goes on beyond the attention on each side, so that it fades out instead of being cut off."""
SHADES = 256

Float = NDArray[np.float64]


def heat_image(attention: NDArray[np.floating], ramp: tuple[QColor, QColor, QColor]) -> QImage:
    """Attention [rows, columns] -> premultiplied ARGB picture of it and `PAD` cells around, magnified and smooth.

    `ramp` are the colours of little, middling and most attention. What is hardly looked at is transparent.
    """
    values = smooth(
        np.pad(np.asarray(attention, np.float64), PAD), max(2, min(10, SMOOTH_SIDE // max(attention.shape)))
    )
    top = float(values.max())
    shades = np.clip(values / top if top > 0 else values, 0, 1)
    pixels = np.ascontiguousarray(_table(ramp)[(shades * (SHADES - 1)).astype(np.intp)])
    height, width = shades.shape
    # copy(): the QImage made here only borrows the array's memory.
    return QImage(pixels.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied).copy()


def smooth(values: Float, factor: int) -> Float:
    """[h, w] -> [h * factor, w * factor], by cubic B-splines: no steps, no corners, nothing below 0."""
    rows, columns = values.shape
    return _spline(rows, factor) @ values @ _spline(columns, factor).T


def _spline(count: int, factor: int) -> Float:
    """[count * factor, count]: the weight of each value at each place between; beyond the edges lies nothing."""
    places = (np.arange(count * factor) + 0.5) / factor - 0.5
    distance = np.abs(places[:, None] - np.arange(count)[None, :])
    near = (4 - 6 * distance**2 + 3 * distance**3) / 6
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far)


def _table(ramp: tuple[QColor, QColor, QColor]) -> NDArray[np.uint8]:
    """[256, 4]: premultiplied colours of the shades, in the byte order of QImage's 32 bits."""
    stops = np.array([[color.redF(), color.greenF(), color.blueF()] for color in ramp])
    shade = np.linspace(0, 1, SHADES)
    color = np.stack([np.interp(shade, (0, 0.5, 1), stops[:, channel]) for channel in range(3)], axis=1)
    fade = np.clip((shade - FAINTEST) / (FULL - FAINTEST), 0, 1)
    alpha = OPACITY * fade * fade * (3 - 2 * fade)
    table = np.rint(np.column_stack([color * alpha[:, None], alpha]) * 255).astype(np.uint32)
    packed = table[:, 3] << 24 | table[:, 0] << 16 | table[:, 1] << 8 | table[:, 2]
    return packed.astype(np.uint32)[:, None].view(np.uint8)
