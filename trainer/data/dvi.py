r"""Where TeX puts ink: a reader of DVI files that gives the box of everything that follows a mark.

A mark is ``\special{t:NUMBER}``: glyphs and rules after it belong to that number, until the next mark or the end of the
page. Sizes come from the fonts' metrics (TFM). Source of both formats: D. Fuchs, "The format of TeX's DVI files",
TUGboat 3 (2), 1982, and "TeX font metric files", TUGboat 2 (1), 1981.
"""

import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core_model.errors import DataError

UNITS_PER_INCH = 72.27 * 65536
"""DVI units, TeX's scaled points, in an inch."""
UNMARKED = -1
"""Owner of ink before the first mark of a page."""
_MOVES = ((166, "z", "v"), (161, "y", "v"), (157, "", "v"), (152, "x", "h"), (147, "w", "h"), (143, "", "h"))
"""First operation of a family of moves, the register it sets (or none), and the axis that moves."""


@dataclass(frozen=True)
class Box:
    """A rectangle, y downwards; the unit is its user's."""

    left: float
    top: float
    right: float
    bottom: float

    def union(self, other: "Box") -> "Box":
        """The smallest box around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def grown(self, share: float, least_x: float = 0.0, least_y: float = 0.0) -> "Box":
        """Add ``share`` of the size in all, half of it on either side, but at least so much on either side."""
        x = max(least_x, share / 2 * (self.right - self.left))
        y = max(least_y, share / 2 * (self.bottom - self.top))
        return Box(self.left - x, self.top - y, self.right + x, self.bottom + y)

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point lies within."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom


def read_dvi(data: bytes) -> Iterator[tuple[int, dict[int, Box]]]:
    r"""Yield (``\count0``, mark -> box in DVI units from the origin) for each page.

    Boxes are those of the font metrics with the italic correction, by which ink hangs over; rules are as they are.
    Raises ``DataError`` on virtual fonts and on what is no DVI file.
    """
    try:
        yield from _Reader(data).pages()
    except (IndexError, struct.error, KeyError) as error:
        raise DataError(f"not a complete DVI file: {error!r}") from error


class _Reader:
    """State of the machine that a DVI file drives."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.fonts: dict[int, tuple[str, int]] = {}
        self.page = 0
        self._begin()

    def _begin(self) -> None:
        self.at = dict.fromkeys("hvwxyz", 0)
        self.stack: list[dict[str, int]] = []
        self.font = -1
        self.owner = UNMARKED
        self.boxes: dict[int, Box] = {}

    def pages(self) -> Iterator[tuple[int, dict[int, Box]]]:
        while True:
            code = self._number(1, signed=False)
            if code == 248:  # what follows repeats what was said
                return
            if code == 140:
                yield self.page, self.boxes
            elif code <= 137:
                self._ink(code)
            elif code <= 142:
                self._structure(code)
            elif code <= 170:
                self._move(code)
            else:
                self._define(code)

    def _number(self, size: int, *, signed: bool = True) -> int:
        self.position += size
        if self.position > len(self.data):
            raise IndexError("it ends too early")
        return int.from_bytes(self.data[self.position - size : self.position], "big", signed=signed)

    def _ink(self, code: int) -> None:
        """Set (and advance) or put a character or a rule."""
        h, v = self.at["h"], self.at["v"]
        if code in (132, 137):
            rule_height, rule_width = self._number(4), self._number(4)
            if rule_height > 0 and rule_width > 0:
                self._add(Box(h, v - rule_height, h + rule_width, v))
            self.at["h"] += rule_width if code == 132 else 0
            return
        character = code if code < 128 else self._number((code - 128) % 5 + 1, signed=False)
        name, size = self.fonts[self.font]
        metrics = _metrics(name).get(character)
        if metrics is None:
            raise DataError(f"the font metrics of {name} have no character {character}")
        width, height, depth, italic = (side * size / 2**20 for side in metrics)
        if height + depth > 0:
            self._add(Box(h, v - height, h + width + max(0.0, italic), v + depth))
        self.at["h"] += round(width) if code < 133 else 0

    def _add(self, box: Box) -> None:
        self.boxes[self.owner] = self.boxes[self.owner].union(box) if self.owner in self.boxes else box

    def _structure(self, code: int) -> None:
        if code == 139:
            self._begin()
            self.page = self._number(4)
            self.position += 40
        elif code == 141:
            self.stack.append(dict(self.at))
        elif code == 142:
            self.at = self.stack.pop()

    def _move(self, code: int) -> None:
        first, register, axis = next(family for family in _MOVES if code >= family[0])
        if register:
            if code > first:
                self.at[register] = self._number(code - first)
            self.at[axis] += self.at[register]
        else:
            self.at[axis] += self._number(code - first + 1)

    def _define(self, code: int) -> None:
        """Choose a font, read a special, define a font, or read the preamble."""
        if code <= 234:
            self.font = code - 171
        elif code <= 238:
            self.font = self._number(code - 234, signed=False)
        elif code <= 242:
            text = self._bytes(self._number(code - 238, signed=False))
            if text.startswith(b"t:"):
                self.owner = int(text[2:])
        elif code <= 246:
            key = self._number(code - 242, signed=False)
            _, size, _ = (self._number(4) for _ in range(3))
            area, length = self._number(1, signed=False), self._number(1, signed=False)
            self.fonts[key] = (self._bytes(area + length).decode("latin-1"), size)
        elif code == 247:
            self.position += 13
            self._bytes(self._number(1, signed=False))
        else:
            raise DataError(f"not a DVI file: unknown operation {code} at byte {self.position - 1}")

    def _bytes(self, length: int) -> bytes:
        self.position += length
        return self.data[self.position - length : self.position]


@lru_cache(maxsize=64)
def _metrics(font: str) -> dict[int, tuple[int, int, int, int]]:
    """Character -> (width, height, depth, italic correction) in units of the font size / 2^20."""
    found = subprocess.run(["kpsewhich", f"{font}.tfm"], capture_output=True, text=True, check=False).stdout.strip()
    if not found:
        raise DataError(f"TeX has no metrics of the font {font}: is it installed completely?")
    data = Path(found).read_bytes()
    _, header, first, last, *counts = struct.unpack(">8H", data[:16])
    start = 24 + 4 * header
    after = start + 4 * (last - first + 1)
    dimensions: list[tuple[int, ...]] = []
    for count in counts:
        dimensions.append(struct.unpack(f">{count}i", data[after : after + 4 * count]))
        after += 4 * count
    widths, heights, depths, italics = dimensions
    table = {}
    for offset in range(last - first + 1):
        wide, high, slant = data[start + 4 * offset : start + 4 * offset + 3]
        if wide:
            table[first + offset] = (widths[wide], heights[high >> 4], depths[high & 15], italics[slant >> 2])
    return table
