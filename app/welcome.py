"""The empty window: what one can do here, and with which key."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.icons import icon
from app.theme import set_text_role

ICON = QSize(24, 18)
"""Wider than the drawing, which keeps it off the text."""
LEAST = QSize(640, 360)


class Welcome(QWidget):
    """Shown until the first reading."""

    snip = Signal()
    draw = Signal()
    open = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        logo = QLabel()
        logo.setPixmap(icon("logo").pixmap(72, 72))
        logo.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = QLabel(self.tr("Snip a formula, get its LaTeX"))
        font = QFont(title.font())
        font.setPointSizeF(font.pointSizeF() * 1.6)
        font.setWeight(QFont.Weight.DemiBold)
        title.setFont(font)
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        promise = QLabel(self.tr("Everything happens on this computer; nothing is sent anywhere."))
        promise.setAlignment(Qt.AlignmentFlag.AlignCenter)
        promise.setWordWrap(True)
        set_text_role(promise, "muted")

        snip = QPushButton(icon("snip", role="on_accent"), self.tr("Snip the screen"))
        snip.setDefault(True)
        draw = QPushButton(icon("draw"), self.tr("Draw"))
        open_button = QPushButton(icon("open"), self.tr("Open a picture or PDF"))
        snip.clicked.connect(self.snip)
        draw.clicked.connect(self.draw)
        open_button.clicked.connect(self.open)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch()
        for button in (snip, draw, open_button):
            button.setIconSize(ICON)
            buttons.addWidget(button)
        buttons.addStretch()

        keys = QGridLayout()
        keys.setHorizontalSpacing(16)
        keys.setVerticalSpacing(8)
        rows = [
            ("F2", self.tr("snip, then drag a band around the formula; Esc gives up")),
            ("F4", self.tr("draw with mouse, pen or finger")),
            ("Ctrl+V", self.tr("read a copied picture; or drop pictures and PDF files here")),
            ("Ctrl+Enter", self.tr("copy the LaTeX; Ctrl+Shift+C for Word, Typst, SymPy and more")),
        ]
        for row, (key, what) in enumerate(rows):
            label = QLabel(key)
            bold = QFont(label.font())
            bold.setWeight(QFont.Weight.DemiBold)
            label.setFont(bold)
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            keys.addWidget(label, row, 0)
            told = QLabel(what)
            set_text_role(told, "muted")
            keys.addWidget(told, row, 1)
        centred = QHBoxLayout()
        centred.addStretch()
        centred.addLayout(keys)
        centred.addStretch()

        column = QVBoxLayout(self)
        column.setSpacing(16)
        column.addStretch(3)
        column.addWidget(logo)
        column.addWidget(title)
        column.addWidget(promise)
        column.addSpacing(8)
        column.addLayout(buttons)
        column.addSpacing(16)
        column.addLayout(centred)
        column.addStretch(4)

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().expandedTo(LEAST)
