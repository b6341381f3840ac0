"""Recognition beside the window: one long-lived thread, one worker, one model.

The newest request of the window wins: those before it are dropped, the one under way is broken off. Pictures of a
folder wait until the window wants nothing, and begin again if it interrupts them. Requests may come while the model
still loads. Another model gets its turn after the next step of decoding; what waits then is read by that one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PySide6.QtCore import QCoreApplication, QObject, QThread, Signal, Slot

from app.reading import Grey
from core_model.errors import FormulensError

if TYPE_CHECKING:
    from core_model.ink import Ink
    from core_model.recognizer import Recognition, Recognizer
    from core_model.symbol_classifier import SymbolClassifier

log = logging.getLogger(__name__)

Priority = Literal["window", "others", "batch"]
"""`window`: a reading someone waits for; `others`: alternatives to it; `batch`: one of many."""


@dataclass(frozen=True)
class ModelInfo:
    """The model that is loaded."""

    name: str
    device: str
    reason: str
    """Why this device."""
    folder: Path
    load_seconds: float
    vocabulary: tuple[str, ...] = ()
    """The tokens that it knows."""
    symbols: Path | None = None
    """The folder of the classifier of lone symbols, where there is one."""
    trained_on: tuple[str, ...] = ()
    """`print`, `ink` or both; empty where the model does not tell."""
    crohme: bool = False
    """Whether CROHME's ink took part, which has a licence of its own."""

    @property
    def is_for_print(self) -> bool:
        """Whether it never saw handwriting, as far as it tells."""
        return self.trained_on == ("print",)


@dataclass(frozen=True)
class Request:
    """One picture to read, or the ink of a lone symbol to name."""

    number: int
    content: Grey | Ink
    priority: Priority = "window"
    beam: int = 1
    prefix: tuple[str, ...] = ()
    """Tokens the reading begins with."""


class _Queue:
    """What is to be done and what is being done; shared by the window's thread and the worker's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window: deque[Request] = deque()
        self._batch: deque[Request] = deque()
        self._running: Request | None = None
        self._break = False
        self._void = False
        """What runs is not wanted any more; else it is taken up again once it is broken off."""
        self._pauses = 0
        self.closed = False

    def put(self, request: Request) -> None:
        with self._lock:
            if request.priority == "batch":
                self._batch.append(request)
                return
            if request.priority == "window":
                self._window.clear()
                if self._running is not None:
                    self._break_off(void=self._running.priority != "batch")
            self._window.append(request)

    def take(self) -> Request | None:
        with self._lock:
            self._running = None
            self._break = self._void = False
            if not self.closed and not self._pauses:
                if self._window:
                    self._running = self._window.popleft()
                elif self._batch:
                    self._running = self._batch.popleft()
            return self._running

    def cancel(self, numbers: set[int]) -> None:
        with self._lock:
            self._window = deque(request for request in self._window if request.number not in numbers)
            self._batch = deque(request for request in self._batch if request.number not in numbers)
            if self._running is not None and self._running.number in numbers:
                self._break_off(void=True)

    def pause(self) -> None:
        """Give nothing out, and take back what runs, until as many calls of `resume` have come."""
        with self._lock:
            self._pauses += 1
            if self._running is not None:
                self._break_off(void=False)

    def resume(self) -> bool:
        """Take back one `pause`; tells whether it was the last one."""
        with self._lock:
            self._pauses -= 1
            return not self._pauses

    def close(self) -> None:
        with self._lock:
            self.closed = True
            self._break_off(void=True)

    def should_stop(self) -> bool:
        """Asked at every step of decoding; no lock, a step too late does not matter."""
        return self._break

    def interrupted(self, request: Request) -> bool:
        """Whether this request's result is void; one that is still wanted goes back to the front."""
        with self._lock:
            if self._break and not self._void:
                (self._batch if request.priority == "batch" else self._window).appendleft(request)
            return self._break

    def _break_off(self, *, void: bool) -> None:
        self._break = True
        self._void = self._void or void


