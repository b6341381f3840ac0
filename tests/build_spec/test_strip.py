"""What is left out of the bundle, and what must not be."""

from __future__ import annotations

import pytest

from build_spec.strip import FILES, MODULES, kept, reached, why_left_out


@pytest.mark.parametrize(
    "name",
    [
        "numpy.libs/libscipy_openblas64_-32a4b2a6.so",
        "PySide6/QtCore.abi3.so",
        "PySide6/QtPdf.abi3.so",
        "PySide6/Qt/lib/libQt6Core.so.6",
        "PySide6/Qt/lib/libQt6Pdf.so.6",
        "PySide6/Qt/lib/libQt6WaylandClient.so.6",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqwayland.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6/Qt/plugins/wayland-shell-integration/libxdg-shell.so",
        "PySide6/Qt/plugins/imageformats/libqsvg.so",
        "PySide6/Qt/plugins/platforminputcontexts/libibusplatforminputcontextplugin.so",
        "PySide6/Qt/plugins/platformthemes/libqxdgdesktopportal.so",
        "PySide6\\plugins\\platforms\\qwindows.dll",
        "PySide6/Qt6Core.dll",
        "PySide6/Qt/lib/QtCore.framework/Versions/A/QtCore",
        "matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf",
        "resources/samples/01-plain-100dpi.png",
        "resources/checkpoints/formulens/model.safetensors",
    ],
)
def test_what_the_program_needs_stays(name: str) -> None:
    assert why_left_out(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "libcuda.so.1",
        "PySide6/Qt/lib/libQt6Quick.so.6",
        "PySide6/Qt/lib/libQt6QmlModels.so.6",
        "PySide6/Qt6Qml.dll",
        "PySide6/QtQml.pyd",
        "PySide6/Qt/lib/QtQuick.framework/Versions/A/QtQuick",
        "PySide6/Qt/plugins/tls/libqopensslbackend.so",
        "PySide6/Qt/plugins/platforms/libqeglfs.so",
        "PySide6/Qt/plugins/wayland-shell-integration/libwl-shell-plugin.so",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6\\translations\\qt_de.qm",
        "matplotlib/mpl-data/sample_data/data_x_x2_x3.csv",
        "matplotlib/mpl-data/fonts/ttf/STIXGeneral.ttf",
        "numpy/_core/tests/data/x.txt",
    ],
)
def test_what_it_never_opens_goes(name: str) -> None:
    assert why_left_out(name)


def test_a_reason_stands_with_everything_that_is_left_out() -> None:
    assert all(MODULES.values()) and all(why for _, why in FILES)
    assert not {"PySide6", "numpy", "PIL", "sympy", "antlr4", "matplotlib", "safetensors"} & set(MODULES)


def test_a_link_goes_with_what_it_shows_to() -> None:
    entries = [
        ("PySide6/Qt/lib/libQt6Core.so.6", "/x/libQt6Core.so.6", "BINARY"),
        ("PySide6/Qt/lib/libQt6Quick.so.6", "/x/libQt6Quick.so.6", "BINARY"),
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
        ("libQt6Quick.so.6", "PySide6/Qt/lib/libQt6Quick.so.6", "SYMLINK"),
    ]
    assert [name for name, _, _ in kept(entries)] == ["PySide6/Qt/lib/libQt6Core.so.6", "libQt6Core.so.6"]


def test_libraries_that_only_left_out_plugins_need_go_too() -> None:
    needs = {
        "/plugin": {"libxcb-cursor.so.0", "libc.so.6"},
        "/module": {"libz.so.1"},
        "/libxcb-cursor.so.0": {"libxcb-util.so.1"},
    }
    entries = [
        ("libpython3.11.so.1.0", "/libpython", "BINARY"),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", "/plugin", "BINARY"),
        ("lib-dynload/zlib.so", "/module", "EXTENSION"),
        *(
            (name, f"/{name}", "BINARY")
            for name in ("libxcb-cursor.so.0", "libxcb-util.so.1", "libz.so.1", "libgtk.so.3")
        ),
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
    ]
    found = {name for name, _, _ in reached(entries, lambda file: needs.get(file, set()))}
    assert found == {name for name, _, _ in entries} - {"libgtk.so.3"}
