"""A thin line along an edge that moves while something is on its way; nothing else moves or is covered meanwhile."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QElapsedTimer, QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import colors

PERIOD_MS = 1400
FRAME_MS = 33
DELAY_MS = 150
"""A reading that takes no longer shows no line: it would only flicker."""


class BusyLine(QWidget):
    """Keeps its place when it is still."""

    THICKNESS: ClassVar = 2

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.update)
        self.setFixedHeight(self.THICKNESS)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(self.tr("Reading"))

    @property
    def running(self) -> bool:
        return self._timer.isActive()

    def set_running(self, running: bool) -> None:
        if running and not self.running:
            self._clock.start()
            self._timer.start()
        elif not running:
            self._timer.stop()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.running or self._clock.elapsed() < DELAY_MS:
            return
        phase = (self._clock.elapsed() - DELAY_MS) % PERIOD_MS / PERIOD_MS
        width = self.width() * 0.3
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors(self.palette()).accent)
        eased = phase * phase * (3 - 2 * phase)
        painter.drawRect(QRectF(-width + eased * (self.width() + width), 0, width, self.height()))
