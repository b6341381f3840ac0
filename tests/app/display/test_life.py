"""Restart and second start: readings and corrections are there again, and there is one window only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.display.desktop import SAMPLES, Desktop, wait_for
from tests.app.display.program import TITLE, Program

pytestmark = [pytest.mark.display, pytest.mark.program]

CORRECTED = "E = m c^2"


@pytest.fixture
def program(desktop: Desktop, tmp_path: Path) -> Iterator[Program]:
    made = Program(desktop, tmp_path / "data")
    made.start(str(SAMPLES / "01-plain-100dpi.png"))
    yield made
    made.kill()


def test_reading_and_correction_are_there_after_a_restart(program: Program, tmp_path: Path) -> None:
    desktop = program.desktop
    row = program.next_row(0)
    desktop.run("xdotool", "windowsize", "--sync", program.window(), "900", "700")
    typed = tmp_path / "typed"
    typed.write_text(CORRECTED)
    desktop.put_on_clipboard(typed, "UTF8_STRING")
    desktop.click(program.place(0.8, 0.3))
    program.keys("ctrl+a", "ctrl+v")
    wait_for(lambda: program.rows()[0].edited == CORRECTED, "the correction in the history")
    program.end()
    assert json.loads((program.data / "settings.json").read_text())["window_geometry"]

    program.start()
    assert desktop.geometry(program.window())[2:] == (900, 700)
    # The list of the history by keyboard alone: to its newest reading, copy that one, open it and copy it from there.
    program.keys("ctrl+h")
    program.keys("ctrl+f", "Down")
    assert program.pasted("ctrl+c") == CORRECTED
    program.keys("Return")
    assert program.pasted("ctrl+Return") == CORRECTED
    assert [(one.id, one.latex, one.edited) for one in program.rows()] == [(row.id, row.latex, CORRECTED)]
    program.end()


def test_second_start_brings_up_the_first(program: Program) -> None:
    desktop = program.desktop
    window = program.window()
    program.next_row(0)
    desktop.run("xdotool", "windowminimize", window)
    wait_for(program.hidden, "the window out of sight")
    assert program.start_second() == 0
    wait_for(lambda: desktop.active() == window, "the window in front")
    assert desktop.windows(TITLE) == [window]
    assert len(program.rows()) == 1
    program.end()
