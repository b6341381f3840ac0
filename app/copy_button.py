"""The button that copies, with a menu of all formats beside it.

Its shortcuts are the window's, where the same actions stand in the menu bar.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from app.formats import FORMATS
from app.icons import icon
from app.theme import colors, mixed

PICTURES = ("svg", "png", "figure")
HEIGHT = 30


class CopyButton(QToolButton):
    """The one thing to do with a good reading, so the one button in the accent colour."""

    copy_requested = Signal(str)
    """The key of a format."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._format = FORMATS[0].key
        self._menu = QMenu(self)
        self._menu.setAccessibleName(self.tr("Copy as"))
        was_picture = False
        for one in FORMATS:
            if (one.kind in PICTURES) != was_picture:
                self._menu.addSeparator()
                was_picture = not was_picture
            action = self._menu.addAction(one.label)
            action.setData(one.key)
        self._menu.triggered.connect(self._on_menu)
        self.setText(self.tr("Copy"))
        self.setAccessibleName(self.tr("Copy"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.setMenu(self._menu)
        self.setIcon(icon("copy", role="on_accent"))
        self.setIconSize(QSize(22, 16))  # wider than the drawing, which keeps it off the text
        self.setFixedHeight(HEIGHT)
        self.setEnabled(False)
        self.clicked.connect(self._on_clicked)
        self.set_default_format(self._format)
        self._restyle()

    def set_default_format(self, key: str) -> None:
        """The format of a plain click; the menu shows it in bold."""
        self._format = key
        label = next((one.label for one in FORMATS if one.key == key), key)
        self.setToolTip(self.tr("Copy as {format} (Ctrl+Enter); others beside (Ctrl+Shift+C)").format(format=label))
        for action in self._menu.actions():
            if action.data() == key:
                self._menu.setDefaultAction(action)

    @Slot()
    def _on_clicked(self) -> None:
        self.copy_requested.emit(self._format)

    @Slot(QAction)
    def _on_menu(self, action: QAction) -> None:
        self.copy_requested.emit(str(action.data()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._restyle()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        c = colors(QGuiApplication.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(c.on_accent if self.isEnabled() else c.faint, 1.6)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        x, y = self.width() - 13.0, self.height() / 2
        painter.drawPolyline([QPointF(x - 4, y - 2), QPointF(x, y + 2), QPointF(x + 4, y - 2)])

    def _restyle(self) -> None:
        # Not by the button's own palette: its style sheet changes that, and would change with it without end.
        c = colors(QGuiApplication.palette())
        ink, ground, over = c.on_accent.name(), c.accent.name(), mixed(c.accent, c.on_accent, 0.12).name()
        style = (
            f"CopyButton {{ color: {ink}; background: {ground}; border: 1px solid {ground}; border-radius: 6px;"
            f" padding: 4px 28px 4px 10px; }}"
            f"CopyButton:hover, CopyButton:open {{ background: {over}; }}"
            f"CopyButton:focus {{ border-color: {c.ink.name()}; }}"
            f"CopyButton:disabled {{ color: {c.faint.name()}; background: {c.hover.name()}; }}"
            f"CopyButton:disabled {{ border-color: {c.hover.name()}; }}"
            "CopyButton::menu-button { border: none; width: 24px; } CopyButton::menu-arrow { image: none; }"
        )
        if style != self.styleSheet():
            self.setStyleSheet(style)
