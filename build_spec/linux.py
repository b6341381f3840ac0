"""The packages of Linux: an archive to unpack anywhere, and a .deb; both tell the desktop what the program opens."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from build_spec import product
from build_spec.licences import debian_package
from build_spec.product import COMMAND, IDENTIFIER, INK, NAME, OPENS, SUMMARY

PLACE = "usr/lib/formulens"
"""Of the program in an installed system."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
RECOMMENDED = ("xdg-desktop-portal",)
"""Snips on Wayland go through it."""
OPENED = (
    *("libxcb.so.1", "libxcb-randr.so.0", "libxcb-render.so.0", "libxcb-shm.so.0", "libxcb-xfixes.so.0"),
    *("libxcb-keysyms.so.1", "libdbus-1.so.3"),
)
"""Libraries of the system that Python opens by their names while it runs: mss and the global key."""
LEVEL = 1
"""Of xz for both packages: gzip leaves a fifth more, and level 6 takes three times the time for a tenth less."""
_GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)\b")


def desktop_entry(command: str = COMMAND) -> str:
    """The entry of the desktop's menu; `command` starts the program."""
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        f"Name={NAME}",
        f"Comment={SUMMARY}",
        f"Exec={command} %F",
        f"TryExec={command}",
        f"Icon={IDENTIFIER}",
        "Terminal=false",
        "Categories=Education;Math;",
        "Keywords=LaTeX;formula;equation;OCR;snip;handwriting;",
        f"MimeType={''.join(f'{kind};' for kind in OPENS)}",
        "StartupNotify=true",
        f"StartupWMClass={COMMAND}",
        "Actions=snip;draw;",
    ]
    for action, title in (("snip", "Snip a formula"), ("draw", "Draw a formula")):
        lines += ["", f"[Desktop Action {action}]", f"Name={title}", f"Exec={command} --{action}"]
    return "\n".join(lines) + "\n"


def mime_package() -> str:
    """What a file of ink is: desktops know the kinds of pictures themselves."""
    kinds = "".join(
        f'  <mime-type type="{kind}">\n    <comment>Ink of a pen</comment>\n'
        '    <sub-class-of type="application/xml"/>\n'
        '    <root-XML namespaceURI="http://www.w3.org/2003/InkML" localName="ink"/>\n'
        + "".join(f'    <glob pattern="*.{ending}"/>\n' for ending in endings)
        + "  </mime-type>\n"
        for kind, endings in INK.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">\n{kinds}</mime-info>\n'
    )


def metainfo(version: str, day: date, homepage: str) -> str:
    """What shops for programs show."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<component type="desktop-application">
  <id>{IDENTIFIER}</id>
  <name>{NAME}</name>
  <summary>{escape(SUMMARY)}</summary>
  <metadata_license>MIT</metadata_license>
  <project_license>MIT</project_license>
  <description>
    <p>Reads formulas on the screen, in pictures, PDF files and drawings, shows why it read what it read, and lets you
    correct one symbol at a time. It works without a network.</p>
  </description>
  <launchable type="desktop-id">{IDENTIFIER}.desktop</launchable>
  <url type="homepage">{escape(homepage)}</url>
  <provides>
    <binary>{COMMAND}</binary>
  </provides>
  <content_rating type="oars-1.1"/>
  <releases>
    <release version="{version}" date="{day.isoformat()}"/>
  </releases>
</component>
"""


