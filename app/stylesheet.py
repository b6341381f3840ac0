"""The application's one stylesheet: what the palette cannot say of Fusion's controls.

Fusion derives outlines from the window's colour, and on dark ground they cannot be seen. Fields and buttons therefore
get outlines of their own, all of one height; lists, menus and text stay Fusion's.
"""

from __future__ import annotations

from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.theme import Colors

STYLE = """
QToolTip {{ color: {ink}; background: {raised}; border: 1px solid {line}; padding: 4px 6px; }}
QLabel[textRole="muted"] {{ color: {muted}; }}
QLabel[textRole="warning"] {{ color: {warning}; }}
QLabel[textRole="error"] {{ color: {error}; }}
QLabel[textRole="good"] {{ color: {good}; }}
QStatusBar::item {{ border: none; }}
QSplitter::handle {{ background: transparent; }}
QSplitter::handle:hover {{ background: {line}; }}
QMainWindow::separator {{ background: transparent; width: 8px; height: 8px; }}
QMainWindow::separator:hover {{ background: {line}; }}
QMenuBar {{ background: {window}; border-bottom: 1px solid {line}; padding: 2px; }}
QMenuBar::item {{ background: transparent; padding: 4px 8px; border-radius: 4px; }}
QMenuBar::item:selected, QMenuBar::item:pressed {{ background: {accent_soft}; color: {ink}; }}
QToolBar {{ border: none; spacing: 4px; padding: 4px; }}
QToolBar#actions {{ padding: 6px 8px; spacing: 8px; }}

QToolButton {{ border: 1px solid transparent; border-radius: 6px; padding: 5px; color: {ink}; }}
QToolButton:hover, QToolButton:open {{ background: {hover}; }}
QToolButton:pressed, QToolButton:checked {{ background: {accent_soft}; }}
QToolButton:focus {{ border-color: {accent}; }}
QToolButton:disabled {{ color: {faint}; }}
QToolButton[toolButtonStyle="2"] {{ padding: 5px 2px 5px 5px; }}
QToolButton[popupMode="1"] {{ padding-right: 14px; }}
QToolButton::menu-button {{ border: none; width: 18px; border-radius: 6px; }}
QToolButton::menu-button:hover {{ background: {accent_soft}; }}
QToolButton::menu-arrow {{ image: url("{images}/control-down.svg"); width: 12px; height: 12px; }}
QToolButton::menu-indicator {{ image: none; }}

QPushButton {{
    color: {ink}; background: {raised}; border: 1px solid {line_strong}; border-radius: 6px;
    padding: 5px 14px; min-height: 18px;
}}
QPushButton:flat {{ background: transparent; border-color: transparent; }}
QPushButton:hover {{ background: {hover}; }}
QPushButton:pressed, QPushButton:checked {{ background: {accent_soft}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:default {{ color: {on_accent}; background: {accent}; border-color: {accent}; }}
QPushButton:default:hover {{ background: {accent_hover}; }}
QPushButton:default:focus {{ border-color: {ink}; }}
QPushButton:disabled {{ color: {faint}; background: {window}; border-color: {line}; }}

QLineEdit[frame="true"], QAbstractSpinBox[frame="true"], QComboBox[frame="true"] {{
    color: {ink}; background: {paper}; border: 1px solid {line_strong}; border-radius: 6px;
    padding: 5px 8px; min-height: 18px;
}}
QLineEdit[frame="true"]:focus, QAbstractSpinBox[frame="true"]:focus, QComboBox[frame="true"]:focus {{
    border-color: {accent};
}}
QLineEdit[frame="true"]:disabled, QAbstractSpinBox[frame="true"]:disabled, QComboBox[frame="true"]:disabled {{
    color: {faint}; background: {window}; border-color: {line};
}}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: url("{images}/control-down.svg"); width: 12px; height: 12px; }}
QAbstractSpinBox[frame="true"] {{ padding: 5px 24px 5px 0; min-height: 15px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none; width: 22px; border-radius: 4px; }}
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover {{ background: {hover}; }}
QAbstractSpinBox::up-arrow {{ image: url("{images}/control-up.svg"); width: 12px; height: 12px; }}
QAbstractSpinBox::down-arrow {{ image: url("{images}/control-down.svg"); width: 12px; height: 12px; }}

QCheckBox {{ spacing: 8px; }}
QCheckBox:disabled {{ color: {faint}; }}
QCheckBox::indicator {{
    width: 14px; height: 14px; border: 1px solid {line_strong}; border-radius: 4px; background: {paper};
}}
QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border-color: {accent}; }}
QCheckBox::indicator:checked {{ background: {accent}; border-color: {accent}; image: url("{images}/{tick}"); }}
QCheckBox::indicator:checked:focus {{ border-color: {ink}; }}
QCheckBox::indicator:indeterminate {{ background: {accent_soft}; border-color: {accent}; }}
QCheckBox::indicator:disabled {{ background: {window}; border-color: {line}; }}
QCheckBox::indicator:checked:disabled {{ background: {faint}; border-color: {faint}; }}

QRadioButton {{ spacing: 8px; }}
QRadioButton:disabled {{ color: {faint}; }}
QRadioButton::indicator {{
    width: 14px; height: 14px; border: 1px solid {line_strong}; border-radius: 8px; background: {paper};
}}
QRadioButton::indicator:hover, QRadioButton::indicator:focus {{ border-color: {accent}; }}
QRadioButton::indicator:checked {{ width: 6px; height: 6px; border: 5px solid {accent}; }}
QRadioButton::indicator:disabled {{ border-color: {faint}; background: {window}; }}

QMenu {{ color: {ink}; background: {raised}; border: 1px solid {line_strong}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 10px; border-radius: 4px; }}
QMenu::item:selected {{ background: {accent_soft}; color: {ink}; }}
QMenu::item:disabled {{ color: {faint}; }}
QMenu::icon {{ padding-left: 8px; }}
QMenu::separator {{ background: {line}; height: 1px; margin: 4px 8px; }}
QMenu::indicator {{
    width: 12px; height: 12px; margin-left: 8px; border: 1px solid {line_strong}; border-radius: 3px;
    background: {paper};
}}
QMenu::indicator:exclusive {{ border-radius: 7px; }}
QMenu::indicator:checked {{ background: {accent}; border-color: {accent}; image: url("{images}/{tick}"); }}

QHeaderView::section {{
    color: {muted}; background: {window}; border: none; border-bottom: 1px solid {line}; padding: 6px 8px;
}}
QTableView {{ gridline-color: {line}; outline: none; }}
QTableView::item {{ padding: 0 8px; border: none; }}
QTableView::item:selected {{ background: {selection}; color: {ink}; }}
QTableCornerButton::section {{ background: {window}; border: none; }}
QProgressBar {{
    color: {ink}; background: {line}; border: none; border-radius: 4px; min-height: 18px; text-align: center;
}}
QProgressBar[textVisible="false"] {{ min-height: 8px; max-height: 8px; }}
QProgressBar::chunk {{ background: {progress}; border-radius: 4px; }}

QTabWidget::pane {{ border: none; border-top: 1px solid {line}; }}
QTabBar {{ qproperty-drawBase: 0; }}
QTabBar::tab {{ color: {muted}; padding: 8px 14px; border: none; border-bottom: 2px solid transparent; }}
QTabBar::tab:hover {{ color: {ink}; }}
QTabBar::tab:selected {{ color: {ink}; border-bottom-color: {accent}; }}
QTabBar::tab:focus {{ color: {accent}; }}

QListView#pages {{ background: transparent; border: none; outline: none; }}
QListView#pages::item {{ border-radius: 6px; padding: 0 8px; }}
QListView#pages::item:hover {{ background: {hover}; }}
QListView#pages::item:selected {{ background: {accent}; color: {on_accent}; }}

QAbstractScrollArea::corner {{ background: transparent; }}
QScrollBar:vertical {{ background: transparent; width: 12px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 0; }}
QScrollBar::handle {{ background: {line_strong}; border-radius: 3px; margin: 3px; }}
QScrollBar::handle:vertical {{ min-height: 32px; }}
QScrollBar::handle:horizontal {{ min-width: 32px; }}
QScrollBar::handle:hover {{ background: {muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""


def stylesheet(c: Colors, accent_hover: str, progress: str) -> str:
    """The stylesheet in the colours of a theme.

    Beside these, `accent_hover` is the accent under the pointer, and ink is readable on `progress`.
    """
    named = {field.name: getattr(c, field.name).name() for field in fields(c) if field.name != "dark"}
    images = Path(str(files("resources"))) / "icons"
    tick = f"control-tick-{'dark' if c.dark else 'light'}.svg"
    return STYLE.format(accent_hover=accent_hover, progress=progress, images=images.as_posix(), tick=tick, **named)
