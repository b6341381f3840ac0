from pathlib import Path

from PySide6.QtWidgets import QApplication, QDialogButtonBox, QTabWidget, QTextBrowser
from pytestqt.qtbot import QtBot

from app.about import About, licences, model_card, versions


def texts(about: About) -> list[str]:
    return [browser.toPlainText() for browser in about.findChildren(QTextBrowser)]


def test_versions_name_what_the_program_stands_on() -> None:
    found = versions()
    assert list(found)[:3] == ["Formulens", "Python", "Qt"]
    assert {"torch", "PySide6_Essentials", "ziamath"} <= set(found) and all(found.values())


def test_the_notice_comes_first() -> None:
    assert next(iter(licences())) == "NOTICE.md" and "MIT" in licences()["NOTICE.md"]


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
