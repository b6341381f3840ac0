"""python -m tests.checks.selfcheck --data DIR [--count 300] [--list im2latex_val]

How well does the self-check tell right readings from wrong ones? Formulas of a list are drawn by LaTeX in several fonts
and sizes, dark on light and light on dark; these are the snips. The preview is drawn by the app, once of the right
reading and once of one with a symbol removed or added. Prints the share of readings that are flagged as a table.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app import selfcheck
from app.preview import PreviewError, rasterize, render
from app.reading import Grey
from core_model.errors import FormulensError
from core_model.latex import LatexError, canonical, prints, skeleton, tidy
from trainer.data.render.base import RenderFailure
from trainer.data.render.latex import LatexRenderer, LatexStyle, available_fonts
from trainer.data.sources.formula_lists import find_list, read_lines

FONT_PX = 40.0
SIGNS = [*"+-=<>,.|()[]/!:", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]
SIGNS += [
    "\\" + name
    for name in "alpha beta gamma delta epsilon theta lambda mu nu pi rho sigma tau phi psi omega Gamma Delta Lambda "
    "Omega partial infty nabla cdot times in to leq geq sum int pm".split()
]
STYLES = (
    LatexStyle(dpi=100),
    LatexStyle(dpi=200),
    LatexStyle(dpi=144, points=10),
    LatexStyle(font="latin-modern", dpi=120),
    LatexStyle(font="times", dpi=150),
    LatexStyle(font="palatino", dpi=180),
    LatexStyle(dpi=300, points=11),
    LatexStyle(dpi=90),
    LatexStyle(font="txfonts", dpi=220),
    LatexStyle(dpi=130),
)
AIM_RIGHT, AIM_WRONG = 0.05, 0.80


@dataclass(frozen=True)
class Case:
    """One formula. ``changed`` is the reading with one symbol more or less; ``kind`` says which."""

    latex: str
    right: str
    changed: str
    kind: str
    symbol: str


@dataclass(frozen=True)
class Outcome:
    """Whether each reading was flagged."""

    case: Case
    style: LatexStyle
    right: bool
    changed: bool
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if the aims are missed."""
    parser = argparse.ArgumentParser(description="Measure the self-check.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the formula lists")
    parser.add_argument("--count", type=int, default=300, help="readings of each kind")
    parser.add_argument("--list", default="im2latex_val", help="list of formulas")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--most-tokens", type=int, default=150, help="longest formula")
    parser.add_argument("--show", action="store_true", help="print the readings that are judged wrongly")
    options = parser.parse_args(arguments)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication

    application = QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
    assert application is not None
    try:
        lines = read_lines(find_list(options.data, options.list))
    except FormulensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    outcomes, skipped = measure(lines, options.count, options.seed, options.most_tokens)
    print(report(outcomes, skipped, options.list, options.seed))
    if options.show:
        for one in outcomes:
            if one.right:
                print(f"right, but flagged: {one.style.font} {one.style.dpi} dpi  {one.case.right}")
            if not one.changed:
                print(f"{one.case.kind} {one.case.symbol}, not flagged: {one.style.dpi} dpi  {one.case.changed}")
    right, changed = share(outcomes, "right"), share(outcomes, "changed")
    return 0 if outcomes and right <= AIM_RIGHT and changed >= AIM_WRONG else 1


def measure(lines: Sequence[str], count: int, seed: int, most_tokens: int) -> tuple[list[Outcome], Counter[str]]:
    """Judge ``count`` formulas; also how many were left out, and why."""
    chance = random.Random(seed)
    shuffled = list(lines)
    chance.shuffle(shuffled)
    skipped: Counter[str] = Counter()
    cases = make_cases(shuffled, chance, most_tokens, skipped)
    styles = [style for style in STYLES if style.font in available_fonts()]
    renderer = LatexRenderer()
    outcomes: list[Outcome] = []
    while len(outcomes) < count:
        wanted = [case for _, case in zip(range(min(100, count - len(outcomes) + 10)), cases, strict=False)]
        if not wanted:
            break
        for place, style in enumerate(styles):
            some = wanted[place :: len(styles)]
            for case, snip in zip(some, renderer.render([case.latex for case in some], style), strict=True):
                if isinstance(snip, RenderFailure):
                    skipped[f"LaTeX: {snip.kind}"] += 1
                    continue
                outcome = judge(case, style, as_screen(snip, dark=place % 3 == 1))
                if outcome is None:
                    skipped["no preview"] += 1
                else:
                    outcomes.append(outcome)
    return outcomes[:count], skipped


