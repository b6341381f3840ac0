import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from app.formats import FORMATS
from app.settings import COPY_FORMATS, DEVICES, RULES, Settings, SettingsError, load, save

CHANGED = Settings(
    theme="dark",
    copy_format="mathml",
    copy_at_once=True,
    hotkey="Ctrl+Alt+M",
    snip_delay=3,
    beam=1,
    checkpoint="/home/ü/Modell ∑",
    low_confidence=1,
    pause_ms=50,
    last_region=("HDMI-1", 2560, 1440, -5, 0, 40, 30),
    window_geometry="AdnQywADAAA=",
    layout={"result": "AAAA/w=="},
    last_folder="/tmp/\udcff",
)


def test_what_is_saved_is_loaded(data_dir: Path) -> None:
    path = data_dir / "new" / "settings.json"
    save(path, CHANGED)
    assert load(path) == (CHANGED, None)
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]


def test_without_a_file_all_is_at_its_default(data_dir: Path) -> None:
    settings, problem = load(data_dir / "settings.json")
    assert settings == Settings() and problem is None
    assert not settings.copy_at_once, "the clipboard is not touched without being asked"


def test_every_setting_has_a_rule_that_its_default_obeys() -> None:
    assert set(RULES) == {field.name for field in fields(Settings)} - {"unknown"}
    assert all(not rule(getattr(Settings(), name)) for name, rule in RULES.items())


def test_the_formats_and_devices_are_those_there_are() -> None:
    from core_model.device import DEVICES as CORE_DEVICES

    assert tuple(COPY_FORMATS) == tuple(one.key for one in FORMATS)
    assert DEVICES == CORE_DEVICES


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[1, 2]", b"null", b'{"theme": "dark"', b"[" * 100_000, b'{"beam": ' + b"9" * 5000],
    ids=["empty", "cut", "binary", "list", "null", "unclosed", "deep", "huge number"],
)
def test_a_damaged_file_is_kept_and_named(data_dir: Path, content: bytes) -> None:
    path = data_dir / "settings.json"
    path.write_bytes(content)
    settings, problem = load(path)
    assert settings == Settings()
    (kept,) = data_dir.iterdir()
    assert kept.read_bytes() == content
    assert problem is not None and kept.name in problem and "damaged" in problem


def test_two_damaged_files_are_both_kept(data_dir: Path) -> None:
    path = data_dir / "settings.json"
    for content in (b"one", b"two"):
        path.write_bytes(content)
        load(path)
    assert sorted(file.read_bytes() for file in data_dir.iterdir()) == [b"one", b"two"]


def test_wrong_values_fall_back_one_by_one(data_dir: Path) -> None:
    path = data_dir / "settings.json"
    wrong = {
        "beam": "4", "snip_delay": True, "low_confidence": float("nan"), "last_region": ["a", 1], "layout": {"a": "?"},
        "window_state": "not base64!", "copy_at_once": 1, "pause_ms": 300.5, "png_scale": 10**400,
    }  # fmt: skip
    path.write_text(json.dumps({"theme": "dark", "pen_width": 4, **wrong}), encoding="utf-8")
    settings, problem = load(path)
    assert settings == Settings(theme="dark", pen_width=4)
    assert problem is not None and all(name in problem for name in wrong)


def test_keys_of_a_newer_version_survive(data_dir: Path) -> None:
    path = data_dir / "settings.json"
    path.write_text('{"theme": "light", "future": {"a": [1, "é"]}, "unknown": 3}', encoding="utf-8")
    settings, problem = load(path)
    assert problem is None
    save(path, replace(settings, beam=2))
    written = json.loads(path.read_text(encoding="utf-8"))
    assert (written["future"], written["unknown"], written["theme"], written["beam"]) == (
        {"a": [1, "é"]},
        3,
        "light",
        2,
    )


def test_impossible_values_are_named_all_at_once() -> None:
    with pytest.raises(SettingsError, match=r"theme must be.*beam must be a whole number from 1 to 16, not 99"):
        Settings(theme="pink", beam=99)


def test_a_failed_save_leaves_the_old_file(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data_dir / "settings.json"
    save(path, CHANGED)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsError, match="No space left"):
        save(path, Settings())
    assert [file.read_bytes() for file in data_dir.iterdir()] == [before]


def test_a_folder_that_is_a_file_is_said_plainly(data_dir: Path) -> None:
    (data_dir / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="cannot be saved"):
        save(data_dir / "file" / "settings.json", Settings())
    (data_dir / "settings.json").mkdir()
    settings, problem = load(data_dir / "settings.json")
    assert settings == Settings() and problem is not None and "cannot be read" in problem
