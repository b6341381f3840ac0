"""What the screenshots show: a drawing, a page of a paper and a screen to snip from, all made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QMarginsF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPageLayout, QPageSize, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgRenderer

from app.preview import render
from core_model.ink import Ink, Stroke

Points = NDArray[np.float64]

SIGNS: dict[str, list[list[tuple[float, float]]]] = {
    "integral": [[(58, 6), (50, 0), (42, 8), (36, 40), (30, 78), (24, 98), (14, 102), (8, 94)]],
    "0": [[(52, 8), (30, 12), (18, 46), (26, 88), (48, 94), (68, 60), (66, 22), (50, 8)]],
    "1": [[(30, 22), (46, 4), (46, 50), (44, 98)]],
    "2": [[(14, 24), (30, 4), (56, 10), (56, 36), (36, 66), (12, 94), (40, 90), (66, 94)]],
    "3": [[(16, 14), (40, 2), (60, 18), (34, 46), (62, 58), (58, 86), (32, 98), (12, 84)]],
    "x": [[(8, 40), (24, 42), (38, 70), (52, 98), (66, 94)], [(64, 40), (44, 62), (26, 86), (8, 98)]],
    "y": [[(10, 40), (16, 64), (34, 70), (52, 44)], [(54, 40), (46, 80), (34, 118), (16, 124), (10, 112)]],
    "d": [
        [(50, 58), (34, 46), (14, 60), (14, 88), (34, 96), (50, 76), (54, 40), (56, 2), (52, 60), (56, 92), (66, 94)]
    ],
    "=": [[(6, 56), (34, 54), (66, 56)], [(6, 78), (36, 77), (68, 78)]],
    "bar": [[(0, 50), (40, 48), (80, 50)]],
}
"""Signs as a hand draws them: the places a pen passes, in a box of 100 by 100."""

FORMULA = (
    ("integral", 20, 60, 2.0),
    ("0", 98, 250, 0.42),
    ("1", 132, 30, 0.42),
    ("x", 196, 92, 1.0),
    ("2", 268, 74, 0.5),
    ("d", 344, 94, 1.0),
    ("x", 420, 92, 1.0),
    ("=", 524, 92, 1.0),
    ("1", 640, 40, 0.9),
    ("bar", 632, 128, 0.9),
    ("3", 640, 200, 0.9),
)
"""Sign, left, top, size."""


def drawing() -> Ink:
    """An integral, written by hand: about 700 wide and 300 high."""
    hand = np.random.default_rng(5)
    strokes = []
    for sign, left, top, size in FORMULA:
        for stroke in SIGNS[sign]:
            points = np.array(stroke, np.float64) * size + (left, top)
            strokes.append(Stroke(_smooth(points + hand.normal(0, 1.2 * size, points.shape))))
    return Ink(tuple(strokes))


def _smooth(points: Points, steps: int = 12) -> Points:
    """A Catmull-Rom curve through points [n, 2]."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate([*parts, points[-1:]])


TEXT = (
    ("title", "On the roots of a function"),
    ("text", "Let f be differentiable and let its derivative not vanish near a root. The iteration"),
    ("math", r"x_{n+1} = x_n - \frac{f(x_n)}{f'(x_n)}"),
    ("text", "then converges quadratically: with a constant C that does not depend on n,"),
    ("math", r"|x_{n+1} - x^*| \leq C |x_n - x^*|^2."),
    ("text", "Newton himself treated polynomials only. For the square root of a the rule becomes"),
    ("math", r"x_{n+1} = \frac{1}{2} \left( x_n + \frac{a}{x_n} \right),"),
    ("text", "known since antiquity. A series that does the same less fast is"),
    ("math", r"\sqrt{1 + t} = \sum_{k=0}^{\infty} \binom{1/2}{k} t^k."),
)
MARGIN, LINE = 60.0, 16.0


def draw_text(painter: QPainter, width: float, number: int) -> None:
    """Draw a page's text from the top, in points."""
    top = MARGIN
    for kind, text in TEXT:
        if kind == "math":
            drawn = render(text, size=LINE, color="#000000")
            # As a picture: QPdfWriter would draw lines around the letters.
            picture = QImage(round(8 * drawn.width), round(8 * drawn.height), QImage.Format.Format_ARGB32)
            picture.fill(Qt.GlobalColor.transparent)
            pen = QPainter(picture)
            QSvgRenderer(QByteArray(drawn.svg)).render(pen)
            pen.end()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF((width - drawn.width) / 2, top, drawn.width, drawn.height), picture)
            top += drawn.height + 18
            continue
        font = QFont("DejaVu Serif")
        font.setPixelSize(22 if kind == "title" else 12)
        painter.setFont(font)
        painter.setPen(QColor(Qt.GlobalColor.black))
        room = QRectF(MARGIN, top, width - 2 * MARGIN, 200)
        flags = int(Qt.TextFlag.TextWordWrap)
        said = f"{text} ({number})" if kind == "title" and number > 1 else text
        painter.drawText(room, flags, said)
        top += painter.boundingRect(room, flags, said).height() + (20 if kind == "title" else 14)


def write_paper(path: Path, pages: int = 3) -> None:
    """A PDF of some A5 pages."""
    writer = QPdfWriter(str(path))
    writer.setResolution(10 * 72)  # lines are at least a dot wide
    writer.setPageSize(QPageSize(QSizeF(420, 595), QPageSize.Unit.Point))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0), QPageLayout.Unit.Point)
    painter = QPainter(writer)
    for number in range(1, pages + 1):
        if number > 1:
            writer.newPage()
        painter.save()
        painter.scale(10, 10)
        draw_text(painter, 420, number)
        painter.restore()
    painter.end()


def screen(width: int, height: int, ratio: float) -> QImage:
    """The still picture of a screen on which that page is open, in device pixels."""
    image = QImage(round(width * ratio), round(height * ratio), QImage.Format.Format_RGB32)
    image.fill(QColor("#4a5a78"))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(ratio, ratio)
    painter.fillRect(QRectF(80, 60, width - 160, height - 120), QColor("#ffffff"))
    painter.fillRect(QRectF(80, 60, width - 160, 30), QColor("#d9dce3"))
    painter.translate(80 + (width - 160 - 1.35 * 420) / 2, 40)
    painter.scale(1.35, 1.35)
    draw_text(painter, 420, 1)
    painter.end()
    return image
