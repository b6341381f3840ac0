"""`trainer export-symbols --run DIR`: the best checkpoint of a `symbol-cnn` run -> `resources/checkpoints/symbol-cnn/`.

The card says what the run and its evaluation wrote down: `config.json` of the run, what the checkpoint tells of itself,
and the JSON of `trainer evaluate-symbols`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from core_model.checkpoint import CONFIG, FILES
from core_model.config import SYMBOL_CNN
from core_model.errors import DataError
from core_model.symbol_classifier import SymbolClassifier
from core_model.symbol_net import load, save
from trainer.evaluate_symbols import figures_table, read_figures
from trainer.read_files import read_json
from trainer.trained_on import saw_crohme

__all__ = ["LIMIT_MEGABYTES", "Options", "main", "symbol_card"]

LIMIT_MEGABYTES = 3.0

DETEXIFY = "- Detexify's drawings of single symbols (kirel/detexify-next): Open Database License (ODbL)."
CROHME = """\
- Symbols cut from the training expressions of CROHME 2014 and 2019: CC BY-NC-SA 3.0, for research. Weights that were
  trained on them are for non-commercial use under the same licence, as the data; the program's code is MIT."""
BEGUN_WITH_CROHME = """\
- The encoder began as that of a model trained on CROHME's ink, CC BY-NC-SA 3.0, for research: these weights are for
  non-commercial use under the same licence; the program's code is MIT."""
NO_CROHME = "- CROHME was left out (`--no-crohme`): the weights are under the program's licence, MIT."

LIMITS = """\
- One symbol at a time, drawn as strokes. Size and place on the line are not seen: x and ×, c and C, o and 0, 1 and |
  are told apart by their shape and the course of the pen alone, so look at the first few answers.
- Commands that look the same (a Greek letter upright or slanted, text and math dagger) share their probability.
- Many commands need a package or text mode; they are named as Detexify names them."""


@dataclass(frozen=True)
class Options:
    """Put a trained symbol classifier into the box."""

    run: Path
    """Run folder of `trainer train --preset symbol-cnn`; its best/ is exported."""
    evaluation: Path | None = None
    """JSON of `trainer evaluate-symbols --out`; default: evaluation-symbols.json in the run folder, if there."""
    out: Path | None = None
    """Folder that gets symbol-cnn/; default: resources/checkpoints of this program."""


def main(options: Options) -> int:
    """Export; prints where and how large."""
    network, classifier = load(options.run / "best")
    named = options.evaluation or options.run / "evaluation-symbols.json"
    results = figures_table(read_figures(named)) if options.evaluation or named.is_file() else ""
    extra = dict(classifier.config.get("extra", {}))
    base = options.out or Path(str(resources.files("resources"))) / "checkpoints"
    target = base / SYMBOL_CNN
    card = symbol_card(
        classifier, sum(p.numel() for p in network.parameters()), read_json(options.run / CONFIG), results
    )
    save(target, network, classifier.classes, card, extra)
    size = sum((target / name).stat().st_size for name in FILES) / 1e6
    print(f"{target}: {size:.2f} MB, {len(classifier.classes)} classes")
    if size > LIMIT_MEGABYTES:
        raise DataError(f"{target} takes {size:.1f} MB, the box has room for {LIMIT_MEGABYTES:.0f}")
    return 0


def symbol_card(classifier: SymbolClassifier, parameters: int, config: dict[str, Any], results: str) -> str:
    """The card as Markdown. ``parameters``: how many; ``config``: the run's; ``results``: a table, or empty."""
    extra = classifier.config.get("extra", {})
    facts = [
        f"- Samples seen: {extra.get('samples', 0):,}, in {extra.get('hours', 0):.2f} hours on: {extra.get('device')}",
        f"- Batch {config.get('batch')}, balance {config.get('balance')}, label smoothing "
        f"{config.get('label_smoothing')}, AdamW with peak {config.get('optimizer', {}).get('peak')}, seed "
        f"{config.get('seed')}",
        "- Begun with the encoder of a formula model." if config.get("start_from") else "- Begun with random weights.",
        "- Validation: " + ", ".join(f"{name} {value:.2f}" for name, value in extra.get("validation", {}).items()),
    ]
    sections = [
        f"# {SYMBOL_CNN}\n\nNames single drawn symbols: {len(classifier.classes):,} LaTeX commands, "
        f"{parameters / 1e6:.2f} million parameters, weights stored as float16.",
        "## Data and licence\n\n" + "\n".join([DETEXIFY, _crohme(extra)]),
        "A twentieth of Detexify's drawings was kept from training, and no CROHME test ink was in it.",
        "## Training\n\n" + "\n".join(facts),
        "## Results\n\n" + (results or "Not evaluated yet."),
        "## Limits\n\n" + LIMITS,
    ]
    return "\n\n".join(sections) + "\n"


def _crohme(extra: dict[str, Any]) -> str:
    if extra.get("crohme_counts"):
        return CROHME
    return BEGUN_WITH_CROHME if saw_crohme(extra) else NO_CROHME
