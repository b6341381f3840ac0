"""`formulens` from the command to the end: one instance, the log, the application, its event loop."""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import sys
from types import TracebackType

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from app.application import Application
from app.languages import speak
from app.paths import Paths
from app.single_instance import Request, SingleInstance
from core_model.errors import FormulensError

log = logging.getLogger(__name__)


class Program(QApplication):
    """Tells what the system wants: to open a file, as macOS does for a double click; to end the program, before Qt asks
    the windows, which may go to the tray instead.
    """

    asked_to_end = Signal()
    asked_to_open = Signal(object)
    """A `Request` with the file."""

    def event(self, event: QEvent) -> bool:
        """Events of the program itself: few."""
        if event.type() == QEvent.Type.Quit:
            self.asked_to_end.emit()
        elif isinstance(event, QFileOpenEvent) and event.file():
            self.asked_to_open.emit(Request(files=(event.file(),)))
            return True
        return super().event(event)


def run(arguments: argparse.Namespace) -> int:
    """The window until it is closed; returns the exit status."""
    qt = Program(sys.argv[:1])
    keep_every_move()
    qt.setApplicationName("Formulens")
    qt.setDesktopFileName("io.github.formulens.Formulens")  # dotted, or desktop portals refuse global keys
    qt.setQuitOnLastWindowClosed(False)
    speak(qt)
    paths = Paths.default() if arguments.data_dir is None else Paths.at(arguments.data_dir)
    problems = list(paths.create())
    start_log(paths)
    instance = SingleInstance(paths)
    files = tuple(str(path.absolute()) for path in arguments.files)
    wanted = Request(arguments.command or "raise", files)
    try:
        if not instance.start(wanted):
            return 0
    except FormulensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    application = Application(qt, paths, instance, checkpoint=arguments.checkpoint, device=arguments.device)
    qt.asked_to_end.connect(application.close)
    qt.asked_to_open.connect(application.on_request)
    application.show(problems)
    if arguments.command or files:
        application.on_request(wanted)
    status = qt.exec()
    application.close()
    instance.close()
    return status


def keep_every_move() -> None:
    """Let no moves of the pointer be merged: each counts while one draws.

    Only once the application is there: on X11 its making turns the merging on, whatever was set before.
    """
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents, False)


def start_log(paths: Paths) -> None:
    """Warnings and our own faults go to a small file, for whoever reports them."""
    root = logging.getLogger()
    try:
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            paths.log, maxBytes=500_000, backupCount=1, encoding="utf-8"
        )
    except OSError:
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What escapes from a slot; the window goes on. On Windows there is no console that would show it."""
    if not issubclass(kind, KeyboardInterrupt):
        log.critical("uncaught", exc_info=(kind, error, trace))
    sys.__excepthook__(kind, error, trace)
