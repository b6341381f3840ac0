"""A folder of pictures in one go: which files, in what order, and what became of each.

Files are opened one after the other beside the window and read with the lowest priority; a snip in between goes first.
Only a thumbnail of each picture is kept; who wants more of a reading, such as the history, gets it when it is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from app.background import Background
from app.images import from_grey, png, shrunk
from app.reading import Grey, Origin, Reading
from app.table_export import Row
from app.words import translate
from core_model.pictures import open_grey

if TYPE_CHECKING:
    from app.inference import Inference
    from core_model.recognizer import Recognition

PICTURE_ENDINGS: Final = frozenset(
    ".png .jpg .jpeg .jpe .jfif .gif .bmp .dib .tif .tiff .webp .avif .jp2 .j2k .ppm .pgm .pbm .pnm .tga .ico".split()
)
"""What is taken from a folder. A file that was named itself is tried whatever it is called."""
THUMBNAIL: Final = (160, 48)
AHEAD: Final = 2
"""Pictures that are with the model or wait for it; more would only fill the memory."""

Keep = Callable[[Reading, str, bytes], int | None]
"""Takes a reading, the model's name and the picture as PNG; gives the number of what was kept, None if nothing was."""


class Status(Enum):
    """How far a file is."""

    WAITING = "waiting"
    READING = "reading"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Item:
    """One file."""

    path: Path
    status: Status = Status.WAITING
    latex: str = ""
    confidence: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str = ""
    thumbnail: Grey | None = field(default=None, repr=False, compare=False)
    entry: int | None = None
    """Where its reading was kept."""

    @property
    def ended(self) -> bool:
        return self.status in (Status.DONE, Status.FAILED, Status.CANCELLED)


