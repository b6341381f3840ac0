"""What a model was trained on, as the reports of `trainer prepare` tell: print or ink, how much, and CROHME or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["TrainedOn", "trained_on"]


@dataclass(frozen=True)
class TrainedOn:
    """``pictures``: list -> how many. ``renderers``: what drew them -> how many. ``inks``: ``crohme``, ``synthetic``,
    ``synthetic, CROHME`` (with symbols cut from its ink) or the name of a folder -> how many.
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
        return self.inherited or bool({"crohme", "synthetic, CROHME"} & set(self.inks))

    def as_extra(self) -> dict[str, Any]:
        """What a checkpoint tells of it; nothing where no report is known."""
        if not self.pictures and not self.inks:
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
        written = "synthetic, CROHME" if sources.get("crohme", True) else "synthetic"
        for name, count in prepared.items():
            inks[written if name in lists else name] += count
    inherited = any(extra.get("crohme") or extra.get("crohme_counts") for extra in begun_with)
    return TrainedOn(dict(pictures), dict(renderers), dict(inks), inherited)
