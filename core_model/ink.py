"""Digital ink: strokes of a pen, with what was written; read from and written to files.

Two forms are known: InkML (`core_model.inkml` does the XML) and the project's own JSON, an object with ``id``,
``latex`` and ``strokes`` as lists of ``[x, y]``, which stands alone in a ``.json`` file or a line each in ``.jsonl``.
Coordinates stay in the units of the device: `core_model.strokes` brings them to one size.
"""

from __future__ import annotations

import codecs
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core_model.errors import FormulensError

Values = NDArray[np.float64]

MAX_BYTES = 64_000_000
"""Larger ink files are refused; the largest of CROHME has 0.2 MB."""
MAX_POINTS = 1_000_000
"""More points than this in one ink are refused: they are no formula."""
MAX_COORDINATE = 1e12
"""Coordinates beyond this, in either direction, are refused."""


MAX_LINE = 16_000_000
"""Longer lines of a ``.jsonl`` file, in bytes, are refused; the file itself may have any size."""


class InkError(FormulensError):
    """Ink that cannot be read or written; the message names the file and the remedy."""


@dataclass(frozen=True, eq=False)
class Stroke:
    """One stroke: from where the pen touched down to where it was lifted.

    ``points`` [n, 2]: x, y, in any unit, y downwards. ``pressure`` [n]: 0..1, where the device tells it. ``time`` [n]:
    seconds, from any zero. The arrays are copied and cannot be written to.

    Raises ValueError for other shapes, no point at all, and values that are not finite or out of range.
    """

    points: Values
    pressure: Values | None = None
    time: Values | None = None

    def __post_init__(self) -> None:
        points = _frozen(self.points)
        problems = []
        if points.ndim != 2 or points.shape[1:] != (2,) or not len(points):
            problems.append(f"points must be [n, 2] with at least one point, not {list(points.shape)}")
        elif not (np.abs(points) <= MAX_COORDINATE).all():  # false for NaN as well
            problems.append(f"a coordinate is not a number within ±{MAX_COORDINATE:g}")
        object.__setattr__(self, "points", points)
        for name in ("pressure", "time"):
            given = getattr(self, name)
            if given is None:
                continue
            values = _frozen(given)
            if values.shape != points.shape[:1]:
                problems.append(f"{name} must have one value a point, not {list(values.shape)}")
            elif not np.isfinite(values).all():
                problems.append(f"a value of {name} is not a finite number")
            elif name == "pressure" and (values.min(initial=0.0) < 0 or values.max(initial=0.0) > 1):
                problems.append("pressure must lie in 0..1")
            object.__setattr__(self, name, values)
        if problems:
            raise ValueError("; ".join(problems))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stroke):
            return NotImplemented
        return (
            np.array_equal(self.points, other.points)
            and _same(self.pressure, other.pressure)
            and _same(self.time, other.time)
        )

    def __hash__(self) -> int:
        return hash(self.points.tobytes())


