"""python -m tests.checks.session FOLDER SEED [--once] [--checkpoint DIR]

A scripted session of the whole app in one process, with its files in FOLDER: `tests.checks.kill` kills it,
`tests.checks.offline` runs it without a network. Without --once it works for ever, in an order that SEED decides, and
closes and starts the app now and then; with --once it does everything once. It says what is finished as one JSON object
a line (see `tests.checks.kill`), and ends with status 1 and a sentence as soon as something does not go as it should.

On the platform offscreen, which is the default, the screen is a picture made up here; with QT_QPA_PLATFORM=xcb and a
DISPLAY it is the real one, with a sample in a window of its own. Without --checkpoint a tiny model of random weights
reads: nonsense, but soon.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

if __name__ == "__main__":  # before Qt is imported
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from app.paths import Paths
from app.startup import start_log
from tests.checks.kill import say
from tests.checks.session_program import on_qt_message, tiny_checkpoint
from tests.checks.session_steps import Session
from tests.checks.session_tour import Tour


def main() -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.session")
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("--once", action="store_true", help="do everything once, then end")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = options.checkpoint or tiny_checkpoint(options.folder)
    qInstallMessageHandler(on_qt_message)
    qt = QApplication(sys.argv[:1])
    qt.setApplicationName("Formulens")
    qt.setQuitOnLastWindowClosed(False)
    start_log(Paths.at(options.folder))
    say({"op": "ready"})
    try:
        if options.once:
            Tour(qt, options.folder, checkpoint, options.seed).once()
        else:
            Session(qt, options.folder, checkpoint, options.seed).for_ever()
    except (SystemExit, AssertionError) as fault:
        print(f"the session ends: {fault!r}", file=sys.stderr, flush=True)
        os._exit(1)  # threads still run
    return 0


if __name__ == "__main__":
    sys.exit(main())
