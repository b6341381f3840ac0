"""What every part of the bundle over 5 MB is for, how large the whole is, and the tables that say so.

python -m build_spec.parts FOLDER    prints the table of docs/bundle.md for a bundle
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

MB = 1_000_000
LARGE = 5 * MB

PURPOSES = {
    "*libopenblas*": "NumPy's products of matrices: nearly all the work of reading",
    "*libscipy_openblas*": "NumPy's products of matrices: nearly all the work of reading",
    "*_multiarray_umath*": "NumPy's arrays",
    "*libicudata*": "tables of Unicode, which Qt's texts stand on",
    "*Qt6Core.*": "Qt: what all of it stands on",
    "*Qt6Gui.*": "Qt: pictures, fonts, windows of the system",
    "*Qt6Widgets.*": "Qt: the widgets of the window",
    "*Qt6Pdf.*": "Qt: reads PDF files (PDFium)",
    "*QtCore": "Qt: what all of it stands on",
    "*QtGui": "Qt: pictures, fonts, windows of the system",
    "*QtWidgets": "Qt: the widgets of the window",
    "*QtPdf": "Qt: reads PDF files (PDFium)",
    "*QtWidgets.abi3.so": "Qt's widgets as Python sees them",
    "*QtGui.abi3.so": "Qt's pictures and windows as Python sees them",
    "*QtCore.abi3.so": "Qt's objects as Python sees them",
    "*QtWidgets.pyd": "Qt's widgets as Python sees them",
    "*/model.safetensors": "the model that reads",
    "formulens": "the program: Python's code of the app and of all it imports, compressed",
    "formulens.exe": "the program: Python's code of the app and of all it imports, compressed",
    "FormulensWindow.exe": "the same program without a console",
    "*libpython3*": "Python",
    "*python3*.dll": "Python",
    "*libcrypto*": "sums of files, for Python's hashlib",
    "*libavif*": "reads AVIF pictures, for Pillow",
    "*_avif*": "reads AVIF pictures, for Pillow",
    "*STIXTwoMath*": "the font of the preview",
    "*libgfortran*": "needed by NumPy's products of matrices",
    "*opengl32sw.dll": "draws where Windows has no driver for graphics",
}
"""Pattern of a file's name in the bundle -> what it is for."""

FOLDERS = {
    "PySide6": "Qt: the window",
    "numpy": "arrays of numbers: the model is computed with them",
    "numpy.libs": "NumPy's products of matrices, of which the model is made",
    "matplotlib": "the attention figure: its drawing code and its fonts",
    "PIL": "opens pictures",
    "pillow.libs": "Pillow's libraries for the kinds of pictures",
    "resources": "the model, the icons, the sample pictures, the licences",
    "ziamath": "draws the preview; its font",
    "fontTools": "letters in figures, for matplotlib",
    "sympy": "copy as SymPy",
    "base_library.zip": "what Python needs to start",
    "lib-dynload": "Python's own modules that are libraries",
    "python3.11": "Python's own modules that are libraries",
}
"""Folder of the bundle -> what it is for."""


@dataclass(frozen=True)
class Size:
    """How large a folder is."""

    size: int
    """Bytes; a link counts as none."""
    files: int


def measured(folder: Path) -> Size:
    """The size of a folder with all that is below it."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return Size(sum(path.stat().st_size for path in found), len(found))


def purpose(name: str) -> str:
    """What a file is for, by its name in the bundle; empty if that is not known."""
    return next((what for pattern, what in PURPOSES.items() if fnmatchcase(name, pattern)), "")


def large_files(program: Path) -> dict[str, int]:
    """The files over 5 MB of a bundle, the largest first: name -> bytes."""
    inside = program / "_internal"
    found = {}
    for path in program.rglob("*"):
        if path.is_file() and not path.is_symlink() and (size := path.stat().st_size) >= LARGE:
            name = path.relative_to(inside if inside in path.parents else program)
            found[name.as_posix()] = size
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def large_folders(program: Path) -> dict[str, int]:
    """The folders of a bundle that hold over 5 MB, the largest first: name -> bytes."""
    inside = program / "_internal"
    sizes = {path.name: measured(path).size for path in inside.iterdir() if path.is_dir()}
    return dict(sorted(((k, v) for k, v in sizes.items() if v >= LARGE), key=lambda item: -item[1]))


def without_purpose(program: Path) -> list[str]:
    """Parts over 5 MB of which nobody knows what they are for: there should be none."""
    files = [name for name in large_files(program) if not purpose(name)]
    return files + [name for name in large_folders(program) if name not in FOLDERS]


def table(program: Path) -> str:
    """Both tables in Markdown."""
    rows = ["| Folder | MB | For |", "|---|---|---|"]
    rows += [
        f"| `{name}` | {size / MB:.0f} | {FOLDERS.get(name, '?')} |" for name, size in large_folders(program).items()
    ]
    rows += ["", "| File | MB | For |", "|---|---|---|"]
    rows += [f"| `{name}` | {size / MB:.0f} | {purpose(name) or '?'} |" for name, size in large_files(program).items()]
    return "\n".join(rows) + "\n"


def aligned(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows of words as columns."""
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (" ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(Path(sys.argv[1])), end="")