class _Worker(QObject):
    """Lives in the thread; loads the model and reads."""

    loaded = Signal(object)
    load_failed = Signal(str)
    started = Signal(int)
    recognized = Signal(int, object, str)
    failed = Signal(int, str)
    named = Signal(int, object)
    symbols_failed = Signal(str)

    def __init__(self, queue: _Queue, checkpoint: Path | None, device: str, symbols: Path | None) -> None:
        super().__init__()
        self._queue = queue
        self._checkpoint = checkpoint
        self._device = device
        self._symbols = symbols
        self._recognizer: Recognizer | None = None
        self._classifier: SymbolClassifier | None = None
        self._fault = ""
        self._name = ""

    @Slot()
    def load(self) -> None:
        began = time.perf_counter()
        self._recognizer, self._classifier, self._fault = None, None, ""
        try:
            # Here and not above: this takes a while, with torch for a GPU seconds, and the window is there before.
            from core_model.recognizer import Recognizer, default_checkpoint
            from core_model.symbol_classifier import default_symbols
            from core_model.tokenizer import SPECIALS

            self._symbols = self._symbols or default_symbols()
            folder = self._checkpoint or default_checkpoint()
            recognizer = Recognizer.load(folder, self._device)
        except FormulensError as error:
            self._fault = str(error)
        except Exception as error:  # the edge of the thread
            log.exception("loading the model failed")
            self._fault = QCoreApplication.translate("Inference", "The model cannot be loaded: {}").format(error)
        else:
            self._recognizer = recognizer
            seconds = time.perf_counter() - began
            extra = recognizer.config.get("extra", {})
            self._name = f"{folder.name} ({extra.get('samples', 0):,})"
            tokens = tuple(recognizer.tokenizer.tokens[len(SPECIALS) :])
            kind, reason = recognizer.device, recognizer.device_reason
            told = extra.get("trained_on")
            learnt = tuple(map(str, told)) if isinstance(told, list) else ()
            crohme = extra.get("crohme") is True
            info = ModelInfo(self._name, kind, reason, folder, seconds, tokens, self._symbols, learnt, crohme)
            self.loaded.emit(info)
        if self._fault:
            self.load_failed.emit(self._fault)
        self.work()

    @Slot(object, str)
    def reload(self, checkpoint: Path | None, device: str) -> None:
        self._checkpoint, self._device = checkpoint, device
        if self._queue.resume():  # else yet another model is wanted, and this one by nobody
            self.load()

    @Slot()
    def work(self) -> None:
        """Do everything that waits."""
        if self._recognizer is None and not self._fault:
            return  # `load` comes back here
        while (request := self._queue.take()) is not None:
            if self._recognizer is None:
                self.failed.emit(request.number, self._fault)
                continue
            if not isinstance(request.content, np.ndarray):
                self._name_symbol(request, request.content)
                continue
            self.started.emit(request.number)
            try:
                recognition = self._read(self._recognizer, request, request.content)
            except FormulensError as error:
                self.failed.emit(request.number, str(error))
            except Exception as error:  # the edge of the thread
                log.exception("recognition failed")
                text = QCoreApplication.translate("Inference", "This picture could not be read: {}").format(error)
                self.failed.emit(request.number, text)
            else:
                if not self._queue.interrupted(request):
                    self.recognized.emit(request.number, recognition, self._name)

    def _read(self, recognizer: Recognizer, request: Request, picture: Grey) -> Recognition:
        from core_model.recognizer import RecognizeOptions

        options = RecognizeOptions(beam=request.beam, prefix=request.prefix, token_alternatives=5)
        return recognizer.recognize(picture, options, self._queue.should_stop)

    def _name_symbol(self, request: Request, ink: Ink) -> None:
        """What a lone symbol may be. The classifier is loaded when it is first needed; a fault of it is told."""
        try:
            if self._classifier is None:
                from core_model.symbol_classifier import SymbolClassifier

                self._classifier = SymbolClassifier.load(self._symbols)
            guesses = self._classifier.classify(ink)
        except FormulensError as error:
            self.symbols_failed.emit(str(error))
        except Exception:  # the edge of the thread
            log.exception("naming a symbol failed")
        else:
            if not self._queue.interrupted(request):
                self.named.emit(request.number, guesses)


