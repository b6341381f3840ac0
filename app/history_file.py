"""The file behind the history: made, opened, moved aside if it is damaged, copied to memory if it cannot be written.

Opening never fails: there is always a database to work with, and words for what is wrong with the file.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.words import translate

APPLICATION_ID = 0x464C656E
"""Marks the file as ours in its header."""
VERSION = 1
BUSY_SECONDS = 2.0
"""How long to wait for another program that writes the file: the window stands still meanwhile."""

# Two tables: a search or a page of the list reads the slim one and never passes over pictures. `search` is the text in
# which is searched, see history.needle(). `removed`, if not 0, is when the row was deleted; it can still be restored.
_SCHEMA = (
    """CREATE TABLE readings (
        id INTEGER PRIMARY KEY AUTOINCREMENT, created REAL NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        latex TEXT NOT NULL, edited TEXT, confidence REAL NOT NULL, model TEXT NOT NULL,
        favourite INTEGER NOT NULL DEFAULT 0, has_ink INTEGER NOT NULL, removed REAL NOT NULL DEFAULT 0,
        search TEXT NOT NULL, tokens TEXT NOT NULL)""",
    "CREATE TABLE pictures (id INTEGER PRIMARY KEY, thumbnail BLOB NOT NULL, picture BLOB NOT NULL, ink TEXT)",
    "CREATE INDEX favourites ON readings (id) WHERE favourite AND NOT removed",
    "CREATE INDEX corrections ON readings (id) WHERE edited IS NOT NULL AND NOT removed",
    "CREATE INDEX removals ON readings (id) WHERE removed",
)
READING_COLUMNS = (
    "id, created, kind, name, latex, edited, confidence, model, favourite, has_ink, removed, search, tokens"
)
PICTURE_COLUMNS = "id, thumbnail, picture, ink"
# In memory only, and not part of the file: which readings are new since it was copied, and which were changed.
_NOTES = (
    "CREATE TEMP TABLE added (id INTEGER PRIMARY KEY)",
    "CREATE TEMP TABLE changed (id INTEGER PRIMARY KEY)",
    "CREATE TEMP TRIGGER on_add AFTER INSERT ON main.readings BEGIN INSERT INTO added VALUES (new.id); END",
    "CREATE TEMP TRIGGER on_change AFTER UPDATE ON main.readings"
    " BEGIN INSERT OR IGNORE INTO changed VALUES (new.id); END",
    "CREATE TEMP TRIGGER on_removal AFTER DELETE ON main.readings"
    " BEGIN INSERT OR IGNORE INTO changed VALUES (old.id); END",
)
STALE_SECONDS = 3600.0
"""What was deleted so long ago, and not erased because the program was killed, is erased when the file is opened."""


@dataclass(frozen=True)
class Opened:
    """A database to work with."""

    connection: sqlite3.Connection
    problem: str = ""
    """What is wrong with the file and what becomes of the readings; empty if all is well."""
    in_memory: bool = False
    returns: bool = False
    """What is in memory may be written to the file in the end."""


class _NotOursError(Exception):
    """A database with other tables than ours."""


class _NewerError(Exception):
    """A history of a later version of the program."""


def is_damage(error: Exception) -> bool:
    """Tell whether the content of the file is to blame."""
    return isinstance(error, _NotOursError) or primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def primary_code(error: Exception) -> int:
    """SQLite's error code without the details of its higher bits; -1 for errors that do not come from SQLite."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF


def is_held(error: Exception) -> bool:
    """Tell whether another program is writing the file."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def open_file(path: Path) -> Opened:
    """Open the history, or make one; whatever stands in the way ends up in `problem`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Opened(_open(path))
    except _NewerError:
        problem = translate(
            "History",
            "The history {file} was written by a newer version of Formulens and is left as it is. "
            "Readings of this session are kept only until you close the window; install the newer version to see all.",
        )
        return Opened(_in_memory(), problem.format(file=path), in_memory=True)
    except (sqlite3.Error, OSError, _NotOursError) as error:
        return begin_anew(path) if is_damage(error) else borrow(path, error)


