"""The canvas under real events: mouse, pen, fingers, wheel, keys."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QInputDevice, QPalette, QPointingDevice, QTabletEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import theme
from app.ink_canvas import InkCanvas, Tool
from core_model.ink import Ink, Stroke

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def canvas(qtbot: QtBot) -> InkCanvas:
    canvas = InkCanvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 200)
    canvas.show()
    qtbot.waitExposed(canvas)
    return canvas


def drag(canvas: InkCanvas, *places: tuple[int, int], button: Qt.MouseButton = LEFT) -> None:
    QTest.mousePress(canvas, button, pos=QPoint(*places[0]))
    for place in places[1:]:
        QTest.mouseMove(canvas, QPoint(*place))
    QTest.mouseRelease(canvas, button, pos=QPoint(*places[-1]))


def pen(canvas: InkCanvas, kind: QEvent.Type, x: float, y: float, pressure: float, *, eraser: bool = False) -> None:
    pointer = QPointingDevice.PointerType.Eraser if eraser else QPointingDevice.PointerType.Pen
    capabilities = QInputDevice.Capability.Position | QInputDevice.Capability.Pressure
    device = QPointingDevice("pen", 7, QInputDevice.DeviceType.Stylus, pointer, capabilities, 1, 1)
    place = QPointF(x, y)
    event = QTabletEvent(
        kind,
        device,
        place,
        canvas.mapToGlobal(place),
        pressure,
        0,
        0,
        0,
        0,
        0,
        Qt.KeyboardModifier.NoModifier,
        LEFT,
        LEFT,
    )
    QApplication.sendEvent(canvas, event)
    assert event.isAccepted()  # else Qt would send it once more as a mouse event


def wheel(canvas: InkCanvas, x: float, y: float, turn: int, modifier: Qt.KeyboardModifier) -> None:
    place = QPointF(x, y)
    event = QWheelEvent(
        place,
        canvas.mapToGlobal(place),
        QPoint(),
        QPoint(0, turn),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def points(canvas: InkCanvas, index: int = 0) -> list[list[float]]:
    return canvas.ink().strokes[index].points.tolist()


def dark(canvas: InkCanvas, x: float, y: float) -> bool:
    """Whether there is ink at a place, or on a pixel beside it: thin lines have soft edges."""
    image = canvas.grab().toImage()
    near = [(round(x) + dx, round(y) + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    return min(image.pixelColor(*place).lightness() for place in near) < 128


def test_the_mouse_draws_a_stroke_with_times(canvas: InkCanvas, qtbot: QtBot) -> None:
    with qtbot.waitSignals([canvas.stroke_started, canvas.updated, canvas.changed], timeout=1000):
        drag(canvas, (20, 30), (60, 40), (60, 40), (100, 35))
    assert points(canvas) == [[20, 30], [60, 40], [100, 35]]
    stroke = canvas.ink().strokes[0]
    assert stroke.pressure is None
    assert stroke.time is not None and (np.diff(stroke.time) >= 0).all()
    assert dark(canvas, 20, 30) and not dark(canvas, 20, 60)


def test_a_click_is_a_dot_and_a_double_click_two(canvas: InkCanvas) -> None:
    QTest.mouseClick(canvas, LEFT, pos=QPoint(50, 50))
    assert points(canvas) == [[50, 50]]
    assert dark(canvas, 50, 50)
    QTest.mouseDClick(canvas, LEFT, pos=QPoint(80, 50))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(80, 50))
    assert len(canvas.ink().strokes) == 2


def test_a_stroke_is_painted_while_it_grows(canvas: InkCanvas) -> None:
    QTest.mousePress(canvas, LEFT, pos=QPoint(20, 100))
    for x in range(24, 200, 4):
        QTest.mouseMove(canvas, QPoint(x, 100))
    assert dark(canvas, 100, 100) and dark(canvas, 195, 100)
    assert not canvas.ink().strokes
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(200, 100))
    assert dark(canvas, 100, 100)


def test_few_points_make_a_curve_and_no_polygon(canvas: InkCanvas) -> None:
    """Points of a circle 45 degrees apart, as a quick pen gives them: a polygon would have corners of 6 px."""
    places = [QPointF(200 + 80 * np.cos(a), 100 + 80 * np.sin(a)).toPoint() for a in np.deg2rad(np.arange(0, 271, 45))]

    def radius(degrees: float) -> float:
        """How far from the middle of the circle the line passes in a direction."""
        image, angle = canvas.grab().toImage(), np.deg2rad(degrees)
        steps = np.arange(60, 90, 0.5)
        ink = [
            step
            for step in steps
            if image.pixelColor(round(200 + step * np.cos(angle)), round(100 + step * np.sin(angle))).lightness() < 128
        ]
        assert ink
        return float(np.mean(ink))

    def is_round() -> bool:
        radii = [radius(degrees) for degrees in np.arange(45, 181, 22.5)]
        return max(radii) - min(radii) < 3

    QTest.mousePress(canvas, LEFT, pos=places[0])
    for place in places[1:]:
        QTest.mouseMove(canvas, place)
    assert is_round(), "while it grows"
    QTest.mouseRelease(canvas, LEFT, pos=places[-1])
    assert is_round()


def test_only_what_changed_is_painted_anew_while_drawing(canvas: InkCanvas, qtbot: QtBot) -> None:
    painted = []

    class Watcher(InkCanvas):
        def paintEvent(self, event) -> None:  # type: ignore[no-untyped-def]
            painted.append(event.rect())
            super().paintEvent(event)

    watched = Watcher()
    qtbot.addWidget(watched)
    watched.resize(400, 200)
    watched.show()
    qtbot.waitExposed(watched)
    QTest.mousePress(watched, LEFT, pos=QPoint(20, 20))
    QTest.mouseMove(watched, QPoint(300, 20))
    QApplication.processEvents()
    painted.clear()
    QTest.mouseMove(watched, QPoint(310, 25))
    qtbot.waitUntil(lambda: bool(painted), timeout=1000)
    assert painted[0].height() < 40 and painted[0].left() > 100


def test_the_pen_has_pressure_and_its_other_end_erases(canvas: InkCanvas) -> None:
    pen(canvas, QEvent.Type.TabletPress, 20, 50, 0.25)
    pen(canvas, QEvent.Type.TabletMove, 60.5, 50, 0.75)
    pen(canvas, QEvent.Type.TabletRelease, 60.5, 50, 0.0)
    assert points(canvas) == [[20, 50], [60.5, 50]]
    pressure = canvas.ink().strokes[0].pressure
    assert pressure is not None and pressure.tolist() == [0.25, 0.75]
    pen(canvas, QEvent.Type.TabletPress, 40, 40, 0.5, eraser=True)
    pen(canvas, QEvent.Type.TabletMove, 40, 60, 0.5, eraser=True)
    pen(canvas, QEvent.Type.TabletRelease, 40, 60, 0.0, eraser=True)
    assert canvas.ink().strokes == ()
    assert canvas.tool() is Tool.PEN


def test_a_finger_draws_and_two_move_and_zoom(canvas: InkCanvas) -> None:
    device = QTest.createTouchDevice()
    QTest.touchEvent(canvas, device).press(0, QPoint(20, 30)).commit()
    QTest.touchEvent(canvas, device).move(0, QPoint(80, 30)).commit()
    QTest.touchEvent(canvas, device).release(0, QPoint(80, 30)).commit()
    drawn = canvas.ink()
    assert np.allclose(points(canvas), [[20, 30], [80, 30]], atol=3)  # the platform's frames displace QTest's fingers
    QTest.touchEvent(canvas, device).press(0, QPoint(100, 100)).commit()
    QTest.touchEvent(canvas, device).move(0, QPoint(100, 100)).press(1, QPoint(200, 100)).commit()
    QTest.touchEvent(canvas, device).move(0, QPoint(50, 120)).move(1, QPoint(250, 120)).commit()
    QTest.touchEvent(canvas, device).move(0, QPoint(50, 120)).release(1, QPoint(250, 120)).commit()
    QTest.touchEvent(canvas, device).move(0, QPoint(10, 10)).commit()
    QTest.touchEvent(canvas, device).release(0, QPoint(10, 10)).commit()
    assert canvas.ink() is drawn
    assert canvas.zoom() == pytest.approx(2.0)
    assert canvas.place_of(150, 100).toTuple() == pytest.approx((150, 120), abs=3)


def test_erasers_by_stroke_and_by_area(canvas: InkCanvas) -> None:
    drag(canvas, (20, 50), (200, 50))
    drag(canvas, (20, 150), (200, 150))
    canvas.set_tool(Tool.AREA_ERASER)
    sent = []
    canvas.changed.connect(lambda: sent.append(len(canvas.ink().strokes)))
    drag(canvas, (100, 20), (100, 80))
    assert len(canvas.ink().strokes) == 3 and sent == [3]
    assert not dark(canvas, 100, 50) and dark(canvas, 60, 50)
    canvas.set_tool(Tool.STROKE_ERASER)
    drag(canvas, (40, 40), (40, 160))
    assert len(canvas.ink().strokes) == 1
    drag(canvas, (300, 10), (310, 10))
    assert sent == [3, 1]
    canvas.undo()
    canvas.undo()
    assert len(canvas.ink().strokes) == 2 and canvas.can_redo()


def test_pan_and_zoom_never_change_the_ink_and_drawing_follows_them(canvas: InkCanvas) -> None:
    drag(canvas, (20, 30), (60, 40))
    before = canvas.ink()
    wheel(canvas, 100, 100, 120, Qt.KeyboardModifier.ControlModifier)
    assert canvas.zoom() == pytest.approx(1.2)
    assert canvas.place_of(100, 100).toTuple() == pytest.approx((100, 100))
    wheel(canvas, 100, 100, -120, Qt.KeyboardModifier.NoModifier)
    drag(canvas, (100, 100), (150, 130), button=Qt.MouseButton.MiddleButton)
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    drag(canvas, (100, 100), (110, 100))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert canvas.place_of(100, 100).toTuple() == pytest.approx((160, 70))
    assert canvas.ink() is before
    drag(canvas, (160, 70), (172, 70))
    assert np.allclose(points(canvas, 1), [[100, 100], [110, 100]])
    canvas.reset_view()
    assert canvas.zoom() == 1.0 and canvas.place_of(20, 30).toTuple() == (20, 30)


def test_escape_gives_up_a_stroke(canvas: InkCanvas) -> None:
    QTest.mousePress(canvas, LEFT, pos=QPoint(20, 20))
    QTest.mouseMove(canvas, QPoint(90, 90))
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    QTest.mouseMove(canvas, QPoint(120, 90))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(120, 90))
    assert canvas.ink() == Ink() and not canvas.can_undo()


def test_hiding_the_canvas_keeps_the_stroke_that_was_begun(canvas: InkCanvas) -> None:
    QTest.mousePress(canvas, LEFT, pos=QPoint(20, 20))
    QTest.mouseMove(canvas, QPoint(90, 90))
    canvas.hide()
    assert points(canvas) == [[20, 20], [90, 90]]


@pytest.mark.parametrize("scale", [0.004, 1.0, 300.0])
def test_ink_of_any_units_is_shown_whole_and_stays_as_it_is(canvas: InkCanvas, scale: float) -> None:
    given = Ink(tuple(Stroke(scale * np.array([[x, 900], [x + 30, 940]])) for x in range(0, 1500, 50)), "x", "n")
    sent = []
    canvas.changed.connect(lambda: sent.append(1))
    canvas.set_ink(given)
    assert canvas.ink() == given and not sent
    for stroke in given.strokes:
        place = canvas.place_of(*stroke.points.mean(axis=0))
        assert canvas.rect().contains(place.toPoint())
    place = canvas.place_of(*given.strokes[3].points[1])
    assert dark(canvas, place.x(), place.y() - 1)
    canvas.undo()
    assert canvas.ink() == Ink()
    canvas.redo()
    assert canvas.ink() == given


def test_undoing_that_a_file_was_opened_shows_the_drawing_again(canvas: InkCanvas) -> None:
    drag(canvas, (20, 30), (60, 70))
    canvas.set_ink(Ink((Stroke(np.array([[0, 0], [9000, 12000]])),)))
    canvas.undo()
    assert points(canvas) == [[20, 30], [60, 70]]
    assert dark(canvas, *canvas.place_of(40, 50).toTuple())


def test_the_theme_is_followed(canvas: InkCanvas) -> None:
    drag(canvas, (20, 30), (60, 40))
    grounds = []
    for is_dark in (False, True):
        canvas.setPalette(theme.make_palette(is_dark))
        canvas.set_grid(False)
        image = canvas.grab().toImage()
        c = theme.colors(QPalette(canvas.palette()))
        assert image.pixelColor(200, 150) == c.paper
        assert _apart(image.pixelColor(20, 30), c.ink) < 60
        grounds.append(image.pixelColor(200, 150).lightness())
    assert grounds[0] > 200 > 100 > grounds[1]


def _apart(one: QColor, other: QColor) -> int:
    return abs(one.lightness() - other.lightness())


def test_the_grid_can_be_hidden(canvas: InkCanvas) -> None:
    with_grid = canvas.grab().toImage()
    canvas.set_grid(False)
    without = canvas.grab().toImage()
    assert with_grid != without
    assert without.pixelColor(24, 24) == theme.colors(canvas.palette()).paper
