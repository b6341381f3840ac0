"""A user of the whole app, for tests in one process: what is chosen, dropped and waited for, and what is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.capture.models import Handler
from app.paths import Paths
from app.reading import Reading

PATIENCE_MS = 120_000
"""A machine that is busy with something else takes its time; where nothing is wrong nobody waits so long."""
MOST_WORK_S = 1.0
"""Of the processor's time, between two beats of the window's thread …"""
LONGEST_GAP_S = 15.0
"""… and of the clock's, for which the rest of the machine counts too."""
LEFT, PLAIN = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Pulse(QObject):
    """Watches the window's thread: it must come back to its events soon, whatever goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.work_s = self.gap_s = 0.0
        self._last = time.thread_time(), time.monotonic()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.beat)
        self._timer.start(5)

    @Slot()
    def beat(self) -> None:
        now = time.thread_time(), time.monotonic()
        self.work_s = max(self.work_s, now[0] - self._last[0])
        self.gap_s = max(self.gap_s, now[1] - self._last[1])
        self._last = now

    def check(self) -> None:
        self.beat()
        self._timer.stop()
        assert self.work_s < MOST_WORK_S, f"the window stood still for {self.work_s:.1f} s of work"
        assert self.gap_s < LONGEST_GAP_S, f"the window stood still for {self.gap_s:.1f} s"


class User:
    """The app in a folder, and what its window says."""

    def __init__(self, qtbot: QtBot, qt: QApplication, data: Path, checkpoint: Path, screen: Handler | None) -> None:
        paths = Paths.at(data)
        problems = list(paths.create())
        self.qtbot = qtbot
        self.app = Application(qt, paths, checkpoint=checkpoint, device="cpu", screen=screen)
        self.shown: list[Reading] = []
        self.app.controller.shown.connect(self.shown.append)
        self.app.show(problems)

    @property
    def message(self) -> str:
        """What stands in the bar at the top of the window."""
        return self.app.window.messages.text() if self.app.window.isVisible() else ""

    def wait(self, probe: Callable[[], Any]) -> None:
        self.qtbot.waitUntil(lambda: bool(probe()), timeout=PATIENCE_MS)

    def wait_for_model(self) -> None:
        self.wait(lambda: self.app.inference.model)

    def wait_for_message(self, *words: str) -> None:
        self.wait(lambda: all(word in self.message for word in words))

    def read(self, act: Callable[[], object]) -> Reading:
        """Do what ends in a reading."""
        count = len(self.shown)
        act()
        self.wait(lambda: len(self.shown) > count)
        return self.shown[-1]

    def choose(self, *paths: Path) -> None:
        self.app.window.files_chosen.emit(list(paths))

    def window(self, kind: type[Any]) -> Any:
        """The visible window of a kind."""

        def found() -> list[Any]:
            return [one for one in self.app.qt.topLevelWidgets() if isinstance(one, kind) and one.isVisible()]

        self.wait(found)
        return found()[0]


def drop(user: User, paths: list[Path]) -> None:
    """Drop files on the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window, place = user.app.window, QPointF(300, 300)
    for event in (
        QDragEnterEvent(place, Qt.DropAction.CopyAction, data, LEFT, PLAIN),
        QDropEvent(place, Qt.DropAction.CopyAction, data, LEFT, PLAIN),
    ):
        user.app.qt.sendEvent(window, event)


def drag(overlay: Any) -> None:
    QTest.mousePress(overlay, LEFT, PLAIN, QPoint(30, 20))
    QTest.mouseMove(overlay, QPoint(100, 60))
    QTest.mouseRelease(overlay, LEFT, PLAIN, QPoint(180, 80))
