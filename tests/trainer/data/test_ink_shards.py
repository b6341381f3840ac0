"""Ink shards keep the path of the pen, in any units."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core_model.errors import DataError
from core_model.ink import Ink, Stroke
from core_model.strokes import rasterize
from trainer.data.ink_shards import decode_ink, encode_ink, holds_ink, read_inks, write_inks
from trainer.data.shards import shard_path


@pytest.mark.parametrize(("unit", "offset"), [(1.0, 0.0), (1e-3, 30_000.0), (2000.0, -1e6)])
def test_ink_comes_back_as_the_same_picture(tmp_path: Path, write_ink: Any, unit: float, offset: float) -> None:
    plain = write_ink("ax+b", 3, unit)
    moved = Ink(tuple(Stroke(stroke.points + offset) for stroke in plain.strokes), plain.latex, plain.identifier)
    write_inks(shard_path(tmp_path, 0), [(moved, "crohme", (20, 70))])
    ((ink, source),) = read_inks(tmp_path)
    assert (ink.latex, ink.identifier, source) == ("a x + b", "ax+b-3", "crohme")
    assert [len(stroke.points) for stroke in ink.strokes] == [len(stroke.points) for stroke in plain.strokes]
    pictures = [rasterize(each).astype(int) for each in (plain, ink)]
    assert pictures[0].shape == pictures[1].shape
    assert np.abs(pictures[0] - pictures[1]).max() <= 3


def test_a_dot_is_kept() -> None:
    dot = Ink((Stroke(np.array([[5.0, 5.0]])),))
    assert decode_ink(*encode_ink(dot)).strokes[0].points.tolist() == [[0, 0]]
    with pytest.raises(DataError, match="no strokes"):
        encode_ink(Ink())


def test_points_that_do_not_fit_the_strokes_are_refused() -> None:
    points, lengths = encode_ink(Ink((Stroke(np.array([[0.0, 0.0], [1, 1]])),)))
    for wrong in ([3], [1], [2, 0], []):
        with pytest.raises(DataError, match="points"):
            decode_ink(points, wrong)
    assert lengths == [2]


def test_ink_and_pictures_are_told_apart(tmp_path: Path, write_ink_shard: Any, write_toy_shard: Any) -> None:
    write_ink_shard(tmp_path / "ink", 3)
    write_toy_shard(tmp_path / "print", 3)
    assert holds_ink(tmp_path / "ink")
    assert not holds_ink(tmp_path / "print")
    shard_path(tmp_path / "ink", 0).write_bytes(b"PAR1")
    with pytest.raises(DataError, match="damaged"):
        holds_ink(tmp_path / "ink")
    with pytest.raises(DataError, match="No prepared data"):
        holds_ink(tmp_path)
