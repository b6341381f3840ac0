"""The whole panel: what is pointed at lights up everywhere, corrections are asked for, nothing typed is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.formats import FORMATS
from app.latex_check import Problem
from app.preview import Rendered
from app.reading import Origin, Reading
from app.result_panel import ResultPanel
from app.selfcheck import Agreement
from app.theme import apply
from core_model.recognizer import Alternative
from tests.app.readings import make_reading
from tests.app.test_alternatives import SVG


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[ResultPanel]:
    widget = ResultPanel()
    qtbot.addWidget(widget)
    widget.resize(900, 600)
    widget.show()
    widget.activateWindow()
    yield widget
    popup = QApplication.activePopupWidget()
    if popup is not None:
        popup.close()


class Heard:
    """Collects what a panel asks for."""

    def __init__(self, panel: ResultPanel) -> None:
        self.said: list[tuple[Any, ...]] = []
        for name in ("edited", "preview_requested", "picture_requested", "copy_requested"):
            getattr(panel, name).connect(lambda *args, name=name: self.said.append((name, *args)))
        panel.fix_requested.connect(lambda *args: self.said.append(("fix_requested", *args)))

    def take(self) -> list[tuple[Any, ...]]:
        said, self.said = self.said, []
        return said


def test_a_reading_is_shown_and_asks_for_its_pictures(panel: ResultPanel) -> None:
    heard = Heard(panel)
    panel.show_reading(make_reading(alternatives=("x^3 + y",)))
    assert panel.latex() == "x^2 + y"
    assert heard.take() == [
        ("picture_requested", "x^2 + y"),
        ("picture_requested", "x^3 + y"),
        ("preview_requested", "x^2 + y"),
    ]
    panel.set_preview(Rendered(SVG, 60, 30, 25))
    panel.set_alternative_picture("x^3 + y", Rendered(SVG, 60, 30, 25))
    assert panel.alternatives.picture(1) is not None and panel.alternatives.picture(0) is None
    panel.set_alternative_picture("of the reading before", Rendered(SVG, 60, 30, 25))
    panel.grab()


def test_a_token_pointed_at_lights_up_everywhere(qtbot: QtBot, panel: ResultPanel) -> None:
    panel.show_reading(make_reading())
    qtbot.mouseMove(panel.strip, panel.strip.chip(3).center().toPoint())
    assert panel.attention.active == 3
    assert [one.cursor.selectedText() for one in panel.editor.extraSelections()] == ["2"]
    region = panel.attention.region(6)
    assert region is not None
    qtbot.mouseMove(panel.attention, region.center().toPoint())
    assert panel.attention.active == 6
    assert [one.cursor.selectedText() for one in panel.editor.extraSelections()] == ["y", "y"]
    qtbot.mouseMove(panel.attention, QPoint(1, 1))
    assert panel.attention.active is None


def test_stepping_pins_a_token_and_pointing_elsewhere_comes_back(qtbot: QtBot, panel: ResultPanel) -> None:
    panel.show_reading(make_reading())
    qtbot.keyClick(panel.attention, Qt.Key.Key_Right)
    qtbot.mouseMove(panel.strip, panel.strip.chip(5).center().toPoint())
    assert panel.attention.active == 5
    panel.strip.token_hovered.emit(-1)
    assert panel.attention.active == 0


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_fixing_by_the_menu(qtbot: QtBot, panel: ResultPanel) -> None:
    heard = Heard(panel)
    panel.show_reading(make_reading())
    heard.take()
    qtbot.mouseClick(panel.strip, Qt.MouseButton.LeftButton, pos=panel.strip.chip(3).center().toPoint())
    menu = QApplication.activePopupWidget()
    assert menu is not None
    qtbot.keyClick(menu, Qt.Key.Key_Down)
    qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert heard.take() == [("fix_requested", 3, "z")]


def test_fixing_by_typing(qtbot: QtBot, panel: ResultPanel) -> None:
    heard = Heard(panel)
    panel.show_reading(make_reading())
    heard.take()
    dialog = panel.open_token_dialog(0)
    assert dialog is not None
    qtbot.keyClicks(dialog.field, r"\beta")
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert heard.take() == [("fix_requested", 0, r"\beta")]
    assert panel.open_fix_menu(99) is None and panel.open_token_dialog(-1) is None


def test_a_correction_of_the_reading_before_is_not_asked_of_the_next(panel: ResultPanel) -> None:
    heard = Heard(panel)
    panel.show_reading(make_reading())
    dialog = panel.open_token_dialog(0)
    assert dialog is not None
    dialog.field.setText("z")
    panel.show_reading(make_reading("a b c", "abc"))
    assert not dialog.isVisible()
    dialog.entered.emit("z")  # as a click that was on its way
    assert not [said for said in heard.take() if said[0] == "fix_requested"]


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_a_menu_of_the_reading_before_closes(panel: ResultPanel) -> None:
    heard = Heard(panel)
    panel.show_reading(make_reading())
    menu = panel.open_fix_menu(0)
    assert menu is not None and menu.isVisible()
    panel.show_reading(make_reading("a b c", "abc"))
    assert not menu.isVisible()
    menu.chosen.emit("z")
    assert not [said for said in heard.take() if said[0] == "fix_requested"]


def test_typing_asks_for_a_preview_and_forgets_the_agreement(qtbot: QtBot, panel: ResultPanel) -> None:
    panel.show_reading(make_reading())
    panel.set_agreement(Agreement(False, 4, 5, 1.0, ("The preview has more signs.",)))
    assert "more signs" in panel.compare_button.toolTip()
    heard = Heard(panel)
    panel.editor.setFocus()
    qtbot.keyClicks(panel.editor, "a")
    assert heard.take() == [("edited", "ax^2 + y"), ("preview_requested", "ax^2 + y")]
    assert "more signs" not in panel.compare_button.toolTip()


def test_another_reading_is_an_edit_that_undo_takes_back(qtbot: QtBot, panel: ResultPanel) -> None:
    panel.show_reading(make_reading(alternatives=("x^3 + y",)))
    heard = Heard(panel)
    panel.alternatives.chosen.emit(0)
    assert heard.take() == [
        ("edited", "x^3 + y"),
        ("preview_requested", "x^3 + y"),
    ]
    assert panel.alternatives.is_current(1)
    panel.alternatives.chosen.emit(0)
    assert heard.take() == []
    panel.alternatives.chosen.emit(-1)
    assert panel.latex() == "x^2 + y"
    panel.editor.undo()
    assert panel.latex() == "x^3 + y"


def test_a_corrected_reading_keeps_alternatives_and_undo(panel: ResultPanel) -> None:
    first = make_reading(alternatives=("x^3 + y",))
    panel.show_reading(first)
    fixed = make_reading("x ^ { 4 } + y", "x^4 + y").recognition
    heard = Heard(panel)
    panel.show_reading(Reading(first.picture, fixed, Origin("snip")))
    assert panel.latex() == "x^4 + y" and panel.alternatives.count() == 2
    assert not [said for said in heard.take() if said[0] == "edited"]
    panel.editor.undo()
    assert panel.latex() == "x^2 + y"
    panel.show_reading(make_reading("a", "a"))
    assert panel.alternatives.count() == 1
    panel.editor.undo()
    assert panel.latex() == "a"


def test_the_users_text_is_shown_where_there_is_one(panel: ResultPanel) -> None:
    reading = make_reading()
    panel.show_reading(Reading(reading.picture, reading.recognition, Origin("snip"), edited="x^2 + z"))
    assert panel.latex() == "x^2 + z"
    assert panel.editor.span(6) is None


def test_copy_in_the_default_format_and_in_others(qtbot: QtBot, panel: ResultPanel) -> None:
    heard = Heard(panel)
    qtbot.mouseClick(panel.copy_button, Qt.MouseButton.LeftButton)
    assert heard.take() == []  # there is nothing yet
    panel.show_reading(make_reading())
    panel.set_default_format("typst")
    heard.take()
    qtbot.mouseClick(panel.copy_button, Qt.MouseButton.LeftButton, pos=QPoint(12, 12))
    menu = panel.copy_button.menu()
    keys = [action.data() for action in menu.actions() if action.data()]
    assert keys == [one.key for one in FORMATS]
    assert menu.defaultAction().data() == "typst"
    next(action for action in menu.actions() if action.data() == "svg").trigger()
    assert heard.take() == [("copy_requested", "typst"), ("copy_requested", "svg")]
    assert menu.defaultAction().data() == "typst"


def test_warnings_and_problems_are_said(panel: ResultPanel) -> None:
    panel.show_reading(make_reading(warnings=("length: the reading was cut",)))
    assert panel.warnings.isVisible() and panel.warnings.text() == "The reading was cut."
    panel.set_problems((Problem(0, 1, "wrong"),))
    assert len(panel.editor.extraSelections()) == 1
    panel.set_preview(Rendered(SVG, 60, 30, 25))
    assert not panel.editor.extraSelections()
    panel.show_reading(make_reading())
    assert not panel.warnings.isVisible()


def test_a_blank_picture_and_nothing_at_all(panel: ResultPanel) -> None:
    panel.show_reading(make_reading("", "", warnings=("blank: there is no ink in this picture",)))
    assert panel.latex() == "" and not panel.copy_button.isEnabled()
    assert panel.warnings.text() == "There is no ink in this picture."
    panel.grab()
    nothing = ResultPanel()
    assert nothing.latex() == "" and not nothing.copy_button.isEnabled() and nothing.alternatives.count() == 0
    nothing.set_alternatives(())
    nothing.grab()


def test_comparing_is_offered_quietly(qtbot: QtBot, panel: ResultPanel) -> None:
    panel.show_reading(make_reading())
    panel.set_agreement(Agreement(True, 4, 4, 1.0))
    assert "Agrees" in panel.compare_button.text()
    with qtbot.waitSignal(panel.selfcheck_requested):
        qtbot.mouseClick(panel.compare_button, Qt.MouseButton.LeftButton)


def test_playing_by_the_button(qtbot: QtBot, panel: ResultPanel) -> None:
    panel.show_reading(make_reading("a b", "ab"))
    panel.attention._timer.setInterval(5)
    seen: list[int] = []
    panel.attention.token_stepped.connect(seen.append)
    with qtbot.waitSignal(panel.attention.playing_changed, timeout=3000, check_params_cb=lambda on: not on):
        qtbot.mouseClick(panel.play_button, Qt.MouseButton.LeftButton)
    assert seen == [0, 1]
    assert panel.attention.active is None  # the picture alone again


def test_the_layout_is_remembered(qtbot: QtBot, panel: ResultPanel) -> None:
    panel._columns[0].setSizes([300, 560])
    panel._columns[0].splitterMoved.emit(300, 1)
    assert panel._columns[1].sizes() == panel._columns[0].sizes()
    state = panel.layout_state()
    other = ResultPanel()
    qtbot.addWidget(other)
    other.resize(900, 600)
    other.show()
    for damaged in ("", "x;y", "1,2", "0,0;0,0"):
        other.restore_layout(damaged)
    other.restore_layout(state)
    assert other.layout_state() == state


def test_everything_is_reached_by_tab_and_has_a_name(qtbot: QtBot, panel: ResultPanel) -> None:
    panel.show_reading(make_reading(alternatives=("x^3 + y",)))
    panel.attention.setFocus()
    reached = []
    for _ in range(8):
        focus = QApplication.focusWidget()
        assert focus is not None and focus.accessibleName(), focus
        reached.append(focus)
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    for widget in (panel.attention, panel.strip, panel.editor, panel.alternatives):
        assert widget in reached


def test_busy_moves_only_the_line(qtbot: QtBot, panel: ResultPanel) -> None:
    panel.show_reading(make_reading())
    panel.set_busy(True)
    assert panel.busy.running and panel.editor.isEnabled()
    panel.set_busy(False)
    assert not panel.busy.running


def test_the_theme_may_change_while_a_reading_is_shown(qapp: QApplication, panel: ResultPanel) -> None:
    panel.show_reading(make_reading(confidences={0: 0.2}, alternatives=("x^3 + y",)))
    panel.set_preview(Rendered(SVG, 60, 30, 25))
    grounds = []
    try:
        for theme in ("light", "dark", "light"):
            apply(qapp, theme)
            picture = panel.grab().toImage()
            grounds.append((picture.pixelColor(3, 300).name(), panel.copy_button.styleSheet()))
    finally:
        apply(qapp, "light")
    assert grounds[0] == grounds[2] != grounds[1]
    assert grounds[0][1] != grounds[1][1]


def test_the_copy_menu_lets_other_threads_work(qtbot: QtBot, panel: ResultPanel) -> None:
    """It must not come with an event loop of its own, in which Python's lock would be held."""
    panel.show_reading(make_reading())
    menu = panel.copy_button.menu()
    QTimer.singleShot(300, menu.close)
    panel.open_copy_menu()
    assert menu.isVisible()
    qtbot.waitUntil(lambda: not menu.isVisible())


