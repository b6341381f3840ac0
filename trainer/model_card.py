"""The text of a checkpoint's CARD.md: what it is, what it was trained on, how well it reads, and what it cannot do."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core_model.errors import DataError
from trainer.crohme_overlap import Overlap
from trainer.evaluation_report import evaluation_tables
from trainer.trained_on import TrainedOn, trained_on

__all__ = ["SOURCES", "CardFacts", "model_card", "read_metrics"]

SOURCES: dict[str, tuple[str, str]] = {
    "arxiv_display": (
        "displayed formulas cut from arXiv sources (seba2390/OCR-Picture2Latex)",
        "each paper's own; formulas only",
    ),
    "arxiv_inline": (
        "inline formulas cut from arXiv sources (seba2390/OCR-Picture2Latex)",
        "each paper's own; formulas only",
    ),
    "k12": ("school mathematics (jacklee018/image-to-latex)", "none stated"),
    "im2latex_train_partial": (
        "part of the IM2LATEX-100K training formulas (harvardnlp; hoang-quoc-trung/sumen, ahsan28/im2latex)",
        "public research data set",
    ),
}
"""List name -> what it is, licence as far as it is known."""

INKS: dict[str, tuple[str, str]] = {
    "crohme": (
        "training expressions of 2014 and 2019 (vndee/offline-crohme)",
        "CC BY-NC-SA 3.0, research use",
    ),
    "synthetic": (
        "formulas of the lists, written with drawn symbols: Detexify's (kirel/detexify-next)",
        "ODbL; formulas as above",
    ),
    "synthetic, CROHME": (
        "formulas of the lists, written with drawn symbols: Detexify's (kirel/detexify-next), and some cut from "
        "CROHME's training ink",
        "ODbL and CC BY-NC-SA 3.0; formulas as above",
    ),
}
"""Kind of ink -> what it is, licence as far as it is known."""

PRINT_ONLY = "- Printed formulas in one piece: no pages, no text around the formula. Handwriting was not trained.\n"
PRINT_AND_INK = """\
- Formulas in one piece, printed or written by hand: no pages, no text around the formula.
- What a pen does not show is settled by rule: letters and brackets of handwriting come plain, whatever was meant.
"""
LIMITS = """\
- Spacing commands are not read: the model learns the skeleton, the canonical form without them.
- Symbols outside the vocabulary (`vocab.txt`) cannot be read; the nearest known one appears instead.
- Long formulas (over some 150 tokens) and large matrices are read worse than short ones.
- Renderers and fonts that training never saw are read worse; see the results on original pictures.
- The pictures behind the figures on validation and test are our own renders, and the official IM2LATEX-100K training
  split was not used: the figures do not compare directly with the literature.
"""

LICENCE = "Weights and program code: MIT."
CROHME_LICENCE = """\
The program's code is MIT; these weights are not, if one is strict. They were trained on ink of CROHME, whose licence is
CC BY-NC-SA 3.0: it asks to name the source, forbids commercial use, and wants what is made from the data to be passed
on under the same terms. Whether weights are made from the data in that sense is not settled. On the strict reading,
which is the safe one, these weights may be used and passed on for non-commercial purposes only, under CC BY-NC-SA 3.0,
with CROHME named. To make weights that never saw it: `trainer prepare --data DIR --ink synthetic --no-crohme --out
FOLDER`, then `trainer train` on that and on print."""

HIDDEN = frozenset(
    {"data", "data_summary", "out", "run", "prepared", "train_data", "validation", "val_data", "resume", "init"}
    | {"checkpoint"}
)


@dataclass(frozen=True)
class CardFacts:
    """What the card is made from. ``metrics``: rows of metrics.csv, numbers as text."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    metrics: Sequence[dict[str, str]] = ()
    reports: Sequence[dict[str, Any]] = ()
    evaluations: Sequence[dict[str, Any]] = ()
    more: Sequence[str] = ()
    limits: str | None = None
    device: str | None = None
    begun_with: Sequence[dict[str, Any]] = ()
    """What the checkpoints that the run started from tell of themselves."""
    overlap: Overlap | None = None
    """What of CROHME's training set is in its tests; None: not counted."""
    earlier: dict[str, Any] = field(default_factory=dict)
    """`samples` and `hours` of the checkpoint whose weights the run began with; empty if with fresh ones."""
    parameters: int = 0
    vocabulary: int = 0


