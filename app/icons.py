"""The icons: own drawings in resources/icons, in the colours of the theme that is on when they are painted.

    button.setIcon(icon("snip", self.palette()))

An icon colours itself anew when the theme changes; nobody has to set it again. The drawings are SVG on a grid of 24, in
`currentColor`; the logo alone has colours of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.theme import Colors, colors

NAMES = (
    "snip again draw paste open pdf folder copy settings history star star-filled delete undo redo eraser eraser-area "
    "pen grid clear play stop zoom-in zoom-out fit search export check warning error info logo side-by-side blink "
    "difference close edit refresh about quit previous next lock more pan"
).split()
OWN_ROLES = {"star-filled": "star", "warning": "warning", "error": "error", "info": "accent", "check": "good"}
"""Icons that carry their meaning in a colour, unless another is asked for."""
CACHED = 64
"""Pixmaps that one icon keeps: sizes by modes by themes."""


def icon(name: str, palette: QPalette | None = None, *, role: str | None = None) -> QIcon:
    """An icon by name.

    Args:
        name: one of `NAMES`.
        palette: a palette other than the application's fixes the colours (an overlay that is always dark);
            without one, or with the application's own, the icon follows the theme.
        role: the field of `Colors` to draw in, `ink` if not given; icons with a meaning have their own.

    Raises:
        KeyError: there is no icon or role of that name.
    """
    role = role or OWN_ROLES.get(name, "ink")
    if name not in NAMES or role not in Colors.__dataclass_fields__:
        raise KeyError(f"no icon {name!r} in the role {role!r}")
    fixed = None
    if palette is not None and colors(palette).dark != colors(QGuiApplication.palette()).dark:
        fixed = QPalette(palette)
    return QIcon(_Drawing(_Choice(name, role, fixed)))


def svg(name: str, color: str) -> bytes:
    """The drawing as SVG in a colour (`#rrggbb`)."""
    return _source(name).replace("currentColor", color).encode()


@lru_cache(maxsize=128)
def _source(name: str) -> str:
    return (files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Choice:
    name: str
    role: str
    palette: QPalette | None


class _Drawing(QIconEngine):
    """Draws one icon at any size, in the colour that mode, state and theme call for."""

    def __init__(self, choice: _Choice) -> None:
        super().__init__()
        self._choice = choice
        self._pixmaps: dict[tuple[str, int, int], QPixmap] = {}

    def clone(self) -> QIconEngine:
        return _Drawing(self._choice)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        QSvgRenderer(QByteArray(svg(self._choice.name, self._color(mode, state)))).render(painter, square)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        color = self._color(mode, state)
        place = (color, size.width(), size.height())
        if place not in self._pixmaps:
            drawn = QPixmap(size)
            drawn.fill(Qt.GlobalColor.transparent)
            painter = QPainter(drawn)
            self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
            painter.end()
            if len(self._pixmaps) >= CACHED:
                self._pixmaps.clear()
            self._pixmaps[place] = drawn
        return self._pixmaps[place]

    def _color(self, mode: QIcon.Mode, state: QIcon.State) -> str:
        c = colors(self._choice.palette or QGuiApplication.palette())
        if mode == QIcon.Mode.Disabled:
            return c.faint.name()
        if mode == QIcon.Mode.Selected:
            return c.on_accent.name()
        if state == QIcon.State.On and self._choice.role == "ink":
            return c.accent.name()
        return getattr(c, self._choice.role).name()
