"""The windows beside the main one: settings, about, PDF, folder, comparison, exports; made when first wanted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from app import corrections, table_export
from app.actions import preview_for_check
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
        window.result.selfcheck_requested.connect(self.open_comparison)
        window.history.export_requested.connect(self.export_history)
        window.history.corrections_requested.connect(self.export_corrections)
        window.history.failed.connect(self.failed)

    @Slot(object)
    def open_pdf(self, path: Path) -> None:
        """Show a PDF to snip from."""
        if self._pdf is None:
            from app.pdf_window import PdfWindow

            self._pdf = PdfWindow()
            self._pdf.snipped.connect(self._on_pdf_snip)
            self._pdf.failed.connect(self.failed)
        self._pdf.open(path)

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder and read all its pictures."""
        name = QFileDialog.getExistingDirectory(self._window, self.tr("Read all pictures of a folder"))
        if name:
            self.open_folder([Path(name)])

    @Slot(list)
    def open_folder(self, paths: list[Path]) -> None:
        """Read files and folders in one go."""
        if self._folder is None:
            from app.batch_window import BatchWindow

            self._folder = BatchWindow(self._inference)
            self._folder.opened.connect(self._on_batch_opened)
        self._folder.start(paths)
        self._folder.show()
        self._folder.raise_()

    @Slot()
    def open_comparison(self) -> None:
        """Lay the preview over the snip."""
        reading = self._controller.reading
        latex = self._window.result.latex()
        if reading is None:
            return
        try:
            preview = preview_for_check(latex)
        except FormulensError as error:
            self.failed.emit(str(error))
            return
        if self._comparison is None:
            from app.selfcheck_view import SelfCheckView

            self._comparison = SelfCheckView()
        self._comparison.set_pictures(reading.picture, preview)
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
            About(model.folder, self._window, symbols=model.symbols, device=device).exec()

    def open_settings(self, settings: Settings, *, has_tray: bool) -> None:
        """Let the user change settings; what they choose comes as `settings_changed`."""
        from app.settings_dialog import SettingsDialog

        dialog = SettingsDialog(settings, self._window, has_tray=has_tray)
        dialog.applied.connect(self.settings_changed)
        self._settings = dialog
        dialog.exec()
        self._settings = None

    def set_hotkey_status(self, outcome: Outcome) -> None:
        """Tell the settings dialog, if it is open, what became of the global key."""
        if self._settings is not None:
            self._settings.set_hotkey_status(outcome.ok, outcome.message)

    @Slot(list)
    def export_history(self, numbers: list[int]) -> None:
        """Write readings to a file of the user's choice."""
        kinds = ";;".join(f"{label} (*{ending})" for label, ending in table_export.TABLE_FORMATS.values())
        name, _ = QFileDialog.getSaveFileName(self._window, self.tr("Export readings"), "formulas.csv", kinds)
        if not name:
            return
        kind = table_export.format_of(Path(name))
        if kind is None:
            self.failed.emit(self.tr("The file's name must end in .csv, .json, .md or .tex."))
            return
        rows = table_export.history_rows(self._history.many(numbers))
        try:
            table_export.write(Path(name), rows, kind)
        except FormulensError as error:
            self.failed.emit(str(error))
        else:
            self.told.emit(self.tr("{} readings are in {}.").format(len(rows), Path(name).name))

    @Slot()
    def export_corrections(self) -> None:
        """Write the corrected readings as training data."""
        name = QFileDialog.getExistingDirectory(self._window, self.tr("Export corrections to an empty folder"))
        if not name:
            return
        try:
            count = corrections.export_corrections(self._history, Path(name))
        except FormulensError as error:
            self.failed.emit(str(error))
        else:
            self.told.emit(self.tr("{} corrected readings are in {}.").format(count, Path(name).name))

    def close(self) -> None:
        """Close what is open."""
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

    @Slot(object, str)
    def _on_batch_opened(self, grey: Grey, name: str) -> None:
        self._window.bring_up()
        self._controller.read(grey, Origin("folder", name))
