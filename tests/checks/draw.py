"""python -m tests.checks.draw [--data DIR] [--count 20] [--checkpoint DIR]

Draws expressions on the canvas stroke by stroke, with the pointer of an X server: ink of our own, or, with `--data`,
some of CROHME's test of 2014. Of each: does the LaTeX that shows equal what `formulens recognize --ink` gives for the
ink exported from the canvas, and how long does it take from pen-up to LaTeX (aim: a median of 500 ms, 300 of them the
pause)? Exit status 0 if all are equal. Needs Xvfb, openbox and xdotool.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import queue
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from core_model.ink import Ink, read_inkml
from core_model.recognizer import default_checkpoint
from core_model.strokes import rasterize
from tests.app.display.desktop import ROOT, Desktop, Place, end_group, wait_for
from tests.app.display.pointer import Pointer
from tests.trainer.data.pen import small_bank
from trainer.data.synth_ink import written

AIM_MS = 500.0
PATIENCE_S = 240.0
"""A machine that is busy with something else takes its time to load a model."""
MARGIN = 24
"""Pixels of the canvas around the ink."""
GLYPH = 60.0
"""Height of a small x on the canvas where there is room, in pixels."""
OWN = tuple(
    r"""
    x^{2}+y^{2}=1 | \frac{a}{b} | \sqrt{x+1} | \sum_{n=1}^{k}n | \int_{0}^{1}xdx | \alpha+\beta=\pi | a_{n+1} |
    (a+b)^{2} | \frac{1}{2}\pi | \sqrt{a^{2}+b^{2}} | e^{x} | \theta=0 | [0,1] | \frac{x+y}{3} | x_{1}-x_{2} |
    \{a,b\} | n\rightarrow\infty | y=3x+2 | \frac{\alpha}{\sqrt{2}} | \left(\begin{matrix}a&b\\c&d\end{matrix}\right)
    """.replace("\n", "")
    .replace(" ", "")
    .split("|")
)
"""What is drawn with ink of our own."""
_UNIT = 20.0  # units of that ink for a small x


@dataclass(frozen=True)
class Drawn:
    """One expression that was drawn. ``places``: where the pen passed, by stroke, in pixels of the canvas."""

    name: str
    places: tuple[tuple[Place, ...], ...]
    exported: Path
    latex: str | None
    """What the window shows."""
    milliseconds: float
    """From pen-up to LaTeX, the pause included."""
    reading: float
    """Milliseconds of it that the model took."""
    same_picture: bool
    """Whether the ink read back from the export is drawn as the picture that was read."""


def own_inks() -> list[Ink]:
    """The expressions of `OWN`, in a hand that this project made up."""
    bank = small_bank()
    inks = [written(latex, bank, np.random.default_rng(number)) for number, latex in enumerate(OWN)]
    return [Ink(ink.strokes, ink.latex, f"own-{number:02}") for number, ink in enumerate(inks)]


def crohme_inks(data: Path, count: int) -> list[Ink]:
    """Some of CROHME's test of 2014, always the same."""
    from trainer.data.crohme import read_expressions, set_path

    expressions = list(read_expressions(set_path(data, "test_2014")))
    return [one.ink for one in random.Random(2014).sample(expressions, min(count, len(expressions)))]


