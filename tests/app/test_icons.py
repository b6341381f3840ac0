from collections.abc import Iterator
from importlib.resources import files
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QByteArray, QSize
from PySide6.QtGui import QIcon, QImage
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from app.icons import NAMES, icon, svg
from app.theme import apply, make_palette, named_colors

SIZE = QSize(24, 24)


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> Iterator[None]:
    apply(qapp, "light")
    yield
    apply(qapp, "light")


def color_of(image: QImage) -> str:
    """The colour of the most opaque pixels."""
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    solid = [pixel.name() for pixel in pixels if pixel.alpha() == 255]
    return max(set(solid), key=solid.count)


@pytest.mark.parametrize("name", NAMES)
def test_every_icon_draws_within_its_square(name: str) -> None:
    renderer = QSvgRenderer(QByteArray(svg(name, "#000000")))
    assert renderer.isValid() and renderer.defaultSize().width() == renderer.defaultSize().height()
    image = icon(name).pixmap(QSize(96, 96)).toImage()
    inked = [(x, y) for x in range(96) for y in range(96) if image.pixelColor(x, y).alpha() > 8]
    assert len(inked) > 150, "next to nothing is drawn"
    places = [place for pair in inked for place in pair]
    assert min(places) >= 2 and max(places) <= 93, "it touches the edge"


def test_every_drawing_has_a_name_and_no_colour_of_its_own() -> None:
    drawings = {entry.name.removesuffix(".svg") for entry in (files("resources") / "icons").iterdir()}
    assert set(NAMES) == {name for name in drawings if not name.startswith("control-")}
    for name in set(NAMES) - {"logo"}:
        tree = ElementTree.fromstring(svg(name, "currentColor"))
        used = {part.get(kind) for part in tree.iter() for kind in ("fill", "stroke")}
        assert used <= {None, "none", "currentColor"}, name


def test_an_icon_follows_the_theme(qapp: QApplication) -> None:
    shown = icon("stop", qapp.palette())
    assert color_of(shown.pixmap(SIZE).toImage()) == named_colors(False).ink.name()
    apply(qapp, "dark")
    assert color_of(shown.pixmap(SIZE).toImage()) == named_colors(True).ink.name()


def test_a_palette_of_its_own_stays(qapp: QApplication) -> None:
    shown = icon("stop", make_palette(dark=True))
    for theme in ("light", "dark", "light"):
        apply(qapp, theme)
        assert color_of(shown.pixmap(SIZE).toImage()) == named_colors(True).ink.name()


def test_modes_states_and_roles_have_their_colours() -> None:
    c = named_colors(False)
    shown = icon("stop")
    assert color_of(shown.pixmap(SIZE, QIcon.Mode.Disabled).toImage()) == c.faint.name()
    assert color_of(shown.pixmap(SIZE, QIcon.Mode.Selected).toImage()) == c.on_accent.name()
    assert color_of(shown.pixmap(SIZE, QIcon.Mode.Normal, QIcon.State.On).toImage()) == c.accent.name()
    assert color_of(icon("stop", role="good").pixmap(SIZE).toImage()) == c.good.name()
    assert color_of(icon("star-filled").pixmap(SIZE).toImage()) == c.star.name()


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_icons_are_sharp_at_any_scale(ratio: float) -> None:
    pixmap = icon("grid").pixmap(SIZE, ratio)
    assert pixmap.width() == 24 * ratio and pixmap.devicePixelRatio() == ratio


def test_unknown_names_are_errors() -> None:
    with pytest.raises(KeyError, match="no icon 'snap'"):
        icon("snap")
    with pytest.raises(KeyError, match="role 'pink'"):
        icon("snip", role="pink")
