"""What a user does again and again in the session of `tests.checks.session`, and how it is reported."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QImage, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QWidget

from app.application import Application
from app.formats import FORMATS
from app.images import to_grey
from app.reading import Reading
from app.settings_dialog import SettingsDialog
from app.settings_page import write
from core_model.ink import to_json
from tests.checks.kill import say
from tests.checks.session_program import PLACE, MadeUpScreen, Program, wait

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "resources" / "samples"
QUICK = ("02-plain-72dpi.png", "12-dark-72dpi.png", "09-jpeg-130dpi.jpg", "15-tight-110dpi.png")
"""Samples of few pixels."""
FORMULA = r"\frac{a}{b}+x^{2}"
"""What every format can express."""
LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


class Session:
    """What a user does; each method is one thing, done and reported when it returns."""

    def __init__(self, qt: QApplication, folder: Path, checkpoint: Path, seed: int) -> None:
        self.qt = qt
        self.folder = folder
        self.checkpoint = checkpoint
        self.rng = random.Random(seed)
        self.picture = QImage(str(SAMPLES / QUICK[0]))
        self.screen = MadeUpScreen(self.picture) if qt.platformName() == "offscreen" else None
        self.foreign: QLabel | None = None
        self.program = Program(qt, folder, checkpoint, self.screen)
        self.ids = self.app.history.ids()

    @property
    def app(self) -> Application:
        return self.program.app

    def for_ever(self) -> None:
        """Everything again and again, what changes the history most often."""
        often = (self.read_file, self.edit, self.favourite, self.open, self.fix)
        seldom = (self.paste, self.snip, self.draw, self.delete, self.copy, self.search, self.settings, self.restart)
        while True:
            self.rng.choices((*often, *seldom), [3] * len(often) + [1] * len(seldom))[0]()

    # ways in

    def read_file(self) -> None:
        """Open a picture."""
        path = SAMPLES / self.rng.choice(QUICK)
        self._read(lambda: self.app.window.files_chosen.emit([path]))

    def paste(self) -> None:
        """Paste a picture."""
        self.qt.clipboard().setImage(self.picture)
        self._read(self.app.window.paste_action.trigger)

    def snip(self) -> None:
        """Draw a band over the sample on the screen, with the mouse."""
        self._show_foreign()
        size = self.picture.size()

        def act() -> None:
            self.app.window.snip_action.trigger()
            wait(lambda: self.app.snipper.overlays or self.program.faults, "the overlay")
            self.program.sound()
            overlay = self.app.snipper.overlays[0]
            far = PLACE + QPoint(size.width() - 1, size.height() - 1)
            QTest.mousePress(overlay, LEFT, PLAIN, PLACE)
            QTest.mouseMove(overlay, (PLACE + far) / 2)
            QTest.mouseMove(overlay, far)
            QTest.mouseRelease(overlay, LEFT, PLAIN, far)

        reading = self._read(act)
        if not np.array_equal(reading.picture, to_grey(self.picture)):
            raise SystemExit("the snip shows something else than what is on the screen")

    def draw(self) -> None:
        """Two strokes, on a new page or beside those that are there."""
        window = self.app.window
        if not window.ink.isVisible():
            window.draw_action.trigger()
        canvas = window.ink.canvas
        if self.rng.random() < 0.5:
            canvas.clear()
        before = self.app.controller.reading
        known = before.entry if before is not None and before.ink is not None else None
        if known is not None:
            say({"op": "begin", "id": known})
        right, bottom = canvas.width() - 30, canvas.height() - 30
        for _ in range(2):
            points = [QPoint(self.rng.randint(30, right), self.rng.randint(30, bottom)) for _ in range(4)]
            QTest.mousePress(canvas, LEFT, PLAIN, points[0])
            for point in points[1:]:
                QTest.mouseMove(canvas, point)
            QTest.mouseRelease(canvas, LEFT, PLAIN, points[-1])
        drawn = json.dumps(to_json(canvas.ink()))

        def read() -> bool:
            found = self.program.shown[-1].ink if self.program.shown else None
            return bool(self.program.faults) or (found is not None and json.dumps(to_json(found)) == drawn)

        wait(read, "the drawing's reading")
        self.program.sound()
        reading = self.program.shown[-1]
        if reading.entry is not None and reading.entry == known:
            say({"op": "replace", "id": known, "latex": reading.recognition.latex})
        else:
            self._learn(reading)
        window.draw_action.trigger()

    # with a reading

    def edit(self) -> None:
        """Type a LaTeX into the editor."""
        editor = self._open_reading().window.result.editor
        text = f"{FORMULA}+{self.rng.randrange(10**6)}"

        def act() -> None:
            editor.selectAll()
            QTest.keyClicks(editor, text)

        self._change(act)

    def fix(self) -> None:
        """Another token in the place of one; where none is read, nothing."""
        app = self._open_reading()
        reading = app.controller.reading
        if reading is None or not reading.recognition.tokens:
            return
        menu = app.window.result.open_fix_menu(self.rng.randrange(min(4, len(reading.recognition.tokens))))
        assert menu is not None
        choices = [action for action in menu.actions() if "\t" in action.text() and action.isEnabled()]
        if not choices:
            menu.close()
            return
        count = len(self.program.shown)
        self._change(self.rng.choice(choices).trigger, lambda: len(self.program.shown) > count)
        menu.close()

    def copy(self, key: str = "") -> None:
        """Copy in a format, by the menu, what every format can express."""
        app = self._open_reading()
        if not app.window.result.latex().startswith(FORMULA):
            self.edit()
        key = key or self.rng.choice([one.key for one in FORMATS])
        self.program.told.clear()
        menu = app.window.result.copy_button.menu()
        next(action for action in menu.actions() if action.data() == key).trigger()
        wait(lambda: self.program.told or self.program.faults, f"the copy as {key}")
        self.program.sound()
        data = self.qt.clipboard().mimeData()
        there = data.hasImage() if key in ("png", "figure") else bool(data.text())
        if not there:
            raise SystemExit(f"nothing is on the clipboard after a copy as {key}, only {data.formats()}")
        say({"op": "did", "what": f"copied as {key}"})

    # history

    def favourite(self) -> None:
        """A star, or none, for a reading of the list."""
        number = self._select()
        if number is not None:
            say({"op": "begin", "id": number})
            self._history_action("Ctrl+B").trigger()
            entry = self.app.history.get(number)
            assert entry is not None
            say({"op": "favourite", "id": number, "on": entry.favourite})

    def delete(self) -> None:
        """Delete a reading, and sometimes undo that."""
        number = self._select()
        if number is None:
            return
        panel = self.app.window.history
        alone = panel.undo_bar.isHidden()  # else Undo brings back more than this one
        say({"op": "begin", "id": number})
        self._history_action("Del").trigger()
        say({"op": "delete", "id": number})
        if alone and self.rng.random() < 0.5:
            say({"op": "begin", "id": number})
            panel.undo_delete()
            say({"op": "restore", "id": number})
        else:
            self.ids.remove(number)
        if self.app.history.ids() != sorted(self.ids, reverse=True):
            raise SystemExit("the history holds other readings than it should")

    def open(self) -> None:
        """Show an earlier reading, with its edit."""
        number = self._select()
        if number is not None:
            list_ = self.app.window.history.list
            reading = self._read(lambda: list_.activated.emit(list_.currentIndex()))
            entry = self.app.history.get(number)
            if entry is None or (reading.entry, reading.latex) != (number, entry.text):
                raise SystemExit(f"instead of reading {number} came {reading.entry}")

    def search(self) -> None:
        """Find a reading by its text."""
        number = self._select()
        entry = None if number is None else self.app.history.get(number)
        if entry is None:
            return
        panel = self.app.window.history
        words = entry.text.split()[:3]
        QTest.keyClicks(panel.search, " ".join(words))
        panel.list.setFocus()
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
        if number not in self.app.history.ids(panel.search.text()):
            raise SystemExit(f"reading {number} is not found by {words}")
        panel.search.clear()
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
        say({"op": "did", "what": "searched"})

    # the rest

    def settings(self) -> None:
        """Change settings in their dialog."""
        changed = {
            "theme": self.rng.choice(("light", "dark", "system")),
            "pause_ms": self.rng.randrange(100, 400),
            "low_confidence": self.rng.randrange(50, 99) / 100,
            "hotkey": f"Ctrl+Alt+{self.rng.choice('JKL')}" if self.screen is None else "",
        }

        def fill(dialog: QWidget) -> None:
            assert isinstance(dialog, SettingsDialog)
            for name, value in changed.items():
                write(dialog.fields[name], value)
            buttons = dialog.findChild(QDialogButtonBox)
            assert isinstance(buttons, QDialogButtonBox)
            QTest.mouseClick(buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)

        self._in_dialog(self.app.window.settings_action.trigger, fill)
        found = json.loads((self.folder / "settings.json").read_text(encoding="utf-8"))
        if any(found[name] != value for name, value in changed.items()):
            raise SystemExit(f"the settings {changed} were not saved")
        if self.screen is None and not self.app.hotkey.outcome.ok:
            raise SystemExit(f"the global key is refused: {self.app.hotkey.outcome.message}")
        say({"op": "did", "what": "settings"})

    def restart(self) -> None:
        """Close the app and start it again."""
        if self.foreign is not None:
            self.foreign.close()
            self.foreign = None
        self.program.close()
        say({"op": "did", "what": "closed"})
        self.program = Program(self.qt, self.folder, self.checkpoint, self.screen)
        if self.app.history.ids() != sorted(self.ids, reverse=True):
            raise SystemExit("the history holds other readings than before the restart")

    # helpers

    def _read(self, act: Callable[[], object]) -> Reading:
        """Do what ends in a reading; report it if it is a new one."""
        count = len(self.program.shown)
        act()
        wait(lambda: len(self.program.shown) > count or self.program.faults, "a reading")
        self.program.sound()
        reading = self.program.shown[-1]
        self._learn(reading)
        return reading

    def _learn(self, reading: Reading) -> None:
        if reading.entry is not None and reading.entry not in self.ids:
            self.ids.append(reading.entry)
            say({"op": "add", "id": reading.entry, "latex": reading.recognition.latex})

    def _open_reading(self) -> Application:
        """The app with a reading that is in the history."""
        reading = self.app.controller.reading
        if reading is None or reading.entry not in self.ids:
            self.read_file()
        return self.app

    def _change(self, act: Callable[[], object], done: Callable[[], bool] = lambda: True) -> None:
        """Do what changes the text of the reading, and wait until the history has it."""
        reading = self.app.controller.reading
        assert reading is not None
        assert reading.entry is not None
        number = reading.entry
        say({"op": "begin", "id": number})
        act()

        def kept() -> bool:
            entry = self.app.history.get(number)
            return bool(self.program.faults) or (
                done() and entry is not None and entry.text == self.app.window.result.latex()
            )

        wait(kept, "the edit in the history")
        self.program.sound()
        entry = self.app.history.get(number)
        assert entry is not None
        say({"op": "edit", "id": number, "latex": entry.edited})

    def _select(self) -> int | None:
        if not self.ids:
            return None
        number = self.rng.choice(self.ids)
        self.app.window.history.select(number)
        return number

    def _history_action(self, keys: str) -> QAction:
        found = self.app.window.history.list.actions()
        return next(action for action in found if action.shortcut() == QKeySequence(keys))

    def _in_dialog(self, act: Callable[[], object], answer: Callable[[QWidget], object]) -> None:
        """Do what opens a dialog that waits for its answer, and answer it."""
        answered: list[bool] = []

        def look() -> None:
            dialog = self.qt.activeModalWidget()
            if isinstance(dialog, QDialog) and dialog.isVisible():
                timer.stop()
                answered.append(True)
                answer(dialog)

        timer = QTimer()
        timer.timeout.connect(look)
        timer.start(20)
        act()
        timer.stop()
        if not answered:
            raise SystemExit("no dialog came")

    def _show_foreign(self) -> None:
        """On a real screen, a window with the sample."""
        if self.screen is None and self.foreign is None:
            from PySide6.QtGui import QPixmap

            label = QLabel()
            label.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.X11BypassWindowManagerHint)
            label.setPixmap(QPixmap.fromImage(self.picture))
            label.setGeometry(PLACE.x(), PLACE.y(), self.picture.width(), self.picture.height())
            label.show()
            self.foreign = label
            wait(lambda: label.windowHandle() is not None and label.windowHandle().isExposed(), "the other window")
