"""The questions for files and folders: each begins where the last one ended, be it in an earlier session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


@dataclass
class _Memory:
    folder: str = ""


_memory = _Memory()


def last_folder() -> str:
    """The folder of what was chosen last; empty if nothing was."""
    return _memory.folder


def begin_in(folder: str) -> None:
    """Let the next question begin in this folder."""
    _memory.folder = folder


def ask_open(parent: QWidget, title: str, kinds: str) -> list[Path]:
    """Files to open; none if the user thinks better of it."""
    names, _ = QFileDialog.getOpenFileNames(parent, title, _beginning(), kinds)
    return [_remembered(Path(name)) for name in names]


def ask_open_one(parent: QWidget, title: str, kinds: str) -> Path | None:
    """One file to open."""
    name, _ = QFileDialog.getOpenFileName(parent, title, _beginning(), kinds)
    return _remembered(Path(name)) if name else None


def ask_save(parent: QWidget, title: str, name: str, kinds: str) -> tuple[Path | None, str]:
    """A file to write, by default of this name, and the chosen one of the kinds."""
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(Path(_beginning()) / name), kinds)
    return (_remembered(Path(chosen)) if chosen else None), kind


def ask_folder(parent: QWidget, title: str) -> Path | None:
    """A folder."""
    name = QFileDialog.getExistingDirectory(parent, title, _beginning())
    if not name:
        return None
    begin_in(name)
    return Path(name)


def _beginning() -> str:
    return _memory.folder if _memory.folder and Path(_memory.folder).is_dir() else str(Path.home())


def _remembered(path: Path) -> Path:
    begin_in(str(path.parent))
    return path
