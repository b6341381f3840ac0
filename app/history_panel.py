"""The history beside the window: search, favourites, the list, and what can be done with a reading."""

from __future__ import annotations

from contextlib import suppress

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QObject, QPoint, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.history import Deleted, Entry, History
from app.history_list import ENTRY_ROLE, FAVOURITE_ROLE, HistoryDelegate, HistoryModel
from app.icons import icon
from app.message_bar import MessageBar
from core_model.errors import FormulensError

SEARCH_MS = 120
UNDO_MS = 15_000


class HistoryPanel(QWidget):
    """Shows a history. Deletes and marks favourites in it; all else is asked for by signals."""

    opened = Signal(int)
    rerun = Signal(int)
    copy_requested = Signal(str)
    """LaTeX, of several readings one a line."""
    export_requested = Signal(list)
    """Ids of readings."""
    corrections_requested = Signal()
    failed = Signal(str)

    def __init__(self, history: History, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._undoable: list[Deleted] = []
        self._said = ""
        self.search = QLineEdit()
        self.favourites = QToolButton()
        self.more = QToolButton()
        self.list = QListView()
        self.problem_bar = MessageBar()
        self.undo_bar = MessageBar()
        self._empty = QLabel()
        self._pages = QStackedWidget()
        self._model = HistoryModel(history, self)
        self._model.failed.connect(self.failed)
        self._search_timer = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._search_timer.timeout.connect(self._filter)
        self._undo_timer = QTimer(self, singleShot=True, interval=UNDO_MS)
        self._undo_timer.timeout.connect(self._expire)
        self._make_actions()
        self._make_bar()
        self._make_list()
        self._lay_out()
        self.refresh()

    def refresh(self) -> None:
        """Show the history as it is now."""
        chosen = self.selected()
        self._model.refresh()
        if chosen and not self.selected():
            self._choose(chosen)
        self._show_state()

    def selected(self) -> list[int]:
        """Ids of the selected readings, in the order of the list."""
        rows = sorted(index.row() for index in self.list.selectionModel().selectedIndexes())
        return [self._model.id_of(self._model.index(row)) for row in rows]

    def select(self, number: int) -> None:
        """Select a reading and scroll to it."""
        self._choose([number])

    def delete_selected(self) -> None:
        """Delete the selected readings, with a way back for some seconds."""
        chosen = self.selected()
        if not chosen:
            return
        row = self._model.index_of(chosen[0]).row()
        try:
            self._undoable.append(self._history.delete(chosen))
        except FormulensError as error:
            self.failed.emit(str(error))
            return
        self._model.refresh()
        self._show_state()
        if self._model.rowCount():
            self._choose([self._model.ids()[min(row, self._model.rowCount() - 1)]])
        count = sum(len(deleted.ids) for deleted in self._undoable)
        text = self.tr("One reading deleted.") if count == 1 else self.tr("{} readings deleted.").format(count)
        self.undo_bar.show_message(text, "info", self.tr("Undo"))
        self._undo_timer.start()

    @Slot()
    def undo_delete(self) -> None:
        """Bring back what was deleted since the bar with Undo appeared."""
        deleted, self._undoable = self._undoable, []
        self._undo_timer.stop()
        self.undo_bar.hide()
        if not deleted:
            return
        try:
            for one in deleted:
                self._history.restore(one)
        except FormulensError as error:
            self._undoable = deleted
            self.failed.emit(str(error))
        self._model.refresh()
        self._show_state()
        self._choose([number for one in deleted for number in one.ids])

    def menu(self) -> QMenu:
        """What can be done with the selected readings."""
        entries = self._selected_entries()
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._favourite_action.setText(
            self.tr("Remove from &favourites") if _all_favourites(entries) else self.tr("Add to &favourites")
        )
        for action in (self._open_action, self._rerun_action):
            action.setEnabled(len(entries) == 1)
        menu.addActions([self._open_action, self._copy_action, self._favourite_action, self._rerun_action])
        menu.addSeparator()
        menu.addActions([self._export_action, self._delete_action])
        for action in menu.actions():
            if not entries:
                action.setEnabled(False)
        menu.aboutToHide.connect(self._enable_actions)
        return menu

    def sizeHint(self) -> QSize:
        """So wide that formulas can be told from another."""
        return QSize(320, 480)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """From the search field, Down and Enter go to the list; Esc empties the field."""
        if watched is self.search and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._filter()
                self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)
                if self._model.rowCount() and not self.selected():
                    self._choose(self._model.ids()[:1])
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return super().eventFilter(watched, event)

    # building

    def _make_actions(self) -> None:
        self._open_action = self._action("open", self.tr("&Open"), "", self._open)
        self._copy_action = self._action("copy", self.tr("&Copy LaTeX"), "Ctrl+C", self._copy)
        self._favourite_action = self._action("star", self.tr("Add to &favourites"), "Ctrl+B", self._toggle_favourite)
        self._rerun_action = self._action("refresh", self.tr("Read &again with the present model"), "F5", self._rerun)
        self._export_action = self._action("export", self.tr("&Export…"), "Ctrl+E", self._export_selected)
        self._delete_action = self._action("delete", self.tr("&Delete"), "Del", self.delete_selected)
        undo = QAction(self.tr("Undo deleting"), self)
        undo.setShortcut(QKeySequence(QKeySequence.StandardKey.Undo))
        undo.triggered.connect(self.undo_delete)
        self.list.addAction(undo)
        undo.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        find = QAction(self.tr("Search the history"), self)
        find.setShortcut(QKeySequence(QKeySequence.StandardKey.Find))
        find.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.triggered.connect(self._focus_search)
        self.addAction(find)

    def _action(self, name: str, text: str, keys: str, target: object) -> QAction:
        action = QAction(icon(name), text, self)
        if keys:
            action.setShortcut(QKeySequence(keys))
            # Only while the list has the focus: elsewhere the same keys edit text or strokes.
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.setShortcutVisibleInContextMenu(True)
        action.triggered.connect(target)
        self.list.addAction(action)
        return action

    def _make_bar(self) -> None:
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setAccessibleName(self.tr("Search the history"))
        self.search.setToolTip(self.tr("Find by LaTeX or file name") + " (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search", role="muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(self._search_timer.start)
        self.search.installEventFilter(self)
        self.favourites.setIcon(icon("star"))
        self.favourites.setCheckable(True)
        self.favourites.setAccessibleName(self.tr("Show favourites only"))
        self.favourites.setToolTip(self.tr("Show favourites only"))
        self.favourites.toggled.connect(self._on_favourites)
        menu = QMenu(self.more)
        self._export_all_action = menu.addAction(icon("export"), self.tr("&Export what is listed…"))
        self._export_all_action.triggered.connect(self._export_listed)
        self._corrections_action = menu.addAction(icon("edit"), self.tr("Export &corrections for training…"))
        self._corrections_action.triggered.connect(self.corrections_requested)
        menu.aboutToShow.connect(self._enable_more)
        self.more.setIcon(icon("more"))
        self.more.setMenu(menu)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setAccessibleName(self.tr("Export the history"))
        self.more.setToolTip(self.tr("Export readings, or corrections"))

    def _make_list(self) -> None:
        self.list.setModel(self._model)
        self.list.setItemDelegate(HistoryDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setMouseTracking(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setAccessibleName(self.tr("Earlier readings"))
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.list.activated.connect(self._on_activated)

    def _lay_out(self) -> None:
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setMargin(24)
        self._pages.addWidget(self.list)
        self._pages.addWidget(self._empty)
        self.undo_bar.action_triggered.connect(self.undo_delete)
        top = QHBoxLayout()
        top.setContentsMargins(8, 8, 8, 8)
        top.setSpacing(4)
        top.addWidget(self.search, 1)
        top.addWidget(self.favourites)
        top.addWidget(self.more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.problem_bar)
        column.addLayout(top)
        column.addWidget(self._pages, 1)
        column.addWidget(self.undo_bar)
        self.setMinimumWidth(280)
        self.setFocusProxy(self.search)
        QWidget.setTabOrder(self.search, self.favourites)
        QWidget.setTabOrder(self.favourites, self.more)
        QWidget.setTabOrder(self.more, self.list)

    # what the user does

    @Slot()
    def _filter(self) -> None:
        self._search_timer.stop()
        chosen = self.selected()
        self._model.set_filter(self.search.text(), self.favourites.isChecked())
        self._choose(chosen)
        self._show_state()

    @Slot(bool)
    def _on_favourites(self, on: bool) -> None:
        self.favourites.setIcon(icon("star-filled" if on else "star"))
        self._filter()

    @Slot()
    def _focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        self.opened.emit(self._model.id_of(index))

    @Slot(QPoint)
    def _show_menu(self, position: QPoint) -> None:
        self.menu().popup(self.list.viewport().mapToGlobal(position))

    @Slot()
    def _open(self) -> None:
        for number in self.selected()[:1]:
            self.opened.emit(number)

    @Slot()
    def _rerun(self) -> None:
        for number in self.selected()[:1]:
            self.rerun.emit(number)

    @Slot()
    def _copy(self) -> None:
        entries = self._selected_entries()
        if entries:
            self.copy_requested.emit("\n".join(entry.text for entry in entries))

    @Slot()
    def _toggle_favourite(self) -> None:
        on = not _all_favourites(self._selected_entries())
        for number in self.selected():
            self._model.setData(self._model.index_of(number), on, FAVOURITE_ROLE)

    @Slot()
    def _export_selected(self) -> None:
        if chosen := self.selected():
            self.export_requested.emit(chosen)

    @Slot()
    def _export_listed(self) -> None:
        self.export_requested.emit(self._model.ids())

    @Slot()
    def _expire(self) -> None:
        """The time to undo is over, unless the pointer or the focus is there."""
        focus = self.focusWidget()
        busy = self.undo_bar.underMouse() or (
            focus is not None and self.undo_bar.isAncestorOf(focus) and focus.hasFocus()
        )
        if busy:
            self._undo_timer.start()
            return
        self._undoable.clear()
        self.undo_bar.hide()
        with suppress(FormulensError):  # it is tried again when the history is closed
            self._history.forget()

    @Slot()
    def _enable_more(self) -> None:
        self._export_all_action.setEnabled(self._model.rowCount() > 0)
        try:
            self._corrections_action.setEnabled(bool(self._history.corrections()))
        except FormulensError as error:
            self.failed.emit(str(error))

    @Slot()
    def _enable_actions(self) -> None:
        """Shortcuts look for the selection themselves when they are used."""
        for action in self.list.actions():
            action.setEnabled(True)

    # state

    def _selected_entries(self) -> list[Entry]:
        found = [self._model.data(self._model.index_of(number), ENTRY_ROLE) for number in self.selected()]
        return [entry for entry in found if isinstance(entry, Entry)]

    def _choose(self, numbers: list[int]) -> None:
        model = self.list.selectionModel()
        flags = QItemSelectionModel.SelectionFlag
        indexes = [index for index in map(self._model.index_of, numbers) if index.isValid()]
        for place, index in enumerate(indexes):
            if place == 0:
                model.setCurrentIndex(index, flags.ClearAndSelect)
                self.list.scrollTo(index)
            else:
                model.select(index, flags.Select)

    def _show_state(self) -> None:
        if self._history.problem != self._said:
            self._said = self._history.problem
            self.problem_bar.show_message(self._said, "warning")
        if self._model.rowCount():
            self._pages.setCurrentWidget(self.list)
            return
        if text := self.search.text().strip():
            words = self.tr("Nothing found for “{}”.").format(text)
        elif self.favourites.isChecked():
            words = self.tr("No favourites yet. Click the star of a reading to keep it here.")
        else:
            words = self.tr("No readings yet. What you snip, draw or open is kept here.")
        self._empty.setText(words)
        self._pages.setCurrentWidget(self._empty)


def _all_favourites(entries: list[Entry]) -> bool:
    return bool(entries) and all(entry.favourite for entry in entries)
