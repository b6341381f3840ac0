"""The picture of the formula: centred, as wide as the place allows, to be zoomed and moved.

While the text has errors the last good picture stays, dimmed, with a line below that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QLabel, QSizePolicy, QWidget

from app.preview import recolored
from app.theme import colors

if TYPE_CHECKING:
    from app.latex_check import Problem
    from app.preview import Rendered

_MARGIN: Final = 16
_FITS: Final = (0.5, 1.5)
"""A short formula is not blown up further, and a long one stays legible and is scrolled."""
_STEP: Final = 1.25
_ZOOMS: Final = (0.25, 12.0)
_DIMMED: Final = 0.35
_DELTA_OF_A_NOTCH: Final = 120


class PreviewView(QAbstractScrollArea):
    """Shows one ``Rendered``. Zoom 1 fits the view; Ctrl with the wheel, +, - and 0 change it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rendered: Rendered | None = None
        self._picture = QSvgRenderer(self)
        self._picture.setAspectRatioMode(Qt.AspectRatioMode.KeepAspectRatio)
        self._stale = False
        self._zoom = 1.0
        self._grabbed: QPoint | None = None
        self._message = QLabel(self)
        self._message.setWordWrap(True)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setMargin(_MARGIN // 2)
        self._message.hide()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Preview"))
        modifier = QKeySequence("Ctrl+0").toString(QKeySequence.SequenceFormat.NativeText).removesuffix("0")
        self.setToolTip(
            self.tr("The formula as it prints. {ctrl}wheel, {ctrl}+ and {ctrl}− zoom, {ctrl}0 fits the view.").format(
                ctrl=modifier
            )
        )
        # The ground is that of whatever the view stands on.
        self.viewport().setAutoFillBackground(False)
        self._color_message()

    # -- what is shown ----------------------------------------------------------------------------
    @property
    def rendered(self) -> Rendered | None:
        """The last good picture."""
        return self._rendered

    @property
    def is_stale(self) -> bool:
        """Whether the picture is that of an older text."""
        return self._stale

    @property
    def message(self) -> str:
        """What the line below says; empty where all is well."""
        return self._message.text() if self._message.isVisibleTo(self) else ""

    @property
    def zoom(self) -> float:
        """Enlargement beyond the fitting size."""
        return self._zoom

    def set_rendered(self, rendered: Rendered) -> None:
        """Show the picture of the present text."""
        self._rendered = rendered
        self._stale = False
        self._load()
        self._say("")
        self._arrange()

    def set_problems(self, problems: Sequence[Problem]) -> None:
        """Say what is wrong with the present text; the picture stays, dimmed. Nothing wrong changes nothing."""
        if not problems:
            return
        self._stale = True
        first = min(problems, key=lambda problem: problem.preview_only)
        more = len(problems) - 1
        text = self.tr("{message} (and {count} more)") if more else "{message}"
        self._say(text.format(message=first.message, count=more))
        self.viewport().update()

    def clear(self) -> None:
        """Show nothing."""
        self._rendered = None
        self._stale = False
        self._zoom = 1.0
        self._say("")
        self._arrange()

    def _say(self, text: str) -> None:
        self._message.setText(text)
        self._message.setVisible(bool(text))
        self.setAccessibleDescription(text)
        self._place_message()

    def _load(self) -> None:
        if self._rendered is not None:
            svg = recolored(self._rendered.svg, colors(self.palette()).ink.name())
            self._picture.load(QByteArray(svg))

    # -- size and place ---------------------------------------------------------------------------
    def sizeHint(self) -> QSize:
        return QSize(320, 120)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 64)

    def set_zoom(self, zoom: float, around: QPointF | None = None) -> None:
        """Zoom so that the place ``around``, in the viewport, stays where it is; without one its middle."""
        zoom = min(max(zoom, _ZOOMS[0]), _ZOOMS[1])
        if self._rendered is None or zoom == self._zoom:
            return
        place = around if around is not None else QRectF(self.viewport().rect()).center()
        before = self._box()
        self._zoom = zoom
        self._arrange()
        across, down = self._size()
        # What lay under the place, as a share of the picture, lies there again.
        share = QPointF((place.x() - before.x()) / before.width(), (place.y() - before.y()) / before.height())
        self.horizontalScrollBar().setValue(round(_MARGIN + share.x() * across - place.x()))
        self.verticalScrollBar().setValue(round(_MARGIN + share.y() * down - place.y()))

    def _size(self) -> tuple[float, float]:
        """Width and height of the picture on the screen."""
        if self._rendered is None:
            return 0.0, 0.0
        area = self.viewport().size()
        across = max(area.width() - 2 * _MARGIN, 1) / self._rendered.width
        down = max(area.height() - 2 * _MARGIN, 1) / self._rendered.height
        scale = self._zoom * min(max(min(across, down), _FITS[0]), _FITS[1])
        return self._rendered.width * scale, self._rendered.height * scale

    def _box(self) -> QRectF:
        """Where in the viewport the picture lies: centred, or moved by the scroll bars where it is larger."""
        width, height = self._size()
        area = self.viewport().size()
        x = (area.width() - width) / 2
        y = (area.height() - height) / 2
        if width + 2 * _MARGIN > area.width() + 1:
            x = _MARGIN - self.horizontalScrollBar().value()
        if height + 2 * _MARGIN > area.height() + 1:
            y = _MARGIN - self.verticalScrollBar().value()
        return QRectF(x, y, width, height)

    def _arrange(self) -> None:
        """Give the scroll bars the picture's size."""
        width, height = self._size()
        area = self.viewport().size()
        for bar, length, room in (
            (self.horizontalScrollBar(), width, area.width()),
            (self.verticalScrollBar(), height, area.height()),
        ):
            bar.setRange(0, max(0, round(length + 2 * _MARGIN) - room))
            bar.setPageStep(room)
            bar.setSingleStep(_MARGIN)
        movable = self.horizontalScrollBar().maximum() > 0 or self.verticalScrollBar().maximum() > 0
        if self._grabbed is None:
            self.viewport().setCursor(Qt.CursorShape.OpenHandCursor if movable else Qt.CursorShape.ArrowCursor)
        self.viewport().update()

    def _place_message(self) -> None:
        height = self._message.heightForWidth(self.width()) if self._message.isVisibleTo(self) else 0
        self.setViewportMargins(0, 0, 0, height)
        self._message.setGeometry(0, self.height() - height, self.width(), height)

    # -- events -----------------------------------------------------------------------------------
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_message()
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        if self._rendered is None:
            painter.setPen(colors(self.palette()).muted)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            area = self.viewport().rect().adjusted(_MARGIN, 0, -_MARGIN, 0)
            painter.drawText(area, flags, self.tr("The formula appears here as it prints"))
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(_DIMMED if self._stale else 1.0)
        self._picture.render(painter, self._box())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._load()
            self._color_message()
            self.viewport().update()
        elif event.type() == QEvent.Type.FontChange:
            self._place_message()

    def _color_message(self) -> None:
        palette = QPalette(self._message.palette())
        color = colors(self.palette()).error
        if palette.color(QPalette.ColorRole.WindowText) != color:
            palette.setColor(QPalette.ColorRole.WindowText, color)
            self._message.setPalette(palette)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            notches = event.angleDelta().y() / _DELTA_OF_A_NOTCH
            self.set_zoom(self._zoom * _STEP**notches, event.position())
            event.accept()
        else:
            super().wheelEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.set_zoom(self._zoom * (1 + event.value()), event.position())
            return True
        return super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.matches(QKeySequence.StandardKey.ZoomIn) or (control and event.key() == Qt.Key.Key_Equal):
            self.set_zoom(self._zoom * _STEP)
        elif event.matches(QKeySequence.StandardKey.ZoomOut):
            self.set_zoom(self._zoom / _STEP)
        elif control and event.key() == Qt.Key.Key_0:
            self.set_zoom(1.0)
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = event.position().toPoint()
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is None:
            super().mouseMoveEvent(event)
            return
        place = event.position().toPoint()
        moved = place - self._grabbed
        self._grabbed = place
        self.horizontalScrollBar().setValue(self.horizontalScrollBar().value() - moved.x())
        self.verticalScrollBar().setValue(self.verticalScrollBar().value() - moved.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._grabbed is not None:
            self._grabbed = None
            self._arrange()
        else:
            super().mouseReleaseEvent(event)
