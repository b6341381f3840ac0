"""The row of tokens: pointing, stepping, following the active one."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.latex_editor import TokenMark
from app.token_strip import TokenStrip


@pytest.fixture
def strip(qtbot: QtBot) -> TokenStrip:
    widget = TokenStrip()
    qtbot.addWidget(widget)
    widget.resize(220, 32)
    widget.set_tokens([TokenMark(r"\alpha", 0.99), TokenMark("_", 0.9), TokenMark("x", 0.4)] * 12)
    widget.show()
    return widget


def test_chips_tell_of_pointer_and_click(qtbot: QtBot, strip: TokenStrip) -> None:
    hovered: list[int] = []
    strip.token_hovered.connect(hovered.append)
    qtbot.mouseMove(strip, strip.chip(0).center().toPoint())
    qtbot.mouseMove(strip, strip.chip(2).center().toPoint())
    assert hovered == [0, 2]
    assert "40 %" in strip.tip_at(strip.chip(2).center().toPoint())
    with qtbot.waitSignal(strip.token_clicked) as clicked:
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip.chip(1).center().toPoint())
    assert clicked.args == [1]


def test_keys_step_and_open(qtbot: QtBot, strip: TokenStrip) -> None:
    strip.token_stepped.connect(strip.set_active)
    seen: list[int] = []
    strip.token_stepped.connect(seen.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_End, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Home):
        qtbot.keyClick(strip, key)
    assert seen == [0, 1, 35, 35, 34, 0]
    with qtbot.waitSignal(strip.token_clicked) as clicked:
        qtbot.keyClick(strip, Qt.Key.Key_Return)
    assert clicked.args == [0]


def test_the_active_token_is_brought_into_view(strip: TokenStrip) -> None:
    assert strip.chip(30).left() > strip.width()
    strip.set_active(30)
    assert strip.chip(30).left() >= 0 and strip.chip(30).right() <= strip.width()
    assert r"\alpha" in strip.accessibleDescription()
    strip.set_active(0)
    assert strip.chip(0).left() >= 0


def test_no_tokens_no_trouble(qtbot: QtBot, strip: TokenStrip) -> None:
    strip.set_tokens(())
    strip.set_active(3)
    with qtbot.assertNotEmitted(strip.token_stepped):
        qtbot.keyClick(strip, Qt.Key.Key_Right)
    assert strip.token_at(QPoint(10, 10).toPointF()) == -1
    strip.grab()


def test_doubtful_chips_look_different(strip: TokenStrip) -> None:
    sure = strip.chip(0).toRect().topLeft() + QPoint(4, 4)
    doubtful = strip.chip(2).toRect().topLeft() + QPoint(4, 4)
    picture = strip.grab().toImage()
    assert picture.pixelColor(sure) != picture.pixelColor(doubtful)
    strip.set_threshold(0.1)
    picture = strip.grab().toImage()
    assert picture.pixelColor(sure) == picture.pixelColor(doubtful)
