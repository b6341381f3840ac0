"""The only way between Qt's pictures and arrays; every array owns its pixels, so none outlives a QImage's memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
from PySide6.QtGui import QImage

from app.reading import Grey
from core_model.pictures import to_grey as picture_to_grey

MOST_PIXELS = 10_000_000
"""More, as a 4K screen has, no formula needs, and to keep and to show them would hold up the window."""


def shrunk(grey: Grey) -> Grey:
    """A picture brought down to at most `MOST_PIXELS` by averaging squares of pixels; one that has fewer as it is."""
    factor = math.ceil(math.sqrt(grey.size / MOST_PIXELS))
    if factor < 2:
        return grey
    from PIL import Image

    return np.array(Image.fromarray(grey).reduce(factor))


def shrunk_image(image: QImage) -> QImage:
    """The same for a picture of Qt's."""
    factor = math.ceil(math.sqrt(image.width() * image.height() / MOST_PIXELS))
    if factor < 2:
        return image
    size = image.size() / factor
    return image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)


def to_grey(image: QImage) -> Grey:
    """A picture as the model's front door takes it, uint8 [height, width]; transparency is dealt with there.

    Raises:
        PictureError: the picture has no pixels.
    """
    return picture_to_grey(to_array(image))


def to_array(image: QImage) -> NDArray[np.uint8]:
    """Colours as uint8 [height, width, 3], or [height, width, 4] with straight alpha."""
    channels = 4 if image.hasAlphaChannel() else 3
    wanted = QImage.Format.Format_RGBA8888 if channels == 4 else QImage.Format.Format_RGB888
    plain = image.convertToFormat(wanted)
    if plain.isNull():
        return np.zeros((0, 0, channels), dtype=np.uint8)
    rows = np.frombuffer(plain.constBits(), dtype=np.uint8).reshape(plain.height(), plain.bytesPerLine())
    pixels = rows[:, : plain.width() * channels].reshape(plain.height(), plain.width(), channels)
    return pixels.copy()


def from_grey(grey: Grey) -> QImage:
    """A picture of uint8 [height, width] as a QImage with pixels of its own."""
    grey = np.ascontiguousarray(grey)
    height, width = grey.shape
    # copy(): the QImage made here only borrows the array's memory.
    return QImage(grey.data, width, height, width, QImage.Format.Format_Grayscale8).copy()


def png(image: QImage) -> bytes:
    """The picture as the bytes of a PNG file."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    # 80: half the time for a hundredth more bytes. The stub asks for bytes, which the binding refuses.
    image.save(buffer, "PNG", 80)  # type: ignore[call-overload]
    buffer.close()
    return bytes(content.data())
