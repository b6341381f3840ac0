"""A program in a real X server, for tests: python x11_program.py window X Y WIDTH HEIGHT | snip [PICTURE]

``window`` shows a red rectangle at device pixels. ``snip`` takes one snip, or two with --again: a line of JSON when the
overlays are up and the keys are held, and one for each result. With --hotkey it waits for Ctrl+Alt+L to start.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from PySide6.QtCore import QRect, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QImage, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from app.capture import Region, Snipper
from app.hotkey import GlobalHotkey


def say(**facts: object) -> None:
    """Print a line of JSON."""
    print(json.dumps(facts), flush=True)


def show_window(numbers: list[str]) -> None:
    """Show the red rectangle for ever."""
    window = QWidget(None, Qt.WindowType.X11BypassWindowManagerHint | Qt.WindowType.FramelessWindowHint)
    window.setPalette(QPalette("#c02040"))
    window.setAutoFillBackground(True)
    window.setGeometry(QRect(*(int(number) for number in numbers)))
    window.show()
    QTimer.singleShot(200, lambda: say(shown=True))
    QApplication.exec()


def snip(picture: str, again: bool) -> None:
    """Snip, say what came, and end."""
    snipper = Snipper()
    watch = QTimer()

    def ready() -> None:
        if snipper.overlays and all(overlay.windowHandle().isExposed() for overlay in snipper.overlays):
            watch.stop()
            # Time for the keyboard's grab, which is tried again every 50 ms.
            QTimer.singleShot(200, lambda: say(ready=len(snipper.overlays)))

    def captured(image: QImage, region: Region) -> None:
        image.save(picture)
        say(region=asdict(region), size=[image.width(), image.height()])
        nonlocal again
        if again:
            again = False
            QTimer.singleShot(0, snipper.again)
        else:
            QGuiApplication.quit()

    def ended(**facts: object) -> None:
        say(**facts)
        QGuiApplication.quit()

    watch.timeout.connect(ready)
    watch.start(50)
    snipper.captured.connect(captured)
    snipper.cancelled.connect(lambda: ended(cancelled=True))
    snipper.failed.connect(lambda message: ended(failed=message))
    hotkey = GlobalHotkey()
    if "--hotkey" in sys.argv:
        hotkey.activated.connect(snipper.start)
        say(shown=hotkey.register("Ctrl+Alt+L").ok)
    else:
        snipper.start()
    QApplication.exec()
    say(open_windows=sum(window.isVisible() for window in QGuiApplication.topLevelWindows()))


def main() -> None:
    """Do what the arguments say."""
    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    if sys.argv[1] == "window":
        show_window(sys.argv[2:])
    else:
        snip(sys.argv[2], "--again" in sys.argv)


if __name__ == "__main__":
    main()
