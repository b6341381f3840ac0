"""The history panel, driven by keys and the mouse."""

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QLocale, QModelIndex, QPoint, QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPalette
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app.history import History
from app.history_list import BLOCK, ENTRY_ROLE, FAVOURITE_ROLE, HistoryModel, star_rect, when
from app.history_panel import HistoryPanel
from app.theme import make_palette

# Of the offscreen platform: about size hints, raising and grabbing, which menus and windows ask of every platform.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

NAMES = ["alpha.png", "", "beta.png"]
FORMULAS = [r"\frac{a}{b}", "x^{2}", r"\int f"]


def add(history: History, latex: str, name: str = "") -> int:
    stream = io.BytesIO()
    Image.new("L", (80, 30), 200).save(stream, "PNG")
    return history.add(kind="file", name=name, latex=latex, confidence=0.875, model="m", picture_png=stream.getvalue())


@pytest.fixture
def history(data_dir: Path) -> Iterator[History]:
    made = History(data_dir / "history.sqlite3")
    for latex, name in zip(FORMULAS, NAMES, strict=True):
        add(made, latex, name)
    yield made
    made.close()


@pytest.fixture
def panel(qtbot: QtBot, history: History) -> HistoryPanel:
    made = HistoryPanel(history)
    qtbot.addWidget(made)
    made.resize(320, 480)
    made.show()
    qtbot.waitExposed(made)
    return made


def shown(panel: HistoryPanel) -> list[str]:
    model = panel.list.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def row(panel: HistoryPanel, number: int) -> QModelIndex:
    return panel.list.model().index(number, 0)


def middle(panel: HistoryPanel, number: int) -> QPoint:
    return panel.list.visualRect(row(panel, number)).center()


def says(panel: HistoryPanel) -> str:
    return panel._empty.text() if panel._empty.isVisible() else ""


def test_the_newest_comes_first_and_new_ones_on_top(panel: HistoryPanel, history: History) -> None:
    assert shown(panel) == FORMULAS[::-1]
    panel.select(2)
    add(history, "new")
    panel.refresh()
    assert shown(panel) == ["new", *FORMULAS[::-1]]
    assert panel.selected() == [2]
    history.edit(2, "edited")
    panel.refresh()
    assert shown(panel)[2] == "edited" and panel.selected() == [2]


def test_search_follows_typing(qtbot: QtBot, panel: HistoryPanel) -> None:
    panel.search.setFocus()
    qtbot.keyClicks(panel.search, "X^2")
    qtbot.waitUntil(lambda: shown(panel) == ["x^{2}"])
    panel.search.setText("nothing like it")
    qtbot.waitUntil(lambda: says(panel) == "Nothing found for “nothing like it”.")
    qtbot.keyClick(panel.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: shown(panel) == FORMULAS[::-1])
    assert says(panel) == ""


def test_from_the_search_into_the_list_and_open_by_keys(qtbot: QtBot, panel: HistoryPanel) -> None:
    panel.search.setFocus()
    qtbot.keyClicks(panel.search, "alpha")
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)  # does not wait for the pause after typing
    assert panel.selected() == [1]
    with qtbot.waitSignal(panel.opened) as got:
        qtbot.keyClick(panel.list, Qt.Key.Key_Return)
    assert got.args == [1]
    qtbot.keyClick(panel.list, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(panel.search.hasFocus)
    assert panel.search.selectedText() == "alpha"


def test_double_click_opens(qtbot: QtBot, panel: HistoryPanel) -> None:
    with qtbot.waitSignal(panel.opened) as got:
        qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=middle(panel, 1))
        qtbot.mouseDClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=middle(panel, 1))
    assert got.args == [2]


def test_a_click_on_the_star_marks_and_shows_favourites_only(
    qtbot: QtBot, panel: HistoryPanel, history: History
) -> None:
    star = star_rect(panel.list.visualRect(row(panel, 1))).center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=star)
    entry = history.get(2)
    assert entry is not None and entry.favourite
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=middle(panel, 0))
    assert history.count(favourites=True) == 1  # beside the star nothing happens
    qtbot.mouseClick(panel.favourites, Qt.MouseButton.LeftButton)
    assert shown(panel) == ["x^{2}"]
    panel.select(2)
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert history.count(favourites=True) == 0
    panel.refresh()
    assert says(panel).startswith("No favourites yet")


