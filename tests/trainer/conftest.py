"""Toy data sets: letters in a row, printed or written by hand, enough to be learned and made in milliseconds."""

from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core_model.ink import Ink, Stroke
from trainer.data.ink_shards import write_inks
from trainer.data.shards import ShardWriter, shard_path


class WriteToyShard(Protocol):
    """See `toy_shard`."""

    def __call__(self, folder: Path, count: int, seed: int = 0, letters: str = "abcdef") -> None: ...


def toy_shard(folder: Path, count: int, seed: int = 0, letters: str = "abcdef") -> None:
    """Write ``count`` pictures of one to six of the letters."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with ShardWriter(shard_path(folder, 0)) as writer:
        for _ in range(count):
            word = [str(letter) for letter in rng.choice(list(letters), rng.integers(1, 7))]
            image = Image.new("L", (12 + 9 * len(word), 24), 255)
            draw = ImageDraw.Draw(image)
            for i, letter in enumerate(word):
                draw.text((6 + 9 * i, 6), letter, fill=0)
            writer.add(np.asarray(image), " ".join(word), "toy", {})


_SHAPES = {
    "a": ([(9, 2), (4, 0), (0, 5), (4, 10), (9, 7), (9, 1), (10, 10)],),
    "b": ([(0, -8), (0, 10), (6, 9), (8, 5), (4, 1), (0, 4)],),
    "c": ([(8, 1), (3, 0), (0, 5), (3, 10), (8, 9)],),
    "d": ([(8, -8), (8, 10)], [(8, 3), (3, 0), (0, 5), (3, 10), (8, 8)]),
    "x": ([(0, 0), (9, 10)], [(9, 0), (0, 10)]),
    "+": ([(0, 5), (9, 5)], [(5, 0), (5, 10)]),
    "=": ([(0, 3), (9, 3)], [(0, 7), (9, 7)]),
}


class WriteInk(Protocol):
    """See `toy_ink`."""

    def __call__(self, word: str, seed: int = 0, unit: float = 1.0) -> Ink: ...


class WriteInkShard(Protocol):
    """See `toy_ink_shard`."""

    def __call__(self, folder: Path, count: int, seed: int = 0, source: str = "crohme") -> None: ...


def toy_ink(word: str, seed: int = 0, unit: float = 1.0) -> Ink:
    """Letters (of abcdx+=) written by an unsteady hand, with points about one ``unit`` apart; a letter is 10 high."""
    rng = np.random.default_rng(seed)
    strokes = []
    for place, letter in enumerate(word):
        for shape in _SHAPES[letter]:
            corners = np.array(shape, np.float64) + rng.normal(0, 0.4, (len(shape), 2))
            corners[:, 0] += 14 * place
            along = np.linspace(0, len(shape) - 1, 8 * (len(shape) - 1) + 1)
            path = np.column_stack([np.interp(along, np.arange(len(shape)), corners[:, axis]) for axis in (0, 1)])
            strokes.append(Stroke(unit * path))
    return Ink(tuple(strokes), " ".join(word), f"{word}-{seed}")


def toy_ink_shard(folder: Path, count: int, seed: int = 0, source: str = "crohme") -> None:
    """Write ``count`` inks of one to five letters as one shard of a prepared folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    words = ["".join(rng.choice(list("abcdx"), rng.integers(1, 6)).tolist()) for _ in range(count)]
    rows = ((toy_ink(word, number), source, (20, 8 + 15 * len(word))) for number, word in enumerate(words))
    write_inks(shard_path(folder, 0), rows)


@pytest.fixture(scope="session")
def write_ink() -> WriteInk:
    """The function that writes letters by hand."""
    return toy_ink


@pytest.fixture(scope="session")
def write_ink_shard() -> WriteInkShard:
    """The function that writes a toy data set of ink."""
    return toy_ink_shard


@pytest.fixture(scope="session")
def write_toy_shard() -> WriteToyShard:
    """The function that writes a toy data set."""
    return toy_shard
