"""Ink files: InkML as CROHME and other programs write it, the project's own JSON, and what is refused."""

import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core_model import ink as ink_module
from core_model.ink import (
    Ink,
    InkEntry,
    InkError,
    Stroke,
    ink_entries,
    read_ink_file,
    read_inkml,
    read_json,
    to_json,
    write_inkml,
)
from tests import program

NS = 'xmlns="http://www.w3.org/2003/InkML"'

CROHME_2011 = f"""<ink {NS}>
<traceFormat>
<channel name="X" type="decimal"/>
<channel name="Y" type="decimal"/>
</traceFormat>
<annotation type="UI">own_ink_7</annotation>
<annotation type="writer">w</annotation>
<annotation type="truth">$a^2$</annotation>
<annotationXML type="truth" encoding="Content-MathML">
<math xmlns='http://www.w3.org/1998/Math/MathML'><msup><mi xml:id="a_1">a</mi><mn xml:id="2_1">2</mn></msup></math>
</annotationXML>
<trace id="0">
3.25 4.5004, 3.25 4.4511, 3.1875 4.4047
</trace>
<trace id="1">
12 15, 12.5 14.5,
</trace>
<traceGroup xml:id="2">
<annotation type="truth">Segmentation</annotation>
<traceGroup xml:id="3"><annotation type="truth">a</annotation><traceView traceDataRef="0"/></traceGroup>
<traceGroup xml:id="4"><annotation type="truth">2</annotation><traceView traceDataRef="1"/></traceGroup>
</traceGroup>
</ink>"""

CROHME_2019 = f"""<?xml version="1.0" encoding="UTF-8"?>
<ink {NS}><traceFormat><channel name="X" type="decimal"/><channel name="Y" type="decimal"/>
<channel name="T" type="integer" units="ms"/></traceFormat>
<annotation type="truth">\\lt x</annotation><annotation type="age">23</annotation>
<trace id="0">8 9 0,8 10 12,9 11 25</trace>
<trace id="1">20 9 900,22 9 912</trace></ink>"""

GENERAL = f"""<?xml version="1.0"?>
<ink {NS}>
<definitions>
  <brush xml:id="thin"><brushProperty name="width" value="1"/></brush>
  <brush xml:id="flat"><brushProperty name="ignorePressure" value="true"/></brush>
  <context xml:id="tablet"><inkSource xml:id="t"><traceFormat>
    <channel name="F" type="integer" min="0" max="1000"/>
    <channel name="Y" type="decimal" units="cm" orientation="-ve"/>
    <channel name="X" type="decimal" units="cm"/>
    <intermittentChannels><channel name="OTx" type="integer"/></intermittentChannels>
  </traceFormat></inkSource></context>
  <traceFormat xml:id="screen"><channel name="X" units="mm"/><channel name="Y" units="mm"/></traceFormat>
  <context xml:id="mouse" traceFormatRef="#screen"/>
  <trace xml:id="kept">9 9 9</trace>
</definitions>
<traceGroup contextRef="#tablet">
  <trace>500 2 1 33, 1000 2.5 1.5, 250 3 2 44</trace>
  <traceGroup brushRef="#flat"><trace>500 1 1</trace></traceGroup>
  <trace type="penUp">0 5 5, 0 6 6</trace>
</traceGroup>
<trace contextRef="#mouse">10 20, 30 40</trace>
</ink>"""


def own_ink() -> Ink:
    line = Stroke(np.array([[0.1, 1 / 3], [-2.5e-7, 12345.678901234567], [7, -0.0]]))
    pen = Stroke(np.array([[1, 2], [3, 4]]), np.array([0.1, 0.7]), np.array([0.0, 1 / 7]))
    timed = Stroke(np.array([[1e9, 2]]), None, np.array([3.25]))
    return Ink((line, pen, timed), r"\frac{a<b}{c&d}", "Übung <1>")


def strokes_of(text: str) -> list[list[list[float]]]:
    return [stroke.points.tolist() for stroke in read_inkml(text.encode()).strokes]


