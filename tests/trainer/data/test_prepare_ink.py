"""``trainer prepare`` for ink, from files of our own ink to shards."""

import json
import lzma
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from core_model.errors import DataError
from core_model.ink import Ink, to_json, write_inkml
from core_model.preprocessing import prepare
from core_model.strokes import rasterize
from trainer.data.ink_job import prepared_size
from trainer.data.ink_plan import InkSources, weighted_order
from trainer.data.ink_shards import read_inks
from trainer.data.prepare import Options, main
from trainer.data.shards import HEADROOM, shard_paths

LETTERS = "abcdx"


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(line) + "\n" for line in lines)


def expression(ink: Ink, latex: str, **more: Any) -> dict[str, Any]:
    return to_json(ink) | {"latex": f"${latex}$", "symbols": []} | more


@pytest.fixture
def data(tmp_path: Path, write_ink: Any) -> Path:
    """A small data folder: letters drawn for the synthesis, three sets of CROHME, one list of formulas."""
    folder = tmp_path / "data"
    drawings = [
        {"symbol": "+" if letter == "+" else letter, "package": None, "mode": "math", "fontenc": "OT1",
         "id": letter, "strokes": to_json(write_ink(letter, seed, 0.1))["strokes"]}
        for letter in (*LETTERS, "+", "=") for seed in range(4)
    ]  # fmt: skip
    write_lines(folder / "detexify" / "strokes.jsonl.xz", drawings)
    train = [
        expression(write_ink("a+b"), r"\mbox {a} + b"),
        expression(write_ink("x"), "x ^"),
        expression(write_ink("cd"), "c d"),
    ]
    symbols = [{"label": label, "strokes": strokes} for label, strokes in (("a", [0]), ("+", [1, 2]), ("b", [3]))]
    write_lines(folder / "crohme" / "train_2014.jsonl.xz", [train[0] | {"symbols": symbols}, *train[1:]])
    write_lines(folder / "crohme" / "train_2019.jsonl.xz", [expression(write_ink("xx"), "x x")])
    tested = [expression(write_ink("a"), "a", in_train="train_2014"), expression(write_ink("ba"), "b a", in_train=None)]
    write_lines(folder / "crohme" / "test_2012.jsonl.xz", tested)
    write_lines(folder / "crohme" / "test_2014.jsonl.xz", [expression(write_ink("ab"), "a b }", gt_tokens="( a b )")])
    write_lines(folder / "crohme" / "test_2016.jsonl.xz", [expression(write_ink("a+a"), "a + a", gt_tokens="a + a")])
    lines = [r"\left( a b \right)", "a+a", r"b\,a", r"\mathbf{c}", "c", "d=d", r"\nosuch", r"\yen", "q"]
    lines += [f"{one}+{other}" for one in LETTERS for other in LETTERS if one != other]
    (folder / "formulas").mkdir()
    (folder / "formulas" / "mine.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in ("im2latex_val", "im2latex_test"):
        (folder / "formulas" / f"{name}.txt").write_text("q\n", encoding="utf-8")
    return folder


@pytest.fixture
def options(data: Path, tmp_path: Path) -> Options:
    return Options(out=tmp_path / "out", data=data, lists=("mine",), part="all", workers=1, shard_size=8)


def truths(folder: Path) -> list[tuple[str, str]]:
    return [(ink.latex, source) for ink, source in read_inks(folder)]


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_crohme_is_taken_over_as_published(options: Options, data: Path, write_ink: Any) -> None:
    assert main(replace(options, sources=InkSources(("crohme",)))) == 0
    assert truths(options.out) == [("a + b", "crohme"), ("c d", "crohme"), ("x x", "crohme")]
    assert report(options.out)["dropped"] == {"crohme": {"broken LaTeX": 1}}
    ink = next(iter(read_inks(options.out)))[0]
    assert np.abs(rasterize(ink).astype(int) - rasterize(write_ink("a+b")).astype(int)).max() <= 3


def test_validation_leaves_out_ink_that_is_in_training(options: Options) -> None:
    main(replace(options, sources=InkSources(("validation",))))
    assert truths(options.out) == [("b a", "crohme_test_2012")]


def test_inkml_folders_are_a_source(options: Options, tmp_path: Path, write_ink: Any) -> None:
    folder = tmp_path / "CROHME2019"
    folder.mkdir()
    for word in ("x+x", "b"):
        write_inkml(folder / f"{word}.inkml", write_ink(word))
    main(replace(options, data=None, lists=(), sources=InkSources(inkml=(folder,))))
    assert truths(options.out) == [("b", "CROHME2019"), ("x + x", "CROHME2019")]


def test_two_folders_of_one_name_are_refused(options: Options, tmp_path: Path, write_ink: Any) -> None:
    folders = (tmp_path / "A" / "train", tmp_path / "B" / "train")
    for folder in folders:
        folder.mkdir(parents=True)
        write_inkml(folder / "b.inkml", write_ink("b"))
    with pytest.raises(DataError, match="called train"):
        main(replace(options, data=None, lists=(), sources=InkSources(inkml=folders)))


def test_formulas_are_written_except_those_of_the_tests(options: Options) -> None:
    """Bracket size, fonts and space do not make a test formula another one."""
    main(replace(options, sources=InkSources(("synthetic",)), styles_per_formula=2))
    found = Counter(truths(options.out))
    assert set(found.values()) == {2}
    assert {source for _, source in found} == {"synthetic"}
    formulas = {latex for latex, _ in found}
    assert {"c", "d = d", "a + b", "x + d"} <= formulas
    assert not formulas & {"a b", "( a b )", "a + a", "b a", "q"}
    counts = report(options.out)["dropped"]["mine"]
    assert counts == {"excluded": 4, "duplicate": 1, "broken LaTeX": 1, "cannot be written": 2}
    first, second = (ink for ink, _ in read_inks(options.out) if ink.latex == "a + b")
    assert not np.array_equal(first.strokes[0].points, second.strokes[0].points)


def test_without_crohme_no_symbol_of_it_is_used(options: Options, data: Path, tmp_path: Path) -> None:
    """With the ink of its training set taken away, the shards are the same."""
    sources = InkSources(("synthetic",), crohme=False)
    main(replace(options, sources=sources))
    for path in (data / "crohme").glob("train_*"):
        path.unlink()
    main(replace(options, sources=sources, out=tmp_path / "again"))
    tables = [[pq.read_table(path) for path in shard_paths(folder)] for folder in (options.out, tmp_path / "again")]
    assert all(one.equals(other) for one, other in zip(*tables, strict=True))


def test_a_missing_shard_is_made_again_alike(options: Options) -> None:
    chosen = replace(options, sources=InkSources(("crohme", "synthetic")), limit={"mine": 20, "crohme": 2})
    main(chosen)
    paths = shard_paths(options.out)
    before = [pq.read_table(path) for path in paths]
    assert len(paths) == 3 and Counter(source for _, source in truths(options.out))["crohme"] == 1
    paths[1].unlink()
    main(chosen)
    assert all(pq.read_table(path).equals(table) for path, table in zip(paths, before, strict=True))
    with pytest.raises(DataError, match=r"other options \(sources\)"):
        main(replace(chosen, sources=InkSources(("crohme", "synthetic"), crohme=True, ink_length=(9, 1))))
    assert main(replace(chosen, dpi=(80, 90))) == 0, "what matters for pictures only is no other option"


def test_lengths_follow_the_wanted_distribution() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 20_000)
    first = lengths[weighted_order(lengths, 16, 0.8, np.random.default_rng(1))[:1500]]
    assert np.median(first) == pytest.approx(16, rel=0.15)
    assert np.std(np.log(first)) == pytest.approx(0.8, rel=0.15)
    plain = weighted_order(lengths, 16, 0.0, np.random.default_rng(1))
    assert sorted(plain) == list(range(20_000))
    assert np.median(lengths[plain[:1500]]) == pytest.approx(100, rel=0.1)


def test_sizes_are_those_of_the_drawn_picture(write_ink: Any) -> None:
    for word in ("ax+bd=x", "abcd" * 5, "x"):
        for unit in (0.01, 50.0):
            ink = write_ink(word, 1, unit)
            drawn = prepare(rasterize(ink), headroom=HEADROOM).pixels.shape
            assert prepared_size(ink) == pytest.approx(drawn, rel=0.3)


def test_what_contradicts_itself_is_named(options: Options, data: Path) -> None:
    with pytest.raises(DataError, match=r"validation cannot be mixed.*contradicts --no-crohme.*median"):
        InkSources(("crohme", "validation"), crohme=False, ink_length=(0, 1))
    with pytest.raises(DataError, match="cannot be mixed in one folder"):
        replace(options, sources=InkSources(("crohme",)), pictures=(data,))
    with pytest.raises(DataError, match="--data is needed for --ink"):
        replace(options, sources=InkSources(("crohme",)), data=None)
    with pytest.raises(DataError, match="there is crohme"):
        main(replace(options, sources=InkSources(("crohme",)), limit={"mine": 5}))
