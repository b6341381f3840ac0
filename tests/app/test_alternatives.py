"""The list of readings, the menu of one token, and the dialog for what neither offers."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.alternatives import AlternativesList
from app.fix_menu import FixMenu, TokenDialog
from app.preview import Rendered
from app.theme import colors
from tests.app.readings import make_reading

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="30" viewBox="0 0 60 30">'
    b'<rect x="0" y="0" width="60" height="30" fill="#ff0000"/></svg>'
)


@pytest.fixture
def rows(qtbot: QtBot) -> AlternativesList:
    widget = AlternativesList()
    qtbot.addWidget(widget)
    widget.resize(300, 300)
    recognition = make_reading(alternatives=("x^3 + y", "x^2 - y")).recognition
    widget.set_recognition(recognition, recognition.alternatives)
    widget.show()
    return widget


def test_a_click_or_enter_chooses(qtbot: QtBot, rows: AlternativesList) -> None:
    chosen: list[int] = []
    rows.chosen.connect(chosen.append)
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=rows.visualItemRect(rows.item(2)).center())
    rows.setFocus()
    qtbot.keyClick(rows, Qt.Key.Key_Up)
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    qtbot.keyClick(rows, Qt.Key.Key_Home)
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    assert chosen == [1, 0, -1]


def test_a_picture_is_drawn_in_the_ink_of_the_theme(rows: AlternativesList) -> None:
    rows.set_picture(0, Rendered(SVG, 60, 30, 25))
    rows.doItemsLayout()
    rect = rows.visualItemRect(rows.item(1))
    shown = rows.viewport().grab().toImage().pixelColor(rect.left() + 12 + 30, rect.center().y())
    assert shown.name() == colors(rows.palette()).ink.name()
    rows.set_picture(7, Rendered(SVG, 60, 30, 25))  # of a reading that is gone


def test_rows_say_what_they_are(rows: AlternativesList) -> None:
    assert rows.count() == 3
    assert "x^3 + y" in rows.item(1).text() and "80 %" in rows.item(1).text()
    rows.set_recognition(make_reading("", "").recognition)
    assert rows.count() == 0
    rows.grab()


def test_the_one_in_use_is_marked(rows: AlternativesList) -> None:
    rows.set_current("x^3 + y")
    assert [rows.is_current(row) for row in range(3)] == [False, True, False]
    rows.set_current("something else")
    assert not any(rows.is_current(row) for row in range(3))


def test_the_menu_offers_tokens_with_their_probabilities(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    menu = FixMenu(make_reading().recognition.tokens[0], parent)
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts[1:] == ["x\t99 %", "z\t20 %", "\\alpha\t< 1 %", "Type another…"]
    offered = [action for action in menu.actions() if action.isEnabled() and "\t" in action.text()]
    with qtbot.waitSignal(menu.chosen) as chosen:
        offered[1].trigger()
    assert chosen.args == ["\\alpha"]
    with qtbot.waitSignal(menu.typing_requested):
        menu.actions()[-1].trigger()


def test_an_ampersand_is_shown_as_one(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    menu = FixMenu(make_reading("& b", "& b").recognition.tokens[0], parent)
    action = next(action for action in menu.actions() if action.text().startswith("&&\t"))
    assert not action.isEnabled()


def test_a_token_can_be_typed(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = TokenDialog("x", ("<eos>", r"\alpha", r"\beta"), parent)
    dialog.open()
    with qtbot.assertNotEmitted(dialog.entered):
        qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    qtbot.keyClicks(dialog.field, r" \chi ")
    with qtbot.waitSignal(dialog.entered) as entered:
        qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert entered.args == [r"\chi"]
