"""``trainer robustness --data DIR --checkpoint DIR``: one set of held-out formulas in many guises.

Every formula is drawn at six resolutions (200 by LaTeX, 100 by KaTeX in a browser, a renderer that training never
saw); at 200 dpi also dark, tinted, with small and large margins, and as JPEG. Prints a table in Markdown, writes
``robustness.json`` and, for every formula, what was read where (``readings.jsonl``).
"""

import io
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import platformdirs
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from core_model.errors import DataError
from core_model.pictures import to_grey
from core_model.recognizer import Recognizer
from trainer.data.plan import is_held_out, skeleton_key
from trainer.data.render.base import Grey, RenderFailure
from trainer.data.render.browser import BrowserRenderer, BrowserStyle
from trainer.data.render.latex import LatexRenderer, LatexStyle
from trainer.data.sources.formula_lists import find_list, read_lines
from trainer.evaluate import load_checkpoint
from trainer.evaluation_sets import skeleton_of
from trainer.metrics import edit_similarity
from trainer.reading import read_pictures, reading_options

RESULT = "robustness.json"
READINGS = "readings.jsonl"
RESOLUTIONS = (72, 96, 144, 200, 300, 400)
BASE_DPI = 200
THEMES: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "light": ((0, 0, 0), (255, 255, 255)),
    "dark": ((225, 228, 232), (30, 32, 38)),
    "tinted": ((70, 45, 110), (250, 236, 200)),
}
"""Name -> colours (RGB) of ink and ground."""
SOURCES: dict[str, tuple[float, bool]] = {
    "im2latex_val": (0.5, False),
    "arxiv_display": (0.25, True),
    "k12": (0.25, True),
}
"""Formula list -> its share of the formulas, and whether only the share held out by ``trainer prepare`` may be used."""

Draw = Callable[[Sequence[str], int], list[Grey | RenderFailure]]


@dataclass(frozen=True)
class Options:
    """Measure how far readings depend on resolution, colours, margins, compression and renderer."""

    data: Path
    """Folder with the data packs (formulas/)."""
    checkpoint: Path | None = None
    """Checkpoint folder; default: the one in the box."""
    formulas: int = 300
    """Formulas in all."""
    browser: int = 100
    """How many of them are drawn by KaTeX in a browser; the others by LaTeX. 0 needs no browser."""
    limit: int | None = None
    """At most so many formulas, in the same proportion: for a quick look."""
    held_out_percent: float = 1.0
    """The share that `trainer prepare` held out of the arXiv and K-12 lists."""
    beam: int = 1
    """Beam size; 1 is greedy."""
    window: int = 64
    """Pictures held in memory at a time, batched by size."""
    device: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    """Where the model runs."""
    threads: int | None = None
    """Threads that read on the CPU; default: as many as there are processors."""
    seed: int = 20
    """Of the choice of formulas."""
    cache: Path | None = None
    """Folder for KaTeX, which npm gets once if the system has none; default: the user's cache folder."""
    out: Path = Path("robustness")
    """Folder for the results."""

    def __post_init__(self) -> None:
        problems = [
            f"--{name} must be at least 1, not {value}"
            for name in ("formulas", "limit", "beam", "window", "threads")
            if (value := getattr(self, name)) is not None and value < 1
        ]
        if not 0 <= self.browser <= self.formulas:
            problems.append(f"--browser must lie within 0..{self.formulas}, not {self.browser}")
        if problems:
            raise ValueError("; ".join(problems))

    def counts(self) -> dict[str, int]:
        """Renderer -> number of formulas."""
        total = self.formulas if self.limit is None else min(self.limit, self.formulas)
        browser = round(total * self.browser / self.formulas)
        counts = {"latex": total - browser, "browser": browser}
        return {name: count for name, count in counts.items() if count}


@dataclass(frozen=True)
class Condition:
    """One guise: resolution, colours, px of ground about the ink, and JPEG quality (``None``: not compressed)."""

    name: str
    dpi: int = BASE_DPI
    theme: str = "light"
    margin: int = 10
    jpeg: int | None = None

    @property
    def guise(self) -> tuple[int, str, int, int | None]:
        """What it looks like: conditions that look alike are read once."""
        return self.dpi, self.theme, self.margin, self.jpeg


CONDITIONS: tuple[Condition, ...] = (
    *(Condition(f"{dpi} dpi", dpi=dpi) for dpi in RESOLUTIONS),
    *(Condition(theme, theme=theme) for theme in THEMES),
    *(Condition(f"margin {margin}", margin=margin) for margin in (2, 10, 40)),
    Condition("JPEG 60", jpeg=60),
)


@dataclass(frozen=True)
class Case:
    """A formula: its list, the LaTeX that is drawn, the skeleton that should be read, its renderer and pictures."""

    source: str
    latex: str
    truth: tuple[str, ...]
    renderer: str
    pictures: dict[int, Grey]
    """Resolution -> picture, dark on white, cut to the ink."""


