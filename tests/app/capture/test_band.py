"""Window coordinates to device pixels, and the band's arithmetic."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QSize

from app.capture.band import Band, PixelGrid

RATIOS = [1.0, 1.25, 1.5, 1.75, 2.0]


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("pixels", [1366, 1920, 2560])
def test_every_pixel_is_hit_by_the_position_that_the_system_gives_for_it(ratio: float, pixels: int) -> None:
    window = QSize(round(pixels / ratio), round(768 / ratio))
    grid = PixelGrid.of(QSize(pixels, 768), window, ratio)
    hit = [grid.to_pixel(QPointF(column / ratio, 0)).x() for column in range(pixels)]
    assert hit == list(range(pixels))


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_pixel_lies_in_the_window_where_it_is_hit(ratio: float) -> None:
    grid = PixelGrid.of(QSize(1366, 768), QSize(round(1366 / ratio), round(768 / ratio)), ratio)
    for rect in (QRect(0, 0, 1, 1), QRect(313, 217, 41, 33), QRect(1365, 767, 1, 1)):
        where = grid.to_window(rect)
        assert grid.to_pixel(where.topLeft()) == rect.topLeft()
        assert grid.to_pixel(where.bottomRight() - QPointF(0.01, 0.01)) == rect.bottomRight()


def test_window_of_another_size_counts_by_the_sizes() -> None:
    grid = PixelGrid.of(QSize(2000, 1000), QSize(500, 400), 2.0)
    assert grid.to_pixel(QPointF(250, 200)) == QPoint(1000, 500)
    assert grid.to_pixel(QPointF(499.9, 399.9)) == QPoint(1999, 999)


def test_positions_beyond_the_window_are_its_nearest_pixels() -> None:
    grid = PixelGrid.of(QSize(300, 200), QSize(200, 133), 1.5)
    assert grid.to_pixel(QPointF(-40, 5000)) == QPoint(0, 199)
    assert grid.to_pixel(QPointF(5000, -1)) == QPoint(299, 0)


def test_band_holds_both_its_ends_whichever_way_it_is_drawn() -> None:
    bounds = QSize(100, 80)
    there, back = Band(bounds, QPoint(10, 20), QPoint(30, 25)), Band(bounds, QPoint(30, 25), QPoint(10, 20))
    assert there.rect == back.rect == QRect(10, 20, 21, 6)
    assert Band(bounds, QPoint(0, 0), QPoint(0, 0)).to(QPoint(500, 500)).rect == QRect(0, 0, 100, 80)


def test_band_stops_at_the_edges_and_keeps_its_size() -> None:
    band = Band(QSize(100, 80), QPoint(10, 20), QPoint(30, 25))
    assert band.moved(QPoint(-1, 1)).rect == QRect(9, 21, 21, 6)
    assert band.moved(QPoint(-50, 500)).rect == QRect(0, 74, 21, 6)


def test_resizing_moves_right_and_bottom_and_leaves_a_pixel() -> None:
    band = Band(QSize(100, 80), QPoint(30, 25), QPoint(10, 20))
    assert band.resized(QPoint(1, 0)).rect == QRect(10, 20, 22, 6)
    assert band.resized(QPoint(0, -1)).rect == QRect(10, 20, 21, 5)
    assert band.resized(QPoint(-500, -500)).rect == QRect(10, 20, 1, 1)
    assert band.resized(QPoint(500, 500)).rect == QRect(10, 20, 90, 60)


@pytest.mark.parametrize("size", [QSize(1, 1), QSize(40, 30), QSize(3840, 2160)])
def test_first_band_of_the_keyboard_lies_within_the_screen(size: QSize) -> None:
    for middle in (QPoint(0, 0), QPoint(size.width() - 1, size.height() - 1)):
        assert QRect(QPoint(), size).contains(Band.around(size, middle).rect)
