"""What a page of the settings is made of: rows of label, field and hint, and fields that all are read alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.theme import TextRole, set_text_role

PORTABLE = QKeySequence.SequenceFormat.PortableText
STEP = 8
"""The grid that all distances are multiples of."""
LABEL_WIDTH, FIELD_WIDTH = 16 * STEP, 26 * STEP
FIELD_HEIGHT = 30
"""Of a field in the application's stylesheet: 18, twice a padding of 5, twice a line of 1."""


class Hint(QLabel):
    """Small text beneath a field, in a colour of the theme; it takes no room while it is empty."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)
        self.say(text)

    def say(self, text: str, role: TextRole = "muted") -> None:
        """Show a text in the colour of a role: `muted`, `warning`, `error`, `good`."""
        self.setText(text)
        self.setVisible(bool(text))
        set_text_role(self, role)


class PathField(QWidget):
    """A path that may be left out, with a button to choose one."""

    browse = Signal()
    changed = Signal()

    def __init__(self, default: str, browse: str) -> None:
        """`default` is what an empty path means, `browse` the button's tooltip."""
        super().__init__()
        self._line = QLineEdit()
        self._line.setPlaceholderText(default)
        self._line.setClearButtonEnabled(True)
        self._line.textChanged.connect(self.changed)
        button = QPushButton(self.tr("Choose…"))
        button.setAutoDefault(False)
        button.setToolTip(browse)
        button.setAccessibleName(browse)
        button.clicked.connect(self.browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(STEP)
        row.addWidget(self._line, 1)
        row.addWidget(button)
        self.setFocusProxy(self._line)

    def path(self) -> str:
        return self._line.text().strip()

    def set_path(self, path: str) -> None:
        self._line.setText(path)

    def setAccessibleName(self, name: str) -> None:
        """The line is what a screen reader meets."""
        super().setAccessibleName(name)
        self._line.setAccessibleName(name)


class PercentBox(QSpinBox):
    """Shows a share of 1 in percent."""

    def __init__(self) -> None:
        super().__init__()
        self.setRange(0, 100)
        self.setSuffix(" %")
        _indent(self)


class SettingsPage(QWidget):
    """A title and rows under it."""

    def __init__(self, title: str) -> None:
        super().__init__()
        heading = QLabel(title)
        font = heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.35)
        font.setBold(True)
        heading.setFont(font)
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(2 * STEP)
        self._form.setVerticalSpacing(STEP * 3 // 2)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, STEP // 2, STEP, 0)
        column.setSpacing(2 * STEP)
        column.addWidget(heading)
        column.addLayout(self._form)
        column.addStretch(1)

    def row(self, label: str, field: QWidget, hint: str = "") -> Hint:
        """Add a field with its label (check boxes bring their own: leave it empty) and a hint, which is returned."""
        cell = QWidget()
        said = Hint(hint, cell)
        wide = isinstance(field, (PathField, QCheckBox))
        if not wide:
            field.setFixedWidth(FIELD_WIDTH)
        column = QVBoxLayout(cell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(STEP // 2)
        column.addWidget(field, 0, Qt.AlignmentFlag(0) if wide else Qt.AlignmentFlag.AlignLeft)
        column.addWidget(said)
        name = QLabel(label)
        name.setFixedWidth(LABEL_WIDTH)
        if label:
            name.setBuddy(field)
            # The label stands beside the field, not beside the middle of field and hint.
            name.setFixedHeight(FIELD_HEIGHT)
        self._form.addRow(name, cell)
        shown = label or (field.text() if isinstance(field, QCheckBox) else "")
        field.setAccessibleName(shown.replace("&", ""))
        field.setAccessibleDescription(hint)
        return said

    def gap(self) -> None:
        """Set what follows apart."""
        room = QWidget()
        room.setFixedHeight(STEP)
        self._form.addRow(room)


def choice(values: Mapping[str, object]) -> QComboBox:
    """A box to choose one of the labels; its value is what stands beside that label."""
    box = QComboBox()
    for label, value in values.items():
        box.addItem(label, value)
    return box


def whole(least: int, most: int, suffix: str = "", step: int = 1) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, most)
    box.setSingleStep(step)
    box.setSuffix(suffix)
    _indent(box)
    return box


def decimal(least: float, most: float, step: float, suffix: str = "") -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(1)
    box.setRange(least, most)
    box.setSingleStep(step)
    box.setSuffix(suffix)
    _indent(box)
    return box


def _indent(box: QAbstractSpinBox) -> None:
    """Let the text begin where that of the other fields does: spin boxes pass over a stylesheet's padding."""
    box.lineEdit().setTextMargins(STEP - 1, 0, 0, 0)


def read(field: QWidget) -> Any:
    """The value that a field shows, as `Settings` has it."""
    if isinstance(field, QComboBox):
        return field.currentData()
    if isinstance(field, QCheckBox):
        return field.isChecked()
    if isinstance(field, PercentBox):
        return field.value() / 100
    if isinstance(field, (QSpinBox, QDoubleSpinBox)):
        return field.value()
    if isinstance(field, QKeySequenceEdit):
        return field.keySequence().toString(PORTABLE)
    if isinstance(field, PathField):
        return field.path()
    raise TypeError(f"no field of the settings: {field!r}")


def write(field: QWidget, value: Any) -> None:
    """Let a field show a value of `Settings`."""
    if isinstance(field, QComboBox):
        field.setCurrentIndex(field.findData(value))
    elif isinstance(field, QCheckBox):
        field.setChecked(value)
    elif isinstance(field, PercentBox):
        field.setValue(round(value * 100))
    elif isinstance(field, (QSpinBox, QDoubleSpinBox)):
        field.setValue(value)
    elif isinstance(field, QKeySequenceEdit):
        field.setKeySequence(QKeySequence.fromString(value, PORTABLE))
    elif isinstance(field, PathField):
        field.set_path(value)
    else:
        raise TypeError(f"no field of the settings: {field!r}")
