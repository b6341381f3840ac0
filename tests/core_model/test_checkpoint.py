from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core_model import checkpoint, torch_checkpoint
from core_model.errors import CheckpointError
from core_model.model import FormulaModel
from core_model.recognizer import Recognizer
from core_model.tokenizer import Tokenizer
from tests import program

SAMPLE = str(program.SAMPLES / "01-plain-100dpi.png")


@pytest.fixture
def folder(tmp_path: Path, tiny_model: FormulaModel, tokenizer: Tokenizer) -> Path:
    path = tmp_path / "model"
    torch_checkpoint.save(path, tiny_model, tokenizer, "# A card\n", {"samples": 7})
    return path


def test_what_was_saved_is_loaded(folder: Path, tiny_model: FormulaModel, tokenizer: Tokenizer) -> None:
    state = torch.random.get_rng_state()
    model, vocabulary, config = torch_checkpoint.load(folder)
    assert torch.equal(state, torch.random.get_rng_state()), "loading must not touch the caller's random numbers"
    assert vocabulary == tokenizer
    assert model.config == tiny_model.config
    assert config["extra"] == {"samples": 7}
    assert not model.training
    assert (folder / "CARD.md").read_text() == "# A card\n"
    loaded = model.state_dict()
    for name, tensor in tiny_model.state_dict().items():
        assert loaded[name].dtype == tensor.dtype
        torch.testing.assert_close(loaded[name], tensor, rtol=1e-3, atol=1e-6)


def test_matrices_are_stored_in_half_precision(folder: Path) -> None:
    for tensor in load_file(folder / "model.safetensors").values():
        assert tensor.dtype == (torch.float16 if tensor.ndim > 1 else torch.float32)


def test_a_tied_weight_is_stored_once(tmp_path: Path, tiny_model: FormulaModel, tokenizer: Tokenizer) -> None:
    tiny_model.decoder.output.weight = tiny_model.decoder.embedding.weight
    torch_checkpoint.save(tmp_path / "tied", tiny_model, tokenizer)
    stored = load_file(tmp_path / "tied" / "model.safetensors")
    assert len(stored) == len(tiny_model.state_dict()) - 1


def test_saving_again_replaces_and_leaves_nothing_beside(
    folder: Path, tiny_model: FormulaModel, tokenizer: Tokenizer
) -> None:
    torch_checkpoint.save(folder, tiny_model, tokenizer, "newer")
    assert (folder / "CARD.md").read_text() == "newer"
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_full_disk_leaves_the_old_checkpoint(
    folder: Path, tiny_model: FormulaModel, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"No space left on device.*untouched"):
        torch_checkpoint.save(folder, tiny_model, tokenizer, "newer")
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    assert (folder / "CARD.md").read_text() == "# A card\n"
    torch_checkpoint.load(folder)


