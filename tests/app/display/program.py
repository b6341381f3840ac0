"""The app as a process of its own, looked at from outside: its windows, its history file, what it says when it ends."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from tests import program
from tests.app.display.desktop import OVERLAY, PATIENCE_S, ROOT, Desktop, Pixels, Place, end_group, wait_for

TITLE = "^Formulens$"
SENTINEL = b"what was there before"


@dataclass(frozen=True)
class Row:
    """A reading in the history file."""

    id: int
    kind: str
    name: str
    latex: str
    edited: str | None
    picture: bytes
    ink: str | None

    @property
    def pixels(self) -> Pixels:
        """The picture that was read [height, width]."""
        return np.asarray(Image.open(BytesIO(self.picture)))

    @property
    def strokes(self) -> list[Any]:
        """The points of each stroke."""
        return [] if self.ink is None else json.loads(self.ink)["strokes"]


class Program:
    """The program (see `tests.program`) with a data folder of its own."""

    def __init__(self, desktop: Desktop, data: Path, **environment: str) -> None:
        self.desktop = desktop
        self.data = data
        self._environment = desktop.environment(**environment)
        self._command = [*program.command(), "--data-dir", str(data), "--device", "cpu"]
        self._said = data.with_name(f"{data.name}.stderr")
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def bind_by_permissions(self) -> None:
        """Let the permissions of files bind it even if it is root's (Linux)."""
        if os.getuid() == 0:
            self._command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *self._command]

    def start(self, *arguments: str) -> None:
        """Start it; returns when its window is there and has the focus."""
        with self._said.open("a") as said:
            self._process = self.desktop.start([*self._command, *arguments], self._environment, cwd=ROOT, stderr=said)
        self.window()
        self.focus()

    def start_second(self, *arguments: str) -> int:
        """Start it once more while it runs; returns that one's exit status."""
        done = subprocess.run(
            [*self._command, *arguments], env=self._environment, cwd=ROOT, timeout=PATIENCE_S, check=False
        )
        return done.returncode

    def end(self) -> None:
        """Quit by the keyboard, and see that it went well."""
        self.quit()
        self.ended()

    def quit(self) -> None:
        """Quit by the keyboard."""
        self.focus()
        self.desktop.keys("ctrl+q")

    def exit_status(self) -> int:
        """Wait for the end; how it ended."""
        assert self._process is not None
        return self._process.wait(timeout=PATIENCE_S)

    def kill(self) -> None:
        """End it in whatever state it is, if it still runs."""
        if self._process is not None:
            end_group(self._process)

    def ended(self) -> None:
        """Wait for the end, and see that it went well: what Qt or Python complained of fails the test."""
        assert self.exit_status() == 0
        log = self.data / "logs" / "formulens.log"
        assert self._said.read_text() == ""
        assert not log.exists() or " ERROR " not in log.read_text()

    # its windows

    def window(self) -> str:
        """The main window, when it is to be seen."""

        def look() -> list[str]:
            assert self._process is not None and self._process.poll() is None, self._said.read_text()
            return self.desktop.windows(TITLE, self.pid)

        return wait_for(look, "the window")[0]

    def hidden(self) -> bool:
        """Whether the main window is not to be seen."""
        return not self.desktop.windows(TITLE, self.pid)

    def focus(self) -> None:
        """Bring the main window to the front, as a click on it would."""
        window = self.window()
        if self.desktop.active() != window:
            self.desktop.run("xdotool", "windowactivate", window)
            wait_for(lambda: self.desktop.active() == window, "the focus")

    def keys(self, *keys: str) -> None:
        """Press keys in the main window."""
        self.focus()
        self.desktop.keys(*keys)

    def place(self, across: float, down: float) -> Place:
        """A place of the main window on the screen, given in parts of its width and height."""
        left, top, width, height = self.desktop.geometry(self.window())
        return left + round(across * width), top + round(down * height)

    def overlays(self, count: int = 1) -> None:
        """Wait until the user is asked for a region, on so many screens, with the window out of the way."""
        wait_for(lambda: len(self.desktop.windows(OVERLAY, self.pid)) == count, "the overlay")
        assert self.hidden()

    def open_copy_menu(self) -> None:
        """Open the menu of formats by its key."""
        self.focus()
        self.desktop.run("xdotool", "mousemove", "1", "1")  # where no tooltip comes that could be taken for the menu
        standing = set(self.desktop.windows("", self.pid))
        self.desktop.keys("ctrl+shift+c")
        wait_for(lambda: set(self.desktop.windows("", self.pid)) - standing, "the menu")

    # its history

    def rows(self) -> list[Row]:
        """All readings, the oldest first, by a connection of our own."""
        file = self.data / "history.sqlite3"
        if not file.exists():
            return []
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=10)) as connection:
            try:
                found = connection.execute(
                    "SELECT id, kind, name, latex, edited, picture, ink FROM readings JOIN pictures USING (id)"
                    " WHERE NOT removed ORDER BY id"
                ).fetchall()
            except sqlite3.OperationalError:  # the app is about to make the tables
                return []
        return [Row(*row) for row in found]

    def last(self) -> int:
        """The id of the last reading; 0 if there is none."""
        return max((row.id for row in self.rows()), default=0)

    def next_row(self, after: int) -> Row:
        """The first reading later than that one, when it is there."""
        return wait_for(lambda: [row for row in self.rows() if row.id > after], "a reading in the history")[0]

    def forget_clipboard(self) -> None:
        """Put something else there, to see what comes."""
        sentinel = self.data / "sentinel"
        sentinel.write_bytes(SENTINEL)
        self.desktop.put_on_clipboard(sentinel, "UTF8_STRING")

    def pasted(self, *keys: str) -> str:
        """Press keys that copy text, until another program can paste it: there must be something to copy first."""
        self.forget_clipboard()

        def copied() -> bool:
            self.keys(*keys)
            return self.desktop.clipboard() not in (b"", SENTINEL)

        wait_for(copied, "the copy")
        return self.desktop.clipboard().decode()