def test_crohme_of_2011_gives_strokes_truth_and_name() -> None:
    ink = read_inkml(CROHME_2011.encode())
    assert (ink.latex, ink.identifier) == ("a^2", "own_ink_7")
    assert [stroke.points.tolist() for stroke in ink.strokes] == [
        [[3.25, 4.5004], [3.25, 4.4511], [3.1875, 4.4047]],
        [[12, 15], [12.5, 14.5]],
    ]


def test_crohme_with_times_and_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "übung 3.inkml"
    path.write_text(CROHME_2019, encoding="utf-8")
    ink = read_inkml(path)
    assert (ink.latex, ink.identifier) == (r"\lt x", "übung 3")
    assert [stroke.time.tolist() for stroke in ink.strokes if stroke.time is not None] == [
        [0, 0.012, 0.025],
        [0.9, 0.912],
    ]


def test_channels_units_and_contexts() -> None:
    ink = read_inkml(GENERAL.encode())
    assert [stroke.points.tolist() for stroke in ink.strokes] == [
        [[1, -2], [1.5, -2.5], [2, -3]],
        [[1, -1]],
        [[1, 2], [3, 4]],  # mm, in the cm of the first trace
    ]
    first = ink.strokes[0].pressure
    assert first is not None and first.tolist() == [0.5, 1.0, 0.25]
    assert ink.strokes[1].pressure is None  # its brush ignores it


def test_differences_are_added_up_as_in_the_example_of_the_standard() -> None:
    text = "1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8,3 6,3 8,2 9,2 9,2 8"
    (points,) = strokes_of(f"<ink {NS}><trace>{text}</trace></ink>")
    assert points[:5] == [[1125, 18432], [1148, 18475], [1178, 18510], [1211, 18540], [1251, 18567]]
    assert len(points) == 12


def test_an_explicit_value_ends_the_differences() -> None:
    assert strokes_of(f"<ink {NS}><trace>10 10, '1 '2, 1 2, !50 !60, 51 *</trace></ink>") == [
        [[10, 10], [11, 12], [12, 14], [50, 60], [51, 60]]
    ]


def test_a_lifted_tip_splits_a_trace() -> None:
    form = '<traceFormat><channel name="X"/><channel name="Y"/><channel name="S" type="boolean"/></traceFormat>'
    assert strokes_of(f"<ink {NS}>{form}<trace>1 1 T, 2 2 T, 3 3 F, 4 4 T</trace></ink>") == [
        [[1, 1], [2, 2]],
        [[4, 4]],
    ]


def test_continued_traces_are_one_stroke() -> None:
    traces = (
        '<trace id="a" continuation="begin">1 1, 2 2</trace><trace id="x">9 9</trace>'
        '<trace id="b" continuation="middle" priorRef="#a">3 3</trace>'
        '<trace continuation="end" priorRef="#b">4 4</trace>'
    )
    assert strokes_of(f"<ink {NS}>{traces}</ink>") == [[[1, 1], [2, 2], [3, 3], [4, 4]], [[9, 9]]]


def test_traces_in_definitions_count_only_if_they_are_viewed() -> None:
    defined = '<definitions><trace xml:id="d">1 1</trace></definitions>'
    assert strokes_of(f"<ink {NS}>{defined}<trace>2 2</trace></ink>") == [[[2, 2]]]
    assert strokes_of(f'<ink {NS}>{defined}<trace>2 2</trace><traceView traceDataRef="#d"/></ink>') == [
        [[1, 1]],
        [[2, 2]],
    ]


def test_traces_of_one_id_are_all_kept() -> None:
    assert len(strokes_of(f'<ink {NS}><trace id="0">1 1</trace><trace id="0">2 2</trace><trace id="1"/></ink>')) == 2


