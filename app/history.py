"""Every reading with its picture or ink, kept in one SQLite file.

    history = History(paths.data / "history.sqlite3")
    number = history.add(kind="snip", name="", latex="x + y", confidence=0.98, model="formulens", picture_png=png)
    history.edit(number, "x + z")

A reading is on the disk when `add` returns. A `History` belongs to the thread that made it; another thread, or another
program, opens the file with a `History` of its own. A file that is damaged, or cannot be written, stops nothing: see
`problem`, which may also become non-empty at any later call.
"""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app.history_file import begin_anew, borrow, erase, is_damage, is_held, open_file, primary_code, write_back
from app.words import translate
from core_model.errors import FormulensError

if TYPE_CHECKING:
    from app.reading import SourceKind

THUMBNAIL_SIZE = (288, 96)
"""Largest width and height of a thumbnail in pixels: a row of the list at twice its size on the screen."""
THUMBNAIL_PIXELS = 40_000_000
"""A larger picture gets no thumbnail: to decode it would hold up the window."""
INK_LEVEL = 40
"""Levels of grey by which ink differs from the corner of a picture."""

_ENTRY_COLUMNS = "id, created, kind, name, latex, edited, confidence, model, favourite, has_ink, tokens"
_UNWRITABLE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)
_MANY = 500
"""Ids in one statement; SQLite takes at least 999."""

_Result = TypeVar("_Result")


class HistoryError(FormulensError):
    """What was asked of the history is not to be had; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A reading, without its picture."""

    id: int
    created: float
    """Seconds since 1970."""
    kind: SourceKind
    """How the picture came."""
    name: str
    latex: str
    """What the model read."""
    edited: str | None
    """What the user made of it, if that is something else."""
    confidence: float
    model: str
    favourite: bool
    has_ink: bool
    tokens_json: str

    @property
    def text(self) -> str:
        """The LaTeX that counts: the user's, or else the model's."""
        return self.latex if self.edited is None else self.edited


@dataclass(frozen=True)
class Deleted:
    """Readings that were deleted and can be restored until they are forgotten, or the program ends."""

    ids: tuple[int, ...]


def needle(text: str) -> str:
    """The form in which texts are compared when searching: `x^2` finds `x ^ { 2 }`, `mass` finds `Mass`."""
    return "".join(_clean(text).casefold().split()).replace("{", "").replace("}", "")


