"""A key that works wherever the keyboard is: ordered handlers for the platforms behind `GlobalHotkey`."""

from app.hotkey.global_hotkey import GlobalHotkey
from app.hotkey.models import HotkeyError, Outcome

__all__ = ["GlobalHotkey", "HotkeyError", "Outcome"]