def test_times_without_a_channel_come_from_offset_duration_and_time_stamp() -> None:
    text = f"""<ink {NS}><definitions>
      <context xml:id="a"><timestamp xml:id="s" time="1000"/></context>
      <context xml:id="b"><timestamp xml:id="t" timestampRef="#s" timeOffset="500"/></context></definitions>
      <trace contextRef="#a" timeOffset="0" duration="20">0 0, 1 1, 2 2</trace>
      <trace contextRef="#b" timeOffset="100" duration="0">0 0</trace></ink>"""
    times = [stroke.time for stroke in read_inkml(text.encode()).strokes]
    assert times[0] is not None and np.allclose(times[0], [0, 0.01, 0.02])
    assert times[1] is not None and np.allclose(times[1], [0.6])


def test_force_without_a_range_is_measured_by_the_usual_ones() -> None:
    form = '<traceFormat><channel name="X"/><channel name="Y"/><channel name="F"/></traceFormat>'
    ink = read_inkml(f"<ink {NS}>{form}<trace>0 0 512, 1 1 1000</trace></ink>".encode())
    assert ink.strokes[0].pressure is not None
    assert ink.strokes[0].pressure.tolist() == [512 / 1023, 1000 / 1023]


def test_undeclared_values_after_the_channels_are_left_out() -> None:
    assert strokes_of(f"<ink {NS}><trace>1 2 0.5, 3 4 0.7</trace></ink>") == [[[1, 2], [3, 4]]]


def test_inkml_keeps_every_point(tmp_path: Path) -> None:
    path = tmp_path / "ink.inkml"
    write_inkml(path, own_ink())
    back = read_inkml(path)
    assert back == own_ink()
    assert np.signbit(back.strokes[0].points[2, 1])
    assert [each.name for each in tmp_path.iterdir()] == ["ink.inkml"]


def test_json_keeps_every_point() -> None:
    text = json.dumps(to_json(own_ink()))
    assert read_json(json.loads(text)) == own_ink()


def test_json_of_plain_strokes_holds_nothing_else() -> None:
    assert to_json(Ink((Stroke(np.array([[1, 2]])),), "x", "7")) == {"id": "7", "latex": "x", "strokes": [[[1, 2]]]}


def test_files_by_their_names(tmp_path: Path) -> None:
    one = {"id": 3, "latex": "$ x $", "strokes": [[[1, 2], [3, 4]], []]}
    (tmp_path / "a.json").write_text(json.dumps(one), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps([one, one]), encoding="utf-8")
    (tmp_path / "c.jsonl").write_text(f"\n{json.dumps(one)}\n\n{json.dumps(one)}\n", encoding="utf-8-sig")
    (tmp_path / "d.INKML").write_text(CROHME_2011, encoding="utf-8")
    expected = Ink((Stroke(np.array([[1, 2], [3, 4]])),), "x", "3")
    assert read_ink_file(tmp_path / "a.json") == [expected]
    assert read_ink_file(tmp_path / "b.json") == [expected] * 2
    assert read_ink_file(tmp_path / "c.jsonl") == [expected] * 2
    assert read_ink_file(tmp_path / "d.INKML")[0].latex == "a^2"


