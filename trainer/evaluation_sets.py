"""What is evaluated: the published validation and test formulas, the original pictures of IM2LATEX-100K, CROHME's ink.

Validation and test come as labels only; their pictures are our own renders of those labels. The originals bring their
pictures along; whether the model has seen their formula in training is told by the skeleton. The sets of ink are in
`trainer.evaluate_ink`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core_model import latex
from core_model.errors import DataError, LatexError
from core_model.latex import skeleton
from trainer.data.sources.formula_lists import TRAINING_LISTS, available_lists, find_list, read_lines

__all__ = [
    "SETS",
    "EvaluationSet",
    "Item",
    "load_set",
    "printable",
    "skeleton_digests",
    "skeleton_of",
    "training_digests",
]

LABELS = {"validation": "im2latex_val", "test": "im2latex_test"}
ORIGINALS = "im2latex_original/train_validate.tar"
SETS = (*LABELS, "originals")

_CHUNK = 2000
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
_LENGTH = re.compile(r"(\\[hv]space \*? ?)\{ ([^{}]*) \}")


@dataclass(frozen=True)
class Item:
    """One formula. ``key`` is its line number or file name; ``png`` its picture, or ``draw`` what makes it; if there
    is neither, the label is rendered.

    ``truth`` is the skeleton; where the label does not parse it is the label's own tokens and ``parsed`` is false.
    ``standard``: the truth of ink in CROHME's standard tokens.
    """

    key: str
    label: str
    truth: tuple[str, ...]
    parsed: bool = True
    png: bytes | None = None
    group: str = ""
    draw: Callable[[], NDArray[np.uint8]] | None = field(default=None, repr=False, compare=False)
    standard: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, str]:
        """What the picture is drawn from: the label, or its skeleton where TeX cannot print the label as published."""
        return printable(self.label), " ".join(self.truth)


@dataclass(frozen=True)
class EvaluationSet:
    """A set by name, with the file its labels come from and what was left out of it.

    ``columns``: what predictions are compared with. Labels of originals are raw sources, and no published tokens; ink
    has ``standard`` tokens. ``whole``: whether the figures of all groups together mean something.
    """

    name: str
    label_file: str
    items: tuple[Item, ...]
    pictures: str
    left_out: int = 0
    left_out_because: str = ""
    columns: tuple[str, ...] = ("published", "skeleton")
    whole: bool = True

    @property
    def is_ink(self) -> bool:
        """Whether the items were written by hand."""
        return "standard" in self.columns

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups whose figures are reported apart, in order of appearance; empty if there are none."""
        return tuple(dict.fromkeys(item.group for item in self.items if item.group))


def load_set(
    name: str, data: Path, *, limit: int | None = None, seen: Collection[bytes] | None = None, photos: int = 50
) -> EvaluationSet:
    """Read one of ``SETS``, or of the sets of ink, below the data folder, its first ``limit`` items.

    ``seen``: digests of the training skeletons (`training_digests`), which put the originals into the groups ``seen``
    and ``unseen``. ``photos``: how many inks are photographed. Raises ``DataError`` if a file is missing or damaged, or
    the name is unknown.
    """
    if name.startswith("crohme-"):
        from trainer.evaluate_ink import load_ink_set  # that module needs the classes of this one

        return load_ink_set(name, data, limit=limit, photos=photos)
    if name == "originals":
        return _load_originals(data / ORIGINALS, limit, seen)
    if name not in LABELS:
        raise DataError(f"unknown evaluation set {name!r}: choose from {', '.join(SETS)}")
    path = find_list(data, LABELS[name])
    lines = read_lines(path)[:limit]
    items = []
    for number, line in enumerate(lines, start=1):
        truth = skeleton_of(line)
        items.append(Item(str(number), line, truth or tuple(line.split()), parsed=truth is not None))
    return EvaluationSet(name, path.name, tuple(items), "own renders: 12pt article, displaymath, 200 dpi halved")


def skeleton_of(formula: str) -> tuple[str, ...] | None:
    """The skeleton of a formula (a ``\\label`` aside), or ``None`` if it does not parse."""
    try:
        return tuple(skeleton(_LABEL.sub("", formula)))
    except LatexError:
        return None


