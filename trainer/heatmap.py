"""``trainer heatmap --checkpoint DIR``: does the attention point at the symbol that is being read?

Formulas are set by TeX, which tells where each printing token stands (``trainer.data.glyph_boxes``). The model reads
the picture with the truth forced upon it, so that every token has its attention; the peak, in picture coordinates as
the application shows it, should lie in the token's own box, grown by half its size. What the model points at when it
reads freely is reported beside it. Writes ``heatmap.json`` and a contact sheet.
"""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.patches import Rectangle
from rapidfuzz.distance import Levenshtein
from tqdm import tqdm

from core_model.errors import DataError
from core_model.latex import skeleton
from core_model.recognizer import RecognizeOptions, Recognizer, TokenReading
from trainer.data.dvi import Box
from trainer.data.formula_grammar import example_formulas
from trainer.data.glyph_boxes import BoxedPicture, boxed_pictures
from trainer.data.sources.formula_lists import find_list, read_lines
from trainer.evaluation_sets import skeleton_of
from trainer.figures import bare, new_figure, save_figure

RESULT = "heatmap.json"
SHEET = "heatmap.png"
VALIDATION = "im2latex_val"
RULES = {
    "grown": "box grown by half its size (a quarter on each side)",
    "grown, or half a cell": "the same, but by at least half an attention cell on each side",
    "own": "box as it is",
    "doubled": "box of twice the size (half its size added on each side)",
}


@dataclass(frozen=True)
class Options:
    """Measure whether attention peaks lie in the boxes of their tokens."""

    checkpoint: Path | None = None
    """Checkpoint folder; default: the one in the box."""
    data: Path | None = None
    """Folder with the data packs: formulas are then drawn from the IM2LATEX validation list, else from a grammar."""
    count: int = 200
    """Formulas."""
    dpi: int = 200
    """Resolution of the pictures."""
    max_tokens: int = 150
    """Longest formula."""
    free: bool = True
    """Read freely as well."""
    device: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    """Where the model runs."""
    threads: int | None = None
    """Threads that read on the CPU; default: as many as there are processors."""
    seed: int = 5
    """Of the choice of formulas."""
    out: Path = Path("heatmap")
    """Folder for the results."""

    def __post_init__(self) -> None:
        problems = [
            f"--{name.replace('_', '-')} must be at least 1, not {value}"
            for name in ("count", "max_tokens", "threads")
            if (value := getattr(self, name)) is not None and value < 1
        ]
        if not 50 <= self.dpi <= 600:
            problems.append(f"--dpi must lie within 50..600, not {self.dpi}")
        if problems:
            raise ValueError("; ".join(problems))


@dataclass(frozen=True)
class Hit:
    """Where the peak of one token lies. ``cell``: the size of an attention cell in pixels of the picture."""

    token: str
    box: Box
    peak: tuple[float, float]
    cell: tuple[float, float]

    def within(self, rule: str) -> bool:
        """Tell whether the peak lies in the box by one of ``RULES``."""
        if rule == "own":
            return self.box.holds(*self.peak)
        if rule == "doubled":
            return self.box.grown(1.0).holds(*self.peak)
        half = (self.cell[0] / 2, self.cell[1] / 2) if rule == "grown, or half a cell" else (0.0, 0.0)
        return self.box.grown(0.5, *half).holds(*self.peak)


def main(options: Options) -> int:
    """Measure, print the shares, write the results."""
    started = time.monotonic()
    recognizer = Recognizer.load(options.checkpoint, options.device, options.threads)
    pictures, left_out = choose_pictures(options, set(recognizer.tokenizer.tokens))
    forced: list[list[Hit]] = []
    free: list[list[Hit]] = []
    exact = 0
    for boxed in tqdm(pictures, desc="reading", unit="formula", dynamic_ncols=True):
        forced.append(hits(boxed, read_forced(recognizer, boxed), range(len(boxed.tokens))))
        if options.free:
            reading = recognizer.recognize(boxed.picture, RecognizeOptions(token_alternatives=0)).tokens
            exact += tuple(token.text for token in reading) == boxed.tokens
            free.append(free_hits(boxed, reading))
    result = {
        "checkpoint": str(options.checkpoint.resolve().name if options.checkpoint else "in the box"),
        "device": recognizer.device,
        "formulas": {"count": len(pictures), "source": VALIDATION if options.data else "grammar", "seed": options.seed},
        "dpi": options.dpi,
        "left_out": left_out,
        "rules": RULES,
        "forced": shares(forced),
        "free": {**shares(free), "read_rightly": exact} if options.free else None,
        "minutes": round((time.monotonic() - started) / 60, 2),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / RESULT).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    contact_sheet(pictures, forced, options.out / SHEET)
    print(report(result), end="")
    print(f"\nwritten: {options.out / RESULT}, {options.out / SHEET}")
    return 0