def main(options: Options) -> int:
    """Measure, print the table, write the results."""
    started = time.monotonic()
    recognizer, account = load_checkpoint(options.checkpoint, options.device, options.threads)
    cases, left_out, katex = draw_cases(options)
    readings = read_cases(recognizer, cases, options)
    result = {
        "checkpoint": account,
        "decode": {"beam": options.beam},
        "device": recognizer.device,
        "seed": options.seed,
        "formulas": dict(Counter(f"{case.renderer} {case.source}" for case in cases)),
        "left_out": left_out,
        "katex": katex,
        "columns": [condition.name for condition in CONDITIONS],
        "groups": summarise(cases, readings),
        "minutes": round((time.monotonic() - started) / 60, 2),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / RESULT).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    with (options.out / READINGS).open("w", encoding="utf-8") as file:
        for case, reading in zip(cases, readings, strict=True):
            read = {name: " ".join(tokens) for name, tokens in reading.items()}
            line = {"source": case.source, "renderer": case.renderer, "latex": case.latex}
            file.write(json.dumps({**line, "truth": " ".join(case.truth), "read": read}) + "\n")
    print(table(result), end="")
    print(f"\nwritten: {options.out / RESULT}, {options.out / READINGS}")
    return 0


def draw_cases(options: Options) -> tuple[list[Case], dict[str, int], str | None]:
    """Choose formulas and draw them at every resolution; how many were replaced, and why; KaTeX's version.

    Raises ``DataError`` if a list is missing or too short, or a renderer is not installed.
    """
    renderers: dict[str, Draw] = {}
    katex: str | None = None
    counts = options.counts()
    if "latex" in counts:
        latex = LatexRenderer()
        renderers["latex"] = lambda formulas, dpi: latex.render(formulas, LatexStyle(dpi=dpi))
    if "browser" in counts:
        browser = BrowserRenderer(options.cache or platformdirs.user_cache_path("formulens", "formulens"))
        katex = browser.version
        renderers["browser"] = lambda formulas, dpi: browser.render(formulas, BrowserStyle(dpi=dpi))
    chosen = {source: candidates(source, options) for source in SOURCES}
    cases: list[Case] = []
    left_out: Counter[str] = Counter()
    progress = tqdm(total=sum(counts.values()), desc="drawing", unit="formula", dynamic_ncols=True)
    with progress:
        for renderer, count in counts.items():
            for source, wanted in _divide(count).items():
                found = 0
                while found < wanted:
                    pool = chosen[source][: wanted - found + 5]
                    if not pool:
                        raise DataError(f"the list {source} holds too few formulas that {renderer} can draw")
                    del chosen[source][: len(pool)]
                    drawn = [renderers[renderer]([latex for latex, _ in pool], dpi) for dpi in RESOLUTIONS]
                    for (latex_text, truth), pictures in zip(pool, zip(*drawn, strict=True), strict=True):
                        if found == wanted:
                            break
                        failures = [picture for picture in pictures if isinstance(picture, RenderFailure)]
                        if failures:
                            left_out[f"{renderer}: {failures[0].kind}"] += 1
                            continue
                        kept = {
                            dpi: p for dpi, p in zip(RESOLUTIONS, pictures, strict=True) if isinstance(p, np.ndarray)
                        }
                        cases.append(Case(source, latex_text, truth, renderer, kept))
                        found += 1
                        progress.update()
    return cases, dict(left_out), katex


def candidates(source: str, options: Options) -> list[tuple[str, tuple[str, ...]]]:
    """Formulas of a list in random order with their skeletons: enough to choose from, each skeleton once.

    Only formulas that parse (the others have no skeleton to compare with), and of the lists that training uses only
    those that ``trainer prepare`` holds out.
    """
    share, training = SOURCES[source]
    lines = read_lines(find_list(options.data, source))
    random.Random(f"{options.seed} {source}").shuffle(lines)
    enough = 20 + round(1.5 * share * sum(options.counts().values()))
    found: dict[tuple[str, ...], str] = {}
    for line in lines:
        truth = skeleton_of(line)
        if not truth or truth in found:
            continue
        if training and not is_held_out(skeleton_key(truth), options.held_out_percent):
            continue
        found[truth] = line
        if len(found) == enough:
            break
    return [(line, truth) for truth, line in found.items()]


def dress(ink: Grey, condition: Condition) -> NDArray[np.uint8]:
    """Give a picture (dark on white, cut to the ink) the looks of a condition; return it grey ``[h, w]``."""
    rows, columns = np.flatnonzero((ink < 250).any(axis=1)), np.flatnonzero((ink < 250).any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if rows.size else ink
    padded = np.pad(ink, condition.margin, constant_values=255)
    cover = (255 - padded.astype(np.float32))[..., None] / 255  # [h, w, 1], 1 = ink
    dark, ground = (np.array(colour, dtype=np.float32) for colour in THEMES[condition.theme])
    image = Image.fromarray(np.round(ground + (dark - ground) * cover).astype(np.uint8), "RGB")
    if condition.jpeg is not None:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=condition.jpeg)
        image = Image.open(buffer)
    return to_grey(image)


