"""Carbon's calls, against functions of the same C signature; the event comes back as C calls it."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_int32, c_uint32, c_ulong, c_void_p
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.hotkey import GlobalHotkey
from app.hotkey.handlers.macos import Callback, EventType, HotKeyIdentifier, MacHotkey

TARGET, HOT_KEY = 0x1000, 0x2000


class FakeCarbon:
    """The four functions of Carbon, and what they were called with."""

    def __init__(self, status: int = 0) -> None:
        self.calls: list[Any] = []
        self.callback: Any = None

        def install(target: int, callback: Any, count: int, kinds: Any, data: int | None, out: int | None) -> int:
            self.callback = callback
            self.calls.append(("install", target, count, kinds[0].event_class, kinds[0].event_kind))
            return 0

        def register(code: int, modifiers: int, name: HotKeyIdentifier, target: int, options: int, out: Any) -> int:
            self.calls.append(("register", code, modifiers, name.signature.to_bytes(4, "big"), target, options))
            out[0] = HOT_KEY
            return status

        def unregister(hot_key: int) -> int:
            self.calls.append(("unregister", hot_key))
            return 0

        self.GetApplicationEventTarget = CFUNCTYPE(c_void_p)(lambda: TARGET)
        self.InstallEventHandler = CFUNCTYPE(
            c_int32, c_void_p, Callback, c_ulong, POINTER(EventType), c_void_p, c_void_p
        )(install)
        self.RegisterEventHotKey = CFUNCTYPE(
            c_int32, c_uint32, c_uint32, HotKeyIdentifier, c_void_p, c_uint32, POINTER(c_void_p)
        )(register)
        self.UnregisterEventHotKey = CFUNCTYPE(c_int32, c_void_p)(unregister)


@pytest.mark.parametrize(
    ("sequence", "code", "modifiers"),
    [("Ctrl+Alt+L", 37, 0x900), ("Meta+Shift+A", 0, 0x1200), ("F12", 111, 0), ("Ctrl+Space", 49, 0x100)],
)
def test_key_is_registered_heard_and_given_back(qtbot: QtBot, sequence: str, code: int, modifiers: int) -> None:
    carbon = FakeCarbon()
    hotkey = GlobalHotkey(handler=MacHotkey(carbon=carbon))
    assert hotkey.register(sequence).ok
    with qtbot.waitSignal(hotkey.activated):
        assert carbon.callback(None, None, None) == 0
    hotkey.unregister()
    assert hotkey.register(sequence).ok
    assert carbon.calls == [
        ("install", TARGET, 1, int.from_bytes(b"keyb", "big"), 5),
        ("register", code, modifiers, b"Fmln", TARGET, 0),
        ("unregister", HOT_KEY),
        ("register", code, modifiers, b"Fmln", TARGET, 0),
    ]


@pytest.mark.parametrize(("status", "words"), [(-9878, "taken by another program"), (-50, "error -50")])
def test_refusal_is_said_plainly(qtbot: QtBot, status: int, words: str) -> None:
    carbon = FakeCarbon(status)
    hotkey = GlobalHotkey(handler=MacHotkey(carbon=carbon))
    outcome = hotkey.register("Ctrl+Alt+L")
    assert not outcome.ok and words in outcome.message
    hotkey.unregister()
    assert [call[0] for call in carbon.calls] == ["install", "register"]


def test_key_without_a_place_is_refused(qtbot: QtBot) -> None:
    carbon = FakeCarbon()
    assert "cannot be a global key" in GlobalHotkey(handler=MacHotkey(carbon=carbon)).register("Ctrl+ß").message
    assert carbon.calls == []


def test_identifier_is_passed_as_eight_bytes() -> None:
    assert ctypes.sizeof(HotKeyIdentifier) == ctypes.sizeof(EventType) == 8