def test_delete_and_undo_by_keys(qtbot: QtBot, panel: HistoryPanel, history: History) -> None:
    panel.list.setFocus()
    panel.select(3)
    qtbot.keyClick(panel.list, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert panel.selected() == [3, 2]
    qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
    assert shown(panel) == FORMULAS[:1] and panel.selected() == [1]
    assert panel.undo_bar.text() == "2 readings deleted."
    qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
    assert panel.undo_bar.text() == "3 readings deleted." and says(panel).startswith("No readings yet")
    button = next(b for b in panel.undo_bar.findChildren(QPushButton) if b.text() == "Undo")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert shown(panel) == FORMULAS[::-1] and panel.undo_bar.text() == ""
    assert sorted(panel.selected()) == [1, 2, 3]
    panel.select(2)
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
    assert history.count() == 2
    qtbot.keyClick(panel.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert history.count() == 3 and panel.selected() == [2]


def test_after_a_while_a_deletion_is_for_good(qtbot: QtBot, panel: HistoryPanel, history: History) -> None:
    panel.select(2)
    panel.delete_selected()
    assert history.thumbnail(2)
    panel._undo_timer.start(1)
    qtbot.waitUntil(lambda: panel.undo_bar.text() == "")
    assert history.thumbnail(2) == b""
    panel.undo_delete()
    assert history.count() == 2


def test_keys_and_menus_ask_for_the_rest(qtbot: QtBot, panel: HistoryPanel) -> None:
    panel.list.setFocus()
    panel.select(1)
    with qtbot.waitSignal(panel.rerun) as got:
        qtbot.keyClick(panel.list, Qt.Key.Key_F5)
    assert got.args == [1]
    panel.list.selectAll()
    with qtbot.waitSignal(panel.copy_requested) as got:
        qtbot.keyClick(panel.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert got.args == ["\n".join(FORMULAS[::-1])]
    with qtbot.waitSignal(panel.export_requested) as got:
        qtbot.keyClick(panel.list, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert got.args == [[3, 2, 1]]
    panel.search.setText("alpha")
    qtbot.waitUntil(lambda: len(shown(panel)) == 1)
    with qtbot.waitSignal(panel.export_requested) as got:
        panel.more.menu().actions()[0].trigger()
    assert got.args == [[1]]


def test_corrections_can_be_exported_once_there_are_some(qtbot: QtBot, panel: HistoryPanel, history: History) -> None:
    corrections = panel.more.menu().actions()[1]
    panel.more.menu().aboutToShow.emit()
    assert not corrections.isEnabled()
    history.edit(1, "y")
    panel.more.menu().aboutToShow.emit()
    with qtbot.waitSignal(panel.corrections_requested):
        corrections.trigger()


def test_the_context_menu_fits_the_selection(qtbot: QtBot, panel: HistoryPanel, history: History) -> None:
    history.favourite(1, True)
    panel.refresh()
    panel.select(1)
    panel.list.customContextMenuRequested.emit(middle(panel, 2))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts[2] == "Remove from &favourites" and len(texts) == 6
    assert all(action.isEnabled() for action in menu.actions())
    with qtbot.waitSignal(panel.opened):
        qtbot.keyClick(menu, Qt.Key.Key_Down)
        qtbot.keyClick(menu, Qt.Key.Key_Return)
    panel.list.selectAll()
    menu = panel.menu()
    assert [action.text() for action in menu.actions() if not action.isEnabled()] == [
        "&Open",
        "Read &again with the present model",
    ]
    menu.popup(QPoint(0, 0))
    menu.close()
    panel.select(3)
    panel.list.setFocus()
    with qtbot.waitSignal(panel.rerun):  # the key works again after the menu
        qtbot.keyClick(panel.list, Qt.Key.Key_F5)


def test_a_problem_of_the_file_is_shown(qtbot: QtBot, data_dir: Path) -> None:
    path = data_dir / "damaged.sqlite3"
    path.write_bytes(b"junk" * 1000)
    history = History(path)
    panel = HistoryPanel(history)
    qtbot.addWidget(panel)
    panel.show()
    assert panel.problem_bar.text() == history.problem != ""
    history.close()


def test_everything_has_a_name_and_a_place_in_the_tab_order(panel: HistoryPanel) -> None:
    assert all(
        widget.accessibleName() and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        for widget in (panel.search, panel.favourites, panel.more, panel.list)
    )
    assert panel.search.nextInFocusChain() is not None
    spoken = row(panel, 2).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith(FORMULAS[0]) and "alpha.png" in spoken and "88 %" in spoken


def test_ten_thousand_readings_are_read_only_in_sight(qtbot: QtBot, data_dir: Path) -> None:
    history = History(data_dir / "many.sqlite3")
    add(history, "x")
    history._db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        " INSERT INTO readings SELECT i, created, kind, name, 'x_' || i, NULL, confidence, model, 0, 0, 0,"
        " 'x_' || i, tokens FROM readings, n"
    )
    history._db.execute(
        "INSERT INTO pictures SELECT r.id, thumbnail, picture, ink FROM readings r, pictures WHERE r.id > 1"
    )
    statements: list[str] = []
    panel = HistoryPanel(history)
    qtbot.addWidget(panel)
    panel.resize(320, 480)
    panel.show()
    qtbot.waitExposed(panel)
    assert panel.list.model().rowCount() == 10_000
    assert panel.list.verticalScrollBar().maximum() > 500_000
    history._db.set_trace_callback(statements.append)
    panel.list.verticalScrollBar().setValue(300_000)
    panel.list.viewport().grab()
    history._db.set_trace_callback(None)
    assert 1 <= sum("tokens" in one for one in statements) <= 2  # one or two blocks of rows
    assert 1 <= len(statements) <= BLOCK  # and a picture for each row in sight
    assert len(panel._model._entries) <= 3 * BLOCK
    history.close()


def test_the_model_keeps_the_rules_of_qt(qtbot: QtBot, history: History) -> None:
    model = HistoryModel(history)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    number = add(history, "new")
    model.refresh()
    model.setData(model.index_of(number), True, FAVOURITE_ROLE)
    history.delete([2, number])
    model.refresh()
    assert model.ids() == [3, 1]
    model.set_filter("alpha", False)
    assert model.ids() == [1] and model.index(0).data(ENTRY_ROLE).name == "alpha.png"
    model.set_filter("", True)
    assert model.ids() == []
    del tester


@pytest.mark.parametrize("dark", [False, True])
def test_rows_are_readable_light_and_dark(qtbot: QtBot, panel: HistoryPanel, dark: bool) -> None:
    """The text stands out from the row's ground, selected or not."""
    QGuiApplication.setPalette(make_palette(dark))
    try:
        panel.list.clearSelection()
        plain = picture_of(panel)
        panel.list.selectAll()
        selected = picture_of(panel)
    finally:
        QGuiApplication.setPalette(QPalette())
    text = panel.list.visualRect(row(panel, 0)).adjusted(116, 12, -40, -12)
    for image in (plain, selected):
        levels = [
            image.pixelColor(x, y).lightness()
            for x in range(text.left(), text.right())
            for y in range(text.top(), text.bottom())
        ]
        assert max(levels) - min(levels) > 100
    assert plain.pixelColor(text.topLeft()) != selected.pixelColor(text.topLeft())


def picture_of(panel: HistoryPanel) -> QImage:
    return panel.list.viewport().grab().toImage()


def test_a_long_formula_does_not_hold_up_the_list(qtbot: QtBot, panel: HistoryPanel, history: History) -> None:
    add(history, "x + " * 50_000)
    panel.refresh()
    assert panel.list.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole).index("…") <= 400
    assert panel.list.sizeHintForIndex(row(panel, 0)).height() == panel.list.sizeHintForIndex(row(panel, 1)).height()
    assert panel.minimumSizeHint().width() <= QSize(320, 0).width()


def test_when() -> None:
    QLocale.setDefault(QLocale("en_GB"))
    try:
        today = datetime.now().astimezone().replace(hour=0, minute=5)
        assert when(today.timestamp()) == "00:05"
        assert when(datetime(2019, 3, 4, 12, 30).astimezone().timestamp()) == "04/03/2019"
        other_day = today.replace(month=1 if today.month > 6 else 12, day=9)
        assert when(other_day.timestamp()) == f"9 {other_day:%b} 00:05"
    finally:
        QLocale.setDefault(QLocale.system())


def test_a_history_that_cannot_be_read_is_told(qtbot: QtBot, panel: HistoryPanel, history: History) -> None:
    history._db.execute("DROP TABLE pictures")
    history._db.execute("ALTER TABLE readings RENAME TO elsewhere")
    said: list[str] = []
    panel.failed.connect(said.append)
    panel._model._pictures.clear()  # a row that was not in sight yet
    panel.more.menu().aboutToShow.emit()
    assert row(panel, 0).data(Qt.ItemDataRole.DecorationRole).isNull()
    assert len(said) == 2 and all("cannot be used" in words for words in said)
