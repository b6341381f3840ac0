"""The line at the bottom: what is going on, and which model runs on which device and why."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar, QWidget

from app.controller import State
from app.inference import ModelInfo
from app.reading import Reading
from app.theme import set_text_role


class StatusLine(QStatusBar):
    """Left: the flow; right: model and device."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setContentsMargins(16, 0, 16, 4)
        self._flow = QLabel()
        self._last = ""
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setFixedSize(96, 8)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName(self.tr("Something is being done"))
        self._busy.hide()
        self._model = QLabel()
        for label in (self._flow, self._model):
            set_text_role(label, "muted")
        self.addWidget(self._busy)
        self.addWidget(self._flow, 1)
        self.addPermanentWidget(self._model)
        self.loading()

    def loading(self) -> None:
        """The model is being loaded."""
        self._model.setText(self.tr("The model is loading…"))
        self._model.setToolTip(self.tr("Snips taken meanwhile are read as soon as it is there."))

    def loaded(self, info: ModelInfo) -> None:
        """The model is there."""
        device = {"cpu": self.tr("processor"), "cuda": self.tr("NVIDIA GPU"), "mps": self.tr("Apple GPU")}
        self._model.setText(
            self.tr("Model {} on the {}").format(info.folder.name, device.get(info.device, info.device))
        )
        text = self.tr("Device {}: {}. Loaded in {:.1f} s from {}")
        symbols = self.tr("No classifier of lone symbols is installed: drawings are read as formulas only.")
        if info.symbols is not None:
            symbols = self.tr("Lone drawn symbols are named by {}").format(info.symbols)
        told = [text.format(info.device, info.reason, info.load_seconds, info.folder), symbols]
        if info.is_for_print:
            told.append(self.tr("It was made for printed formulas and has seen no handwriting."))
        elif "ink" in info.trained_on:
            told.append(self.tr("One model reads print and handwriting."))
        self._model.setToolTip("\n".join(told))

    def load_failed(self) -> None:
        """There is no model."""
        self._model.setText(self.tr("No model"))
        self._model.setToolTip(self.tr("Choose another checkpoint in the settings."))

    def set_state(self, state: State) -> None:
        """Show what is going on."""
        words = {
            State.IDLE: "",
            State.SHOWN: self._last,
            State.CAPTURING: self.tr("Choose the formula on the screen…"),
            State.READING: self.tr("Reading…"),
        }
        self._busy.setVisible(state is State.READING)
        self._flow.setText(words[state])

    def set_reading(self, reading: Reading) -> None:
        """Say how long the reading took."""
        times = reading.recognition.milliseconds
        spent = times.preprocess + times.encode + times.decode
        self._last = self.tr("Read {} tokens in {:.0f} ms").format(len(reading.recognition.tokens), spent)
        self._flow.setText(self._last)
