"""The program that tests call from outside: the tree's own, or a packaged one.

    python -m pytest --program 'COMMAND' -m program tests    # with a packaged program, all that can be tried on it

Tests marked `program` do so; some of them call the program instead of the function beneath it, others after it, to see
whether it says the same.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "resources" / "samples"
VARIABLE = "FORMULENS_PROGRAM"
LONGEST_S = 300.0


def command() -> list[str]:
    """What calls the program."""
    return shlex.split(os.environ.get(VARIABLE, "")) or [sys.executable, "-m", "app"]


def is_packaged() -> bool:
    """Whether tests are asked to call a packaged program."""
    return bool(os.environ.get(VARIABLE))


def call(*arguments: str, said: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run it to its end; text is UTF-8."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [*command(), *arguments],
        stdout=said,
        stderr=subprocess.PIPE,
        env=environment,
        encoding="utf-8",
        timeout=LONGEST_S,
        check=False,
    )


def check_refusal(message: str, path: Path, *flags: str) -> None:
    """See that a packaged program refuses a file with these words, if there is one."""
    if not is_packaged():
        return
    done = call("recognize", str(path), "--json", "--device", "cpu", *flags)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["error"] == message
    assert "Traceback" not in done.stderr


def check_failure(message: str, *arguments: str) -> None:
    """See that a packaged program does not start to read, and says this, if there is one."""
    if not is_packaged():
        return
    done = call("recognize", *arguments, "--device", "cpu")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")
