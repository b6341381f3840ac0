from pathlib import Path

import pytest

from app.paths import Paths


def test_default_folders_are_the_users_own_and_apart() -> None:
    paths = Paths.default()
    assert len({paths.config, paths.data, paths.logs}) == 3
    assert all(
        folder.is_absolute() and "Formulens" in folder.parts for folder in (paths.config, paths.data, paths.logs)
    )


def test_a_data_dir_holds_everything(data_dir: Path) -> None:
    paths = Paths.at(data_dir / "neu ∂")
    assert paths.create() == ()
    for file in (paths.settings, paths.history, paths.lock, paths.log):
        assert file.is_relative_to(data_dir / "neu ∂") and file.parent.is_dir()
    assert (data_dir / "neu ∂").stat().st_mode & 0o077 == 0


def test_a_relative_data_dir_stays_where_it_was_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data_dir)
    paths = Paths.at("here")
    monkeypatch.chdir(data_dir.parent)
    assert paths.data == data_dir / "here"


def test_a_folder_that_cannot_be_made_is_named(data_dir: Path) -> None:
    (data_dir / "file").write_text("in the way")
    problems = Paths.at(data_dir / "file" / "below").create()
    assert len(problems) == 2 and str(data_dir / "file" / "below") in problems[0]