def test_what_a_lone_symbol_may_be_stands_first_and_can_be_chosen(panel: ResultPanel) -> None:
    reading = make_reading("x", "x", alternatives=(r"\times", "y"))
    panel.show_reading(reading)
    heard = Heard(panel)
    panel.set_symbols((Alternative(r"\times", 0.6), Alternative(r"\textfishhookr", 0.3)))
    rows = panel.alternatives
    assert [rows.latex(row) for row in range(rows.count())] == ["x", r"\times", r"\textfishhookr", "y"]
    assert [rows.is_symbol(row) for row in range(4)] == [False, True, True, False]
    assert "lone symbol" in rows.item(1).text() and "60 %" in rows.item(1).text()
    assert {latex for name, latex in heard.take() if name == "picture_requested"} >= {r"\times", r"\textfishhookr"}
    panel.grab()
    rows.chosen.emit(0)
    assert panel.latex() == r"\times" and ("edited", r"\times") in heard.take()
    panel.set_alternatives((Alternative("z", 0.1),))  # they come later than the guesses, which stay
    assert [rows.latex(row) for row in range(rows.count())] == ["x", r"\times", r"\textfishhookr", "z"]
    panel.set_alternative_picture("z", Rendered(SVG, 60, 30, 25))
    assert rows.picture(3) is not None
    panel.show_reading(make_reading())
    assert rows.count() == 1
