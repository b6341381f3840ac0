"""Pairs of formulas that print alike, and near pairs that do not."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def read_pairs(name: str) -> list[tuple[str, str]]:
    """The pairs of ``alike.txt`` or ``apart.txt``, one a line, divided by a tab."""
    lines = (HERE / name).read_text(encoding="ascii").splitlines()
    return [(first, second) for first, second in (line.split("\t") for line in lines)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in ("alike", "apart"):
        if name in metafunc.fixturenames:
            pairs = read_pairs(f"{name}.txt")
            metafunc.parametrize(name, pairs, ids=[f"{first} / {second}" for first, second in pairs])
