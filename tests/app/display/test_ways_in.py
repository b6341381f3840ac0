"""Pictures, files, PDF pages and drawings reach the running app by clipboard, drop, command line, hotkey and mouse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMarginsF, QRectF, QSizeF
from PySide6.QtGui import QColor, QImage, QPageLayout, QPageSize, QPainter, QPdfWriter
from pytestqt.qtbot import QtBot

from core_model.pictures import to_grey
from tests.app.display.desktop import SAMPLES, Desktop, Foreign, Pixels, Place, wait_for
from tests.app.display.program import Program

pytestmark = [pytest.mark.display, pytest.mark.program]

SCALE = 1.25
HOTKEY = "Ctrl+Alt+L"
FOREIGN_PLACE = 40, 500
SAMPLE = SAMPLES / "05-sepia-120dpi.png"
PAGE_MM = QSizeF(100, 80)
FORMULA_MM = QRectF(20, 30, 40, 14)
MARK_MM = 3.0
RED, BLUE = (255, 0, 0), (0, 0, 255)


@dataclass
class Scene:
    """The app on the right of the desktop, room for other programs on its left."""

    desktop: Desktop
    program: Program


@pytest.fixture(scope="module")
def scene(desktop: Desktop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    data = tmp_path_factory.mktemp("ways") / "data"
    data.mkdir()
    (data / "settings.json").write_text(json.dumps({"hotkey": HOTKEY, "beam": 1}))
    program = Program(desktop, data, QT_SCALE_FACTOR=str(SCALE))
    program.start(str(SAMPLE))
    program.next_row(0)
    desktop.run("xdotool", "windowsize", "--sync", program.window(), "1000", "800")
    desktop.run("xdotool", "windowmove", "--sync", program.window(), "520", "80")
    yield Scene(desktop, program)
    program.end()


@pytest.fixture
def foreign(scene: Scene) -> Iterator[Callable[..., Foreign]]:
    """Starts other programs, that end with the test."""
    started = []

    def start(picture: Path, **options: str) -> Foreign:
        started.append(Foreign(scene.desktop, picture, FOREIGN_PLACE, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def grey(path: Path) -> Pixels:
    with Image.open(path) as picture:
        return to_grey(picture)


def middle(place: Place, size: tuple[int, int]) -> Place:
    return place[0] + size[0] // 2, place[1] + size[1] // 2


def test_file_of_the_first_command_line_is_read(scene: Scene) -> None:
    row = scene.program.rows()[0]
    assert (row.kind, row.name) == ("file", SAMPLE.name)
    assert np.array_equal(row.pixels, grey(SAMPLE))


@pytest.mark.parametrize("typing", [False, True], ids=["at the window", "while the cursor is in the text"])
def test_picture_of_another_program_is_pasted(scene: Scene, typing: bool) -> None:
    path = SAMPLES / "04-dark-144dpi.png"
    before = scene.program.last()
    scene.program.focus()
    scene.desktop.click(scene.program.place(0.8, 0.3) if typing else scene.program.place(0.5, 0.975))
    scene.desktop.put_on_clipboard(path, "image/png")
    scene.program.keys("ctrl+v")
    row = scene.program.next_row(before)
    assert row.kind == "paste"
    assert np.array_equal(row.pixels, grey(path))


def test_copied_file_is_pasted(scene: Scene, tmp_path: Path) -> None:
    before = scene.program.last()
    names = tmp_path / "names"
    names.write_text(SAMPLE.as_uri() + "\r\n")
    scene.desktop.put_on_clipboard(names, "text/uri-list")
    scene.program.keys("ctrl+v")
    row = scene.program.next_row(before)
    assert row.name == SAMPLE.name
    assert np.array_equal(row.pixels, grey(SAMPLE))


@pytest.mark.parametrize("target", [(0.25, 0.3), (0.8, 0.3)], ids=["onto the picture", "onto the text"])
@pytest.mark.parametrize("kind", ["file", "picture"])
def test_drop_from_another_program(
    scene: Scene, foreign: Callable[..., Foreign], kind: str, target: tuple[float, float]
) -> None:
    path = SAMPLES / "06-stix-150dpi.png"
    before = scene.program.last()
    scene.program.focus()
    foreign(path, drags=kind).drag_to(scene.program.place(*target))
    row = scene.program.next_row(before)
    assert np.array_equal(row.pixels, grey(path))
    assert row.name == (path.name if kind == "file" else "")


def test_hotkey_snips_while_another_program_has_the_focus(scene: Scene, foreign: Callable[..., Foreign]) -> None:
    path = SAMPLES / "10-blue-dark-110dpi.png"
    before = scene.program.last()
    other = foreign(path)
    scene.desktop.run("xdotool", "windowactivate", other.window)
    wait_for(lambda: scene.desktop.active() == other.window, "the other program's focus")
    scene.desktop.keys("ctrl+alt+l")
    scene.program.overlays()
    pixels = grey(path)
    left, top = FOREIGN_PLACE
    # From the last pixel to the first.
    scene.desktop.drag((left + pixels.shape[1] - 1, top + pixels.shape[0] - 1), (left + 20, top + 9), (left, top))
    row = scene.program.next_row(before)
    assert row.kind == "snip" and np.array_equal(row.pixels, pixels)


def test_command_of_a_second_start_snips(scene: Scene, foreign: Callable[..., Foreign]) -> None:
    path = SAMPLES / "10-blue-dark-110dpi.png"
    before = scene.program.last()
    foreign(path)
    assert scene.program.start_second("--snip") == 0
    scene.program.overlays()
    left, top = FOREIGN_PLACE
    scene.desktop.drag((left, top), (left + 39, top + 29))
    assert np.array_equal(scene.program.next_row(before).pixels, grey(path)[:30, :40])


def test_file_of_a_second_start_is_read_and_the_window_raised(scene: Scene, foreign: Callable[..., Foreign]) -> None:
    before = scene.program.last()
    path = SAMPLES / "07-times-150dpi.png"
    other = foreign(path)
    scene.desktop.run("xdotool", "windowactivate", other.window)
    wait_for(lambda: scene.desktop.active() == other.window, "the other program's focus")
    assert scene.program.start_second(str(path)) == 0
    row = scene.program.next_row(before)
    assert (row.kind, row.name) == ("file", path.name)
    wait_for(lambda: scene.desktop.active() == scene.program.window(), "the window in front")


def write_pdf(path: Path) -> None:
    """A page with a formula between a red mark at its top left and a blue one at its bottom right."""
    writer = QPdfWriter(str(path))
    writer.setResolution(600)
    size = QPageSize(PAGE_MM, QPageSize.Unit.Millimeter)
    writer.setPageLayout(QPageLayout(size, QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0)))
    dots = 600 / 25.4

    def on_paper(rect: QRectF) -> QRectF:
        return QRectF(rect.x() * dots, rect.y() * dots, rect.width() * dots, rect.height() * dots)

    painter = QPainter(writer)
    painter.drawImage(on_paper(FORMULA_MM), QImage(str(SAMPLES / "03-plain-400dpi.png")))
    mark = QRectF(0, 0, MARK_MM, MARK_MM)
    mark.moveBottomRight(FORMULA_MM.topLeft())
    painter.fillRect(on_paper(mark), QColor(*RED))
    mark.moveTopLeft(FORMULA_MM.bottomRight())
    painter.fillRect(on_paper(mark), QColor(*BLUE))
    painter.end()


def test_formula_on_a_page_of_a_pdf_is_snipped(scene: Scene, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "Übung 1.pdf"
    write_pdf(path)
    before = scene.program.last()
    assert scene.program.start_second(str(path)) == 0
    window = wait_for(lambda: scene.desktop.windows(f"^{path.name}$", scene.program.pid), "the PDF's window")[0]
    wait_for(lambda: scene.desktop.active() == window, "the PDF's window in front")
    marks = wait_for(lambda: marks_in(scene.desktop, window), "the page")
    scene.desktop.drag(marks[0], middle(marks[0], (100, 20)), marks[1])
    row = scene.program.next_row(before)
    assert (row.kind, row.name) == ("pdf", f"page 1 of {path.name}")
    # Drawn anew at 300 dots per inch, whatever the size on the screen; a pixel of that is some dots.
    height, width = row.pixels.shape
    assert width == pytest.approx(FORMULA_MM.width() / 25.4 * 300, abs=8)
    assert height == pytest.approx(FORMULA_MM.height() / 25.4 * 300, abs=8)
    drawn = Image.open(SAMPLES / "03-plain-400dpi.png").convert("L").resize((width, height))
    likeness = np.corrcoef(blurred(np.asarray(drawn)).ravel(), blurred(row.pixels).ravel())[0, 1]
    assert likeness > 0.9
    scene.desktop.run("xdotool", "windowactivate", window)
    scene.desktop.keys("Escape")
    wait_for(lambda: not scene.desktop.windows(f"^{path.name}$", scene.program.pid), "the end of the PDF's window")


def marks_in(desktop: Desktop, window: str) -> tuple[Place, Place] | None:
    """Where the marks' inner corners are on the screen; None as long as they are not both there."""
    left, top, width, height = desktop.geometry(window)
    left, top = max(left, 0), max(top, 0)
    pixels = desktop.grab(left, top, width, height)
    red = np.argwhere((pixels == RED).all(axis=2))
    blue = np.argwhere((pixels == BLUE).all(axis=2))
    if not len(red) or not len(blue):
        return None
    (bottom, right), (upper, lefter) = red.max(axis=0), blue.min(axis=0)
    return (left + int(right) + 2, top + int(bottom) + 2), (left + int(lefter) - 2, top + int(upper) - 2)


