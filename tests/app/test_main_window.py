"""The window's own parts: nothing is cut at its smallest size, and the line at the bottom says what holds now."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QColor, QImage, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
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


PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
README = Path(__file__).parents[2] / "README.md"


def readme_keys(place: str) -> dict[str, str]:
    """What the README's table of keys says of a place: words -> keys."""
    line = next(line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {place}"))
    pairs = line.split("|")[2].split(";")[0].replace("Ctrl+,", "Ctrl+Comma").split(", ")
    found = {}
    for pair in pairs:
        keys, words = pair.strip().split(" ", 1)
        found[words] = keys.replace("Comma", ",")
    return found


def test_every_key_of_the_readme_does_what_it_says(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the focus in the history's list, whose own keys must not be in the way."""
    facts = {"kind": "snip", "name": "", "latex": "x", "confidence": 1.0, "model": "", "picture_png": PNG}
    window.history._history.add(**facts)
    window.history.refresh()
    keys = readme_keys("Everywhere")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (["a.png"], ""))
    QApplication.clipboard().clear()
    window.result.show_reading(make_reading())
    window.show_result()
    window.set_repeatable(True)
    window.history_action.trigger()
    signals = {
        "snip": window.snip_requested,
        "snip again": window.again_requested,
        "draw": window.draw_action.toggled,
        "paste": window.paste_requested,
        "open": window.files_chosen,
        "folder": window.folder_requested,
        "copy": window.copy_requested,
        "copy as": window.result.copy_button.menu().aboutToShow,
        "compare": window.result.selfcheck_requested,
        "settings": window.settings_requested,
        "quit": window.quit_requested,
        "history": window.history_action.toggled,  # hides it: the last one
    }
    assert set(keys) == set(signals)
    heard: list[str] = []
    for words, signal in signals.items():
        signal.connect(lambda *_, words=words: heard.append(words))
    for words in signals:
        window.history.list.setFocus()
        assert QApplication.focusWidget() is window.history.list, words
        pressed = QKeySequence(keys[words])[0]
        QTest.keyClick(window.history.list, pressed.key(), pressed.keyboardModifiers())
        assert heard == [words]
        heard.clear()
        window.result.copy_button.menu().close()


def test_the_history_keeps_its_own_keys(window: MainWindow, qtbot: QtBot) -> None:
    assert re.search(r"Ctrl\+B star", README.read_text(encoding="utf-8"))
    taken = {key.toString() for action in window.actions() for key in action.shortcuts()}
    own = {key.toString() for action in window.history.list.actions() for key in action.shortcuts()}
    assert len(own) >= 6 and not own & taken


def test_escape_gives_up_what_nothing_else_takes(window: MainWindow, qtbot: QtBot) -> None:
    window.result.show_reading(make_reading())
    window.show_result()
    window.history_action.trigger()
    for place in (window.result.editor, window.result.strip, window.result.attention, window.history.list):
        place.setFocus()
        with qtbot.waitSignal(window.cancel_requested, timeout=1000):
            QTest.keyClick(place, Qt.Key.Key_Escape)


def test_text_is_pasted_where_one_writes_and_pictures_are_read(window: MainWindow, qtbot: QtBot) -> None:
    window.result.show_reading(make_reading())
    window.show_result()
    editor = window.result.editor
    asked: list[bool] = []
    window.paste_requested.connect(lambda: asked.append(True))

    def paste(text: str = "", url: str = "", picture: bool = False) -> str:
        data = QMimeData()
        if picture:
            image = QImage(4, 4, QImage.Format.Format_RGB32)
            image.fill(QColor("white"))
            data.setImageData(image)
        if url:
            data.setUrls([QUrl(url)])
        if text:
            data.setText(text)
        QApplication.clipboard().setMimeData(data)
        editor.setPlainText("")
        editor.setFocus()
        QTest.keyClick(editor, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        return editor.toPlainText()

    assert paste("a+b") == "a+b"
    assert paste("a+b", picture=True) == "a+b"  # as Word and Excel copy
    assert paste("https://example.org/a", "https://example.org/a") == "https://example.org/a"
    assert asked == []
    assert paste(picture=True) == "" and asked == [True]
    assert paste("/tmp/a.png", "file:///tmp/a.png") == "" and asked == [True, True]


def test_the_share_of_the_canvas_is_remembered(window: MainWindow, qtbot: QtBot, data_dir: Path) -> None:
    window.show_result()
    assert window.split_state() == ""
    window.set_drawing(True)
    qtbot.wait(20)
    window._split.setSizes([300, 250])
    state = window.split_state()
    window.set_drawing(False)
    assert window.split_state() == state
    history = History(data_dir / "other.sqlite3")
    other = MainWindow(ResultPanel(), InkPanel(), HistoryPanel(history))
    qtbot.addWidget(other)
    other.resize(window.size())
    other.show_result()
    for damaged in ("x", "1", "0,5"):
        other.restore_split(damaged)
    other.restore_split(state)
    other.show()
    other.set_drawing(True)
    qtbot.wait(20)
    assert other._split.sizes()[0] == pytest.approx(window_share(state) * sum(other._split.sizes()), abs=12)
    history.close()


def window_share(state: str) -> float:
    upper, lower = map(int, state.split(","))
    return upper / (upper + lower)
