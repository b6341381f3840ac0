"""A formula as the clipboard takes it, in a chosen format.

The mime data is made whole before the clipboard is touched: what cannot be expressed leaves it as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from PySide6.QtCore import QByteArray, QMimeData, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from app.formats import FormatError, convert, format_of
from app.words import translate

MATHML_TYPE = "application/mathml+xml"
_NATIVE_MATHML = ("MathML", "MathML Presentation")
"""Names of the clipboard formats that Word on Windows looks for."""
_LARGEST_SIDE = 16_000


def mime_data(
    key: str,
    latex: str,
    *,
    preview_svg: Callable[[], bytes] | None = None,
    figure: Callable[[], bytes] | None = None,
    png_scale: float = 2.0,
    platform: str = sys.platform,
) -> QMimeData:
    """What goes on the clipboard for a formula.

    Args:
        key: of a format in `app.formats.FORMATS`.
        preview_svg: draws the formula, for the formats svg and png (with black ink on nothing).
        figure: draws the attention figure as PNG, for the format figure.
        png_scale: pixels of the PNG for each of the SVG's.

    Raises:
        FormatError: the format cannot express the formula.
    """
    kind = format_of(key).kind
    data = QMimeData()
    if kind in ("text", "mathml"):
        text = convert(key, latex)
        data.setText(text)
        if kind == "mathml":
            encoded = QByteArray(text.encode())
            data.setData(MATHML_TYPE, encoded)
            for name in _NATIVE_MATHML if platform == "win32" else ():
                data.setData(f'application/x-qt-windows-mime;value="{name}"', encoded)
    elif kind == "figure":
        data.setImageData(_opened(_drawn(figure)))
    elif kind == "svg":
        svg = _drawn(preview_svg)
        data.setData("image/svg+xml", QByteArray(svg))
        data.setText(svg.decode())
    else:
        data.setImageData(picture(_drawn(preview_svg), png_scale))
    return data


def picture(svg: bytes, scale: float) -> QImage:
    """An SVG as pixels on white: many programs show a transparent picture black.

    Raises:
        FormatError: it is no SVG, or the picture would be empty or too large.
    """
    renderer = QSvgRenderer(QByteArray(svg))
    size = renderer.viewBoxF().size() if renderer.viewBoxF().isValid() else QSizeF(renderer.defaultSize())
    size *= scale
    if not renderer.isValid() or size.isEmpty():
        raise FormatError(
            translate("Clipboard", "There is no picture of this formula to copy. Copy it as text instead.")
        )
    if max(size.width(), size.height()) > _LARGEST_SIDE:
        raise FormatError(
            translate(
                "Clipboard", "The picture of this formula is too large to copy. Copy it as SVG or as text instead."
            )
        )
    margin = round(2 * scale)
    image = QImage(
        round(size.width() + 0.5) + 2 * margin,
        round(size.height() + 0.5) + 2 * margin,
        QImage.Format.Format_RGB32,
    )
    image.fill(QColor(Qt.GlobalColor.white))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(margin, margin, size.width(), size.height()))
    painter.end()
    return image


def _drawn(draw: Callable[[], bytes] | None) -> bytes:
    if draw is None:
        raise FormatError(
            translate("Clipboard", "There is no picture of this formula to copy. Copy it as text instead.")
        )
    return draw()


def _opened(png: bytes) -> QImage:
    image = QImage.fromData(png)
    if image.isNull():
        raise FormatError(
            translate("Clipboard", "The attention figure could not be drawn. Copy the formula as text instead.")
        )
    return image
