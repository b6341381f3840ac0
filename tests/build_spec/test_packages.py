"""What the packages tell the three systems, as far as it can be looked at without them."""

from __future__ import annotations

import plistlib
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from app import about
from build_spec import icons, linux, macos, parts, product, windows
from build_spec.product import ROOT

STARTUP = (ROOT / "app" / "startup.py").read_text(encoding="utf-8")
MAIN = (ROOT / "app" / "__main__.py").read_text(encoding="utf-8")
SPEC = (ROOT / "build_spec" / "formulens.spec").read_text(encoding="utf-8")


def test_names_are_those_of_the_app() -> None:
    assert f'setDesktopFileName("{product.IDENTIFIER}")' in STARTUP
    assert product.releases() == about.RELEASES
    window = (ROOT / "app" / "main_window.py").read_text(encoding="utf-8")
    endings = {ending for endings in product.OPENS.values() for ending in endings}
    listed = re.search(r'endings = "([^"]+)"', window)
    assert listed is not None and {word.removeprefix("*.") for word in listed[1].split()} == endings


def test_the_spec_is_python_and_shared() -> None:
    compile(SPEC, "formulens.spec", "exec")
    assert all(system in SPEC for system in ("linux", "win32", "darwin"))


# Linux


def test_the_menu_entry_starts_the_program_and_offers_what_it_can() -> None:
    entry = ConfigParser(interpolation=None, delimiters=("=",))
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read_string(linux.desktop_entry())
    main = entry["Desktop Entry"]
    assert main["Exec"] == "formulens %F" and main["Icon"] == product.IDENTIFIER
    assert set(main["MimeType"].rstrip(";").split(";")) == set(product.OPENS)
    for action in main["Actions"].rstrip(";").split(";"):
        assert entry[f"Desktop Action {action}"]["Exec"] == f"formulens --{action}"
        assert f'"{action}"' in MAIN


@pytest.mark.skipif(not shutil.which("desktop-file-validate"), reason="needs desktop-file-utils")
def test_the_menu_entry_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "x.desktop"
    path.write_text(linux.desktop_entry())
    done = subprocess.run(["desktop-file-validate", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_ink_is_a_kind_of_file() -> None:
    root = ElementTree.fromstring(linux.mime_package())
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    assert [kind.get("type") for kind in root.iter(f"{space}mime-type")] == ["application/inkml+xml"]
    assert [glob.get("pattern") for glob in root.iter(f"{space}glob")] == ["*.inkml"]


def test_the_description_for_shops_names_version_and_entry() -> None:
    root = ElementTree.fromstring(linux.metainfo("1.2.3", date(2026, 11, 21), "https://example.org/a?b&c"))
    assert root.findtext("id") == product.IDENTIFIER
    release = root.find("releases/release")
    assert release is not None and release.attrib == {"version": "1.2.3", "date": "2026-11-21"}


def test_the_deb_describes_itself() -> None:
    text = linux.control("1.2.3", "amd64", 600_000, ["libc6 (>= 2.36)", "libegl1"], "https://example.org")
    fields = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(" "))
    assert fields["Package"] == "formulens" and fields["Installed-Size"] == "600000"
    assert fields["Depends"] == "libc6 (>= 2.36), libegl1"
    assert text.endswith(".\n") and "\n\n" not in text


def test_the_c_library_that_is_needed_is_the_newest_one_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x7fELF GLIBC_2.9\0GLIBC_2.17\0")
    (tmp_path / "b").write_bytes(b"\x7fELF GLIBC_2.4\0GLIBC_PRIVATE\0")
    assert linux.needed_glibc(linux.programs(tmp_path)) == "2.17"


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("sh"), reason="needs a POSIX shell")
def test_the_archive_adds_itself_to_the_menu_and_takes_itself_away(tmp_path: Path) -> None:
    program, home = tmp_path / "Öffne mich" / "Formulens", tmp_path / "home"
    for folder in (program, home):
        folder.mkdir(parents=True)
    (program / "formulens").write_text("#!/bin/sh\n")
    shutil.copy(ROOT / "build_spec" / "install.sh", program)
    drawings = tmp_path / "icons" / "hicolor" / "scalable" / "apps"
    drawings.mkdir(parents=True)
    (drawings / f"{product.IDENTIFIER}.svg").write_bytes(icons.LOGO.read_bytes())
    linux.write_share(program / "share", tmp_path / "icons")

    def install(*arguments: str) -> None:
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        subprocess.run(["sh", str(program / "install.sh"), *arguments], env=environment, check=True)

    def there() -> list[str]:
        names = (path.name for path in home.rglob("*") if path.is_file() or path.is_symlink())
        return sorted(name for name in names if "ormulens" in name)

    install()
    entry = (home / ".local/share/applications" / f"{product.IDENTIFIER}.desktop").read_text()
    assert f'Exec="{home}/.local/bin/formulens" %F\n' in entry and "TryExec" not in entry
    assert (home / ".local/bin/formulens").resolve() == program / "formulens"
    assert len(there()) == 5
    install("--remove")
    assert there() == []


# Windows


