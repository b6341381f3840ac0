"""The comparison window: a snip beside the preview of its reading, in turn with it, or laid over it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QColor,
    QHideEvent,
    QImage,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app import selfcheck
from app.background import Background
from app.component_match import Box
from app.icons import icon
from app.reading import Grey
from app.selfcheck import Agreement
from app.surface import Surface
from app.theme import Colors, colors

Mode = Literal["side-by-side", "blink", "difference"]
MODES: tuple[Mode, ...] = ("side-by-side", "blink", "difference")

BLINK_MS = 700
GRID = 8
MAX_ZOOM = 4.0
"""Small snips are not blown up further than this."""


class ComparisonCanvas(QWidget):
    """Draws the two pictures in one of the modes; ink boxes coincide in all but side by side."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(240, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Snip and preview"))
        self.mode: Mode = "side-by-side"
        self.shows_preview = False
        """Which of the two stands there while they take turns."""
        self._snip: _Layer | None = None
        self._preview: _Layer | None = None

    def set_pictures(self, snip: Grey, preview: Grey) -> None:
        """Show two pictures [h, w]; one without ink is drawn as nothing."""
        self._snip, self._preview = _Layer(snip), _Layer(preview)
        self.update()

    def set_marks(self, missing: tuple[Box, ...], surplus: tuple[Box, ...]) -> None:
        """Frame symbols: those of the snip that the preview lacks, and the other way round; px of each picture."""
        if self._snip is not None and self._preview is not None:
            self._snip.marks, self._preview.marks = missing, surplus
            self.update()

    def set_mode(self, mode: Mode) -> None:
        self.mode = mode
        self.shows_preview = False
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(720, 360)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._snip is None or self._preview is None:
            return
        c = colors(self.palette())
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing)
        room = QRectF(self.rect()).adjusted(2 * GRID, 2 * GRID, -2 * GRID, -2 * GRID)
        if self.mode == "side-by-side":
            first, second = self._halves(room)
            caption = painter.fontMetrics().height() + GRID // 2
            for half, layer, name, mark in (
                (first, self._snip, self.tr("Snip"), c.only_snip),
                (second, self._preview, self.tr("Preview"), c.only_preview),
            ):
                painter.setPen(c.muted)
                painter.drawText(half, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, name)
                self._draw(painter, layer, half.adjusted(0, caption, 0, 0), c.ink, mark)
            painter.setPen(QPen(c.line, 1))
            if first.bottom() < second.top():
                y = (first.bottom() + second.top()) / 2
                painter.drawLine(QLineF(room.left(), y, room.right(), y))
            else:
                x = (first.right() + second.left()) / 2
                painter.drawLine(QLineF(x, room.top(), x, room.bottom()))
            return
        target = _fitted(self._snip.size, room)
        if self.mode == "blink":
            layer, mark = (self._preview, c.only_preview) if self.shows_preview else (self._snip, c.only_snip)
            painter.drawImage(target, layer.coloured(c.ink))
            layer.draw_marks(painter, target, mark)
        else:
            painter.drawImage(target, _difference(self._snip, self._preview, self._pixels(target), c))

    def _pixels(self, target: QRectF) -> QSize:
        """The size of a place in pixels of the screen."""
        ratio = self.devicePixelRatioF()
        return QSize(max(1, round(target.width() * ratio)), max(1, round(target.height() * ratio)))

    def _halves(self, room: QRectF) -> tuple[QRectF, QRectF]:
        """Above one another or beside: whichever shows the snip larger."""
        assert self._snip is not None
        gap = 2 * GRID
        upper = QRectF(room.x(), room.y(), room.width(), (room.height() - gap) / 2)
        left = QRectF(room.x(), room.y(), (room.width() - gap) / 2, room.height())
        if _fitted(self._snip.size, upper).width() >= _fitted(self._snip.size, left).width():
            return upper, upper.translated(0, upper.height() + gap)
        return left, left.translated(left.width() + gap, 0)

    @staticmethod
    def _draw(painter: QPainter, layer: _Layer, room: QRectF, ink: QColor, mark: QColor) -> None:
        target = _fitted(layer.size, room)
        painter.drawImage(target, layer.coloured(ink))
        layer.draw_marks(painter, target, mark)


