"""Which symbols of one drawing of a formula has another drawing of it, in another font?

Both are given as boxes of their connected components. They are cut the way formulas are laid out (columns side by
side, rows above one another, then what a radical or a fence encloses), and the pieces are aligned by dynamic
programming. A pair may differ in size as fonts do; up to three neighbours may stand against one piece, where one side
draws touching, or in pieces, what the other draws apart or whole. What stays alone is missing on the other side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Nodes = tuple[int, ...]
"""Components by index, in ascending order."""
Pair = tuple[Nodes, Nodes]

# Tuned on formulas of the training lists in ten fonts and sizes; see tests/checks/selfcheck.py.
FREE: Final = 0.30
"""|log ratio| by which widths and heights differ between fonts."""
STEEP: Final = 3.0
"""Cost of each |log ratio| beyond that."""
SOFT: Final = 0.2
"""Cost of each |log ratio| at all: of several alignments the one with the better sizes."""
JOIN: Final = 0.3
"""Cost of each piece more than one in a group."""
TWOFOLD: Final = 0.25
GROUP: Final = 1.0
"""Cost of each |log ratio| of a group."""
PAD: Final = 0.2
"""Added to lengths before they are compared, in heights of a letter: bars differ in thickness by any ratio."""
SMALL: Final = 0.35
SMALL_WEIGHT: Final = 0.7
"""Dots and commas count less than letters: they come and go with the resolution."""

_SHAPES: Final = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
_BAND: Final = 6
_LARGEST_GROUP: Final = 10
_LARGEST_SCATTER: Final = 14
_MOST_LEFT: Final = 12
_DOUBTFUL: Final = 0.6
_MOST_FENCES: Final = 8
_BUDGET: Final = 40_000
"""Groups compared: some two seconds."""


class TooComplexError(Exception):
    """The drawings are no formulas, or too large for the search."""


class Alignment(NamedTuple):
    """What belongs together."""

    cost: float
    missing: Nodes = ()
    """Only in the first drawing."""
    surplus: Nodes = ()
    """Only in the second."""
    pairs: tuple[Pair, ...] = ()

    def plus(self, other: Alignment, more: float = 0.0) -> Alignment:
        return Alignment(
            self.cost + other.cost + more,
            self.missing + other.missing,
            self.surplus + other.surplus,
            self.pairs + other.pairs,
        )


@dataclass(frozen=True)
class Drawing:
    """The components of a drawing, lengths in heights of a letter."""

    boxes: Sequence[Box]
    weights: Sequence[float] = field(init=False)

    def __post_init__(self) -> None:
        weights = [1.0 if max(b[2] - b[0], b[3] - b[1]) > SMALL else SMALL_WEIGHT for b in self.boxes]
        object.__setattr__(self, "weights", weights)

    def box(self, nodes: Nodes) -> Box:
        return self.boxes[nodes[0]] if len(nodes) == 1 else union([self.boxes[i] for i in nodes])

    def weight(self, nodes: Nodes) -> float:
        return sum(self.weights[i] for i in nodes)

    def area(self, node: int) -> float:
        left, top, right, bottom = self.boxes[node]
        return (right - left) * (bottom - top)

    def cut(self, nodes: Nodes, axis: int) -> list[Nodes]:
        """Split where no box crosses: into columns (axis 0) or rows (axis 1)."""
        groups: list[list[int]] = []
        end = -math.inf
        for node in sorted(nodes, key=lambda i: self.boxes[i][axis]):
            if self.boxes[node][axis] >= end:
                groups.append([])
            groups[-1].append(node)
            end = max(end, self.boxes[node][axis + 2])
        return [tuple(sorted(group)) for group in groups]


def union(boxes: Sequence[Box]) -> Box:
    """The box around boxes."""
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )


def match(first: Drawing, second: Drawing) -> Alignment:
    """Align two drawings of which neither is empty.

    Raises:
        TooComplexError: it would take too long.
    """
    matcher = _Matcher(first, second)
    found = matcher.cost(tuple(range(len(first.boxes))), tuple(range(len(second.boxes))), 0)
    return _mend(matcher, found)


def _logs(x: Box, y: Box) -> tuple[float, float]:
    width = abs(math.log((x[2] - x[0] + PAD) / (y[2] - y[0] + PAD)))
    height = abs(math.log((x[3] - x[1] + PAD) / (y[3] - y[1] + PAD)))
    return width, height


def _size_cost(x: Box, y: Box) -> float:
    width, height = _logs(x, y)
    return STEEP * (max(0.0, width - FREE) + max(0.0, height - FREE)) + SOFT * (width + height)


def _size_costs(first: Sequence[Box], second: Sequence[Box]) -> list[list[float]]:
    """`_size_cost` of every component of one drawing with every one of the other [n][m]."""
    a, b = np.array(first), np.array(second)
    lengths = [np.log(boxes[:, 2:] - boxes[:, :2] + PAD) for boxes in (a, b)]
    away = np.abs(lengths[0][:, None, :] - lengths[1][None, :, :])  # [n, m, 2]
    costs: list[list[float]] = (STEEP * np.maximum(away - FREE, 0) + SOFT * away).sum(axis=2).tolist()
    return costs


class _Matcher:
    """The search; costs of groups are kept, because many alignments ask for the same."""

    def __init__(self, first: Drawing, second: Drawing) -> None:
        self.a, self.b = first, second
        self._known: dict[tuple[Nodes, Nodes, int], Alignment] = {}
        self._left = _BUDGET
        self._single = _size_costs(first.boxes, second.boxes)

    def apart(self, a: Nodes, b: Nodes) -> Alignment:
        return Alignment(self.a.weight(a) + self.b.weight(b), a, b)

    def cost(self, a: Nodes, b: Nodes, stage: int) -> Alignment:
        """Stage 0 cuts into columns, 1 into rows, 2 into what encloses and what is inside."""
        if not a or not b:
            return self.apart(a, b)
        if len(a) == len(b) == 1:
            return self.pair(a, b)
        key = (a, b, stage)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._search(a, b, stage)
        return found

    def pair(self, a: Nodes, b: Nodes) -> Alignment:
        """Two groups as one symbol each."""
        if len(a) == len(b) == 1:
            cost = self._single[a[0]][b[0]]
        else:
            # Nothing is free for a group: a comma must not vanish into the letter before it.
            x, y = self.a.box(a), self.b.box(b)
            cost = JOIN * (len(a) + len(b) - 2) + max(_size_cost(x, y), GROUP * sum(_logs(x, y)))
        alone = self.apart(a, b)
        return Alignment(cost, pairs=((a, b),)) if cost < alone.cost else alone

    def _search(self, a: Nodes, b: Nodes, stage: int) -> Alignment:
        if len(a) == 1 or len(b) == 1:
            return _better(self.pair(a, b), self._scatter(a, b))
        if stage == 2:
            return self._peel(a, b)
        ca, cb = self.a.cut(a, stage), self.b.cut(b, stage)
        if len(ca) == len(cb) == 1:
            return self.cost(a, b, stage + 1)
        found = self._align(ca, cb, stage)
        if stage == 0 and found.cost > _DOUBTFUL:
            # Lines of several formulas, or of a matrix: spaces that fonts set differently shuffle their columns.
            found = _better(found, self._fenced(ca, cb))
            ra, rb = self.a.cut(a, 1), self.b.cut(b, 1)
            if len(ra) > 1 and len(rb) > 1 and found.cost > _DOUBTFUL:
                found = _better(found, self._align(ra, rb, 1))
        return found

    def _fenced(self, ca: list[Nodes], cb: list[Nodes]) -> Alignment:
        """Split at the parentheses and braces that are as high as all the rest, and align what is between them."""
        fences_a, fences_b = self._fences(self.a, ca), self._fences(self.b, cb)
        if not fences_a or len(fences_a) != len(fences_b) or len(fences_a) > _MOST_FENCES:
            return Alignment(math.inf)
        total = Alignment(0.0)
        from_a = from_b = 0
        for to_a, to_b in zip([*fences_a, len(ca)], [*fences_b, len(cb)], strict=True):
            a = tuple(sorted(node for group in ca[from_a:to_a] for node in group))
            b = tuple(sorted(node for group in cb[from_b:to_b] for node in group))
            total = total.plus(self.cost(a, b, 0))
            if to_a < len(ca):
                total = total.plus(self.pair(ca[to_a], cb[to_b]))
            from_a, from_b = to_a + 1, to_b + 1
        return total

    @staticmethod
    def _fences(drawing: Drawing, columns: list[Nodes]) -> list[int]:
        frame = union([drawing.box(column) for column in columns])
        height = frame[3] - frame[1]
        return [
            place
            for place, column in enumerate(columns)
            if len(column) == 1 and (box := drawing.box(column))[3] - box[1] > max(0.85 * height, 1.8)
        ]

    def _align(self, ca: list[Nodes], cb: list[Nodes], stage: int) -> Alignment:
        """Two sequences of groups, side by side or one above the other."""
        n, m = len(ca), len(cb)
        wa, wb = [_alone(self.a.weight(g)) for g in ca], [_alone(self.b.weight(g)) for g in cb]
        xa, xb = [self.a.box(g) for g in ca], [self.b.box(g) for g in cb]
        band = max(_BAND, abs(n - m) + 2)
        never = Alignment(math.inf)
        table = [[never] * (m + 1) for _ in range(n + 1)]
        table[0][0] = Alignment(0.0)
        for i in range(n + 1):
            middle = i * m // n
            for j in range(max(0, middle - band), min(m, middle + band + 1) + 1):
                here = table[i][j]
                if here.cost == math.inf:
                    continue
                if i < n and here.cost + wa[i] < table[i + 1][j].cost:
                    table[i + 1][j] = here.plus(Alignment(wa[i], missing=ca[i]))
                if j < m and here.cost + wb[j] < table[i][j + 1].cost:
                    table[i][j + 1] = here.plus(Alignment(wb[j], surplus=cb[j]))
                for k, l in _SHAPES:  # noqa: E741 - k by l
                    if i + k > n or j + l > m:
                        continue
                    limit = table[i + k][j + l].cost - here.cost
                    if limit <= 0:
                        continue
                    frames = (union(xa[i : i + k]), union(xb[j : j + l]))
                    found = self._group(ca[i : i + k], cb[j : j + l], frames, stage, limit)
                    if found is not None and found.cost < limit:
                        table[i + k][j + l] = here.plus(found)
        return table[n][m]

    def _group(
        self, ga: list[Nodes], gb: list[Nodes], frames: tuple[Box, Box], stage: int, limit: float
    ) -> Alignment | None:
        """Some neighbours against some neighbours; None where that surely costs more than the limit."""
        self._left -= 1
        if self._left < 0:
            raise TooComplexError
        if len(ga) == len(gb) == 1:
            a, b = ga[0], gb[0]
            if (len(a) > 1 or len(b) > 1) and 0.3 * abs(len(a) - len(b)) > limit:
                return None
            return self.cost(a, b, 1 - stage)
        join = JOIN * (len(ga) + len(gb) - 2)
        if join >= limit or join + 0.7 * _size_cost(*frames) >= limit:
            return None
        a = tuple(sorted(node for group in ga for node in group))
        b = tuple(sorted(node for group in gb for node in group))
        if max(len(a), len(b)) > _LARGEST_GROUP:
            return None
        return self.cost(a, b, 2).plus(Alignment(join))

    def _peel(self, a: Nodes, b: Nodes) -> Alignment:
        """Nothing to cut: take off each side what encloses the rest, and go on inside."""
        best = self._scatter(a, b)
        if best.cost < 0.3:
            return best
        outer_a, outer_b = max(a, key=self.a.area), max(b, key=self.b.area)
        shell = self.pair((outer_a,), (outer_b,))
        if shell.cost >= best.cost:
            return best
        inside = self.cost(tuple(i for i in a if i != outer_a), tuple(i for i in b if i != outer_b), 0)
        return _better(best, shell.plus(inside))

    def _scatter(self, a: Nodes, b: Nodes) -> Alignment:
        """Pieces paired by size and by place within the box around them, the best pairs first."""
        if max(len(a), len(b)) > _LARGEST_SCATTER:
            return self.apart(a, b)
        xa, xb = self.a.box(a), self.b.box(b)
        wa, ha, wb, hb = (max(v, 0.1) for v in (xa[2] - xa[0], xa[3] - xa[1], xb[2] - xb[0], xb[3] - xb[1]))
        candidates = []
        for i in a:
            p = self.a.boxes[i]
            px, py = (p[0] + p[2] - 2 * xa[0]) / wa / 2, (p[1] + p[3] - 2 * xa[1]) / ha / 2
            for j in b:
                q = self.b.boxes[j]
                across = abs(px - (q[0] + q[2] - 2 * xb[0]) / wb / 2) * (wa + wb) / 2
                down = abs(py - (q[1] + q[3] - 2 * xb[1]) / hb / 2) * (ha + hb) / 2
                cost = self._single[i][j] + max(0.0, across - 0.4) + max(0.0, down - 0.4)
                if cost < self.a.weights[i] + self.b.weights[j]:
                    candidates.append((cost, i, j))
        free_a, free_b, total = set(a), set(b), 0.0
        pairs: list[Pair] = []
        for cost, i, j in sorted(candidates):
            if i in free_a and j in free_b:
                free_a.discard(i)
                free_b.discard(j)
                total += cost
                pairs.append(((i,), (j,)))
        rest = self.apart(tuple(sorted(free_a)), tuple(sorted(free_b)))
        return rest.plus(Alignment(total, pairs=tuple(pairs)))


def _alone(weight: float) -> float:
    """What it costs to leave a group alone: an i or an equals sign is one symbol, though in two pieces."""
    return weight if weight <= 1 or weight > 2 else 1 + TWOFOLD * (weight - 1)


def _better(one: Alignment, other: Alignment) -> Alignment:
    return one if one.cost <= other.cost else other


def _mend(matcher: _Matcher, found: Alignment) -> Alignment:
    """Take back what only seems to be missing: it stands elsewhere in the order, or touches its neighbour."""
    missing, surplus, pairs = list(found.missing), list(found.surplus), list(found.pairs)
    if not pairs or len(missing) + len(surplus) > _MOST_LEFT:
        return found
    a, b = matcher.a, matcher.b
    anchors = [(a.box(p), b.box(q)) for p, q in pairs]
    for i in tuple(missing):
        x, y = _counterpart(a.boxes[i], anchors)
        for j in surplus:
            q = b.boxes[j]
            near = abs((q[0] + q[2]) / 2 - x) < 1.2 and abs((q[1] + q[3]) / 2 - y) < 1.0
            if near and _size_cost(a.boxes[i], q) < 0.5:
                missing.remove(i)
                surplus.remove(j)
                pairs.append(((i,), (j,)))
                break
    for i in tuple(missing):
        if _attach(a, b, pairs, i, 0):
            missing.remove(i)
    for j in tuple(surplus):
        if _attach(b, a, pairs, j, 1):
            surplus.remove(j)
    return Alignment(found.cost, tuple(missing), tuple(surplus), tuple(pairs))


def _counterpart(box: Box, anchors: Sequence[tuple[Box, Box]]) -> tuple[float, float]:
    """Where the middle of a box of the first drawing would be in the second, by the three nearest pairs."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    near = sorted(anchors, key=lambda c: abs((c[0][0] + c[0][2]) / 2 - x) + 2 * abs((c[0][1] + c[0][3]) / 2 - y))[:3]
    across = sorted((q[0] + q[2] - p[0] - p[2]) / 2 for p, q in near)[len(near) // 2]
    down = sorted((q[1] + q[3] - p[1] - p[3]) / 2 for p, q in near)[len(near) // 2]
    return x + across, y + down


def _attach(own: Drawing, other: Drawing, pairs: list[Pair], node: int, side: int) -> bool:
    """Add a component to the pair that it makes fit; returns whether there is one."""
    best, place = 0.6, -1
    for number, pair in enumerate(pairs):
        mine, theirs = own.box(pair[side]), other.box(pair[1 - side])
        together = sum(_logs(union([mine, own.boxes[node]]), theirs))
        if together <= best and together <= sum(_logs(mine, theirs)) - 0.15:
            best, place = together, number
    if place < 0:
        return False
    first, second = pairs[place]
    pairs[place] = ((*first, node), second) if side == 0 else (first, (*second, node))
    return True