def read_cases(recognizer: Recognizer, cases: Sequence[Case], options: Options) -> list[dict[str, tuple[str, ...]]]:
    """What the model reads: for each case, condition -> tokens."""
    decoding = reading_options(options.beam)
    by_guise: dict[tuple[int, str, int, int | None], dict[str, tuple[str, ...]]] = {}
    guises = {condition.guise: condition for condition in CONDITIONS}
    with tqdm(total=len(cases) * len(guises), desc="reading", unit="picture", dynamic_ncols=True) as progress:
        for guise, condition in guises.items():
            sources = [(str(number), _dresser(case, condition)) for number, case in enumerate(cases)]
            by_guise[guise] = {}
            for reading in read_pictures(recognizer, sources, decoding, options.window):
                by_guise[guise][reading.key] = reading.tokens
                progress.update()
    return [
        {condition.name: by_guise[condition.guise][str(number)] for condition in CONDITIONS}
        for number in range(len(cases))
    ]


def summarise(cases: Sequence[Case], readings: Sequence[dict[str, tuple[str, ...]]]) -> dict[str, dict[str, Any]]:
    """Figures in percent by group: all, each renderer, and each list (drawn by LaTeX).

    ``steady``: of the formulas read rightly at 200 dpi the share read rightly at all six resolutions (``None`` if none
    was); ``steady_of``: how many were read rightly at 200 dpi.
    """
    groups: dict[str, list[int]] = {"all": list(range(len(cases)))}
    for number, case in enumerate(cases):
        groups.setdefault(case.renderer, []).append(number)
    for number, case in enumerate(cases):
        if case.renderer == "latex":
            groups.setdefault(f"latex, {case.source}", []).append(number)
    return {
        name: _figures([cases[i] for i in chosen], [readings[i] for i in chosen]) for name, chosen in groups.items()
    }


def table(result: dict[str, Any]) -> str:
    """The result as a table in Markdown."""
    groups: dict[str, dict[str, Any]] = result["groups"]
    decode = "greedy" if result["decode"]["beam"] == 1 else f"beam {result['decode']['beam']}"
    checkpoint = result["checkpoint"].get("name", "?")
    lines = [
        f"Robustness of {checkpoint} ({decode}, {result['device']}, seed {result['seed']}): skeleton exact match / "
        "edit similarity in percent.",
        f"Colours, margins and JPEG at {BASE_DPI} dpi; light and margin 10 px are the {BASE_DPI} dpi column itself.",
        "",
        "| | " + " | ".join(f"{name} ({figures['count']})" for name, figures in groups.items()) + " |",
        "|---|" + "---|" * len(groups),
    ]
    for column in result["columns"]:
        cells = [f"{figures['exact'][column]:.1f} / {figures['edit'][column]:.1f}" for figures in groups.values()]
        lines.append(f"| {column} | " + " | ".join(cells) + " |")
    steady = [
        "-" if figures["steady"] is None else f"{figures['steady']:.1f} of {figures['steady_of']}"
        for figures in groups.values()
    ]
    lines.append(f"| right at all six, of those right at {BASE_DPI} dpi | " + " | ".join(steady) + " |")
    return "\n".join(lines) + "\n"


def _figures(cases: Sequence[Case], readings: Sequence[dict[str, tuple[str, ...]]]) -> dict[str, Any]:
    truths = [case.truth for case in cases]
    right = {
        condition.name: [read[condition.name] == truth for read, truth in zip(readings, truths, strict=True)]
        for condition in CONDITIONS
    }
    base = right[f"{BASE_DPI} dpi"]
    steady = [all(right[f"{dpi} dpi"][number] for dpi in RESOLUTIONS) for number, fine in enumerate(base) if fine]
    return {
        "count": len(cases),
        "exact": {name: 100 * sum(flags) / len(flags) for name, flags in right.items()},
        "edit": {name: edit_similarity([read[name] for read in readings], truths) for name in right},
        "steady": 100 * sum(steady) / len(steady) if steady else None,
        "steady_of": len(steady),
    }


def _divide(count: int) -> dict[str, int]:
    """Source -> how many of ``count`` formulas come from it; the first takes what rounding leaves."""
    names = list(SOURCES)
    parts = {name: round(count * SOURCES[name][0]) for name in names[1:]}
    return {names[0]: max(0, count - sum(parts.values())), **parts}


def _dresser(case: Case, condition: Condition) -> Callable[[], NDArray[np.uint8]]:
    return lambda: dress(case.pictures[condition.dpi], condition)