def printable(label: str) -> str:
    """A published label as TeX must be given it: the tokenised lengths (``\\hspace { 1 c m }``) are joined again."""
    text = _LENGTH.sub(lambda match: f"{match[1]}{{{match[2].replace(' ', '')}}}", label)
    return f"{text} " if text.endswith("\\") else text  # a control space at the very end


def skeleton_digests(formulas: Iterable[str]) -> set[bytes]:
    """Eight-byte digests of the skeletons of those formulas that parse."""
    found = (skeleton_of(formula) for formula in formulas)
    return {digest(tokens) for tokens in found if tokens is not None}


def digest(tokens: Sequence[str]) -> bytes:
    """Eight bytes that stand for a token list."""
    return hashlib.sha256(" ".join(tokens).encode()).digest()[:8]


def training_digests(data: Path, cache: Path, *, workers: int = 1) -> set[bytes]:
    """Digests of the skeletons of all training formula lists below ``data``; kept in ``cache``, parsing takes minutes.

    Raises ``DataError`` if none of the lists is there.
    """
    there = set(available_lists(data))
    files = [find_list(data, name) for name in TRAINING_LISTS if name in there]
    if not files:
        raise DataError(f"no training formula list ({', '.join(TRAINING_LISTS)}) in {data}; is --data right?")
    # Other rules of the parser give other skeletons: digests made by them would call seen formulas unseen.
    rules = [file.read_bytes() for file in sorted(Path(latex.__file__).parent.glob("*.py"))]
    stamp = hashlib.sha256(repr([*((file.name, file.stat().st_size) for file in files), *rules]).encode())
    kept = cache / f"training-skeletons-{stamp.hexdigest()[:12]}.npy"
    if kept.is_file():
        return {value.tobytes() for value in np.load(kept)}
    formulas = [line for file in files for line in read_lines(file)]
    chunks = [formulas[i : i + _CHUNK] for i in range(0, len(formulas), _CHUNK)]
    digests: set[bytes] = set()
    with tqdm(total=len(formulas), desc="training skeletons", unit="formula", dynamic_ncols=True) as progress:
        if workers > 1:
            # spawn: forking a process whose libraries run threads can dead-lock
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                for part in pool.map(skeleton_digests, chunks):
                    digests |= part
                    progress.update(_CHUNK)
        else:
            for chunk in chunks:
                digests |= skeleton_digests(chunk)
                progress.update(len(chunk))
    cache.mkdir(parents=True, exist_ok=True)
    np.save(kept, np.frombuffer(b"".join(sorted(digests)), dtype=np.uint64))
    return digests


def _load_originals(path: Path, limit: int | None, seen: Collection[bytes] | None) -> EvaluationSet:
    items: list[Item] = []
    left_out = 0
    try:
        with tarfile.open(path) as tar:
            content = tar.extractfile("labels.jsonl")
            if content is None:
                raise DataError(f"{path} holds no labels.jsonl")
            entries = [json.loads(line) for line in content][:limit]
            for entry in entries:
                if entry["has_percent"]:
                    left_out += 1
                    continue
                picture = tar.extractfile(entry["image"])
                if picture is None:
                    raise DataError(f"{path} holds no picture {entry['image']}")
                truth = skeleton_of(entry["latex"])
                tokens = truth or tuple(entry["latex"].split())
                group = "" if seen is None else "seen" if digest(tokens) in seen else "unseen"
                items.append(
                    Item(
                        entry["image"],
                        entry["latex"],
                        tokens,
                        parsed=truth is not None,
                        png=picture.read(),
                        group=group,
                    )
                )
    except FileNotFoundError:
        raise DataError(f"{path} is missing: --data must name the folder that holds the data packs") from None
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise DataError(f"cannot read the original pictures {path}: {error}") from error
    return EvaluationSet(
        "originals",
        ORIGINALS,
        tuple(items),
        "original IM2LATEX-100K pictures, halved",
        left_out,
        "a bare % hides part of the label",
        ("skeleton",),
    )
