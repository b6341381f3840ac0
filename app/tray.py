"""The icon in the system's tray, with a menu of what one wants without the window."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal, SignalInstance, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from app.icons import icon


class Tray(QObject):
    """Only emits what was asked for. Where there is no tray, nothing shows."""

    snip = Signal()
    draw = Signal()
    paste = Signal()
    show = Signal()
    quit = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # A menu without a parent widget belongs to nobody in Qt: this attribute keeps it.
        self._menu = QMenu()
        self._menu.setTitle("Formulens")
        self._snip = self._add("snip", self.tr("&Snip a formula"), self.snip)
        self._add("draw", self.tr("&Draw a formula"), self.draw)
        self._add("paste", self.tr("&Paste a picture"), self.paste)
        self._menu.addSeparator()
        self._add("logo", self.tr("S&how Formulens"), self.show)
        self._add("quit", self.tr("&Quit"), self.quit)
        self._icon = QSystemTrayIcon(icon("logo"), self)
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._activated)
        self.set_hotkey("")

    @property
    def is_available(self) -> bool:
        """Whether the desktop has a tray now: without one, a closed window could not be had back."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    @property
    def menu(self) -> QMenu:
        return self._menu

    def set_hotkey(self, shortcut: str) -> None:
        """Name the global shortcut of the snip in the menu and the tooltip; empty: there is none."""
        # After a tab, menus set text off as a shortcut; a real one would be taken for one of the window's.
        text = self.tr("&Snip a formula")
        self._snip.setText(f"{text}\t{shortcut}" if shortcut else text)
        self._icon.setToolTip(self.tr("Formulens: snip with {}").format(shortcut) if shortcut else "Formulens")

    def start(self) -> bool:
        """Show the icon if there is a tray, and tell whether there is; may be tried again later."""
        if not self.is_available:
            return False
        self._icon.show()
        return self._icon.isVisible()

    def stop(self) -> None:
        """Take the icon away."""
        self._icon.hide()

    def _add(self, name: str, text: str, signal: SignalInstance) -> QAction:
        action = self._menu.addAction(icon(name), text)
        action.triggered.connect(signal)
        return action

    @Slot(QSystemTrayIcon.ActivationReason)
    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        kinds = QSystemTrayIcon.ActivationReason
        # On macOS a click opens the menu, and is told as well.
        if reason == kinds.DoubleClick or (reason == kinds.Trigger and sys.platform != "darwin"):
            self.show.emit()
        elif reason == kinds.MiddleClick:
            self.snip.emit()
