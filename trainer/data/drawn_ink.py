"""Ink in training: packed as bytes beside the pictures, varied as strokes, and drawn when its batch is made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core_model.ink import Ink
from core_model.preprocessing import prepare
from core_model.strokes import RasterOptions, rasterize
from trainer.data.ink_augment import InkAugmentOptions, augment_ink
from trainer.data.ink_shards import decode_ink
from trainer.data.paper import PaperOptions, on_paper

Grey = NDArray[np.uint8]

INK_HEADROOM = 1.25
"""Size in which ink is drawn, relative to nominal: nothing is stored, so that it may be larger than in shards."""

_MARK = b"INK1"  # no PNG begins so
_CHUNK = 10_000
_FOUND = (0.6, 1.8)  # writing on paper whose prepared picture is smaller or larger by this was not found


@dataclass(frozen=True)
class InkDrawing:
    """How training draws ink. ``paper``: share that is put on paper, as photographs and scans show it."""

    augment: InkAugmentOptions = field(default_factory=InkAugmentOptions)
    paper: float = 0.0
    paper_options: PaperOptions = field(default_factory=PaperOptions)


def pack_inks(points: pa.ChunkedArray, lengths: pa.ChunkedArray) -> pa.ChunkedArray:
    """The columns of ink shards -> one of bytes: the mark, the number of strokes, their lengths, their points."""
    chunks = []
    for start in range(0, len(points), _CHUNK):
        rows = zip(points.slice(start, _CHUNK).to_pylist(), lengths.slice(start, _CHUNK).to_pylist(), strict=True)
        chunks.append(
            pa.array(
                [_MARK + np.array((len(counts), *counts), "<u4").tobytes() + path for path, counts in rows], pa.binary()
            )
        )
    return pa.chunked_array(chunks, pa.binary())


def is_packed_ink(stored: bytes) -> bool:
    """Whether bytes of the picture column are ink."""
    return stored[:4] == _MARK


def unpack_ink(stored: bytes) -> Ink:
    """Packed bytes -> ink, without its LaTeX."""
    count = int(np.frombuffer(stored, "<u4", 1, 4)[0])
    lengths = np.frombuffer(stored, "<u4", count, 8).tolist()
    return decode_ink(stored[8 + 4 * count :], lengths)


def clean_picture(stored: bytes) -> Grey:
    """Packed ink -> its prepared picture, uint8 [h, w]."""
    return prepare(rasterize(unpack_ink(stored)), headroom=INK_HEADROOM).pixels


def varied_picture(stored: bytes, drawing: InkDrawing, rng: np.random.Generator) -> Grey:
    """Packed ink -> the prepared picture of another hand's ink, uint8 [h, w]; a share of it is seen on paper."""
    ink, pen = augment_ink(unpack_ink(stored), drawing.augment, rng)
    grey = rasterize(ink, pen)
    if drawing.paper and rng.random() < drawing.paper:
        found = _seen_on_paper(grey, pen, drawing.paper_options, rng)
        if found is not None:
            return found
    return prepare(grey, headroom=INK_HEADROOM).pixels


def _seen_on_paper(grey: Grey, pen: RasterOptions, options: PaperOptions, rng: np.random.Generator) -> Grey | None:
    """The prepared photograph; None where preprocessing lost the writing among the lines and shadows."""
    plain = prepare(grey, headroom=INK_HEADROOM)
    seen = prepare(on_paper(grey, rng, replace(options, glyph=pen.height)), headroom=INK_HEADROOM)
    ratio = seen.scale / plain.scale
    if seen.blank or not _FOUND[0] < ratio < _FOUND[1] or seen.pixels.size > 2.5 * plain.pixels.size:
        return None
    return seen.pixels