def find_pictures(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and the pictures in the folders (not in folders of folders), each once.

    A folder's files come by name, `2.png` before `10.png`; hidden ones and those that are no pictures by their ending
    are left out. A folder that may not be read counts as a file, so that its error is told.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = [one for one in path.iterdir() if one.suffix.lower() in PICTURE_ENDINGS and one.is_file()]
        except OSError:
            found.append(path)
        else:
            found += sorted((one for one in inside if not one.name.startswith(".")), key=lambda one: sort_key(one.name))
    return list(dict.fromkeys(found))


def rows(items: Sequence[Item]) -> list[Row]:
    """What is to be exported: the files that were read or could not be."""
    return [
        Row(item.path.name, item.latex, item.confidence, item.warnings, item.error)
        for item in items
        if item.status in (Status.DONE, Status.FAILED)
    ]


class Batch(QObject):
    """Reads files through the inference that the window uses. Signals arrive in the thread of the window."""

    started = Signal()
    """`items` is a new list."""
    item_changed = Signal(int)
    """Index of the item that is another now."""
    progressed = Signal(int, int)
    """Files that have ended, and all."""
    finished = Signal()
    """Every item has ended, or the rest was cancelled."""

    def __init__(self, inference: Inference, parent: QObject | None = None, *, keep: Keep | None = None) -> None:
        super().__init__(parent)
        self.items: list[Item] = []
        self._inference = inference
        self._keep = keep
        self._background = Background(self)
        self._next = 0
        self._opening: int | None = None
        self._numbers: dict[int, tuple[int, _Loaded]] = {}
        self._run = 0
        self._running = False
        inference.recognized.connect(self._on_recognized)
        inference.failed.connect(self._on_failed)

    @property
    def running(self) -> bool:
        return self._running

    @property
    def ended(self) -> int:
        """How many files are done with."""
        return sum(item.ended for item in self.items)

    def add(self, paths: Sequence[Path]) -> None:
        """Read files and folders, after those that are there already.

        A file that is there is not read twice, but for one that failed or was cancelled.
        """
        places = {item.path: place for place, item in enumerate(self.items)}
        changed = False
        for path in find_pictures(paths):
            if path not in places:
                self.items.append(Item(path))
            elif self.items[places[path]].status in (Status.FAILED, Status.CANCELLED):
                self.items[places[path]] = Item(path)
            else:
                continue
            changed = True
        if self._running and not changed:
            return
        if not self._running:
            self._run += 1
            self._running = True
        self._next = 0
        self.started.emit()
        self.progressed.emit(self.ended, len(self.items))
        self._go_on()

    @Slot()
    def clear(self) -> None:
        """Begin with an empty list again; what is being read is cancelled."""
        self.cancel()
        self.items = []
        self.started.emit()
        self.progressed.emit(0, 0)

    @Slot()
    def cancel(self) -> None:
        """Break off; what has been read stays."""
        if not self._running:
            return
        self._running = False
        self._run += 1
        self._opening = None
        self._inference.cancel(*self._numbers)
        self._numbers.clear()
        for index, item in enumerate(self.items):
            if not item.ended:
                self._set(index, replace(item, status=Status.CANCELLED))
        self.finished.emit()

    def stop(self) -> None:
        """Cancel, and wait for a file that is being opened; before the program ends."""
        self.cancel()
        self._background.stop()

    def open_again(self, index: int, done: Callable[[Grey], object], failed: Callable[[str], object]) -> None:
        """Open the picture of an item once more, beside the window, and hand it to `done`."""
        path = self.items[index].path
        self._background.run(lambda: open_grey(path), done, failed)

    def _go_on(self) -> None:
        """Open the next file if the model will want it soon; say so when there is nothing more to do."""
        while self._next < len(self.items) and self.items[self._next].status is not Status.WAITING:
            self._next += 1
        if self._opening is None and self._next < len(self.items) and len(self._numbers) < AHEAD:
            index, run = self._next, self._run
            self._next += 1
            self._opening = index
            path = self.items[index].path
            self._set(index, replace(self.items[index], status=Status.READING))
            self._background.run(
                lambda: _load(path),
                lambda loaded: self._on_loaded(run, index, loaded),
                lambda message: self._on_not_loaded(run, index, message),
            )
        elif self._opening is None and not self._numbers and self._next >= len(self.items) and self._running:
            self._running = False
            self.finished.emit()

    def _on_loaded(self, run: int, index: int, loaded: _Loaded) -> None:
        if run != self._run:
            return
        self._opening = None
        self._set(index, replace(self.items[index], thumbnail=loaded.thumbnail))
        self._numbers[self._inference.submit(loaded.grey, priority="batch")] = index, loaded
        self._go_on()

    def _on_not_loaded(self, run: int, index: int, message: str) -> None:
        if run == self._run:
            self._opening = None
            self._end(index, replace(self.items[index], status=Status.FAILED, error=message))

    @Slot(int, object, str)
    def _on_recognized(self, number: int, recognition: Recognition, model: str) -> None:
        index, loaded = self._numbers.pop(number, (None, None))
        if index is None or loaded is None:
            return
        item = self.items[index]
        reading = Reading(loaded.grey, recognition, Origin("folder", item.path.name))
        self._end(
            index,
            replace(
                item,
                status=Status.DONE,
                latex=recognition.latex,
                confidence=recognition.confidence,
                warnings=recognition.warnings,
                entry=None if self._keep is None else self._keep(reading, model, loaded.png),
            ),
        )

    @Slot(int, str)
    def _on_failed(self, number: int, message: str) -> None:
        index, _ = self._numbers.pop(number, (None, None))
        if index is not None:
            self._end(index, replace(self.items[index], status=Status.FAILED, error=message))

    def _end(self, index: int, item: Item) -> None:
        self._set(index, item)
        self.progressed.emit(self.ended, len(self.items))
        self._go_on()

    def _set(self, index: int, item: Item) -> None:
        self.items[index] = item
        self.item_changed.emit(index)


def status_text(item: Item) -> str:
    """How far a file is, in words."""
    return {
        Status.WAITING: translate("Batch", "Waiting"),
        Status.READING: translate("Batch", "Reading…"),
        Status.DONE: item.warnings[0] if item.warnings else translate("Batch", "Read"),
        Status.FAILED: item.error,
        Status.CANCELLED: translate("Batch", "Cancelled"),
    }[item.status]


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A picture, small, and as a file: all that takes long is made beside the window."""

    grey: Grey
    thumbnail: Grey
    png: bytes


def _load(path: Path) -> _Loaded:
    """Open a picture.

    Raises:
        PictureError: it cannot be read.
    """
    from PIL import Image

    grey = shrunk(open_grey(path))
    small = Image.fromarray(grey)
    small.thumbnail((2 * THUMBNAIL[0], 2 * THUMBNAIL[1]), Image.Resampling.BOX, reducing_gap=2.0)
    return _Loaded(grey, np.array(small), png(from_grey(grey)))


def sort_key(name: str) -> str:
    """Names in the order of these: numbers by value, capitals like small letters."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name.casefold())
