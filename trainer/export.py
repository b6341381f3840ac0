"""``trainer export --run DIR --name formulens``: the best checkpoint -> ``resources/checkpoints/<name>/``, with card.

The weights are stored as float16. The card is made from what the run and its evaluation wrote down: ``config.json`` and
``metrics.csv`` of the run, ``report.json`` of the prepared data, ``evaluation.json`` of ``trainer evaluate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from core_model.checkpoint import CONFIG, FILES
from core_model.errors import DataError
from core_model.torch_checkpoint import load, save
from trainer.crohme_overlap import count_overlap
from trainer.model_card import CardFacts, model_card, read_metrics
from trainer.read_files import read_json, read_text
from trainer.trained_on import facts_of, trained_on

__all__ = ["LIMIT_MEGABYTES", "Options", "main"]

LIMIT_MEGABYTES = 40.0  # all tracked files together must stay under 45 MiB
EVALUATIONS = ("evaluation.json", "evaluation/evaluation.json")


@dataclass(frozen=True)
class Options:
    """Put a trained model into the box."""

    run: Path
    """Run folder of trainer train; its best/ is exported."""
    name: str = "formulens"
    """Name of the checkpoint."""
    out: Path | None = None
    """Folder that gets <name>/; default: resources/checkpoints of this program."""
    checkpoint: Path | None = None
    """Another checkpoint than the run's best/."""
    evaluation: tuple[Path, ...] = ()
    """JSON of trainer evaluate; default: evaluation.json in the run folder or in its evaluation/, if there."""
    prepared: tuple[Path, ...] = ()
    """Prepared training folders whose report.json the card sums up; default: those the run's config names."""
    results: tuple[Path, ...] = ()
    """Markdown files with further results (robustness, heatmap, benchmark) to append to the card."""
    device: str | None = None
    """What the run was computed on, in words; default: what its config says."""
    limits: Path | None = None
    """Markdown file that replaces the card's section on limits."""
    data: Path | None = None
    """Data folder with ``crohme/``, if CROHME took part: the card tells how much of it has formulas of the tests."""


def main(options: Options) -> int:
    """Export; prints where and how large."""
    source = options.checkpoint or options.run / "best"
    model, tokenizer, config = load(source, "cpu")
    extra = dict(config.get("extra", {}))
    facts = gather(options, extra, parameters=sum(p.numel() for p in model.parameters()), vocabulary=len(tokenizer))
    extra |= trained_on(facts.reports, facts.begun_with).as_extra()
    base = options.out or Path(str(resources.files("resources"))) / "checkpoints"
    target = base / options.name
    card = model_card(facts)
    for name in ("samples", "hours"):  # of all training that is in the weights
        if name in extra and name in facts.earlier:
            extra[name] += facts.earlier[name]
    save(target, model, tokenizer, card, extra)
    sizes = {name: (target / name).stat().st_size / 1e6 for name in FILES}
    print(f"{target}: {sum(sizes.values()):.1f} MB ({', '.join(f'{name} {size:.2f}' for name, size in sizes.items())})")
    if sum(sizes.values()) > LIMIT_MEGABYTES:
        raise DataError(f"{target} takes {sum(sizes.values()):.1f} MB, the box has room for {LIMIT_MEGABYTES:.0f}")
    return 0


def gather(options: Options, extra: dict[str, Any], *, parameters: int, vocabulary: int) -> CardFacts:
    """Everything the card says, read from the files of the run. Raises ``DataError`` naming a file that is damaged."""
    config = read_json(options.run / CONFIG) if (options.run / CONFIG).is_file() else {}
    named = options.evaluation or tuple(p for name in EVALUATIONS if (p := options.run / name).is_file())[:1]
    folders = options.prepared or tuple(Path(str(v)) for v in folders_in(config))
    reports = [folder / "report.json" for folder in folders]
    missing = [str(path) for path in reports if not path.is_file()]
    if missing:  # the card and the licence of the weights depend on what they were trained on
        raise DataError(
            f"no report of trainer prepare: {', '.join(missing)}. Start export where training was started, or name the "
            "prepared folders with --prepared."
        )
    return CardFacts(
        name=options.name,
        config=config,
        extra=extra,
        metrics=read_metrics(options.run / "metrics.csv"),
        reports=tuple(read_json(path) for path in reports),
        evaluations=tuple(read_json(path) for path in named),
        more=tuple(read_text(path) for path in options.results),
        limits=None if options.limits is None else read_text(options.limits),
        device=options.device,
        begun_with=(extra, *_begun_with(config, "start_from", "start_encoder")),
        earlier=next(iter(_begun_with(config, "start_from")), {}),
        overlap=None if options.data is None else count_overlap(options.data),
        parameters=parameters,
        vocabulary=vocabulary,
    )


def _begun_with(config: dict[str, Any], *keys: str) -> tuple[dict[str, Any], ...]:
    """What the checkpoints that a run started from tell of themselves, as far as they are still there."""
    return tuple(facts_of(Path(str(config[key]))) for key in keys if config.get(key))


def folders_in(config: Any) -> list[str]:
    """The values of every ``data``, ``prepared`` or ``train_data`` entry of a run's config, at any depth."""
    if not isinstance(config, dict):
        return []
    found: list[str] = []
    for key, value in config.items():
        if isinstance(value, dict):
            found += folders_in(value)
        elif key in ("data", "prepared", "train_data") and value:
            found += [str(v) for v in value] if isinstance(value, list) else [str(value)]
    return found
