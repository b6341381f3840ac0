"""What ziamath's layout lacks: lines in tables, and an end to its work on nested formulas.

ziamath builds its nodes by the name of the MathML element; a class registered for ``mtable`` takes the place of its
own. Each table carries its lines in two attributes that MathML does not have.

A row is laid out twice, first to learn how far its fences must stretch: with each level of nesting the work doubles,
and fifteen nested fractions would take hours. The first pass is left out where nothing stretches, and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree

from app.preview_dialect import Lines

_COLUMNS: Final = "formulens-columns"
_ROWS: Final = "formulens-rows"
_OF_THE_ROW_AROUND: Final = ("nostretch", "rowymin", "rowymax")
_THICKNESS_EM: Final = 0.04
_COLUMN_SPACING: Final = "0.75em"
"""Nearly what LaTeX has; ziamath's own is less than half of it."""
_MARGIN_EM: Final = 0.25
_APART_EM: Final = 0.1
"""From one line of a double line to the other."""


def prepare_tables(mathml: ElementTree.Element, tables: Sequence[Lines]) -> bool:
    """Write the lines of each table, and the space between columns, into the MathML.

    False: the tables there are not those that were meant, so that their lines would be lost.
    """
    found = [element for element in mathml.iter() if element.tag.endswith("mtable")]
    for element in found:
        element.attrib.setdefault("columnspacing", _COLUMN_SPACING)
    if len(found) != len(tables):
        return not any(lines.columns or lines.rows for lines in tables)
    for element, lines in zip(found, tables, strict=True):
        if lines.columns:
            element.set(_COLUMNS, " ".join(map(str, lines.columns)))
        if lines.rows:
            element.set(_ROWS, " ".join(f"{row},{first},{last}" for row, first, last in lines.rows))
    return True


@cache
def mend_ziamath() -> Callable[[], None]:
    """Change ziamath for this process; the result is to be called before each formula.

    From then on tables have lines, and the time for a formula grows with its length instead of exponentially.
    """
    _draw_lines()
    return _measure_once()


def _measure_once() -> Callable[[], None]:
    """Let rows measure themselves only if need be, and once; the result forgets what was measured."""
    from ziamath import operators
    from ziamath.nodes.mrow import Mrow

    measure = Mrow._get_height_nostretch
    heights: dict[object, tuple[float, float]] = {}

    def stretches(element: ElementTree.Element) -> bool:
        """Whether something in it stretches with the row around; what has a row of its own stretches with that."""
        if element.tag in ("mrow", "mtable"):
            return False
        if element.tag == "mo":
            if "stretchy" in element.attrib:
                return element.get("stretchy") != "false"
            known = (operators.get_params(element.text or "", form) for form in ("prefix", "infix", "postfix"))
            return any(params.get("stretchy", "false") != "false" for params in known)
        return any(stretches(child) for child in element)

    def height(row: Any, line: list[ElementTree.Element], **kwargs: Any) -> tuple[float, float]:
        if not any(stretches(child) for child in line):
            return 0.0, 0.0  # which nothing asks for
        given = sorted((name, repr(value)) for name, value in kwargs.items() if name not in _OF_THE_ROW_AROUND)
        content = b"".join(ElementTree.tostring(child) for child in line)
        key = (content, repr(row.style), row.glyphsize, tuple(given))
        if key not in heights:
            heights[key] = measure(row, line, **kwargs)
        return heights[key]

    setattr(Mrow, measure.__name__, height)
    return heights.clear


def _draw_lines() -> None:
    """Register a table with lines."""
    from ziafont.fonttypes import BBox
    from ziafont.glyph import fmt
    from ziamath.nodes.mtable import Mtable

    class LinedTable(Mtable, tag="mtable"):
        """A table whose lines run in the middle between cells, and at a margin around them."""

        lines: list[tuple[float, float, float, float]]
        """Left, top, width, height; y down from the table's baseline."""

        def _setup(self, **kwargs: Any) -> None:
            # A row that measures itself for its fences asks its parts to leave out what stretches. Handed on into
            # cells that makes bounding boxes of a thousand px where a cell holds nothing else, and fences as high.
            kwargs.pop("nostretch", None)
            super()._setup(**kwargs)
            self.lines = []
            columns = [int(column) for column in self.element.get(_COLUMNS, "").split()]
            rows = [tuple(map(int, row.split(","))) for row in self.element.get(_ROWS, "").split()]
            if columns or rows:
                self._rule(columns, rows)

        def _rule(self, columns: list[int], rows: list[tuple[int, ...]]) -> None:
            em = self.size_px("1em")
            margin, thick, apart = _MARGIN_EM * em, _THICKNESS_EM * em, _APART_EM * em
            if 0 in columns or rows:
                self.nodexy = [(x + margin, y) for x, y in self.nodexy]
            xs, ys = self._edges(margin)
            width = max(xs[-1], self.bbox.xmax)
            top, bottom = -self.bbox.ymax, -self.bbox.ymin
            if any(row == 0 for row, _, _ in rows):
                top = ys[0]
            if any(row >= len(ys) - 1 for row, _, _ in rows):
                bottom = ys[-1]
            for number, column in enumerate(columns):
                x = xs[min(column, len(xs) - 1)] + apart * columns[:number].count(column)
                self.lines.append((x - thick / 2, top, thick, bottom - top))
            for number, (row, first, last) in enumerate(rows):
                y = ys[min(row, len(ys) - 1)] + apart * rows[:number].count(rows[number])
                left = xs[min(first, len(xs) - 1)]
                right = xs[last] if 0 <= last < len(xs) else xs[-1]
                self.lines.append((left - thick / 2, y - thick / 2, right - left + thick, thick))
            right = max([x + w for x, _, w, _ in self.lines] + [width])
            lowest = max([y + h for _, y, _, h in self.lines] + [bottom])
            self.bbox = BBox(0, right, min(self.bbox.ymin, -lowest), max(self.bbox.ymax, thick / 2 - top))

        def _edges(self, margin: float) -> tuple[list[float], list[float]]:
            """Where lines run: x before each column and at the right edge, y above each row and below the last."""
            counts = [len(row) for row in self.element]
            spans: list[list[float]] = [[float("inf"), float("-inf")] for _ in range(max(counts))]
            heights: list[list[float]] = []
            places = iter(zip(self.nodexy, self.nodes, strict=True))
            for count in counts:
                top, bottom = float("inf"), float("-inf")
                for column in range(count):
                    (x, y), node = next(places)
                    spans[column][0] = min(spans[column][0], x)
                    spans[column][1] = max(spans[column][1], x + node.bbox.xmax)
                    top, bottom = min(top, y - node.bbox.ymax), max(bottom, y - node.bbox.ymin)
                heights.append([top, bottom])
            return _between(spans, margin), _between(heights, margin)

        def draw(self, x: float, y: float, svg: ElementTree.Element) -> tuple[float, float]:
            for left, top, width, height in self.lines:
                place = {"x": fmt(x + left), "y": fmt(y + top), "width": fmt(width), "height": fmt(height)}
                ElementTree.SubElement(svg, "rect", {**place, "fill": str(self.style.mathcolor)})
            return super().draw(x, y, svg)


def _between(spans: list[list[float]], margin: float) -> list[float]:
    """The middle between neighbours, and a margin beyond the first and the last."""
    inner = [(before[1] + after[0]) / 2 for before, after in pairwise(spans)]
    return [spans[0][0] - margin, *inner, spans[-1][1] + margin]
