"""The questions for files and folders: each begins where the last one ended, be it in an earlier session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget


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


def ask_save(parent: QWidget, title: str, name: str, kinds: Mapping[str, tuple[str, ...]]) -> Path | None:
    """A file to write, by default of this name; None if the user thinks better of it.

    ``kinds``: what can be written -> its endings, the usual one first. A name with none of them gets the usual one of
    the kind chosen, and a file that has that name is only replaced after a question: the dialog did not know of it.
    """
    filters = {f"{label} ({' '.join(f'*{one}' for one in endings)})": endings[0] for label, endings in kinds.items()}
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(Path(_beginning()) / name), ";;".join(filters))
    if not chosen:
        return None
    path = Path(chosen)
    if path.suffix.lower() not in {one for endings in kinds.values() for one in endings}:
        path = path.with_name(path.name + filters.get(kind, next(iter(filters.values()))))
        if path.exists() and not _may_replace(parent, title, path):
            return None
    return _remembered(path)


def ask_folder(parent: QWidget, title: str) -> Path | None:
    """A folder."""
    name = QFileDialog.getExistingDirectory(parent, title, _beginning())
    if not name:
        return None
    begin_in(name)
    return Path(name)


def _may_replace(parent: QWidget, title: str, path: Path) -> bool:
    text = QCoreApplication.translate("file_dialogs", "{} is there already. Replace it?").format(path.name)
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    return QMessageBox.question(parent, title, text, yes | no, no) == yes  # Enter keeps the file


def _beginning() -> str:
    return _memory.folder if _memory.folder and Path(_memory.folder).is_dir() else str(Path.home())


def _remembered(path: Path) -> Path:
    begin_in(str(path.parent))
    return path