def write_share(folder: Path, icons: Path, command: str = COMMAND, day: date | None = None) -> None:
    """Fill a folder `share` as /usr/share has it: menu entry, kinds of files, icons, description."""
    texts = {
        f"applications/{IDENTIFIER}.desktop": desktop_entry(command),
        f"mime/packages/{COMMAND}.xml": mime_package(),
        f"metainfo/{IDENTIFIER}.metainfo.xml": metainfo(
            product.version(), day or datetime.now(UTC).date(), product.releases().removesuffix("/releases")
        ),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copytree(icons / "hicolor", folder / "icons" / "hicolor", dirs_exist_ok=True)


def needed_glibc(files: Iterable[Path]) -> str:
    """The newest version of the C library that any of these libraries and programs asks for, such as 2.35."""
    found = [(0, 0)]
    for file in files:
        found += [(int(major), int(minor)) for major, minor in set(_GLIBC.findall(file.read_bytes()))]
    return "{}.{}".format(*max(found))


def programs(folder: Path) -> list[Path]:
    """All programs and libraries below a folder, links left out."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in found if is_elf(path)]


def is_elf(path: Path) -> bool:
    """Whether a file is a program or library of Linux."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


@cache
def needed(file: str) -> frozenset[str]:
    """The names of the libraries that a program or library asks for."""
    done = subprocess.run(["objdump", "-p", file], capture_output=True, text=True, check=True)
    return frozenset(re.findall(r"^\s+NEEDED\s+(\S+)$", done.stdout, re.MULTILINE))


def wanted_libraries(folder: Path) -> set[str]:
    """The libraries that the bundle asks of the system: what its files need and it does not hold, by their names."""
    held = {path.name for path in folder.rglob("*")}
    wanted: set[str] = set()
    return wanted.union(*(needed(str(file)) for file in programs(folder))) - held


def strip_symbols(folder: Path) -> int:
    """Take the symbols for debuggers out of all programs and libraries; returns how many bytes that saves.

    Libraries that were moved into a wheel together with what they need (in folders NAME.libs) are laid out in a way
    that `strip` breaks; whatever it breaks stays as it was.
    """
    saved = 0
    for file in programs(folder):
        if file.parent.name.endswith(".libs") or file.name == COMMAND:  # PyInstaller's archive hangs at the program
            continue
        stripped = file.with_name(f"{file.name}.stripped")
        done = subprocess.run(
            ["strip", "--strip-unneeded", "-o", str(stripped), str(file)], capture_output=True, check=False
        )
        if done.returncode == 0 and stripped.stat().st_size < file.stat().st_size and is_loadable(stripped):
            saved += file.stat().st_size - stripped.stat().st_size
            stripped.chmod(file.stat().st_mode)
            stripped.replace(file)
        else:
            stripped.unlink(missing_ok=True)
    return saved


def is_loadable(library: Path) -> bool:
    """Whether each part of a library lies at a place in the file from which the system can map it into memory."""
    done = subprocess.run(["readelf", "--segments", "--wide", str(library)], capture_output=True, text=True, check=True)
    parts = re.findall(r"^\s+LOAD\s+0x(\w+) 0x(\w+) .* 0x(\w+)$", done.stdout, re.MULTILINE)
    numbers = [tuple(int(one, 16) for one in part) for part in parts]
    return bool(numbers) and all((offset - address) % align == 0 for offset, address, align in numbers)


def owners(libraries: Iterable[str]) -> list[str]:
    """Debian's packages that hold libraries of the system; raises ValueError for one that is installed by none."""
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    places = dict(re.findall(r"^\s+(\S+) .*=> (\S+)$", listed, re.MULTILINE)[::-1])
    found = set()
    for library in libraries:
        if library not in places:
            raise ValueError(f"{library} is needed, but neither in the bundle nor in this system")
        found.add(debian_package(Path(places[library]))[0].partition(":")[0])
    return sorted(found)


def control(version: str, architecture: str, installed_kib: int, depends: Iterable[str], homepage: str) -> str:
    """The .deb's description of itself."""
    return f"""Package: {COMMAND}
Version: {version}
Architecture: {architecture}
Maintainer: Formulens authors <formulens@users.noreply.github.com>
Installed-Size: {installed_kib}
Depends: {", ".join(depends)}
Recommends: {", ".join(RECOMMENDED)}
Section: education
Priority: optional
Homepage: {homepage}
Description: {SUMMARY}
 Reads formulas on the screen, in pictures, PDF files and drawings. The window
 shows why it read what it read, and lets one symbol at a time be corrected.
 The model is in the box: the program needs no network.
"""


def write_deb(program: Path, share: Path, work: Path, out: Path, architecture: str) -> Path:
    """Make the .deb of a program's folder; needs dpkg-deb, no root.

    The package has no scripts: Debian's own triggers tell the desktop of the entry, the kinds of files and the icons.
    """
    root = work / "deb"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(program, root / PLACE, symlinks=True)
    shutil.copytree(share, root / "usr" / "share", symlinks=True)
    link = root / "usr" / "bin" / COMMAND
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../lib/formulens/{COMMAND}")
    document = root / "usr" / "share" / "doc" / COMMAND / "copyright"
    document.parent.mkdir(parents=True)
    licences = f"/{PLACE}/_internal/resources/licenses"
    own = (product.ROOT / "LICENSE").read_text(encoding="utf-8")
    document.write_text(f"{own}\nWhat the program contains by others, and under which licences: {licences}\n")
    libraries = owners({*wanted_libraries(program), *OPENED})
    depends = [f"libc6 (>= {needed_glibc(programs(program))})", *(one for one in libraries if one != "libc6")]
    size = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir()) // 1024
    about = root / "DEBIAN" / "control"
    about.parent.mkdir()
    about.write_text(
        control(product.version(), architecture, size, depends, product.releases().removesuffix("/releases")),
        encoding="utf-8",
    )
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    made = out / f"{COMMAND}_{product.version()}_{architecture}.deb"
    made.unlink(missing_ok=True)
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", f"-z{LEVEL}", "--build", str(root), str(made)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(root)
    return made


def write_appdir(program: Path, share: Path, folder: Path) -> Path:
    """The folder of which `appimagetool` makes one file that runs by itself."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(program, folder / PLACE, symlinks=True)
    shutil.copytree(share, folder / "usr" / "share", symlinks=True)
    (folder / "AppRun").symlink_to(f"{PLACE}/{COMMAND}")
    (folder / f"{IDENTIFIER}.desktop").write_text(desktop_entry(), encoding="utf-8")
    drawing = "usr/share/icons/hicolor/256x256/apps"
    (folder / f"{IDENTIFIER}.png").symlink_to(f"{drawing}/{IDENTIFIER}.png")
    return folder


def write_archive(program: Path, share: Path, out: Path, machine: str) -> Path:
    """Make the archive to unpack anywhere: the program, and what `install.sh` tells the desktop."""
    made = out / f"{NAME}-{product.version()}-linux-{machine}.tar.xz"
    for old in out.glob(f"{NAME}-*-linux-*.tar*"):
        old.unlink()
    shutil.copytree(share, program / "share", dirs_exist_ok=True)
    shutil.copy2(Path(__file__).with_name("install.sh"), program / "install.sh")
    command = ["tar", "--create", "--owner=0", "--group=0", "--sort=name", "--mode=u+rwX,go+rX,go-w"]
    command += [f"--use-compress-program=xz -{LEVEL} -T0", f"--file={made}"]
    subprocess.run([*command, f"--directory={program.parent}", program.name], check=True)
    return made
