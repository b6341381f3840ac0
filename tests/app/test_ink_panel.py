"""The canvas with its tools: the pause before a drawing is handed on, keys, files."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QPushButton, QSlider, QToolButton
from pytestqt.qtbot import QtBot

from app.ink_canvas import Tool
from app.ink_panel import InkOptions, InkPanel
from core_model.ink import Ink, Stroke, read_inkml

LEFT = Qt.MouseButton.LeftButton
PAUSE = 60


@pytest.fixture
def panel(qtbot: QtBot) -> InkPanel:
    panel = InkPanel(InkOptions(pause_ms=PAUSE))
    qtbot.addWidget(panel)
    panel.resize(800, 300)
    panel.show()
    qtbot.waitExposed(panel)
    panel.activateWindow()
    panel.setFocus()
    qtbot.waitUntil(panel.canvas.hasFocus)
    return panel


def draw(panel: InkPanel, *places: tuple[int, int]) -> None:
    canvas = panel.canvas
    QTest.mousePress(canvas, LEFT, pos=QPoint(*places[0]))
    for place in places[1:]:
        QTest.mouseMove(canvas, QPoint(*place))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(*places[-1]))


def handed_on(panel: InkPanel) -> list[Ink]:
    inks: list[Ink] = []
    panel.ink_changed.connect(inks.append)
    return inks


def keys(panel: InkPanel, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(panel.canvas, key, modifier)


def test_ink_is_handed_on_once_after_a_pause(panel: InkPanel, qtbot: QtBot) -> None:
    inks = handed_on(panel)
    draw(panel, (20, 20), (60, 60))
    draw(panel, (60, 20), (20, 60))
    assert not inks
    qtbot.waitUntil(lambda: bool(inks), timeout=2000)
    qtbot.wait(3 * PAUSE)
    assert [len(ink.strokes) for ink in inks] == [2]


def test_nothing_is_handed_on_while_the_pen_is_down(panel: InkPanel, qtbot: QtBot) -> None:
    inks = handed_on(panel)
    draw(panel, (20, 20), (60, 60))
    QTest.mousePress(panel.canvas, LEFT, pos=QPoint(60, 20))
    qtbot.wait(3 * PAUSE)
    assert not inks
    QTest.mouseRelease(panel.canvas, LEFT, pos=QPoint(60, 20))
    qtbot.waitUntil(lambda: bool(inks), timeout=2000)


def test_recognition_can_be_turned_off_and_asked_for(panel: InkPanel, qtbot: QtBot) -> None:
    inks, asked = handed_on(panel), []
    panel.recognize_requested.connect(asked.append)
    read = panel.findChild(QPushButton)
    box = panel.findChild(QCheckBox)
    assert not read.isEnabled()
    keys(panel, Qt.Key.Key_R)
    assert not asked  # there is nothing to read
    with qtbot.waitSignal(panel.options_changed) as sent:
        box.click()
    assert sent.args == [InkOptions(recognise_while_drawing=False, pause_ms=PAUSE)]
    draw(panel, (20, 20), (60, 60))
    qtbot.wait(3 * PAUSE)
    assert not inks
    read.click()
    keys(panel, Qt.Key.Key_R)
    assert asked == [panel.ink()] * 2
    box.click()
    qtbot.waitUntil(lambda: inks == [panel.ink()], timeout=2000)


def test_asking_takes_the_place_of_the_pause(panel: InkPanel, qtbot: QtBot) -> None:
    inks, asked = handed_on(panel), []
    panel.recognize_requested.connect(asked.append)
    draw(panel, (20, 20), (60, 60))
    panel.findChild(QPushButton).click()
    qtbot.wait(3 * PAUSE)
    assert len(asked) == 1 and not inks


def test_keys_undo_redo_choose_tools_and_clear(panel: InkPanel, qtbot: QtBot) -> None:
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    draw(panel, (20, 20), (60, 60))
    draw(panel, (60, 20), (20, 60))
    keys(panel, Qt.Key.Key_Z, control)
    assert len(panel.ink().strokes) == 1
    keys(panel, Qt.Key.Key_Z, control | shift)
    assert len(panel.ink().strokes) == 2
    for key, modifier, tool in (
        (Qt.Key.Key_E, Qt.KeyboardModifier.NoModifier, Tool.STROKE_ERASER),
        (Qt.Key.Key_E, shift, Tool.AREA_ERASER),
        (Qt.Key.Key_P, Qt.KeyboardModifier.NoModifier, Tool.PEN),
    ):
        keys(panel, key, modifier)
        assert panel.canvas.tool() is tool
    keys(panel, Qt.Key.Key_Plus, control)
    assert panel.canvas.zoom() == 1.25
    keys(panel, Qt.Key.Key_0, control)
    assert panel.canvas.zoom() == 1.0
    inks = handed_on(panel)
    keys(panel, Qt.Key.Key_Delete)
    assert panel.ink() == Ink()
    qtbot.waitUntil(lambda: inks == [Ink()], timeout=2000)


def test_actions_are_enabled_when_they_can_do_something(panel: InkPanel) -> None:
    def enabled() -> set[str]:
        return {action.text() for action in panel.findChildren(QAction) if action.isEnabled()}

    asked = {"Undo", "Redo", "Clear", "Save ink as InkML…"}
    assert not asked & enabled()
    draw(panel, (20, 20), (60, 60))
    assert asked & enabled() == asked - {"Redo"}
    panel.canvas.undo()
    assert asked & enabled() == {"Redo"}


def test_setting_an_ink_hands_nothing_on(panel: InkPanel, qtbot: QtBot) -> None:
    inks = handed_on(panel)
    draw(panel, (20, 20), (60, 60))
    panel.set_ink(Ink((Stroke(np.array([[0, 0], [9, 9]])),), "x"))
    qtbot.wait(3 * PAUSE)
    assert not inks and panel.ink().latex == "x"


def test_ink_is_saved_and_opened(panel: InkPanel, qtbot: QtBot, data_dir: Path) -> None:
    draw(panel, (20, 20), (60, 60))
    drawn = panel.ink()
    path = data_dir / "∑ ink.inkml"
    assert panel.save_file(path) and read_inkml(path).strokes == drawn.strokes
    panel.canvas.clear()
    inks = handed_on(panel)
    assert panel.open_file(path)
    assert panel.ink().strokes == drawn.strokes
    qtbot.waitUntil(lambda: bool(inks), timeout=2000)
    panel.canvas.undo()
    assert panel.ink() == Ink()


def test_files_that_cannot_be_opened_or_saved_are_named_and_nothing_is_lost(panel: InkPanel, data_dir: Path) -> None:
    said: list[str] = []
    panel.failed.connect(said.append)
    draw(panel, (20, 20), (60, 60))
    drawn = panel.ink()
    (data_dir / "bad.inkml").write_text("<ink><trace>1</trace></ink>", encoding="utf-8")
    (data_dir / "two.json").write_text('[{"strokes": [[[1, 2]]]}, {"strokes": []}]', encoding="utf-8")
    (data_dir / "none.json").write_text('{"strokes": []}', encoding="utf-8")
    for name in ("bad.inkml", "two.json", "none.json", "absent.inkml"):
        assert not panel.open_file(data_dir / name)
        assert name in said[-1]
    assert not panel.save_file(data_dir / "absent" / "ink.inkml")
    assert len(said) == 5 and panel.ink() == drawn


def test_options_are_taken_and_told(panel: InkPanel) -> None:
    told: list[InkOptions] = []
    panel.options_changed.connect(told.append)
    options = InkOptions(recognise_while_drawing=False, pause_ms=500, pen_width=2.7, grid=False)
    panel.set_options(options)
    assert panel.options() == options and not told
    panel.findChild(QSlider).setValue(8)
    keys(panel, Qt.Key.Key_G)
    assert [one.pen_width for one in told] == [4.0, 4.0]
    assert [one.grid for one in told] == [False, True]
    with pytest.raises(ValueError, match=r"pause_ms.*pen_width"):
        InkOptions(pause_ms=-1, pen_width=0)


def test_a_quiet_line_tells_of_a_model_made_for_print(panel: InkPanel) -> None:
    (note,) = (label for label in panel.findChildren(QLabel) if "printed formulas" in label.text())
    assert not note.isVisible()
    panel.set_for_print(True)
    assert note.isVisible()
    panel.set_for_print(False)
    assert not note.isVisible()


def test_every_tool_has_a_name_and_is_reached_by_tab(panel: InkPanel) -> None:
    buttons = [button for button in panel.findChildren(QToolButton) if button.isVisible()]
    assert len(buttons) >= 12
    for widget in (*buttons, *panel.findChildren(QSlider), panel.canvas):
        assert widget.accessibleName() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert all(button.toolTip() for button in buttons)
    undo = next(button for button in buttons if button.accessibleName() == "Undo")
    assert "Ctrl+Z" in undo.toolTip()
    reached = set()
    draw(panel, (20, 20), (60, 60))
    for _ in range(30):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.add(QApplication.focusWidget().accessibleName())
    assert {"Pen", "Erase strokes", "Undo", "Clear", "Grid", "Open ink…", "Pen width", "Canvas"} <= reached
