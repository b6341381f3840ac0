"""Prepared shards as training examples: picture tensors and token ids.

Everything but pictures and ink is held in flat arrays; a picture is decoded and augmented when its batch is made (ink
is augmented as strokes before it is drawn), from a random generator that depends on the seed, the round and the item
only, so that batches do not depend on who makes them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_model.errors import DataError, LatexError
from core_model.latex import skeleton_of_canonical
from core_model.preprocessing import to_batch
from core_model.tokenizer import Tokenizer
from trainer.data.augment import AugmentOptions, augment
from trainer.data.batching import BatchOptions, Mix, Position, Sizes, stream
from trainer.data.drawn_ink import INK_HEADROOM, InkDrawing, clean_picture, is_packed_ink, pack_inks, varied_picture
from trainer.data.ink_shards import holds_ink
from trainer.data.shards import HEADROOM, decode_png, read_table


@dataclass(frozen=True)
class Batch:
    """A batch, or one process's share of it.

    images float32 [b, 1, h, w], sizes int64 [b, 2]; inputs and targets int64 [b, t]: <bos> + tokens and tokens + <eos>,
    both padded. ``weight`` is 0 if the share is empty and a stand-in fills it. ``target_count``: targets of the whole
    batch over all processes; ``samples``: its pictures.
    """

    position: Position
    images: Tensor
    sizes: Tensor
    inputs: Tensor
    targets: Tensor
    weight: float
    target_count: int
    samples: int

    def pin_memory(self) -> "Batch":
        """The batch in page-locked memory, from which CUDA copies without waiting; ``DataLoader`` calls this."""
        tensors = {name: getattr(self, name).pin_memory() for name in ("images", "sizes", "inputs", "targets")}
        return replace(self, **tensors)


@dataclass(frozen=True)
class Examples:
    """All usable pictures and inks of some prepared folders."""

    images: pa.ChunkedArray
    """PNG bytes of all pictures that were read; ink as `trainer.data.drawn_ink` packs it."""
    rows: NDArray[np.int64]
    """Where each item's picture stands in ``images``: Arrow cannot select among more than 2 GB of them."""
    tokens: list[list[str]]
    """Skeletons."""
    sizes: Sizes
    sources: list[str]
    published: list[str]
    """Canonical LaTeX with spacing, as stored."""
    folders: list[str]
    """Names of the folders that they come from."""
    ink: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tokens)

    def picture(self, item: int) -> NDArray[np.uint8]:
        """The item's picture as stored, uint8 [h, w], or its ink drawn; of the size `headroom`."""
        stored = self.images[int(self.rows[item])].as_py()
        return clean_picture(stored) if is_packed_ink(stored) else decode_png(stored)

    def headroom(self, item: int) -> float:
        """Size of the item's picture, relative to nominal."""
        return INK_HEADROOM if self.ink[item] else HEADROOM

    def select(self, items: Sequence[int] | NDArray[np.int64]) -> "Examples":
        """The given items, in that order."""
        index = np.asarray(items, dtype=np.int64)
        sizes = Sizes(self.sizes.tokens[index], self.sizes.heights[index], self.sizes.widths[index])
        return Examples(
            self.images,
            self.rows[index],
            [self.tokens[i] for i in index],
            sizes,
            [self.sources[i] for i in index],
            [self.published[i] for i in index],
            [self.folders[i] for i in index],
            self.ink[index],
        )


def read_examples(folders: Iterable[Path], max_tokens: int, max_pixels: int) -> Examples:
    """Read prepared folders of pictures or ink; formulas over ``max_tokens`` and pictures over ``max_pixels`` are left
    out.

    Raises ``DataError`` for a missing or damaged folder, or if nothing is left.
    """
    folders = list(folders)
    tables = [_read_folder(folder) for folder in folders]
    table = pa.concat_tables(tables)
    latex = table["latex"].to_pylist()
    tokens = [_skeleton(text) for text in latex]
    lengths = np.array([len(t) for t in tokens], np.int32)
    heights = table["height"].to_numpy().astype(np.int32)
    widths = table["width"].to_numpy().astype(np.int32)
    kept = np.flatnonzero((lengths > 0) & (lengths <= max_tokens) & (heights * widths <= max_pixels))
    if not len(kept):
        raise DataError(
            f"nothing usable in {', '.join(map(str, folders))}: {len(latex)} formulas, all too long or large"
        )
    counts = [len(one) for one in tables]
    names = [name for folder, count in zip(folders, counts, strict=True) for name in [folder.resolve().name] * count]
    ink = np.repeat([holds_ink(folder) for folder in folders], counts)
    sizes, rows = Sizes(lengths, heights, widths), np.arange(len(latex))
    everything = Examples(table["image"], rows, tokens, sizes, table["source"].to_pylist(), latex, names, ink)
    return everything if len(kept) == len(latex) else everything.select(kept)


def _read_folder(folder: Path) -> pa.Table:
    """A folder with its pictures, or its packed ink, in the column ``image``."""
    columns = ["latex", "source", "height", "width"]
    if not holds_ink(folder):
        return read_table(folder, ["image", *columns])
    table = read_table(folder, ["points", "lengths", *columns])
    packed = pack_inks(table["points"], table["lengths"])
    return table.select(columns).add_column(0, pa.field("image", pa.binary()), packed)


