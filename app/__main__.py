"""`formulens`, also `python -m app`: the window, or `formulens recognize` in the terminal.

Exit status: 0 ended as asked, 1 some pictures could not be read, 2 nothing could be started (usage, display, model).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from app import cli
from core_model.device import torch_may_help

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `formulens`; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["recognize"]:
        return cli.main(arguments[1:])
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command and options.files:
        parser.error(f"--{options.command} takes no files")
    if fault := _no_display():
        print(f"error: {fault} Pictures are read without a window by `formulens recognize FILE...`", file=sys.stderr)
        return 2
    if sys.platform == "win32" and torch_may_help():
        # torch 2.9 and newer can fail to load its libraries once Qt's are loaded: pytorch/pytorch#169429.
        import torch  # noqa: F401
    try:
        from app.startup import run
    except ImportError as error:
        print(
            f"error: the window needs PySide6, which cannot be loaded here ({error}). Install Formulens again; on "
            "Debian and Ubuntu the package libxcb-cursor0 may be missing.",
            file=sys.stderr,
        )
        return 2
    return run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="formulens",
        description="Snip a formula on the screen, or draw one, and get its LaTeX; offline.",
        epilog="Without a window: formulens recognize FILE... (see formulens recognize --help)",
    )
    parser.add_argument("--version", action="version", version=f"formulens {cli.version()}")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="pictures, PDF or ink to open")
    commands = parser.add_mutually_exclusive_group()
    for command, words in (
        ("snip", "snip at once; for a shortcut of the desktop"),
        ("draw", "show the canvas"),
        ("paste", "read the picture on the clipboard"),
    ):
        commands.add_argument(f"--{command}", dest="command", action="store_const", const=command, help=words)
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="keep settings and history there instead")
    parser.add_argument("--device", choices=("auto", "cpu", "mps", "cuda"), help="where to compute, for this start")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="another model than the one in the box")
    return parser


def _no_display() -> str:
    """Why no window can open here; empty if one can."""
    if sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return ""
    if os.environ.get("QT_QPA_PLATFORM"):
        return ""
    return "there is no display to open a window on."


if __name__ == "__main__":
    sys.exit(main())
