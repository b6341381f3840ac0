"""The picture that was read, with what the model looked at for one token laid over it, and the way back: a place in the
picture -> the tokens that were read there.

The picture stays as it was taken, dark ones dark; the ground around it takes the picture's own colour, and the colours
of the heat go with that ground, not with the theme.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app.heat import PAD, heat_image
from app.images import from_grey, to_array
from app.reading import Reading
from app.theme import colors, named_colors

MARGIN = 20.0
"""Around the picture where it is fitted, in px."""
LARGEST_FIT = 3.0
"""Fitting enlarges small snips no further: more shows pixels, not the formula."""
ZOOM_STEP, LEAST_ZOOM, MOST_ZOOM = 1.25, 1.0, 16.0
STEP_MS = 420
"""How long playing shows a token."""
RADIUS = 8.0
REGION_SHARE = 0.35
"""A token's region is where the attention has at least this share of its peak."""
BRACES = ("{", "}")
"""Tokens that stand nowhere in a picture; stepping and playing pass them over."""
EVEN_SHARE, EVEN_SPREAD = 0.8, 12
"""A ground is even where this share of the picture's border lies within so many levels of its usual colour."""


class AttentionView(QWidget):
    """Shows a reading's picture; one token at a time is active, chosen from outside by `set_active`."""

    token_hovered = Signal(int)
    """The token read where the pointer is, the one with the strongest attention there; -1 for none."""
    tokens_hovered = Signal(object)
    """All tokens read there, a tuple, the strongest first."""
    token_clicked = Signal(int)
    token_stepped = Signal(int)
    """By the arrow keys, or while playing."""
    playing_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reading: Reading | None = None
        self._image = QImage()
        self._scaled = QImage()
        self._ground: QColor | None = None
        self._boxes: list[QRectF | None] = []
        self._active: int | None = None
        self._heat = QImage()
        self._hovered: tuple[int, ...] = ()
        self._zoom = 1.0
        self._offset = QPointF()
        self._grabbed: QPointF | None = None
        self._dragged = False
        self._by_key = False
        self._timer = QTimer(self)
        self._timer.setInterval(STEP_MS)
        self._timer.timeout.connect(self._play_on)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Picture that was read"))
        self.setToolTip(
            self.tr(
                "Point at a place to see what was read there; click to correct it.\n"
                "← → step through the tokens, Space plays them, + − 0 or Ctrl+wheel zoom."
            )
        )
        self.setToolTipDuration(6000)

    # what is shown

    def set_reading(self, reading: Reading | None, original: QImage | None = None) -> None:
        """Show a reading's picture, fitted; `original` is the same picture as the user knows it, in colour."""
        self.stop()
        same = reading is not None and self._reading is not None and reading.picture is self._reading.picture
        self._reading = reading
        if reading is None:
            self._image, self._ground, self._boxes = QImage(), None, []
        else:
            self._image = from_grey(reading.picture) if original is None or original.isNull() else original
            self._ground = ground_color(self._image)
            found = [token.box(REGION_SHARE) for token in reading.recognition.tokens]
            self._boxes = [None if b is None else QRectF(QPointF(b[0], b[1]), QPointF(b[2], b[3])) for b in found]
        self._scaled = QImage()
        self._hovered = ()
        if not same:
            self._zoom, self._offset = 1.0, QPointF()
        self.set_active(None)
        self.update()

    @property
    def active(self) -> int | None:
        return self._active

    @Slot(object)
    def set_active(self, index: int | None) -> None:
        """Lay the attention of one token over the picture; None for the picture alone."""
        if self._reading is None or index is None or not 0 <= index < len(self._reading.recognition.tokens):
            index = None
        self._active = index
        self._heat = QImage()
        description = ""
        if index is not None and self._reading is not None:
            token = self._reading.recognition.tokens[index]
            if token.attention is not None:
                c = named_colors(self._is_dark())
                self._heat = heat_image(token.attention, (c.heat_low, c.heat_mid, c.heat_high))
            description = self.tr("Token {number} of {count}: {token}").format(
                number=index + 1, count=len(self._reading.recognition.tokens), token=token.text
            )
        self.setAccessibleDescription(description)
        self.update()

    def region(self, index: int) -> QRectF | None:
        """Where the model looked most for a token, in the widget's coordinates."""
        box = self._boxes[index] if 0 <= index < len(self._boxes) else None
        if box is None:
            return None
        target = self._target()
        scale = target.width() / max(1, self._image.width())
        return QRectF(target.topLeft() + box.topLeft() * scale, box.size() * scale)

    def tokens_at(self, position: QPointF) -> tuple[int, ...]:
        """The tokens whose region holds a place of the widget, the strongest attention first, braces last."""
        target = self._target()
        if self._reading is None or not target.contains(position):
            return ()
        point = (position - target.topLeft()) * (self._image.width() / max(1.0, target.width()))
        tokens = self._reading.recognition.tokens
        found = []
        for index, box in enumerate(self._boxes):
            extent = tokens[index].extent()
            attention = tokens[index].attention
            if box is None or extent is None or attention is None or not box.contains(point):
                continue
            rows, columns = attention.shape
            row = int((point.y() - extent[1]) / max(1e-9, extent[3] - extent[1]) * rows)
            column = int((point.x() - extent[0]) / max(1e-9, extent[2] - extent[0]) * columns)
            strength = float(attention[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)])
            found.append((not _prints(tokens[index].text), -strength, index))
        return tuple(index for _, _, index in sorted(found))

    # stepping and playing

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    @Slot()
    def play(self) -> None:
        """Show one token after another, from the first; `stop` ends it, and so does the last token."""
        if self._steps() and not self.playing:
            self._timer.start()
            self.playing_changed.emit(True)
            self.token_stepped.emit(self._steps()[0])

    @Slot()
    def stop(self) -> None:
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def step(self, by: int) -> None:
        """To the next (1) or the last (-1) token."""
        steps = self._steps()
        if not steps:
            return
        if self._active is None:
            index = steps[0] if by > 0 else steps[-1]
        else:
            beyond = [i for i in steps if (i - self._active) * by > 0]
            if not beyond:
                return
            index = beyond[0] if by > 0 else beyond[-1]
        self.token_stepped.emit(index)

    @Slot()
    def _play_on(self) -> None:
        steps = self._steps()
        if self._active is None or not steps or self._active >= steps[-1]:
            self.stop()
        else:
            self.step(1)

    def _steps(self) -> list[int]:
        tokens = () if self._reading is None else self._reading.recognition.tokens
        return [index for index, token in enumerate(tokens) if token.text not in BRACES]

    # zoom

    @property
    def zoom(self) -> float:
        """1 where the picture is fitted."""
        return self._zoom

    def zoom_by(self, factor: float, anchor: QPointF | None = None) -> None:
        """Magnify around a place of the widget, its middle by default."""
        anchor = QRectF(self.rect()).center() if anchor is None else anchor
        before = self._target()
        zoom = min(MOST_ZOOM, max(LEAST_ZOOM, self._zoom * factor))
        ratio = zoom / self._zoom
        self._zoom = zoom
        self._offset += (before.center() - anchor) * (ratio - 1)
        self._moved()

    @Slot()
    def fit(self) -> None:
        """The whole picture again."""
        self._zoom, self._offset = 1.0, QPointF()
        self._moved()

    def _moved(self) -> None:
        """Keep the picture over the widget: what is smaller is centred, what is larger leaves no gap."""
        size = self._target().size()
        for axis, (have, room) in enumerate(((size.width(), self.width()), (size.height(), self.height()))):
            slack = max(0.0, (have - room) / 2 + (MARGIN if have > room else 0.0))
            value = (self._offset.x(), self._offset.y())[axis]
            clamped = min(slack, max(-slack, value))
            if axis == 0:
                self._offset.setX(clamped)
            else:
                self._offset.setY(clamped)
        self.update()

    def _target(self) -> QRectF:
        """Where the picture is drawn."""
        if self._image.isNull():
            return QRectF()
        width, height = self._image.width(), self._image.height()
        room = QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        fit = min(room.width() / width, room.height() / height, LARGEST_FIT)
        scale = max(fit, 0.01) * self._zoom
        target = QRectF(0, 0, width * scale, height * scale)
        target.moveCenter(QRectF(self.rect()).center() + self._offset)
        return target

    # painting

    def _is_dark(self) -> bool:
        return colors(self.palette()).dark if self._ground is None else self._ground.lightness() < 128

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colors(self.palette())
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(c.accent if self._by_key and self.hasFocus() else c.line, 1))
        painter.setBrush(c.paper if self._ground is None else self._ground)
        painter.drawRoundedRect(frame, RADIUS, RADIUS)
        if self._image.isNull():
            return
        inside = QPainterPath()
        inside.addRoundedRect(frame.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS - 0.5, RADIUS - 0.5)
        painter.setClipPath(inside)
        target = self._target()
        self._draw_picture(painter, target)
        if self._active is not None:
            self._draw_heat(painter, target)

    def _draw_picture(self, painter: QPainter, target: QRectF) -> None:
        ratio = self.devicePixelRatioF()
        width, height = round(target.width() * ratio), round(target.height() * ratio)
        if width >= self._image.width():
            painter.drawImage(target, self._image)
            return
        # Shrinking while painting takes single pixels of large pictures and drops thin lines.
        if self._scaled.width() != width:
            smooth = Qt.TransformationMode.SmoothTransformation
            self._scaled = self._image.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
        painter.drawImage(target, self._scaled)

    def _draw_heat(self, painter: QPainter, target: QRectF) -> None:
        if self._reading is None or self._active is None:
            return
        token = self._reading.recognition.tokens[self._active]
        extent, region = token.extent(), self.region(self._active)
        dark = self._is_dark()
        if extent is not None and not self._heat.isNull():
            scale = target.width() / max(1, self._image.width())
            where = QRectF(QPointF(extent[0], extent[1]) * scale, QPointF(extent[2], extent[3]) * scale)
            if token.attention is not None:
                beyond_y, beyond_x = (
                    PAD * side / n
                    for side, n in zip((where.height(), where.width()), token.attention.shape, strict=True)
                )
                where.adjust(-beyond_x, -beyond_y, beyond_x, beyond_y)
            # Ink stays ink: dark strokes are not lightened, light strokes are not darkened.
            mode = QPainter.CompositionMode
            painter.setCompositionMode(mode.CompositionMode_Screen if dark else mode.CompositionMode_Multiply)
            painter.drawImage(where.translated(target.topLeft()), self._heat)
            painter.setCompositionMode(mode.CompositionMode_SourceOver)
        if region is not None and token.text not in BRACES:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(named_colors(dark).accent, 1.5))
            painter.drawRoundedRect(region.adjusted(-2, -2, 2, 2), 4, 4)

    def sizeHint(self) -> QSize:
        return QSize(440, 200)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 96)

    # events

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._moved()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.set_active(self._active)

    def focusInEvent(self, event: QFocusEvent) -> None:
        # A ring around the picture helps those who came by keyboard and disturbs the others.
        self._by_key = event.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        super().focusInEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed, self._dragged = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._grabbed is not None:
            way = position - self._grabbed
            if self._dragged or way.manhattanLength() > 6:
                self._dragged = True
                self._grabbed = position
                self._offset += way
                self._moved()
            return
        self._hover(self.tokens_at(position))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._grabbed is None:
            return
        self._grabbed = None
        found = self.tokens_at(event.position())
        if not self._dragged and found:
            self.stop()
            self.token_clicked.emit(found[0])

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(())

    def _hover(self, found: tuple[int, ...]) -> None:
        if self.playing or found == self._hovered:
            return
        self._hovered = found
        self.tokens_hovered.emit(found)
        self.token_hovered.emit(found[0] if found else -1)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(ZOOM_STEP ** (delta.y() / 120), event.position())
        elif self._zoom > LEAST_ZOOM:
            self._offset += QPointF(delta) / 2
            self._moved()
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.stop()
            self.step(1 if key == Qt.Key.Key_Right else -1)
        elif key == Qt.Key.Key_Space:
            self.stop() if self.playing else self.play()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._active is not None:
            self.stop()
            self.token_clicked.emit(self._active)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(ZOOM_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / ZOOM_STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key == Qt.Key.Key_Escape and self.playing:
            self.stop()
        else:
            super().keyPressEvent(event)


BORDER_PIXELS = 4000
"""As many of the border's are looked at."""


def ground_color(image: QImage) -> QColor | None:
    """The colour of the ground of a picture, from its border; None where that is uneven, or see-through."""
    if image.isNull():
        return None
    width, height = image.width(), image.height()
    edges = ((0, 0, width, 1), (0, height - 1, width, 1), (0, 0, 1, height), (width - 1, 0, 1, height))
    rows = [to_array(image.copy(*edge)) for edge in edges]
    border = np.concatenate([row.reshape(-1, row.shape[2]) for row in rows])
    border = border[:: len(border) // BORDER_PIXELS + 1]
    if border.shape[1] == 4 and (border[:, 3] < 255).any():
        return None
    usual, _ = Counter(map(tuple, (border[:, :3] // 4).tolist())).most_common(1)[0]
    near = np.abs(border[:, :3].astype(int) - (np.array(usual) * 4 + 2)).max(axis=1) <= EVEN_SPREAD
    if near.mean() < EVEN_SHARE:
        return None
    red, green, blue = np.median(border[near][:, :3], axis=0).astype(int).tolist()
    return QColor(red, green, blue)


def _prints(token: str) -> bool:
    from core_model.latex import prints

    return prints(token)
