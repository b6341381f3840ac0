"""The stage of the screenshots: lets the program go on until something is so, and photographs its windows."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QPainter
from PySide6.QtWidgets import QApplication, QMenu, QWidget

PATIENCE_S = 120.0


class Stage:
    """Stands in for the user's patience, hand and eye."""

    def __init__(self, qt: QApplication) -> None:
        self.qt = qt

    def wait(self, done: Callable[[], bool]) -> None:
        """Let the program go on until something is so."""
        end = time.monotonic() + PATIENCE_S
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("the program does not come to the state that is waited for")
            self.qt.processEvents()
            time.sleep(0.005)

    def settle(self, seconds: float = 0.5) -> None:
        """Let previews and layout come to an end."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def below(self, widget: QWidget, down: int | None = None) -> QPoint:
        """Where a menu of a widget goes."""
        return widget.mapToGlobal(QPoint(0, widget.height() if down is None else down))

    def close_popups(self) -> None:
        """Close all menus."""
        while (popup := self.qt.activePopupWidget()) is not None:
            popup.close()
            self.qt.processEvents()

    def drag(self, widget: QWidget, start: QPointF, stop: QPointF) -> None:
        """Press at one place and move to another, without letting go."""
        button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        for kind, where in ((QEvent.Type.MouseButtonPress, start), (QEvent.Type.MouseMove, stop)):
            self.qt.sendEvent(widget, QMouseEvent(kind, where, widget.mapToGlobal(where), button, button, none))

    def shot(self, window: QWidget) -> QImage:
        """A window as it looks, with the menus over it."""
        window.activateWindow()
        end = time.monotonic() + 0.1
        self.wait(lambda: time.monotonic() > end)
        menus = [one for one in self.qt.topLevelWidgets() if isinstance(one, QMenu) and one.isVisible()]
        ratio = window.devicePixelRatioF()
        area = window.rect()
        for menu in menus:
            area = area.united(menu.geometry().translated(-window.pos()))
        image = QImage(area.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(ratio)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        painter.translate(-area.topLeft())
        for one in (window, *menus):
            painter.drawPixmap(one.pos() - window.pos(), one.grab())
        painter.end()
        return image
