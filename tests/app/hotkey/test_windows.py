"""Windows' calls, against functions of the same C signature, and its message as Qt hands it over."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, c_int, c_uint32, c_void_p
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QByteArray
from pytestqt.qtbot import QtBot

from app.hotkey import GlobalHotkey
from app.hotkey.handlers.windows import IDENTIFIER, HotkeyFilter, Message, WindowsHotkey


def user32(calls: list[Any], answer: int = 1) -> Any:
    def register(window: int | None, number: int, modifiers: int, key: int) -> int:
        calls.append(("register", window, number, modifiers, key))
        return answer

    def unregister(window: int | None, number: int) -> int:
        calls.append(("unregister", window, number))
        return 1

    return SimpleNamespace(
        RegisterHotKey=CFUNCTYPE(c_int, c_void_p, c_int, c_uint32, c_uint32)(register),
        UnregisterHotKey=CFUNCTYPE(c_int, c_void_p, c_int)(unregister),
    )


@pytest.mark.parametrize(
    ("sequence", "modifiers", "key"),
    [
        ("Ctrl+Alt+L", 0x4003, ord("L")),
        ("Meta+Shift+S", 0x400C, ord("S")),
        ("Print", 0x4000, 0x2C),
        ("Ctrl+F9", 0x4002, 0x78),
        ("Alt+7", 0x4001, ord("7")),
    ],
)
def test_key_is_registered_and_given_back(qtbot: QtBot, sequence: str, modifiers: int, key: int) -> None:
    calls: list[Any] = []
    hotkey = GlobalHotkey(handler=WindowsHotkey(user32=user32(calls)))
    assert hotkey.register(sequence).ok
    hotkey.unregister()
    hotkey.unregister()
    assert calls == [("register", None, IDENTIFIER, modifiers, key), ("unregister", None, IDENTIFIER)]


@pytest.mark.parametrize(("number", "words"), [(1409, "taken by another program"), (5, "error 5")])
def test_refusal_is_said_plainly(qtbot: QtBot, number: int, words: str) -> None:
    calls: list[Any] = []
    hotkey = GlobalHotkey(handler=WindowsHotkey(user32=user32(calls, answer=0), last_error=lambda: number))
    outcome = hotkey.register("Ctrl+Alt+L")
    assert not outcome.ok and words in outcome.message
    hotkey.unregister()
    assert [call[0] for call in calls] == ["register"]


def test_key_that_depends_on_the_layout_is_refused(qtbot: QtBot) -> None:
    assert "cannot be a global key" in GlobalHotkey(handler=WindowsHotkey(user32=user32([]))).register("Ctrl+ß").message


@pytest.mark.parametrize(
    ("kind", "message", "number", "heard"),
    [
        (b"windows_dispatcher_MSG", 0x0312, IDENTIFIER, True),
        (b"windows_generic_MSG", 0x0312, IDENTIFIER, True),
        (b"windows_dispatcher_MSG", 0x0312, IDENTIFIER + 1, False),
        (b"windows_dispatcher_MSG", 0x0100, IDENTIFIER, False),
        (b"xcb_generic_event_t", 0x0312, IDENTIFIER, False),
    ],
)
def test_message_of_our_key_is_heard(kind: bytes, message: int, number: int, heard: bool) -> None:
    presses: list[int] = []
    watcher = HotkeyFilter(lambda: presses.append(1))
    content = Message(None, message, number, None)
    taken, _ = watcher.nativeEventFilter(QByteArray(kind), ctypes.addressof(content))
    assert (taken, bool(presses)) == (heard, heard)
