"""What the program is called, and where: names that the packages of all systems share."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAME = "Formulens"
COMMAND = "formulens"
IDENTIFIER = "io.github.formulens.Formulens"
"""As `app.startup` tells the desktop."""
SUMMARY = "Snip a formula, or draw one, and get its LaTeX"
PICTURES = {
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/webp": ("webp",),
    "image/gif": ("gif",),
    "image/bmp": ("bmp",),
    "image/tiff": ("tif", "tiff"),
}
"""What the window opens, by MIME type, with the endings of such files."""
PDF = {"application/pdf": ("pdf",)}
INK = {"application/inkml+xml": ("inkml",)}
OPENS = {**PICTURES, **PDF, **INK}


def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)["project"]
    return found


def version() -> str:
    """The version that is built."""
    return str(project()["version"])


def releases() -> str:
    """The address where releases are."""
    return str(project()["urls"]["Releases"])
