"""What a scripted session of the app stands on: the app from start to end, a screen made up, a tiny model."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QMessageLogContext, QPoint, Qt, QtMsgType
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtWidgets import QApplication

from app.application import Application
from app.capture import Shot
from app.capture.models import Handler
from app.paths import Paths
from app.reading import Reading
from app.single_instance import SingleInstance

PATIENCE_S = 120.0
"""A machine that is busy with something else takes its time; where nothing is wrong nobody waits so long."""
PLACE = QPoint(40, 30)
"""Where the sample is on the screen."""


class MadeUpScreen(Handler):
    """The first screen as it would look with a picture on it."""

    name = "made up"

    def __init__(self, picture: QImage) -> None:
        super().__init__()
        self.picture = picture

    def is_compatible(self) -> bool:
        return True

    def grab(self) -> None:
        screen = QGuiApplication.primaryScreen()
        image = QImage(screen.geometry().size() * screen.devicePixelRatio(), QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.white)
        painter = QPainter(image)
        painter.drawImage(PLACE, self.picture)
        painter.end()
        self.grabbed.emit([Shot(image, screen.geometry(), screen.name())])


def on_qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    """Qt's own words: what the offscreen platform lacks is known, a warning ends the session."""
    if kind == QtMsgType.QtDebugMsg or kind == QtMsgType.QtInfoMsg or text.startswith("This plugin does not support"):
        return
    print(f"the session ends: Qt says: {text}", file=sys.stderr, flush=True)
    os._exit(1)


def wait(probe: Callable[[], Any], what: str) -> None:
    """Let the app work until something is so; ends the session if it never is."""
    until = time.monotonic() + PATIENCE_S
    while not probe():
        if time.monotonic() > until:
            faulthandler.dump_traceback(all_threads=True)
            raise SystemExit(f"waited {PATIENCE_S:g} s for {what}")
        work(0.005)


def work(seconds: float) -> None:
    """Let the app work on what has come, then rest for a moment in which its threads have Python to themselves.

    `QTest.qWait` keeps Python's lock while it sleeps: a thread that lets go of it often, as imports do, all but stops.
    """
    QCoreApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    time.sleep(seconds)


class Program:
    """The app as `app.startup.run` starts and ends it, with what it told the user."""

    def __init__(self, qt: QApplication, folder: Path, checkpoint: Path, screen: Handler | None) -> None:
        paths = Paths.at(folder)
        problems = list(paths.create())
        self._instance = SingleInstance(paths)
        if not self._instance.start():
            raise SystemExit("this start was taken for a second one")
        self.app = Application(qt, paths, self._instance, checkpoint=checkpoint, device="cpu", screen=screen)
        self.shown: list[Reading] = []
        self.faults: list[str] = []
        self.told: list[str] = []
        self.others: list[tuple[object, ...]] = []
        app = self.app
        app.controller.others_found.connect(self.others.append)
        app.controller.shown.connect(self.shown.append)
        for source in (app.controller, app.actions, app.windows):
            source.failed.connect(self.faults.append)
        app.inference.load_failed.connect(self.faults.append)
        app.actions.told.connect(self.told.append)
        app.windows.told.connect(self.told.append)
        app.show(problems)
        if problem := app.window.messages.text():
            raise SystemExit(f"the app starts with: {problem}")

    def close(self) -> None:
        """End it as the user does."""
        self.app.close()
        self._instance.close()
        self.app.deleteLater()
        self.app.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def sound(self) -> None:
        """End the session if the app has found fault with something."""
        if self.faults:
            raise SystemExit(f"the app says: {self.faults[0]}")


def tiny_checkpoint(folder: Path) -> Path:
    """A model of random weights, made the first time."""
    made = folder / "tiny model"
    if not made.is_dir():
        import torch

        from core_model import torch_checkpoint
        from core_model.config import PRESETS
        from core_model.model import create_model
        from core_model.tokenizer import Tokenizer

        torch.manual_seed(9)
        tokenizer = Tokenizer([*"abcxyz0123456789+-=()", "_", "^", "{", "}", r"\frac", r"\sqrt", r"\alpha"])
        model = create_model(PRESETS["tiny"], len(tokenizer)).eval()
        with torch.no_grad():
            model.decoder.output.bias[tokenizer.eos_id] += 0.76  # it reads some ten tokens, not some hundred
        with tempfile.TemporaryDirectory(dir=folder) as name:
            torch_checkpoint.save(Path(name) / "tiny", model, tokenizer, "A model for tests.\n", {"samples": 7})
            (Path(name) / "tiny").rename(made)
    return made
