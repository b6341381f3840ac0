"""python -m tests.checks.screenshots --out DIR [--only NAME]

Write the window in all its states, light and dark, at scale 1 and 2: DIR/<state>-<theme>-<scale>x.png. They are there
to be looked at. The program runs as it is, with the model in the box and a data folder of its own; Qt draws into memory
(its platform "offscreen"), so no display is needed. `--only` takes the beginning of a state's name.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, qInstallMessageHandler
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QTabWidget

from app.about import About
from app.application import Application
from app.capture.models import Shot
from app.capture.overlay import Overlay
from app.paths import Paths
from app.reading import Origin
from app.settings import Settings, save
from app.settings_dialog import SettingsDialog
from tests.checks import screenshot_props
from tests.checks.screenshot_stage import Stage

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "resources" / "samples"
THEMES = ("light", "dark")
SCALES = (1, 2)
SCREEN = 1600, 1000
"""The screen that Qt believes to have, in its own units: room for every window and for the menus over it."""
RIGHT, DOUBTFUL, EDITED = "15-tight-110dpi.png", "11-pagella-dark-200dpi.png", "06-stix-150dpi.png"
"""Samples: one that is read rightly, one with a doubtful token, one in whose reading a fraction is then overwritten."""
FOLDER = ("04-dark-144dpi.png", "05-sepia-120dpi.png", RIGHT, EDITED, "18-coloured-180dpi.png", "20-faint-300dpi.png")


def main() -> int:
    """One process a scale: Qt takes it at its start."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[1] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the pictures go")
    parser.add_argument("--only", default="", metavar="NAME", help="states whose name begins so")
    parser.add_argument("--scale", type=int, choices=SCALES, help="this scale alone")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return photograph(options.out, options.only, options.scale)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for scale in SCALES if options.scale is None else (options.scale,):
            command = [sys.executable, "-m", "tests.checks.screenshots", "--child", "--scale", str(scale)]
            command += ["--out", str(options.out.absolute()), "--only", options.only]
            status = subprocess.run(command, cwd=ROOT, env=surroundings(Path(folder), scale), check=False).returncode
            if status:
                print(f"error: scale {scale} ended with exit status {status}", file=sys.stderr)
                return 1
    return 0