class History:
    """The readings, the newest first.

    Args:
        path: the file; it and its folder are made if they are not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        opened = open_file(path)
        self.problem = opened.problem
        """What is wrong with the file and what becomes of the readings, for the user; empty if all is well."""
        self.in_memory = opened.in_memory
        self._returns = opened.returns
        self._db = opened.connection
        self._changes = self._db.total_changes
        self._deleted: set[int] = set()

    def add(
        self,
        *,
        kind: SourceKind,
        name: str,
        latex: str,
        confidence: float,
        model: str,
        picture_png: bytes,
        tokens_json: str = "[]",
        ink_json: str | None = None,
        edited: str | None = None,
        created: float | None = None,
    ) -> int:
        """Keep a reading; returns its id.

        Raises:
            HistoryError: another program holds the file.
        """
        when = time.time() if created is None else created
        latex, name = _clean(latex), _clean(name)
        correction = _correction(latex, edited)
        row = (when, kind, name, latex, correction, confidence, model, ink_json is not None,
               _haystack(name, latex, correction), _clean(tokens_json))  # fmt: skip
        thumbnail = _thumbnail(picture_png)

        def insert(db: sqlite3.Connection) -> int:
            number = db.execute(
                "INSERT INTO readings (created, kind, name, latex, edited, confidence, model, has_ink, search, tokens)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            ).lastrowid
            assert number is not None
            db.execute("INSERT INTO pictures VALUES (?, ?, ?, ?)", (number, thumbnail, picture_png, ink_json))
            return number

        return self._write(insert)

    def replace(
        self,
        number: int,
        *,
        latex: str,
        confidence: float,
        model: str,
        picture_png: bytes,
        tokens_json: str = "[]",
        ink_json: str | None = None,
    ) -> None:
        """Put a new reading in the place of one: of a drawing that went on. Its edit falls, it belonged to the old."""
        latex = _clean(latex)
        thumbnail = _thumbnail(picture_png)

        def update(db: sqlite3.Connection) -> None:
            found = db.execute("SELECT name FROM readings WHERE id = ? AND NOT removed", (number,)).fetchone()
            if found is None:
                raise HistoryError(translate("History", "This reading is no longer in the history."))
            db.execute(
                "UPDATE readings SET latex = ?, edited = NULL, confidence = ?, model = ?, has_ink = ?, search = ?,"
                " tokens = ? WHERE id = ?",
                (
                    latex,
                    confidence,
                    model,
                    ink_json is not None,
                    _haystack(found[0], latex, None),
                    _clean(tokens_json),
                    number,
                ),
            )
            db.execute(
                "UPDATE pictures SET thumbnail = ?, picture = ?, ink = ? WHERE id = ?",
                (thumbnail, picture_png, ink_json, number),
            )

        self._write(update)

    def edit(self, number: int, latex: str | None) -> None:
        """Keep the user's text for a reading; None, or the model's own text, takes the edit back."""

        def update(db: sqlite3.Connection) -> None:
            found = db.execute("SELECT name, latex FROM readings WHERE id = ?", (number,)).fetchone()
            if found is not None:
                correction = _correction(found[1], latex)
                values = correction, _haystack(found[0], found[1], correction), number
                db.execute("UPDATE readings SET edited = ?, search = ? WHERE id = ?", values)

        self._write(update)

    def favourite(self, number: int, on: bool) -> None:
        """Mark a reading with a star, or take it away."""
        self._write(lambda db: db.execute("UPDATE readings SET favourite = ? WHERE id = ?", (on, number)))

    def delete(self, numbers: Iterable[int]) -> Deleted:
        """Take readings out of the history; `restore` brings them back."""
        ids, now = tuple(numbers), time.time()
        rows = [(now, number) for number in ids]
        self._write(lambda db: db.executemany("UPDATE readings SET removed = ? WHERE id = ?", rows))
        self._deleted.update(ids)
        return Deleted(ids)

    def restore(self, deleted: Deleted) -> None:
        """Undo a deletion."""
        rows = [(number,) for number in deleted.ids]
        self._write(lambda db: db.executemany("UPDATE readings SET removed = 0 WHERE id = ?", rows))

        self._deleted.difference_update(deleted.ids)

    def forget(self) -> None:
        """Erase for good what was deleted here and not restored."""
        if self._deleted:
            self._write(lambda db: erase(db, self._deleted))
            self._deleted.clear()

    def get(self, number: int) -> Entry | None:
        """One reading; None if there is none with this id, or it is deleted."""
        found = self.many([number])
        return found[0] if found else None

    def many(self, numbers: Sequence[int]) -> list[Entry]:
        """Readings by their ids, in that order; missing ones are left out."""
        found: dict[int, Entry] = {}
        for start in range(0, len(numbers), _MANY):
            some = tuple(numbers[start : start + _MANY])
            where = f"id IN ({', '.join('?' * len(some))}) AND NOT removed"
            rows = self._read(f"SELECT {_ENTRY_COLUMNS} FROM readings WHERE {where}", some)
            found.update((row[0], _entry(row)) for row in rows)
        return [found[number] for number in numbers if number in found]

    def picture(self, number: int) -> bytes:
        """The picture that was read, as PNG.

        Raises:
            HistoryError: the reading is not in the history, or its picture was lost by damage.
        """
        png: bytes = self._of_picture("picture", number)
        if not png:
            raise HistoryError(
                translate("History", "The picture of this reading was lost when the history was damaged.")
            )
        return png

    def thumbnail(self, number: int) -> bytes:
        """A small picture for the list, as PNG; empty if there is none."""
        rows = self._read("SELECT thumbnail FROM pictures WHERE id = ?", (number,))
        return bytes(rows[0][0]) if rows else b""

    def ink(self, number: int) -> str | None:
        """The strokes of a drawing as JSON; None if it was none.

        Raises:
            HistoryError: the reading is not in the history.
        """
        ink: str | None = self._of_picture("ink", number)
        return ink

    def search(self, text: str = "", *, favourites: bool = False, limit: int = -1, offset: int = 0) -> list[Entry]:
        """Readings in which every word of `text` occurs, in LaTeX, edit or name; the newest first. limit -1: all."""
        where, values = _conditions(text, favourites)
        rows = self._read(
            f"SELECT {_ENTRY_COLUMNS} FROM readings WHERE {where} ORDER BY id DESC LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return [_entry(row) for row in rows]

    def ids(self, text: str = "", *, favourites: bool = False) -> list[int]:
        """The ids of what `search` finds."""
        where, values = _conditions(text, favourites)
        return [row[0] for row in self._read(f"SELECT id FROM readings WHERE {where} ORDER BY id DESC", values)]

    def count(self, text: str = "", *, favourites: bool = False) -> int:
        """How many readings `search` finds."""
        where, values = _conditions(text, favourites)
        return int(self._read(f"SELECT count(*) FROM readings WHERE {where}", values)[0][0])

    def corrections(self) -> list[Entry]:
        """The readings that the user corrected, the oldest first."""
        where = "edited IS NOT NULL AND NOT removed"
        return [_entry(r) for r in self._read(f"SELECT {_ENTRY_COLUMNS} FROM readings WHERE {where} ORDER BY id", ())]

    def close(self) -> None:
        """Erase what was deleted, and write back what had to be kept in memory, if that is possible now."""
        with suppress(HistoryError):  # else it is erased when the history is opened another time
            self.forget()
        if self._returns and self._db.total_changes != self._changes:
            write_back(self._db, self.path)
        self._db.close()

    def _of_picture(self, column: str, number: int) -> Any:
        rows = self._read(f"SELECT {column} FROM pictures WHERE id = ?", (number,))
        if not rows:
            raise HistoryError(translate("History", "This reading is no longer in the history."))
        return rows[0][0]

    def _write(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        try:
            return _in_transaction(self._db, work)
        except sqlite3.Error as error:
            self._mend(error)
        try:
            return _in_transaction(self._db, work)
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def _read(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._mend(error)
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def _mend(self, error: sqlite3.Error) -> None:
        """Change over to a database with which it goes on, after an error of the file; raises what cannot be mended."""
        if isinstance(error, sqlite3.ProgrammingError):  # a fault of ours, such as a call from another thread
            raise error
        if self.in_memory or not (is_damage(error) or primary_code(error) in _UNWRITABLE):
            raise self._fault(error) from error
        self._db.close()
        opened = begin_anew(self.path) if is_damage(error) else borrow(self.path, error)
        self._db, self.problem, self.in_memory = opened.connection, opened.problem, opened.in_memory
        self._returns, self._changes = opened.returns, opened.connection.total_changes

    def _fault(self, error: sqlite3.Error) -> HistoryError:
        if is_held(error):
            told = translate("History", "Another program is using the history {file}. Close it and try again.")
            return HistoryError(told.format(file=self.path))
        told = translate("History", "The history {file} cannot be used ({reason}). Start Formulens again.")
        return HistoryError(told.format(file=self.path, reason=error))


def _in_transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite itself rolls back when the disk is full
            db.execute("ROLLBACK")
        raise
    return result


def _conditions(text: str, favourites: bool) -> tuple[str, tuple[str, ...]]:
    words = tuple(filter(None, map(needle, text.split())))
    parts = ["NOT removed", *["instr(search, ?)"] * len(words)]
    if favourites:
        parts.insert(0, "favourite")
    return " AND ".join(parts), words


def _correction(latex: str, edited: str | None) -> str | None:
    return None if edited is None or _clean(edited) == latex else _clean(edited)


def _haystack(name: str, latex: str, edited: str | None) -> str:
    # Line breaks part the fields: no word of a search holds one.
    return "\n".join(needle(text) for text in (name, edited or "", latex))


def _clean(text: str) -> str:
    """Text that SQLite takes: names of files may hold bytes that are no characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _entry(row: tuple[Any, ...]) -> Entry:
    number, created, kind, name, latex, edited, confidence, model, favourite, has_ink, tokens = row
    return Entry(number, created, kind, name, latex, edited, confidence, model, bool(favourite), bool(has_ink), tokens)


def _thumbnail(png: bytes) -> bytes:
    """The part of a picture that has ink, as a small PNG; empty for a picture that is too large to be decoded here."""
    from PIL import Image, ImageChops

    with Image.open(io.BytesIO(png)) as picture:
        if picture.width * picture.height > THUMBNAIL_PIXELS:
            return b""
        small = picture.convert("L")
    ground = Image.new("L", small.size, small.getpixel((0, 0)))
    box = ImageChops.difference(small, ground).point(lambda level: 255 if level > INK_LEVEL else 0).getbbox()
    if box is not None:  # a loose crop would show a speck
        margin = max(4, (box[3] - box[1]) // 6)
        right, bottom = min(box[2] + margin, small.width), min(box[3] + margin, small.height)
        small = small.crop((max(box[0] - margin, 0), max(box[1] - margin, 0), right, bottom))
    small.thumbnail(THUMBNAIL_SIZE, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "PNG")
    return stream.getvalue()