@pytest.mark.program
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", b"", "no ink file"),
        ("a.json", b"{", "no valid JSON"),
        ("a.json", b"[" * 100_000, "nested too deep"),
        ("a.json", b'{"strokes": 3}', "no ink"),
        ("a.json", b'{"strokes": [[[1, 2, 3]]]}', "no \\[x, y\\]"),
        ("a.json", b'{"strokes": [[[1, true]]]}', "no \\[x, y\\]"),
        ("a.json", b'{"strokes": [[[1, NaN]]]}', "not a number"),
        ("a.json", b'{"strokes": [[[1, 1e300]]]}', "not a number within"),
        ("a.json", b'{"strokes": [[[1, ' + b"9" * 400 + b"]]]}", "stroke 1"),
        ("a.json", b'{"strokes": [[[1, 2]]], "pressure": [[2]]}', "pressure must lie in 0..1"),
        ("a.json", b'{"strokes": [[[1, 2]]], "time": []}', "one list a stroke"),
        ("a.jsonl", b'{"strokes": []}\nx', "line 2"),
        ("a.json", b"\xff\xfe\x00", "no UTF-8"),
        ("a.inkml", b"", "no well-formed XML"),
        ("a.inkml", b"<html/>", "begins with <html>"),
        ("a.inkml", CROHME_2011[:700].encode(), "no well-formed XML"),
        ("a.inkml", f"<ink {NS}><trace>1 2, 3</trace></ink>".encode(), "fewer values"),
        ("a.inkml", f"<ink {NS}><trace>1 2, 3 x</trace></ink>".encode(), "is no value"),
        ("a.inkml", f"<ink {NS}><trace>1 1e999</trace></ink>".encode(), "not a number"),
        ("a.inkml", f'<ink {NS}><traceFormat><channel name="X"/></traceFormat></ink>'.encode(), "channels X and Y"),
        ("a.inkml", b'<?xml version="1.0" encoding="utf-99"?><ink/>', "utf-99"),
        ("a.inkml", b"<ink>" + b"<traceGroup>" * 1000, "nested more than"),
        ("a.inkml", b"<ink>" + b"<a/>" * 100_001 + b"</ink>", "elements"),
        ("a.inkml", b"<ink><trace>" + b"1 1," * 1_000_001 + b"</trace></ink>", "points"),
    ],
)
def test_what_is_no_ink_is_refused_plainly(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InkError, match=said) as caught:
        read_ink_file(path)
    assert str(path) in str(caught.value) and "Traceback" not in str(caught.value)
    program.check_refusal(str(caught.value), path, "--ink")


def outcomes(path: Path) -> list[tuple[str, int | None, bool]]:
    return [(entry.identifier, entry.number, isinstance(entry.content, Ink)) for entry in ink_entries(path)]


def test_bad_ink_stops_no_other_ink_of_its_file(tmp_path: Path) -> None:
    good, bad = '{"id": "g", "strokes": [[[1, 2]]]}', '{"id": "b", "strokes": [[[1]]]}'
    lines = tmp_path / "a.jsonl"
    lines.write_bytes(f"{good}\n{bad}\n\n{{\n".encode() + b"\xff\n" + good.replace('"g"', '""').encode())
    expected = [("g", 1, True), ("b", 2, False), ("4", 4, False), ("5", 5, False), ("6", 6, True)]
    assert outcomes(lines) == expected
    faults = [str(entry.content) for entry in ink_entries(lines) if isinstance(entry.content, InkError)]
    assert [f"{lines}, line {number}" in fault for number, fault in zip((2, 4, 5), faults, strict=True)] == [True] * 3
    (tmp_path / "b.json").write_text(f"[{good}, {bad}, 3]", encoding="utf-8")
    assert outcomes(tmp_path / "b.json") == [("g", 1, True), ("b", 2, False), ("3", 3, False)]
    (tmp_path / "c.json").write_text(good.replace('"g"', "7"), encoding="utf-8")
    assert outcomes(tmp_path / "c.json") == [("7", None, True)]
    (tmp_path / "d.json").write_text('{"strokes": []}', encoding="utf-8")
    assert list(ink_entries(tmp_path / "d.json")) == [InkEntry(Ink(), None, "d")]
    (tmp_path / "e.jsonl").touch()
    assert outcomes(tmp_path / "e.jsonl") == []
    for name in ("absent.jsonl", "absent.inkml", "a.png"):
        assert outcomes(tmp_path / name) == [(Path(name).stem, None, False)]


def test_lines_are_read_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = '{"strokes": [[[1, 2]]]}\n'
    path = tmp_path / "many.jsonl"
    path.write_text(good * 3 + "[" * 500 + "\n" + good, encoding="utf-8")
    monkeypatch.setattr(ink_module, "MAX_LINE", 100)
    monkeypatch.setattr(ink_module, "MAX_BYTES", 100)  # of a file that is read as a whole
    assert outcomes(path) == [(str(i), i, i != 4) for i in range(1, 6)]
    with pytest.raises(InkError, match="line 4 is longer"):
        read_ink_file(path)
    entries = ink_entries(path)
    first = next(entries)
    path.write_text("", encoding="utf-8")
    assert isinstance(first.content, Ink)
    entries.close()


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("1 1", encoding="utf-8")
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    for declared, used in (
        (f'<!ENTITY l0 "1 1,">{lol}', "&l11;"),
        (f'<!ENTITY e SYSTEM "{secret.as_uri()}">', "&e;"),
        (f'<!ENTITY % p SYSTEM "{secret.as_uri()}"> %p;', "1 1"),
    ):
        with pytest.raises(InkError, match="entities"):
            read_inkml(f"<!DOCTYPE ink [{declared}]><ink {NS}><trace>{used}</trace></ink>".encode())
    external = f'<!DOCTYPE ink SYSTEM "{secret.as_uri()}"><ink {NS}><trace>1 2</trace></ink>'
    assert strokes_of(external) == [[[1, 2]]]  # its name is read, its content is not
    with pytest.raises(InkError, match="XML"):
        read_inkml(f"<ink {NS}><trace>&unknown;</trace></ink>".encode())


