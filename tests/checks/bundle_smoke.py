"""python -m tests.checks.bundle_smoke RECOGNIZE [WINDOW]

Whether a packaged program runs at all, on any system: it reads the samples as the tree does, and its window comes and
reads a picture. RECOGNIZE is the program for the terminal; WINDOW the one with the window, where that is another
(Windows). Exit status 0 if both go well. `tests.checks.bundle` tries far more, on Linux.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from app.application import READING_THERE
from tests.program import ROOT, SAMPLES

PATIENCE_S = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    programs = list(sys.argv[1:] if arguments is None else arguments)
    if len(programs) not in (1, 2):
        print(__doc__)
        return 2
    pictures = sorted(str(path) for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg"))
    said = [readings([*command, "recognize", *pictures]) for command in ([programs[0]], [sys.executable, "-m", "app"])]
    print(f"the samples are read as the tree reads them: {'yes' if said[0] == said[1] else 'NO'}", flush=True)
    seconds = window(programs[-1], pictures[0])
    print(
        "its window does not come, or reads nothing" if seconds is None else f"its window reads after {seconds:.1f} s"
    )
    return 0 if said[0] == said[1] and seconds is not None else 1


def readings(command: list[str]) -> list[str]:
    """The lines that a program prints."""
    done = subprocess.run([*command, "--device", "cpu"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    return done.stdout.splitlines()


def window(program: str, picture: str) -> float | None:
    """Seconds from the start of the window to its first reading; None if there is none."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "logs" / "formulens.log"
        began = time.monotonic()
        process = subprocess.Popen([program, "--data-dir", folder, "--device", "cpu", picture])
        try:
            while time.monotonic() - began < PATIENCE_S and process.poll() is None:
                if log.exists() and READING_THERE in log.read_text(encoding="utf-8"):
                    return time.monotonic() - began
                time.sleep(0.1)
            return None
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)


if __name__ == "__main__":
    sys.exit(main())
