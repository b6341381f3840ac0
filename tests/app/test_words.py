"""Every word that the user of the window reads is found by Qt's tools for translators, and can be another one."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from app import settings, words
from app.formats import FormatError, convert, format_of
from app.languages import speak

ROOT = Path(__file__).parents[2]
TERMINAL = {"cli.py", "__main__.py"}
"""What these say is read in a terminal, in English."""
PHRASES = (
    "LaTeX in $ … $",
    "This LaTeX is broken: {reason}. Mend it, or copy it as it is (LaTeX).",
    "{notation} cannot express {part} here. Copy the formula as LaTeX or as a picture instead.",
    "a subscript with more than letters and digits",
    "The preview cannot show {command}",
    "Snip and preview differ in their proportions.",
    "Waiting",
    "Unknown command {command}",
    "{} is taken by another program. Choose another key.",
    "The settings {file} are damaged: all are at their defaults.",
    "one of {choices}",
    "The folder {folder} cannot be made: {reason}.",
    "Cannot write {file}: {reason}. Choose another place.",
    "{folder} holds another data set. Choose an empty folder.",
    "Draw a box around a formula",
    "This model was made for printed formulas: it knows little of handwriting.",
    "This reading is no longer in the history.",
)


def tool(name: str) -> str:
    """A tool that comes with PySide6."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"needs {name}, which PySide6_Essentials brings")
    return found


def run(*command: str) -> None:
    # On Debian without a desktop the tool lacks a library; that says nothing of our texts.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "error while loading shared libraries" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """All English texts that lupdate finds in the app."""
    listed = tmp_path_factory.mktemp("texts") / "formulens.ts"
    run(tool("pyside6-lupdate"), *map(str, sources()), "-ts", str(listed))
    return {element.text or "" for element in ElementTree.parse(listed).iter("source")}


def sources() -> list[Path]:
    return sorted((ROOT / "app").rglob("*.py"))


def errors_told() -> set[str]:
    """Names of the errors whose message the user sees: FormulensError and what is made of it, in the app."""
    classes = [node for path in sources() for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)]
    found = {"FormulensError", "InkError"}
    while more := {c.name for c in classes if any(ast.unparse(base) in found for base in c.bases)} - found:
        found |= more
    return found


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def spoken(node: ast.expr) -> Iterator[str]:
    """The texts of an argument that pass through a translation, and with a leading `!` those that do not."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("tr", "translate"):
        yield str(ast.literal_eval(node.args[-1]))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and any(map(str.isalpha, node.value)):
        yield f"!{node.value}"
    elif isinstance(node, ast.Call):
        yield from spoken(node.func)
    else:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from spoken(child)


def test_what_the_user_reads_is_found(texts: set[str]) -> None:
    missing = [phrase for phrase in PHRASES if phrase not in texts]
    assert not missing
    assert len(texts) > 400


def test_every_error_speaks_through_a_translation(texts: set[str]) -> None:
    told = errors_told()
    assert {"FormatError", "SettingsError", "HistoryError", "InstanceError", "HotkeyError", "CaptureError"} <= told
    seen, wrong = 0, []
    for path in sources():
        if path.name in TERMINAL:
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in told:
                for text in (text for argument in node.args for text in spoken(argument)):
                    seen += 1
                    if text not in texts:
                        wrong.append(f"{path.name}:{node.lineno}: {text}")
    assert seen > 15 and not wrong


def test_every_text_is_written_out_where_it_is_translated(texts: set[str]) -> None:
    """lupdate takes a text with places to be filled in by an f-string for another one than the program asks for."""
    wrong = []
    for path in sources():
        for node in ast.walk(parsed(path)):
            name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if not isinstance(node, ast.Call) or name not in ("tr", "translate") or path.name in ("words.py",):
                continue
            literals = [
                isinstance(argument, ast.Constant) and isinstance(argument.value, str) for argument in node.args
            ]
            if name == "translate" and ast.unparse(node.func).removeprefix("QCoreApplication.") != "translate":
                continue  # a point or a rectangle that is moved
            if not all(literals) or ast.literal_eval(node.args[-1]) not in texts:
                wrong.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert not wrong


def test_pure_modules_speak_the_language_of_the_window() -> None:
    try:
        words.translate_by(lambda context, text: f"[{context}] {text}")
        assert format_of("figure").label == "[Formats] Attention figure"
        with pytest.raises(FormatError, match=r"^\[Formats\] There is no formula"):
            convert("inline", " ")
        with pytest.raises(settings.SettingsError, match=r"^\[Settings\] theme must be \[Settings\] one of"):
            settings.Settings(theme="pink")
    finally:
        words.translate_by(None)
    assert format_of("figure").label == "Attention figure"


def test_a_translation_for_the_locale_is_taken(qapp: QApplication, tmp_path: Path) -> None:
    source = tmp_path / "formulens_de.ts"
    source.write_text(
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE TS><TS version="2.1" language="de_DE"><context>'
        "<name>Formats</name><message><source>Attention figure</source>"
        "<translation>Bild der Aufmerksamkeit</translation></message></context></TS>",
        encoding="utf-8",
    )
    run(tool("pyside6-lrelease"), str(source), "-qm", str(tmp_path / "formulens_de.qm"))
    try:
        assert not speak(qapp, QLocale("fr_FR"), tmp_path)
        assert format_of("figure").label == "Attention figure"
        assert speak(qapp, QLocale("de_AT"), tmp_path)
        assert format_of("figure").label == "Bild der Aufmerksamkeit"
    finally:
        words.translate_by(None)
        for translator in qapp.findChildren(QTranslator):
            qapp.removeTranslator(translator)
