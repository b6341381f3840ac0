"""The windows beside the main one: settings, about, PDF, folder, comparison, exports; made when first wanted."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app import corrections, file_dialogs, table_export
from app.actions import preview_for_check
from app.background import Background
from app.controller import Controller
from app.history import History
from app.hotkey import Outcome
from app.inference import Inference
from app.main_window import MainWindow
from app.reading import Grey, Origin
from app.settings import Settings
from core_model.errors import FormulensError

if TYPE_CHECKING:
    from app.batch_window import BatchWindow
    from app.pdf_window import PdfWindow
    from app.selfcheck_view import SelfCheckView
    from app.settings_dialog import SettingsDialog

_REMEMBERED = ("pdf", "folder", "comparison")
"""Names of the windows whose places are kept."""

# What these windows are made of is imported with the first of each: the main window shall not wait for it.


class Windows(QObject):
    """Opens windows and hands on what they give."""

    told = Signal(str)
    failed = Signal(str)
    settings_changed = Signal(object)
    """The new `Settings`."""

    def __init__(
        self,
        window: MainWindow,
        controller: Controller,
        inference: Inference,
        history: History,
    ) -> None:
        super().__init__()
        self._window = window
        self._controller = controller
        self._inference = inference
        self._history = history
        self._pdf: PdfWindow | None = None
        self._folder: BatchWindow | None = None
        self._comparison: SelfCheckView | None = None
        self._settings: SettingsDialog | None = None
        self._layout: dict[str, str] = {}
        self._background = Background(self)
        self._compared: object | None = None
        """What is being drawn for the comparison window."""
        self._exporting: tuple[Generator[None, None, int], str] | None = None
        self._export_timer = QTimer(self)
        self._export_timer.setInterval(0)
        self._export_timer.timeout.connect(self._export_next)
        window.result.selfcheck_requested.connect(self.open_comparison)
        window.history.export_requested.connect(self.export_history)
        window.history.corrections_requested.connect(self.export_corrections)
        window.history.failed.connect(self.failed)

    def restore(self, layout: Mapping[str, str]) -> None:
        """Give the windows the places that `layout` told of in an earlier session."""
        self._layout = {name: state for name, state in layout.items() if name in _REMEMBERED}

    def layout(self) -> dict[str, str]:
        """Where the windows are, or were when they were last there: name -> base64."""
        shown = zip(_REMEMBERED, (self._pdf, self._folder, self._comparison), strict=True)
        now = {name: b64encode(w.saveGeometry().data()).decode() for name, w in shown if w is not None}
        return {**self._layout, **now}

    @Slot(object)
    def open_pdf(self, path: Path) -> None:
        """Show a PDF to snip from."""
        if self._pdf is None:
            from app.pdf_window import PdfWindow

            self._pdf = PdfWindow()
            self._pdf.snipped.connect(self._on_pdf_snip)
            self._pdf.failed.connect(self.failed)
            self._place(self._pdf, "pdf")
        self._pdf.open(path)

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder and read all its pictures."""
        folder = file_dialogs.ask_folder(self._window, self.tr("Read all pictures of a folder"))
        if folder is not None:
            self.open_folder([folder])

    @Slot(list)
    def open_folder(self, paths: list[Path]) -> None:
        """Read files and folders in one go."""
        if self._folder is None:
            from app.batch_window import BatchWindow

            self._folder = BatchWindow(self._inference, keep=self._controller.keep_apart)
            self._folder.opened.connect(self._on_batch_opened)
            self._folder.entry_opened.connect(self._on_batch_entry)
            self._place(self._folder, "folder")
        self._folder.start(paths)
        self._folder.show()
        self._folder.raise_()

    @Slot()
    def open_comparison(self) -> None:
        """Lay the preview over the snip; it is drawn beside the window, a large matrix takes seconds."""
        reading = self._controller.reading
        latex = self._window.result.latex()
        if reading is None:
            return
        this = self._compared = object()

        def done(preview: Grey) -> None:
            if self._compared is this:
                self._compare(reading.picture, preview)

        def failed(message: str) -> None:
            if self._compared is this:
                self.failed.emit(message)

        self._background.run(lambda: preview_for_check(latex), done, failed)

    def _compare(self, picture: Grey, preview: Grey) -> None:
        if self._comparison is None:
            from app.selfcheck_view import SelfCheckView

            self._comparison = SelfCheckView()
            self._place(self._comparison, "comparison")
        self._comparison.set_pictures(picture, preview)
        self._comparison.show()
        self._comparison.raise_()

    @Slot()
    def open_about(self) -> None:
        """Show versions and licences."""
        from app.about import About

        model = self._inference.model
        if model is None:
            About(None, self._window).exec()
        else:
            device = f"{model.device}: {model.reason}"
            About(model.folder, self._window, symbols=model.symbols, device=device, crohme=model.crohme).exec()

    def open_settings(self, settings: Settings, *, has_tray: bool, no_hotkey: str, hotkey: Outcome | None) -> None:
        """Let the user change settings; what they choose comes as `settings_changed`.

        Args:
            settings: those that hold now.
            has_tray: whether the desktop has one.
            no_hotkey: why no global key can be had, where that is so.
            hotkey: what became of the one that is set.
        """
        from app.settings_dialog import SettingsDialog

        dialog = SettingsDialog(settings, self._window, no_hotkey=no_hotkey, has_tray=has_tray)
        dialog.applied.connect(self.settings_changed)
        self._settings = dialog
        if hotkey is not None and not no_hotkey:
            self.set_hotkey_status(hotkey)
        dialog.exec()
        self._settings = None

    def set_hotkey_status(self, outcome: Outcome) -> None:
        """Tell the settings dialog, if it is open, what became of the global key."""
        if self._settings is not None:
            self._settings.set_hotkey_status(outcome.ok, outcome.message)

    @Slot(list)
    def export_history(self, numbers: list[int]) -> None:
        """Write readings to a file of the user's choice."""
        path = file_dialogs.ask_save(self._window, self.tr("Export readings"), "formulas.csv", table_export.KINDS)
        kind = None if path is None else table_export.format_of(path)
        if path is None or kind is None:
            return
        try:
            rows = table_export.history_rows(self._history.many(numbers))
        except FormulensError as error:
            self.failed.emit(str(error))
            return
        told = self.tr("{} readings are in {}.").format(len(rows), path.name)
        self._background.run(
            lambda: table_export.write(path, rows, kind), lambda _: self.told.emit(told), self.failed.emit
        )

    @Slot()
    def export_corrections(self) -> None:
        """Write the corrected readings as training data, one whenever the window has nothing else to do."""
        if self._exporting is not None:
            self.told.emit(self.tr("Corrections are being exported; that has to end first."))
            return
        folder = file_dialogs.ask_folder(self._window, self.tr("Export corrections to an empty folder"))
        if folder is not None:
            self._exporting = corrections.export_in_steps(self._history, folder), folder.name
            self._export_timer.start()

    @Slot()
    def _export_next(self) -> None:
        if self._exporting is None:
            return
        steps, name = self._exporting
        try:
            next(steps)
            return
        except StopIteration as end:
            self.told.emit(self.tr("{} corrected readings are in {}.").format(end.value, name))
        except FormulensError as error:
            self.failed.emit(str(error))
        self._exporting = None
        self._export_timer.stop()

    def close(self) -> None:
        """Close what is open; a table that is being written is waited for, an export of corrections is given up."""
        self._export_timer.stop()
        self._exporting = self._compared = None
        self._background.stop()
        if self._folder is not None:
            self._folder.stop()
        if self._pdf is not None and self._pdf.password_dialog is not None:
            self._pdf.password_dialog.reject()
        for window in (self._pdf, self._folder, self._comparison, self._settings):
            if window is not None:
                window.close()

    @Slot(QImage, str)
    def _on_pdf_snip(self, image: QImage, name: str) -> None:
        self._window.bring_up()
        self._controller.read_image(image, Origin("pdf", name))

    def _place(self, window: QWidget, name: str) -> None:
        if name in self._layout:
            window.restoreGeometry(QByteArray(b64decode(self._layout[name])))

    @Slot(int, int)
    def _on_batch_entry(self, number: int, row: int) -> None:
        """Show a reading of the folder as the history has it; read its file again where that has it no more."""
        try:
            kept = self._history.get(number)
        except FormulensError as error:
            self.failed.emit(str(error))
            return
        if kept is not None:
            self._window.bring_up()
            self._controller.open_entry(number)
        elif self._folder is not None:
            self._folder.open_picture(row)

    @Slot(object, str)
    def _on_batch_opened(self, grey: Grey, name: str) -> None:
        self._window.bring_up()
        self._controller.read(grey, Origin("folder", name))
