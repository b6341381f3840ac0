"""Work that would hold up the window, one piece after the other on a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from core_model.errors import FormulensError

log = logging.getLogger(__name__)


class Background(QObject):
    """Runs functions beside the window and hands their results back in its thread."""

    _ended = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
        self._stopped = False
        self._numbers = 0
        self._waiting: dict[int, tuple[Callable[[Any], object], Callable[[str], object]]] = {}
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)

    def run(self, work: Callable[[], Any], done: Callable[[Any], object], failed: Callable[[str], object]) -> None:
        """Call `work` on the thread, then `done` with its result or `failed` with a sentence, here."""
        if self._stopped:
            return
        self._numbers += 1
        self._waiting[self._numbers] = done, failed
        self._thread.submit(self._work, self._numbers, work)

    def stop(self) -> None:
        """Forget what waits and what is asked for later; what runs is waited for."""
        self._stopped = True
        self._waiting.clear()
        self._thread.shutdown(cancel_futures=True)

    def _work(self, number: int, work: Callable[[], Any]) -> None:
        """On the thread: do it, and report."""
        try:
            result = work()
        except FormulensError as error:
            self._ended.emit(number, None, str(error))
        except Exception as error:  # the edge of the thread
            log.exception("work in the background failed")
            self._ended.emit(number, None, f"{type(error).__name__}: {error}")
        else:
            self._ended.emit(number, result, None)

    @Slot(int, object, object)
    def _on_ended(self, number: int, result: Any, fault: str | None) -> None:
        done, failed = self._waiting.pop(number, (None, None))
        if fault is not None:
            if failed is not None:
                failed(fault)
        elif done is not None:
            done(result)