def test_a_failed_swap_puts_the_old_checkpoint_back(
    folder: Path, tiny_model: FormulaModel, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if ".new-" in self.name:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(CheckpointError, match="Input/output error"):
        torch_checkpoint.save(folder, tiny_model, tokenizer, "newer")
    assert (folder / "CARD.md").read_text() == "# A card\n"


def test_a_save_killed_between_its_renames_loses_nothing(
    folder: Path, tiny_model: FormulaModel, tokenizer: Tokenizer
) -> None:
    folder.rename(folder.with_name(".model.old"))
    torch_checkpoint.load(folder)
    torch_checkpoint.save(folder, tiny_model, tokenizer, "newer")
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_folder_of_other_things_is_not_replaced(
    tmp_path: Path, tiny_model: FormulaModel, tokenizer: Tokenizer
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        torch_checkpoint.save(tmp_path, tiny_model, tokenizer)
    assert (tmp_path / "thesis.tex").exists()


def test_diverged_weights_are_not_saved(tmp_path: Path, tiny_model: FormulaModel, tokenizer: Tokenizer) -> None:
    with torch.no_grad():
        tiny_model.decoder.output.weight[0, 0] = float("nan")
    with pytest.raises(CheckpointError, match=r"decoder\.output\.weight is not finite"):
        torch_checkpoint.save(tmp_path / "model", tiny_model, tokenizer)
    assert not (tmp_path / "model").exists()


def change_config(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))

    return change


def change_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return apply


def change_model(part: str, **changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        config["model"][part].update(changes)
        (folder / "config.json").write_text(json.dumps(config))

    return change


def truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")


def add_word(folder: Path) -> None:
    with (folder / "vocab.txt").open("a") as file:
        file.write("extra\n")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"has no model\.safetensors"),
    "no config": (lambda f: (f / "config.json").unlink(), r"has no config\.json"),
    "no vocabulary": (lambda f: (f / "vocab.txt").unlink(), r"has no vocab\.txt"),
    "truncated weights": (truncate, r"model\.safetensors is damaged or cut short"),
    "empty weights": (lambda f: (f / "model.safetensors").write_bytes(b""), r"model\.safetensors is damaged"),
    "git lfs pointer": (pointer, r"git lfs pull"),
    "config not JSON": (lambda f: (f / "config.json").write_text("{"), r"config\.json is not JSON"),
    "config not text": (lambda f: (f / "config.json").write_bytes(b"\xff"), r"config\.json is not JSON"),
    "config a list": (lambda f: (f / "config.json").write_text("[]"), r'config\.json has no "model"'),
    "newer format": (change_config(format=2), r"format 2, this program reads 1"),
    "no size": (change_config(vocab_size=None), r'config\.json has no "vocab_size"'),
    "unknown encoder": (change_model("encoder", kind="vgg"), r"config\.json does not describe a model"),
    "unknown field": (change_model("decoder", flux=1), r"config\.json does not describe a model.*flux"),
    "impossible value": (change_model("decoder", layers=0), r"config\.json does not describe a model"),
    "no heads": (change_model("decoder", heads=0), r"config\.json does not describe a model.*heads"),
    "half a layer": (change_model("decoder", layers=2.5), r"config\.json is no model that can be built"),
    "beyond the memory": (
        change_model("decoder", feedforward=10**13),
        r"config\.json (is no model that can be|beside it)",
    ),
    "layers for ever": (change_model("decoder", layers=10**9), r"config\.json (is no model that can be|beside it)"),
    "nested for ever": (lambda f: (f / "config.json").write_text("[" * 100_000), r"config\.json is not JSON"),
    "extra a list": (change_config(extra=[1]), r'config\.json has an "extra" entry'),
    "no temperature": (change_config(extra={"confidence_temperature": 0}), r"confidence_temperature is not positive"),
    "other width": (change_model("decoder", feedforward=48), r"model\.safetensors does not fit config\.json"),
    "longer vocabulary": (add_word, r"vocab\.txt has \d+ tokens, config\.json beside it says \d+"),
    "vocabulary of another kind": (lambda f: (f / "vocab.txt").write_text("a\nb\n"), r"vocab\.txt is not a vocab"),
    "missing tensor": (change_weights(lambda t: t.pop("norm.weight")), r"norm\.weight is missing"),
    "unknown tensor": (change_weights(lambda t: t.update(odd=torch.ones(1))), r"odd is unknown"),
    "other shape": (change_weights(lambda t: t.update({"norm.bias": torch.ones(3)})), r"norm\.bias is \[3\], not"),
    "not a number": (
        change_weights(lambda t: t["norm.bias"].fill_(float("nan"))),
        r"not numbers, first in norm\.bias",
    ),
}


@pytest.mark.program
@pytest.mark.parametrize(("damage", "message"), FAULTS.values(), ids=FAULTS)
def test_every_fault_is_named_with_its_file(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        Recognizer.load(folder, "cpu")
    assert str(folder) in str(caught.value)
    program.check_failure(str(caught.value), SAMPLE, "--checkpoint", str(folder))


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"layers for ever"}))  # those torch would build, one by one
def test_torch_names_every_fault_too(folder: Path, fault: str) -> None:
    damage, message = FAULTS[fault]
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        torch_checkpoint.load(folder)


def test_a_missing_folder_and_a_file_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere is not there\. Get .*--checkpoint"):
        torch_checkpoint.load(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="is not a folder"):
        torch_checkpoint.load(tmp_path / "file")