def choose_pictures(options: Options, vocabulary: set[str]) -> tuple[list[BoxedPicture], dict[str, int]]:
    """Formulas whose every printing token has a box; also how many candidates were left out, and why.

    Raises ``DataError`` if there are too few.
    """
    left_out: Counter[str] = Counter()
    pictures: list[BoxedPicture] = []
    waiting = list(_candidates(options, vocabulary, left_out))
    while len(pictures) < options.count and waiting:
        batch, waiting = waiting[: options.count - len(pictures) + 5], waiting[options.count - len(pictures) + 5 :]
        for boxed in boxed_pictures(batch, dpi=options.dpi):
            if isinstance(boxed, str):
                left_out[boxed] += 1
            elif len(pictures) < options.count:
                pictures.append(boxed)
    if len(pictures) < options.count:
        raise DataError(
            f"only {len(pictures)} of {options.count} formulas could be set with glyph boxes: {dict(left_out)}"
        )
    return pictures, dict(left_out)


def read_forced(recognizer: Recognizer, boxed: BoxedPicture) -> tuple[TokenReading, ...]:
    """What the model says of each true token, the truth forced upon it as a prefix (empty for a blank picture)."""
    length = len(boxed.tokens)
    options = RecognizeOptions(prefix=boxed.tokens, token_alternatives=0, max_tokens=length + 1, tokens_per_cell=None)
    return recognizer.recognize(boxed.picture, options).tokens[:length]


def free_hits(boxed: BoxedPicture, reading: Sequence[TokenReading]) -> list[Hit]:
    """Hits of a free reading, of those tokens that an alignment with the truth (Levenshtein) finds in their place."""
    texts = [token.text for token in reading]
    places = [-1] * len(boxed.tokens)
    for block in Levenshtein.editops(texts, list(boxed.tokens)).as_matching_blocks():
        for step in range(block.size):
            places[block.b + step] = block.a + step
    return hits(boxed, reading, places)


def hits(boxed: BoxedPicture, reading: Sequence[TokenReading], places: Iterable[int]) -> list[Hit]:
    """Peaks beside boxes. ``places``: for each true token its index in the reading, -1 where it was not read."""
    found = []
    for index, place in enumerate(places):
        if index not in boxed.boxes or not 0 <= place < len(reading):
            continue
        token = reading[place]
        peak, prepared = token.peak(), token.prepared
        if peak is None or prepared is None:
            continue
        left, top, right, bottom = prepared.to_source_box(0, 0, token.stride, token.stride)
        found.append(Hit(boxed.tokens[index], boxed.boxes[index], peak, (right - left, bottom - top)))
    return found


def shares(formulas: Sequence[Sequence[Hit]]) -> dict[str, Any]:
    """Percent of tokens within by each rule, the mean of the formulas' shares, and the tokens that miss most often."""
    every = [hit for hit_list in formulas for hit in hit_list]
    if not every:
        return {"tokens": 0}
    by_token: dict[str, list[bool]] = defaultdict(list)
    for hit in every:
        by_token[hit.token].append(hit.within("grown"))
    misses = sorted(by_token.items(), key=lambda item: (sum(item[1]) - len(item[1]), item[0]))[:20]
    per_formula = [np.mean([hit.within("grown") for hit in hit_list]) for hit_list in formulas if hit_list]
    return {
        "tokens": len(every),
        "within": {rule: 100 * sum(hit.within(rule) for hit in every) / len(every) for rule in RULES},
        "mean_of_formulas": 100 * float(np.mean(per_formula)),
        "most_misses": {
            token: {"count": len(flags), "within": 100 * sum(flags) / len(flags)} for token, flags in misses
        },
    }


