"""What the tests of the app share: no real screen, no real settings, a tiny model made on the spot."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from core_model.recognizer import Recognizer

# Before Qt is imported anywhere. Tests that need a real window system start their own X server and processes.
os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture(autouse=True)
def plain_looks() -> Iterator[None]:
    """No test leaves its theme to the next one, whichever that is."""
    yield
    widgets = sys.modules.get("PySide6.QtWidgets")
    running = None if widgets is None else widgets.QApplication.instance()
    if running is not None and running.styleSheet():
        from PySide6.QtGui import QPalette
        from shiboken6 import delete

        from app.theme import ThemeWatcher

        running.setStyleSheet("")
        running.setPalette(QPalette())
        if (watcher := running.findChild(ThemeWatcher)) is not None:
            delete(watcher)


@pytest.fixture(scope="session", autouse=True)
def clean_end() -> Iterator[None]:
    """What lies on the clipboard when the process ends, Qt's offscreen platform deletes once more than it may."""
    yield
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is not None and widgets.QApplication.instance() is not None:
        widgets.QApplication.clipboard().clear()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder for the app's files, with a name beyond ASCII."""
    folder = tmp_path / "Formelsammlung ∫ü"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of random weights as a checkpoint folder."""
    import torch

    from core_model import torch_checkpoint
    from core_model.config import PRESETS
    from core_model.model import create_model
    from core_model.tokenizer import Tokenizer

    torch.manual_seed(0)
    tokenizer = Tokenizer([*"abcxyz0123456789+-=()", "_", "^", "{", "}", r"\frac", r"\sqrt", r"\alpha"])
    model = create_model(PRESETS["tiny"], len(tokenizer)).eval()
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    torch_checkpoint.save(folder, model, tokenizer, "A model for tests.\n", {"samples": 7})
    return folder


@pytest.fixture(scope="session")
def tiny_recognizer(tiny_checkpoint: Path) -> Recognizer:
    """A recognizer with this model."""
    from core_model.recognizer import Recognizer

    return Recognizer.load(tiny_checkpoint, "cpu")


@pytest.fixture
def formula_grey() -> NDArray[np.uint8]:
    """Some ink that looks like a short formula, dark on white [40, 120]."""
    picture = Image.new("L", (120, 40), 255)
    pen = ImageDraw.Draw(picture)
    pen.line((10, 10, 30, 30), fill=0, width=2)
    pen.line((30, 10, 10, 30), fill=0, width=2)
    pen.line((45, 20, 65, 20), fill=0, width=2)
    pen.line((55, 10, 55, 30), fill=0, width=2)
    pen.ellipse((80, 8, 104, 32), outline=0, width=2)
    return np.asarray(picture)
