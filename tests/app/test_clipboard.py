"""What lands on the clipboard, and that nothing does when a format cannot express the formula."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QClipboard, QGuiApplication, QImage
from pytestqt.qtbot import QtBot

from app.clipboard import MATHML_TYPE, mime_data
from app.formats import FORMATS, FormatError, convert

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" viewBox="0 0 40 20">'
    b'<rect x="10" y="5" width="20" height="10" fill="#000000"/></svg>'
)


@pytest.fixture
def clipboard(qtbot: QtBot) -> Iterator[QClipboard]:
    """The clipboard, with a text of the user's on it."""
    board = QGuiApplication.clipboard()
    board.setText("the user's own")
    yield board
    board.clear()


def copy(key: str, latex: str, **options: Any) -> None:
    QGuiApplication.clipboard().setMimeData(mime_data(key, latex, **options))


def png() -> bytes:
    """A small red PNG."""
    image = QImage(30, 20, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(buffer.data().data())


def test_text_formats_arrive_as_plain_text(clipboard: QClipboard) -> None:
    for one in FORMATS:
        if one.kind == "text":
            copy(one.key, r"\frac{a}{b} = c")
            assert clipboard.text() == convert(one.key, r"\frac{a}{b} = c")


def test_mathml_arrives_as_text_and_as_mathml(clipboard: QClipboard) -> None:
    copy("mathml", r"\alpha + 1")
    data = clipboard.mimeData()
    assert data.text() == convert("mathml", r"\alpha + 1")
    assert bytes(data.data(MATHML_TYPE).data()).decode() == data.text()
    assert not any("windows" in name for name in data.formats())


def test_word_on_windows_finds_its_own_names_for_mathml(qtbot: QtBot) -> None:
    data = mime_data("mathml", "x", platform="win32")
    for name in ("MathML", "MathML Presentation"):
        assert bytes(data.data(f'application/x-qt-windows-mime;value="{name}"').data()).startswith(b"<math xmlns=")


def test_svg_arrives_as_svg_and_as_text(clipboard: QClipboard) -> None:
    copy("svg", "x", preview_svg=lambda: SVG)
    assert bytes(clipboard.mimeData().data("image/svg+xml").data()) == SVG
    assert clipboard.text() == SVG.decode()


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_png_is_dark_on_white_at_its_scale(clipboard: QClipboard, scale: float) -> None:
    copy("png", "x", preview_svg=lambda: SVG, png_scale=scale)
    image = clipboard.image()
    assert (image.width(), image.height()) == (44 * scale, 24 * scale)
    assert image.pixelColor(0, 0) == Qt.GlobalColor.white
    middle = image.pixelColor(image.width() // 2, image.height() // 2)
    assert middle == Qt.GlobalColor.black
    assert not image.hasAlphaChannel()


def test_the_figure_arrives_as_a_picture(clipboard: QClipboard) -> None:
    copy("figure", "x", figure=png)
    image = clipboard.image()
    assert (image.width(), image.height()) == (30, 20)
    assert image.pixelColor(3, 3) == Qt.GlobalColor.red


def refuse() -> bytes:
    raise FormatError("no preview")


@pytest.mark.parametrize(
    ("key", "latex", "preview"),
    [
        ("typst", r"\smash{x}", None),
        ("mathml", "{a", None),
        ("sympy", r"a \pm b", None),
        ("inline", "", None),
        ("svg", "x", None),
        ("png", "x", None),
        ("png", "x", refuse),
        ("png", "x", lambda: b"no svg"),
        ("png", "x", lambda: SVG.replace(b"0 0 40 20", b"0 0 40000 20")),
        ("figure", "x", None),
    ],
)
@pytest.mark.qt_log_ignore("Cannot read file|Start tag expected|Cannot open file|Cannot read SVG")
def test_the_clipboard_is_left_alone_when_a_format_cannot(
    clipboard: QClipboard, key: str, latex: str, preview: object
) -> None:
    with pytest.raises(FormatError):
        copy(key, latex, preview_svg=preview)
    assert clipboard.text() == "the user's own"


def test_a_broken_figure_is_refused(clipboard: QClipboard) -> None:
    with pytest.raises(FormatError, match="figure"):
        copy("figure", "x", figure=lambda: b"no png")
    assert clipboard.text() == "the user's own"
