"""The program's icons, made from the one drawing of the tree (`resources/icons/logo.svg`)."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from build_spec.product import ROOT

LOGO = ROOT / "resources" / "icons" / "logo.svg"
LINUX = (16, 24, 32, 48, 64, 128, 256, 512)
WINDOWS = (16, 20, 24, 32, 40, 48, 64, 128, 256)
MACOS = (16, 32, 64, 128, 256, 512, 1024)
"""Sides in pixels."""


def drawn(side: int) -> Image.Image:
    """The logo as a picture with transparent corners, of so many pixels a side."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import app  # noqa: F401, I001 - before Qt: see app.singletons
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(str(LOGO)).render(painter)
    painter.end()
    straight = image.convertToFormat(QImage.Format.Format_RGBA8888)
    return Image.frombytes("RGBA", (side, side), bytes(straight.constBits()))


def write_pngs(folder: Path) -> list[Path]:
    """hicolor/SIDExSIDE/apps/formulens.png for Linux' desktops, and the drawing itself."""
    from build_spec.product import IDENTIFIER

    made = []
    for side in LINUX:
        made.append(folder / "hicolor" / f"{side}x{side}" / "apps" / f"{IDENTIFIER}.png")
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        drawn(side).save(made[-1])
    made.append(folder / "hicolor" / "scalable" / "apps" / f"{IDENTIFIER}.svg")
    made[-1].parent.mkdir(parents=True, exist_ok=True)
    made[-1].write_bytes(LOGO.read_bytes())
    return made


def write_ico(path: Path) -> Path:
    """The icon of Windows: all sizes in one file."""
    pictures = [drawn(side) for side in WINDOWS]
    pictures[-1].save(path, sizes=[(side, side) for side in WINDOWS], append_images=pictures[:-1])
    return path


def write_icns(path: Path) -> Path:
    """The icon of macOS: all sizes in one file."""
    pictures = [drawn(side) for side in MACOS]
    pictures[-1].save(path, append_images=pictures[:-1])
    return path
