"""The settings dialog: what can be set, on five pages. It changes nothing itself but emits new `Settings`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QKeySequenceEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.icons import icon
from app.settings import DELAYS, DEVICES, THEMES, Settings
from app.settings_page import STEP, PathField, PercentBox, SettingsPage, choice, decimal, read, whole, write

MODEL_FILES = ("model.safetensors", "config.json", "vocab.txt")
KINDS = QDialogButtonBox.StandardButton


class SettingsDialog(QDialog):
    """Shows settings, and emits what the user made of them."""

    applied = Signal(object)
    """The new `Settings`, when OK or Apply was pressed and something has changed."""

    def __init__(
        self, settings: Settings, parent: QWidget | None = None, *, no_hotkey: str = "", has_tray: bool = True
    ) -> None:
        """Show `settings`; `no_hotkey` says why no global shortcut can be had here, where that is so."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self._settings = settings
        self._list = QListWidget()
        self._stack = QStackedWidget()
        self.fields: dict[str, QWidget] = {}
        """The fields by the name of their setting."""
        self._make_general(has_tray)
        self._make_snip(no_hotkey)
        self._make_reading()
        self._make_drawing()
        self._make_preview()
        self._lay_out()
        self.show_settings(settings)

    def show_settings(self, settings: Settings) -> None:
        """Fill in all fields; nothing is emitted."""
        self._settings = settings
        for name, field in self.fields.items():
            write(field, getattr(settings, name))

    def settings(self) -> Settings:
        """What the fields say now; what the dialog does not show is as it was."""
        return replace(self._settings, **{name: read(field) for name, field in self.fields.items()})

    def set_hotkey_status(self, ok: bool, message: str) -> None:
        """Say beneath the shortcut what became of it."""
        self._hotkey_hint.say(message, "muted" if ok else "error")

    # the pages

    def _make_general(self, has_tray: bool) -> None:
        page = self._page("settings", self.tr("General"))
        labels = {"system": self.tr("As the system"), "light": self.tr("Light"), "dark": self.tr("Dark")}
        self.fields["theme"] = choice({labels[key]: key for key in THEMES})
        page.row(self.tr("&Theme"), self.fields["theme"])
        tray = QCheckBox(self.tr("Closing the window leaves Formulens in the t&ray"))
        tray.setEnabled(has_tray)
        page.row("", tray, "" if has_tray else self.tr("This desktop has no tray."))
        self.fields["close_to_tray"] = tray
        self.fields["history_enabled"] = QCheckBox(self.tr("&Keep a history of all readings"))
        page.row("", self.fields["history_enabled"], self.tr("It stays on this computer."))

    def _make_snip(self, no_hotkey: str) -> None:
        from app.formats import FORMATS

        page = self._page("snip", self.tr("Snip and copy"))
        hotkey = QKeySequenceEdit()
        hotkey.setMaximumSequenceLength(1)
        hotkey.setClearButtonEnabled(True)
        hotkey.setEnabled(not no_hotkey)
        said = no_hotkey or self.tr("Snips while any window is in front. Click here and press the keys.")
        self._hotkey_hint = page.row(self.tr("&Global shortcut"), hotkey, said)
        self.fields["hotkey"] = hotkey
        delays = {self.tr("{} s").format(seconds) if seconds else self.tr("None"): seconds for seconds in DELAYS}
        self.fields["snip_delay"] = choice(delays)
        page.row(self.tr("&Delay"), self.fields["snip_delay"], self.tr("Time to open a menu that is to be snipped."))
        page.gap()
        self.fields["copy_format"] = choice({one.label: one.key for one in FORMATS})
        page.row(self.tr("Copy &as"), self.fields["copy_format"])
        self.fields["png_scale"] = decimal(1, 8, 0.5, " ×")
        page.row(self.tr("&PNG enlargement"), self.fields["png_scale"])
        self.fields["copy_at_once"] = QCheckBox(self.tr("Copy each reading at &once"))
        page.row("", self.fields["copy_at_once"], self.tr("Replaces what is on the clipboard without asking."))

    def _make_reading(self) -> None:
        page = self._page("search", self.tr("Reading"))
        model = PathField(self.tr("The one in the box"), self.tr("Choose a model’s folder"))
        self._model_hint = page.row(self.tr("&Model"), model, " ")
        model.browse.connect(self._choose_model)
        model.changed.connect(self._check_model)
        self.fields["checkpoint"] = model
        labels = {"auto": self.tr("The fastest there is"), "cpu": "CPU", "mps": "Apple GPU", "cuda": "NVIDIA GPU"}
        self.fields["device"] = choice({labels[key]: key for key in DEVICES})
        page.row(self.tr("&Device"), self.fields["device"])
        self.fields["beam"] = whole(1, 16)
        page.row(self.tr("&Beam"), self.fields["beam"], self.tr("Readings followed at once; more is slower."))
        self.fields["low_confidence"] = PercentBox()
        page.row(
            self.tr("&Unsure below"), self.fields["low_confidence"], self.tr("Tokens of less confidence are marked.")
        )
        self._check_model()

    def _make_drawing(self) -> None:
        page = self._page("draw", self.tr("Drawing"))
        follow = QCheckBox(self.tr("&Read while drawing"))
        page.row("", follow)
        self.fields["recognise_while_drawing"] = follow
        pause = whole(50, 5000, " ms", 50)
        page.row(self.tr("&Pause"), pause, self.tr("How long the pen rests before the drawing is read."))
        self.fields["pause_ms"] = pause
        follow.toggled.connect(pause.setEnabled)
        pause.setEnabled(False)  # as `follow` starts; from here on they go together
        self.fields["pen_width"] = decimal(0.5, 20, 0.5, " px")
        page.row(self.tr("Pen &width"), self.fields["pen_width"])
        self.fields["grid"] = QCheckBox(self.tr("Show a &grid"))
        page.row("", self.fields["grid"])

    def _make_preview(self) -> None:
        page = self._page("blink", self.tr("Preview"))
        font = PathField(self.tr("The one in the box"), self.tr("Choose an OpenType math font"))
        self._font_hint = page.row(self.tr("&Font"), font, " ")
        font.browse.connect(self._choose_font)
        font.changed.connect(self._check_font)
        self.fields["preview_font"] = font
        self.fields["preview_size"] = decimal(8, 96, 1, " px")
        page.row(self.tr("&Size"), self.fields["preview_size"])
        self._check_font()

    def _page(self, name: str, title: str) -> SettingsPage:
        page = SettingsPage(title)
        self._stack.addWidget(page)
        QListWidgetItem(icon(name, self.palette()), title, self._list).setSizeHint(QSize(0, 36))
        return page

    def _lay_out(self) -> None:
        self._list.setObjectName("pages")
        self._list.setAccessibleName(self.tr("Pages"))
        self._list.setFixedWidth(22 * STEP)
        self._list.setIconSize(QSize(18, 18))
        self._list.currentRowChanged.connect(self._stack.setCurrentIndex)
        self._list.setCurrentRow(0)
        self._buttons = QDialogButtonBox(KINDS.RestoreDefaults | KINDS.Cancel | KINDS.Apply | KINDS.Ok)
        self._buttons.clicked.connect(self._clicked)
        for button in self._buttons.buttons():
            if isinstance(button, QPushButton):
                button.setAutoDefault(False)  # else the first of them takes Enter
        self._buttons.button(KINDS.Ok).setDefault(True)
        upper = QHBoxLayout()
        upper.setSpacing(3 * STEP)
        upper.addWidget(self._list)
        upper.addWidget(self._stack, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * STEP, 2 * STEP, 2 * STEP, 2 * STEP)
        column.setSpacing(2 * STEP)
        column.addLayout(upper, 1)
        column.addWidget(self._buttons)
        self.resize(90 * STEP, 58 * STEP)

    # what the user does

    @Slot(QAbstractButton)
    def _clicked(self, button: QAbstractButton) -> None:
        kind = self._buttons.standardButton(button)
        if kind == KINDS.RestoreDefaults:
            for name, field in self.fields.items():
                write(field, getattr(Settings(), name))
        elif kind == KINDS.Cancel:
            self.reject()
        else:
            self._apply()
            if kind == KINDS.Ok:
                self.accept()

    def _apply(self) -> None:
        new = self.settings()
        if new != self._settings:
            self._settings = new
            self.applied.emit(new)

    @Slot()
    def _choose_model(self) -> None:
        field = self.fields["checkpoint"]
        folder = QFileDialog.getExistingDirectory(self, self.tr("A model’s folder"), read(field))
        if folder:
            write(field, folder)

    @Slot()
    def _choose_font(self) -> None:
        field = self.fields["preview_font"]
        kinds = self.tr("Fonts") + " (*.otf *.ttf)"
        name, _ = QFileDialog.getOpenFileName(self, self.tr("An OpenType math font"), read(field), kinds)
        if name:
            write(field, name)

    @Slot()
    def _check_model(self) -> None:
        folder = read(self.fields["checkpoint"])
        missing = [name for name in MODEL_FILES if folder and not (Path(folder) / name).is_file()]
        if missing:
            self._model_hint.say(self.tr("No model is there: {} is missing.").format(", ".join(missing)), "error")
        else:
            self._model_hint.say(self.tr("A folder written by trainer export."))

    @Slot()
    def _check_font(self) -> None:
        name = read(self.fields["preview_font"])
        if name and not Path(name).is_file():
            self._font_hint.say(self.tr("There is no such file."), "error")
        else:
            self._font_hint.say(self.tr("A file of an OpenType font with a MATH table."))
