"""What all tests share: which of them can run here.

A test that needs a program carries a marker; where the program is absent the test is skipped, and says what it lacks.
With FORMULENS_SKIP_NOTHING set (as .ci/run does) that is an error instead. Tests marked ``gpu`` run where CUDA is.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import app  # noqa: F401 - keeps PySide6, which the Qt plugin loads for all tests, from ending the interpreter
from tests import program

DEBIAN_KATEX = Path("/usr/share/javascript/katex/katex.min.js")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a packaged program be tried."""
    parser.addoption("--program", metavar="COMMAND", help="what calls a packaged program; with -m program")


def pytest_configure(config: pytest.Config) -> None:
    """Settings for the tests and the programs that they start.

    Matplotlib draws without a window. One thread each: tests run in as many processes as there are processors.
    """
    if packaged := config.getoption("--program"):
        os.environ[program.VARIABLE] = packaged
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what cannot run here, or refuse to start where nothing may be skipped."""
    without_gpu = [item for item in items if item.get_closest_marker("gpu") and not has_cuda()]
    if without_gpu:
        config.hook.pytest_deselected(items=without_gpu)
        items[:] = [item for item in items if item not in without_gpu]
    lacking = set()
    for item in items:
        for marker, missing in CHECKS.items():
            if item.get_closest_marker(marker) and missing():
                lacking.add(f"tests marked {marker} need {missing()}")
                item.add_marker(pytest.mark.skip(reason=f"needs {missing()}"))
    if lacking and os.environ.get("FORMULENS_SKIP_NOTHING"):
        raise pytest.UsageError("nothing may be skipped here, but " + "; ".join(sorted(lacking)))


@cache
def missing_for_tex() -> str:
    """Name the TeX programs and packages that are absent; empty if all is there."""
    missing = [name for name in ("latex", "pdflatex", "dvipng", "pdftoppm", "gs") if not shutil.which(name)]
    if not missing and shutil.which("kpsewhich"):
        packages = ("preview.sty", "amsmath.sty", "cancel.sty", "lmodern.sty")
        found = subprocess.run(["kpsewhich", *packages], capture_output=True, text=True, check=False).stdout
        missing = [package for package in packages if package not in found]
    return ", ".join(missing)


@cache
def missing_for_browser() -> str:
    """Name what a test with a browser lacks; empty if all is there."""
    if not any(shutil.which(name) for name in BROWSERS):
        return "Chromium"
    return "" if DEBIAN_KATEX.is_file() or shutil.which("npm") else "KaTeX (Debian: libjs-katex), or npm to get it"


@cache
def missing_display() -> str:
    """Name what is absent of the programs that make a display of our own; tests marked display start one themselves."""
    missing = [name for name in ("Xvfb", "openbox", "xdotool", "xclip", "xrandr") if not shutil.which(name)]
    return ", ".join(missing)


@cache
def missing_for_namespaces() -> str:
    """Name what is absent of the means to run a program without a network or disk space, and to watch its sockets."""
    if sys.platform != "linux":
        return "Linux"
    missing = [name for name in ("unshare", "strace", "dbus-daemon") if not shutil.which(name)]
    if missing:
        return ", ".join(missing)
    for command in (["unshare", "--map-root-user", "--net", "--mount", "true"], ["strace", "-o", os.devnull, "true"]):
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return f"leave to use {command[0]}"
    return ""


CHECKS = {
    "tex": missing_for_tex,
    "browser": missing_for_browser,
    "display": missing_display,
    "namespaces": missing_for_namespaces,
}


@cache
def has_cuda() -> bool:
    """Tell whether torch finds a CUDA device; asked only when a test needs one."""
    import torch

    return torch.cuda.is_available()
