"""Everything once: the session of `python -m tests.checks.session --once`, with what is done there only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QWidget

from app.formats import FORMATS
from tests.checks.kill import say
from tests.checks.session_program import wait
from tests.checks.session_steps import LEFT, PLAIN, QUICK, ROOT, SAMPLES, Session


class Tour(Session):
    """A session with all that the app can do."""

    def once(self) -> None:
        """Everything that there is, once."""
        self.app.window.history_action.trigger()
        self.read_file()
        self.others()
        self.fix()
        self.edit()
        for one in FORMATS:
            self.copy(one.key)
        for step in (
            self.compare,
            self.paste,
            self.drop,
            self.snip,
            self.snip_again,
            self.draw,
            self.draw,
            self.favourite,
            self.search,
            self.open,
            self.rerun,
            self.delete,
            self.settings,
            self.read_pdf,
            self.read_folder,
            self.about,
            self.export,
            self.second_start,
            self.restart,
            self.read_file,
        ):
            step()
        self.program.close()

    def others(self) -> None:
        """Wait for the other readings, and take one."""
        wait(lambda: self.program.others, "other readings")
        if self.program.others[-1]:
            self._change(lambda: self.app.window.result.alternatives.chosen.emit(0))

    def compare(self) -> None:
        """The preview is drawn, the self-check has an opinion, and its window opens."""
        pane = self.app.window.result
        wait(lambda: "Compare" not in pane.compare_button.text(), "the self-check")
        pane.compare_button.click()
        self._close_window("SelfCheckView")
        say({"op": "did", "what": "compared"})

    def drop(self) -> None:
        """Drop a picture file on the window."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(SAMPLES / QUICK[1]))])
        window, copy = self.app.window, Qt.DropAction.CopyAction
        self.qt.sendEvent(window, QDragEnterEvent(QPointF(300, 300), copy, data, LEFT, PLAIN))
        event = QDropEvent(QPointF(300, 300), copy, data, LEFT, PLAIN)
        self._read(lambda: self.qt.sendEvent(window, event))

    def snip_again(self) -> None:
        """The same region once more."""
        self._read(self.app.window.again_action.trigger)

    def rerun(self) -> None:
        """Read an earlier picture again."""
        if self._select() is not None:
            self._read(self._history_action("F5").trigger)

    def export(self) -> None:
        """Write the history to a file of each kind."""
        for ending in ("csv", "json", "md", "tex"):
            path = self.folder / f"export.{ending}"

            def choose(dialog: QWidget, path: Path = path) -> None:
                assert isinstance(dialog, QFileDialog)
                dialog.selectFile(str(path))
                dialog.accept()

            path.unlink(missing_ok=True)
            self._in_dialog(lambda: self.app.window.history.export_requested.emit(self.ids), choose)
            wait(lambda path=path: path.is_file() or self.program.faults, f"{path.name} of the export")
            self.program.sound()
        say({"op": "did", "what": "exported"})

    def read_pdf(self) -> None:
        """Open a PDF and draw a band on its page."""
        from PySide6.QtGui import QPageSize, QPdfWriter

        path = self.folder / "paper.pdf"
        writer = QPdfWriter(str(path))
        writer.setPageSize(QPageSize(QPageSize.PageSizeId.A6))
        painter = QPainter(writer)
        painter.drawImage(writer.width() // 8, writer.height() // 8, self.picture.scaledToWidth(writer.width() // 2))
        painter.end()
        self.app.window.files_chosen.emit([path])
        window = self._window("PdfWindow")
        page = window.page

        def act() -> None:
            QTest.mousePress(page, LEFT, PLAIN, QPoint(10, 10))
            QTest.mouseMove(page, QPoint(page.width() // 2, page.height() // 2))
            QTest.mouseRelease(page, LEFT, PLAIN, QPoint(page.width() - 10, page.height() // 2))

        wait(window.isVisible, "the PDF")
        self._read(act)
        window.close()

    def read_folder(self) -> None:
        """Read several files in one go, one of which is no picture."""
        self.app.window.files_chosen.emit([SAMPLES / QUICK[0], SAMPLES / QUICK[1], SAMPLES / "formulas.txt"])
        window = self._window("BatchWindow")
        wait(lambda: not window.batch.running, "the folder")
        for item in window.batch.items:
            if item.entry is not None and item.entry not in self.ids:
                self.ids.append(item.entry)
                say({"op": "add", "id": item.entry, "latex": item.latex})
        states = [item.status.value for item in window.batch.items]
        if states != ["done", "done", "failed"]:
            raise SystemExit(f"the files of the folder are {states}")
        window.close()
        say({"op": "did", "what": "folder"})

    def about(self) -> None:
        """Look at the versions and licences."""
        self._in_dialog(self.app.window.about_action.trigger, lambda dialog: dialog.close())
        say({"op": "did", "what": "about"})

    def second_start(self) -> None:
        """Start the program once more, with a file: it hands that over and ends."""
        command = [sys.executable, "-m", "app", "--data-dir", str(self.folder), str(SAMPLES / QUICK[0])]

        def act() -> None:
            second = subprocess.Popen(command, cwd=ROOT)
            wait(lambda: second.poll() is not None, "the second start")
            if second.returncode:
                raise SystemExit(f"the second start ended with status {second.returncode}")

        self._read(act)

    def _close_window(self, kind: str) -> None:
        window = self._window(kind)
        window.repaint()
        window.close()

    def _window(self, kind: str) -> Any:
        """A window by the name of its class, once it shows."""
        found: list[QWidget] = []

        def look() -> bool:
            found[:] = [one for one in self.qt.topLevelWidgets() if type(one).__name__ == kind and one.isVisible()]
            return bool(found or self.program.faults)

        wait(look, f"the window {kind}")
        self.program.sound()
        return found[0]
