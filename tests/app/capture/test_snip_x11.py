"""Snips in a real X server by real mouse and key events: scales, two monitors, the keyboard alone, unplugging."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.display

PROGRAM = Path(__file__).with_name("x11_program.py")
ROOT = Path(__file__).parents[3]
RED = (0xC0, 0x20, 0x40)


class Server:
    """An X server of 1366 x 768 pixels, with programs on it."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []
        read, write = os.pipe()
        self.start(
            ["Xvfb", "-displayfd", str(write), "-noreset", "-nolisten", "tcp", "-screen", "0", "1366x768x24"],
            {},
            pass_fds=(write,),
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            self.display = ":" + pipe.readline().strip()

    def start(self, command: list[str], environment: dict[str, str], **options: Any) -> subprocess.Popen[str]:
        """Start a program on this server."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("QT_", "WAYLAND", "XDG_SESSION"))}
        display = {"DISPLAY": self.display} if hasattr(self, "display") else {}
        process = subprocess.Popen(
            command,
            env={**kept, **display, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "xcb", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            **options,
        )
        self.processes.append(process)
        return process

    def run(self, *command: str) -> None:
        """Run a tool on this server to its end."""
        subprocess.run(command, env={**os.environ, "DISPLAY": self.display}, check=True, timeout=20)

    def program(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start our program and wait until it is ready."""
        process = self.start([sys.executable, str(PROGRAM), *arguments], environment)
        line = self.line(process)
        assert "ready" in line or "shown" in line, line
        return process

    @staticmethod
    def line(process: subprocess.Popen[str]) -> dict[str, Any]:
        """The next thing that a program says."""
        assert process.stdout is not None
        return json.loads(process.stdout.readline() or "{}")

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Draw with the left button, as a hand does: over some places in between."""
        middle = [str((a + b) // 2) for a, b in zip(start, end, strict=True)]
        steps = [
            "mousemove",
            *map(str, start),
            "sleep",
            "0.05",
            "mousedown",
            "1",
            "mousemove",
            *middle,
            "sleep",
            "0.05",
        ]
        self.run("xdotool", *steps, "mousemove", *map(str, end), "sleep", "0.1", "mouseup", "1")

    def stop(self) -> None:
        """End all that was started, the server last."""
        for process in reversed(self.processes):
            process.terminate()
            process.communicate(timeout=10)


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.stop()


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("scale", ["1", "1.25", "1.5", "1.75", "2"])
def test_band_takes_the_pixels_under_it_at_any_scale(server: Server, tmp_path: Path, scale: str) -> None:
    server.program("window", "313", "217", "41", "33")
    snip = server.program("snip", str(tmp_path / "snip.png"), "--again", QT_SCALE_FACTOR=scale)
    server.drag((313, 217), (353, 249))
    said = server.line(snip)
    assert [said["region"][key] for key in ("left", "top", "width", "height")] == [313, 217, 41, 33], said
    assert (said["region"]["screen_width"], said["region"]["screen_height"]) == (1366, 768)
    assert server.line(snip)["region"] == said["region"]
    assert np.unique(pixels(tmp_path / "snip.png").reshape(-1, 3), axis=0).tolist() == [list(RED)]
    assert server.line(snip) == {"open_windows": 0}


@pytest.mark.parametrize("factors", ["1;2", "1.5;1", "1;1"])
def test_two_monitors_of_different_scale(server: Server, tmp_path: Path, factors: str) -> None:
    server.run("xrandr", "--setmonitor", "L", "666/200x768/200+0+0", "screen")
    server.run("xrandr", "--setmonitor", "R", "700/200x768/200+666+0", "none")
    server.program("window", "901", "300", "51", "21")
    snip = server.program("snip", str(tmp_path / "snip.png"), QT_SCREEN_SCALE_FACTORS=factors)
    server.drag((951, 320), (901, 300))
    said = server.line(snip)["region"]
    assert [said[key] for key in ("screen", "left", "top", "width", "height")] == ["R", 235, 300, 51, 21]
    assert np.unique(pixels(tmp_path / "snip.png").reshape(-1, 3), axis=0).tolist() == [list(RED)]


def test_keyboard_alone_under_a_window_manager(server: Server, tmp_path: Path) -> None:
    server.start(["openbox"], {})
    snip = server.program("snip", str(tmp_path / "snip.png"), QT_SCALE_FACTOR="1.5")
    server.run(
        "xdotool", "mousemove", "600", "400", "key", "Down", "key", "ctrl+Left", "key", "shift+Right", "sleep", "0.1"
    )
    server.run("xdotool", "key", "Return")
    said = server.line(snip)["region"]
    assert [said[key] for key in ("left", "top", "width", "height")] == [600 - 170 - 10, 400 - 38, 342, 77]


def test_keys_arrive_after_a_hotkey_that_was_held(server: Server, tmp_path: Path) -> None:
    """While the hotkey is down the server lets no other program have the keyboard."""
    snip = server.program("snip", str(tmp_path / "snip.png"), "--hotkey")
    server.run("xdotool", "keydown", "ctrl", "keydown", "alt", "keydown", "l", "sleep", "1")
    assert server.line(snip) == {"ready": 1}
    server.run("xdotool", "keyup", "l", "keyup", "alt", "keyup", "ctrl", "sleep", "0.2", "key", "Escape")
    assert server.line(snip) == {"cancelled": True}


@pytest.mark.parametrize("action", [["key", "Escape"], ["mousemove", "300", "300", "click", "3"]])
def test_escape_and_right_click_cancel(server: Server, tmp_path: Path, action: list[str]) -> None:
    snip = server.program("snip", str(tmp_path / "snip.png"))
    server.run("xdotool", *action)
    assert server.line(snip) == {"cancelled": True}
    assert server.line(snip) == {"open_windows": 0}


def test_monitor_unplugged_during_the_snip(server: Server, tmp_path: Path) -> None:
    server.run("xrandr", "--setmonitor", "L", "666/200x768/200+0+0", "screen")
    server.run("xrandr", "--setmonitor", "R", "700/200x768/200+666+0", "none")
    snip = server.program("snip", str(tmp_path / "snip.png"))
    server.run("xdotool", "mousemove", "900", "300", "mousedown", "1", "mousemove", "950", "340", "sleep", "0.1")
    server.run("xrandr", "--delmonitor", "R")
    assert "disconnected" in server.line(snip)["failed"]
    assert server.line(snip) == {"open_windows": 0}
