"""Stills by mss: screens matched, pixels owned, macOS asked for permission; and mss itself on a real X server."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import mss
import pytest
from PySide6.QtCore import QRect
from pytestqt.qtbot import QtBot

from app.capture.handlers.mss_grab import MssHandler, Place, area, different
from app.capture.permission import MacPermission


class FakeCamera:
    """Answers as ``mss.MSS`` does; each pixel tells its place on the desktop."""

    def __init__(self, monitors: list[dict[str, int]], scale: int = 1, error: Exception | None = None) -> None:
        self.monitors = [{"left": 0, "top": 0, "width": 0, "height": 0}, *monitors]
        self.scale = scale
        self.error = error

    def __enter__(self) -> FakeCamera:
        if self.error is not None:
            raise self.error
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def grab(self, monitor: dict[str, int]) -> mss.ScreenShot:
        width, height = monitor["width"] * self.scale, monitor["height"] * self.scale
        data = bytearray()
        for row in range(height):
            for column in range(width):
                data += bytes([(monitor["left"] + column) % 256, (monitor["top"] + row) % 256, 7, 0])
        return mss.ScreenShot.from_size(data, width, height)


def monitor(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"left": left, "top": top, "width": width, "height": height}


def test_each_screen_gets_its_own_pixels(qtbot: QtBot) -> None:
    camera = FakeCamera([monitor(0, 0, 41, 30), monitor(-64, -10, 64, 20)])
    places = [Place("L", QRect(-64, -10, 32, 10), 2.0), Place("R", QRect(0, 0, 27, 20), 1.5)]
    handler = MssHandler(open_camera=lambda: camera, places=lambda: places)
    with qtbot.waitSignal(handler.grabbed) as heard:
        handler.grab()
    left, right = heard.args[0]
    assert (left.name, left.image.width(), left.image.height()) == ("L", 64, 20)
    assert (right.name, right.image.width(), right.image.height()) == ("R", 41, 30)
    color = left.image.pixelColor(3, 2)
    assert (color.red(), color.green(), color.blue()) == (7, (-10 + 2) % 256, (-64 + 3) % 256)
    assert left.geometry == QRect(-64, -10, 32, 10)


def test_retina_still_has_its_own_number_of_pixels(qtbot: QtBot) -> None:
    camera = FakeCamera([monitor(0, 0, 40, 30)], scale=2)
    handler = MssHandler(open_camera=lambda: camera, places=lambda: [Place("A", QRect(0, 0, 40, 30), 2.0)])
    with qtbot.waitSignal(handler.grabbed) as heard:
        handler.grab()
    assert heard.args[0][0].image.size().toTuple() == (80, 60)


def test_screen_that_mss_does_not_list_is_computed() -> None:
    place = Place("A", QRect(100, 0, 911, 512), 1.5)
    assert area([monitor(0, 0, 100, 100)], place) == monitor(100, 0, 1366, 768)


def test_mirrored_screens_are_one_and_names_differ() -> None:
    places = [Place("DELL", QRect(x, 0, 100, 100), 1.0) for x in (0, 0, 100, 200)]
    assert [place.name for place in different(places)] == ["DELL", "DELL (2)", "DELL (3)"]


@pytest.mark.parametrize("error", [mss.ScreenShotError("cannot open display"), OSError("libxcb.so.1: cannot open")])
def test_failure_is_said_plainly(qtbot: QtBot, error: Exception) -> None:
    camera = FakeCamera([], error=error)
    handler = MssHandler(open_camera=lambda: camera, places=lambda: [Place("A", QRect(0, 0, 4, 3), 1.0)])
    with qtbot.waitSignal(handler.failed) as heard:
        handler.grab()
    assert str(error) in heard.args[0] and "pasted" in heard.args[0]


def test_no_screen_at_all(qtbot: QtBot) -> None:
    handler = MssHandler(open_camera=lambda: FakeCamera([]), places=list)
    with qtbot.waitSignal(handler.failed) as heard:
        handler.grab()
    assert "no screen" in heard.args[0]


def core_graphics(granted: bool, asked: list[int]) -> Any:
    """CoreGraphics' two functions, as C calls them."""
    access = ctypes.CFUNCTYPE(ctypes.c_bool)

    def request() -> bool:
        asked.append(1)
        return False

    return SimpleNamespace(
        CGPreflightScreenCaptureAccess=access(lambda: granted), CGRequestScreenCaptureAccess=access(request)
    )


def test_mac_permission_is_asked_for_and_explained(qtbot: QtBot) -> None:
    asked: list[int] = []
    camera = FakeCamera([monitor(0, 0, 4, 3)])
    places = [Place("A", QRect(0, 0, 4, 3), 1.0)]
    handler = MssHandler(
        open_camera=lambda: camera, places=lambda: places, permission=MacPermission(core_graphics(False, asked))
    )
    with qtbot.waitSignal(handler.failed) as heard, qtbot.assertNotEmitted(handler.grabbed):
        handler.grab()
    assert asked == [1]
    assert "System Settings" in heard.args[0] and "start it again" in heard.args[0]


def test_mac_permission_given_is_not_asked_for(qtbot: QtBot) -> None:
    asked: list[int] = []
    camera = FakeCamera([monitor(0, 0, 4, 3)])
    places = [Place("A", QRect(0, 0, 4, 3), 1.0)]
    handler = MssHandler(
        open_camera=lambda: camera, places=lambda: places, permission=MacPermission(core_graphics(True, asked))
    )
    with qtbot.waitSignal(handler.grabbed):
        handler.grab()
    assert asked == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
def test_mss_without_a_display_fails_plainly(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    handler = MssHandler(places=lambda: [Place("A", QRect(0, 0, 4, 3), 1.0)])
    with qtbot.waitSignal(handler.failed) as heard:
        handler.grab()
    assert "could not be photographed" in heard.args[0]
