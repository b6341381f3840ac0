"""Copies that take their time, with the whole program around them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.paths import Paths
from app.reading import Grey, Origin

WAIT = 60_000


@pytest.fixture
def application(
    qapp: QApplication, qtbot: QtBot, data_dir: Path, tiny_checkpoint: Path, formula_grey: Grey
) -> Iterator[Application]:
    """The whole program with a fraction in its editor."""
    made = Application(qapp, Paths.at(data_dir), checkpoint=tiny_checkpoint, device="cpu")
    with qtbot.waitSignal(made.inference.loaded, timeout=WAIT):
        made.show([])
    with qtbot.waitSignal(made.controller.shown, timeout=WAIT):
        made.controller.read(formula_grey, Origin("file", "a.png"))
    made.window.result.editor.set_text(r"\frac{a}{b}")
    yield made
    made.close()
    QApplication.clipboard().clear()


@pytest.mark.parametrize("key", ["svg", "png"])
def test_pictures_are_drawn_beside_the_window(qtbot: QtBot, application: Application, key: str) -> None:
    clipboard = QApplication.clipboard()
    clipboard.setText("before")
    application.actions.copy(key)
    assert clipboard.text() == "before", "it is not there at once"
    with qtbot.waitSignal(application.actions.told, timeout=WAIT):
        pass
    assert "<svg" in clipboard.text() if key == "svg" else clipboard.image().width() > 10


def test_a_slow_copy_does_not_replace_what_was_copied_after_it(qtbot: QtBot, application: Application) -> None:
    clipboard = QApplication.clipboard()
    application.actions.copy("sympy")
    with qtbot.assertNotEmitted(application.actions.told, wait=0):
        clipboard.setText("newer, of another program")
    application.actions.copy("typst")
    application.actions.copy("raw")
    assert clipboard.text() == r"\frac{a}{b}"
    told: list[str] = []
    application.actions.told.connect(told.append)
    application.actions.copy("mathml")  # comes after those that are still being made
    qtbot.waitUntil(lambda: "MathML" in "".join(told), timeout=WAIT)
    assert len(told) == 1


def test_a_format_that_cannot_is_not_stayed_with(qtbot: QtBot, application: Application) -> None:
    application.window.result.editor.set_text(r"\begin{pmatrix} a \\ b \end{pmatrix}")
    with (
        qtbot.waitSignal(application.actions.failed, timeout=WAIT),
        qtbot.assertNotEmitted(application.actions.format_chosen),
    ):
        application.actions.copy_by_menu("sympy")
    with qtbot.waitSignal(application.actions.format_chosen, timeout=WAIT):
        application.actions.copy_by_menu("typst")
    assert application.settings.copy_format == "typst"
