"""Desktops and programs for the tests that drive the app from outside; all of them end with the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.display.desktop import SAMPLES, Desktop

MARGIN = 24
"""Ground around a sample in another program's window."""


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """An empty desktop with one monitor."""
    started = Desktop(tmp_path_factory.mktemp("x"))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def on_ground(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A sample with its own ground around it, as a page has: `on_ground("01-plain-100dpi")`; gives the file."""
    folder = tmp_path_factory.mktemp("pictures")

    def make(name: str) -> Path:
        path = folder / f"{name}.png"
        if not path.exists():
            with Image.open(SAMPLES / f"{name}.png") as sample:
                inner = np.asarray(sample.convert("RGB"))
            outer = np.empty((inner.shape[0] + 2 * MARGIN, inner.shape[1] + 2 * MARGIN, 3), np.uint8)
            outer[:] = inner[0, 0]
            outer[MARGIN:-MARGIN, MARGIN:-MARGIN] = inner
            Image.fromarray(outer).save(path)
        return path

    return make
