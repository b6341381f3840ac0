"""A program that emits many signals survives on every version of Python."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import app  # protects
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Source(QObject):
    told = Signal(bool)

qt = QCoreApplication([])
source = Source()
for _ in range(20_000):
    source.told.emit(True)
    source.setObjectName("x")
print("alive")
"""


def test_many_signals_do_not_end_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.stdout == "alive\n", done.stderr