@dataclass(frozen=True)
class Ink:
    """Strokes in the order in which they were drawn; ``latex`` is what they say, if it is known, without ``$``."""

    strokes: tuple[Stroke, ...] = ()
    latex: str = ""
    identifier: str = ""

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """Left, top, right, bottom of all points; None without strokes."""
        if not self.strokes:
            return None
        low = np.min([stroke.points.min(axis=0) for stroke in self.strokes], axis=0)
        high = np.max([stroke.points.max(axis=0) for stroke in self.strokes], axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def read_inkml(source: str | os.PathLike[str] | bytes) -> Ink:
    """Read an InkML file, or its content, as written for CROHME 2011 to 2023 and by other programs.

    An ink without an identifier of its own takes the name of the file. Raises InkError.
    """
    from core_model.inkml import parse  # that module needs the classes of this one

    if isinstance(source, bytes):
        return parse(source, "the ink")
    path = Path(source)
    ink = parse(_content(path), str(path))
    return ink if ink.identifier else Ink(ink.strokes, ink.latex, path.stem)


def write_inkml(path: str | os.PathLike[str], ink: Ink) -> None:
    """Write ink as InkML; `read_inkml` gives every point back exactly.

    The file is replaced as a whole or not at all. Raises InkError.
    """
    from core_model.inkml import serialize

    _replace(Path(path), serialize(ink))


def read_json(value: object, name: str = "the ink") -> Ink:
    """Ink from the project's own JSON, as `json.loads` gives it. ``name`` stands in the messages. Raises InkError."""
    if not isinstance(value, dict) or not isinstance(value.get("strokes"), list):
        raise InkError(f"{name} is no ink: expected an object with “strokes”, a list of lists of [x, y]")
    lists = value["strokes"]
    if sum(len(points) for points in lists if isinstance(points, list)) > MAX_POINTS:
        raise InkError(f"{name} has more than {MAX_POINTS:,} points; it is no formula")
    strokes = []
    pressures, times = (_beside(value, key, len(lists), name) for key in ("pressure", "time"))
    for index, points in enumerate(lists):
        if not isinstance(points, list):
            raise InkError(f"{name}: stroke {index + 1} is no list of [x, y]")
        if not points:
            continue
        where = f"{name}: stroke {index + 1}"
        pairs = [_pair(point, where) for point in points]
        strokes.append(checked_stroke(pairs, pressures[index], times[index], where))
    texts = {key: value.get(key) for key in ("latex", "id")}
    for key, text in texts.items():
        if text is not None and not isinstance(text, str | int):
            raise InkError(f"{name}: “{key}” is no text")
    latex, identifier = ("" if text is None else str(text) for text in texts.values())
    return Ink(tuple(strokes), bare_latex(latex), identifier)


def to_json(ink: Ink) -> dict[str, Any]:
    """The project's own JSON for `json.dumps`; `read_json` gives every point back exactly.

    ``pressure`` and ``time`` stand beside ``strokes`` only if a stroke has them, as lists of the same shape, with null
    for strokes without.
    """
    value: dict[str, Any] = {
        "id": ink.identifier,
        "latex": ink.latex,
        "strokes": [stroke.points.tolist() for stroke in ink.strokes],
    }
    for key in ("pressure", "time"):
        lists = [getattr(stroke, key) for stroke in ink.strokes]
        if any(values is not None for values in lists):
            value[key] = [None if values is None else values.tolist() for values in lists]
    return value


@dataclass(frozen=True)
class InkEntry:
    """One ink of a file, or why it is none. ``number``: its line or its place in the list, from 1; None if it is the
    only one that such a file can hold. ``identifier``: its own, else its number, else the name of the file.
    """

    content: Ink | InkError
    number: int | None
    identifier: str


def ink_entries(path: str | os.PathLike[str]) -> Iterator[InkEntry]:
    """The inks of an ``.inkml``, ``.json`` (one object or a list of them) or ``.jsonl`` file, one after the other.

    Raises nothing: what is wrong comes in the place of the ink, and the other inks of the file still come. Of
    ``.jsonl`` no more than a line is held.
    """
    path = Path(path)
    try:
        kind = path.suffix.lower()
        if kind == ".inkml":
            ink = read_inkml(path)
            yield InkEntry(ink, None, ink.identifier)
        elif kind == ".json":
            value = _loads(_text(_content(path), str(path)), str(path))
            if isinstance(value, list):
                yield from (_entry(one, f"{path}, item {number}", number) for number, one in enumerate(value, 1))
            else:
                yield _entry(value, str(path), None, path.stem)
        elif kind == ".jsonl":
            for number, line in enumerate(_lines(path), 1):
                if line.strip():
                    yield _line_entry(line, f"{path}, line {number}", number)
        else:
            raise InkError(f"{path} is no ink file; ink is read from .inkml, .json and .jsonl files")
    except InkError as error:
        yield InkEntry(error, None, path.stem)


def read_ink_file(path: str | os.PathLike[str]) -> list[Ink]:
    """All ink of a file (`ink_entries`). Raises InkError if any is bad."""
    inks = []
    for entry in ink_entries(path):
        if isinstance(entry.content, InkError):
            raise entry.content
        inks.append(entry.content)
    return inks


def checked_stroke(
    points: Sequence[Sequence[float]], pressure: Sequence[float] | None, time: Sequence[float] | None, where: str
) -> Stroke:
    """A stroke of what a file holds; ``where`` names its place in the InkError."""
    try:
        return Stroke(*(None if each is None else np.array(each, np.float64) for each in (points, pressure, time)))  # type: ignore[arg-type]
    except (ValueError, OverflowError) as error:
        raise InkError(f"{where}: {error}") from None


def bare_latex(text: str) -> str:
    """A truth as files have it, without the dollar signs and the space around it."""
    text = text.strip()
    for sign in ("$$", "$"):
        if len(text) >= 2 * len(sign) and text.startswith(sign) and text.endswith(sign):
            return text[len(sign) : -len(sign)].strip()
    return text


def _frozen(values: Any) -> Values:
    array = np.array(values, np.float64, order="C")
    array.setflags(write=False)
    return array


def _same(one: Values | None, other: Values | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _pair(point: object, where: str) -> list[float]:
    if isinstance(point, list) and len(point) == 2 and all(map(_is_number, point)):
        return point
    raise InkError(f"{where} has a point that is no [x, y] of two numbers")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _beside(value: dict[str, Any], key: str, count: int, name: str) -> list[list[float] | None]:
    """The lists beside the strokes [count], None for strokes without."""
    lists = value.get(key)
    if lists is None:
        return [None] * count
    if not isinstance(lists, list) or len(lists) != count:
        raise InkError(f"{name}: “{key}” does not hold one list a stroke")
    for one in lists:
        if one is not None and not (isinstance(one, list) and all(map(_is_number, one))):
            raise InkError(f"{name}: “{key}” holds something else than lists of numbers")
    return lists


def _loads(text: str, name: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InkError(f"{name} is no valid JSON: {error.msg} at character {error.pos}; save the ink again") from None
    except (RecursionError, ValueError):  # nested without end; a number of thousands of digits
        raise InkError(f"{name} is no ink: it is nested too deep, or holds a number that is too long") from None


def _entry(value: object, name: str, number: int | None, identifier: str = "") -> InkEntry:
    """An entry of what JSON holds."""
    given = value.get("id") if isinstance(value, dict) else None
    identifier = str(given) if isinstance(given, str | int) and given != "" else identifier or str(number)
    try:
        return InkEntry(read_json(value, name), number, identifier)
    except InkError as error:
        return InkEntry(error, number, identifier)


def _line_entry(line: bytes, name: str, number: int) -> InkEntry:
    try:
        if len(line) > MAX_LINE:
            raise InkError(f"{name} is longer than {MAX_LINE // 1_000_000} MB; it is no formula")
        return _entry(_loads(_text(line, name), name), name, number)
    except InkError as error:
        return InkEntry(error, number, str(number))


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InkError(f"{name} is no UTF-8 text ({error.reason} at byte {error.start}); save it again") from None


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file; of one longer than `MAX_LINE` its beginning, a byte too long."""
    with _opened(path) as stream:
        if stream.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            stream.seek(0)
        while line := stream.readline(MAX_LINE + 1):
            rest = line
            while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE + 1)
            yield line


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """A file for reading; what the system says against it, now or later, is an InkError."""
    try:
        if path.is_dir():
            raise InkError(f"{path} is a directory; give an ink file in it")
        with path.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise InkError(f"{path} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InkError(f"{path} cannot be read: {reason}; check the file and its permissions") from None


def _content(path: Path) -> bytes:
    with _opened(path) as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InkError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB; it is no formula")
    return content


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole: nobody ever finds half of it, and an old one survives a full disk."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".ink-", delete=False) as stream:
            temporary = Path(stream.name)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())  # a temporary file is its owner's alone
        temporary.replace(path)
    except (OSError, ValueError) as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise InkError(f"{path} cannot be written: {reason}; choose another place") from None


def _umask() -> int:
    """The permissions that new files do not get; the system tells them only to whoever sets them."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
