"""An X server of our own with a window manager and programs on it, driven from outside as a user does."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "resources" / "samples"
FOREIGN = Path(__file__).with_name("foreign.py")
PATIENCE_S = 60.0
"""A machine that is busy with something else takes its time; where nothing is wrong nobody waits so long."""
POLL_S = 0.03
SIZE = 1600, 1000
OVERLAY = "^Choose a region$"

Place = tuple[int, int]
Pixels = NDArray[np.uint8]
_Found = TypeVar("_Found")


def wait_for(probe: Callable[[], _Found], what: str) -> _Found:
    """Ask again and again until the answer is something; raises AssertionError if it never is."""
    until = time.monotonic() + PATIENCE_S
    while not (found := probe()):
        assert time.monotonic() < until, f"waited {PATIENCE_S:g} s for {what}"
        time.sleep(POLL_S)
    return found


class Desktop:
    """Xvfb with openbox. What is started on it is ended with it, the server last.

    Args:
        folder: for what programs write about themselves; stands in for the user's runtime folder.
        monitors: widths; more than one makes as many monitors side by side, named M0, M1...
    """

    def __init__(self, folder: Path, monitors: Sequence[int] = (SIZE[0],)) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[str]] = []
        width, height = sum(monitors), SIZE[1]
        read, write = os.pipe()
        # -noreset: else the server begins anew each time its last window closes.
        self._spawn(
            ["Xvfb", "-displayfd", str(write), "-noreset", "-nolisten", "tcp", "-screen", "0", f"{width}x{height}x24"],
            {**os.environ},
            pass_fds=(write,),
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            self.display = ":" + pipe.readline().strip()
        left = 0
        for index, own in enumerate(monitors if len(monitors) > 1 else ()):
            place = f"{own}/300x{height}/300+{left}+0"
            self.run("xrandr", "--setmonitor", f"M{index}", place, "none" if index else "screen")
            left += own
        self.start(["openbox"])
        wait_for(lambda: self.output("xdotool", "get_num_desktops"), "the window manager")

    def environment(self, **more: str) -> dict[str, str]:
        """That of a program on this desktop: nothing of the desktop that the tests run on."""
        theirs = ("QT_", "WAYLAND", "XDG_", "DBUS_SESSION")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
        return {
            **kept,
            "DISPLAY": self.display,
            "XDG_RUNTIME_DIR": str(self.folder),
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "QT_QPA_PLATFORM": "xcb",
            "PYTHONPATH": str(ROOT),
            **more,
        }

    def start(self, command: Sequence[str], environment: dict[str, str] | None = None, **options: Any) -> Any:
        """Start a program here."""
        return self._spawn(command, environment or self.environment(), **options)

    def _spawn(self, command: Sequence[str], environment: dict[str, str], **options: Any) -> subprocess.Popen[str]:
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        # In a group of its own, with all that it starts.
        process = subprocess.Popen(command, env=environment, text=True, start_new_session=True, **options)
        self._processes.append(process)
        return process

    def run(self, *command: str, **options: Any) -> None:
        """Run a tool to its end."""
        quiet = {"stdout": subprocess.DEVNULL, **options}  # not a pipe: xclip stays behind and would hold it open
        subprocess.run(command, env=self.environment(), check=True, timeout=PATIENCE_S, **quiet)

    def output(self, *command: str) -> str:
        """What a tool says; empty if it fails, as those that look for something do."""
        return self.read(*command).decode()

    def read(self, *command: str) -> bytes:
        """What a tool says, as bytes."""
        done = subprocess.run(command, env=self.environment(), capture_output=True, timeout=PATIENCE_S, check=False)
        return done.stdout if done.returncode == 0 else b""

    def stop(self) -> None:
        """End all that was started, and what that has started."""
        for process in reversed(self._processes):
            end_group(process)

    # what is on the screen

    def windows(self, title: str, pid: int | None = None) -> list[str]:
        """The visible windows with a title (a regular expression), of one process or of any."""
        of = [] if pid is None else ["--all", "--pid", str(pid)]
        return self.output("xdotool", "search", "--onlyvisible", *of, "--name", title).split()

    def active(self) -> str:
        """The window that has the focus."""
        return self.output("xdotool", "getactivewindow").strip()

    def geometry(self, window: str) -> tuple[int, int, int, int]:
        """Left, top, width, height of a window's inside in pixels of the screen."""
        lines = self.output("xdotool", "getwindowgeometry", "--shell", window).split()
        found = dict(line.split("=") for line in lines)
        return int(found["X"]), int(found["Y"]), int(found["WIDTH"]), int(found["HEIGHT"])

    def grab(self, left: int, top: int, width: int, height: int) -> Pixels:
        """A picture of a part of the screen, as far as it is on it, [height, width, 3]; taken without the app."""
        import mss

        with mss.MSS(display=self.display) as camera:
            screen = camera.monitors[0]
            right, bottom = min(left + width, screen["width"]), min(top + height, screen["height"])
            left, top = max(left, 0), max(top, 0)
            shot = camera.grab({"left": left, "top": top, "width": right - left, "height": bottom - top})
        return np.asarray(shot)[:, :, 2::-1].copy()

    # what a user does

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        self.run("xdotool", "key", *keys)

    def click(self, place: Place) -> None:
        """Click with the left button."""
        self.run("xdotool", "mousemove", *map(str, place), "click", "1")

    def drag(self, *places: Place) -> None:
        """Press the left button at the first place, move over the others, release at the last."""
        steps: list[str] = ["mousemove", *map(str, places[0]), "mousedown", "1"]
        for place in places[1:]:
            steps += ["mousemove", *map(str, place)]
        self.run("xdotool", *steps, "mouseup", "1")

    # the clipboard

    def put_on_clipboard(self, path: Path, kind: str) -> None:
        """Let another program offer a file's content."""
        self.run("xclip", "-selection", "clipboard", "-t", kind, "-i", str(path), stderr=subprocess.DEVNULL)

    def clipboard(self, kind: str = "UTF8_STRING") -> bytes:
        """What another program gets when it pastes; empty if there is nothing of this kind."""
        return self.read("xclip", "-selection", "clipboard", "-o", "-t", kind)


