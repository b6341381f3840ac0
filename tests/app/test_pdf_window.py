"""The PDF window, driven by keys and the mouse; files that are broken or locked."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSize, Qt, QTimer
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.images import to_grey
from app.pdf_window import LEAST_DPI, SNIP_DPI, PdfWindow
from tests.app.pdfs import write_pdf

WAIT = 60_000
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@pytest.fixture
def window(qtbot: QtBot, data_dir: Path) -> PdfWindow:
    """Shows a file of three pages, 300 x 200 points each."""
    made = PdfWindow()
    qtbot.addWidget(made)
    made.open(write_pdf(data_dir / "Aufsatz ü.pdf"))
    qtbot.waitExposed(made)
    qtbot.waitUntil(lambda: not made.drawing.busy, timeout=WAIT)
    return made


def draw(window: PdfWindow, left: float, top: float, right: float, bottom: float) -> None:
    """Draw a box with the mouse, given in points from the upper left corner of the page."""
    scale = window.page.width() / window.document.pagePointSize(window.page_number).width()
    corners = [QPoint(round(x * scale), round(y * scale)) for x, y in ((left, top), (right, bottom))]
    QTest.mousePress(window.page, LEFT, pos=corners[0])
    QTest.mouseMove(window.page, corners[1])
    QTest.mouseRelease(window.page, LEFT, pos=corners[1])


def test_a_box_on_the_page_is_read_at_300_dpi_at_any_zoom(qtbot: QtBot, window: PdfWindow) -> None:
    pictures = []
    for zoom in (0.5, 1.0, 3.0):
        window.set_zoom(zoom)
        with qtbot.waitSignal(window.snipped) as got:
            draw(window, 30, 30, 110, 110)  # around the square of 60 points at (40, 40)
        image, name = got.args
        assert name == "page 1 of Aufsatz ü.pdf"
        grey = to_grey(image)
        dark = np.argwhere(grey < 128)
        side = dark.max(axis=0) - dark.min(axis=0) + 1
        assert side == pytest.approx(np.array([60, 60]) * SNIP_DPI / 72, abs=2)
        assert grey[0, 0] == 255, "pages are white"
        pictures.append(grey.shape)
    assert pictures[0] == pytest.approx(pictures[2], abs=12)


def test_a_click_or_the_right_button_reads_nothing(qtbot: QtBot, window: PdfWindow) -> None:
    with qtbot.assertNotEmitted(window.snipped):
        draw(window, 50, 50, 50.5, 50.5)
        QTest.mousePress(window.page, LEFT, pos=QPoint(20, 20))
        QTest.mouseMove(window.page, QPoint(120, 90))
        assert not window.page.band.isEmpty()
        QTest.mousePress(window.page, RIGHT, pos=QPoint(120, 90))
        QTest.mouseRelease(window.page, LEFT, pos=QPoint(120, 90))
    assert window.page.band.isEmpty()


def test_the_keyboard_alone_draws_a_box(qtbot: QtBot, window: PdfWindow) -> None:
    QTest.keyClick(window.page, Qt.Key.Key_Space)
    before = window.page.band
    QTest.keyClick(window.page, Qt.Key.Key_Left)
    QTest.keyClick(window.page, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    after = window.page.band
    assert after.left() < before.left() and after.height() > before.height()
    assert after.width() == pytest.approx(before.width())
    QTest.keyClick(window.page, Qt.Key.Key_Escape)
    assert window.page.band.isEmpty() and window.isVisible()
    QTest.keyClick(window.page, Qt.Key.Key_Space)
    with qtbot.waitSignal(window.snipped):
        QTest.keyClick(window.page, Qt.Key.Key_Return)
    QTest.keyClick(window.page, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_a_box_stays_within_the_page(qtbot: QtBot, window: PdfWindow) -> None:
    with qtbot.waitSignal(window.snipped) as got:
        draw(window, 200, 100, 900, 900)
    image: QImage = got.args[0]
    corner = QSize(100, 100) * (SNIP_DPI / 72)
    assert abs(image.width() - corner.width()) <= 6 and abs(image.height() - corner.height()) <= 6


def test_pages_by_keys_list_and_number(qtbot: QtBot, window: PdfWindow) -> None:
    assert not window.previous.isEnabled() and window.next.isEnabled()
    window.next.trigger()
    assert window.page_number == 1 and window.number.value() == 2
    QTest.keyClick(window.page, Qt.Key.Key_End)
    assert window.page_number == 2 and not window.next.isEnabled()
    assert window.list.currentIndex().row() == 2
    window.list.setCurrentIndex(window.pages.index(0))
    assert window.page_number == 0
    window.number.setValue(3)
    assert window.page_number == 2
    with qtbot.waitSignal(window.snipped) as got:
        draw(window, 110, 50, 200, 110)
    image, name = got.args
    row = to_grey(image)[150] < 128
    assert name.startswith("page 3 ") and np.count_nonzero(np.diff(row.astype(int)) == 1) == 3, "three bars"


def test_small_pictures_of_the_pages_come_one_by_one(qtbot: QtBot, window: PdfWindow) -> None:
    index = window.pages.index(1)
    role = Qt.ItemDataRole.DecorationRole
    qtbot.waitUntil(lambda: window.pages.data(index, role) is not None, timeout=10_000)
    assert window.pages.data(index, Qt.ItemDataRole.AccessibleTextRole) == "Page 2"


def test_the_page_is_as_wide_as_the_window_until_it_is_zoomed(qtbot: QtBot, window: PdfWindow) -> None:
    assert window.area.width() - 60 < window.page.width() <= window.area.width()
    window.resize(700, 600)
    assert window.area.width() - 60 < window.page.width() <= window.area.width()
    wide = window.page.width()
    QTest.keyClick(window, Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    assert window.page.width() < wide
    narrow = window.page.width()
    window.resize(800, 600)
    assert window.page.width() == narrow
    QTest.keyClick(window, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert window.page.width() > narrow


def test_a_large_region_keeps_200_dpi_and_a_poster_fits_into_memory(qtbot: QtBot, data_dir: Path) -> None:
    window = PdfWindow()
    qtbot.addWidget(window)
    window.open(write_pdf(data_dir / "poster.pdf", 1, (2000, 1400)))
    qtbot.waitExposed(window)
    with qtbot.waitSignal(window.snipped, timeout=WAIT) as got:
        draw(window, 5, 5, 2000, 1400)
    assert got.args[0].width() == pytest.approx(2000 * LEAST_DPI / 72, rel=0.01)
    window.open(write_pdf(data_dir / "wall.pdf", 1, (14400, 14400)))
    qtbot.waitUntil(lambda: window.windowTitle() == "wall.pdf", timeout=WAIT)
    with qtbot.waitSignal(window.snipped, timeout=60_000) as got:
        draw(window, 40, 40, 14400, 14400)
    assert got.args[0].width() * got.args[0].height() <= 81_000_000


@pytest.mark.parametrize(
    ("content", "message"), [(b"%PDF-1.4 rubbish", "damaged"), (b"", "damaged"), (None, "cannot be opened")]
)
def test_a_broken_file_is_told_of_and_no_empty_window_shown(
    qtbot: QtBot, data_dir: Path, content: bytes | None, message: str
) -> None:
    path = data_dir / "kaputt.pdf"
    if content is not None:
        path.write_bytes(content)
    window = PdfWindow()
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.failed) as got:
        window.open(path)
    assert message in got.args[0] and "kaputt.pdf" in got.args[0] and not window.isVisible()
    window.open(write_pdf(data_dir / "gut.pdf"))
    assert window.isVisible() and window.document.pageCount() == 3


def test_an_encrypted_file_asks_for_its_password_until_it_is_right(qtbot: QtBot, data_dir: Path) -> None:
    window = PdfWindow()
    qtbot.addWidget(window)
    window.open(write_pdf(data_dir / "geheim.pdf", password="offen"))
    assert not window.isVisible()
    first = window.password_dialog
    assert first is not None and "encrypted" in first.labelText()
    assert first.textEchoMode() == QLineEdit.EchoMode.Password
    first.setTextValue("falsch")
    first.accept()
    second = window.password_dialog
    assert second is not None and second is not first and "not the password" in second.labelText()
    second.setTextValue("offen")
    second.accept()
    assert window.isVisible() and window.document.pageCount() == 3
    with qtbot.waitSignal(window.snipped) as got:
        draw(window, 30, 30, 110, 110)
    assert (to_grey(got.args[0]) < 128).any(), "the drawing is deciphered"


def test_the_window_lives_on_while_a_heavy_page_is_drawn(qtbot: QtBot, data_dir: Path) -> None:
    window = PdfWindow()
    qtbot.addWidget(window)
    heavy = write_pdf(data_dir / "wirr.pdf", 2, curves=3000)
    beats: list[bool] = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(window.drawing.busy))
    heart.start(0)
    window.open(heavy)
    assert window.isVisible() and window.drawing.busy and not window.page.size().isEmpty()
    window.go_to(1)
    with qtbot.waitSignal(window.snipped, timeout=WAIT) as got:
        draw(window, 30, 30, 110, 110)
    heart.stop()
    assert got.args[1].startswith("page 2 ") and beats.count(True) > 10
    # Another file has to wait for what is being drawn, and the window does not.
    window.open(write_pdf(data_dir / "leicht.pdf"))
    qtbot.waitUntil(lambda: window.windowTitle() == "leicht.pdf" and not window.drawing.busy, timeout=WAIT)


def test_the_page_on_the_screen_is_the_one_that_was_asked_for_last(qtbot: QtBot, window: PdfWindow) -> None:
    for number in (2, 3):
        window.number.setValue(number)
    qtbot.waitUntil(lambda: not window.drawing.busy, timeout=WAIT)
    row = to_grey(window.page.grab().toImage())[round(window.page.height() * 0.4)] < 128
    assert np.count_nonzero(np.diff(row[5:-5].astype(int)) == 1) == 4, "the square and three bars"


def test_a_broken_second_file_leaves_the_first_one(qtbot: QtBot, window: PdfWindow, data_dir: Path) -> None:
    (data_dir / "kaputt.pdf").write_bytes(b"%PDF-1.4 rubbish")
    window.next.trigger()
    with qtbot.waitSignal(window.failed, timeout=WAIT) as got:
        window.open(data_dir / "kaputt.pdf")
    assert "kaputt.pdf" in got.args[0]
    assert window.isVisible() and window.windowTitle() == "Aufsatz ü.pdf" and window.page_number == 1
    with qtbot.waitSignal(window.snipped, timeout=WAIT) as got:
        draw(window, 30, 30, 110, 110)
    assert got.args[1] == "page 2 of Aufsatz ü.pdf"


def test_a_second_file_while_the_first_asks_for_its_password(qtbot: QtBot, data_dir: Path) -> None:
    window = PdfWindow()
    qtbot.addWidget(window)
    window.open(write_pdf(data_dir / "geheim.pdf", password="offen"))
    first = window.password_dialog
    assert first is not None
    window.open(write_pdf(data_dir / "auch.pdf", password="zu"))
    second = window.password_dialog
    assert second is not None and second is not first and not first.isVisible()
    assert second.labelText().startswith("auch.pdf")
    second.setTextValue("zu")
    second.accept()
    assert window.isVisible() and window.windowTitle() == "auch.pdf" and window.password_dialog is None


def test_the_file_is_closed_with_its_window(qtbot: QtBot, window: PdfWindow, data_dir: Path) -> None:
    window.close()
    assert window.document.pageCount() == 0 and window.pages.rowCount() == 0
    window.open(data_dir / "Aufsatz ü.pdf")
    assert window.isVisible() and window.document.pageCount() == 3


def test_without_a_password_nothing_happens(qtbot: QtBot, data_dir: Path) -> None:
    window = PdfWindow()
    qtbot.addWidget(window)
    with qtbot.assertNotEmitted(window.failed):
        window.open(write_pdf(data_dir / "geheim.pdf", password="offen"))
        dialog = window.password_dialog
        assert dialog is not None
        dialog.reject()
    assert not window.isVisible() and window.password_dialog is None
