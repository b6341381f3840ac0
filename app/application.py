"""The composition root: builds every object, connects their signals, holds no logic of its own.

Read `Application.__init__` from top to bottom: it is the list of what there is and who tells whom.
"""

from __future__ import annotations

import logging
import os
import time
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, QTimer, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication

from app import file_dialogs, theme
from app import settings as settings_file
from app.actions import ReadingActions
from app.capture import Region, Snipper
from app.capture.models import Handler
from app.capture.snipper import blocking_dialog
from app.controller import Controller, State
from app.history import History
from app.history_panel import HistoryPanel
from app.hotkey import GlobalHotkey, Outcome
from app.icons import icon
from app.inference import Inference, ModelInfo
from app.ink_panel import InkOptions, InkPanel
from app.main_window import MainWindow
from app.paths import Paths
from app.preview import PreviewRenderer
from app.reading import Reading
from app.result_panel import ResultPanel
from app.settings import Settings
from app.single_instance import Request, SingleInstance
from app.tray import Tray
from app.windows import Windows
from core_model.errors import FormulensError

LOAD_AT_LATEST_MS = 1000
"""After the window is shown."""
WINDOW_THERE, MODEL_THERE, READING_THERE = "the window is there", "the model is there", "the first reading is there"
"""What the log says of a start: whoever finds it slow can tell where the time went."""

log = logging.getLogger(__name__)


def _log_moment(what: str) -> None:
    """Also how long the processor has worked for this program so far: on a busy computer the clock tells little."""
    log.info("%s, after %.2f s of the processor", what, time.process_time())