def test_references_in_a_ring_end() -> None:
    ring = (
        '<definitions><context xml:id="a" contextRef="#b"/><context xml:id="b" contextRef="#a"/>'
        '<timestamp xml:id="s" timestampRef="#s"/><context xml:id="c" timestampRef="#s"/></definitions>'
    )
    text = f'<ink {NS}>{ring}<trace contextRef="#a">1 2</trace><trace contextRef="#c">3 4</trace></ink>'
    assert strokes_of(text) == [[[1, 2]], [[3, 4]]]


def test_damaged_files_give_ink_or_a_plain_refusal(tmp_path: Path) -> None:
    write_inkml(tmp_path / "ink.inkml", own_ink())
    dice = random.Random(1)
    whole = [text.encode() for text in (CROHME_2011, CROHME_2019, GENERAL)] + [(tmp_path / "ink.inkml").read_bytes()]
    refused = 0
    for _ in range(400):
        content = bytearray(dice.choice(whole))
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(content))
            if dice.random() < 0.3:
                del content[at : at + dice.randint(1, 30)]
            else:
                content[at] = dice.choice(b"<>&\"' 0-'!*?#T\x00\xff,")
        try:
            assert all(np.isfinite(stroke.points).all() for stroke in read_inkml(bytes(content)).strokes)
        except InkError:
            refused += 1
    assert 50 < refused < 400


def test_strokes_check_their_arrays() -> None:
    with pytest.raises(ValueError, match=r"points must be.*") as caught:
        Stroke(np.zeros((0, 2)), np.array([2.0]))
    assert "pressure must have one value a point" in str(caught.value)
    with pytest.raises(ValueError, match="finite"):
        Stroke(np.zeros((1, 2)), None, np.array([np.inf]))
    given = np.zeros((2, 2))
    stroke = Stroke(given)
    given[0] = 5
    assert stroke.points.tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="read-only"):
        stroke.points[0] = 1


def test_equal_ink_is_equal_and_other_ink_is_not() -> None:
    assert own_ink() == own_ink() and hash(own_ink()) == hash(own_ink())
    assert Stroke(np.zeros((1, 2))) != Stroke(np.zeros((1, 2)), np.zeros(1))
    assert Ink().bounds is None
    assert own_ink().bounds == (-2.5e-7, -0.0, 1e9, 12345.678901234567)


def test_an_unwritable_place_keeps_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(InkError, match="cannot be written"):
        write_inkml(tmp_path / "nowhere" / "ink.inkml", own_ink())
    (tmp_path / "ink.inkml").mkdir()
    with pytest.raises(InkError, match="cannot be written"):
        write_inkml(tmp_path / "ink.inkml", own_ink())
    assert [each.name for each in tmp_path.iterdir()] == ["ink.inkml"]
    with pytest.raises(InkError, match="does not exist"):
        read_inkml(tmp_path / "none.inkml")
    with pytest.raises(InkError, match="directory"):
        read_inkml(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_inkml(tmp_path / "ink.inkml", own_ink())
    (tmp_path / "other").touch()
    assert stat.S_IMODE((tmp_path / "ink.inkml").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_ink_comes_without_torch() -> None:
    code = "import sys, core_model.ink, core_model.inkml, core_model.strokes; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
