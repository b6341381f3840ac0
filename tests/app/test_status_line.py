"""The line at the bottom says which model reads, and whether lone symbols are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.inference import ModelInfo
from app.status_line import StatusLine


def test_the_tip_names_the_model_and_the_classifier_of_symbols(qtbot: QtBot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    info = ModelInfo("formulens (7)", "cpu", "asked for", Path("box/formulens"), 1.5)

    def tips() -> str:
        return "\n".join(label.toolTip() for label in line.findChildren(QLabel))

    line.loaded(info)
    assert "Loaded in 1.5 s" in tips() and "No classifier of lone symbols" in tips()
    line.loaded(replace(info, symbols=Path("box/symbol-cnn")))
    assert "symbol-cnn" in tips() and "No classifier" not in tips()
    assert "handwriting" not in tips()
    line.loaded(replace(info, trained_on=("print",)))
    assert "has seen no handwriting" in tips()
    line.loaded(replace(info, trained_on=("print", "ink")))
    assert "reads print and handwriting" in tips() and "no handwriting" not in tips()
