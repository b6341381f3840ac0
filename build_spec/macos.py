"""The app and the disk image of macOS: what the system is told, and how both are signed where credentials are.

Credentials come from the environment: MACOS_IDENTITY (a "Developer ID Application" in the keychain) signs;
MACOS_NOTARY_PROFILE (made by `xcrun notarytool store-credentials`) has Apple notarise it. Without them the app is
signed ad hoc, which Apple silicon wants at least, and each user has to allow it once.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build_spec.product import IDENTIFIER, INK, NAME, OPENS, PDF, PICTURES

SCREEN = "Formulens reads the region of the screen that you choose. The picture does not leave this computer."
INKML = "org.w3.inkml"
_UTI = {
    "image/png": "public.png",
    "image/jpeg": "public.jpeg",
    "image/webp": "org.webmproject.webp",
    "image/gif": "com.compuserve.gif",
    "image/bmp": "com.microsoft.bmp",
    "image/tiff": "public.tiff",
    "application/pdf": "com.adobe.pdf",
    "application/inkml+xml": INKML,
}
ENTITLEMENTS = {
    # Python's ctypes makes code while it runs; the libraries in the app carry other signatures.
    "com.apple.security.cs.allow-unsigned-executable-memory": True,
    "com.apple.security.cs.disable-library-validation": True,
}


def info_plist(version: str) -> dict[str, Any]:
    """Info.plist, as far as PyInstaller does not write it itself."""
    documents = [
        {
            "CFBundleTypeName": title,
            "CFBundleTypeRole": "Viewer",
            "LSHandlerRank": "Alternate",
            "LSItemContentTypes": kinds,
        }
        for title, kinds in (
            ("Picture", [_UTI[kind] for kind in PICTURES]),
            ("PDF", [_UTI[kind] for kind in PDF]),
            ("Ink", [_UTI[kind] for kind in INK]),
        )
    ]
    ink = {
        "UTTypeIdentifier": INKML,
        "UTTypeDescription": "Ink of a pen",
        "UTTypeConformsTo": ["public.xml"],
        "UTTypeTagSpecification": {
            "public.filename-extension": list(INK["application/inkml+xml"]),
            "public.mime-type": ["application/inkml+xml"],
        },
    }
    assert set(_UTI) == set(OPENS)
    return {
        "CFBundleName": NAME,
        "CFBundleDisplayName": NAME,
        "CFBundleIdentifier": IDENTIFIER,
        "CFBundleShortVersionString": version,
        "CFBundleVersion": version,
        "CFBundleDocumentTypes": documents,
        "UTImportedTypeDeclarations": [ink],
        "LSApplicationCategoryType": "public.app-category.education",
        "LSMinimumSystemVersion": "13.0",
        "NSHighResolutionCapable": True,
        "NSRequiresAquaSystemAppearance": False,
        "NSScreenCaptureUsageDescription": SCREEN,
        "NSPrincipalClass": "NSApplication",
    }


def commands(app: Path, image: Path, entitlements: Path, environment: Mapping[str, str]) -> list[list[str]]:
    """What makes the disk image of an app, in order; signed as far as credentials are there."""
    identity = environment.get("MACOS_IDENTITY", "")
    profile = environment.get("MACOS_NOTARY_PROFILE", "")
    sign = ["codesign", "--force", "--sign", identity or "-"]
    hardened = ["--options", "runtime", "--timestamp", "--entitlements", str(entitlements)] if identity else []
    stage = image.with_suffix(".stage")
    made = [
        [*sign, "--deep", *hardened, str(app)],
        ["codesign", "--verify", "--deep", "--strict", str(app)],
        ["mkdir", "-p", str(stage)],
        ["cp", "-R", str(app), str(stage)],
        ["ln", "-sfn", "/Applications", str(stage / "Applications")],
        ["hdiutil", "create", "-volname", NAME, "-srcfolder", str(stage), "-ov", "-format", "ULMO", str(image)],
    ]
    if identity:
        made.append(["codesign", "--sign", identity, "--timestamp", str(image)])
    if identity and profile:
        made.append(["xcrun", "notarytool", "submit", str(image), "--keychain-profile", profile, "--wait"])
        made.append(["xcrun", "stapler", "staple", str(image)])
    return made


def write_image(app: Path, work: Path, out: Path, version: str, machine: str, environment: Mapping[str, str]) -> Path:
    """Sign the app and make its disk image."""
    import plistlib

    entitlements = work / "entitlements.plist"
    entitlements.write_bytes(plistlib.dumps(ENTITLEMENTS))
    image = out / f"{NAME}-{version}-macos-{machine}.dmg"
    for command in commands(app, image, entitlements, environment):
        subprocess.run(command, check=True)
    return image
