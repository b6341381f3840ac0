"""The pages of a PDF as a list of small pictures, which are drawn one by one when they come into sight."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter, QPen, QPixmap

from app.pdf_drawing import POINTS, PdfDrawing, Rank
from app.theme import colors

THUMBNAIL: Final = 120

_Index = QModelIndex | QPersistentModelIndex


class PageList(QAbstractListModel):
    """Page numbers and pictures."""

    def __init__(self, drawing: PdfDrawing, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._drawing = drawing
        self._count = 0
        self._pictures: dict[int, QPixmap] = {}
        self._asked: set[int] = set()
        self._empty = _square()

    def reset(self) -> None:
        """Another document is there, or none."""
        self.beginResetModel()
        self._count = len(self._drawing.sizes)
        self._pictures.clear()
        self._asked.clear()
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - as Qt declares it
        return 0 if parent.isValid() else self._count

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        page = index.row()
        if role == Qt.ItemDataRole.DisplayRole:
            return str(page + 1)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("Page {}").format(page + 1)
        if role == Qt.ItemDataRole.SizeHintRole:  # before there is a picture to measure
            return QSize(THUMBNAIL + 16, THUMBNAIL + 32)
        if role == Qt.ItemDataRole.DecorationRole:
            if page not in self._asked:
                self._asked.add(page)
                self._ask(page)
            return self._pictures.get(page, self._empty)
        return None

    def _ask(self, page: int) -> None:
        points = self._drawing.sizes[page]
        longer = max(points.width(), points.height(), 1.0)
        # Twice the pixels: sharp on fine screens too.
        dpi = 2 * THUMBNAIL * POINTS / longer
        self._drawing.draw(Rank.SMALL, page, QRectF(0, 0, 1, 1), dpi, lambda image: self._show(page, image))

    def _show(self, page: int, image: QImage) -> None:
        image.setDevicePixelRatio(2.0)
        picture = _square()
        painter = QPainter(picture)
        size = image.deviceIndependentSize()
        place = QRectF(QPointF((THUMBNAIL - size.width()) / 2, (THUMBNAIL - size.height()) / 2), size)
        painter.drawImage(place.topLeft(), image)
        painter.setPen(QPen(colors(QGuiApplication.palette()).line_strong, 1))
        painter.drawRect(place.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()
        self._pictures[page] = picture
        self.dataChanged.emit(self.index(page), self.index(page))


def _square() -> QPixmap:
    """Room for a small picture of a page: all the same size, so that the list does not jump when one arrives."""
    picture = QPixmap(2 * THUMBNAIL, 2 * THUMBNAIL)
    picture.setDevicePixelRatio(2.0)
    picture.fill(Qt.GlobalColor.transparent)
    return picture
