"""A line at the top of the window that says what went wrong or was done; it never takes the focus."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from app.icons import icon
from app.theme import colors

Kind = Literal["info", "warning", "error"]
INFO_MS = 6000
"""News goes by itself; what went wrong stays until it is closed or something else happens."""


class MessageBar(QFrame):
    """One message at a time, with at most one action."""

    action_triggered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind: Kind = "info"
        self._sign = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._action = QPushButton()
        self._action.clicked.connect(self._on_action)
        self._close = QToolButton()
        self._close.setAutoRaise(True)
        self._close.setAccessibleName(self.tr("Close the message"))
        self._close.setToolTip(self.tr("Close"))
        self._close.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 8, 8)
        row.setSpacing(8)
        row.addWidget(self._sign)
        row.addWidget(self._text, 1)
        row.addWidget(self._action)
        row.addWidget(self._close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.setAutoFillBackground(True)
        self.hide()

    def show_message(self, text: str, kind: Kind = "error", action: str = "") -> None:
        """Show a sentence, and a button labelled `action` if there is one."""
        self._kind = kind
        self._text.setText(text)
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self.setAccessibleName(text)
        self._colour()
        self.show()
        self._timer.stop()
        if kind == "info" and not action:
            self._timer.start(INFO_MS)

    def text(self) -> str:
        """The message that is shown, empty if there is none."""
        return "" if self.isHidden() else self._text.text()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self._colour()

    def _colour(self) -> None:
        roles = colors(self.window().palette())
        ground = {"info": roles.accent_soft, "warning": roles.warning_soft, "error": roles.error_soft}[self._kind]
        palette = self.window().palette()
        palette.setColor(QPalette.ColorRole.Window, ground)
        self.setPalette(palette)
        self._sign.setPixmap(icon(self._kind).pixmap(QSize(20, 20), self.devicePixelRatioF()))
        self._close.setIcon(icon("close"))

    def _on_action(self) -> None:
        self.hide()
        self.action_triggered.emit()
