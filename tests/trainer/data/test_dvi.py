"""The reader of DVI files on bytes made by hand, with a font whose metrics are made up."""

import struct

import pytest

from core_model.errors import DataError
from trainer.data import dvi
from trainer.data.dvi import Box, read_dvi


def special(text: bytes) -> bytes:
    return bytes([239, len(text)]) + text


def page(number: int, content: bytes) -> bytes:
    return bytes([139]) + struct.pack(">10i", number, *[0] * 9) + struct.pack(">i", -1) + content + bytes([140])


PREAMBLE = bytes([247, 2]) + struct.pack(">3i", 25400000, 473628672, 1000) + bytes([3]) + b"abc"
FONT = bytes([243, 7]) + struct.pack(">3i", 0, 1000, 1000) + bytes([0, 4]) + b"fake"


@pytest.fixture(autouse=True)
def metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    one = 2**20  # the size of the font, 1000 units here
    table = {65: (one, one, one // 2, 0), 66: (one, one, 0, one // 4)}
    monkeypatch.setattr(dvi, "_metrics", lambda font: {"fake": table}[font])


def test_glyphs_and_rules_belong_to_the_mark_before_them() -> None:
    rule = bytes([132]) + struct.pack(">2i", 20, 300)
    down = bytes([160]) + struct.pack(">i", 5000)
    content = FONT + bytes([171 + 7]) + special(b"t:4") + down + b"A" + special(b"t:9") + b"B" + rule
    pages = list(read_dvi(PREAMBLE + page(12, content) + bytes([248])))
    assert pages == [(12, {4: Box(0, 4000, 1000, 5500), 9: Box(1000, 4000, 2300, 5000)})]


def test_stack_and_registers() -> None:
    push, pop = bytes([141]), bytes([142])
    set_w, again_w = bytes([149]) + struct.pack(">h", 700), bytes([147])
    put_rule = bytes([137]) + struct.pack(">2i", 10, 10)
    content = special(b"t:0") + push + set_w + put_rule + pop + special(b"t:1") + set_w + again_w + put_rule
    ((_, boxes),) = read_dvi(PREAMBLE + page(1, content) + bytes([248]))
    assert boxes == {0: Box(700, -10, 710, 0), 1: Box(1400, -10, 1410, 0)}


def test_every_page_starts_anew() -> None:
    put_rule = bytes([137]) + struct.pack(">2i", 10, 10)
    first, second = page(1, special(b"t:5") + put_rule), page(2, put_rule)
    assert list(read_dvi(PREAMBLE + first + second + bytes([248]))) == [
        (1, {5: Box(0, -10, 10, 0)}),
        (2, {dvi.UNMARKED: Box(0, -10, 10, 0)}),
    ]


@pytest.mark.parametrize(
    "data", [b"", PREAMBLE, PREAMBLE + page(1, b"A"), b"\xff\xff", PREAMBLE + page(1, bytes([142]))]
)
def test_what_is_no_dvi_file_is_a_plain_error(data: bytes) -> None:
    with pytest.raises(DataError, match="DVI file"):
        list(read_dvi(data))


def test_boxes() -> None:
    box = Box(10, 20, 30, 24)
    assert box.grown(0.5) == Box(5, 19, 35, 25)
    assert box.grown(0.5, 1, 8) == Box(5, 12, 35, 32)
    assert box.union(Box(0, 22, 5, 30)) == Box(0, 20, 30, 30)
    assert box.holds(10, 24)
    assert not box.holds(10, 24.1)
