"""The window: ways in at the top, the reading in the middle, the history beside it, the state below. No logic.

empty page | (drawing over) result | history
"""

from __future__ import annotations

import sys

from PySide6.QtCore import QByteArray, QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QFont,
    QKeyEvent,
    QKeySequence,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import file_dialogs
from app.history_panel import HistoryPanel
from app.icons import icon
from app.ink_panel import InkPanel
from app.message_bar import MessageBar
from app.result_panel import ResultPanel
from app.status_line import StatusLine
from app.welcome import Welcome

DELAYS = (0, 1, 3, 5)
"""Seconds before a snip, for menus that close when another window is clicked."""
HISTORY_KEYS = "Ctrl+Shift+H" if sys.platform == "darwin" else "Ctrl+H"
"""On macOS, ⌘H hides a program."""


class MainWindow(QMainWindow):
    """Puts the panels together and offers every action; what they do is the application's."""

    snip_requested = Signal(int)
    """Seconds to wait."""
    again_requested = Signal()
    paste_requested = Signal()
    files_chosen = Signal(list)
    """Paths."""
    folder_requested = Signal()
    dropped = Signal(QMimeData)
    settings_requested = Signal()
    about_requested = Signal()
    copy_requested = Signal()
    """Copy in the chosen format."""
    quit_requested = Signal()
    cancel_requested = Signal()
    """Give up what is under way: Esc, where nothing else has taken it."""
    closing = Signal(QCloseEvent)
    delay_changed = Signal(int)
    first_painted = Signal()
    """The window can be seen."""

    def __init__(self, result: ResultPanel, ink: InkPanel, history: HistoryPanel) -> None:
        super().__init__()
        self.result = result
        self.ink = ink
        self.history = history
        self.messages = MessageBar()
        self.status = StatusLine()
        self.welcome = Welcome()
        self._painted = False
        self._split_sizes: list[int] = []
        self.setWindowTitle("Formulens")
        self.setWindowIcon(icon("logo"))
        self.setAcceptDrops(True)
        self.resize(1080, 760)

        self._pages = QStackedWidget()
        self._pages.addWidget(self.welcome)
        self._pages.addWidget(result)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.addWidget(ink)
        self._split.addWidget(self._pages)
        self._split.setChildrenCollapsible(False)
        self._split.setStretchFactor(0, 2)
        self._split.setStretchFactor(1, 3)
        ink.hide()
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.messages)
        column.addWidget(self._split, 1)
        self.setCentralWidget(middle)
        self.setStatusBar(self.status)

        self._dock = QDockWidget(self.tr("History"))
        self._dock.setObjectName("history")
        self._dock.setWidget(history)
        self._dock.setTitleBarWidget(self._dock_title())
        self._dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable | QDockWidget.DockWidgetFeature.DockWidgetMovable
        )
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self._dock)
        self._dock.hide()
        self._make_actions()
        self._make_tool_bar()
        self._make_menus()

    def _dock_title(self) -> QWidget:
        """The history's name and the way to close it, in line with what stands below."""
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 8, 8, 0)
        name = QLabel(self.tr("History"))
        font = name.font()
        font.setWeight(QFont.Weight.DemiBold)
        name.setFont(font)
        close = QToolButton()
        close.setIcon(icon("close"))
        close.setAutoRaise(True)
        close.setAccessibleName(self.tr("Close the history"))
        close.setToolTip(f"{self.tr('Close the history')} ({_native(HISTORY_KEYS)})")
        close.clicked.connect(self._dock.close)
        row.addWidget(name, 1)
        row.addWidget(close)
        return bar

    # what is shown

    def show_result(self) -> None:
        """Show the result panel instead of the empty page."""
        self._pages.setCurrentWidget(self.result)
        for action in (self.copy_action, self.copy_menu_action, self.compare_action):
            action.setEnabled(True)

    def set_drawing(self, on: bool) -> None:
        """Show or hide the canvas."""
        self.draw_action.setChecked(on)
        self._remember_split()
        self.ink.setVisible(on)
        if on:
            if self._split_sizes:
                self._split.setSizes(self._split_sizes)
            self.ink.setFocus()

    def set_repeatable(self, possible: bool) -> None:
        """Whether there is a region to snip again."""
        self.again_action.setEnabled(possible)

    def set_delay(self, seconds: int) -> None:
        """The delay that the snip button uses."""
        for action in self._delays.actions():
            action.setChecked(action.data() == seconds)

    def delay(self) -> int:
        """Seconds that the snip button waits."""
        checked = self._delays.checkedAction()
        return 0 if checked is None else int(checked.data())

    def bring_up(self) -> None:
        """Show the window before all others, wherever it was."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def remembered(self) -> tuple[str, str]:
        """Geometry and state as text for the settings."""
        return (
            bytes(self.saveGeometry().toBase64().data()).decode(),
            bytes(self.saveState().toBase64().data()).decode(),
        )

    def split_state(self) -> str:
        """How canvas and reading share the height, for the settings; empty if they never did."""
        self._remember_split()
        return ",".join(map(str, self._split_sizes))

    def restore_split(self, state: str) -> None:
        """Inverse of `split_state`; anything else changes nothing."""
        sizes = [int(part) for part in state.split(",") if part.isdecimal()]
        if len(sizes) == 2 and all(sizes):
            self._split_sizes = sizes

    def _remember_split(self) -> None:
        if all(self._split.sizes()):
            self._split_sizes = self._split.sizes()

    def restore(self, geometry: str, state: str) -> None:
        """Inverse of `remembered`; what does not fit any more is passed over by Qt."""
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
        if state:
            self.restoreState(QByteArray.fromBase64(state.encode()))

    # actions

    def _make_actions(self) -> None:
        self.snip_action = self._action("snip", self.tr("&Snip"), "F2", self.tr("Snip a formula on the screen"))
        self.snip_action.triggered.connect(lambda: self.snip_requested.emit(self.delay()))
        self.again_action = self._action("again", self.tr("Snip &again"), "F3", self.tr("Snip the same region again"))
        self.again_action.triggered.connect(self.again_requested)
        self.again_action.setEnabled(False)
        self.draw_action = self._action("draw", self.tr("&Draw"), "F4", self.tr("Draw a formula"), checkable=True)
        self.draw_action.toggled.connect(self.set_drawing)
        self.paste_action = self._action(
            "paste", self.tr("&Paste picture"), "Ctrl+V", self.tr("Read the copied picture")
        )
        self.paste_action.triggered.connect(self._paste)
        self.open_action = self._action("open", self.tr("&Open…"), "Ctrl+O", self.tr("Open pictures or a PDF"))
        self.open_action.triggered.connect(self._choose_files)
        self.folder_action = self._action(
            "folder", self.tr("&Folder…"), "Ctrl+Shift+O", self.tr("Read all pictures of a folder")
        )
        self.folder_action.triggered.connect(self.folder_requested)
        self.copy_action = self._action("copy", self.tr("&Copy"), "Ctrl+Enter", self.tr("Copy in the chosen format"))
        self.copy_action.setShortcuts([QKeySequence("Ctrl+Enter"), QKeySequence("Ctrl+Return")])
        self.copy_action.triggered.connect(self.copy_requested)
        self.copy_menu_action = self._action(
            "copy", self.tr("Copy &as…"), "Ctrl+Shift+C", self.tr("Choose the format to copy in")
        )
        self.copy_menu_action.triggered.connect(self.result.open_copy_menu)
        self.compare_action = self._action(
            "side-by-side", self.tr("Co&mpare"), "Ctrl+D", self.tr("Lay the preview over the picture")
        )
        self.compare_action.triggered.connect(self.result.compare_button.click)
        for action in (self.copy_action, self.copy_menu_action, self.compare_action):
            action.setEnabled(False)
        self.history_action = self._dock.toggleViewAction()
        self.history_action.setIcon(icon("history"))
        self.history_action.setText(self.tr("&History"))
        self.history_action.setShortcut(QKeySequence(HISTORY_KEYS))
        self.history_action.triggered.connect(lambda shown: self.history.setFocus() if shown else None)
        self.history_action.setToolTip(f"{self.tr('Earlier readings')} ({_native(HISTORY_KEYS)})")
        self.settings_action = self._action("settings", self.tr("S&ettings…"), "Ctrl+,", self.tr("Settings"))
        self.settings_action.triggered.connect(self.settings_requested)
        self.about_action = self._action("about", self.tr("&About Formulens"), "", self.tr("Versions and licences"))
        self.about_action.triggered.connect(self.about_requested)
        self.quit_action = self._action("quit", self.tr("&Quit"), "Ctrl+Q", self.tr("End Formulens"))
        self.quit_action.triggered.connect(self.quit_requested)
        self._delays = QActionGroup(self)
        for seconds in DELAYS:
            text = self.tr("At once") if seconds == 0 else self.tr("After {} s").format(seconds)
            action = self._delays.addAction(text)
            action.setCheckable(True)
            action.setChecked(seconds == 0)
            action.setData(seconds)
        self._delays.triggered.connect(lambda action: self.delay_changed.emit(action.data()))
        self.welcome.snip.connect(self.snip_action.trigger)
        self.welcome.draw.connect(self.draw_action.trigger)
        self.welcome.open.connect(self.open_action.trigger)

    def _action(self, name: str, text: str, keys: str, hint: str, *, checkable: bool = False) -> QAction:
        action = QAction(icon(name), text, self)
        action.setCheckable(checkable)
        if keys:
            action.setShortcut(QKeySequence(keys))
            hint = f"{hint} ({_native(keys)})"
        action.setToolTip(hint)
        self.addAction(action)
        return action

    def _make_tool_bar(self) -> None:
        bar = QToolBar(self.tr("Actions"))
        bar.setObjectName("actions")
        bar.setMovable(False)
        bar.setIconSize(QSize(26, 20))  # wider than the drawing, which keeps it off the text
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.addToolBar(bar)
        bar.addAction(self.snip_action)
        button = bar.widgetForAction(self.snip_action)
        assert isinstance(button, QToolButton)
        menu = QMenu(button)
        menu.addActions(self._delays.actions())
        menu.addSeparator()
        menu.addAction(self.again_action)
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        for action in (self.draw_action, self.open_action, self.folder_action):
            bar.addAction(action)
        room = QWidget()
        room.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(room)
        bar.addAction(self.history_action)
        bar.addAction(self.settings_action)
        last = bar.widgetForAction(self.settings_action)
        assert isinstance(last, QToolButton)
        last.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        last.setIconSize(QSize(20, 20))
        for action in bar.actions():
            widget = bar.widgetForAction(action)
            if isinstance(widget, QToolButton):
                widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                widget.setAccessibleName(action.toolTip())

    def _make_menus(self) -> None:
        bar = self.menuBar()
        file = bar.addMenu(self.tr("&File"))
        file.addActions([self.snip_action, self.again_action])
        delays = file.addMenu(self.tr("Snip &delay"))
        delays.addActions(self._delays.actions())
        file.addActions([self.draw_action, self.paste_action, self.open_action, self.folder_action])
        file.addSeparator()
        file.addAction(self.quit_action)
        edit = bar.addMenu(self.tr("&Edit"))
        edit.addActions([self.copy_action, self.copy_menu_action])
        edit.addSeparator()
        edit.addAction(self.settings_action)
        view = bar.addMenu(self.tr("&View"))
        view.addActions([self.history_action, self.compare_action])
        help_menu = bar.addMenu(self.tr("&Help"))
        help_menu.addAction(self.about_action)

    def _paste(self) -> None:
        """A copied picture or file is read; text goes to the field that has the focus, also if a picture is with it."""
        data = QApplication.clipboard().mimeData() or QMimeData()  # there may be nothing at all
        field = QApplication.focusWidget()
        # Links are text; Word and Excel give a picture of the text beside it, files have their names beside them.
        files = any(url.isLocalFile() for url in data.urls())
        text = data.hasFormat("text/plain") or not (data.hasImage() or data.hasUrls())
        if text and not files and field is not None and hasattr(field, "paste"):
            field.paste()
        else:
            self.paste_requested.emit()

    def _choose_files(self) -> None:
        endings = "*.png *.jpg *.jpeg *.webp *.gif *.bmp *.tif *.tiff *.pdf *.inkml"
        kinds = self.tr("Pictures, PDF and ink ({});;All files (*)").format(endings)
        paths = file_dialogs.ask_open(self, self.tr("Open"), kinds)
        if paths:
            self.files_chosen.emit(paths)

    # events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take pictures and files."""
        if event.mimeData().hasImage() or event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand on what was dropped."""
        event.acceptProposedAction()
        self.dropped.emit(event.mimeData())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc that nothing else in the window has a use for."""
        if event.key() == Qt.Key.Key_Escape and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            self.cancel_requested.emit()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """The application decides whether to go to the tray or to end."""
        self.closing.emit(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tell of the first time: what may wait for the window begins then."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self.first_painted.emit)


def _native(keys: str) -> str:
    """A shortcut as this desktop writes it."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
