"""Correct one token: a menu of what else the model could have read there, and a field for anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from app.latex_editor import percent
from app.theme import monospace, set_text_role

if TYPE_CHECKING:
    from core_model.recognizer import TokenReading


class FixMenu(QMenu):
    """The choices for one token; `popup` it. Deletes itself when it was used."""

    chosen = Signal(str)
    """The token to read on from."""
    typing_requested = Signal()

    def __init__(self, token: TokenReading, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFont(monospace())
        self.setAccessibleName(self.tr("Instead of {token}").format(token=token.text))
        self._add_heading(self.tr("Instead of {token}").format(token=token.text))
        self._add(token.text, token.confidence).setEnabled(False)
        for other in token.alternatives:
            if not _is_special(other.text):
                self._add(other.text, other.confidence)
        self.addSeparator()
        self.addAction(self.tr("Type another…")).triggered.connect(self.typing_requested)
        # Not at once: the chosen action is triggered after the menu hides.
        self.aboutToHide.connect(lambda: QTimer.singleShot(0, self, self.deleteLater))

    def _add_heading(self, text: str) -> None:
        """A line that cannot be chosen; the text of Qt's own sections is not drawn under a style sheet."""
        heading = QLabel(text)
        heading.setTextFormat(Qt.TextFormat.PlainText)
        heading.setContentsMargins(10, 4, 10, 4)
        set_text_role(heading, "muted")
        action = QWidgetAction(self)
        action.setText(_plain(text))
        action.setDefaultWidget(heading)
        action.setEnabled(False)
        self.addAction(action)
        self.addSeparator()

    def _add(self, text: str, confidence: float) -> QAction:
        share = self.tr("{percent} %").format(percent=percent(confidence)) if confidence >= 0.01 else self.tr("< 1 %")
        # What follows a tab stands at the right edge.
        action = self.addAction(f"{_plain(text)}\t{share}")
        action.triggered.connect(lambda: self.chosen.emit(text))
        return action


class TokenDialog(QDialog):
    """Asks for a token that the model did not think of."""

    entered = Signal(str)

    def __init__(self, token: str, vocabulary: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Correct a token"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(360)
        ask = QLabel(self.tr("Instead of {token} there stands:").format(token=token))
        ask.setTextFormat(Qt.TextFormat.PlainText)
        hint = QLabel(self.tr("What follows is read again from there."))
        hint.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self.field = QLineEdit()
        self.field.setFont(monospace())
        self.field.setAccessibleName(self.tr("Token"))
        self.field.setPlaceholderText("\\alpha")
        self.field.textChanged.connect(self._check)
        ask.setBuddy(self.field)
        if vocabulary:
            completer = QCompleter([one for one in vocabulary if not _is_special(one)], self.field)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseSensitive)
            popup = completer.popup()
            if popup is not None:
                popup.setFont(monospace())
            self.field.setCompleter(completer)
        buttons = QDialogButtonBox()
        self._go: QPushButton = buttons.addButton(self.tr("Read on"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._go.setDefault(True)
        self._go.setEnabled(False)
        buttons.addButton(self.tr("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(8)
        for widget in (ask, self.field, hint):
            column.addWidget(widget)
        column.addSpacing(8)
        column.addWidget(buttons)

    @Slot(str)
    def _check(self, text: str) -> None:
        self._go.setEnabled(bool(text.strip()))

    def accept(self) -> None:
        text = self.field.text().strip()
        if text:
            super().accept()
            self.entered.emit(text)


def _is_special(token: str) -> bool:
    """The vocabulary's own marks, such as the one for the end; no LaTeX."""
    return len(token) > 2 and token.startswith("<") and token.endswith(">")


def _plain(token: str) -> str:
    """For menus, where a single & would underline the next letter."""
    return token.replace("&", "&&")