class Inference(QObject):
    """The window's side of recognition; every signal arrives in its thread."""

    loading = Signal()
    loaded = Signal(object)
    """`ModelInfo`"""
    load_failed = Signal(str)
    started = Signal(int)
    recognized = Signal(int, object, str)
    """Number of the request, `Recognition`, name of the model that read it."""
    failed = Signal(int, str)
    named = Signal(int, object)
    """Number of the request, tuple of `SymbolGuess`."""
    symbols_failed = Signal(str)
    """The classifier of lone symbols cannot be read, and is not asked again."""

    _load = Signal()
    _reload = Signal(object, str)
    _wake = Signal()

    def __init__(
        self,
        checkpoint: Path | None = None,
        device: str = "auto",
        parent: QObject | None = None,
        *,
        symbols: Path | None = None,
    ) -> None:
        """`symbols`: the folder of the classifier of lone symbols, where it is not the one in the box."""
        super().__init__(parent)
        self.model: ModelInfo | None = None
        self._numbers = 0
        self._queue = _Queue()
        self._thread = QThread()
        self._thread.setObjectName("recognition")
        self._worker = _Worker(self._queue, checkpoint, device, symbols)
        self._worker.moveToThread(self._thread)
        self._load.connect(self._worker.load)
        self._reload.connect(self._worker.reload)
        self._wake.connect(self._worker.work)
        self._worker.loaded.connect(self._on_loaded)
        self._worker.load_failed.connect(self.load_failed)
        self._worker.started.connect(self.started)
        self._worker.recognized.connect(self.recognized)
        self._worker.failed.connect(self.failed)
        self._worker.named.connect(self.named)
        self._worker.symbols_failed.connect(self._on_symbols_failed)

    def start(self) -> None:
        """Load the model; returns at once."""
        self._thread.start()
        self.loading.emit()
        self._load.emit()

    def reload(self, checkpoint: Path | None, device: str) -> None:
        """Load another model or on another device; requests wait for it, those begun are begun anew."""
        self.model = None
        self._queue.pause()
        self.loading.emit()
        self._reload.emit(checkpoint, device)

    def submit(
        self, picture: Grey, *, prefix: tuple[str, ...] = (), priority: Priority = "window", beam: int = 1
    ) -> int:
        """Ask for a reading of a picture [height, width]; returns the number that its signal will carry."""
        self._numbers += 1
        self._queue.put(Request(self._numbers, picture, priority, beam, prefix))
        self._wake.emit()
        return self._numbers

    def name_symbol(self, ink: Ink) -> int | None:
        """Ask what a lone symbol may be: the number that `named` will carry, None where there is no classifier."""
        if self.model is None or self.model.symbols is None:
            return None
        self._numbers += 1
        self._queue.put(Request(self._numbers, ink, "others"))
        self._wake.emit()
        return self._numbers

    def cancel(self, *numbers: int) -> None:
        """Drop requests; no signal follows for them, but one that is on its way may still arrive."""
        self._queue.cancel(set(numbers))

    def stop(self) -> None:
        """Break off and end the thread; a load under way is waited for."""
        self._queue.close()
        self._thread.quit()
        self._thread.wait()

    @Slot(object)
    def _on_loaded(self, info: Any) -> None:
        self.model = info
        self.loaded.emit(info)

    @Slot(str)
    def _on_symbols_failed(self, message: str) -> None:
        if self.model is not None and self.model.symbols is not None:
            self.model = replace(self.model, symbols=None)
            self.symbols_failed.emit(message)