def test_the_installer_has_shortcuts_autostart_and_kinds_of_files() -> None:
    script = windows.installer("1.2.3", Path("C:/b/Formulens"), Path("C:/b/x.ico"), Path("C:/b"), "https://example.org")
    sections = re.findall(r"^\[(\w+)\]$", script, re.MULTILINE)
    assert sections == ["Setup", "Tasks", "InstallDelete", "Files", "Icons", "Registry", "Run", "Code"]
    assert "AppId={{7A3B5C0E-4E0B-4C57-9B0C-6B1D2F6E9C41}\n" in script
    assert "PrivilegesRequired=lowest" in script and "AppVersion=1.2.3" in script
    assert 'Name: "{userstartup}\\Formulens"; Filename: "{app}\\FormulensWindow.exe"; Tasks: autostart' in script
    assert 'ValueData: """{app}\\FormulensWindow.exe"" ""%1"""' in script
    for endings in product.OPENS.values():
        assert all(f"Classes\\.{ending}\\OpenWithProgids" in script for ending in endings)
    before_code = script.partition("[Code]")[0]
    entries = [line for line in before_code.splitlines() if line and line[0] not in "[;"]
    assert all(re.match(r"\w+(=|: )", line) for line in entries), "an entry is broken over lines"
    assert before_code.count('"') % 2 == 0
    assert "SignTool" not in script
    signed = windows.installer("1", Path("p"), Path("i"), Path("o"), "r", sign=True)
    assert "\nSignTool=formulens\n" in signed


def test_the_two_programs_of_windows_have_names_that_differ_in_more_than_case() -> None:
    assert windows.WINDOW.lower() != f"{product.COMMAND}.exe"


def test_windows_is_told_the_version() -> None:
    text = windows.version_info("1.2.3")
    assert "filevers=(1, 2, 3, 0)" in text and "StringStruct('ProductVersion', '1.2.3')" in text
    compile(text, "version.txt", "eval")


# macOS


def test_the_app_tells_macos_why_it_looks_at_the_screen() -> None:
    told = macos.info_plist("1.2.3")
    assert plistlib.loads(plistlib.dumps(told)) == told
    assert "screen" in told["NSScreenCaptureUsageDescription"]
    assert told["CFBundleIdentifier"] == product.IDENTIFIER and told["CFBundleShortVersionString"] == "1.2.3"
    kinds = [kind for document in told["CFBundleDocumentTypes"] for kind in document["LSItemContentTypes"]]
    assert len(kinds) == len(product.OPENS) and "org.w3.inkml" in kinds


def steps(**environment: str) -> list[str]:
    made = macos.commands(Path("F.app"), Path("F.dmg"), Path("e.plist"), environment)
    return [" ".join(command) for command in made]


def test_the_disk_image_is_signed_where_credentials_are() -> None:
    plain, signed = steps(), steps(MACOS_IDENTITY="Developer ID Application: X", MACOS_NOTARY_PROFILE="p")
    assert plain[0] == "codesign --force --sign - --deep F.app"
    assert any(step.startswith("hdiutil create") for step in plain)
    assert not any("notarytool" in step or "timestamp" in step for step in plain)
    assert "--options runtime --timestamp --entitlements e.plist" in signed[0]
    assert signed[-2].startswith("xcrun notarytool submit F.dmg") and signed[-1] == "xcrun stapler staple F.dmg"
    assert not any("notarytool" in step for step in steps(MACOS_IDENTITY="Developer ID Application: X"))
    assert plistlib.dumps(macos.ENTITLEMENTS)


# icons, sizes


def test_icons_are_drawn_in_all_sizes(tmp_path: Path) -> None:
    picture = icons.drawn(48)
    assert picture.size == (48, 48) and picture.mode == "RGBA"
    assert picture.getpixel((0, 0))[3] == 0 and picture.getpixel((24, 6))[3] == 255
    with Image.open(icons.write_ico(tmp_path / "x.ico")) as ico:
        assert {side for side, _ in ico.info["sizes"]} == set(icons.WINDOWS)
    with Image.open(icons.write_icns(tmp_path / "x.icns")) as icns:
        assert max(width * scale for width, _, scale in icns.info["sizes"]) == 1024
    names = [path.relative_to(tmp_path).as_posix() for path in icons.write_pngs(tmp_path)]
    assert f"hicolor/256x256/apps/{product.IDENTIFIER}.png" in names
    assert names[-1] == f"hicolor/scalable/apps/{product.IDENTIFIER}.svg"


def test_parts_over_5_mb_need_a_purpose(tmp_path: Path) -> None:
    inside = tmp_path / "_internal"
    for name, size in {"numpy/_core/_multiarray_umath.so": 6, "odd/huge.bin": 7, "odd/small.bin": 1}.items():
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_bytes(bytes(size * parts.MB))
    (tmp_path / "formulens").write_bytes(bytes(8 * parts.MB))
    assert list(parts.large_files(tmp_path)) == ["formulens", "odd/huge.bin", "numpy/_core/_multiarray_umath.so"]
    assert list(parts.large_folders(tmp_path)) == ["odd", "numpy"]
    assert parts.without_purpose(tmp_path) == ["odd/huge.bin", "odd"]
    assert parts.measured(tmp_path) == parts.Size(22 * parts.MB, 4)
    assert "| `numpy/_core/_multiarray_umath.so` | 6 | NumPy's arrays" in parts.table(tmp_path)
