"""Nothing goes into the bundle without its licence."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from build_spec import licences
from build_spec.contents import top_level
from build_spec.licences import LicenceError, Part, distributions, normal, of_distribution, of_python, write
from build_spec.product import ROOT


def test_a_package_brings_its_own_text() -> None:
    part = of_distribution("numpy")
    assert part.version == metadata.version("numpy")
    assert "NumPy Developers" in part.text and "BSD" in part.licence


def test_what_a_package_forgot_lies_here() -> None:
    qt = of_distribution("pyside6-essentials")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in qt.text and "GNU GENERAL PUBLIC LICENSE" in qt.text
    assert "download.qt.io" in qt.text
    assert "PDFium Authors" in of_distribution("pyside6-pdf").text
    assert "ANTLR Project" in of_distribution("antlr4-python3-runtime").text
    assert "OPEN FONT LICENSE" in of_distribution("ziamath").text


def test_a_part_without_a_licence_stops_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(licences, "OWN", tmp_path)
    with pytest.raises(LicenceError, match=r"latex2mathml\.txt"):
        of_distribution("latex2mathml")


def test_modules_lead_to_their_distributions() -> None:
    found = distributions({"numpy", "PIL", "json", "app"})
    assert {"numpy", "pillow", "pyinstaller"} == set(found)


def test_all_that_the_app_requires_has_a_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in project["dependencies"]:
        assert of_distribution(normal(re.split(r"[\[<>=]", line)[0])).text


def test_python_is_a_part() -> None:
    assert "PSF" in of_python().text


def test_the_parts_are_listed_and_told_in_files(tmp_path: Path) -> None:
    made = write([Part("b", "2", "MIT", "text of b"), Part("A", "1", "BSD", "text of a")], tmp_path / "new")
    assert [path.name for path in made] == ["A.txt", "b.txt", "BUNDLE.md"]
    listed = made[-1].read_text(encoding="utf-8")
    assert "| A | 1 | BSD |\n| b | 2 | MIT |" in listed and "LGPL-3.0" in listed
    assert made[0].read_text(encoding="utf-8") == "A 1\n\ntext of a\n"


def test_names_in_the_bundle_lead_to_modules() -> None:
    entries = [
        ("sympy.core.add", "", "PYMODULE"),
        ("PySide6/QtCore.abi3.so", "", "EXTENSION"),
        ("numpy\\core\\x.pyd", "", "EXTENSION"),
        ("six", "", "PYMODULE"),
    ]
    assert top_level(entries) == {"sympy", "PySide6", "numpy", "six"}
