"""Another program in the X server, for tests: python foreign.py LEFT TOP [file|picture], names of pictures by stdin.

Shows the pictures one after the other without frame at that place of the screen, and prints the window's number when
one is painted. With `file` or `picture` a drag with the mouse carries it away as that; `taken` is printed when the
program beneath the pointer would take it.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import QMimeData, QPoint, QSocketNotifier, Qt, QUrl
from PySide6.QtGui import QDrag, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget


class Window(QWidget):
    """A picture; says when it is painted."""

    def __init__(self, place: QPoint, drags: str) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint)
        self._place = place
        self._drags = drags
        self._name = ""
        self._image = QImage()
        self._said = True
        self.setWindowTitle("another program")

    def show_picture(self, name: str) -> None:
        self._name, self._image, self._said = name, QImage(name), False
        self.setGeometry(self._place.x(), self._place.y(), self._image.width(), self._image.height())
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawImage(0, 0, self._image)
        painter.end()
        if not self._said:
            self._said = True
            print(int(self.winId()), flush=True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._drags:
            return
        data = QMimeData()
        if self._drags == "file":
            data.setUrls([QUrl.fromLocalFile(self._name)])
        else:
            data.setImageData(self._image)
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.actionChanged.connect(lambda action: print("taken" if action else "refused", flush=True))
        drag.exec(Qt.DropAction.CopyAction)


def main() -> None:
    """Show what stdin names until that ends."""
    application = QApplication(sys.argv[:1])
    window = Window(QPoint(int(sys.argv[1]), int(sys.argv[2])), sys.argv[3])
    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)

    def take() -> None:
        name = sys.stdin.readline().strip()
        if name:
            window.show_picture(name)
        else:
            application.quit()

    notifier.activated.connect(take)
    application.exec()


if __name__ == "__main__":
    main()
