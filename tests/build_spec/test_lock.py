"""The versions in the bundle are those that everything else is tested with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from build_spec import product
from build_spec.build import UNWANTED, fault
from build_spec.licences import normal
from tests.checks.bundle import require

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"([\w.-]+)==([^\s;]+)(?: ; sys_platform == \"(\w+)\")?")


def lines(file: str) -> list[str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins(file: str) -> dict[str, str]:
    found = [LINE.fullmatch(line) for line in lines(file)]
    return {normal(match[1]): match[2] for match in found if match is not None}


def test_each_line_is_one_version_without_hash_or_local_build() -> None:
    assert all(LINE.fullmatch(line) for line in lines("build_spec/lock.txt"))
    assert not any("+" in number for number in pins("build_spec/lock.txt").values())


def test_the_versions_are_those_of_the_constraints() -> None:
    everywhere, here = pins("constraints.txt"), pins("build_spec/lock.txt")
    assert {name: here[name] for name in here if name in everywhere} == {
        name: everywhere[name] for name in here if name in everywhere
    }
    only_here = {name for name in here if name not in everywhere}
    builders = {"altgraph", "macholib", "pefile", "pyinstaller", "pyinstaller-hooks-contrib", "pywin32-ctypes"}
    assert only_here == builders | {"setuptools"}


def test_all_that_the_app_needs_is_locked() -> None:
    found: set[str] = set()
    for line in product.project()["dependencies"]:
        require(line, found)
    assert {"numpy", "pyside6-essentials", "mpmath"} <= found <= set(pins("build_spec/lock.txt"))


@pytest.mark.parametrize("name", UNWANTED)
def test_what_the_app_does_not_need_stops_the_build(name: str) -> None:
    assert name not in pins("build_spec/lock.txt")
    assert name in fault(["numpy", name])
    assert fault(["numpy"]) == ""
