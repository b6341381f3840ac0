"""python -m build_spec.build [--appdir]

Makes the packaged program in build/bundle, for the system it runs on, and says how large it is:

Linux     Formulens/, Formulens-VERSION-linux-MACHINE.tar.xz, formulens_VERSION_ARCHITECTURE.deb
Windows   Formulens\\\\, Formulens-VERSION-windows-x64.exe (with Inno Setup's `iscc` in the path)
macOS     Formulens.app, Formulens-VERSION-macos-MACHINE.dmg

`make bundle` calls it in an environment of its own, with the versions of build_spec/lock.txt.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from build_spec import icons, linux, macos, parts, product, windows

OUT = product.ROOT / "build" / "bundle"
UNWANTED = ("torch", "torchvision", "pytest", "accelerate", "pyarrow")
"""Not installed where the bundle is built: what is not there cannot get into it."""


def fault(installed: Sequence[str]) -> str:
    """Why no bundle should be built in this environment; empty if one can."""
    if there := [name for name in UNWANTED if name in installed]:
        return f"{', '.join(there)} must not be installed here: use an environment of its own, as `make bundle` does"
    return ""


def freeze(work: Path, out: Path) -> Path:
    """Run PyInstaller; returns the folder of the program (on macOS the app)."""
    work.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        icons.write_ico(work / "formulens.ico")
        (work / "version.txt").write_text(windows.version_info(product.version()), encoding="utf-8")
    elif sys.platform == "darwin":
        icons.write_icns(work / "formulens.icns")
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", "--distpath", str(out)]
    command += ["--workpath", str(work), str(Path(__file__).with_name("formulens.spec"))]
    environment = {**os.environ, "FORMULENS_BUNDLE_WORK": str(work), "PYTHONHASHSEED": "1"}
    subprocess.run(command, check=True, env=environment, cwd=product.ROOT)
    if sys.platform == "linux":
        linux.strip_symbols(out / product.NAME)
    return out / (f"{product.NAME}.app" if sys.platform == "darwin" else product.NAME)


def pack(program: Path, work: Path, out: Path, *, appdir: bool = False) -> list[Path]:
    """The packages of this system."""
    version, machine = product.version(), platform.machine()
    if sys.platform == "darwin":
        return [macos.write_image(program, work, out, version, machine, os.environ)]
    if sys.platform == "win32":
        if not shutil.which("iscc"):
            print("no installer: Inno Setup's compiler iscc is not in the path", file=sys.stderr)
            return []
        icon = work / "formulens.ico"
        return [windows.write_installer(program, icon, work, out, version, product.releases(), os.environ)]
    share = work / "share"
    shutil.rmtree(share, ignore_errors=True)
    icons.write_pngs(work / "icons")
    linux.write_share(share, work / "icons")
    if appdir:
        linux.write_appdir(program, share, out / f"{product.NAME}.AppDir")
    package = linux.write_deb(program, share, work, out, linux.ARCHITECTURES.get(machine, machine))
    return [package, linux.write_archive(program, share, out, machine)]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m build_spec.build")
    parser.add_argument("--appdir", action="store_true", help="on Linux also Formulens.AppDir, for appimagetool")
    options = parser.parse_args(arguments)
    installed = [distribution.metadata["Name"].lower() for distribution in metadata.distributions()]
    if problem := fault(installed):
        print(f"error: {problem}", file=sys.stderr)
        return 1
    work = OUT / "work"
    program = freeze(work, OUT)
    if unknown := parts.without_purpose(program):
        print(f"warning: over 5 MB, and nobody says what for (build_spec/parts.py): {', '.join(unknown)}")
    packages = pack(program, work, OUT, appdir=options.appdir)
    size = parts.measured(program)
    print(f"{program.relative_to(product.ROOT)}: {size.size / parts.MB:.0f} MB in {size.files} files")
    for package in packages:
        print(f"{package.relative_to(product.ROOT)}: {package.stat().st_size / parts.MB:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
