"""The language of the window: the one of the desktop where there is a translation, English otherwise."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from app import words


def speak(qt: QCoreApplication, locale: QLocale | None = None, folder: Path | None = None) -> bool:
    """Let all texts of the app pass through Qt's translation; tell whether there is one for the locale.

    Args:
        locale: the desktop's where none is given.
        folder: with `formulens_de.qm` and its like; `resources/translations` where none is given.
    """
    words.translate_by(QCoreApplication.translate)
    translator = QTranslator(qt)
    place = folder or Path(str(files("resources"))) / "translations"
    return translator.load(locale or QLocale(), "formulens", "_", str(place)) and qt.installTranslator(translator)