class Foreign:
    """Another program's window without frame, that shows a picture, pixel by pixel, and lets it be dragged away."""

    def __init__(self, desktop: Desktop, picture: Path, place: Place, *, drags: str = "") -> None:
        self._desktop = desktop
        self._place = place
        self._process = desktop.start(
            [sys.executable, str(FOREIGN), *map(str, place), drags], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.window = ""
        self.show(picture)

    def show(self, picture: Path) -> None:
        """Show another picture; returns when it is there."""
        self._process.stdin.write(f"{picture}\n")
        self._process.stdin.flush()
        self.window = self._process.stdout.readline().strip()
        assert self.window, "the other program is gone"

    def drag_to(self, target: Place) -> None:
        """Carry its picture to another window, and let go as soon as that would take it."""
        left, top, width, height = self._desktop.geometry(self.window)
        start = str(left + width // 2), str(top + height // 2)
        self._desktop.run("xdotool", "mousemove", *start, "mousedown", "1", "mousemove_relative", "9", "9")
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.append(self._process.stdout.readline()), daemon=True)
        reader.start()
        steps = itertools.cycle((0, 1))

        def taken() -> bool:
            # A hand is never quite still; the two programs ask each other at each move.
            self._desktop.run("xdotool", "mousemove", str(target[0] + next(steps)), str(target[1]))
            return bool(said)

        wait_for(taken, "the other window's consent")
        self._desktop.run("xdotool", "mouseup", "1")
        assert said == ["taken\n"]

    def close(self) -> None:
        """End it."""
        end_group(self._process)


def end_group(process: subprocess.Popen[str]) -> None:
    """End a program with all that it has started, kindly at first."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=10)
            break
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait(timeout=10)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
