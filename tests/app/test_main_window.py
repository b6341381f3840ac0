"""The window's own parts: nothing is cut at its smallest size, and the line at the bottom says what holds now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.controller import State
from app.history import History
from app.history_panel import HistoryPanel
from app.ink_panel import InkPanel
from app.main_window import MainWindow
from app.result_panel import ResultPanel
from app.status_line import StatusLine
from tests.app.readings import make_reading

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def window(qtbot: QtBot, data_dir: Path) -> Iterator[MainWindow]:
    history = History(data_dir / "history.sqlite3")
    shown = MainWindow(ResultPanel(), InkPanel(), HistoryPanel(history))
    qtbot.addWidget(shown)
    shown.show()
    yield shown
    shown.hide()
    history.close()


@pytest.mark.parametrize("with_history", [False, True])
@pytest.mark.parametrize("drawing", [False, True])
def test_nothing_is_cut_in_the_smallest_window(
    window: MainWindow, qtbot: QtBot, with_history: bool, drawing: bool
) -> None:
    window.result.show_reading(make_reading())
    window.show_result()
    if with_history:
        window.history_action.trigger()
    window.set_drawing(drawing)
    qtbot.wait(20)
    window.resize(1, 1)
    qtbot.wait(20)
    panel = window.result
    for part in (panel.copy_button, panel.compare_button, panel.play_button):
        assert part.width() >= part.sizeHint().width() and part.height() >= part.sizeHint().height() - 4, part
    for part in (panel.attention, panel.strip, panel.editor, panel.preview, panel.alternatives):
        least = part.minimumSizeHint()
        assert part.width() >= least.width() and part.height() >= least.height(), part
    assert window.width() <= 1000 and window.height() <= 720  # it fits on a small screen all the same


def test_a_reading_that_comes_to_nothing_leaves_the_last_words(qtbot: QtBot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.set_state(State.READING)
    line.set_reading(make_reading())
    words = line._flow.text()
    assert "tokens" in words
    line.set_state(State.READING)
    assert line._flow.text() != words
    line.set_state(State.SHOWN)
    assert line._flow.text() == words
