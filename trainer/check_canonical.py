"""``trainer check-canonical --data DIR``: does the canonical form keep the picture?

Formulas are drawn by LaTeX as written and in canonical form and the two pictures compared; canonical form and skeleton
are applied twice to see that they are idempotent. Only formulas that render as written count for the pictures.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core_model.errors import LatexError
from core_model.latex import canonical, skeleton
from trainer.data.render.base import Grey, RenderFailure
from trainer.data.render.latex import LatexRenderer, LatexStyle
from trainer.data.sources.formula_lists import find_list, read_lines

SHIFT = 2
_ARXIV = ("arxiv_display", "arxiv_inline")
_DARK = 128


@dataclass(frozen=True)
class Options:
    """Measure whether the canonical form keeps the picture, over arXiv formulas and published validation labels."""

    data: Path
    """Folder with the data packs."""
    arxiv: int = 2000
    """arXiv formulas, half of them displayed, half inline."""
    labels: int = 2000
    """Published validation labels of IM2LATEX; 0 for all of them."""
    dpi: int = 100
    """Resolution of the pictures."""
    seed: int = 2
    """Of the choice of formulas."""
    aim: float = 99.5
    """Percent of the rendered formulas that must keep their picture; below it the exit status is 1."""
    show: int = 50
    """At most this many failing formulas are listed for each set."""

    def __post_init__(self) -> None:
        problems = [
            f"--{name} must be at least {least}, not {getattr(self, name)}"
            for name, least in (("arxiv", 2), ("labels", 0), ("dpi", 50), ("show", 0))
            if getattr(self, name) < least
        ]
        if not 0 <= self.aim <= 100:
            problems.append(f"--aim must lie within 0..100, not {self.aim}")
        if problems:
            raise ValueError("; ".join(problems))


@dataclass(frozen=True)
class Failure:
    """A formula that does not do as it should.

    ``kind``: ``picture``, ``canonical does not render``, ``not idempotent`` or ``does not parse``; ``detail``: the
    canonical form or the message.
    """

    kind: str
    latex: str
    detail: str


@dataclass(frozen=True)
class Outcome:
    """One set of formulas.

    ``rendered``: drawn by LaTeX as written, and parsed by us; ``kept``: of these, same picture (``same_picture``);
    ``exact``: of these, equal pixel for pixel.
    """

    name: str
    count: int
    parsed: int
    idempotent: int
    rendered: int
    kept: int
    exact: int
    failures: tuple[Failure, ...]


def same_picture(first: Grey, second: Grey, shift: int = SHIFT) -> bool:
    """Whether two grey pictures show the same ink, where any part of it may lie up to ``shift`` pixels elsewhere.

    The pictures, cropped to their ink, differ in size by no more than ``shift``, and each dark pixel of one has a dark
    one within ``shift`` rows and columns in the other. Moving the whole rigidly would be too strict: dvipng rounds the
    place of each box by itself, so that one pair of braces less can move a part of the formula by a pixel.
    """
    return _covered(first, second, shift) and _covered(second, first, shift)


def percent(part: int, whole: int) -> float:
    """A share in percent; 0 of nothing."""
    return 100 * part / whole if whole else 0.0


def rigidly_equal(first: Grey, second: Grey) -> bool:
    """Whether two pictures, cropped to their ink, are equal pixel for pixel."""
    return bool(np.array_equal(_ink(first), _ink(second)))


def _ink(picture: Grey) -> NDArray[np.bool_]:
    dark = picture < _DARK
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if rows.size else dark[:0, :0]


def _covered(first: Grey, second: Grey, shift: int) -> bool:
    """Whether the dark of ``first`` lies within the dark of ``second`` thickened by ``shift``."""
    inner, outer = _ink(first), _ink(second)
    if abs(inner.shape[0] - outer.shape[0]) > shift or abs(inner.shape[1] - outer.shape[1]) > shift:
        return False
    height, width = max(inner.shape[0], outer.shape[0]), max(inner.shape[1], outer.shape[1])
    thick = np.zeros((height + 2 * shift, width + 2 * shift), dtype=np.bool_)
    for down in range(2 * shift + 1):
        for right in range(2 * shift + 1):
            thick[down : down + outer.shape[0], right : right + outer.shape[1]] |= outer
    covered = thick[shift : shift + inner.shape[0], shift : shift + inner.shape[1]]
    return not bool((inner & ~covered).any())


def check(name: str, formulas: Sequence[str], dpi: int) -> Outcome:
    """Check one set of formulas."""
    failures: list[Failure] = []
    written: list[str] = []
    settled: list[str] = []
    idempotent = 0
    for latex in formulas:
        try:
            tokens = canonical(latex)
        except LatexError as error:
            failures.append(Failure("does not parse", latex, str(error)))
            continue
        text = " ".join(tokens)
        fault = idempotence_fault(latex, tokens)
        if fault:
            failures.append(Failure("not idempotent", latex, fault))
        else:
            idempotent += 1
        written.append(latex)
        settled.append(text)
    renderer = LatexRenderer()
    style = LatexStyle(dpi=dpi)
    rendered = kept = exact = 0
    step = 200
    for start in tqdm(range(0, len(written), step), desc=name, disable=None, leave=False):
        before = written[start : start + step]
        after = settled[start : start + step]
        pictures = renderer.render([_shut(latex) for latex in (*before, *after)], style)
        for index, latex in enumerate(before):
            first, second = pictures[index], pictures[len(before) + index]
            if isinstance(first, RenderFailure):
                continue
            rendered += 1
            if isinstance(second, RenderFailure):
                # A bad neighbour in the batch can take others with it.
                second = renderer.render([_shut(after[index])], style)[0]
            if isinstance(second, RenderFailure):
                failures.append(Failure("canonical does not render", latex, f"{after[index]}  ({second.detail})"))
            elif rigidly_equal(first, second):
                exact += 1
                kept += 1
            elif same_picture(first, second):
                kept += 1
            else:
                failures.append(Failure("picture", latex, after[index]))
    return Outcome(name, len(formulas), len(written), idempotent, rendered, kept, exact, tuple(failures))


def _shut(latex: str) -> str:
    """The formula in braces: the renderer's \\displaystyle would not reach beyond a bare \\over, as \\[ \\] does."""
    return f"{{{latex}}}"


