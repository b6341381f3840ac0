"""The text of a checkpoint's CARD.md: what it is, what it was trained on, how well it reads, and what it cannot do."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core_model.errors import DataError
from trainer.evaluation_report import evaluation_tables

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

LIMITS = """\
- Printed formulas in one piece: no pages, no text around the formula. Handwriting was not trained.
- Spacing commands are not read: the model learns the skeleton, the canonical form without them.
- Symbols outside the vocabulary (`vocab.txt`) cannot be read; the nearest known one appears instead.
- Long formulas (over some 150 tokens) and large matrices are read worse than short ones.
- Renderers and fonts that training never saw are read worse; see the results on original pictures.
- The pictures behind the figures on validation and test are our own renders, and the official IM2LATEX-100K training
  split was not used: the figures do not compare directly with the literature.
"""

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
    parameters: int = 0
    vocabulary: int = 0


def model_card(facts: CardFacts) -> str:
    """The card as Markdown."""
    results = [evaluation_tables(evaluation).rstrip() for evaluation in facts.evaluations] + [
        m.rstrip() for m in facts.more
    ]
    sections = [
        f"# {facts.name}\n\nReads pictures of printed formulas as LaTeX. {facts.parameters / 1e6:.1f} million "
        f"parameters, {facts.vocabulary} tokens; weights stored as float16. Licence of the weights: MIT, as the "
        "program.",
        "## Data\n\n" + _data(facts.reports),
        "## Training\n\n" + _training(facts),
        "## Results\n\n" + ("\n\n".join(results) if results else "Not evaluated yet."),
        "## Limits\n\n" + (facts.limits or LIMITS).rstrip(),
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


def _data(reports: Sequence[dict[str, Any]]) -> str:
    prepared: dict[str, int] = {}
    renderers: dict[str, int] = {}
    for report in reports:
        for target, name in ((prepared, "prepared"), (renderers, "renderers")):
            for key, count in report.get(name, {}).items():
                target[key] = target.get(key, 0) + int(count)
    rows = []
    for source in prepared or SOURCES:
        what, licence = SOURCES.get(source, ("", "not recorded"))
        rows.append([source, what, f"{prepared[source]:,}" if source in prepared else "–", licence])
    text = _table(["List", "What", "Pictures", "Licence as known"], rows)
    if renderers:
        text += "\n\nDrawn by " + ", ".join(f"{name} ({count:,})" for name, count in sorted(renderers.items())) + "."
    return text + (
        "\n\nFormulas whose skeleton stands in the IM2LATEX-100K validation or test list, or among the sample "
        "pictures, were left out."
    )


def _training(facts: CardFacts) -> str:
    lines = []
    # The best checkpoint may be older than the last row of metrics.csv: what it says of itself comes first.
    samples = facts.extra.get("samples") or _last(facts.metrics, "samples")
    if samples:
        lines.append(f"- Samples seen: {float(samples):,.0f}")
    hours = facts.extra.get("hours") or _last(facts.metrics, "hours")
    if hours:
        lines.append(f"- Time: {float(hours):.2f} hours")
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
