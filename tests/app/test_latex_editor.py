"""The editor: what it marks, what it tells, and that nothing typed is lost."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QImage, QKeyEvent, QTextCharFormat
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.latex_check import Problem
from app.latex_editor import LatexEditor, TokenMark, doubt_color, matching_brace, percent
from app.theme import colors, contrast, named_colors

MARKS = [TokenMark("x", 0.99), TokenMark("^", 0.99), TokenMark("{", 0.9), TokenMark("2", 0.3), TokenMark("}", 0.9)]


@pytest.fixture
def editor(qtbot: QtBot) -> LatexEditor:
    widget = LatexEditor()
    qtbot.addWidget(widget)
    widget.resize(400, 120)
    widget.set_text("x^2 + y", MARKS)
    widget.show()
    return widget


def marked(editor: LatexEditor, property_: str, value: Any) -> list[str]:
    """The texts under marks whose format has this."""
    return [
        selection.cursor.selectedText()
        for selection in editor.extraSelections()
        if getattr(selection.format, property_)() == value
    ]


def place_of(editor: LatexEditor, position: int) -> QPoint:
    """The middle of a character in the viewport."""
    cursor = editor.textCursor()
    cursor.setPosition(position)
    left = editor.cursorRect(cursor)
    cursor.setPosition(position + 1)
    right = editor.cursorRect(cursor)
    return QPoint((left.left() + right.left()) // 2, left.center().y())


def test_doubtful_tokens_are_marked_by_the_threshold(editor: LatexEditor) -> None:
    dots = QTextCharFormat.UnderlineStyle.DotLine
    assert marked(editor, "underlineStyle", dots) == ["2"]
    editor.set_threshold(0.995)
    assert marked(editor, "underlineStyle", dots) == ["x", "^", "2"]
    editor.set_threshold(0.1)
    assert marked(editor, "underlineStyle", dots) == []


def test_less_sure_is_stronger() -> None:
    for c in (named_colors(False), named_colors(True)):
        assert doubt_color(0.8, 0.8, c, c.paper) is None
        weak, strong = doubt_color(0.7, 0.8, c, c.paper), doubt_color(0.1, 0.8, c, c.paper)
        assert weak is not None and strong is not None
        assert contrast(strong, c.paper) > contrast(weak, c.paper) > 1
        assert contrast(strong, c.ink) > 4.5


def test_marks_follow_while_typing(qtbot: QtBot, editor: LatexEditor) -> None:
    with qtbot.waitSignal(editor.edited) as edited:
        qtbot.keyClicks(editor, "a")
    assert edited.args == ["ax^2 + y"]
    assert editor.span(0) == (1, 2)
    assert marked(editor, "underlineStyle", QTextCharFormat.UnderlineStyle.DotLine) == ["2"]
    editor.selectAll()
    qtbot.keyClicks(editor, "b")
    assert editor.span(0) is None
    assert marked(editor, "underlineStyle", QTextCharFormat.UnderlineStyle.DotLine) == []


def test_showing_a_reading_is_no_edit_and_undo_is_one(qtbot: QtBot, editor: LatexEditor) -> None:
    texts: list[str] = []
    editor.edited.connect(texts.append)
    editor.set_text("z", [TokenMark("z", 0.9)])
    editor.set_problems([Problem(0, 1, "wrong")])
    editor.set_active(0)
    assert texts == []
    editor.replace_text("w + z")
    qtbot.keyClick(editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert texts == ["w + z", "z"]
    qtbot.keyClick(editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert editor.latex() == "z"  # not back into the reading before


def test_undo_can_outlive_a_new_reading_of_the_same_picture(editor: LatexEditor) -> None:
    texts: list[str] = []
    editor.edited.connect(texts.append)
    editor.set_text("x^3 + y", MARKS, keep_undo=True)
    assert texts == []
    editor.undo()
    assert editor.latex() == "x^2 + y" and texts == ["x^2 + y"]


def test_the_active_token_is_on_the_selection_ground(editor: LatexEditor) -> None:
    c = colors(editor.palette())
    editor.set_active(3)
    assert marked(editor, "background", c.selection) == ["2"]
    editor.set_hinted((0, 1))
    assert marked(editor, "background", c.accent_soft) == ["x", "^"]
    editor.set_active(2)  # tidying took this brace away
    assert marked(editor, "background", c.selection) == []


def test_problems_are_underlined_and_say_what(editor: LatexEditor) -> None:
    wave = QTextCharFormat.UnderlineStyle.WaveUnderline
    editor.set_problems([Problem(4, 5, "no such sign"), Problem(7, 7, "something is missing")])
    assert marked(editor, "underlineStyle", wave) == ["+", "y"]
    assert editor.tip_at(place_of(editor, 4)) == "no such sign"
    assert "30 %" in editor.tip_at(place_of(editor, 2))


def test_pointing_and_moving_the_cursor_name_tokens(qtbot: QtBot, editor: LatexEditor) -> None:
    hovered: list[int] = []
    editor.token_hovered.connect(hovered.append)
    qtbot.mouseMove(editor.viewport(), place_of(editor, 2))
    qtbot.mouseMove(editor.viewport(), place_of(editor, 0))
    qtbot.mouseMove(editor.viewport(), QPoint(390, 110))
    assert hovered == [3, 0, -1]
    editor.setFocus()
    entered: list[int] = []
    editor.token_entered.connect(entered.append)
    qtbot.keyClick(editor, Qt.Key.Key_Right)
    qtbot.keyClick(editor, Qt.Key.Key_Right)
    assert entered == [1, 3]


def test_the_menu_of_a_token_is_asked_for_by_mouse_and_by_key(qtbot: QtBot, editor: LatexEditor) -> None:
    with qtbot.waitSignal(editor.token_menu_requested) as asked:
        qtbot.mouseClick(
            editor.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place_of(editor, 2)
        )
    assert asked.args is not None and asked.args[0] == 3
    with qtbot.waitSignal(editor.token_menu_requested) as asked:
        qtbot.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.AltModifier)
    assert asked.args is not None and asked.args[0] == 0
    assert editor.latex() == "x^2 + y"


def test_text_is_pasted_and_pictures_and_files_are_left_to_the_window(editor: LatexEditor) -> None:
    text, files, picture = QMimeData(), QMimeData(), QMimeData()
    text.setText(r"\alpha")
    files.setUrls([QUrl.fromLocalFile("/tmp/formula.png")])
    picture.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    assert [editor.canInsertFromMimeData(data) for data in (text, files, picture)] == [True, False, False]
    paste = (QEvent.Type.ShortcutOverride, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    for data, taken in ((text, True), (picture, False)):
        QApplication.clipboard().setMimeData(data)
        event = QKeyEvent(*paste)
        event.ignore()
        QApplication.sendEvent(editor, event)
        assert event.isAccepted() == taken
    QApplication.clipboard().clear()


def test_matching_braces() -> None:
    text = r"\left\{ {a}(b[c]) \right\}"
    assert matching_brace(text, text.index("{a")) == text.index("a}") + 1
    assert matching_brace(text, text.index(")")) == text.index("(")
    assert matching_brace(text, text.index("\\{") + 1) is None
    assert matching_brace("{{a}", 0) is None
    assert matching_brace("", 0) is None


def test_the_brace_beside_the_cursor_is_shown_with_its_partner(qtbot: QtBot, editor: LatexEditor) -> None:
    editor.set_text(r"\frac{a}{b}")
    editor.setFocus()
    for _ in range(5):
        qtbot.keyClick(editor, Qt.Key.Key_Right)
    assert marked(editor, "background", colors(editor.palette()).hover) == ["{", "}"]


def test_commands_and_numbers_are_coloured(editor: LatexEditor) -> None:
    editor.set_text(r"\alpha + 12")
    layout = editor.document().firstBlock().layout()
    assert layout is not None
    c = colors(editor.palette())
    found = {(one.start, one.length): one.format.foreground().color().name() for one in layout.formats()}
    assert found == {(0, 6): c.command.name(), (9, 2): c.number.name()}


def test_percent_never_claims_certainty() -> None:
    assert [percent(share) for share in (0.0, 0.004, 0.996, 1.0)] == [0, 0, 99, 100]
