import tomllib
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QDialogButtonBox, QLabel, QTabWidget, QTextBrowser
from pytestqt.qtbot import QtBot

from app.about import RELEASES, About, licence, licences, model_card, versions

ROOT = Path(__file__).parents[2]


def texts(about: About) -> list[str]:
    return [browser.toPlainText() for browser in about.findChildren(QTextBrowser)]


def test_versions_name_what_the_program_stands_on() -> None:
    found = versions()
    assert list(found)[:3] == ["Formulens", "Python", "Qt"]
    assert {"torch", "PySide6_Essentials", "ziamath"} <= set(found) and all(found.values())


def test_the_notice_comes_first() -> None:
    assert licences()[0] == "NOTICE.md" and "MIT" in licence("NOTICE.md")


def test_each_licence_can_be_chosen(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    texts_there = {"NOTICE.md": "# First\n\n| A | B |\n|---|---|\n| 1 | 2 |\n", "Qt.txt": "LGPL # <b>"}
    monkeypatch.setattr("app.about.licences", lambda: list(texts_there))
    monkeypatch.setattr("app.about.licence", texts_there.__getitem__)
    about = About(None)
    qtbot.addWidget(about)
    (choice,) = about.findChildren(QComboBox)
    assert [choice.itemText(index) for index in range(choice.count())] == ["NOTICE.md", "Qt.txt"]
    assert any(text.startswith("First") for text in texts(about))
    choice.setCurrentText("Qt.txt")
    assert "LGPL # <b>" in texts(about)


def test_it_says_where_releases_are_and_opens_nothing(qtbot: QtBot) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Releases"] == RELEASES
    about = About(None)
    qtbot.addWidget(about)
    (label,) = [label for label in about.findChildren(QLabel) if label.text() == RELEASES]
    assert not label.openExternalLinks()


def test_the_card_of_the_model_is_shown(qtbot: QtBot, data_dir: Path) -> None:
    (data_dir / "CARD.md").write_text("# ∫ model\n\nRead [this](http://example.org).\n", encoding="utf-8")
    about = About(data_dir, device="cpu: a test")
    qtbot.addWidget(about)
    assert any("∫ model" in text for text in texts(about))
    assert not any(browser.openLinks() or browser.openExternalLinks() for browser in about.findChildren(QTextBrowser))
    assert about.findChildren(QTabWidget)[0].count() == 3


def test_without_a_model_or_card_it_says_so(qtbot: QtBot, data_dir: Path) -> None:
    assert model_card(data_dir) == ""
    for checkpoint in (None, data_dir):
        about = About(checkpoint)
        qtbot.addWidget(about)
        assert any(text.startswith("There is no model card.") for text in texts(about))


def test_the_classifier_of_lone_symbols_shows_its_card_or_its_absence(qtbot: QtBot, data_dir: Path) -> None:
    symbols = data_dir / "symbols"
    symbols.mkdir()
    (symbols / "CARD.md").write_text("# symbol-cnn\n", encoding="utf-8")
    for folder, said in ((symbols, "symbol-cnn"), (None, "No classifier of lone symbols"), (data_dir, "has no card")):
        about = About(data_dir, symbols=folder)
        qtbot.addWidget(about)
        assert any(said in text for text in texts(about))


def test_weights_that_saw_crohme_are_said_not_to_be_for_commerce(qtbot: QtBot, data_dir: Path) -> None:
    (data_dir / "CARD.md").write_text("# both\n", encoding="utf-8")
    for crohme in (False, True):
        about = About(data_dir, crohme=crohme)
        qtbot.addWidget(about)
        assert any("may not be used commercially" in text and "both" in text for text in texts(about)) is crohme


def test_the_versions_can_be_copied(qtbot: QtBot) -> None:
    about = About(None)
    qtbot.addWidget(about)
    QApplication.clipboard().setText("before")
    (copy,) = [b for b in about.findChild(QDialogButtonBox).buttons() if "Copy" in b.text()]
    assert QApplication.clipboard().text() == "before"
    copy.click()
    assert QApplication.clipboard().text().startswith("Formulens ")