def begin_anew(path: Path) -> Opened:
    """Move a damaged file aside, begin a new one and take over what can still be read."""
    aside = _free_name(path)
    try:
        path.rename(aside)
        for ending in ("-wal", "-shm"):  # what was written last may still be in the first
            with suppress(FileNotFoundError):
                Path(f"{path}{ending}").rename(f"{aside}{ending}")
        connection = _open(path)
    except (sqlite3.Error, OSError) as error:
        problem = translate(
            "History",
            "The history {file} is damaged and could not be replaced ({reason}). "
            "Readings of this session are kept only until you close the window.",
        )
        return Opened(_in_memory(), problem.format(file=path, reason=_reason(error)), in_memory=True)
    saved = _rescue(aside, connection)
    some = translate(
        "History",
        "The history was damaged. It is kept as {file}. {count} readings of it were taken over into a new one.",
    )
    none = translate(
        "History",
        "The history was damaged. It is kept as {file}. None of its readings could be taken over into a new one.",
    )
    return Opened(connection, (some if saved else none).format(file=aside, count=saved))


def borrow(path: Path, error: Exception) -> Opened:
    """Go on in memory, with all readings that the file has, because it cannot be written; see `write_back`."""
    connection, known = _in_memory(), True
    if not _is_absent(path):
        # Read-only, a file in WAL mode needs its companions or leave to make them; `immutable` does without, and sees
        # all but what was not yet moved from the -wal file.
        known = any(_copied(path, connection, how) for how in ("mode=ro", "mode=ro&immutable=1"))
    for statement in _NOTES:
        connection.execute(statement)
    if is_held(error):
        # Nobody else may keep it for long; and what is new can be written also if the rest was not to be read.
        problem = translate(
            "History",
            "Another program is using the history {file}. New readings are kept in memory, and Formulens writes them "
            "when you close it: close that program before.",
        )
        return Opened(connection, problem.format(file=path), in_memory=True, returns=True)
    why = translate("History", "the disk is full") if _is_full(error) else _reason(error)
    problem = translate(
        "History", "The history {file} cannot be written ({reason}). New readings are kept in memory only."
    )
    hope = translate("History", "Formulens tries to write them when you close it: make room or give it access before.")
    loss = translate("History", "The readings in the file cannot be shown either.")
    problem = f"{problem.format(file=path, reason=why)} {hope if known else loss}"
    return Opened(connection, problem, in_memory=True, returns=known)


def write_back(connection: sqlite3.Connection, path: Path) -> bool:
    """Write what is new or changed in memory to the file, all or nothing; tell whether that was possible.

    The file's other readings stay: another program may have added some meanwhile.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _open(path).close()  # made if it is not there
        connection.execute("ATTACH ? AS file", (str(path),))
        connection.execute("PRAGMA file.synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        for (number,) in connection.execute("SELECT id FROM added ORDER BY id").fetchall():
            _append(connection, number)
        _take_over_changes(connection)
        connection.execute("COMMIT")
    except (sqlite3.Error, OSError, _NotOursError, _NewerError):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return False
    return True


def _append(connection: sqlite3.Connection, number: int) -> None:
    """Copy a reading from memory to the attached file, under the next number there: its own may be taken by now."""
    columns = READING_COLUMNS.removeprefix("id, ")
    copied = connection.execute(
        f"INSERT INTO file.readings ({columns}) SELECT {columns} FROM main.readings WHERE id = ? AND NOT removed",
        (number,),
    )
    if copied.rowcount:
        connection.execute(
            f"INSERT INTO file.pictures ({PICTURE_COLUMNS}) SELECT ?, thumbnail, picture, ink FROM main.pictures "
            "WHERE id = ?",
            (copied.lastrowid, number),
        )


def _take_over_changes(connection: sqlite3.Connection) -> None:
    """What became of the file's own readings in memory: edits, stars, drawings that went on, deletions."""
    touched = "SELECT id FROM changed EXCEPT SELECT id FROM added"
    gone = f"({touched} EXCEPT SELECT id FROM main.readings)"
    for table, columns in (("readings", READING_COLUMNS), ("pictures", PICTURE_COLUMNS)):
        connection.execute(f"DELETE FROM file.{table} WHERE id IN {gone}")
        names = columns.removeprefix("id, ")
        connection.execute(
            f"UPDATE file.{table} SET ({names}) = "
            f"(SELECT {names} FROM main.{table} AS here WHERE here.id = {table}.id) "
            f"WHERE id IN ({touched} INTERSECT SELECT id FROM main.{table})"
        )


