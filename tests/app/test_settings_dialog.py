from dataclasses import fields
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QKeySequenceEdit,
    QLabel,
    QListWidget,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.settings import Settings
from app.settings_dialog import MODEL_FILES, SettingsDialog
from app.settings_page import Hint, PathField

KINDS = QDialogButtonBox.StandardButton
CHANGED = Settings(
    theme="dark", close_to_tray=True, history_enabled=False, copy_format="typst", copy_at_once=True, png_scale=3.5,
    hotkey="Ctrl+Alt+M", snip_delay=5, checkpoint="/model", device="cpu", beam=7, low_confidence=0.55,
    recognise_while_drawing=False, pause_ms=700, pen_width=4.5, grid=False, preview_font="/f.otf", preview_size=30.0,
)  # fmt: skip
REMEMBERED = {"last_region", "window_geometry", "window_state", "layout", "last_folder", "unknown"}


@pytest.fixture
def dialog(qtbot: QtBot) -> SettingsDialog:
    made = SettingsDialog(Settings(window_geometry="AAAA", unknown={"future": 1}))
    qtbot.addWidget(made)
    made.show()
    return made


def button(dialog: SettingsDialog, kind: QDialogButtonBox.StandardButton) -> QAbstractButton:
    return dialog.findChild(QDialogButtonBox).button(kind)


def test_every_setting_that_is_not_a_memory_can_be_set(dialog: SettingsDialog) -> None:
    assert set(dialog.fields) == {field.name for field in fields(Settings)} - REMEMBERED


def test_what_is_shown_comes_back(qtbot: QtBot) -> None:
    dialog = SettingsDialog(CHANGED)
    qtbot.addWidget(dialog)
    assert dialog.settings() == CHANGED
    dialog.show_settings(Settings())
    assert dialog.settings() == Settings()


def test_ok_emits_what_was_changed_and_keeps_the_rest(dialog: SettingsDialog, qtbot: QtBot) -> None:
    theme, beam = dialog.fields["theme"], dialog.fields["beam"]
    assert isinstance(theme, QComboBox) and isinstance(beam, QSpinBox)
    qtbot.keyClicks(theme, "dark")
    beam.selectAll()
    qtbot.keyClicks(beam, "9")
    with qtbot.waitSignal(dialog.applied) as caught:
        qtbot.keyClick(beam, Qt.Key.Key_Return)
    assert caught.args == [Settings(theme="dark", beam=9, window_geometry="AAAA", unknown={"future": 1})]
    assert not dialog.isVisible()


def test_cancel_and_no_change_emit_nothing(dialog: SettingsDialog, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(dialog.applied):
        button(dialog, KINDS.Apply).click()
        dialog.fields["grid"].click()  # type: ignore[attr-defined]
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_defaults_are_shown_before_they_are_applied(qtbot: QtBot) -> None:
    dialog = SettingsDialog(CHANGED)
    qtbot.addWidget(dialog)
    with qtbot.assertNotEmitted(dialog.applied):
        button(dialog, KINDS.RestoreDefaults).click()
    with qtbot.waitSignal(dialog.applied) as caught:
        button(dialog, KINDS.Apply).click()
    assert caught.args == [Settings()]


def test_a_hotkey_is_pressed_in_and_its_fate_is_told(dialog: SettingsDialog, qtbot: QtBot) -> None:
    field = dialog.fields["hotkey"]
    assert isinstance(field, QKeySequenceEdit)
    qtbot.keyClick(field, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    assert dialog.settings().hotkey == "Ctrl+Alt+M"
    dialog.set_hotkey_status(False, "Taken by another program.")
    (hint,) = [hint for hint in dialog.findChildren(Hint) if hint.text() == "Taken by another program."]
    assert hint.property("textRole") == "error"


def test_without_hotkeys_or_tray_it_says_why(qtbot: QtBot) -> None:
    dialog = SettingsDialog(Settings(), no_hotkey="This desktop gives none.", has_tray=False)
    qtbot.addWidget(dialog)
    assert not dialog.fields["hotkey"].isEnabled() and not dialog.fields["close_to_tray"].isEnabled()
    shown = {hint.text() for hint in dialog.findChildren(Hint)}
    assert {"This desktop gives none.", "This desktop has no tray."} <= shown


def test_a_folder_without_a_model_is_told(dialog: SettingsDialog, data_dir: Path) -> None:
    field = dialog.fields["checkpoint"]
    assert isinstance(field, PathField)
    field.set_path(str(data_dir))
    wrong = [hint.text() for hint in dialog.findChildren(Hint) if hint.property("textRole") == "error"]
    assert wrong == ["No model is there: model.safetensors, config.json, vocab.txt is missing."]
    for name in MODEL_FILES:
        (data_dir / name).touch()
    field.set_path("")
    field.set_path(str(data_dir))
    assert not [hint for hint in dialog.findChildren(Hint) if hint.property("textRole") == "error"]


def test_the_files_of_a_model_are_those_of_the_core() -> None:
    from core_model.checkpoint import CONFIG, VOCABULARY, WEIGHTS

    assert set(MODEL_FILES) == {CONFIG, VOCABULARY, WEIGHTS}


def test_the_keyboard_reaches_every_field(dialog: SettingsDialog, qtbot: QtBot) -> None:
    pages = dialog.findChild(QListWidget)
    reached: set[str] = set()
    for row in range(pages.count()):
        pages.setFocus()
        pages.setCurrentRow(row)
        for _ in range(24):
            focused = QApplication.focusWidget()
            assert focused is not None
            reached |= {
                name for name, field in dialog.fields.items() if field is focused or field.isAncestorOf(focused)
            }
            qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert reached == set(dialog.fields)


def test_every_field_has_a_name_and_a_key_of_its_own(dialog: SettingsDialog) -> None:
    assert all(field.accessibleName() for field in dialog.fields.values())
    pages: dict[QWidget, list[str]] = {}
    for shown in (*dialog.findChildren(QLabel), *dialog.findChildren(QAbstractButton)):
        text, page = shown.text(), shown.parentWidget()
        while page is not None and page.parentWidget() is not dialog.findChild(QListWidget).parentWidget():
            page = page.parentWidget()
        if "&" in text and page is not None:
            holder = next((p for p in page.children() if isinstance(p, QWidget) and p.isAncestorOf(shown)), page)
            pages.setdefault(holder, []).append(text[text.index("&") + 1].lower())
    assert len(pages) == 5 and all(len(set(keys)) == len(keys) for keys in pages.values()), pages
