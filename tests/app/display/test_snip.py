"""A formula of another program's window is snipped by mouse: the reading is that of `formulens recognize`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import cli
from core_model.pictures import to_grey
from tests.app.display.desktop import Desktop, Foreign, Pixels, Place, wait_for
from tests.app.display.program import Program, Row

pytestmark = [pytest.mark.display, pytest.mark.program]

FIRST, SECOND = "01-plain-100dpi", "02-plain-72dpi"
"""The second is the larger one."""
ROOM = 10
"""Pixels of the ground that are snipped along with the formula."""
LEFT_MONITOR = 700


@dataclass(frozen=True)
class Setting:
    """How the desktop is made up."""

    monitors: tuple[int, ...]
    environment: dict[str, str]
    place: Place
    """Of the other program's window, in pixels of the screen."""


SETTINGS = {
    "scale 1": Setting((1600,), {"QT_SCALE_FACTOR": "1"}, (301, 217)),
    "scale 1.5": Setting((1600,), {"QT_SCALE_FACTOR": "1.5"}, (301, 217)),
    "scale 2": Setting((1600,), {"QT_SCALE_FACTOR": "2"}, (301, 217)),
    "second monitor of scale 2": Setting(
        (LEFT_MONITOR, 1100), {"QT_SCREEN_SCALE_FACTORS": "1;2"}, (LEFT_MONITOR + 121, 333)
    ),
}


@dataclass
class Scene:
    """The app, and another program that shows a formula."""

    desktop: Desktop
    program: Program
    foreign: Foreign
    setting: Setting
    on_ground: Callable[[str], Path]

    def show(self, name: str) -> Pixels:
        """Let the other program show a sample; returns the pixels that a snip of it is to take."""
        path = self.on_ground(name)
        self.foreign.show(path)
        with Image.open(path) as picture:
            return np.asarray(picture)[ROOM:-ROOM, ROOM:-ROOM]

    def corners(self, pixels: Pixels) -> tuple[Place, Place]:
        """First and last pixel of a snip on the screen."""
        left, top = (side + ROOM for side in self.setting.place)
        return (left, top), (left + pixels.shape[1] - 1, top + pixels.shape[0] - 1)

    def snip(self, pixels: Pixels) -> Row:
        """Snip as a user does: F2, press, move, release."""
        before = self.program.last()
        self.program.keys("F2")
        self.program.overlays(len(self.setting.monitors))
        first, last = self.corners(pixels)
        (left, top), (right, bottom) = first, last
        self.desktop.drag(first, ((left + right) // 2, (top + bottom) // 3), last)
        row = self.program.next_row(before)
        self.program.window()
        return row


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=SETTINGS.keys())
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, on_ground: Callable[[str], Path]
) -> Iterator[Scene]:
    setting: Setting = request.param
    folder = tmp_path_factory.mktemp("snip")
    desktop = Desktop(folder, setting.monitors)
    try:
        foreign = Foreign(desktop, on_ground(FIRST), setting.place)
        program = Program(desktop, folder / "Formeln ∫ü", **setting.environment)
        made = Scene(desktop, program, foreign, setting, on_ground)
        # The other program's picture is on the screen pixel by pixel, and as it is; nothing of the app is there yet.
        pixels = made.show(FIRST)
        (left, top), _ = made.corners(pixels)
        height, width, _ = pixels.shape
        wait_for(lambda: np.array_equal(desktop.grab(left, top, width, height), pixels), "the formula on the screen")
        program.start()
        yield made
        program.end()
    finally:
        desktop.stop()


@pytest.fixture
def recognize(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Pixels], str]:
    """What `formulens recognize` prints for pixels."""

    def read(pixels: Pixels) -> str:
        path = tmp_path / "pixels.png"
        Image.fromarray(pixels).save(path)
        capsys.readouterr()
        assert cli.main([str(path), "--device", "cpu"]) == 0
        return capsys.readouterr().out.removesuffix("\n")

    return read


def test_snip_reads_and_copies_what_recognize_reads(scene: Scene, recognize: Callable[[Pixels], str]) -> None:
    pixels = scene.show(FIRST)
    row = scene.snip(pixels)
    assert row.kind == "snip"
    assert np.array_equal(row.pixels, to_grey(pixels))
    assert row.latex == recognize(pixels) != ""
    assert scene.program.pasted("ctrl+Return") == row.latex


def test_same_region_is_snipped_again_as_it_looks_now(scene: Scene, recognize: Callable[[Pixels], str]) -> None:
    first = scene.snip(scene.show(FIRST))
    height, width = first.pixels.shape
    pixels = scene.show(SECOND)[:height, :width]
    scene.program.keys("F3")
    row = scene.program.next_row(first.id)
    assert row.kind == "snip"
    assert np.array_equal(row.pixels, to_grey(pixels))
    assert row.latex == recognize(pixels) != first.latex


def test_escape_gives_up_and_the_window_comes_back(scene: Scene) -> None:
    count = len(scene.program.rows())
    scene.program.keys("F2")
    scene.program.overlays(len(scene.setting.monitors))

    def gone() -> bool:
        # Again and again: the overlay may not have the keyboard yet.
        scene.desktop.keys("Escape")
        return not scene.program.hidden()

    wait_for(gone, "the window")
    scene.program.focus()
    assert len(scene.program.rows()) == count
