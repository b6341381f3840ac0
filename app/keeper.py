"""What of the readings goes into the history, and when: new ones at once, edits after a pause in typing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.history import History, HistoryError
from app.images import from_grey, png
from app.reading import Grey, Origin, Reading
from core_model.errors import FormulensError
from core_model.ink import Ink, read_json, to_json
from core_model.pictures import open_grey

EDIT_PAUSE_MS = 400
"""After so long without typing, an edit is kept in the history."""


@dataclass(frozen=True)
class Kept:
    """What the history has of a reading."""

    picture: Grey
    origin: Origin
    ink: Ink | None
    text: str
    """As it stands there, be it the user's or an older model's."""


class Keeper(QObject):
    """Writes readings and edits to the history, and brings them back."""

    changed = Signal()
    """The history has."""
    failed = Signal(str)

    def __init__(self, history: History, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.enabled = True
        """Whether new readings are kept."""
        self._history = history
        self._unsaved: tuple[int, str] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(EDIT_PAUSE_MS)
        self._timer.timeout.connect(self.save_edit)

    def keep(
        self, reading: Reading, model: str, before: Reading | None = None, *, picture_png: bytes | None = None
    ) -> Reading:
        """The reading with its id in the history; a blank picture is not worth one.

        Args:
            reading: a new one.
            model: the name of the model that read it.
            before: the drawing that this one may be going on with, and then it takes that one's place.
            picture_png: its picture as PNG, where that has been made beside the window.
        """
        recognition = reading.recognition
        if not self.enabled or recognition.blank:
            return reading
        tokens = [[token.text, round(token.confidence, 4)] for token in recognition.tokens]
        facts: dict[str, Any] = {
            "latex": recognition.latex,
            "confidence": recognition.confidence,
            "model": model,
            "tokens_json": json.dumps(tokens, ensure_ascii=False),
            "picture_png": picture_png or png(from_grey(reading.picture)),
            "ink_json": None if reading.ink is None else json.dumps(to_json(reading.ink)),
        }
        try:
            number = self._continued(before, reading)
            if number is not None:
                self._history.replace(number, **facts)
            else:
                number = self._history.add(kind=reading.origin.kind, name=reading.origin.name, **facts)
        except HistoryError as error:
            self.failed.emit(str(error))
            return reading
        self.changed.emit()
        return replace(reading, entry=number)

    def find(self, number: int) -> Kept | None:
        """What there is of a reading; None, and `failed` says why, if it cannot be had."""
        self.save_edit()
        try:
            entry = self._history.get(number)
            if entry is None:
                self.failed.emit(self.tr("This reading is no longer in the history."))
                return None
            picture = open_grey(BytesIO(self._history.picture(number)))
            strokes = self._history.ink(number)
            ink = None if strokes is None else read_json(json.loads(strokes))
        except FormulensError as error:
            self.failed.emit(str(error))
            return None
        except ValueError:  # it is no JSON
            self.failed.emit(self.tr("The strokes of this drawing are damaged: it cannot be read again."))
            return None
        return Kept(picture, Origin(entry.kind, entry.name), ink, entry.text)

    def edit(self, number: int, latex: str) -> None:
        """The user's text for a reading; it is kept after a pause."""
        if self._unsaved is not None and self._unsaved[0] != number:
            self.save_edit()
        self._unsaved = number, latex
        self._timer.start()

    @Slot()
    def save_edit(self) -> None:
        """Keep the last edit now."""
        self._timer.stop()
        if self._unsaved is None:
            return
        number, latex = self._unsaved
        self._unsaved = None
        try:
            entry = self._history.get(number)
            if entry is not None:
                self._history.edit(number, None if latex == entry.latex else latex)
        except HistoryError as error:
            self.failed.emit(str(error))
        self.changed.emit()

    def _continued(self, before: Reading | None, reading: Reading) -> int | None:
        """The row of the drawing that goes on here; not one that the user corrected, starred or deleted."""
        if before is None or before.entry is None or not _goes_on(before.ink, reading.ink):
            return None
        kept = self._history.get(before.entry)
        return None if kept is None or kept.edited is not None or kept.favourite else before.entry


def _goes_on(before: Ink | None, now: Ink | None) -> bool:
    """Whether a drawing is an earlier one with strokes more or fewer: it takes that one's place in the history."""
    if before is None or now is None or not before.strokes or not now.strokes:
        return False
    return np.array_equal(before.strokes[0].points, now.strokes[0].points)
