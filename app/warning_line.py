"""What the reader of a formula should know about its reading, in one calm line or a few."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app.icons import icon
from app.theme import colors

ICON = 18


class WarningLine(QWidget):
    """Hidden as long as there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sign = QWidget()
        self._sign.setFixedSize(ICON, ICON)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 8, 12, 8)
        line.setSpacing(8)
        line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._text, 1)
        self.hide()

    def set_warnings(self, warnings: Sequence[str]) -> None:
        """Show warnings as the core words them, `kind: sentence`."""
        sentences = [_sentence(warning.partition(": ")[2] or warning) for warning in warnings]
        self._text.setText("\n".join(sentences))
        self.setAccessibleName("\n".join(sentences))
        self.setVisible(bool(sentences))

    def text(self) -> str:
        return self._text.text()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors(self.palette()).warning_soft)
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        icon("warning", self.palette()).paint(painter, self._sign.geometry())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
