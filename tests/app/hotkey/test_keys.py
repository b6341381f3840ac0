"""Reading a key from the settings, and the one hotkey over whatever handler there is."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from app.hotkey import GlobalHotkey, HotkeyError
from app.hotkey.handlers.none import NoHotkey
from app.hotkey.models import Keys


def test_keys_are_read() -> None:
    assert Keys.parse("Ctrl+Alt+L") == Keys(Qt.Key.Key_L, ctrl=True, alt=True)
    assert Keys.parse(QKeySequence("Meta+Shift+F2")) == Keys(Qt.Key.Key_F2, meta=True, shift=True)
    assert Keys.parse("Print") == Keys(Qt.Key.Key_Print)
    assert Keys.parse("Ctrl+Alt+L").text == "Ctrl+Alt+L"


@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        ("", "no key"),
        ("Ctrl+Nonsense", "no key"),
        ("Ctrl+K, Ctrl+L", "several in a row"),
        ("A", "every other program"),
        ("Shift+A", "every other program"),
        ("Return", "every other program"),
    ],
)
def test_what_is_no_global_key_is_said_plainly(sequence: str, words: str) -> None:
    with pytest.raises(HotkeyError, match=words):
        Keys.parse(sequence)


def test_desktop_without_global_keys_says_so_and_what_to_do(qtbot: QtBot) -> None:
    hotkey = GlobalHotkey(handler=NoHotkey())
    with qtbot.waitSignal(hotkey.outcome_changed):
        outcome = hotkey.register("Ctrl+Alt+L")
    assert not outcome.ok and "keyboard settings" in outcome.message
    assert hotkey.register("").ok  # none wanted is no failure
    assert not hotkey.register("Ctrl+K, Ctrl+L").ok
