"""python -m tests.checks.drawn_app FOLDER CHECKPOINT: the app with its canvas open, for `tests.checks.draw`.

Tells on standard output, one JSON object a line, where the canvas is on the screen, that the pen is down, how many
strokes there are, and each reading once its LaTeX is painted. Writes the ink of the canvas to every path that it is
given on standard input; ends with that.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QSocketNotifier, QTimer, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from app.reading import Reading
from app.startup import keep_every_move
from tests.checks.session_program import Program, on_qt_message, wait

SIZE = 1500, 940
"""Of the window, in pixels."""


def tell(**what: Any) -> None:
    """Say one thing to whoever started this."""
    print(json.dumps(what), flush=True)


class Observer(QObject):
    """Looks at canvas and LaTeX from within, touches nothing but the canvas' own export."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._program = program
        self._canvas = program.app.window.ink.canvas
        self._text = program.app.window.result.editor.viewport()
        self._pen_up = 0.0
        self._unseen: Reading | None = None
        self._canvas.stroke_started.connect(lambda: tell(kind="pen down"))
        self._canvas.changed.connect(self._on_changed)
        self._canvas.updated.connect(self._on_updated)
        program.app.controller.shown.connect(self._on_shown)
        self._text.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and self._unseen is not None:
            reading, self._unseen = self._unseen, None
            QTimer.singleShot(0, lambda: self._report(reading))  # when it is painted
        return False

    def save(self) -> None:
        """Do what the next line of standard input asks for."""
        path = sys.stdin.readline().rstrip("\n")
        if not path:
            QApplication.quit()
            return
        if not self._program.app.window.ink.save_file(Path(path)):
            raise SystemExit(f"{path} was not written")
        tell(kind="saved", path=path)

    def _on_changed(self) -> None:
        self._pen_up = time.perf_counter()

    def _on_updated(self) -> None:
        tell(kind="ink", strokes=len(self._canvas.ink().strokes))

    def _on_shown(self, reading: Reading) -> None:
        self._unseen = reading
        self._text.update()  # the same LaTeX as before would not be painted anew

    def _report(self, reading: Reading) -> None:
        times = reading.recognition.milliseconds
        window = self._program.app.window
        tell(
            kind="reading",
            strokes=0 if reading.ink is None else len(reading.ink.strokes),
            latex=window.result.latex() if self._text.isVisible() else None,
            milliseconds=1000 * (time.perf_counter() - self._pen_up),
            reading=times.preprocess + times.encode + times.decode,
            picture=hashlib.sha256(reading.picture.tobytes()).hexdigest(),
            shape=reading.picture.shape,
        )


def main() -> int:
    """Run until standard input ends."""
    qt = QApplication(sys.argv[:1])
    keep_every_move()
    qInstallMessageHandler(on_qt_message)
    program = Program(qt, Path(sys.argv[1]), Path(sys.argv[2]), None)
    window = program.app.window
    observer = Observer(program)
    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(observer.save)
    window.resize(*SIZE)
    window.draw_action.trigger()
    wait(lambda: program.app.inference.model is not None or program.faults, "the model")
    program.sound()
    canvas = window.ink.canvas
    wait(lambda: canvas.isVisible() and window.isActiveWindow(), "the window in front")
    corner = canvas.mapToGlobal(QPoint(0, 0))
    tell(kind="canvas", left=corner.x(), top=corner.y(), width=canvas.width(), height=canvas.height())
    qt.exec()
    program.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
