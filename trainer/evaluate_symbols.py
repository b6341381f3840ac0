"""`trainer evaluate-symbols --checkpoint DIR --data DIR`: how often `symbol-cnn` names a single symbol rightly.

Sets: the segmented symbols of CROHME test 2014 and 2016, and the twentieth of the Detexify drawings that training never
sees. CROHME knows but some hundred classes; its figures come three times: among all classes of the checkpoint; among
CROHME's; and among those with their frequency in CROHME's training set put in place of the balanced one of training.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_model.errors import DataError
from core_model.symbol_classifier import SymbolClassifier
from trainer.data.crohme import TEST_SETS
from trainer.data.symbols import SymbolSample, crohme_test_symbols, detexify_symbols

__all__ = ["Options", "Priors", "SetFigures", "evaluate", "figures_table", "main", "ranks", "read_figures"]

TOPS = (1, 3, 5)
_AT_ONCE = 256
_CONFUSIONS = 25


Scores = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Options:
    """Measure a symbol classifier."""

    data: Path
    """The folder that holds crohme/ and detexify/."""
    checkpoint: Path | None = None
    """A checkpoint folder; default: the one in the box."""
    out: Path | None = None
    """Write the figures there as JSON; `trainer export-symbols` puts them on the card."""
    sets: tuple[str, ...] = (*TEST_SETS, "detexify")
    """Sets to read: test_2014, test_2016, test_2012 of CROHME, detexify."""
    limit: int = 0
    """Only so many symbols of each set; 0: all."""


@dataclass(frozen=True)
class SetFigures:
    """Figures of one set among one choice of classes: shares in percent."""

    name: str
    among: str
    count: int
    classes: int
    top: dict[str, float]
    """``1``, ``3``, ``5`` -> how often the truth is among the first so many."""
    confusions: tuple[tuple[str, str, int], ...] = ()
    """Truth, answer, how often; the most frequent ones."""


class Priors:
    """How often classes occur in CROHME's training set, against how often training drew them."""

    def __init__(self, extra: dict[str, Any], classes: Sequence[str]) -> None:
        crohme, drawn = extra.get("crohme_counts", {}), extra.get("drawn", {})
        self.known = [place for place, name in enumerate(classes) if crohme.get(name, 0) > 0]
        """The places of CROHME's classes."""
        counts = np.array([crohme[classes[place]] for place in self.known], np.float32)
        shares = np.array([drawn.get(classes[place], 0.0) for place in self.known], np.float32).clip(min=1e-9)
        self.shift = np.log(counts / counts.sum()) - np.log(shares / shares.sum()) if self.known else counts
        """To be added to the scores of those classes."""

    def among_crohme(self, scores: Scores, *, weighted: bool) -> Scores:
        """Scores [n, classes] with all classes but CROHME's out of the question."""
        restricted = np.full_like(scores, -np.inf)
        restricted[:, self.known] = scores[:, self.known] + (self.shift if weighted else 0)
        return restricted


def main(options: Options) -> int:
    """Evaluate, print the table and the confusions."""
    if options.out is not None and options.out.is_dir():
        raise DataError(f"{options.out} is a folder; --out names the JSON file to write")
    classifier = SymbolClassifier.load(options.checkpoint)
    figures: list[SetFigures] = []
    for name in options.sets:
        if name == "detexify":
            samples = [one for one in detexify_symbols(options.data) if one.part == "test"]
        else:
            samples = list(crohme_test_symbols(options.data, name))
        figures += evaluate(name, classifier, samples[: options.limit or None])
    if options.out is not None:  # before the table, whose reader may go away
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps([asdict(one) for one in figures], indent=2) + "\n", encoding="utf-8")
    print(figures_table(figures))
    for one in figures:
        if one.confusions:
            print(f"\nMost frequent confusions of {one.name}, {one.among} (truth, answer, times)")
            print("  ".join(f"{truth} {answer} {count}" for truth, answer, count in one.confusions))
    return 0


def evaluate(name: str, classifier: SymbolClassifier, samples: Sequence[SymbolSample]) -> list[SetFigures]:
    """The figures of one set. Raises DataError if there is nothing to measure."""
    if not samples:
        raise DataError(f"the set {name} has no symbols")
    places = {latex: place for place, latex in enumerate(classifier.classes)}
    truths = np.array([places.get(one.ink.latex, -1) for one in samples])
    chunks = [samples[start : start + _AT_ONCE] for start in range(0, len(samples), _AT_ONCE)]
    scores = np.concatenate([classifier.scores([one.ink for one in chunk]) for chunk in chunks])
    everything = _figures(name, "all classes", scores, truths, classifier.classes)
    if name == "detexify":
        return [everything]
    priors = Priors(classifier.config.get("extra", {}), classifier.classes)
    if not priors.known:
        return [everything]
    count = len(priors.known)
    return [
        everything,
        *(
            _figures(name, among, priors.among_crohme(scores, weighted=weighted), truths, classifier.classes, count)
            for among, weighted in (("CROHME's classes", False), ("CROHME's classes, as frequent as there", True))
        ),
    ]


def ranks(scores: Scores, truths: Places) -> Places:
    """How many classes score higher than the truth [n]; all of them where the truth (-1) is no class."""
    right = np.take_along_axis(scores, truths.clip(min=0)[:, None], 1)
    above = (scores > right).sum(axis=1)
    return np.where(truths >= 0, above, scores.shape[1])


def figures_table(figures: Iterable[SetFigures]) -> str:
    """The figures as a Markdown table."""
    lines = ["| Set | Among | Symbols | Classes | Top-1 | Top-3 | Top-5 |", "|---|---|---|---|---|---|---|"]
    for one in figures:
        tops = " | ".join(f"{one.top[str(top)]:.2f}" for top in TOPS)
        lines.append(f"| {one.name} | {one.among} | {one.count:,} | {one.classes:,} | {tops} |")
    return "\n".join(lines)


def read_figures(path: Path) -> list[SetFigures]:
    """The figures that `main` wrote. Raises DataError naming the file."""
    try:
        return [SetFigures(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} holds no figures of trainer evaluate-symbols ({error}); run that again.") from error


def _figures(
    name: str, among: str, scores: Scores, truths: Places, classes: Sequence[str], count: int | None = None
) -> SetFigures:
    rank = ranks(scores, truths)
    answers = scores.argmax(axis=1).tolist()
    wrong = Counter(
        (classes[truth] if truth >= 0 else "?", classes[answer])
        for truth, answer, place in zip(truths.tolist(), answers, rank.tolist(), strict=True)
        if place > 0
    )
    return SetFigures(
        name,
        among,
        len(truths),
        count or len(classes),
        {str(top): 100 * float((rank < top).mean()) for top in TOPS},
        tuple((truth, answer, times) for (truth, answer), times in wrong.most_common(_CONFUSIONS)),
    )
