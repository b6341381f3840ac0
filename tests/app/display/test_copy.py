"""Each format is chosen by keyboard and pasted in another program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QSize
from pytestqt.qtbot import QtBot

from app.clipboard import picture
from app.formats import FORMATS, Format, convert
from app.images import to_grey
from app.preview import render
from app.settings import Settings
from tests.app.display.desktop import SAMPLES, Desktop, wait_for
from tests.app.display.program import SENTINEL, Program

pytestmark = [pytest.mark.display, pytest.mark.program]

LATEX = r"\frac{a}{b} + c_2^3 = \sqrt{x}"


@pytest.fixture(scope="module")
def program(desktop: Desktop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The app with a reading that was corrected by pasting LaTeX in its place."""
    folder = tmp_path_factory.mktemp("copy")
    made = Program(desktop, folder / "data")
    made.start(str(SAMPLES / "01-plain-100dpi.png"))
    made.next_row(0)
    typed = folder / "typed"
    typed.write_text(LATEX)
    desktop.put_on_clipboard(typed, "UTF8_STRING")
    desktop.click(made.place(0.8, 0.3))
    made.keys("ctrl+a", "ctrl+v")
    wait_for(lambda: made.rows()[0].edited == LATEX, "the correction in the history")
    yield made
    made.end()


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.key)
def test_format_is_pasted_by_another_program(program: Program, one: Format, qtbot: QtBot) -> None:
    desktop = program.desktop
    choose(program, one)
    if one.kind == "text":
        assert desktop.clipboard().decode() == convert(one.key, LATEX)
    elif one.kind == "mathml":
        content = desktop.clipboard("application/mathml+xml")
        assert ElementTree.fromstring(content).tag.rpartition("}")[2] == "math"
        assert desktop.clipboard() == content == convert("mathml", LATEX).encode()
    elif one.kind == "svg":
        content = desktop.clipboard("image/svg+xml")
        assert content == desktop.clipboard()
        root = ElementTree.fromstring(content)
        assert root.tag.endswith("svg") and len(list(root.iter())) > 10
    elif one.kind == "png":
        with Image.open(BytesIO(desktop.clipboard("image/png"))) as pasted:
            found = np.asarray(pasted.convert("L"))
        settings = Settings()
        svg = render(LATEX, size=settings.preview_size, color="#000000").svg
        assert np.array_equal(found, to_grey(picture(svg, settings.png_scale)))
        assert found.min() < 60 and found.max() == 255
    else:
        with Image.open(BytesIO(desktop.clipboard("image/png"))) as pasted:
            size, colours = QSize(*pasted.size), pasted.convert("RGB").getcolors(1 << 24)
        assert min(size.width(), size.height()) > 100 and colours is not None and len(colours) > 10
    # The key copies in the same format from now on.
    if one is not FORMATS[0]:  # that is the format from the beginning
        settings_file = program.data / "settings.json"
        wait_for(lambda: json.loads(settings_file.read_text())["copy_format"] == one.key, "the setting")


def choose(program: Program, one: Format) -> None:
    """Copy by the menu, with the keyboard alone; returns when another program could paste."""
    desktop = program.desktop
    program.forget_clipboard()
    program.open_copy_menu()
    desktop.keys(*["Down"] * (FORMATS.index(one) + 1), "Return")
    wait_for(lambda: b"TARGETS" in desktop.clipboard("TARGETS") and desktop.clipboard() != SENTINEL, "the copy")
