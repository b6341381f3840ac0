"""Global hotkey on Windows: RegisterHotKey, and WM_HOTKEY among the thread's messages."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from ctypes import c_int, c_uint32, c_void_p
from typing import Any

from PySide6.QtCore import QAbstractNativeEventFilter, QByteArray, QCoreApplication, QObject, Qt

from app.hotkey.models import HotkeyError, HotkeyHandler, Keys, Outcome, taken, unusable, works

WM_HOTKEY = 0x0312
MOD_ALT, MOD_CONTROL, MOD_SHIFT, MOD_WIN, MOD_NOREPEAT = 1, 2, 4, 8, 0x4000
ALREADY_REGISTERED = 1409
IDENTIFIER = 0x464C  # any number up to 0xBFFF that this program uses once
NAMED = {
    Qt.Key.Key_Escape: 0x1B,
    Qt.Key.Key_Tab: 0x09,
    Qt.Key.Key_Backspace: 0x08,
    Qt.Key.Key_Return: 0x0D,
    Qt.Key.Key_Space: 0x20,
    Qt.Key.Key_Insert: 0x2D,
    Qt.Key.Key_Delete: 0x2E,
    Qt.Key.Key_Pause: 0x13,
    Qt.Key.Key_Print: 0x2C,
    Qt.Key.Key_ScrollLock: 0x91,
    Qt.Key.Key_Home: 0x24,
    Qt.Key.Key_End: 0x23,
    Qt.Key.Key_Left: 0x25,
    Qt.Key.Key_Up: 0x26,
    Qt.Key.Key_Right: 0x27,
    Qt.Key.Key_Down: 0x28,
    Qt.Key.Key_PageUp: 0x21,
    Qt.Key.Key_PageDown: 0x22,
}


class Message(ctypes.Structure):
    """The beginning of Windows' MSG."""

    _fields_ = (("hwnd", c_void_p), ("message", c_uint32), ("wparam", c_void_p), ("lparam", c_void_p))


class HotkeyFilter(QAbstractNativeEventFilter):
    """Hears WM_HOTKEY. Its message belongs to the thread, so Qt names it as the dispatcher's."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__()
        self._heard = heard

    def nativeEventFilter(self, kind: QByteArray | bytes | bytearray | memoryview, message: int) -> tuple[bool, int]:
        """Take our hotkey's message; leave every other."""
        name = kind.data() if isinstance(kind, QByteArray) else kind
        if bytes(name) in (b"windows_dispatcher_MSG", b"windows_generic_MSG"):
            read = Message.from_address(int(message))
            if read.message == WM_HOTKEY and read.wparam == IDENTIFIER:
                self._heard()
                return True, 0
        return False, 0


class WindowsHotkey(HotkeyHandler):
    """Registers for the GUI thread, without a window."""

    name = "windows"

    def __init__(
        self, parent: QObject | None = None, *, user32: Any = None, last_error: Callable[[], int] | None = None
    ) -> None:
        super().__init__(parent)
        self._user32 = user32
        self._last_error = last_error or last_windows_error
        self._filter: HotkeyFilter | None = None

    def is_compatible(self) -> bool:
        """Windows."""
        return sys.platform == "win32"

    def register(self, keys: Keys) -> Outcome:
        """Register the key with Windows."""
        self.unregister()
        modifiers = MOD_NOREPEAT | sum(
            bit
            for held, bit in (
                (keys.ctrl, MOD_CONTROL),
                (keys.alt, MOD_ALT),
                (keys.shift, MOD_SHIFT),
                (keys.meta, MOD_WIN),
            )
            if held
        )
        code = to_virtual_key(keys)
        function = self._library().RegisterHotKey
        function.argtypes, function.restype = [c_void_p, c_int, c_uint32, c_uint32], c_int
        if not function(None, IDENTIFIER, modifiers, code):
            number = self._last_error()
            if number == ALREADY_REGISTERED:
                raise taken(keys)
            raise HotkeyError(self.tr("Windows refuses {} (error {}). Choose another key.").format(keys.text, number))
        self._filter = HotkeyFilter(self.activated.emit)
        app = QCoreApplication.instance()
        if app is not None:
            app.installNativeEventFilter(self._filter)
        return works(keys)

    def unregister(self) -> None:
        """Give the key back to Windows."""
        if self._filter is None:
            return
        app = QCoreApplication.instance()
        if app is not None:
            app.removeNativeEventFilter(self._filter)
        self._filter = None
        function = self._library().UnregisterHotKey
        function.argtypes, function.restype = [c_void_p, c_int], c_int
        function(None, IDENTIFIER)

    def _library(self) -> Any:
        if self._user32 is None:
            self._user32 = getattr(ctypes, "WinDLL")("user32", use_last_error=True)  # noqa: B009 - only on Windows
        return self._user32


def last_windows_error() -> int:
    """Why the last call failed; ctypes keeps it per thread."""
    return int(getattr(ctypes, "get_last_error")())  # noqa: B009 - only on Windows


def to_virtual_key(keys: Keys) -> int:
    """Windows' number for a key.

    Raises:
        HotkeyError: it has none that is the same on every keyboard layout.
    """
    value = int(keys.key)
    if keys.key in NAMED:
        return NAMED[keys.key]
    if Qt.Key.Key_F1 <= value <= Qt.Key.Key_F24:
        return 0x70 + value - Qt.Key.Key_F1
    if Qt.Key.Key_0 <= value <= Qt.Key.Key_9 or Qt.Key.Key_A <= value <= Qt.Key.Key_Z:
        return value
    raise unusable(keys)
