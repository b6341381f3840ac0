"""A toy data set: letters drawn in a row, enough to be learned and made in milliseconds."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from trainer.data.shards import ShardWriter, shard_path


def write_toy_shard(folder: Path, count: int, seed: int = 0) -> None:
    """Write ``count`` pictures of one to six of the letters a to f."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with ShardWriter(shard_path(folder, 0)) as writer:
        for _ in range(count):
            letters = [str(letter) for letter in rng.choice(list("abcdef"), rng.integers(1, 7))]
            image = Image.new("L", (12 + 9 * len(letters), 24), 255)
            draw = ImageDraw.Draw(image)
            for i, letter in enumerate(letters):
                draw.text((6 + 9 * i, 6), letter, fill=0)
            writer.add(np.asarray(image), " ".join(letters), "toy", {})