class SelfCheckView(QWidget):
    """A window that shows where a snip and the preview of its reading agree."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("Compare with the snip"))
        self.resize(760, 480)
        self._background = Background(self)
        self._pictures = 0
        self.canvas = ComparisonCanvas()
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self.legend = QLabel()
        self.buttons: dict[Mode, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._timer = QTimer(self)
        self._timer.setInterval(BLINK_MS)
        self._timer.timeout.connect(self._swap)
        self._lay_out()
        self.set_mode("side-by-side")

    def set_pictures(self, snip: Grey, preview: Grey) -> None:
        """Show a snip and the preview of its reading, both [h, w]; what differs is framed as soon as it is known."""
        self._pictures += 1
        number = self._pictures
        self.canvas.set_pictures(snip, preview)
        self.verdict.setText(self.tr("Comparing…"))

        def done(agreement: Agreement) -> None:
            if number == self._pictures:
                self._show(agreement)

        def failed(message: str) -> None:
            if number == self._pictures:
                self.verdict.setText(message)

        self._background.run(lambda: selfcheck.compare(snip, preview), done, failed)

    def set_mode(self, mode: Mode) -> None:
        """Side by side, in turn, or one over the other."""
        self.canvas.set_mode(mode)
        self.buttons[mode].setChecked(True)
        if mode == "blink":
            self._timer.start()
        else:
            self._timer.stop()
        self._show_legend()

    def _lay_out(self) -> None:
        texts = {
            "side-by-side": self.tr("Side by side"),
            "blink": self.tr("Blink"),
            "difference": self.tr("Difference"),
        }
        tips = {
            "side-by-side": self.tr("Snip and preview beside one another (1)"),
            "blink": self.tr("Snip and preview in turn at the same place (2)"),
            "difference": self.tr("One laid over the other, in colour where only one has ink (3)"),
        }
        line = QHBoxLayout()
        line.setSpacing(GRID // 2)
        for number, mode in enumerate(MODES):
            button = QToolButton()
            button.setIcon(icon(mode))
            button.setIconSize(QSize(22, 16))  # wider than the drawing, which keeps it off the text
            button.setText(texts[mode])
            button.setToolTip(tips[mode])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self._group.addButton(button, number)
            self.buttons[mode] = button
            line.addWidget(button)
            QShortcut(QKeySequence(str(number + 1)), self, lambda mode=mode: self.set_mode(mode))
        self._group.idClicked.connect(self._on_button)
        line.addStretch(1)
        line.addWidget(self.legend)
        QShortcut(Qt.Key.Key_Escape, self, self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.setSpacing(GRID)
        layout.addLayout(line)
        layout.addWidget(Surface(self.canvas), 1)
        layout.addWidget(self.verdict)

    def _show(self, agreement: Agreement) -> None:
        if agreement.agrees:
            text = self.tr("Snip and preview agree in structure. A symbol taken for a similar one is not noticed.")
        else:
            text = "\n".join(agreement.reasons)
        self.verdict.setText(text)
        self.canvas.set_marks(agreement.missing, agreement.surplus)

    def _show_legend(self) -> None:
        c = colors(self.palette())
        snip, preview = self.tr("snip"), self.tr("preview")
        if self.canvas.mode == "difference":
            only = (c.only_snip, self.tr("only in the snip")), (c.only_preview, self.tr("only in the preview"))
            self.legend.setText(" · ".join(f'<span style="color:{color.name()}">{text}</span>' for color, text in only))
        elif self.canvas.mode == "blink":
            self.legend.setText(preview if self.canvas.shows_preview else snip)
        else:
            self.legend.clear()

    @Slot(int)
    def _on_button(self, number: int) -> None:
        self.set_mode(MODES[number])

    @Slot()
    def _swap(self) -> None:
        self.canvas.shows_preview = not self.canvas.shows_preview
        self._show_legend()
        self.canvas.update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.canvas.mode == "blink":
            self._timer.start()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._pictures += 1  # what is still being compared is of no interest
        super().closeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.buttons:
            self._show_legend()


class _Layer:
    """The ink of one picture, cropped to it."""

    def __init__(self, grey: Grey) -> None:
        ink = selfcheck.ink_strength(grey)
        self.origin = (0, 0)
        self.marks: tuple[Box, ...] = ()
        if ink.any():
            rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
            self.origin = (int(columns[0]), int(rows[0]))
            ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self.mask = np.ascontiguousarray(ink)

    @property
    def size(self) -> tuple[int, int]:
        return self.mask.shape[1], self.mask.shape[0]

    def alpha(self) -> QImage:
        """The ink as an alpha channel."""
        width, height = self.size
        return QImage(self.mask.data, width, height, width, QImage.Format.Format_Alpha8).copy()

    def coloured(self, color: QColor) -> QImage:
        image = QImage(*self.size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(color)
        painter = QPainter(image)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, self.alpha())
        painter.end()
        return image

    def draw_marks(self, painter: QPainter, target: QRectF, color: QColor) -> None:
        """Frames around the symbols that only this picture has; ``target`` is where its ink is drawn."""
        across, down = target.width() / self.size[0], target.height() / self.size[1]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color, 2))
        for left, top, right, bottom in self.marks:
            box = QRectF(
                target.x() + (left - self.origin[0]) * across,
                target.y() + (top - self.origin[1]) * down,
                (right - left) * across,
                (bottom - top) * down,
            )
            painter.drawRoundedRect(box.adjusted(-3, -3, 3, 3), 3, 3)


def _fitted(size: tuple[int, int], room: QRectF) -> QRectF:
    """A picture of a size in the middle of a room, as large as fits."""
    width, height = max(size[0], 1), max(size[1], 1)
    scale = min(room.width() / width, room.height() / height, MAX_ZOOM)
    scale = max(scale, 1e-3)
    return QRectF(
        room.center().x() - width * scale / 2, room.center().y() - height * scale / 2, width * scale, height * scale
    )


def _difference(snip: _Layer, preview: _Layer, size: QSize, c: Colors) -> QImage:
    """Both inks at the same place: in the colour of text where they coincide, in their own where they do not."""
    width, height = size.width(), size.height()
    first, second = (_stretched(layer, width, height) for layer in (snip, preview))
    both = np.minimum(first, second)
    weights = np.stack((both, first - both, second - both), axis=-1)  # [h, w, 3]
    shades = np.array([[q.redF(), q.greenF(), q.blueF(), 1.0] for q in (c.ink, c.only_snip, c.only_preview)])
    pixels = np.rint(255 * np.clip(weights @ shades, 0, 1)).astype(np.uint8)  # premultiplied RGBA
    pixels = np.ascontiguousarray(pixels)
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888_Premultiplied).copy()


def _stretched(layer: _Layer, width: int, height: int) -> NDArray[np.float64]:
    """Ink strength 0..1 [height, width]."""
    image = layer.alpha().scaled(
        width, height, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    image = image.convertToFormat(QImage.Format.Format_Alpha8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())
    return rows[:, :width].astype(np.float64) / 255