def idempotence_fault(latex: str, tokens: list[str]) -> str:
    """What changes when canonical form and skeleton are taken again; "" if nothing does."""
    text = " ".join(tokens)
    bones = skeleton(latex)
    try:
        if canonical(text) != tokens:
            return f"canonical: {text}"
        if skeleton(" ".join(bones)) != bones:
            return f"skeleton: {' '.join(bones)}"
        if skeleton(text) != bones:
            return f"skeleton of the canonical form: {text}"
    except LatexError as error:
        return f"{error}: {text}"
    return ""


def choose(data: Path, options: Options) -> dict[str, list[str]]:
    """The formulas to check, by name of the set."""
    rng = random.Random(options.seed)
    sets: dict[str, list[str]] = {}
    for name in _ARXIV:
        lines = [line for line in read_lines(find_list(data, name)) if line.strip()]
        sets[name] = rng.sample(lines, min(options.arxiv // 2, len(lines)))
    lines = [line for line in read_lines(find_list(data, "im2latex_val")) if line.strip()]
    sets["im2latex_val"] = lines if options.labels == 0 else rng.sample(lines, min(options.labels, len(lines)))
    return sets


def main(options: Options) -> int:
    """Print a table and the failing formulas; 1 if a set misses the aim or something is not idempotent."""
    outcomes = [check(name, formulas, options.dpi) for name, formulas in choose(options.data, options).items()]
    for outcome in outcomes:
        listed = outcome.failures[: options.show]
        for failure in listed:
            print(f"{outcome.name}: {failure.kind}\n    {failure.latex}\n    {failure.detail}")
        if len(listed) < len(outcome.failures):
            print(f"{outcome.name}: {len(outcome.failures) - len(listed)} more")
    columns = "".join(f"{name:>11}" for name in ("formulas", "parse", "idempotent", "render"))
    print(f"\n{'set':<16}{columns}{'same picture':>16}{'equal pixels':>16}")
    good = True
    for outcome in outcomes:
        print(
            f"{outcome.name:<16}{outcome.count:>11}{outcome.parsed:>11}{outcome.idempotent:>11}{outcome.rendered:>11}"
            f"{outcome.kept:>8}{percent(outcome.kept, outcome.rendered):>7.2f}%"
            f"{outcome.exact:>8}{percent(outcome.exact, outcome.rendered):>7.2f}%"
        )
        good = good and outcome.idempotent == outcome.parsed and percent(outcome.kept, outcome.rendered) >= options.aim
    print(f"pictures at {options.dpi} dpi, the same up to {SHIFT} px; aim {options.aim}%")
    return 0 if good else 1
