"""A toy data set: letters drawn in a row, enough to be learned and made in milliseconds."""

from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from PIL import Image, ImageDraw

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


@pytest.fixture(scope="session")
def write_toy_shard() -> WriteToyShard:
    """The function that writes a toy data set."""
    return toy_shard
