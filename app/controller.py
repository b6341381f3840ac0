"""The flow from a picture to a reading: idle -> capturing -> reading -> shown. Knows no widget.

snip, paste, file, page, ink -> `read` -> inference -> `shown` (Reading) -> history; then the alternatives, and what a
drawing may be as a lone symbol
correct one token            -> `fix`  -> inference with that prefix -> `shown`

What is kept, and when, is the keeper's: `Keeper`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QObject, Signal, Slot
from PySide6.QtGui import QImage, QKeySequence

from app.background import Background
from app.capture import Region, Snipper
from app.history import History
from app.images import shrunk, shrunk_image, to_grey
from app.inference import Inference
from app.keeper import Keeper
from app.reading import Grey, Origin, Reading, SourceKind
from core_model.errors import FormulensError
from core_model.ink import Ink
from core_model.pictures import open_grey
from core_model.strokes import rasterize
from core_model.symbol_ink import looks_like_one_symbol

if TYPE_CHECKING:
    from core_model.recognizer import Recognition
    from core_model.symbol_classifier import SymbolGuess

OTHERS_BEAM = 5
"""Readings followed at once for the alternatives, which are looked for after the quick reading is shown."""
INK_ENDINGS = (".inkml", ".json", ".jsonl")


class State(Enum):
    """What is going on."""

    IDLE = "idle"
    CAPTURING = "capturing"
    READING = "reading"
    SHOWN = "shown"


class Controller(QObject):
    """Takes pictures in, gives readings out."""

    state_changed = Signal(object)
    """`State`"""
    shown = Signal(object)
    """`Reading`: a new one"""
    others_found = Signal(object)
    """Tuple of `Alternative` of the reading that is shown."""
    symbols_found = Signal(object)
    """Tuple of `Alternative`: what the drawing that is shown may be as a lone symbol."""
    others_pending = Signal(bool)
    """Whether they are being looked for."""
    failed = Signal(str)
    """A sentence for the user."""
    told = Signal(str)
    """The same, of nothing bad."""
    history_changed = Signal()
    several_files = Signal(list)
    """Paths to be read as a folder is."""
    pdf_given = Signal(object)
    """Path of a PDF."""
    ink_given = Signal(object)
    """Path of an ink file."""

    def __init__(
        self, inference: Inference, history: History, snipper: Snipper, *, beam: int = 1, keep_history: bool = True
    ) -> None:
        super().__init__()
        self.beam = beam
        self.state = State.IDLE
        self.reading: Reading | None = None
        self._inference = inference
        self._keeper = Keeper(history, self)
        self.keep_history = keep_history
        self._snipper = snipper
        self._background = Background(self)
        self._opening: object | None = None
        self._pending: tuple[int, Reading | _Wanted] | None = None
        self._others: int | None = None
        self._symbols: int | None = None
        self._others_of: Grey | None = None
        """The picture whose other readings are known."""
        self._typed: str | None = None
        """The text of the reading that is shown, if it is not as it was read."""
        self._keeper.changed.connect(self.history_changed)
        self._keeper.failed.connect(self.failed)
        inference.recognized.connect(self._on_recognized)
        inference.failed.connect(self._on_failed)
        inference.named.connect(self._on_named)
        snipper.captured.connect(self._on_captured)
        snipper.cancelled.connect(self._on_cancelled)
        snipper.failed.connect(self._on_capture_failed)

    @property
    def keep_history(self) -> bool:
        """Whether new readings are kept in the history."""
        return self._keeper.enabled

    @keep_history.setter
    def keep_history(self, on: bool) -> None:
        self._keeper.enabled = on

    # ways in

    @Slot()
    def start_snip(self, delay_s: int = 0) -> None:
        """Take the still picture of the screens and let the user choose a region."""
        if self.state is not State.CAPTURING:
            self._enter(State.CAPTURING)
            self._snipper.start(delay_s)

    @Slot()
    def snip_again(self) -> None:
        """Read the region of the last snip as it looks now."""
        if self.state is not State.CAPTURING and self._snipper.can_repeat:
            self._enter(State.CAPTURING)
            self._snipper.again()

    def read_image(self, image: QImage, origin: Origin) -> None:
        """Read a picture of Qt's."""
        small = shrunk_image(image)
        try:
            grey = to_grey(small)
        except FormulensError as error:
            self.failed.emit(str(error))
            return
        self._submit(grey, _Wanted(grey, origin, original=small))
        self._tell_size(image.width(), image.height(), grey)

    def read(self, grey: Grey, origin: Origin) -> None:
        """Read a picture [height, width]."""
        small = shrunk(grey)
        self._submit(small, _Wanted(small, origin))
        self._tell_size(grey.shape[1], grey.shape[0], small)

    def read_ink(self, ink: Ink) -> None:
        """Read a drawing; an empty one is no error and changes nothing."""
        if ink.strokes:
            grey = rasterize(ink)
            self._submit(grey, _Wanted(grey, Origin("ink", ink.identifier), ink))

    def read_files(self, paths: list[Path]) -> None:
        """Read a picture file; several files and folders go to the folder window, a PDF to its own."""
        if len(paths) == 1 and not paths[0].is_dir():
            if paths[0].suffix.lower() == ".pdf":
                self.pdf_given.emit(paths[0])
                return
            if paths[0].suffix.lower() in INK_ENDINGS:
                self.ink_given.emit(paths[0])
                return
            self._open(paths[0])
        elif paths:
            self.several_files.emit(paths)

    def read_mime(self, data: QMimeData, kind: SourceKind) -> bool:
        """Read what was pasted or dropped; returns whether there was anything to read."""
        paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if paths:
            self.read_files(paths)
            return True
        image = data.imageData() if data.hasImage() else None
        if isinstance(image, QImage) and not image.isNull():
            self.read_image(image, Origin(kind))
            return True
        return False

    def open_entry(self, number: int) -> None:
        """Read a picture of the history again, with the present model, to show it; its edits stay."""
        self._from_history(number, again=False)

    def rerun_entry(self, number: int) -> None:
        """Read a picture of the history again, as a new reading."""
        self._from_history(number, again=True)

    # what the user does with a reading

    @Slot(int, str)
    def fix(self, index: int, token: str) -> None:
        """Replace one token of the reading and read on from there."""
        if self.reading is None:
            return
        if self._opening is not None or (self._pending is not None and not isinstance(self._pending[1], Reading)):
            # Only one is read at a time, and the picture on its way must not be lost.
            self.told.emit(self.tr("Another picture is being read: correct a token once that is done."))
            return
        tokens = tuple(one.text for one in self.reading.recognition.tokens)
        self._submit(self.reading.picture, self.reading, (*tokens[:index], *token.split()))

    @Slot(str)
    def edit(self, latex: str) -> None:
        """The user changed the LaTeX by hand."""
        if self.reading is not None:
            self._typed = None if latex == self.reading.recognition.latex else latex
            if self.reading.entry is not None:
                self._keeper.edit(self.reading.entry, latex)

    def keep_apart(self, reading: Reading, model: str, picture_png: bytes) -> int | None:
        """Put a reading that is not shown, one of a folder, into the history; its number there, None if it is not."""
        return self._keeper.keep(reading, model, picture_png=picture_png).entry

    @Slot()
    def save_edit(self) -> None:
        """Keep the last edit now."""
        self._keeper.save_edit()

    @Slot()
    def cancel(self) -> None:
        """Break off what is being read, and a snip that is being waited for."""
        self._snipper.cancel()
        self._opening = None
        self._drop_others()
        if self._pending is not None:
            self._inference.cancel(self._pending[0])
            self._pending = None
        self._settle()

    def stop(self) -> None:
        """Keep the last edit, and wait for a file that is being opened; before the program ends."""
        self.save_edit()
        self.cancel()
        self._background.stop()

    # what comes back

    @Slot(QImage, object)
    def _on_captured(self, image: QImage, _: Region | None) -> None:
        self._settle(captured=True)
        self.read_image(image, Origin("snip"))

    @Slot()
    def _on_cancelled(self) -> None:
        self._settle(captured=True)

    @Slot(str)
    def _on_capture_failed(self, message: str) -> None:
        self._settle(captured=True)
        self.failed.emit(message)

    @Slot(int, object, str)
    def _on_recognized(self, number: int, recognition: Recognition, model: str) -> None:
        if number == self._others:
            self._others = None
            self._others_of = None if self.reading is None else self.reading.picture
            self.others_found.emit(_others(recognition, self.reading))
        if self._pending is None or number != self._pending[0]:
            return
        wanted = self._pending[1]
        self._pending = None
        self._keeper.save_edit()
        typed = None
        if isinstance(wanted, Reading):
            typed = self._typed
            self.reading = self._corrected(wanted, recognition)
        else:
            self.reading = self._made(wanted, recognition, model)
        self._typed = None if self.reading.latex == recognition.latex else self.reading.latex
        self._settle()
        self.shown.emit(self.reading)
        if self.reading.ink is not None and not isinstance(wanted, Reading) and looks_like_one_symbol(self.reading.ink):
            self._symbols = self._inference.name_symbol(self.reading.ink)
        if typed not in (None, self.reading.latex):
            undo = QKeySequence(QKeySequence.StandardKey.Undo).toString(QKeySequence.SequenceFormat.NativeText)
            words = self.tr("The new reading replaced the text with your changes in it: {} in the text brings it back.")
            self.told.emit(words.format(undo))
        if self.beam <= 1 and recognition.tokens and self._others_of is not self.reading.picture:
            self._others = self._inference.submit(self.reading.picture, priority="others", beam=OTHERS_BEAM)
            self.others_pending.emit(True)
        elif recognition.alternatives:
            self.others_found.emit(recognition.alternatives)

    @Slot(int, object)
    def _on_named(self, number: int, guesses: tuple[SymbolGuess, ...]) -> None:
        if number == self._symbols:
            from core_model.recognizer import Alternative

            self._symbols = None
            self.symbols_found.emit(tuple(Alternative(guess.latex, guess.probability) for guess in guesses))

    @Slot(int, str)
    def _on_failed(self, number: int, message: str) -> None:
        if number == self._others:
            self._others = None
            self.others_pending.emit(False)
        if self._pending is not None and number == self._pending[0]:
            self._pending = None
            self._settle()
            self.failed.emit(message)

    # inside

    def _open(self, path: Path) -> None:
        """Open a picture beside the window, a large one takes seconds, and read it unless another comes first."""
        this = object()

        def load() -> tuple[Grey, tuple[int, ...]]:
            grey = open_grey(path)
            return shrunk(grey), grey.shape

        def done(loaded: tuple[Grey, tuple[int, ...]]) -> None:
            if self._opening is this:
                small, (height, width) = loaded
                self._submit(small, _Wanted(small, Origin("file", path.name)))
                self._tell_size(width, height, small)

        def failed(message: str) -> None:
            if self._opening is this:
                self._opening = None
                self._settle()
                self.failed.emit(message)

        self._opening = this
        self._settle()
        self._background.run(load, done, failed)

    def _tell_size(self, width: int, height: int, small: Grey) -> None:
        if small.shape[0] < height:
            share = self.tr("{} × {} pixels are more than a formula needs: this picture is read at 1/{} of its size.")
            self.told.emit(share.format(width, height, round(height / small.shape[0])))

    def _submit(self, grey: Grey, wanted: Reading | _Wanted, prefix: tuple[str, ...] = ()) -> None:
        self.save_edit()
        self._drop_others()
        self._opening = None
        number = self._inference.submit(grey, prefix=prefix, beam=self.beam)
        self._pending = number, wanted
        self._settle()

    def _drop_others(self) -> None:
        self._symbols = None
        if self._others is not None:
            self._inference.cancel(self._others)
            self._others = None
            self.others_pending.emit(False)

    def _from_history(self, number: int, *, again: bool) -> None:
        kept = self._keeper.find(number)
        if kept is not None:
            wanted = _Wanted(kept.picture, kept.origin, kept.ink, anew=again)
            if not again:
                wanted = replace(wanted, entry=number, edited=kept.text)
            self._submit(kept.picture, wanted)

    def _made(self, wanted: _Wanted, recognition: Recognition, model: str) -> Reading:
        """A new reading, kept; or one of the history that is shown again."""
        reading = Reading(
            wanted.picture, recognition, wanted.origin, wanted.ink, wanted.entry, wanted.edited, wanted.original
        )
        if wanted.entry is not None:
            return reading
        return self._keeper.keep(reading, model, None if wanted.anew else self.reading)

    def _corrected(self, before: Reading, recognition: Recognition) -> Reading:
        """A reading after one of its tokens was set right: in the history that is an edit."""
        if before.entry is not None:
            self._keeper.edit(before.entry, recognition.latex)
            self._keeper.save_edit()
        return replace(before, recognition=recognition, edited=None)

    def _enter(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)

    def _settle(self, *, captured: bool = False) -> None:
        """Enter the state that follows from what is going on; a snip under way goes before all else."""
        if self.state is State.CAPTURING and not captured:
            return
        if self._pending is not None or self._opening is not None:
            self._enter(State.READING)
        else:
            self._enter(State.SHOWN if self.reading is not None else State.IDLE)


@dataclass(frozen=True)
class _Wanted:
    """What is known of a reading before it is there."""

    picture: Grey
    origin: Origin
    ink: Ink | None = None
    entry: int | None = None
    edited: str | None = None
    original: QImage | None = None
    anew: bool = False
    """It is another reading, even if the drawing is the one that is shown."""


def _others(recognition: Recognition, shown: Reading | None) -> tuple[Any, ...]:
    """All readings of a beam but the one that is shown."""
    from core_model.recognizer import Alternative

    readings = (Alternative(recognition.latex, recognition.confidence), *recognition.alternatives)
    return tuple(one for one in readings if shown is None or one.latex != shown.recognition.latex)