def model_card(facts: CardFacts) -> str:
    """The card as Markdown."""
    results = [evaluation_tables(evaluation).rstrip() for evaluation in facts.evaluations] + [
        m.rstrip() for m in facts.more
    ]
    learnt = trained_on(facts.reports, facts.begun_with)
    reads = "pictures of printed formulas"
    if learnt.ink:
        reads += ", and formulas written by hand as pictures or as strokes,"
    limits = facts.limits or (PRINT_AND_INK if learnt.ink else PRINT_ONLY) + LIMITS
    sections = [
        f"# {facts.name}\n\nReads {reads} as LaTeX. {facts.parameters / 1e6:.1f} million parameters, "
        f"{facts.vocabulary} tokens; weights stored as float16.",
        "## Licence\n\n" + (CROHME_LICENCE if learnt.crohme else LICENCE),
        "## Data\n\n" + _data(learnt, facts.overlap),
        "## Training\n\n" + _training(facts),
        "## Results\n\n" + ("\n\n".join(results) if results else "Not evaluated yet."),
        "## Limits\n\n" + limits.rstrip(),
    ]
    return "\n\n".join(sections) + "\n"


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv, none if there is no such file. Raises ``DataError`` if it cannot be read."""
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _data(learnt: TrainedOn, overlap: Overlap | None) -> str:
    prepared = learnt.pictures
    rows = []
    for source in prepared or ({} if learnt.ink else SOURCES):
        what, licence = SOURCES.get(source, ("", "not recorded"))
        rows.append([source, what, f"{prepared[source]:,}" if source in prepared else "–", licence])
    parts = []
    if rows:
        parts.append(_table(["List", "What", "Pictures", "Licence as known"], rows))
    if learnt.renderers:
        parts.append("Drawn by " + ", ".join(f"{name} ({n:,})" for name, n in sorted(learnt.renderers.items())) + ".")
    if learnt.ink:
        inks = [[name.partition(",")[0], *_ink_row(name, count)] for name, count in learnt.inks.items()]
        parts.append(_table(["Ink", "What", "Expressions", "Licence as known"], inks))
    parts.append(
        "Formulas whose skeleton stands in the IM2LATEX-100K validation or test list, or among the sample pictures, "
        "were left out."
    )
    if any(name.startswith("synthetic") for name in learnt.inks):
        parts[-1] += (
            " So were, of what was written synthetically, formulas whose skeleton is that of a truth of CROHME's tests "
            "2014 and 2016 or of its validation set, test 2012."
        )
    if "crohme" in learnt.inks:
        parts.append("CROHME's training set was taken as published. " + _overlap(overlap))
    return "\n\n".join(parts)


def _ink_row(name: str, count: int) -> list[str]:
    what, licence = INKS.get(name, ("InkML of a folder", "not recorded"))
    return [what, f"{count:,}", licence]


def _overlap(overlap: Overlap | None) -> str:
    if overlap is None:
        return "How many of its formulas occur in the tests was not counted (`trainer export --data DIR`)."
    found = "; ".join(
        f"{count:,} have a formula of test {name.removeprefix('test_')}, which is that of {of_test:,} of its {tests:,} "
        "expressions"
        for name, count, of_test, tests in overlap.tests
    )
    return (
        f"Of its {overlap.training:,} expressions, by skeleton, {found}. That is other ink of the same formulas: no "
        "ink of these tests is in training."
    )


def _training(facts: CardFacts) -> str:
    lines = []
    # The best checkpoint may be older than the last row of metrics.csv: what it says of itself comes first.
    samples = facts.extra.get("samples") or _last(facts.metrics, "samples")
    if samples:
        own = float(samples)
        before = float(facts.earlier.get("samples", 0))
        told = f", {before:,.0f} of them by the checkpoint that this run began with" if before else ""
        lines.append(f"- Samples seen: {own + before:,.0f}{told}")
    hours = facts.extra.get("hours") or _last(facts.metrics, "hours")
    if hours:
        before = float(facts.earlier.get("hours", 0))
        told = f", {before:.2f} of them those of that checkpoint" if before else ""
        lines.append(f"- Time: {float(hours) + before:.2f} hours{told}")
    device = facts.device or facts.extra.get("device") or facts.config.get("device")
    if device:
        lines.append(f"- Device: {device}")
    validation = facts.extra.get("validation") or {}
    if validation:
        figures = ", ".join(f"{name} {value:.2f}" for name, value in validation.items())
        lines.append(f"- Validation during training (greedy, skeleton, held-out formulas): {figures}")
    settings = dict(_settings(facts.config))
    if settings:
        lines.append("- Settings: " + ", ".join(f"{key} {value}" for key, value in settings.items()))
    return "\n".join(lines) if lines else "Not recorded."


def _settings(config: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Plain settings of a run, nested ones with dotted names; paths stay out, they mean nothing elsewhere."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{key}.")
        elif key not in HIDDEN and value is not None and "/" not in str(value) and "\\" not in str(value):
            yield f"{prefix}{key}", str(value)


def _last(rows: Sequence[dict[str, str]], *names: str) -> str | None:
    """The last value there is in the first of these columns that has any."""
    for name in names:
        values = [row[name] for row in rows if row.get(name)]
        if values:
            return values[-1]
    return None


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]]
    return "\n".join(lines)