def mix_of(examples: Examples, shares: Mapping[str, float]) -> Mix | None:
    """Which share of a round each item belongs to; None without shares.

    A share is named by a source (``crohme``), a folder or a kind (``print``, ``ink``); the most special name counts.
    Raises ``DataError`` for names that are not in the data, and for data that have no share.
    """
    if not shares:
        return None
    kinds = np.where(examples.ink, "ink", "print").tolist()
    owners = list(zip(examples.sources, examples.folders, kinds, strict=True))
    names = list(shares)
    group = {owner: next((names.index(name) for name in owner if name in shares), -1) for owner in set(owners)}
    there = sorted({name for owner in group for name in owner})
    if unknown := [name for place, name in enumerate(names) if place not in group.values()]:
        raise DataError(f"--shares names {', '.join(unknown)}, which no picture has; there is {', '.join(there)}.")
    if without := sorted({owner[0] for owner, place in group.items() if place < 0}):
        raise DataError(f"--shares says nothing of {', '.join(without)}: name them, or leave their folder out.")
    total = sum(shares.values())
    groups = np.array([group[owner] for owner in owners], np.int32)
    return Mix(groups, tuple(share / total for share in shares.values()))


def _skeleton(latex: str) -> list[str]:
    """The skeleton of a stored formula; empty, so that it is left out, if it was prepared by another parser's rules."""
    try:
        return skeleton_of_canonical(latex.split(" "))
    except LatexError:
        return []


def count_tokens(examples: Examples) -> Counter[str]:
    """How often each token occurs."""
    counts: Counter[str] = Counter()
    for tokens in examples.tokens:
        counts.update(tokens)
    return counts


def within_vocabulary(examples: Examples, tokenizer: Tokenizer) -> Examples:
    """The examples whose every token is in the vocabulary. Raises ``DataError`` if none is."""
    kept = [i for i, tokens in enumerate(examples.tokens) if all(token in tokenizer for token in tokens)]
    if not kept:
        raise DataError("no formula of the data fits the vocabulary: was it made for other data?")
    return examples if len(kept) == len(examples) else examples.select(kept)


class BatchMaker(torch.utils.data.Dataset[Batch]):
    """Makes one process's share of a batch from its position and items (see `batch_keys`)."""

    def __init__(
        self,
        examples: Examples,
        tokenizer: Tokenizer,
        augmentation: AugmentOptions,
        seed: int,
        rank: int = 0,
        processes: int = 1,
        drawing: InkDrawing | None = None,
    ) -> None:
        # Flat arrays: worker processes share them, while the many small objects of `examples` would be copied.
        self.images = examples.images
        self.rows = examples.rows
        self.ids = np.concatenate([np.array(tokenizer.encode(tokens), np.int32) for tokens in examples.tokens])
        self.ends = np.cumsum([len(tokens) for tokens in examples.tokens])
        self.augmentation = augmentation
        self.ink_augmentation = replace(augmentation, headroom=INK_HEADROOM)
        self.seed = seed
        self.rank = rank
        self.processes = processes
        self.drawing = drawing or InkDrawing()

    def __getitem__(self, key: tuple[Position, NDArray[np.int64]]) -> Batch:
        """``key``: where the batch stands, and its items over all processes."""
        position, items = key
        own = items[self.rank :: self.processes]
        share = own if len(own) else items[:1]
        pictures = [self.picture(int(item), position.round) for item in share]
        images, sizes = map(torch.from_numpy, to_batch(pictures))
        inputs, targets = pad_ids([self.formula(int(item)) for item in share])
        count = sum(len(self.formula(int(item))) + 1 for item in items)
        return Batch(position, images, sizes, inputs, targets, float(len(own) > 0), count, len(items))

    def picture(self, item: int, round_number: int) -> NDArray[np.uint8]:
        """The item's picture as the model sees it in this round, uint8 [h, w]."""
        rng = np.random.default_rng((self.seed, round_number, item))
        stored = self.images[int(self.rows[item])].as_py()
        if is_packed_ink(stored):
            return augment(varied_picture(stored, self.drawing, rng), rng, self.ink_augmentation)
        return augment(decode_png(stored), rng, self.augmentation)

    def formula(self, item: int) -> NDArray[np.int32]:
        """The item's token ids [t]."""
        return self.ids[self.ends[item - 1] if item else 0 : self.ends[item]]


def pad_ids(formulas: Sequence[NDArray[np.integer]]) -> tuple[Tensor, Tensor]:
    """Token ids -> inputs (<bos> + tokens) and targets (tokens + <eos>), int64 [b, t], padded with <pad>."""
    length = max(len(ids) for ids in formulas) + 1
    inputs = np.full((len(formulas), length), Tokenizer.pad_id, np.int64)
    targets = np.full((len(formulas), length), Tokenizer.pad_id, np.int64)
    for row, ids in enumerate(formulas):
        inputs[row, 0] = Tokenizer.bos_id
        inputs[row, 1 : len(ids) + 1] = ids
        targets[row, : len(ids)] = ids
        targets[row, len(ids)] = Tokenizer.eos_id
    return torch.from_numpy(inputs), torch.from_numpy(targets)


class BatchKeys(torch.utils.data.Sampler[tuple[Position, NDArray[np.int64]]]):
    """The endless stream of batch keys from a position on, as a sampler for ``DataLoader(batch_size=None)``."""

    def __init__(
        self, sizes: Sizes, options: BatchOptions, seed: int, position: Position, mix: Mix | None = None
    ) -> None:
        self.arguments = (sizes, options, seed, position, mix)

    def __iter__(self) -> Iterator[tuple[Position, NDArray[np.int64]]]:
        return stream(*self.arguments)


def describe(examples: Examples) -> str:
    """One JSON line on what is trained on, for the log and the model card."""
    summary = {"pictures": len(examples), "sources": dict(Counter(examples.sources).most_common())}
    return json.dumps(summary | ({"ink": int(examples.ink.sum())} if examples.ink.any() else {}))
