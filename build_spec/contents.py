"""What goes into the bundle beside the code that imports lead to."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from build_spec.strip import Entry
from build_spec.windows import WINDOW

__all__ = ["DATA", "WINDOW", "data_files", "hidden_modules", "icon", "metadata_files", "system_libraries", "top_level"]

DATA = ("resources", "ziamath", "ziafont", "latex2mathml")
"""Packages that read files of their own: fonts, tables of signs, the model."""
SCREENS = {"linux": "mss.linux", "darwin": "mss.darwin", "win32": "mss.windows"}
"""What mss imports by name, for each system."""


def data_files() -> list[tuple[str, str]]:
    """Sources and folders of the files that packages read."""
    from PyInstaller.utils.hooks import collect_data_files

    return [pair for package in DATA for pair in collect_data_files(package)]


def hidden_modules(platform: str) -> list[str]:
    """Modules that are imported by a name made at run time."""
    from PyInstaller.utils.hooks import collect_submodules

    # Nothing imports `resources`, whose files are read by its name. SymPy asks for its reader of LaTeX by name.
    packages = (SCREENS[platform], "antlr4", "sympy.parsing.latex")
    return ["resources", *(module for package in packages for module in collect_submodules(package))]


def top_level(entries: Iterable[Entry]) -> set[str]:
    """The top-level modules and folders that entries belong to."""
    return {name.replace("\\", "/").split("/")[0].split(".")[0] for name, _, _ in entries}


def system_libraries(binaries: Iterable[Entry]) -> list[Path]:
    """The libraries that come neither from a package of Python nor from Python itself, but from the system."""
    own = tuple(str(Path(folder).resolve()) for folder in {sys.prefix, sys.base_prefix})
    found = (Path(source) for _, source, kind in binaries if kind != "SYMLINK")
    system = [path for path in found if not str(path.resolve()).startswith(own)]
    return sorted({path for path in system if str(path).startswith(("/lib", "/usr"))})


def metadata_files(distributions: Iterable[str], folder: Path) -> list[tuple[str, str]]:
    """For `importlib.metadata`, which tells the versions, written to a folder: name in the bundle and source."""
    found = []
    for name in distributions:
        distribution = metadata.distribution(name)
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        inside = f"{name.replace('-', '_')}-{distribution.version}.dist-info/METADATA"
        path = folder / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        found.append((inside, str(path)))
    return found


def icon(platform: str, work: Path) -> str | None:
    """The icon that is put into the program itself; Linux has none there."""
    return {"win32": str(work / "formulens.ico"), "darwin": str(work / "formulens.icns")}.get(platform)
