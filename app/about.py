"""About: the versions of the program and of what it stands on, the model's card, and the licences."""

from __future__ import annotations

import platform
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Slot, qVersion
from PySide6.QtGui import QTextFrameFormat, QTextLength, QTextTable
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.icons import icon
from app.theme import colors, set_text_role

PARTS = (
    "torch numpy Pillow safetensors threadpoolctl PySide6_Essentials mss ziamath latex2mathml tex2typst sympy "
    "matplotlib platformdirs"
).split()
CARD = "CARD.md"
RELEASES = "https://github.com/formulens/formulens/releases"
"""Where releases are, as pyproject.toml says it too; nothing opens the address but the user."""


def versions() -> dict[str, str]:
    """Name -> version of the program, of Python and of the packages; those that are not installed are left out."""
    found = {"Formulens": _version("formulens") or "source tree", "Python": platform.python_version(), "Qt": qVersion()}
    found |= {part: _version(part) for part in PARTS}
    return {part: number for part, number in found.items() if number}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def licences() -> list[str]:
    """The names of the texts in resources/licenses, the notice first, then what a packaged program says of itself."""
    first = ("NOTICE.md", "BUNDLE.md", "LICENSE.txt")
    names = [entry.name for entry in (files("resources") / "licenses").iterdir() if entry.is_file()]
    return sorted(names, key=lambda name: (first.index(name) if name in first else len(first), name.lower()))


def licence(name: str) -> str:
    """One of these texts."""
    return (files("resources") / "licenses" / name).read_text(encoding="utf-8")


def model_card(checkpoint: Path) -> str:
    """The card of a checkpoint as Markdown; empty if it has none that can be read."""
    try:
        return (checkpoint / CARD).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class About(QDialog):
    """Only shows. No link in it opens anything: the program makes no connection."""

    def __init__(
        self,
        checkpoint: Path | None,
        parent: QWidget | None = None,
        *,
        symbols: Path | None = None,
        device: str = "",
        crohme: bool = False,
    ) -> None:
        """`checkpoint` is the folder of the model in use, None while there is none; `symbols` the folder of the
        classifier of lone symbols, likewise; `device` says where they run; `crohme` whether the model was trained on
        CROHME's ink.
        """
        super().__init__(parent)
        self.setWindowTitle(self.tr("About Formulens"))
        self._versions = versions()
        tabs = QTabWidget()
        tabs.addTab(self._make_versions(device), self.tr("&Versions"))
        tabs.addTab(_browser(self._cards(checkpoint, symbols, crohme), self.tr("Model card")), self.tr("&Model"))
        tabs.addTab(self._make_licences(), self.tr("&Licences"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        copy = QPushButton(icon("copy", self.palette()), self.tr("&Copy versions"))
        copy.setToolTip(self.tr("For a report of a fault"))
        copy.setAutoDefault(False)
        copy.clicked.connect(self._copy)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(16)
        column.addLayout(self._make_head())
        column.addWidget(tabs, 1)
        column.addWidget(buttons)
        self.resize(720, 560)

    def _cards(self, checkpoint: Path | None, symbols: Path | None, crohme: bool) -> str:
        """The cards of the model and of the classifier of lone symbols, or that they are absent; before them what
        CROHME's licence means.
        """
        card = (model_card(checkpoint) if checkpoint is not None else "") or self.tr("There is no model card.")
        if checkpoint is None:
            return card
        if symbols is None:
            named = self.tr("No classifier of lone symbols is installed: drawings are read as formulas only.")
        else:
            named = model_card(symbols) or self.tr("The classifier of lone symbols has no card.")
        if crohme:
            card = f"{self._licence_of_weights()}\n\n---\n\n{card}"
        return f"{card}\n\n---\n\n{named}"

    def _licence_of_weights(self) -> str:
        return self.tr(
            "The code of Formulens is MIT. The weights of this model were trained on CROHME's handwriting, whose "
            "licence is CC BY-NC-SA 3.0: on a strict reading they may not be used commercially. The card below says "
            "how to make weights without it."
        )

    def _make_head(self) -> QHBoxLayout:
        sign = QLabel()
        sign.setPixmap(icon("logo").pixmap(QSize(64, 64), self.devicePixelRatioF()))
        name = QLabel("Formulens")
        font = name.font()
        font.setPointSizeF(font.pointSizeF() * 1.8)
        font.setBold(True)
        name.setFont(font)
        said = QLabel(self.tr("A picture of a formula in, its LaTeX out. Offline."))
        set_text_role(said, "muted")
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addStretch(1)
        words.addWidget(name)
        words.addWidget(said)
        words.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(sign)
        head.addLayout(words, 1)
        return head

    def _make_versions(self, device: str) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(0, 16, 0, 0)
        form.setHorizontalSpacing(24)
        form.setVerticalSpacing(6)
        more = {self.tr("Device"): device, self.tr("Releases"): RELEASES}
        for part, number in (self._versions | {part: said for part, said in more.items() if said}).items():
            shown = QLabel(number)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            shown.setAccessibleName(f"{part} {number}")
            form.addRow(part, shown)
        return page

    def _make_licences(self) -> QWidget:
        """One text at a time: a packaged program brings some fifty, and a megabyte."""
        page = QWidget()
        self._licence = _browser("", self.tr("Text of the licence"))
        choice = QComboBox()
        choice.setAccessibleName(self.tr("Licences"))
        choice.currentTextChanged.connect(self._show_licence)
        choice.addItems(licences())
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 16, 0, 0)
        column.setSpacing(8)
        column.addWidget(choice)
        column.addWidget(self._licence, 1)
        return page

    @Slot(str)
    def _show_licence(self, name: str) -> None:
        if name.endswith(".md"):
            self._licence.setMarkdown(licence(name))
            _calm_tables(self._licence)
        else:
            self._licence.setPlainText(licence(name))

    @Slot()
    def _copy(self) -> None:
        lines = [f"{part} {number}" for part, number in self._versions.items()]
        QApplication.clipboard().setText("\n".join([*lines, platform.platform()]))


def _browser(markdown: str, name: str) -> QTextBrowser:
    shown = QTextBrowser()
    shown.setOpenLinks(False)
    shown.setMarkdown(markdown)
    _calm_tables(shown)
    shown.setAccessibleName(name)
    shown.setFrameShape(QTextBrowser.Shape.NoFrame)
    shown.document().setDocumentMargin(12)
    return shown


def _calm_tables(shown: QTextBrowser) -> None:
    """Single hairlines and room in the cells, where Markdown tables come with double ones and none."""
    for frame in shown.document().rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            form = frame.format().toTableFormat()
            form.setBorderCollapse(True)
            form.setBorder(1)
            form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
            form.setBorderBrush(colors(shown.palette()).line)
            form.setCellPadding(6)
            form.setCellSpacing(0)
            form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
            frame.setFormat(form)
