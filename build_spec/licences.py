"""The licences of what the bundle contains beside Formulens itself: each as its owner wrote it.

A part whose licence is not found stops the build: nothing is passed on without it. Texts that a package forgot to bring
lie in `build_spec/licences`.
"""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

OWN = Path(__file__).with_name("licences")
_LICENCE = re.compile(r"(un)?licen[cs]e|copying|notice|copyright|authors", re.IGNORECASE)
ALSO = {
    "pyside6-essentials": ("LGPL-3.0", "GPL-3.0"),
    "pyside6-pdf": ("PDFium",),
    "ziamath": ("OFL-1.1",),
    "ziafont": ("DejaVu",),
}
"""Texts beside a package's own, by the names of files in `build_spec/licences`."""
SAME = {"shiboken6": "PySide6", "pyside6-essentials": "PySide6", "pyside6-pdf": "PySide6"}
"""Packages whose licence is told in one text of ours."""
BUILDERS = {"pyinstaller"}
"""In the bundle though nothing imports them: PyInstaller's start program."""


class LicenceError(Exception):
    """A part of the bundle has no licence text."""


@dataclass(frozen=True)
class Part:
    """Something by others that is in the bundle."""

    name: str
    version: str
    licence: str
    """In a word or two."""
    text: str


def normal(name: str) -> str:
    """A distribution's name as the index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(modules: Iterable[str]) -> list[str]:
    """The distributions that top-level modules come from; Python's own modules come from none."""
    owners = metadata.packages_distributions()
    found = {normal(owner) for module in set(modules) for owner in owners.get(module, ())}
    return sorted((found | BUILDERS) - {"formulens"})


def of_distribution(name: str) -> Part:
    """The licence of an installed distribution; raises LicenceError if none is found."""
    found = metadata.distribution(name)
    texts = {}
    for file in found.files or ():
        inside = ".dist-info" in file.parts[0]
        titled = any(_LICENCE.match(part) for part in file.parts[1:]) if inside else bool(_LICENCE.match(file.name))
        if titled and file.suffix not in (".py", ".pyc", ".pyi", ".h"):
            text = Path(str(file.locate())).read_text(encoding="utf-8", errors="replace").strip()
            if text:
                texts["/".join(file.parts[1:] if inside else file.parts)] = text
    own = [SAME.get(name, name), *ALSO.get(name, ())]
    for stem in own:
        if (path := OWN / f"{stem}.txt").is_file():
            texts[stem] = path.read_text(encoding="utf-8").strip()
    if not texts:
        raise LicenceError(f"{name} brings no licence text: put it into {OWN / f'{name}.txt'}")
    # The same text under two names, as vendored packages have it, is told once.
    told: dict[str, str] = {}
    for title, text in texts.items():
        told.setdefault(text, title)
    parts = [text if len(told) == 1 else f"[{title}]\n\n{text}" for text, title in told.items()]
    return Part(found.metadata["Name"], found.version, _in_a_word(found.metadata), "\n\n\n".join(parts))


def _in_a_word(known: metadata.PackageMetadata) -> str:
    stated = next((known[field] for field in ("License-Expression", "License") if field in known), "")
    if stated and "\n" not in stated and len(stated) < 60:
        return stated
    kinds = [line.rpartition(" :: ")[2] for line in known.get_all("Classifier") or [] if line.startswith("License")]
    return ", ".join(kinds) or "see its text"


def of_python() -> Part:
    """Python itself."""
    folder = Path(sysconfig.get_path("stdlib"))
    places = (folder / "LICENSE.txt", folder.parent / "LICENSE.txt", Path("/usr/share/doc/python3/copyright"))
    text = next((place.read_text(encoding="utf-8") for place in places if place.is_file()), "")
    if not text:
        text = (OWN / "Python.txt").read_text(encoding="utf-8")
    return Part("Python", sysconfig.get_config_var("py_version") or "", "PSF-2.0", text.strip())


def of_debian(libraries: Iterable[Path]) -> list[Part]:
    """Debian's packages that libraries of the system come from, with what Debian says of their copyright."""
    packages: dict[str, Part] = {}
    for library in sorted(set(libraries)):
        package, number = debian_package(library)
        if package in packages:
            continue
        place = Path("/usr/share/doc") / package.partition(":")[0] / "copyright"
        try:
            text = place.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            raise LicenceError(f"{library} is of {package}, which has no {place}") from None
        packages[package] = Part(package.partition(":")[0], number, "see its text", text)
    return list(packages.values())


def debian_package(library: Path) -> tuple[str, str]:
    """Debian's package and version that a file comes from; raises LicenceError if it comes from none."""
    for place in dict.fromkeys((library, library.resolve(), *_under_usr(library), *_under_usr(library.resolve()))):
        done = subprocess.run(["dpkg-query", "--search", str(place)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            package = done.stdout.partition(": ")[0].partition(",")[0]
            shown = subprocess.run(
                ["dpkg-query", "--show", "--showformat=${Version}", package], capture_output=True, text=True, check=True
            )
            return package, shown.stdout
    raise LicenceError(f"{library} comes from no package of Debian, and so without a licence")


def _under_usr(path: Path) -> tuple[Path, ...]:
    """The same file where /lib is a link to /usr/lib, under its other name."""
    if path.is_relative_to("/usr/lib"):
        return (Path("/") / path.relative_to("/usr"),)
    return (Path("/usr") / path.relative_to("/"),) if path.is_relative_to("/lib") else ()


def write(parts: Iterable[Part], folder: Path) -> list[Path]:
    """A file for each part, and `BUNDLE.md`, which lists them; returns all."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(parts, key=lambda part: part.name.lower())
    made = []
    rows = []
    for part in ordered:
        made.append(folder / f"{part.name}.txt")
        made[-1].write_text(f"{part.name} {part.version}\n\n{part.text}\n", encoding="utf-8")
        rows.append(f"| {part.name} | {part.version} | {part.licence} |")
    made.append(folder / "BUNDLE.md")
    made[-1].write_text(BUNDLE.replace("ROWS", "\n".join(rows)), encoding="utf-8")
    return made


BUNDLE = """# What this packaged program contains

Formulens itself is under the MIT licence (`LICENSE`). With it come the parts below, unchanged but for debug symbols and
files that are never opened, each under its own licence. The full texts lie beside this file, and can be chosen above.

Qt and PySide6 are under the LGPL-3.0. They lie as libraries of their own in the folder `PySide6` of the program, so
that you may put another version of them, or one that you changed, in their place; and you may take the program apart
to see how it works with that. Their source is at <https://download.qt.io/official_releases/qt/> and
<https://code.qt.io/cgit/pyside/pyside-setup.git/>. Other libraries under the LGPL lie there in the same way. The
program is started by PyInstaller's start program, whose licence (GPL-2.0 or later) has an exception for what it starts.

| Part | Version | Licence |
|---|---|---|
ROWS
"""
