"""Global hotkey on macOS by Carbon, whose hot keys need no accessibility permission and are not deprecated."""

from __future__ import annotations

import ctypes
import logging
import sys
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_int32, c_uint32, c_ulong, c_void_p
from typing import Any

from PySide6.QtCore import QObject, Qt

from app.hotkey.models import HotkeyError, HotkeyHandler, Keys, Outcome, taken, unusable, works

CARBON = "/System/Library/Frameworks/Carbon.framework/Carbon"
COMMAND, SHIFT, OPTION, CONTROL = 0x100, 0x200, 0x800, 0x1000
EVENT_CLASS_KEYBOARD = int.from_bytes(b"keyb", "big")
EVENT_HOT_KEY_PRESSED = 5
SIGNATURE = int.from_bytes(b"Fmln", "big")
HOT_KEY_EXISTS = -9878
CODES: dict[Qt.Key, int] = {
    **{
        Qt.Key(ord(letter)): code
        for letter, code in zip(
            "ASDFHGZXCVBQWERYT123465=97-80]OU[IPLJ'K;\\,/NM.`",
            [*range(10), *range(11, 36), *range(37, 48), 50],
            strict=True,
        )
    },
    Qt.Key.Key_Space: 49,
    Qt.Key.Key_Return: 36,
    Qt.Key.Key_Tab: 48,
    Qt.Key.Key_Backspace: 51,
    Qt.Key.Key_Escape: 53,
    Qt.Key.Key_Home: 115,
    Qt.Key.Key_PageUp: 116,
    Qt.Key.Key_Delete: 117,
    Qt.Key.Key_End: 119,
    Qt.Key.Key_PageDown: 121,
    Qt.Key.Key_Left: 123,
    Qt.Key.Key_Right: 124,
    Qt.Key.Key_Down: 125,
    Qt.Key.Key_Up: 126,
    **{
        Qt.Key(Qt.Key.Key_F1 + index): code
        for index, code in enumerate(
            [122, 120, 99, 118, 96, 97, 98, 100, 101, 109, 103, 111, 105, 107, 113, 106, 64, 79, 80, 90]
        )
    },
}
"""Carbon's numbers are of places on the keyboard (kVK_ANSI_…), so on other layouts the key is the one at that place."""


class EventType(Structure):
    """EventTypeSpec."""

    _fields_ = (("event_class", c_uint32), ("event_kind", c_uint32))


class HotKeyIdentifier(Structure):
    """EventHotKeyID, passed by value."""

    _fields_ = (("signature", c_uint32), ("number", c_uint32))


Callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p)

log = logging.getLogger(__name__)


class MacHotkey(HotkeyHandler):
    """Registers with the application's event target; Qt's event loop delivers its events."""

    name = "macos"

    def __init__(self, parent: QObject | None = None, *, carbon: Any = None) -> None:
        super().__init__(parent)
        self._carbon = carbon
        self._callback = Callback(self._on_event)  # as long as the handler may be called
        self._handler_installed = False
        self._hot_key: c_void_p | None = None

    def is_compatible(self) -> bool:
        """macOS."""
        return sys.platform == "darwin"

    def register(self, keys: Keys) -> Outcome:
        """Register the key with Carbon."""
        self.unregister()
        if keys.key not in CODES:
            raise unusable(keys)
        modifiers = sum(
            bit
            for held, bit in ((keys.ctrl, COMMAND), (keys.shift, SHIFT), (keys.alt, OPTION), (keys.meta, CONTROL))
            if held
        )
        target = self._function("GetApplicationEventTarget", [], c_void_p)()
        self._install(target)
        hot_key = c_void_p()
        status = self._function(
            "RegisterEventHotKey",
            [c_uint32, c_uint32, HotKeyIdentifier, c_void_p, c_uint32, POINTER(c_void_p)],
            c_int32,
        )(CODES[keys.key], modifiers, HotKeyIdentifier(SIGNATURE, 1), target, 0, byref(hot_key))
        if status == HOT_KEY_EXISTS:
            raise taken(keys)
        if status:
            raise HotkeyError(self.tr("macOS refuses {} (error {}). Choose another key.").format(keys.text, status))
        self._hot_key = hot_key
        return works(keys)

    def unregister(self) -> None:
        """Give the key back to macOS."""
        if self._hot_key is not None:
            self._function("UnregisterEventHotKey", [c_void_p], c_int32)(self._hot_key)
            self._hot_key = None

    def _install(self, target: int) -> None:
        if self._handler_installed:
            return
        kinds = (EventType * 1)(EventType(EVENT_CLASS_KEYBOARD, EVENT_HOT_KEY_PRESSED))
        status = self._function(
            "InstallEventHandler",
            [c_void_p, Callback, c_ulong, POINTER(EventType), c_void_p, c_void_p],
            c_int32,
        )(target, self._callback, 1, kinds, None, None)
        if status:
            raise HotkeyError(self.tr("macOS delivers no key events to Formulens (error {}).").format(status))
        self._handler_installed = True

    def _on_event(self, next_handler: int | None, event: int | None, data: int | None) -> int:
        try:
            self.activated.emit()
        except Exception:  # the edge to C, which cannot take a Python exception
            log.exception("the global hotkey's receiver failed")
        return 0

    def _function(self, name: str, arguments: list[Any], result: Any) -> Any:
        if self._carbon is None:
            self._carbon = ctypes.CDLL(CARBON)
        function = getattr(self._carbon, name)
        function.argtypes, function.restype = arguments, result
        return function