class Application(QObject):
    """Everything that lives as long as the program."""

    def __init__(
        self,
        qt: QApplication,
        paths: Paths,
        instance: SingleInstance | None = None,
        *,
        checkpoint: Path | None = None,
        device: str | None = None,
        screen: Handler | None = None,
    ) -> None:
        """`screen`: how to take pictures of it, where not as this desktop wants it; all else as `formulens --help`."""
        super().__init__()
        self.qt = qt
        self.paths = paths
        self.settings, settings_problem = settings_file.load(paths.settings)
        self._overrides = checkpoint, device
        self._started = self._closed = self._has_read = False
        self._stepped_aside = False
        """The window was hidden for a snip and has to come back."""
        theme.apply(qt, self.settings.theme)  # type: ignore[arg-type]
        qt.setWindowIcon(icon("logo"))

        self.history = History(paths.history)
        self.inference = Inference(*self._model_wanted())
        self.snipper = Snipper(self, handler=screen)
        self.snipper.remember(None if self.settings.last_region is None else Region(*self.settings.last_region))
        self.controller = Controller(self.inference, self.history, self.snipper)
        self.preview = PreviewRenderer()
        self.hotkey = GlobalHotkey(self)
        self.tray = Tray(self)
        self.window = MainWindow(ResultPanel(), InkPanel(), HistoryPanel(self.history))
        self.actions = ReadingActions(self.window, self.controller, self.preview)
        self.windows = Windows(self.window, self.controller, self.inference, self.history)

        self._connect_window()
        self._connect_controller()
        self._connect_model()
        if instance is not None:
            instance.requested.connect(self.on_request)
        self._apply_settings()
        self.window.restore(self.settings.window_geometry, self.settings.window_state)
        layout = {part: b64decode(text).decode(errors="replace") for part, text in self.settings.layout.items()}
        self.window.result.restore_layout(layout.get("result", ""))
        self.window.restore_split(layout.get("canvas", ""))
        self.windows.restore(self.settings.layout)
        file_dialogs.begin_in(self.settings.last_folder)
        self.window.set_repeatable(self.snipper.can_repeat)
        self._history_problem = self.history.problem
        self._problems = [problem for problem in (settings_problem, self.history.problem) if problem]

    # start and end

    def show(self, problems: list[str]) -> None:
        """Show the window; the model is loaded once it is painted, or might have been."""
        self.window.first_painted.connect(self.start_loading)
        # One that is minimised at once, or hidden for a snip, is not painted.
        QTimer.singleShot(LOAD_AT_LATEST_MS, self.start_loading)
        self.window.show()
        told = [*problems, *self._problems]
        if told:
            self.window.messages.show_message(" ".join(told), "warning")

    @Slot()
    def start_loading(self) -> None:
        """Load the model and what else may wait until the window is there; a second call does nothing."""
        if self._started or self._closed:
            return
        self._started = True
        _log_moment(WINDOW_THERE)
        self.inference.start()
        self.preview.start()
        self.tray.start()
        self._register_hotkey()

    @Slot()
    def close(self) -> None:
        """Keep what is open, end the threads; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self.controller.stop()
        self.hotkey.unregister()
        geometry, state = self.window.remembered()
        splitters = {
            part: b64encode(state.encode()).decode()
            for part, state in (
                ("result", self.window.result.layout_state()),
                ("canvas", self.window.split_state()),
            )
        }
        region = self.snipper.region
        self._save(
            replace(
                self.settings,
                window_geometry=geometry,
                window_state=state,
                layout={**self.settings.layout, **self.windows.layout(), **splitters},
                last_folder=file_dialogs.last_folder(),
                last_region=None
                if region is None
                else (
                    region.screen,
                    region.screen_width,
                    region.screen_height,
                    region.left,
                    region.top,
                    region.width,
                    region.height,
                ),
            )
        )
        self.windows.close()
        self.actions.stop()
        self.snipper.cancel()
        self.tray.stop()
        self.window.hide()
        self.inference.stop()
        self.preview.stop()
        self.history.close()

    # wiring

    def _connect_window(self) -> None:
        window, controller = self.window, self.controller
        window.snip_requested.connect(self.snip)
        window.again_requested.connect(self.snip_again)
        window.paste_requested.connect(self.paste)
        window.dropped.connect(self.drop)
        window.files_chosen.connect(controller.read_files)
        window.folder_requested.connect(self.windows.choose_folder)
        window.settings_requested.connect(self.open_settings)
        window.about_requested.connect(self.windows.open_about)
        window.quit_requested.connect(self.quit)
        window.cancel_requested.connect(controller.cancel)
        window.closing.connect(self.on_closing)
        window.delay_changed.connect(self.remember_delay)
        window.ink.ink_changed.connect(controller.read_ink)
        window.ink.recognize_requested.connect(controller.read_ink)
        window.ink.failed.connect(self.show_error)
        window.ink.options_changed.connect(self.remember_ink)
        window.history.opened.connect(controller.open_entry)
        window.history.rerun.connect(controller.rerun_entry)
        window.history.copy_requested.connect(self.actions.copy_text)
        self.tray.snip.connect(self.snip_now)
        self.tray.draw.connect(self.draw)
        self.tray.paste.connect(self.paste)
        self.tray.show.connect(self.bring_up)
        self.tray.quit.connect(self.quit)
        self.hotkey.activated.connect(self.snip_now)
        self.hotkey.outcome_changed.connect(self._on_hotkey)

    def _connect_controller(self) -> None:
        controller, window = self.controller, self.window
        controller.state_changed.connect(self.on_state)
        controller.shown.connect(self.on_shown)
        controller.failed.connect(self.show_error)
        controller.told.connect(self.show_news)
        controller.history_changed.connect(window.history.refresh)
        controller.history_changed.connect(self.on_history_changed)
        controller.several_files.connect(self.windows.open_folder)
        controller.pdf_given.connect(self.windows.open_pdf)
        controller.ink_given.connect(self.open_ink)
        self.actions.told.connect(self.show_news)
        self.actions.failed.connect(self.show_error)
        self.actions.format_chosen.connect(self.remember_format)
        self.windows.told.connect(self.show_news)
        self.windows.failed.connect(self.show_error)
        self.windows.settings_changed.connect(self.change_settings)

    def _connect_model(self) -> None:
        self.inference.loading.connect(self.window.status.loading)
        self.inference.loaded.connect(self.on_loaded)
        self.inference.load_failed.connect(self.on_load_failed)
        self.inference.symbols_failed.connect(self.show_error)

    # what the user does

    @Slot(int)
    def snip(self, delay_s: int) -> None:
        """Hide the window and snip."""
        if self._get_out_of_the_way():
            self.controller.start_snip(delay_s)

    @Slot()
    def snip_now(self) -> None:
        """Snip as tray and hotkey do."""
        self.snip(self.window.delay())

    @Slot()
    def snip_again(self) -> None:
        """Snip the last region again."""
        if self.snipper.can_repeat and self._get_out_of_the_way():
            self.controller.snip_again()

    @Slot()
    def bring_up(self) -> None:
        """Show the window; whoever asks for it during a snip gives that up, be it one that nothing answers."""
        self.snipper.cancel()
        self.window.bring_up()

    @Slot()
    def draw(self) -> None:
        """Show the canvas."""
        self.bring_up()
        self.window.set_drawing(True)

    @Slot(object)
    def open_ink(self, path: Path) -> None:
        """Show an ink file on the canvas, which hands it on."""
        self.draw()
        self.window.ink.open_file(path)

    @Slot()
    def paste(self) -> None:
        """Read the picture or the files that are on the clipboard."""
        data = self.qt.clipboard().mimeData()  # None where nothing was ever copied
        if data and self.controller.read_mime(data, "paste"):
            return
        self.window.bring_up()
        self.show_error(self.tr("There is no picture on the clipboard: copy one first."))

    @Slot(QMimeData)
    def drop(self, data: QMimeData) -> None:
        """Read what was dropped on the window."""
        if not self.controller.read_mime(data, "paste"):
            self.show_error(self.tr("What was dropped holds no picture and no file."))

    @Slot()
    def open_settings(self) -> None:
        """Let the user change settings."""
        self.windows.open_settings(
            self.settings,
            has_tray=self.tray.is_available,
            no_hotkey=self.hotkey.unavailable,
            hotkey=self.hotkey.outcome if self.settings.hotkey else None,
        )

    @Slot(object)
    def change_settings(self, changed: Settings) -> None:
        """Settings hold at once."""
        before = self.settings
        self._save(changed)
        self._apply_settings()
        if (before.checkpoint, before.device) != (changed.checkpoint, changed.device):
            self._overrides = None, None
            self.inference.reload(*self._model_wanted())
        if before.hotkey != changed.hotkey:
            self._register_hotkey()

    @Slot(object)
    def on_request(self, request: Request) -> None:
        """A later start of the program, or this one's arguments."""
        if request.token:  # what Wayland asks for before a window may come to the front
            os.environ["XDG_ACTIVATION_TOKEN"] = request.token
        match request.command:
            case "snip":
                self.snip_now()
            case "draw":
                self.draw()
            case "paste":
                self.paste()
            case _:
                self.bring_up()
                self.controller.read_files([Path(name) for name in request.files])

    @Slot(object)
    def remember_ink(self, options: InkOptions) -> None:
        """Keep how the canvas was set."""
        self._save(
            replace(
                self.settings,
                recognise_while_drawing=options.recognise_while_drawing,
                pause_ms=options.pause_ms,
                pen_width=options.pen_width,
                grid=options.grid,
            )
        )

    @Slot(str)
    def remember_format(self, key: str) -> None:
        """The copy button copies in this format from now on."""
        self._save(replace(self.settings, copy_format=key))
        self.actions.apply(self.settings)

    @Slot(int)
    def remember_delay(self, seconds: int) -> None:
        """Keep the delay for the next start."""
        self._save(replace(self.settings, snip_delay=seconds))

    @Slot(QCloseEvent)
    def on_closing(self, event: QCloseEvent) -> None:
        """Go to the tray where the user wants that and there is one; end otherwise."""
        # The icon is not there yet if the desktop's panel came after this program; the session's end must not wait.
        if self.settings.close_to_tray and not self.qt.isSavingSession() and self.tray.start():
            event.ignore()
            self.window.hide()
        else:
            self.quit()

    @Slot()
    def quit(self) -> None:
        """End the program."""
        self.close()
        self.qt.quit()

    # what comes back

    @Slot(object)
    def on_state(self, state: State) -> None:
        """Follow the flow."""
        if self._closed:
            return
        self.window.status.set_state(state)
        self.window.result.set_busy(state is State.READING)
        if state is State.READING:
            self.window.messages.hide()
        back = self._stepped_aside and state is not State.CAPTURING
        if back:
            self._stepped_aside = False
        if back or (state is State.READING and self._is_away()):
            self.window.bring_up()
        self.window.set_repeatable(self.snipper.can_repeat)

    @Slot(object)
    def on_shown(self, reading: Reading) -> None:
        """A new reading."""
        if not self._has_read:
            self._has_read = True
            _log_moment(READING_THERE)
        self.window.status.set_reading(reading)
        if reading.recognition.blank:
            self.show_news(self.tr("There is no ink in this picture: choose a region with the formula in it."))
        if self.settings.copy_at_once and reading.recognition.latex:
            self.actions.copy(self.settings.copy_format)

    @Slot()
    def on_history_changed(self) -> None:
        """Say so when the history has just become unable to keep readings: its own panel may be hidden."""
        if self.history.problem != self._history_problem:
            self._history_problem = self.history.problem
            self.window.messages.show_message(self._history_problem, "warning")

    @Slot(object)
    def on_loaded(self, info: ModelInfo) -> None:
        """The model is there."""
        _log_moment(f"{MODEL_THERE}: {info.name}, on {info.device}")
        self.window.status.loaded(info)
        self.window.ink.set_for_print(info.is_for_print)
        self.window.result.set_vocabulary(info.vocabulary)

    @Slot(str)
    def on_load_failed(self, message: str) -> None:
        """There is no model: everything else still works."""
        log.warning("no model: %s", message)
        self.window.status.load_failed()
        self.show_error(message)

    @Slot(str)
    def show_error(self, message: str) -> None:
        """Say what went wrong, where it can be seen."""
        self.window.messages.show_message(message, "error")
        if self._is_away() and not self._closed and not self.snipper.is_busy:
            self.window.bring_up()

    @Slot(str)
    def show_news(self, message: str) -> None:
        """Say what was done."""
        self.window.messages.show_message(message, "info")

    # inside

    def _get_out_of_the_way(self) -> bool:
        """Hide the window for a snip; tells whether one can begin now."""
        if self.snipper.is_busy:
            return False
        if (dialog := blocking_dialog()) is not None:
            dialog.raise_()
            dialog.activateWindow()
            self.show_news(self.tr("Close the open dialog first, then snip again."))
            return False
        self._stepped_aside = not self._is_away()
        if self._stepped_aside:
            self.window.hide()
        return True

    def _is_away(self) -> bool:
        return not self.window.isVisible() or self.window.isMinimized()

    def _model_wanted(self) -> tuple[Path | None, str]:
        checkpoint, device = self._overrides
        if checkpoint is None and self.settings.checkpoint:
            checkpoint = Path(self.settings.checkpoint)
        return checkpoint, device or self.settings.device

    def _apply_settings(self) -> None:
        settings = self.settings
        theme.apply(self.qt, settings.theme)  # type: ignore[arg-type]
        self.controller.beam = settings.beam
        self.controller.keep_history = settings.history_enabled
        self.window.set_delay(settings.snip_delay)
        self.window.ink.set_options(
            InkOptions(settings.recognise_while_drawing, settings.pause_ms, settings.pen_width, settings.grid)
        )
        self.preview.set_style(settings.preview_size, settings.preview_font or None)
        self.actions.apply(settings)

    def _register_hotkey(self) -> None:
        self.hotkey.unregister()
        self.tray.set_hotkey("")
        if self.settings.hotkey:
            self._on_hotkey(self.hotkey.register(self.settings.hotkey))

    @Slot(object)
    def _on_hotkey(self, outcome: Outcome) -> None:
        """The desktop has given the key, or has not."""
        self.windows.set_hotkey_status(outcome)
        if outcome.ok:
            self.tray.set_hotkey(self.settings.hotkey)
        elif self.settings.hotkey:
            self.window.messages.show_message(outcome.message, "warning")

    def _save(self, settings: Settings) -> None:
        self.settings = settings
        try:
            settings_file.save(self.paths.settings, settings)
        except FormulensError as error:
            self.window.messages.show_message(str(error), "warning")
