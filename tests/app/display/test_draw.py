"""Twenty expressions drawn by mouse: the LaTeX that shows is what `formulens recognize --ink` gives for their ink."""

from __future__ import annotations

import pytest

from core_model.ink import read_inkml
from core_model.recognizer import default_checkpoint
from tests.app.display.desktop import Desktop
from tests.checks.draw import OWN, Drawer, Drawn, own_inks, recognize

pytestmark = pytest.mark.display


@pytest.fixture(scope="module")
def drawn(desktop: Desktop, tmp_path_factory: pytest.TempPathFactory) -> list[Drawn]:
    """All of them, one after the other, in one program."""
    drawer = Drawer(desktop, tmp_path_factory.mktemp("drawn"), default_checkpoint())
    try:
        made = [drawer.draw(ink) for ink in own_inks()]
        drawer.end()
    finally:
        drawer.kill()
    return made


def test_every_move_of_the_pointer_is_in_the_exported_ink(drawn: list[Drawn]) -> None:
    assert len(drawn) == len(set(OWN)) == 20
    for one in drawn:
        strokes = tuple(tuple(map(tuple, stroke.points.tolist())) for stroke in read_inkml(one.exported).strokes)
        assert strokes == one.places, one.name


def test_the_latex_that_shows_is_that_of_the_exported_ink(drawn: list[Drawn]) -> None:
    expected = recognize([one.exported for one in drawn], default_checkpoint())
    assert [one.latex for one in drawn] == expected
    assert all(expected) and len(set(expected)) > 10  # it would be easy to agree on nothing
    assert all(one.same_picture for one in drawn)