def blurred(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((80, 28), Image.Resampling.BOX))


def test_drawing_is_read_while_it_goes_on(scene: Scene) -> None:
    program, desktop = scene.program, scene.desktop
    before = program.last()
    x, y = program.place(0.4, 0.28)
    area = x, y, 60, 60
    nothing = desktop.grab(*area)
    program.keys("F4")
    wait_for(lambda: not np.array_equal(desktop.grab(*area), nothing), "the canvas")
    desktop.drag((x, y), (x + 20, y + 30), (x + 50, y + 60))
    row = program.next_row(before)
    assert row.kind == "ink" and len(row.strokes) == 1
    desktop.drag((x + 50, y), (x + 25, y + 30), (x, y + 60))
    wait_for(lambda: len(program.rows()[-1].strokes) == 2, "the second stroke in the same reading")
    both = program.rows()[-1]
    assert both.id == row.id and both.kind == "ink" and both.latex
    # The canvas counts in its own units, on which the screen has SCALE pixels.
    first, second = (np.array(stroke, dtype=float)[:, :2] * SCALE for stroke in both.strokes)
    assert np.allclose(first[-1] - first[0], (50, 60), atol=1)
    assert np.allclose(second[0] - first[0], (50, 0), atol=1)
    assert np.allclose(second[-1] - first[0], (0, 60), atol=1)
    program.keys("ctrl+z")
    wait_for(lambda: len(program.rows()[-1].strokes) == 1, "the stroke that was taken back")
    program.keys("F4")