def make_cases(lines: Sequence[str], chance: random.Random, most_tokens: int, skipped: Counter[str]) -> Iterator[Case]:
    """Formulas with one right and one changed reading each."""
    for line in lines:
        try:
            latex, tokens = " ".join(canonical(line)), skeleton(line)
        except LatexError:
            skipped["does not parse"] += 1
            continue
        if not 3 <= len(tokens) <= most_tokens:
            skipped["too short or too long"] += 1
            continue
        change = changed(tokens, chance)
        if change is None:
            skipped["nothing to change"] += 1
            continue
        kind, symbol, other = change
        yield Case(latex, tidy(tokens), tidy(other), kind, symbol)


def changed(tokens: Sequence[str], chance: random.Random) -> tuple[str, str, list[str]] | None:
    """One symbol removed or added at random, so that the formula prints one token less or more."""
    known = set(SIGNS)
    places = [place for place, token in enumerate(tokens) if token in known]
    printed = sum(prints(token) for token in tokens)
    for _ in range(20 if places else 0):
        other, place = list(tokens), chance.choice(places)
        if chance.random() < 0.5:
            kind, symbol = "removed", other.pop(place)
        else:
            kind = "added"
            symbol = tokens[chance.choice(places)] if chance.random() < 0.5 else chance.choice(SIGNS)
            other.insert(place + chance.randint(0, 1), symbol)
        try:
            new = skeleton(other)
        except LatexError:
            continue
        if abs(sum(prints(token) for token in new) - printed) == 1:
            return kind, symbol, new
    return None


def as_screen(snip: Grey, *, dark: bool) -> Grey:
    """A margin as people leave one; the colours of a dark theme."""
    padded = np.pad(snip, 8, constant_values=255)
    return (30 + (255 - padded.astype(np.int64)) * 190 // 255).astype(np.uint8) if dark else padded


def judge(case: Case, style: LatexStyle, snip: Grey) -> Outcome | None:
    """Compare the snip with both previews; None if the app cannot draw one (then it has no check either)."""
    try:
        previews = [preview(latex) for latex in (case.right, case.changed)]
    except PreviewError:
        return None
    began = time.perf_counter()
    flags = [not selfcheck.compare(snip, picture).agrees for picture in previews]
    return Outcome(case, style, flags[0], flags[1], (time.perf_counter() - began) / 2)


def preview(latex: str) -> Grey:
    """The formula as the app draws it for the check."""
    rendered = render(latex, size=FONT_PX)
    return rasterize(rendered.svg, max(1, round(rendered.width)))


def share(outcomes: Sequence[Outcome], which: str) -> float:
    """The flagged share of the right or the changed readings."""
    return float(np.mean([getattr(one, which) for one in outcomes])) if outcomes else 0.0


def report(outcomes: Sequence[Outcome], skipped: Counter[str], name: str, seed: int) -> str:
    """The table, in Markdown."""
    lines = [
        f"Self-check over {len(outcomes)} formulas of {name} (seed {seed}); left out: {dict(skipped)}.",
        "",
        "| reading | readings | flagged | aim |",
        "|---|---|---|---|",
        f"| right | {len(outcomes)} | {100 * share(outcomes, 'right'):.1f} % | at most {100 * AIM_RIGHT:.0f} % |",
        f"| one symbol wrong | {len(outcomes)} | {100 * share(outcomes, 'changed'):.1f} % "
        f"| at least {100 * AIM_WRONG:.0f} % |",
    ]
    for kind in ("removed", "added"):
        some = [one for one in outcomes if one.case.kind == kind]
        lines.append(f"| – one {kind} | {len(some)} | {100 * share(some, 'changed'):.1f} % | |")
    small = [one for one in outcomes if one.style.dpi <= 100]
    lines.append(f"| right, at most 100 dpi | {len(small)} | {100 * share(small, 'right'):.1f} % | |")
    lines.append(f"| wrong, at most 100 dpi | {len(small)} | {100 * share(small, 'changed'):.1f} % | |")
    times = sorted(one.seconds for one in outcomes) or [0.0]
    lines += ["", f"Time for one: median {times[len(times) // 2]:.2f} s, longest {times[-1]:.2f} s."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
