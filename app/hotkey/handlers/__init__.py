"""The platforms' ways to a global hotkey, in the order in which they are tried."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.hotkey.handlers.macos import MacHotkey
from app.hotkey.handlers.none import NoHotkey
from app.hotkey.handlers.portal import PortalHotkey
from app.hotkey.handlers.windows import WindowsHotkey
from app.hotkey.handlers.x11 import X11Hotkey
from app.hotkey.models import HotkeyHandler

HANDLERS: tuple[type[HotkeyHandler], ...] = (WindowsHotkey, MacHotkey, PortalHotkey, X11Hotkey, NoHotkey)


def choose(parent: QObject | None = None) -> HotkeyHandler:
    """The first handler for the present desktop; the last one is for every desktop."""
    for kind in HANDLERS:
        handler = kind(parent)
        if handler.is_compatible():
            return handler
        handler.deleteLater()
    raise AssertionError("NoHotkey is compatible with everything")