def report(result: dict[str, Any]) -> str:
    """The shares as a table in Markdown."""
    columns = {"truth forced": result["forced"], "read freely": result["free"]}
    columns = {name: figures for name, figures in columns.items() if figures and figures["tokens"]}
    formulas = result["formulas"]
    lines = [
        f"Attention peaks of {result['checkpoint']} ({result['device']}): {formulas['count']} formulas "
        f"({formulas['source']}, seed {formulas['seed']}, {result['dpi']} dpi), share of printing tokens in percent.",
        f"Left out and replaced: {sum(result['left_out'].values())}.",
        "",
        "| peak within | "
        + " | ".join(f"{name} ({figures['tokens']} tokens)" for name, figures in columns.items())
        + " |",
        "|---|" + "---|" * len(columns),
    ]
    for rule, meaning in RULES.items():
        lines.append(
            f"| {meaning} | " + " | ".join(f"{figures['within'][rule]:.1f}" for figures in columns.values()) + " |"
        )
    if "truth forced" in columns:
        most = list(columns["truth forced"]["most_misses"].items())[:8]
        lines += ["", "Most misses: " + ", ".join(f"`{t}` {f['within']:.0f} % of {f['count']}" for t, f in most)]
    return "\n".join(lines) + "\n"


def contact_sheet(
    pictures: Sequence[BoxedPicture], formulas: Sequence[Sequence[Hit]], path: Path, *, count: int = 16
) -> None:
    """Draw some formulas: boxes and peaks, green where the peak lies within the grown box, red where it does not."""
    chosen = [number for number, boxed in enumerate(pictures) if boxed.picture.shape[1] <= 1400][:count]
    chosen = chosen or list(range(min(count, len(pictures))))
    heights = [max(0.3, pictures[number].picture.shape[0] / 120) for number in chosen]
    figure = new_figure(12, sum(heights) + 0.12 * len(heights))
    grid = figure.add_gridspec(len(chosen), 1, height_ratios=heights)
    for row, number in enumerate(chosen):
        axes = bare(figure.add_subplot(grid[row]))
        picture = pictures[number].picture
        height, width = picture.shape
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
        for hit in formulas[number]:
            colour = "tab:green" if hit.within("grown") else "tab:red"
            size = hit.box.right - hit.box.left, hit.box.bottom - hit.box.top
            axes.add_patch(Rectangle((hit.box.left, hit.box.top), *size, fill=False, edgecolor=colour, linewidth=0.5))
            centre = (hit.box.left + size[0] / 2, hit.box.top + size[1] / 2)
            axes.plot([centre[0], hit.peak[0]], [centre[1], hit.peak[1]], color=colour, linewidth=0.5)
            axes.plot(*hit.peak, marker="o", markersize=2.5, color=colour)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
    save_figure(figure, path)


def _candidates(options: Options, vocabulary: set[str], left_out: Counter[str]) -> list[tuple[str, ...]]:
    """Skeletons in random order that the vocabulary can write, twice as many as wanted and some more."""
    if options.data is None:
        formulas = [tuple(skeleton(" ".join(f))) for f in example_formulas(3 * options.count + 50, options.seed)]
    else:
        lines = read_lines(find_list(options.data, VALIDATION))
        random.Random(options.seed).shuffle(lines)
        formulas = []
        for line in lines[: 6 * options.count + 100]:
            tokens = skeleton_of(line)
            if tokens is None:
                left_out["does not parse"] += 1
            else:
                formulas.append(tokens)
    found: list[tuple[str, ...]] = []
    for tokens in formulas:
        if len(found) == 2 * options.count + 20:
            break
        if not tokens or len(tokens) > options.max_tokens:
            left_out["too long or empty"] += 1
        elif not vocabulary.issuperset(tokens):
            left_out["a token outside the vocabulary"] += 1
        else:
            found.append(tokens)
    return found