def surroundings(folder: Path, scale: int) -> dict[str, str]:
    """Qt's settings by environment."""
    screen = {"name": "made", "x": 0, "y": 0, "width": SCREEN[0] * scale, "height": SCREEN[1] * scale}
    screen |= {"logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}
    file = folder / "screen.json"
    file.write_text(json.dumps({"screens": [screen]}))
    return {
        **os.environ,
        "QT_QPA_PLATFORM": f"offscreen:configfile={file}",
        "QT_SCALE_FACTOR": str(scale),
    }


def photograph(out: Path, only: str, scale: int) -> int:
    """Run the program once a theme and write what it looks like."""

    def tell(_kind: object, _context: object, message: str) -> None:
        """What Qt says, but for what cannot be done without a display."""
        if not message.startswith("This plugin does not support"):
            print(message, file=sys.stderr)

    qInstallMessageHandler(tell)
    qt = QApplication(sys.argv[:1])
    for theme in THEMES:
        with tempfile.TemporaryDirectory() as folder:
            paths = Paths.at(Path(folder) / "data")
            paths.create()
            save(paths.settings, replace(Settings(), theme=theme, device="cpu"))  # type: ignore[arg-type]
            application = Application(qt, paths)
            try:
                for name, image in Session(qt, application, Path(folder), only).states():
                    image.setDevicePixelRatio(1)
                    image.save(str(out / f"{name}-{theme}-{scale}x.png"))
            finally:
                application.close()
                application.window.deleteLater()
                qt.processEvents()
    return 0


class Session:
    """Leads the program through its states."""

    def __init__(self, qt: QApplication, application: Application, folder: Path, only: str) -> None:
        self.stage = Stage(qt)
        self.application = application
        self.window = application.window
        self.panel = application.window.result
        self.folder = folder
        self.only = only

    def wants(self, *names: str) -> bool:
        """Whether one of these states is to be shown; those that only lead to others are left out otherwise."""
        return any(name.startswith(self.only) or self.only.startswith(name) for name in names)

    def states(self) -> Iterator[tuple[str, QImage]]:
        """Name and picture of every state that is wanted."""
        for part in (self.start, self.reading, self.correction, self.drawing, self.others, self.small):
            for name, image in part():
                if name.startswith(self.only):
                    yield name, image

    # the states

    def start(self) -> Iterator[tuple[str, QImage]]:
        """Before the model is there, and with nothing read yet."""
        application = self.application
        self.window.show()
        self.stage.settle()
        application.controller.read_files([SAMPLES / RIGHT])
        yield "loading", self.stage.shot(self.window)
        application.controller.cancel()
        application.inference.start()
        application.preview.start()
        self.stage.wait(lambda: application.inference.model is not None)
        self.stage.settle()
        yield "empty", self.stage.shot(self.window)
        self.window.resize(1, 1)  # as small as it goes
        yield "empty-small", self.stage.shot(self.window)
        self.window.resize(1080, 760)

    def reading(self) -> Iterator[tuple[str, QImage]]:
        """A reading and what can be seen of it."""

        if not self.wants("result", "token", "copy", "keyboard", "alternatives", "agreeing"):
            return
        self.read(RIGHT)
        yield "result", self.stage.shot(self.window)
        QTest.mouseMove(self.panel.attention, self.panel.attention.region(8).center().toPoint())  # type: ignore[union-attr]
        self.stage.settle()
        yield "token-hovered", self.stage.shot(self.window)
        QTest.mouseMove(self.window, self.window.rect().bottomLeft())
        self.panel.copy_button.menu().popup(self.stage.below(self.panel.copy_button))
        yield "copy-menu", self.stage.shot(self.window)
        self.stage.close_popups()
        self.panel.compare_button.setFocus(Qt.FocusReason.TabFocusReason)
        yield "keyboard-button", self.stage.shot(self.window)
        self.panel.strip.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClick(self.panel.strip, Qt.Key.Key_Right)
        yield "keyboard-strip", self.stage.shot(self.window)
        self.read(RIGHT)
        self.panel.alternatives.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClick(self.panel.alternatives, Qt.Key.Key_Down)
        QTest.keyClick(self.panel.alternatives, Qt.Key.Key_Down)
        QTest.keyClick(self.panel.alternatives, Qt.Key.Key_Return)
        self.stage.settle(1.5)
        yield "alternatives", self.stage.shot(self.window)
        self.read(RIGHT)
        yield from self.comparison("agreeing")

    def correction(self) -> Iterator[tuple[str, QImage]]:
        """What is wrong and how it is set right."""
        if not self.wants("fix-menu", "fix-dialog", "disagreeing", "latex-error", "error", "message", "blank"):
            return
        self.read(DOUBTFUL)
        doubtful = self.panel._reading
        assert doubtful is not None
        tokens = doubtful.recognition.tokens
        index = min(range(len(tokens)), key=lambda one: tokens[one].confidence)
        self.panel.open_fix_menu(index)
        yield "fix-menu", self.stage.shot(self.window)
        self.stage.close_popups()
        dialog = self.panel.open_token_dialog(index)
        assert dialog is not None
        self.stage.settle()
        yield "fix-dialog", self.stage.shot(dialog)
        dialog.reject()
        self.read(EDITED)
        self.panel.editor.replace_text(self.panel.latex().replace(r"\frac{\pi}{4}", r"\pi"))
        self.stage.settle()
        self.stage.wait(lambda: "Compare" not in self.panel.compare_button.text())
        yield from self.comparison("disagreeing")
        self.read(RIGHT)
        text = self.panel.latex()
        self.panel.editor.replace_text(text.replace("\\frac", "\\farc") + " }")
        self.stage.settle()
        yield "latex-error", self.stage.shot(self.window)
        self.application.controller.read_files([self.broken()])
        self.stage.wait(lambda: bool(self.window.messages.text()))
        yield "error", self.stage.shot(self.window)
        self.application.show_news("Copied as LaTeX.")
        yield "message-news", self.stage.shot(self.window)
        self.window.messages.hide()

    def comparison(self, name: str) -> Iterator[tuple[str, QImage]]:
        """The self-check's mark and its window."""
        if not self.wants(name):
            return
        yield name, self.stage.shot(self.window)
        self.panel.compare_button.click()
        windows = self.application.windows
        self.stage.wait(lambda: windows._comparison is not None and windows._comparison.isVisible())
        view = windows._comparison
        assert view is not None
        self.stage.wait(lambda: view.verdict.text() != view.tr("Comparing…"))
        for mode in ("side-by-side", "blink", "difference"):
            view.set_mode(mode)
            yield f"{name}-{mode}", self.stage.shot(view)
        view.close()

    def drawing(self) -> Iterator[tuple[str, QImage]]:
        """The canvas over its reading."""

        if not self.wants("canvas"):
            return
        application = self.application
        application.draw()
        self.stage.settle()
        yield "canvas-empty", self.stage.shot(self.window)
        self.window.ink.set_ink(screenshot_props.drawing())
        self.read_by(self.window.ink._request)
        yield "canvas", self.stage.shot(self.window)
        self.window.resize(1, 1)
        self.stage.settle()
        yield "canvas-small", self.stage.shot(self.window)
        self.window.resize(1080, 760)
        self.window.set_drawing(False)

    def others(self) -> Iterator[tuple[str, QImage]]:
        """The other windows."""
        for name, part in (
            ("pdf", self.pdf),
            ("folder", self.read_folder),
            ("history", self.history),
            ("settings", self.settings),
            ("about", self.about),
            ("overlay", self.overlay),
            ("menu", self.menus),
        ):
            if self.wants(name):
                yield from part()

    def pdf(self) -> Iterator[tuple[str, QImage]]:

        path = self.folder / "newton.pdf"
        screenshot_props.write_paper(path)
        self.application.windows.open_pdf(path)
        view = self.application.windows._pdf
        assert view is not None
        self.stage.settle()
        view.page.set_band(QRectF(0.28, 0.238, 0.44, 0.092))
        yield "pdf", self.stage.shot(view)
        view.resize(1, 1)
        self.stage.settle()
        yield "pdf-small", self.stage.shot(view)
        view.close()
        self.application.windows.open_pdf(self.broken().rename(self.folder / "broken.pdf"))
        self.stage.wait(lambda: bool(self.window.messages.text()))
        yield "pdf-error", self.stage.shot(self.window)
        self.window.messages.hide()

    def read_folder(self) -> Iterator[tuple[str, QImage]]:
        folder = self.folder / "formulas"
        folder.mkdir()
        for name in FOLDER:
            shutil.copy(SAMPLES / name, folder)
        self.broken().rename(folder / "broken.png")
        windows = self.application.windows
        windows.open_folder([folder])
        view = windows._folder
        assert view is not None
        self.stage.wait(lambda: view.batch.ended >= 3)
        yield "folder-running", self.stage.shot(view)
        self.stage.wait(lambda: len(view.batch.items) > 3 and not view.batch.running)
        self.stage.settle()
        yield "folder", self.stage.shot(view)
        view.resize(1, 1)
        yield "folder-small", self.stage.shot(view)
        view.close()

    def history(self) -> Iterator[tuple[str, QImage]]:
        for name in (*FOLDER, DOUBTFUL, RIGHT):
            self.read(name)
        history = self.window.history
        self.window.history_action.trigger()
        self.stage.settle()
        history.select(self.application.history.search()[2].id)
        history._toggle_favourite()
        self.stage.settle()
        yield "history", self.stage.shot(self.window)
        history.menu().popup(self.stage.below(history.list, 120))
        yield "history-menu", self.stage.shot(self.window)
        self.stage.close_popups()
        history.delete_selected()
        self.stage.settle()
        yield "history-deleted", self.stage.shot(self.window)
        history.undo_delete()
        history.search.setText("nothing like it")
        history._filter()
        yield "history-nothing", self.stage.shot(self.window)
        history.search.clear()
        history._filter()
        self.window.resize(1, 1)
        self.stage.settle()
        yield "history-small", self.stage.shot(self.window)
        self.window.resize(1080, 760)
        self.window.history_action.trigger()

    def settings(self) -> Iterator[tuple[str, QImage]]:

        dialog = SettingsDialog(self.application.settings, self.window)
        dialog.show()
        self.stage.settle()
        for page in range(dialog._stack.count()):
            dialog._list.setCurrentRow(page)
            yield f"settings-{page + 1}", self.stage.shot(dialog)
        dialog.close()

    def about(self) -> Iterator[tuple[str, QImage]]:

        model = self.application.inference.model
        assert model is not None
        dialog = About(model.folder, self.window, device=f"{model.device}: {model.reason}")
        dialog.show()
        tabs = dialog.findChild(QTabWidget)
        for page in range(tabs.count()):
            tabs.setCurrentIndex(page)
            yield f"about-{page + 1}", self.stage.shot(dialog)
        dialog.close()

    def overlay(self) -> Iterator[tuple[str, QImage]]:

        width, height = 1200, 800
        still = screenshot_props.screen(width, height, self.window.devicePixelRatioF())
        overlay = Overlay(Shot(still, QRect(0, 0, width, height), "made"))
        overlay.setGeometry(0, 0, width, height)
        overlay.show_on_screen()
        yield "overlay-hint", self.stage.shot(overlay)
        self.stage.drag(overlay, QPointF(485, 230), QPointF(712, 304))
        yield "overlay", self.stage.shot(overlay)
        overlay.dismiss()

    def menus(self) -> Iterator[tuple[str, QImage]]:
        for action in self.window.menuBar().actions():
            self.window.menuBar().setActiveAction(action)
            name = action.text().replace("&", "").lower()
            yield f"menu-{name}", self.stage.shot(self.window)
            self.stage.close_popups()

    def small(self) -> Iterator[tuple[str, QImage]]:
        """A reading in the smallest window."""
        if self.wants("small"):
            self.window.resize(1, 1)
            self.read(DOUBTFUL)
            yield "small", self.stage.shot(self.window)
            self.read("05-sepia-120dpi.png")
            yield "small-wide", self.stage.shot(self.window)

    # helpers

    def read(self, sample: str) -> None:
        """Read a sample as it would be pasted, and wait for all that follows."""

        picture = QImage(str(SAMPLES / sample))
        self.read_by(lambda: self.application.controller.read_image(picture, Origin("paste")))

    def read_by(self, ask: Callable[[], object]) -> None:
        """Ask for a reading, and wait for it, its alternatives and the self-check."""
        controller = self.application.controller
        before = controller.reading
        found: list[object] = []
        controller.others_found.connect(found.append)
        ask()
        self.stage.wait(lambda: controller.reading is not before and bool(found))
        controller.others_found.disconnect(found.append)
        self.stage.wait(lambda: self.panel.compare_button.text() != self.panel.tr("Compare"))
        self.stage.settle()

    def broken(self) -> Path:
        """A file that is no picture."""
        path = self.folder / "holiday.png"
        path.write_bytes(b"no picture at all")
        return path


if __name__ == "__main__":
    sys.exit(main())
