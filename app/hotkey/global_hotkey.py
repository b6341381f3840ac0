"""The one global hotkey of the app, whatever the platform."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QKeySequence

from app.hotkey.handlers import choose
from app.hotkey.models import HotkeyError, HotkeyHandler, Keys, Outcome


class GlobalHotkey(QObject):
    """Registers a key and says when it was pressed, and plainly when it cannot be had."""

    activated = Signal()
    outcome_changed = Signal(object)
    """The new `Outcome`; some desktops ask the user first, and then it comes later than `register` returns."""

    def __init__(self, parent: QObject | None = None, *, handler: HotkeyHandler | None = None) -> None:
        super().__init__(parent)
        self._handler = handler or choose(self)
        self._handler.activated.connect(self.activated)
        self._handler.changed.connect(self._on_changed)
        self._outcome = Outcome(False, self.tr("No global key is set."))

    @property
    def unavailable(self) -> str:
        """Why no global key can be had on this desktop; empty where one can."""
        return self._handler.unavailable

    @property
    def outcome(self) -> Outcome:
        """How the last `register` stands now."""
        return self._outcome

    def register(self, sequence: QKeySequence | str) -> Outcome:
        """Take a key instead of the one held so far; an empty sequence only gives that back. Never raises."""
        self._handler.unregister()
        text = sequence if isinstance(sequence, str) else sequence.toString()
        if not text.strip():
            outcome = Outcome(True, self.tr("No global key is set."))
        else:
            try:
                outcome = self._handler.register(Keys.parse(sequence))
            except HotkeyError as error:
                outcome = Outcome(False, str(error))
        self._on_changed(outcome)
        return outcome

    def unregister(self) -> None:
        """Give the key back."""
        self.register("")

    @Slot(object)
    def _on_changed(self, outcome: Outcome) -> None:
        if outcome != self._outcome:
            self._outcome = outcome
            self.outcome_changed.emit(outcome)
