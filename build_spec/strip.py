"""What the bundle does without, and why: modules that are never imported, files that are never opened.

A file goes by its name in the bundle, with forward slashes on every system: `PySide6/Qt/lib/libQt6Core.so.6`. What is
found to be needed after all comes out of these tables; `make bundle-test` finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

_MODULES = {
    "tests": "pytest _pytest hypothesis test _testcapi _testinternalcapi lib2to3 matplotlib.tests",
    "installs packages": "pip ensurepip setuptools _distutils_hack pkg_resources",
    "another toolkit for windows": (
        "tkinter _tkinter turtle idlelib gi wx PyQt5 PyQt6 PIL.ImageTk PIL._imagingtk PIL.ImageQt "
        "matplotlib.backends.backend_webagg matplotlib.backends.backend_nbagg"
    ),
    "an interactive shell": "IPython readline _curses pdb doctest",
    "secure connections, and the app makes none": "_ssl ssl _hashlib",
    "a data base under the GPL, which nothing opens": "_gdbm _dbm",
    "compiles other languages": "numpy.f2py numpy.distutils",
    "other languages than LaTeX": "sympy.parsing.autolev sympy.parsing.fortran sympy.parsing.c",
    "physics of bodies, lenses and circuits": (
        "sympy.physics.mechanics sympy.physics.biomechanics sympy.physics.continuum_mechanics sympy.physics.control "
        "sympy.physics.optics sympy.physics.hep"
    ),
    "for training and for graphics cards: NumPy reads here": "torch torchvision accelerate pyarrow",
}
MODULES = {module: why for why, modules in _MODULES.items() for module in modules.split()}
"""Module -> why it is left out, with all that is below it."""

_FILES = {
    "a driver, which must be that of the computer; `core_model.device` looks for it": "libcuda.* nvcuda.dll",
    "debug symbols": "*.pdb *.dSYM/*",
    "types for checkers": "*.pyi */py.typed",
    "source and headers": "*.h *.hpp *.c *.cpp *.pxd *.pyx *.cmake",
    "Qt modules that no window uses": " ".join(
        f"PySide6/*Qt6{part}.* PySide6/Qt{part}.abi3.so PySide6/Qt{part}.pyd PySide6/*/Qt{part}.framework/*"
        for part in (
            "Qml* Quick* OpenGL* Designer* Help* Labs* Test* Sql* Concurrent* PrintSupport* ShaderTools* UiTools* "
            "VirtualKeyboard* PdfQuick* PdfWidgets* SvgWidgets* EglFsKms* EglFSDeviceIntegration* "
            "WlShellIntegration* WaylandCompositor* WaylandEglCompositor* Wayland*Hw* Xml"
        ).split()
    ),
    "Qt's software for OpenGL, which no window draws with": "PySide6/opengl32sw.dll PySide6/d3dcompiler_47.dll",
    "QML": "PySide6/Qt/qml/* PySide6/qml/* PySide6/*/qmltooling/*",
    "screens of devices without a desktop": (
        "*/platforms/*qeglfs.* */platforms/*qlinuxfb.* */platforms/*qvkkhrdisplay.* */platforms/*qvnc.* "
        "*/platforms/*qminimalegl.* */platforms/*qminimal.* */egldeviceintegrations/* */generic/*"
    ),
    "secure connections and news of the network, and the app makes no connection": "*/tls/* */networkinformation/*",
    "Wayland's shells of cars and of its first years": (
        "*/wayland-shell-integration/*wl-shell* */wayland-shell-integration/*ivi-shell* "
        "*/wayland-shell-integration/*qt-shell* */wayland-shell-integration/*fullscreen-shell*"
    ),
    "plugins for OpenGL, QML, printers and data bases, of which no window makes use": (
        "*/wayland-graphics-integration-client/* */wayland-graphics-integration-server/* */vectorimageformats/* "
        "*/printsupport/* */sqldrivers/* */plugins/designer/*"
    ),
    "keyboards on the screen": "*/platforminputcontexts/*qtvirtualkeyboard*",
    "a theme that brings GTK along; the app has its own looks": "*/platformthemes/*qgtk3.* *libgtk-3.* *libgdk-3.*",
    "texts of Qt's dialogs in other languages: the app speaks English": "PySide6/*translations/*",
    "matplotlib's letters for formulas and in other shapes than a figure's titles have": (
        "matplotlib/mpl-data/fonts/ttf/STIX* matplotlib/mpl-data/fonts/ttf/cm*.ttf "
        "matplotlib/mpl-data/fonts/ttf/DejaVuSerif* matplotlib/mpl-data/fonts/ttf/DejaVuSansMono*"
    ),
    "matplotlib's examples, icons of its windows and fonts for PDF": (
        "matplotlib/mpl-data/sample_data/* matplotlib/mpl-data/images/* matplotlib/mpl-data/plot_directive/* "
        "matplotlib/mpl-data/fonts/afm/* matplotlib/mpl-data/fonts/pdfcorefonts/*"
    ),
    "time zones": "tzdata/zoneinfo/* dateutil/zoneinfo/* pytz/*",
    "what pip knows of a package, but for its version": (
        "*.egg-info/* *.dist-info/RECORD *.dist-info/WHEEL *.dist-info/INSTALLER *.dist-info/REQUESTED "
        "*.dist-info/entry_points.txt *.dist-info/top_level.txt *.dist-info/licenses/* *.dist-info/sboms/*"
    ),
    "tests": "*/tests/*",
}
FILES = tuple((pattern, why) for why, patterns in _FILES.items() for pattern in patterns.split())
"""Patterns of names of files, each with why they are left out."""

Entry = tuple[str, str, str]
"""PyInstaller's: name in the bundle, source (of a link: what it shows to), kind."""


def why_left_out(name: str) -> str:
    """Why a file is not in the bundle; empty if it is.

    Args:
        name: in the bundle, with slashes of either kind.
    """
    name = name.replace("\\", "/")
    return next((why for pattern, why in FILES if fnmatchcase(name, pattern)), "")


def kept(entries: Iterable[Entry]) -> list[Entry]:
    """Of PyInstaller's entries those that are wanted; a link goes with what it shows to."""
    wanted = [entry for entry in entries if not why_left_out(entry[0])]
    names = {name.replace("\\", "/") for name, _, _ in wanted}
    return [entry for entry in wanted if entry[2] != "SYMLINK" or _target(entry) in names]


def _target(link: Entry) -> str:
    return (PurePosixPath(link[0].replace("\\", "/")).parent / link[1].replace("\\", "/")).as_posix()


def reached(entries: Iterable[Entry], needs: Callable[[str], Iterable[str]]) -> list[Entry]:
    """Of the entries of a bundle for Linux those without the libraries that nothing needs any more.

    PyInstaller collects what plugins need before those plugins are left out here. Modules and plugins are reached by
    their names; the libraries of the system, which lie at the top of the bundle, only if something asks for them.

    Args:
        needs: the names of the libraries that a file asks for.
    """
    entries = list(entries)
    top = {name: source for name, source, kind in entries if kind == "BINARY" and "/" not in name and ".so" in name}
    loaded = {name for name in top if name.startswith("libpython")}
    waiting = [top[name] for name in loaded]
    waiting += [source for name, source, kind in entries if name not in top and kind in ("BINARY", "EXTENSION")]
    while waiting:
        for library in needs(waiting.pop()):
            if library in top and library not in loaded:
                loaded.add(library)
                waiting.append(top[library])
    return [entry for entry in entries if entry[0] not in top or entry[0] in loaded]
