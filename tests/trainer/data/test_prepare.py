"""``trainer prepare`` from end to end with ziamath, which needs no TeX."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core_model.errors import DataError
from core_model.latex import canonical, skeleton
from trainer.data.plan import is_held_out, skeleton_key
from trainer.data.prepare import Options, main
from trainer.data.render.base import RenderFailure
from trainer.data.render.ziamath import ZiamathRenderer, ZiamathStyle
from trainer.data.shards import decode_png, read_table, shard_paths

ROOT = Path(__file__).resolve().parents[3]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FORMULAS = [f"{letter} + {number}" for letter in LETTERS for number in (2, 3)]


def write_list(data: Path, name: str, lines: list[str]) -> None:
    (data / "formulas").mkdir(parents=True, exist_ok=True)
    (data / "formulas" / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    write_list(folder, "mine", FORMULAS[:20])
    write_list(folder, "im2latex_val", ["q"])
    write_list(folder, "im2latex_test", ["r"])
    return folder


@pytest.fixture
def options(data: Path, tmp_path: Path) -> Options:
    return Options(
        out=tmp_path / "out",
        data=data,
        lists=("mine",),
        renderers=("ziamath",),
        part="all",
        share_degraded=0,
        dpi=(90, 110),
        workers=1,
        shard_size=8,
    )


def formulas_in(folder: Path) -> list[str]:
    return [str(latex) for latex in read_table(folder, ["latex"]).column("latex").to_pylist()]


def report_in(folder: Path) -> dict[str, dict[str, dict[str, int]]]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_formulas_become_shards(options: Options) -> None:
    assert main(options) == 0
    assert len(shard_paths(options.out)) == 3
    assert Counter(formulas_in(options.out)) == Counter(" ".join(canonical(f)) for f in FORMULAS[:20])
    table = read_table(options.out)
    assert formulas_in(options.out) != sorted(formulas_in(options.out))
    for row in table.to_pylist():
        pixels = decode_png(row["image"])
        assert pixels.shape == (row["height"], row["width"])
        assert pixels[0].min() == 255 and pixels.min() < 100
        style = json.loads(row["style"])
        assert style["renderer"] == "ziamath" and 90 <= style["dpi"] <= 110 and style["degraded"] is False
        assert row["source"] == "mine"


def test_pictures_show_their_formulas(options: Options, data: Path) -> None:
    """A long formula gives a wide picture: rows are not mixed up when some formulas fail."""
    lines = [" + ".join(["x"] * count) for count in range(1, 9)] + [r"\frac{a}", "{", r"\nosuchcommand x"]
    write_list(data, "mine", lines)
    main(replace(options, dpi=(100, 100)))
    table = read_table(options.out)
    widths = dict(
        zip(map(len, map(str.split, formulas_in(options.out))), table.column("width").to_pylist(), strict=True)
    )
    assert len(widths) == 8
    assert sorted(widths.values()) == [widths[length] for length in sorted(widths)]


def test_what_is_dropped_is_counted_and_listed(options: Options, data: Path, tmp_path: Path) -> None:
    lines = ["x+1", "x + 1", "{x", r"\frac{a", "1+" * 40 + "1", "q", "r \\,", "z_1", "y^{2}", "y^2"]
    write_list(data, "mine", lines)
    exclude = tmp_path / "exclude.txt"
    exclude.write_text("z_{1}\n")
    main(replace(options, max_tokens=50, exclude=(exclude,)))
    assert sorted(formulas_in(options.out)) == ["x + 1", "y ^ { 2 }"]
    report = report_in(options.out)
    assert report["read"] == {"mine": 10}
    assert report["dropped"]["mine"] == {"excluded": 3, "duplicate": 2, "broken LaTeX": 2, "too long": 1}
    dropped = [json.loads(line) for line in (options.out / "dropped.jsonl").read_text().splitlines()]
    assert {(entry["latex"], entry["why"]) for entry in dropped} >= {("{x", "broken LaTeX"), ("q", "excluded")}
    assert all(entry["detail"] for entry in dropped if entry["why"] == "broken LaTeX")


def test_held_out_part_and_training_part_are_apart(options: Options, data: Path, tmp_path: Path) -> None:
    write_list(data, "mine", [*FORMULAS, *(f"{f} \\," for f in FORMULAS)])
    parts = {}
    for part in ("train", "held-out"):
        out = tmp_path / part
        main(replace(options, out=out, part=part, held_out_percent=30.0, seed=len(part)))  # type: ignore[arg-type]
        parts[part] = {skeleton_key(skeleton(formula)) for formula in formulas_in(out)}
    assert parts["train"] and parts["held-out"]
    assert not parts["train"] & parts["held-out"]
    assert len(parts["train"] | parts["held-out"]) == len(FORMULAS)
    assert all(is_held_out(key, 30.0) for key in parts["held-out"])


def test_limits_and_shortest(options: Options, data: Path) -> None:
    write_list(data, "mine", [" + ".join(LETTERS[: count + 5]) for count in range(20)] + ["u", "v"])
    write_list(data, "other", ["w+1", "w+2"])
    main(replace(options, lists=("mine", "other"), limit={"mine": 6}, shortest={"mine": 2}))
    found = formulas_in(options.out)
    assert {"u", "v"} <= set(found) and len(found) == 8
    with pytest.raises(DataError, match="none"):
        main(replace(options, out=options.out / "x", limit={"none": 6}))


def test_several_styles_for_a_formula(options: Options) -> None:
    main(replace(options, styles_per_formula=2))
    assert set(Counter(formulas_in(options.out)).values()) == {2}


def test_degraded_pictures_are_marked(options: Options) -> None:
    main(replace(options, share_degraded=0.5))
    styles = [json.loads(style) for style in read_table(options.out, ["style"]).column("style").to_pylist()]
    assert {style["degraded"] for style in styles} == {True, False}


def test_same_seed_same_shards(options: Options, tmp_path: Path) -> None:
    main(replace(options, share_degraded=0.5))
    main(replace(options, share_degraded=0.5, out=tmp_path / "again"))
    assert read_table(options.out).equals(read_table(tmp_path / "again"))
    main(replace(options, share_degraded=0.5, out=tmp_path / "other", seed=2))
    assert not read_table(options.out).equals(read_table(tmp_path / "other"))


def test_other_options_do_not_go_on_in_the_same_folder(options: Options) -> None:
    main(options)
    with pytest.raises(DataError, match=r"other options \(dpi\)"):
        main(replace(options, dpi=(72, 80)))
    assert main(options) == 0


def test_a_missing_shard_is_made_again_alike(options: Options) -> None:
    main(options)
    before = read_table(options.out)
    shard_paths(options.out)[1].unlink()
    main(options)
    assert read_table(options.out).equals(before)


COMMAND = """
import sys
from pathlib import Path
from trainer.data.prepare import Options, main
if __name__ == "__main__":
    main(Options(out=Path(sys.argv[1]), data=Path(sys.argv[2]), lists=("mine",), renderers=("ziamath",), part="all",
                 share_degraded=0.3, workers=2, shard_size=4))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_run_goes_on_where_it_was(options: Options, data: Path, tmp_path: Path) -> None:
    write_list(data, "mine", FORMULAS)
    script = tmp_path / "run.py"
    script.write_text(COMMAND)
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    command = [sys.executable, str(script), str(options.out), str(data)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not list(options.out.glob("shard-*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.01)
        # The whole group, workers too, as when the machine goes down.
        os.killpg(process.pid, signal.SIGKILL)
    done = {path: path.stat().st_mtime_ns for path in shard_paths(options.out)}
    assert 0 < len(done) < 13
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())
    whole = tmp_path / "whole"
    main(Options(out=whole, data=data, lists=("mine",), renderers=("ziamath",), part="all", share_degraded=0.3,
                 workers=1, shard_size=4))  # fmt: skip
    assert read_table(options.out).equals(read_table(whole))
    assert report_in(options.out)["prepared"] == report_in(whole)["prepared"]


def png(formula: str) -> bytes:
    (picture,) = ZiamathRenderer().render([formula], ZiamathStyle(dpi=140))
    assert not isinstance(picture, RenderFailure)
    stream = io.BytesIO()
    Image.fromarray(picture).convert("RGBA").save(stream, "PNG")
    return stream.getvalue()


def test_published_pictures_and_parquet(options: Options, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    (folder / "formula_images").mkdir(parents=True)
    (folder / "im2latex_formulas.lst").write_text("a+b\nx^2\n{\nc\n")
    (folder / "im2latex_train.lst").write_text("0 one basic\n1 two basic\n2 three basic\n3 lost basic\n")
    for name, formula in (("one", "a+b"), ("two", "x^2"), ("three", "c")):
        (folder / "formula_images" / f"{name}.png").write_bytes(png(formula))
    parquet = tmp_path / "hub.parquet"
    images = [{"bytes": png("m = 1"), "path": None}, {"bytes": b"broken", "path": None}]
    pq.write_table(pa.table({"image": images, "text": ["m=1", "n=1"]}), parquet)
    with pytest.raises(DataError, match="called hub"):
        main(replace(options, data=None, lists=(), pictures=(folder,), parquet=(parquet, parquet)))
    main(replace(options, data=None, lists=(), pictures=(folder,), parquet=(parquet,)))
    table = read_table(options.out)
    assert formulas_in(options.out) == ["a + b", "x ^ { 2 }", "m = 1"]
    assert json.loads(table.column("style")[0].as_py())["renderer"] == "published"
    assert np.mean(decode_png(table.column("image")[0].as_py()) < 128) > 0.02
    dropped = report_in(options.out)["dropped"]
    assert dropped["im2latex_train"] == {"broken LaTeX": 1, "unreadable picture": 1}
    assert dropped["hub"] == {"unreadable picture": 1}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", fail)
        yield


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_told_plainly(options: Options) -> None:
    with pytest.raises(DataError, match="disk is full"):
        main(options)
    assert not list(options.out.glob("*.parquet")) and not list(options.out.glob(".*.tmp"))


def test_user_errors_are_named(options: Options, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There are: im2latex_test, im2latex_val, mine"):
        main(replace(options, lists=("absent",)))
    with pytest.raises(DataError, match="cannot be mixed"):
        replace(options, lists=("mine", "im2latex_val"))
    with pytest.raises(DataError, match=r"share_degraded.*batch"):
        replace(options, share_degraded=2, batch=0)
    with pytest.raises(DataError, match="--data is needed"):
        Options(out=tmp_path)
    write_list(data, "mine", ["{", "}"])
    with pytest.raises(DataError, match=r"all 2 formulas were dropped \(broken LaTeX: 2\)"):
        main(replace(options, out=tmp_path / "other"))
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(DataError, match="Cannot make the folder"):
        main(replace(options, out=blocked / "sub"))


@pytest.mark.tex
def test_latex_and_ziamath_together(options: Options, data: Path) -> None:
    lines = [f"{f} = \\frac{{1}}{{2}}" for f in FORMULAS[:12]] + [r"\begin{aligned} a & b \end{aligned}"]
    write_list(data, "mine", lines)
    main(replace(options, renderers=("latex", "ziamath"), share_ziamath=0.4, batch=5, dpi=(72, 200)))
    styles = [json.loads(style) for style in read_table(options.out, ["style"]).column("style").to_pylist()]
    assert {style["renderer"] for style in styles} == {"latex", "ziamath"}
    assert len(styles) == 13
