"""The canvas with its tools, and the pause after which a drawing is handed on to be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import file_dialogs
from app.icons import icon
from app.ink_canvas import InkCanvas, Tool
from app.surface import Surface
from app.theme import set_text_role
from app.words import translate
from core_model.errors import FormulensError
from core_model.ink import Ink, InkError, read_ink_file, write_inkml

WIDTH_LEAST, WIDTH_MOST = 0.5, 20.0
_WIDTH_STEP = 0.5
_SLIDER_MOST = 8.0  # wider lines than this only the settings give
_ZOOM_STEP = 1.25


@dataclass(frozen=True)
class InkOptions:
    """How the panel behaves; what the settings keep of it."""

    recognise_while_drawing: bool = True
    pause_ms: int = 300
    """Milliseconds without the pen down before a drawing is handed on."""
    pen_width: float = 2.5
    """In pixels at zoom 1."""
    grid: bool = True

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.pause_ms <= 60_000:
            problems.append(_outside("pause_ms", 0, 60_000, self.pause_ms))
        if not WIDTH_LEAST <= self.pen_width <= WIDTH_MOST:
            problems.append(_outside("pen_width", WIDTH_LEAST, WIDTH_MOST, self.pen_width))
        if problems:
            raise ValueError("; ".join(problems))


def _outside(name: str, least: float, most: float, value: float) -> str:
    told = translate("InkOptions", "{name} must lie in {least}..{most}, not {value}")
    return told.format(name=name, least=f"{least:g}", most=f"{most:g}", value=value)


class InkPanel(QWidget):
    """A canvas to draw a formula on."""

    ink_changed = Signal(object)
    """`Ink`, a pause after the user's last stroke or edit, if recognition follows drawing; empty once all is gone."""
    recognize_requested = Signal(object)
    """`Ink`: the user asked for it."""
    options_changed = Signal(object)
    """`InkOptions`, as the user set them here."""
    failed = Signal(str)
    """A message to show: a file cannot be opened or saved."""

    def __init__(self, options: InkOptions | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._options = options or InkOptions()
        self.canvas = InkCanvas()
        self._bar = QToolBar()
        self._width = QSlider(Qt.Orientation.Horizontal)
        self._auto = QCheckBox(self.tr("Read while I draw"))
        self._read = QPushButton(self.tr("Read"))
        self._note = QLabel(self.tr("This model was made for printed formulas: it knows little of handwriting."))
        self._pause = QTimer(self, singleShot=True)
        self._pause.timeout.connect(self._hand_on)
        self.setFocusProxy(self.canvas)
        self._make_actions()
        self._fill_bar()
        self._lay_out()
        self._connect()
        self.set_options(self._options)
        self._show_state()

    def ink(self) -> Ink:
        return self.canvas.ink()

    def set_ink(self, ink: Ink) -> None:
        """Show an ink. Nothing is handed on: whoever sets it knows it."""
        self._pause.stop()
        self.canvas.set_ink(ink)

    def options(self) -> InkOptions:
        return self._options

    def set_options(self, options: InkOptions) -> None:
        """Take over options, from the settings; `options_changed` is not sent."""
        self._options = options
        self.canvas.set_pen_width(options.pen_width)
        self.canvas.set_grid(options.grid)
        self._pause.setInterval(options.pause_ms)
        for widget in (self._auto, self._grid, self._width):
            widget.blockSignals(True)  # what they show is no wish of the user; and the slider knows halves only
        self._auto.setChecked(options.recognise_while_drawing)
        self._grid.setChecked(options.grid)
        self._width.setValue(round(min(options.pen_width, _SLIDER_MOST) / _WIDTH_STEP))
        for widget in (self._auto, self._grid, self._width):
            widget.blockSignals(False)
        self._show_width()
        if not options.recognise_while_drawing:
            self._pause.stop()

    def set_for_print(self, on: bool) -> None:
        """Say, or say no more, that the model has seen no handwriting."""
        self._note.setVisible(on)

    def open_file(self, path: Path) -> bool:
        """Put the ink of a file on the canvas; undo brings back what was there. Tells whether it worked."""
        try:
            inks = read_ink_file(path)
            if len(inks) != 1:
                message = self.tr("{file} holds {count} inks; the canvas opens files with one.")
                raise InkError(message.format(file=path, count=len(inks)))
            if not inks[0].strokes:
                raise InkError(self.tr("{file} holds no strokes; there is nothing to show.").format(file=path))
        except FormulensError as error:
            self.failed.emit(str(error))
            return False
        self.canvas.set_ink(inks[0])
        self._on_changed()
        return True

    def save_file(self, path: Path) -> bool:
        """Write the ink as InkML. Tells whether it worked."""
        try:
            write_inkml(path, self.canvas.ink())
        except FormulensError as error:
            self.failed.emit(str(error))
            return False
        return True

    def _make_actions(self) -> None:
        group = QActionGroup(self)
        self._tools = {
            Tool.PEN: self._action("pen", self.tr("Pen"), "P"),
            Tool.STROKE_ERASER: self._action("eraser", self.tr("Erase strokes"), "E"),
            Tool.AREA_ERASER: self._action("eraser-area", self.tr("Erase parts of strokes"), "Shift+E"),
        }
        for tool, action in self._tools.items():
            action.setCheckable(True)
            action.setData(tool)
            group.addAction(action)
        self._tools[Tool.PEN].setChecked(True)
        group.triggered.connect(self._on_tool)
        self._undo = self._action("undo", self.tr("Undo"), "Ctrl+Z")
        self._redo = self._action("redo", self.tr("Redo"), "Ctrl+Shift+Z", "Ctrl+Y")
        self._clear = self._action("clear", self.tr("Clear"), "Delete")
        self._grid = self._action("grid", self.tr("Grid"), "G")
        self._grid.setCheckable(True)
        self._fit = self._action("fit", self.tr("Show all at usual size"), "Ctrl+0")
        self._open = self._action("open", self.tr("Open ink…"))
        self._save = self._action("export", self.tr("Save ink as InkML…"))
        self._closer = self._action("zoom-in", self.tr("Zoom in"), "Ctrl++", "Ctrl+=")
        self._farther = self._action("zoom-out", self.tr("Zoom out"), "Ctrl+-")

    def _action(self, picture: str, name: str, *keys: str) -> QAction:
        """An action of this panel: its keys work while the focus is in it."""
        action = QAction(icon(picture), name, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shown = QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if keys else ""
        action.setToolTip(f"{name} ({shown})" if shown else name)
        self.addAction(action)
        return action

    def _fill_bar(self) -> None:
        bar = self._bar
        bar.setAccessibleName(self.tr("Drawing tools"))
        bar.setIconSize(QSize(20, 20))
        bar.setMovable(False)
        bar.addActions(list(self._tools.values()))
        self._width.setRange(round(WIDTH_LEAST / _WIDTH_STEP), round(_SLIDER_MOST / _WIDTH_STEP))
        self._width.setFixedWidth(72)
        self._width.setAccessibleName(self.tr("Pen width"))
        bar.addWidget(self._width)
        bar.addSeparator()
        bar.addActions([self._undo, self._redo, self._clear])
        bar.addSeparator()
        bar.addActions([self._grid, self._farther, self._closer, self._fit])
        bar.addSeparator()
        bar.addActions([self._open, self._save])
        more = bar.findChild(QToolButton, "qt_toolbar_ext_button")  # Qt's own, for what finds no room
        if more is not None:
            more.setAccessibleName(self.tr("More drawing tools"))
            more.setStyleSheet("padding: 0; border: none;")  # else the padding of buttons hides its sign
            more.setIcon(icon("more"))
            more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for action in bar.actions():
            button = bar.widgetForAction(action)
            if isinstance(button, QToolButton):
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                button.setAccessibleName(action.text())
        if more is not None:
            QWidget.setTabOrder(bar.widgetForAction(self._save), more)  # it is the bar's first child

    def _lay_out(self) -> None:
        self._read.setIcon(icon("search"))
        self._read.setIconSize(QSize(22, 16))  # wider than the drawing, which keeps it off the text
        self._read.setToolTip(self.tr("Read the drawing now (R)"))
        self._auto.setToolTip(self.tr("A short pause after each stroke, the drawing is read"))
        row = QHBoxLayout()
        row.setSpacing(8)
        self._bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.addWidget(self._bar, 1)
        row.addWidget(self._auto)
        row.addWidget(self._read)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 8)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(Surface(self.canvas), 1)
        set_text_role(self._note, "muted")
        self._note.setWordWrap(True)
        self._note.hide()
        column.addWidget(self._note)

    def _connect(self) -> None:
        self.canvas.changed.connect(self._on_changed)
        self.canvas.updated.connect(self._show_state)
        self.canvas.stroke_started.connect(self._pause.stop)
        self._undo.triggered.connect(self.canvas.undo)
        self._redo.triggered.connect(self.canvas.redo)
        self._clear.triggered.connect(self.canvas.clear)
        self._fit.triggered.connect(self.canvas.reset_view)
        self._closer.triggered.connect(self._zoom_in)
        self._farther.triggered.connect(self._zoom_out)
        self._open.triggered.connect(self._choose_and_open)
        self._save.triggered.connect(self._choose_and_save)
        self._grid.toggled.connect(self._on_option)
        self._auto.toggled.connect(self._on_option)
        self._width.valueChanged.connect(self._on_width)
        self._read.clicked.connect(self._request)
        read = self._action("search", self.tr("Read the drawing now"), "R")
        read.triggered.connect(self._request)

    @Slot()
    def _on_changed(self) -> None:
        if self._options.recognise_while_drawing:
            self._pause.start()

    @Slot()
    def _hand_on(self) -> None:
        self.ink_changed.emit(self.canvas.ink())

    @Slot()
    def _request(self) -> None:
        self._pause.stop()  # once is enough
        if self.canvas.ink().strokes:
            self.recognize_requested.emit(self.canvas.ink())

    @Slot()
    def _show_state(self) -> None:
        drawn = bool(self.canvas.ink().strokes)
        self._undo.setEnabled(self.canvas.can_undo())
        self._redo.setEnabled(self.canvas.can_redo())
        for action in (self._clear, self._save):
            action.setEnabled(drawn)
        self._read.setEnabled(drawn)

    @Slot(QAction)
    def _on_tool(self, action: QAction) -> None:
        self.canvas.set_tool(action.data())

    @Slot()
    def _zoom_in(self) -> None:
        self.canvas.zoom_by(_ZOOM_STEP)

    @Slot()
    def _zoom_out(self) -> None:
        self.canvas.zoom_by(1 / _ZOOM_STEP)

    @Slot(int)
    def _on_width(self, steps: int) -> None:
        self._take(self._auto.isChecked(), self._grid.isChecked(), steps * _WIDTH_STEP)

    @Slot()
    def _on_option(self) -> None:
        self._take(self._auto.isChecked(), self._grid.isChecked(), self._options.pen_width)

    def _take(self, auto: bool, grid: bool, width: float) -> None:
        options = InkOptions(auto, self._options.pause_ms, width, grid)
        if options == self._options:
            return
        begun = auto and not self._options.recognise_while_drawing
        self.set_options(options)
        self.options_changed.emit(options)
        if begun and self.canvas.ink().strokes:
            self._pause.start()  # what stands there already is read as well

    def _show_width(self) -> None:
        self._width.setToolTip(self.tr("Pen width: {width:g} px").format(width=self._options.pen_width))

    @Slot()
    def _choose_and_open(self) -> None:
        kinds = self.tr("Ink (*.inkml *.json);;All files (*)")
        path = file_dialogs.ask_open_one(self, self.tr("Open ink"), kinds)
        if path is not None:
            self.open_file(path)

    @Slot()
    def _choose_and_save(self) -> None:
        path = file_dialogs.ask_save(self, self.tr("Save ink"), self.tr("formula.inkml"), {"InkML": (".inkml",)})
        if path is not None:
            self.save_file(path)
