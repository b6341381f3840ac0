"""Work that would hold up the window, one piece after the other on a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot

from core_model.errors import FormulensError

log = logging.getLogger(__name__)


class Background(QObject):
    """Runs functions beside the window and hands their results back in its thread."""

    _ended = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._numbers = 0
        self._waiting: dict[int, tuple[Callable[[Any], object], Callable[[str], object]]] = {}
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)

    def run(self, work: Callable[[], Any], done: Callable[[Any], object], failed: Callable[[str], object]) -> None:
        """Call `work` on the thread, then `done` with its result or `failed` with a sentence, here."""
        self._numbers += 1
        self._waiting[self._numbers] = done, failed
        self._pool.start(_Job(self._numbers, work, self))

    def stop(self) -> None:
        """Forget what waits; what runs is waited for."""
        self._waiting.clear()
        self._pool.clear()
        self._pool.waitForDone()

    def report(self, number: int, result: Any, fault: str | None) -> None:
        """Called on the thread when a piece of work is over."""
        self._ended.emit(number, result, fault)

    @Slot(int, object, object)
    def _on_ended(self, number: int, result: Any, fault: str | None) -> None:
        done, failed = self._waiting.pop(number, (None, None))
        if fault is not None:
            if failed is not None:
                failed(fault)
        elif done is not None:
            done(result)


class _Job(QRunnable):
    def __init__(self, number: int, work: Callable[[], Any], owner: Background) -> None:
        super().__init__()
        self._number = number
        self._work = work
        self._owner = owner

    def run(self) -> None:
        try:
            result = self._work()
        except FormulensError as error:
            self._owner.report(self._number, None, str(error))
        except Exception as error:  # the edge of the thread
            log.exception("work in the background failed")
            self._owner.report(self._number, None, f"{type(error).__name__}: {error}")
        else:
            self._owner.report(self._number, result, None)