class Drawer:
    """The app on a desktop, drawn on from outside."""

    def __init__(self, desktop: Desktop, folder: Path, checkpoint: Path) -> None:
        self._desktop = desktop
        self._folder = folder
        self._said = folder / "said"
        with self._said.open("w") as said:
            self._process: subprocess.Popen[str] = desktop.start(
                [sys.executable, "-m", "tests.checks.drawn_app", str(folder / "data"), str(checkpoint)],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        window = wait_for(lambda: self._alive() and desktop.windows("^Formulens$", self._process.pid), "the window")[0]
        desktop.run("xdotool", "windowactivate", window)
        self._canvas = self._next("canvas")

    def draw(self, ink: Ink) -> Drawn:
        """Clear the canvas, draw, and wait until the LaTeX of all strokes is to be seen."""
        corner = self._canvas["left"], self._canvas["top"]
        places = fitted(ink, self._canvas["width"], self._canvas["height"])
        with Pointer(self._desktop.display) as pointer:
            for stroke in places:
                first, *others = ((corner[0] + x, corner[1] + y) for x, y in stroke)
                pointer.press(first)
                self._next("pen down")
                pointer.finish(others)
        read = self._next("reading", strokes=len(places))
        exported = self._folder / f"{ink.identifier}.inkml"
        assert self._process.stdin is not None
        self._process.stdin.write(f"{exported}\n")
        self._process.stdin.flush()
        self._next("saved")
        picture = rasterize(read_inkml(exported))
        same = (list(picture.shape), hashlib.sha256(picture.tobytes()).hexdigest()) == (read["shape"], read["picture"])
        self._desktop.keys("Delete")
        self._next("ink", strokes=0)
        return Drawn(ink.identifier, places, exported, read["latex"], read["milliseconds"], read["reading"], same)

    def end(self) -> None:
        """Close the app, and see that it went well."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        status = self._process.wait(timeout=PATIENCE_S)
        if status or self._said.read_text():
            raise SystemExit(f"the app ended with {status}: {self._said.read_text()}")

    def kill(self) -> None:
        """End it in whatever state it is."""
        end_group(self._process)

    def _alive(self) -> bool:
        if self._process.poll() is not None:
            raise SystemExit(f"the app is gone: {self._said.read_text()}")
        return True

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _next(self, kind: str, **wanted: object) -> dict[str, Any]:
        """The next thing of a kind that the app tells, with the values that are wanted."""
        while True:
            line = self._lines.get(timeout=PATIENCE_S)
            if not line:
                raise SystemExit(f"the app is gone: {self._said.read_text()}")
            told: dict[str, Any] = json.loads(line)
            if told["kind"] == kind and all(told[name] == value for name, value in wanted.items()):
                return told


def fitted(ink: Ink, width: int, height: int) -> tuple[tuple[Place, ...], ...]:
    """Where a pen passes to draw ink on a canvas of this size, in whole pixels; no place twice in a row."""
    left, top, right, bottom = ink.bounds or (0.0, 0.0, 0.0, 0.0)
    room = np.array((width - 2 * MARGIN, height - 2 * MARGIN))
    largest = GLYPH / _UNIT if ink.identifier.startswith("own-") else np.inf  # other units are not known
    scale = min(largest, *(room / (right - left or 1, bottom - top or 1)))
    strokes = []
    for stroke in ink.strokes:
        pixels = np.rint((stroke.points - (left, top)) * scale + MARGIN).astype(int).tolist()
        strokes.append(tuple(place for place, _ in groupby((x, y) for x, y in pixels)))
    return tuple(strokes)


def recognize(files: Sequence[Path], checkpoint: Path) -> list[str]:
    """What `formulens recognize --ink` gives for each file."""
    command = [sys.executable, "-m", "app", "recognize", "--ink", "--json", "--device", "cpu"]
    command += ["--checkpoint", str(checkpoint), *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [json.loads(line)["latex"] for line in done.stdout.splitlines()]


@contextmanager
def drawer(checkpoint: Path) -> Iterator[Drawer]:
    """The app on a desktop of its own."""
    with tempfile.TemporaryDirectory() as name:
        desktop = Desktop(Path(name))
        try:
            made = Drawer(desktop, Path(name), checkpoint)
            yield made
            made.end()
        finally:
            desktop.stop()


def main() -> int:
    """Draw, compare, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="data folder with crohme/; without it, ink of our own")
    parser.add_argument("--count", type=int, default=20, help="how many expressions")
    parser.add_argument("--checkpoint", type=Path, default=default_checkpoint(), help="another model")
    options = parser.parse_args()
    inks = own_inks()[: options.count] if options.data is None else crohme_inks(options.data, options.count)
    with drawer(options.checkpoint) as app:
        drawn = [app.draw(ink) for ink in inks]
        expected = recognize([one.exported for one in drawn], options.checkpoint)
    equal = [one.same_picture and one.latex == latex for one, latex in zip(drawn, expected, strict=True)]
    for one, latex, is_equal in zip(drawn, expected, equal, strict=True):
        print(f"{'equal' if is_equal else 'OTHER'}  {one.milliseconds:5.0f} ms  {one.name}: {one.latex}")
        if not is_equal:
            print(f"       the command gives {latex}; {'same' if one.same_picture else 'another'} picture")
    times, models = (np.array([getattr(one, name) for one in drawn]) for name in ("milliseconds", "reading"))
    median, late = float(np.median(times)), float(np.quantile(times, 0.95))
    print(f"{sum(equal)} of {len(equal)} equal what `formulens recognize --ink` gives for the exported ink")
    print(f"pen-up to LaTeX: median {median:.0f} ms, p95 {late:.0f} ms; of it the model {np.median(models):.0f} ms")
    print("aim met" if median <= AIM_MS else f"aim: median {AIM_MS:g} ms")
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
