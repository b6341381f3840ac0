"""Whether macOS lets this program see the screen. Without leave it gives pictures of the empty desktop, silently."""

from __future__ import annotations

import ctypes
from typing import Any, Protocol

CORE_GRAPHICS = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"


class Permission(Protocol):
    """The right to photograph the screen."""

    def granted(self) -> bool:
        """Tell whether the screen may be seen now."""

    def request(self) -> None:
        """Have the system ask the user; it asks once, and the answer counts from the next start on."""


class MacPermission:
    """macOS's right to record the screen, by CoreGraphics (both functions are there from 10.15 on)."""

    def __init__(self, core_graphics: Any = None) -> None:
        self._given = core_graphics

    def granted(self) -> bool:
        """Ask without a dialog."""
        return bool(self._function("CGPreflightScreenCaptureAccess")())

    def request(self) -> None:
        """Show the system's dialog and put the program into its list of those to be allowed."""
        self._function("CGRequestScreenCaptureAccess")()

    def _function(self, name: str) -> Any:
        if self._given is None:
            self._given = ctypes.CDLL(CORE_GRAPHICS)
        function = getattr(self._given, name)
        function.argtypes = []
        function.restype = ctypes.c_bool
        return function
