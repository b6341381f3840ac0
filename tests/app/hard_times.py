"""The app in a process of its own, where it may write nothing or has no room, for tests/app/test_bad_input.py.

    python -m tests.app.hard_times unwritable|full FOLDER CHECKPOINT

Goes through a good time first, in another folder, which imports all that is needed while everything may be read. Prints
one JSON object of what the user is told and of what becomes of the readings.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QApplication

from app import icons
from app.application import Application
from app.history import History
from app.paths import Paths
from app.reading import Grey, Origin
from app.single_instance import SingleInstance
from app.startup import start_log
from tests.checks.session_program import work

PATIENCE_S = 120.0
FILLING = "filling"
NOBODY = 65534


class Life:
    """The app in a folder, from start to end."""

    def __init__(self, qt: QApplication, folder: Path, checkpoint: Path) -> None:
        paths = Paths.at(folder)
        problems = list(paths.create())
        start_log(paths)
        self.instance = SingleInstance(paths)
        assert self.instance.start()
        self.app = Application(qt, paths, self.instance, checkpoint=checkpoint, device="cpu")
        self.app.show(problems)
        self.read: list[str] = []
        self.rng = np.random.default_rng(1)

    def message(self) -> str:
        return self.app.window.messages.text()

    def reading(self) -> None:
        """Read a picture that does not compress."""
        shown: list[object] = []
        self.app.controller.shown.connect(shown.append)
        self.app.controller.read(grainy(self.rng), Origin("paste"))
        wait(lambda: bool(shown))
        reading = self.app.controller.reading
        assert reading is not None
        assert reading.entry is not None
        self.read.append(reading.recognition.latex)

    def end(self) -> None:
        self.app.close()
        self.instance.close()


def grainy(rng: np.random.Generator) -> Grey:
    """Ink that takes some 20 kB as PNG."""
    picture = np.full((200, 300), 255, np.uint8)
    for left in range(20, 280, 30):
        picture[30:170, left : left + 14] = rng.integers(0, 120, (140, 14))
    return picture


def wait(probe: Callable[[], bool]) -> None:
    """Let the app work until something is so."""
    until = time.monotonic() + PATIENCE_S
    while not probe():
        assert time.monotonic() < until
        work(0.005)


def unwritable(qt: QApplication, folder: Path, checkpoint: Path) -> dict[str, object]:
    """All that is done in a folder that may be read and not written."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    life = Life(qt, folder, checkpoint)
    told = [life.message()]
    life.reading()
    life.app.remember_delay(3)
    told.append(life.message())
    found = [entry.latex for entry in life.app.history.search()]
    life.end()
    return {"told": told, "read": life.read, "found": found}


def full(qt: QApplication, folder: Path, checkpoint: Path) -> dict[str, object]:
    """Readings until the disk is full and after it; then there is room again, and the app ends."""
    (folder / FILLING).write_bytes(bytes(300_000))
    life = Life(qt, folder, checkpoint)
    told = [life.message()]
    while not life.app.history.problem and len(life.read) < 40:
        life.reading()
    told.append(life.message())
    life.reading()
    with (folder / "rest").open("wb", buffering=0) as rest:
        try:
            while rest.write(bytes(1000)):
                pass
        except OSError:
            pass
    life.app.remember_delay(3)
    told.append(life.message())
    (folder / FILLING).unlink()
    (folder / "rest").unlink()
    life.end()
    after = History(folder / "history.sqlite3")
    kept = [entry.latex for entry in after.search()][::-1]
    after.close()
    return {"told": told, "read": life.read, "found": kept}


def main() -> None:
    kind, folder, checkpoint = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    qt = QApplication(sys.argv[:1])
    qt.setQuitOnLastWindowClosed(False)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "settings.json").write_text("{}")
        before = Life(qt, Path(name), checkpoint)
        before.reading()
        before.app.remember_delay(1)
        before.end()
    for drawing in icons.NAMES:  # read when first shown; what stands in the way of that is the place of the tests
        icons.svg(drawing, "#000000")
    print(json.dumps((unwritable if kind == "unwritable" else full)(qt, folder, checkpoint)))


if __name__ == "__main__":
    main()
