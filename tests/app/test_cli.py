from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import app
from app import cli
from app.__main__ import main
from core_model import torch_checkpoint
from core_model.config import PRESETS
from core_model.ink import Ink, Stroke, read_ink_file, write_inkml
from core_model.model import create_model
from core_model.strokes import rasterize
from core_model.tokenizer import Tokenizer
from tests import program

ROOT = Path(app.__file__).parents[1]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    tokenizer = Tokenizer([*"{}_^abcxyz012+-=", "\\frac", "\\alpha"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_model(PRESETS["tiny"], len(tokenizer))
    with torch.no_grad():
        network.decoder.output.bias[tokenizer.eos_id] = -2  # or it reads nothing at all
    torch_checkpoint.save(folder, network, tokenizer)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Three pictures, the second blank."""
    names = []
    for i, (width, bars) in enumerate([(120, 6), (80, 0), (300, 20)]):
        picture = np.full((60, width), 255, np.uint8)
        for k in range(bars):
            picture[20:40, 20 + 12 * k : 23 + 12 * k] = 0
        names.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(picture).save(names[-1])
    return names


def run(model: Path, *arguments: str) -> int:
    """`formulens recognize`, of the tree or of a packaged program; what it prints, this process prints."""
    arguments = (*arguments, "--device", "cpu", "--checkpoint", str(model))
    if not program.is_packaged():
        return cli.main(arguments)
    done = program.call("recognize", *arguments)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.program
def test_json_has_the_promised_fields(model: Path, pictures: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, *pictures, "--json", "--beam", "3", "--alternatives", "2") == 0
    found = records(capsys.readouterr().out)
    assert [record["file"] for record in found] == pictures
    for record in found:
        assert list(record) == ["file", "latex", "confidence", "tokens", "alternatives", "warnings", "milliseconds"]
        assert list(record["milliseconds"]) == ["preprocess", "encode", "decode"]
        assert 0 <= record["confidence"] <= 1
        for token in record["tokens"]:
            assert list(token) == ["text", "confidence"]
        for other in record["alternatives"]:
            assert list(other) == ["latex", "confidence"]
    assert found[0]["tokens"]
    assert len(found[0]["alternatives"]) <= 2
    assert found[1]["latex"] == ""
    assert found[1]["warnings"][0].startswith("blank: ")


@pytest.mark.program
def test_a_beam_alone_gives_all_its_alternatives(
    model: Path, pictures: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, pictures[0], "--json") == 0
    assert records(capsys.readouterr().out)[0]["alternatives"] == []
    assert run(model, pictures[0], "--json", "--alternatives", "2") == 0
    asked = records(capsys.readouterr().out)[0]
    assert run(model, pictures[0], "--json", "--beam", "3") == 0
    all_of_them = records(capsys.readouterr().out)[0]
    assert asked["alternatives"] == all_of_them["alternatives"]


@pytest.mark.program
def test_plain_text_gives_a_line_a_picture(
    model: Path, pictures: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, pictures[0]) == 0
    alone = capsys.readouterr().out
    assert alone.count("\n") == 1
    assert run(model, *pictures) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert lines[0] == f"{pictures[0]}: {alone.strip()}"
    assert lines[1] == f"{pictures[1]}: "
    assert len(lines) == 3
    assert f"{pictures[1]}: warning: blank: " in output.err


@pytest.mark.program
def test_the_others_are_still_read(
    model: Path, pictures: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, cut = tmp_path / "text.png", tmp_path / "cut.png"
    text.write_text("not a picture")
    cut.write_bytes(Path(pictures[2]).read_bytes()[:60])
    names = [pictures[0], str(text), str(tmp_path / "absent.png"), str(cut), str(tmp_path), pictures[2]]
    assert run(model, *names, "--json") == 1
    found = records(capsys.readouterr().out)
    assert [record["file"] for record in found] == names
    for name, record in list(zip(names, found, strict=True))[1:5]:
        assert list(record) == ["file", "error"]
        assert name in record["error"]
    assert "latex" in found[0]
    assert "latex" in found[5]
    assert run(model, *names) == 1
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 2
    assert output.err.count("error: ") == 4


def test_many_pictures_come_in_order(
    model: Path, pictures: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "WINDOW", 2)
    names = [pictures[i] for i in (2, 0, 1, 2, 0)]
    assert run(model, *names, "--json") == 0
    found = records(capsys.readouterr().out)
    assert [record["file"] for record in found] == names
    assert found[0]["latex"] == found[3]["latex"]


def strokes(seed: int) -> list[list[list[float]]]:
    dice = np.random.default_rng(seed)
    return [np.cumsum(dice.normal(1, 5, (15, 2)), axis=0).tolist() for _ in range(3)]


@pytest.fixture
def ink_files(tmp_path: Path) -> list[str]:
    """One ink as InkML, one as JSON, an empty one, and two among three bad lines."""
    names = [str(tmp_path / name) for name in ("a.inkml", "b.json", "empty.json", "many.jsonl")]
    write_inkml(names[0], Ink(tuple(Stroke(np.array(one)) for one in strokes(1)), "x", "own 1"))
    Path(names[1]).write_text(json.dumps({"id": "own 2", "strokes": strokes(2)}))
    Path(names[2]).write_text(json.dumps({"strokes": []}))
    good = [json.dumps({"id": f"line {seed}", "strokes": strokes(seed)}) for seed in (1, 2)]
    lines = [good[0], "{", '{"id": "odd", "strokes": [[1]]}', "[]", good[1]]
    Path(names[3]).write_text("\n".join(lines) + "\n")
    return names


@pytest.mark.program
def test_ink_gives_a_record_each_and_bad_ink_an_error(
    model: Path, ink_files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [*ink_files, str(tmp_path / "absent.inkml"), str(tmp_path)]
    assert run(model, "--ink", *names, "--json", "--beam", "2") == 1
    found = records(capsys.readouterr().out)
    assert [(record["file"], record["id"], "error" in record) for record in found] == [
        (names[0], "own 1", False),
        (names[1], "own 2", False),
        (names[2], "empty", False),
        (names[3], "line 1", False),
        (names[3], "2", True),
        (names[3], "odd", True),
        (names[3], "4", True),
        (names[3], "line 2", False),
        (names[4], "absent", True),
        (names[5], tmp_path.name, True),
    ]
    first = found[0]
    keys = ["file", "id", "latex", "confidence", "tokens", "alternatives", "warnings", "milliseconds"]
    assert list(first) == keys
    assert first["tokens"] and first["latex"] == found[3]["latex"]
    assert found[1]["latex"] == found[7]["latex"]
    assert (found[2]["latex"], found[2]["tokens"]) == ("", [])
    assert found[2]["warnings"][0].startswith("blank: ")
    assert list(found[4]) == ["file", "id", "error"]
    assert f"{names[3]}, line 2" in found[4]["error"]


@pytest.mark.program
def test_plain_ink_is_told_apart_by_file_and_name(
    model: Path, ink_files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, ink_files[0], "--ink") == 0
    alone = capsys.readouterr().out
    assert alone.count("\n") == 1 and ":" not in alone
    assert run(model, "--ink", ink_files[3]) == 1
    output = capsys.readouterr()
    assert output.out.splitlines()[0] == f"line 1: {alone.strip()}"
    assert sum(text.startswith("error: ") for text in output.err.splitlines()) == 3
    assert run(model, "--ink", *ink_files[:2]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{ink_files[0]}: own 1: {alone.strip()}"


@pytest.mark.program
def test_ink_reads_as_the_picture_that_is_drawn_of_it(
    model: Path, ink_files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "drawn.png"
    Image.fromarray(rasterize(read_ink_file(ink_files[0])[0])).save(picture)
    assert run(model, str(picture), "--json") == 0
    (drawn,) = records(capsys.readouterr().out)
    assert run(model, "--ink", ink_files[0], "--json") == 0
    (read,) = records(capsys.readouterr().out)
    assert drawn["tokens"] and (read["latex"], read["tokens"]) == (drawn["latex"], drawn["tokens"])


def test_lines_of_ink_are_read_as_they_come(tmp_path: Path) -> None:
    """Thousands of inks are never held at once: the first readings are there before the rest of the file is opened."""
    path = tmp_path / "many.jsonl"
    path.write_text(json.dumps({"strokes": strokes(1)}) + "\n" + '{"strokes": []}\n' * 4_999)
    taken: list[int] = []

    class Reader:
        def recognize_many(self, inks: list[Ink], options: object) -> list[str]:
            taken.append(len(inks))
            return ["x"] * len(inks)

    outcomes = cli._outcomes(Reader(), cli._sources([str(path)], ink=True), None)  # type: ignore[arg-type]
    source, outcome = next(outcomes)
    assert (source.identifier, outcome, taken) == ("1", "x", [cli.WINDOW])
    assert len(list(outcomes)) == 4_999
    assert max(taken) == cli.WINDOW


def test_what_is_wrong_at_the_start_is_one_plain_line(
    model: Path,
    pictures: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run(tmp_path / "nowhere", pictures[0]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: the checkpoint ")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli.main([pictures[0], "--device", "cuda", "--checkpoint", str(model)]) == 2
    assert capsys.readouterr().err.startswith("error: the device cuda cannot be used: ")


@pytest.mark.program
@pytest.mark.parametrize(
    "arguments",
    [
        ["recognize"],
        ["recognize", "x.png", "--beam", "0"],
        ["recognize", "x.png", "--beam", "two"],
        ["recognize", "x.png", "--beam", "2", "--alternatives", "2"],
        ["recognize", "x.png", "--alternatives", "-1"],
        ["recognize", "x.png", "--device", "abacus"],
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if program.is_packaged():
        done = program.call(*arguments)
        assert done.returncode == 2 and "error: " in done.stderr and "Traceback" not in done.stderr
        return
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_without_a_display_the_terminal_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 2
    assert "recognize" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("formulens ")


def test_the_program_runs_without_qt_display_or_unicode(model: Path, pictures: list[str], tmp_path: Path) -> None:
    odd = tmp_path / "größe.png"
    Path(pictures[0]).rename(odd)
    code = "import sys; from app.__main__ import main; status = main(); assert 'PySide6' not in sys.modules; "
    code += "sys.exit(status)"
    arguments = ["recognize", str(odd), pictures[1], "--checkpoint", str(model), "--device", "cpu"]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert b"gr\\xf6\\xdfe.png: " in done.stdout


@pytest.mark.program
def test_a_reader_that_leaves_early_is_no_error(model: Path, pictures: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = program.call("recognize", *pictures, "--checkpoint", str(model), "--device", "cpu", said=writing)
    os.close(writing)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


AS_ANOTHER_USER = """
import os, sys
from app.__main__ import main

split = sys.argv.index("--then")
main(["recognize", *sys.argv[1:split]])  # imports all that is needed, while Python's own folders may still be read
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.stdout.flush()
print("---")
sys.exit(main(["recognize", *sys.argv[split + 1 :]]))
"""


def run_unprivileged(warm_up: list[str], arguments: list[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `formulens recognize` as a user whom file permissions bind (root is not)."""
    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER_USER, *warm_up, "--then", *arguments],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout.partition("---\n")[2], done.stderr


@pytest.fixture
def shared(model: Path, pictures: list[str]) -> Iterator[Path]:
    """A folder that every user may enter, with checkpoint and pictures; pytest keeps its own folders private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(model, folder / "model")
        for picture in pictures:
            shutil.copy(picture, folder)
        yield folder


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_files_without_permission_are_named_to_an_unprivileged_user(shared: Path) -> None:
    secret, readable = str(shared / "0.png"), str(shared / "2.png")
    Path(secret).chmod(0)
    common = ["--device", "cpu", "--checkpoint", str(shared / "model")]
    status, output, errors = run_unprivileged([readable, *common], [secret, readable, "--json", *common])
    assert status == 1, errors
    found = records(output)
    assert secret in found[0]["error"]
    assert "permission" in found[0]["error"].lower()
    assert "latex" in found[1]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("locked", ["model.safetensors", ""], ids=["a file", "the folder"])
def test_a_checkpoint_without_permission_is_named_to_an_unprivileged_user(shared: Path, locked: str) -> None:
    folder = shared / "locked"
    shutil.copytree(shared / "model", folder)
    (folder / locked).chmod(0)
    common = [str(shared / "0.png"), "--device", "cpu", "--checkpoint"]
    status, output, errors = run_unprivileged([*common, str(shared / "model")], [*common, str(folder)])
    assert status == 2
    assert output == ""
    assert "Traceback" not in errors
    named = folder / locked if locked else f"the checkpoint {folder}"
    assert f"error: cannot read {named}: Permission denied" in errors


def test_what_is_to_be_done_and_files_do_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--snip", "a.png"], ["--snip", "--draw"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "--snip takes no files" in said and "not allowed with" in said
