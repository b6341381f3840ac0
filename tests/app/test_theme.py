from collections.abc import Iterator
from dataclasses import fields

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.theme import (
    Colors,
    ThemeWatcher,
    apply,
    colors,
    contrast,
    make_palette,
    mixed,
    named_colors,
    set_text_role,
    watcher,
)


@pytest.fixture(autouse=True)
def light_again(qapp: QApplication) -> Iterator[None]:
    yield
    apply(qapp, "light")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(QColor("white"), QColor("black")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_and_outlines_have_the_contrast_of_wcag_aa(dark: bool) -> None:
    c = named_colors(dark)
    grounds = "window paper raised hover"
    text = {
        "ink": f"{grounds} accent_soft selection low_confidence_soft warning_soft error_soft good_soft",
        "muted": "window paper raised",
        "accent": "window paper raised accent_soft",
        "warning": "window paper warning_soft",
        "error": "window paper error_soft",
        "good": "window paper good_soft",
        "command": "paper low_confidence_soft",
        "number": "paper low_confidence_soft",
        "on_accent": "accent",
    }
    shapes = {
        "line_strong": "window paper raised", "star": "paper window", "low_confidence": "paper", "brace": "paper",
        "only_snip": "paper", "only_preview": "paper",
    }  # fmt: skip
    for least, pairs in ((4.5, text), (3.0, shapes)):
        for front, behind in pairs.items():
            for ground in behind.split():
                ratio = contrast(getattr(c, front), getattr(c, ground))
                assert ratio >= least, f"{front} on {ground}: {ratio:.2f}"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_palette_tells_its_colors(dark: bool) -> None:
    palette = make_palette(dark)
    c = colors(palette)
    assert c.dark is dark and c == named_colors(dark)
    assert palette.color(QPalette.ColorRole.Text) == c.ink
    assert palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text) == c.faint
    for front, ground in (
        ("HighlightedText", "Highlight"),
        ("PlaceholderText", "Base"),
        ("ToolTipText", "ToolTipBase"),
    ):
        pair = (palette.color(QPalette.ColorRole[name]) for name in (front, ground))
        assert contrast(*pair) >= 4.5, front


def test_colors_may_be_changed_by_who_asked() -> None:
    colors(make_palette(False)).accent.setAlpha(0)
    assert colors(make_palette(False)).accent.alpha() == 255


def test_mixed_goes_from_one_to_the_other() -> None:
    one, other = QColor(0, 100, 200, 255), QColor(100, 200, 0, 55)
    assert mixed(one, other, 0).getRgb() == one.getRgb() and mixed(one, other, 1).getRgb() == other.getRgb()
    assert mixed(one, other, 0.5).getRgb() == (50, 150, 100, 155)


def test_a_theme_reaches_widgets_and_listeners(qapp: QApplication, qtbot: QtBot) -> None:
    apply(qapp, "light")
    label = QLabel("text")
    qtbot.addWidget(label)
    with qtbot.waitSignal(watcher().changed):
        apply(qapp, "dark")
    assert watcher().theme == "dark" and watcher().is_dark
    assert colors(label.palette()).dark
    with qtbot.assertNotEmitted(watcher().changed):
        apply(qapp, "dark")


def test_the_system_theme_is_followed(qapp: QApplication, qtbot: QtBot) -> None:
    """The platform of the tests has one scheme only: its answer is made up, its signal is the real one."""
    system = [Qt.ColorScheme.Dark]
    follower = ThemeWatcher(qapp, lambda: system[-1])
    try:
        follower.choose("system")
        assert follower.is_dark and colors(qapp.palette()).dark
        for scheme in (Qt.ColorScheme.Light, Qt.ColorScheme.Dark, Qt.ColorScheme.Unknown):
            system.append(scheme)
            qapp.styleHints().colorSchemeChanged.emit(scheme)
            assert colors(qapp.palette()).dark is (scheme == Qt.ColorScheme.Dark)
        follower.choose("light")
        system.append(Qt.ColorScheme.Dark)
        qapp.styleHints().colorSchemeChanged.emit(system[-1])
        assert not colors(qapp.palette()).dark, "a choice of one's own stays"
    finally:
        follower.setParent(None)
        qapp.styleHints().colorSchemeChanged.disconnect(follower.follow)


def test_a_text_role_outlives_new_parents_and_themes(qapp: QApplication, qtbot: QtBot) -> None:
    apply(qapp, "light")
    label, window = QLabel("text"), QWidget()
    qtbot.addWidget(window)
    set_text_role(label, "error")
    inner = QWidget()
    QVBoxLayout(inner).addWidget(label)
    QVBoxLayout(window).addWidget(inner)
    window.show()
    for theme in ("light", "dark"):
        apply(qapp, theme)
        picture = label.grab().toImage()
        seen = {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}
        assert named_colors(theme == "dark").error.name() in seen
        set_text_role(label, "error")


def test_no_role_is_without_a_colour() -> None:
    for dark in (False, True):
        c = named_colors(dark)
        assert all(getattr(c, field.name).isValid() for field in fields(Colors) if field.name != "dark")
