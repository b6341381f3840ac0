"""What a model was trained on, as the reports of `trainer prepare` tell: print or ink, how much, and CROHME or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core_model.checkpoint import CONFIG
from trainer.read_files import read_json

__all__ = ["WITH_CROHME", "TrainedOn", "facts_of", "saw_crohme", "trained_on"]

WITH_CROHME = ", CROHME"


@dataclass(frozen=True)
class TrainedOn:
    """``pictures``: list -> how many. ``renderers``: what drew them -> how many. ``inks``: ``crohme``, ``synthetic`` or
    the name of a folder -> how many, with ``, CROHME`` behind it where ink of CROHME, be it single symbols, is or may
    be in it.
    """

    pictures: dict[str, int] = field(default_factory=dict)
    renderers: dict[str, int] = field(default_factory=dict)
    inks: dict[str, int] = field(default_factory=dict)
    inherited: bool = False
    """Whether the weights that training began with had seen CROHME."""

    @property
    def ink(self) -> bool:
        """Whether there was handwriting in it."""
        return bool(self.inks)

    @property
    def crohme(self) -> bool:
        """Whether there was ink of CROHME in it, be it single symbols."""
        return self.inherited or any(name == "crohme" or name.endswith(WITH_CROHME) for name in self.inks)

    def as_extra(self) -> dict[str, Any]:
        """What a checkpoint tells of it; nothing where nothing is known."""
        if not (self.pictures or self.inks or self.inherited):
            return {}
        kinds = [name for name, there in (("print", self.pictures), ("ink", self.inks)) if there]
        return {"trained_on": kinds, "crohme": self.crohme}


def trained_on(reports: Iterable[dict[str, Any]], begun_with: Iterable[dict[str, Any]] = ()) -> TrainedOn:
    """Sum up ``report.json`` of the prepared folders. ``begun_with``: ``extra`` of the checkpoints to start from."""
    pictures: Counter[str] = Counter()
    renderers: Counter[str] = Counter()
    inks: Counter[str] = Counter()
    for report in reports:
        prepared = {str(name): int(count) for name, count in report.get("prepared", {}).items()}
        drawn = {str(name): int(count) for name, count in report.get("renderers", {}).items()}
        if "ink" not in drawn:
            pictures.update(prepared)
            renderers.update(drawn)
            continue
        options = report.get("options", {})
        lists, sources = options.get("lists", ()), options.get("sources", {})
        # A folder of InkML is CROHME's unless --no-crohme says that it is not: its name tells nothing.
        mark = WITH_CROHME if sources.get("crohme", True) else ""
        for name, count in prepared.items():
            inks["crohme" if name == "crohme" else f"{'synthetic' if name in lists else name}{mark}"] += count
    return TrainedOn(dict(pictures), dict(renderers), dict(inks), any(saw_crohme(extra) for extra in begun_with))


def saw_crohme(extra: dict[str, Any]) -> bool:
    """Whether a checkpoint says that it, or what it began with, saw ink of CROHME."""
    return bool(extra.get("crohme") or extra.get("crohme_counts"))


def facts_of(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint tells of itself; nothing if it is there no more. Raises DataError: its config is damaged."""
    path = checkpoint / CONFIG
    return dict(read_json(path).get("extra", {})) if path.is_file() else {}
