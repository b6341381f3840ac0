"""Formulas rendered as the evaluation wants them, kept in one SQLite file outside the tree.

The pictures of the truths serve three times: halved they are what the model reads, and whole they are what greedy and
beam predictions are compared with. The style is fixed (12pt article, display style, Computer Modern, dvipng, 200 dpi),
so the text of a formula is its key.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from core_model.errors import DataError
from trainer.data.render.base import RenderFailure
from trainer.data.render.latex import LatexRenderer, LatexStyle
from trainer.data.shards import decode_png, encode_png

__all__ = ["EVALUATION_STYLE", "PictureCache", "halve"]

Grey = npt.NDArray[np.uint8]

EVALUATION_STYLE = LatexStyle(font="computer-modern", points=12, dpi=200, rasterizer="dvipng")
BATCH = 400  # formulas in one LaTeX run


class PictureCache:
    """Rendered formulas by their text. One process writes; close it or use it as a context.

    Raises ``DataError`` if the file cannot be opened or written; the message names it.
    """

    def __init__(self, folder: Path, *, style: LatexStyle = EVALUATION_STYLE) -> None:
        self.style = style
        self.path = folder / f"rendered-{hashlib.sha256(repr(style).encode()).hexdigest()[:12]}.sqlite3"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS pictures (key BLOB PRIMARY KEY, png BLOB, failure TEXT) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            raise DataError(
                f"cannot use the picture cache {self.path}: {error}; choose another with --cache"
            ) from error

    def __enter__(self) -> PictureCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was rendered is already in it."""
        self._database.close()

    def render(self, formulas: Iterable[str], *, workers: int = 1, title: str = "rendering") -> None:
        """Render the formulas that are not there yet, in batches over ``workers`` threads (each runs its own LaTeX)."""
        distinct = list(dict.fromkeys(formulas))
        missing = [formula for formula in distinct if formula not in self]
        if not missing:
            return
        size = min(BATCH, -(-len(missing) // workers))
        batches = [missing[i : i + size] for i in range(0, len(missing), size)]
        renderer = LatexRenderer()

        def draw(batch: list[str]) -> list[tuple[bytes, bytes | None, str | None]]:
            pictures = renderer.render(batch, self.style)
            rows: list[tuple[bytes, bytes | None, str | None]] = []
            for formula, picture in zip(batch, pictures, strict=True):
                if isinstance(picture, RenderFailure):
                    rows.append((_key(formula), None, f"{picture.kind}: {picture.detail}"))
                else:
                    rows.append((_key(formula), encode_png(picture), None))
            return rows

        with (
            ThreadPoolExecutor(max_workers=workers) as pool,
            tqdm(total=len(missing), desc=title, unit="formula", dynamic_ncols=True) as progress,
        ):
            for rows in pool.map(draw, batches):
                self._store(rows)
                progress.update(len(rows))

    def png(self, formula: str) -> bytes | None:
        """The picture of a rendered formula as PNG; ``None`` if it does not render, ``KeyError`` if never tried."""
        row = self._database.execute("SELECT png FROM pictures WHERE key = ?", (_key(formula),)).fetchone()
        if row is None:
            raise KeyError(formula)
        return row[0] if row[0] is None else bytes(row[0])

    def failure(self, formula: str) -> str | None:
        """Why a formula does not render, ``None`` if it does."""
        row = self._database.execute("SELECT failure FROM pictures WHERE key = ?", (_key(formula),)).fetchone()
        if row is None:
            raise KeyError(formula)
        return None if row[0] is None else str(row[0])

    def pictures(self, formulas: Sequence[str]) -> Iterator[Grey | None]:
        """The pictures ``[h, w]`` of rendered formulas, one after the other."""
        for formula in formulas:
            png = self.png(formula)
            yield None if png is None else decode_png(png)

    def __contains__(self, formula: str) -> bool:
        return self._database.execute("SELECT 1 FROM pictures WHERE key = ?", (_key(formula),)).fetchone() is not None

    def _store(self, rows: list[tuple[bytes, bytes | None, str | None]]) -> None:
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise DataError(f"cannot write to the picture cache {self.path}: {error}") from error


def halve(grey: Grey) -> Grey:
    """Half the size, as im2markup's preprocessing made the published pictures from 200 dpi pages."""
    height, width = grey.shape
    size = (max(1, width // 2), max(1, height // 2))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS), dtype=np.uint8).copy()


def _key(formula: str) -> bytes:
    return hashlib.sha256(formula.encode()).digest()
