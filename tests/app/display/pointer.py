"""The pointer of an X server, moved by the XTEST extension: moves and buttons come in their order, as those of a mouse.

xdotool's moves are no events of a device: it sets the pointer to its place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from types import TracebackType

Place = tuple[int, int]

_LEFT_BUTTON = 1
_AT_ONCE = 32
"""Moves sent before the server is waited for: its queue has an end."""


class Pointer:
    """Draws strokes on the screen of a display; to be closed."""

    def __init__(self, display: str) -> None:
        self._x11 = ctypes.CDLL("libX11.so.6")
        self._test = ctypes.CDLL("libXtst.so.6")  # xdotool stands on it too
        handle, number = ctypes.c_void_p, ctypes.c_int
        for library, name, arguments, result in (
            (self._x11, "XOpenDisplay", [ctypes.c_char_p], handle),
            (self._x11, "XCloseDisplay", [handle], number),
            (self._x11, "XSync", [handle, number], number),
            (self._test, "XTestFakeMotionEvent", [handle, number, number, number, ctypes.c_ulong], number),
            (self._test, "XTestFakeButtonEvent", [handle, ctypes.c_uint, number, ctypes.c_ulong], number),
        ):
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, result
        self._display = self._x11.XOpenDisplay(display.encode())
        assert self._display, f"no X server at {display}"

    def __enter__(self) -> Pointer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._x11.XCloseDisplay(self._display)

    def press(self, place: Place) -> None:
        """Press the left button at a place.

        A window manager may hold the pointer until it has seen to the press, and moves that come meanwhile are one to
        the server: wait until the press has arrived.
        """
        self._move(place)
        self._button(True)
        self._wait()

    def finish(self, places: Sequence[Place]) -> None:
        """Move over places with the button down, and release it at the last."""
        for number, place in enumerate(places, 1):
            self._move(place)
            if number % _AT_ONCE == 0:
                self._wait()
        self._button(False)
        self._wait()

    def _move(self, place: Place) -> None:
        self._test.XTestFakeMotionEvent(self._display, -1, *place, 0)

    def _button(self, down: bool) -> None:
        self._test.XTestFakeButtonEvent(self._display, _LEFT_BUTTON, int(down), 0)

    def _wait(self) -> None:
        self._x11.XSync(self._display, 0)
