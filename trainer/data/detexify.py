"""Detexify's drawings of single symbols: ``detexify/strokes.jsonl.xz`` under the data folder.

Every line has ``symbol`` (the LaTeX command), ``package`` and ``fontenc``, ``mode`` (math, text or both), ``id`` (an
entry of the symbol list; a command can have several) and ``strokes`` within 0..1, y downwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core_model.errors import DataError
from core_model.ink import Ink
from trainer.data.crohme import ink_of_line, read_json_lines


@dataclass(frozen=True)
class Drawing:
    """A drawn symbol. ``ink.latex`` is the command, ``ink.identifier`` the entry of the symbol list.

    ``mode``: ``math``, ``text`` or ``both``. ``package``: what defines the command, empty if nothing is needed.
    """

    ink: Ink
    mode: str
    package: str = ""

    @property
    def symbol(self) -> str:
        """The LaTeX command."""
        return self.ink.latex


def drawings_path(data: Path) -> Path:
    """The file of all drawings under the data folder. Raises DataError if it is not there."""
    path = data / "detexify" / "strokes.jsonl.xz"
    if not path.is_file():
        raise DataError(f"No Detexify drawings at {path}. Is --data the folder that holds detexify/?")
    return path


def read_drawings(path: Path) -> Iterator[Drawing]:
    """Read the drawings one after the other. Raises DataError that names the file and the line."""
    for where, value in read_json_lines(path):
        symbol, mode, package = value.get("symbol"), value.get("mode"), value.get("package")
        if not isinstance(symbol, str) or not symbol or mode not in ("math", "text", "both"):
            raise DataError(
                f"{where}: expected “symbol” and “mode” (math, text or both). Fetch the file again, or delete the line."
            )
        if package is not None and not isinstance(package, str):
            raise DataError(f"{where}: “package” is no text. Fetch the file again, or delete the line.")
        ink = ink_of_line(value, where)
        yield Drawing(Ink(ink.strokes, symbol, ink.identifier), mode, package or "")
