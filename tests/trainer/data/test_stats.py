"""``trainer stats`` counts what is in the shards and draws it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core_model.errors import DataError
from trainer.data.shards import ShardWriter, shard_path
from trainer.data.stats import Options, main


def test_report(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for index in range(2):
        with ShardWriter(shard_path(shards, index)) as writer:
            for row in range(5):
                pixels = np.full((20, 30 + row), 255, dtype=np.uint8)
                pixels[5:10, :20] = 0
                style = {"renderer": "latex", "font": "times", "rasterizer": "dvipng", "dpi": 100, "degraded": row == 0}
                writer.add(pixels, f"x _ {{ {row} }} \\$", f"list{index}", style)
    out = tmp_path / "report"
    assert main(Options(shards, out)) == 0
    stats = json.loads((out / "stats.json").read_text(encoding="utf-8"))
    assert stats["pictures"] == 10 and stats["distinct formulas"] == 5
    assert stats["sources"] == {"list0": 5, "list1": 5}
    assert stats["degraded"] == 0.2
    assert stats["width px"]["0 %"] == 30 and stats["width px"]["100 %"] == 34
    assert stats["token counts"]["x"] == 10 and stats["tokens"] == 60
    # 100 of 600 to 680 pixels are ink.
    assert stats["ink share"] == pytest.approx(100 / 640, abs=0.01)
    for name in ("counts", "sizes", "pixels", "tokens", "lengths"):
        with Image.open(out / f"{name}.png") as image:
            assert image.width > 300
        assert f"![{name}]({name}.png)" in (out / "report.md").read_text(encoding="utf-8")


def test_a_report_on_ink(tmp_path: Path, write_ink_shard: Any) -> None:
    write_ink_shard(tmp_path / "shards", 6)
    assert main(Options(tmp_path / "shards", tmp_path / "report", sample=4)) == 0
    stats = json.loads((tmp_path / "report" / "stats.json").read_text(encoding="utf-8"))
    assert stats["pictures"] == 6 and stats["sources"] == {"crohme": 6} and stats["renderers"] == {"ink": 6}
    assert 0.02 < stats["ink share"] < 0.5


def test_no_shards(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="trainer prepare"):
        main(Options(tmp_path, tmp_path / "out"))