def erase(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Delete readings for good, with their pictures, unless they were restored."""
    rows = [(number,) for number in ids]
    gone = "(SELECT id FROM readings WHERE id = ? AND removed)"
    connection.executemany(f"DELETE FROM pictures WHERE id IN {gone}", rows)
    connection.executemany(f"DELETE FROM readings WHERE id IN {gone}", rows)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: a reading is on the disk when add() returns, also if the power fails. That is one wait for the disk for
        # each reading, some milliseconds; NORMAL would only survive the end of the process.
        connection.execute("PRAGMA synchronous = FULL")
        # Takes the lock for writing: a file that cannot be written is noticed here, not at the first reading.
        connection.execute("BEGIN IMMEDIATE")
        _check_or_make(connection)
        stale = connection.execute(
            "SELECT id FROM readings WHERE removed AND removed < ?", (time.time() - STALE_SECONDS,)
        ).fetchall()
        erase(connection, [row[0] for row in stale])
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_or_make(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    marked = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if version == 0 and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return
    if marked and version > VERSION:
        raise _NewerError
    try:
        connection.execute(f"SELECT {READING_COLUMNS} FROM readings ORDER BY id DESC LIMIT 1").fetchone()
        connection.execute("SELECT id, ink FROM pictures LIMIT 0")
    except sqlite3.OperationalError as error:
        if primary_code(error) == sqlite3.SQLITE_ERROR:
            raise _NotOursError from error
        raise
    if not marked:
        raise _NotOursError


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _check_or_make(connection)
    return connection


def _copied(path: Path, connection: sqlite3.Connection, how: str) -> bool:
    """Copy the file into a connection in memory; False, and the connection is as before, if that is impossible."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_SECONDS)) as source:
            if source.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                _check_or_make(source)
                source.backup(connection)
    except (sqlite3.Error, _NotOursError, _NewerError):
        return False
    return True


def _rescue(damaged: Path, connection: sqlite3.Connection) -> int:
    """Copy row by row what can be read of a damaged file; returns the number of readings."""
    saved = 0
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=ro", uri=True)) as old:
        connection.execute("BEGIN IMMEDIATE")
        for number in _readable_ids(old):
            row = _one(old, f"SELECT {READING_COLUMNS} FROM readings WHERE id = ?", number)
            # LaTeX is worth keeping without its picture.
            picture = _one(old, f"SELECT {PICTURE_COLUMNS} FROM pictures WHERE id = ?", number)
            picture = picture or (number, b"", b"", None)
            if row is None:
                continue
            try:
                places = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO readings ({READING_COLUMNS}) VALUES ({places})", row)
                connection.execute(f"INSERT INTO pictures ({PICTURE_COLUMNS}) VALUES (?, ?, ?, ?)", picture)
                saved += 1
            except sqlite3.IntegrityError:  # damage in the row itself
                connection.execute("DELETE FROM readings WHERE id = ?", (number,))
        connection.execute("COMMIT")
    if connection.in_transaction:
        connection.execute("ROLLBACK")
        return 0
    return saved


def _one(old: sqlite3.Connection, statement: str, number: int) -> tuple[Any, ...] | None:
    """A row of a damaged file; None if it cannot be read or is not there."""
    try:
        row: tuple[Any, ...] | None = old.execute(statement, (number,)).fetchone()
    except sqlite3.Error:
        return None
    return row


def _readable_ids(old: sqlite3.Connection) -> list[int]:
    """Ids from both ends of the table up to the place of the damage."""
    found: set[int] = set()
    for direction in ("ASC", "DESC"):
        with suppress(sqlite3.Error):
            for (number,) in old.execute(f"SELECT id FROM readings NOT INDEXED ORDER BY id {direction}"):
                found.add(number)
    return sorted(found)


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    names = (f"{path.stem}-damaged-{stamp}{extra}{path.suffix}" for extra in ("", *(f"-{i}" for i in range(2, 1000))))
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def _is_absent(path: Path) -> bool:
    """True only if it is sure that there is no file; a closed folder hides what is in it."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _is_full(error: Exception) -> bool:
    return primary_code(error) == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)
