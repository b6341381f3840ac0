"""InkML in the layouts of CROHME 2011 to 2023, and InkML that means harm. All ink here is made up."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from core_model.ink import Ink, InkError, Stroke, read_inkml, write_inkml
from core_model.ink_xml import MAX_DEFINITIONS

NS = 'xmlns="http://www.w3.org/2003/InkML"'
XY = '<traceFormat>\n<channel name="X" type="decimal"/>\n<channel name="Y" type="decimal"/>\n</traceFormat>'
MATHML = dedent("""\
    <annotationXML type="truth" encoding="Content-MathML">
    <math xmlns='http://www.w3.org/1998/Math/MathML'>
    <mrow><mi xml:id="x_1">x</mi><mrow><mo xml:id="+_1">+</mo><mn xml:id="1_1">1</mn></mrow></mrow>
    </math>
    </annotationXML>""")


def segmentation(first: int, labels: tuple[str, ...], truth: str = "Segmentation", references: bool = True) -> str:
    """The groups at the end: one for each symbol, here of one trace each."""
    groups = [f'<traceGroup xml:id="{first}">', f'<annotation type="truth">{truth}</annotation>']
    for index, label in enumerate(labels):
        groups.append(f'<traceGroup xml:id="{first + 1 + index}"><annotation type="truth">{label}</annotation>')
        groups.append(f'<traceView traceDataRef="{index}"/>')
        groups += [f'<annotationXML href="{label}_1"/>'] if references else []
        groups.append("</traceGroup>")
    return "\n".join([*groups, "</traceGroup>"])


LAYOUTS = {
    # 2011: who wrote, tabs, an empty group before the one of the symbols; in some files a comma after the last point
    "2011": f"""<ink {NS}>
{XY}
<annotation type="UI">2011_own_1</annotation>
<annotation type="writer">w1</annotation>
<annotation type="truth">$x+1$</annotation>
<annotation type="age">30</annotation>
<annotation type="gender">F</annotation>
<annotation type="hand">R</annotation>
<annotation type="copyright">nobody</annotation>
{MATHML.replace(chr(10), chr(10) + chr(9))}
<trace id="0">
3.0 4.5, 3.5 4.25, 4.0 4.0,
</trace>
<trace id="1">
5 4, 6 4
</trace>
<trace id="2">
7 3, 7 5
</trace>
<traceGroup xml:id="3">
\t<annotation type="truth">Segmentation</annotation>
</traceGroup>
{segmentation(4, ("x", "+", "1"))}
</ink>""",
    # 2012: a declaration, a schema beside the namespace, groups under another name and without references
    "2012": f"""<?xml version="1.0" encoding="UTF-8"?>
<ink {NS} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.w3.org/2003/InkML x.xsd">
{XY}
<annotation type="truth">$ x + 1 $</annotation>
<annotation type="UI">2012_own_1</annotation>
<annotation type="hand">left</annotation>
{MATHML}
<trace id="0">3.0 4.5, 3.5 4.25, 4.0 4.0</trace>
<trace id="1">5 4, 6 4</trace>
<trace id="2">7 3, 7 5</trace>
{segmentation(3, ("x", "+", "1"), "From ITF", references=False)}
</ink>""",
    # 2013: a test file: traces with their type, no groups; Windows' ends of lines
    "2013": f"""<ink {NS}>
{XY}
<annotation type="truth">$x + 1$</annotation>
<annotation type="UI">2013_own_1</annotation>
<annotation type="writer">2013-own</annotation>
{MATHML}
<trace id="0" type="penDown">
3.0 4.5, 3.5 4.25, 4.0 4.0
</trace>
<trace id="1" type="penDown">
5 4, 6 4
</trace>
<trace id="2" type="penDown">
7 3, 7 5
</trace>
</ink>
""".replace("\n", "\r\n"),
    # 2014: with symbols, and annotations that are empty
    "2014": f"""<ink {NS}>
{XY}
<annotation type="UI">2014_own_1</annotation>
<annotation type="truth">$x+1$</annotation>
<annotation type="writer">own14</annotation>
<annotation type="category">mathematical expression</annotation>
<annotation type="expression_type"></annotation>
{MATHML}
<trace id="0">
3.0 4.5, 3.5 4.25, 4.0 4.0
</trace>
<trace id="1">
5 4, 6 4
</trace>
<trace id="2">
7 3, 7 5
</trace>
{segmentation(3, ("x", "+", "1"))}
</ink>""",
    # 2016: blanks around the truth, traces broken over several lines
    "2016": f"""<ink {NS}>
{XY}
<annotation type="truth"> $x + 1$ </annotation>
<annotation type="UI">UN_own_1</annotation>
<annotation type="expressionGT"/>
{MATHML}
<trace id="0">3.0 4.5,
3.5 4.25,
4.0 4.0
</trace>
<trace id="1">5 4, 6 4</trace>
<trace id="2">7 3, 7 5</trace>
{segmentation(3, ("x", "+", "1"))}
</ink>""",
    # 2019: presentation MathML; no blank anywhere that is not needed
    "2019": f"""<?xml version="1.0" encoding="utf-8"?>
<ink {NS}>{XY}<annotation type="truth">$x+1$</annotation><annotation type="UI">ISICal19_own_1</annotation>
{MATHML.replace("Content-MathML", "Presentation-MathML")}
<trace id="0">3.0 4.5,3.5 4.25,4.0 4.0</trace><trace id="1">5 4,6 4</trace><trace id="2">7 3,7 5</trace>
{segmentation(3, ("x", "+", "1"), "Ground truth")}</ink>""",
    # 2023: device and rate, time in a third channel, in seconds
    "2023": f"""<ink {NS}>
<traceFormat>
<channel name="X" type="decimal"/>
<channel name="Y" type="decimal"/>
<channel name="T" type="decimal"/>
</traceFormat>
<annotation type="truth">$x+1$</annotation>
<annotation type="UI">form_own_1</annotation>
<annotation type="device">tablet</annotation>
<annotation type="sampleRate">100</annotation>
<trace id="0">3.0 4.5 0.0, 3.5 4.25 0.01, 4.0 4.0 0.02</trace>
<trace id="1">5 4 0.5, 6 4 0.51</trace>
<trace id="2">7 3 0.9, 7 5 0.915</trace>
{segmentation(3, ("x", "+", "1"))}
</ink>""",
    # the same of a pen that tells its force
    "2023 with force": f"""<ink {NS}>
<traceFormat>
<channel name="X" type="float"/><channel name="Y" type="float"/>
<channel name="T" type="float" units="s"/><channel name="F" type="float" min="0" max="1"/>
</traceFormat>
<annotation type="truth">$x+1$</annotation>
<annotation type="UI">form_own_2</annotation>
<trace id="0">3.0 4.5 0.0 0.1, 3.5 4.25 0.01 0.5, 4.0 4.0 0.02 0.25</trace>
<trace id="1">5 4 0.5 1, 6 4 0.51 0.5</trace>
<trace id="2">7 3 0.9 0, 7 5 0.915 0.125</trace>
</ink>""",
}
POINTS = [[[3, 4.5], [3.5, 4.25], [4, 4]], [[5, 4], [6, 4]], [[7, 3], [7, 5]]]


@pytest.mark.parametrize("year", LAYOUTS)
def test_every_year_of_crohme_is_read(year: str) -> None:
    ink = read_inkml(LAYOUTS[year].encode())
    assert [stroke.points.tolist() for stroke in ink.strokes] == POINTS
    assert ink.latex.replace(" ", "") == "x+1"
    assert "own" in ink.identifier
    times = [stroke.time.tolist() if stroke.time is not None else None for stroke in ink.strokes]
    assert times == ([[0, 0.01, 0.02], [0.5, 0.51], [0.9, 0.915]] if "2023" in year else [None] * 3)
    forces = [stroke.pressure.tolist() if stroke.pressure is not None else None for stroke in ink.strokes]
    assert forces == ([[0.1, 0.5, 0.25], [1, 0.5], [0, 0.125]] if "force" in year else [None] * 3)


@pytest.mark.parametrize("year", LAYOUTS)
def test_what_was_read_is_written_and_read_again_point_by_point(year: str, tmp_path: Path) -> None:
    ink = read_inkml(LAYOUTS[year].encode())
    write_inkml(tmp_path / "again.inkml", ink)
    assert read_inkml(tmp_path / "again.inkml") == ink


def test_every_double_survives_writing(tmp_path: Path) -> None:
    dice = np.random.default_rng(5)
    values = dice.standard_normal((400, 2)) * 10.0 ** dice.uniform(-12, 11, (400, 2))
    stroke = Stroke(values, dice.random(400), np.cumsum(dice.random(400)))
    write_inkml(tmp_path / "ink.inkml", Ink((stroke,), "x", "many"))
    assert read_inkml(tmp_path / "ink.inkml").strokes == (stroke,)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_that_xml_declares_are_read(encoding: str) -> None:
    declared = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "latin-1": "ISO-8859-1"}[encoding]
    text = f'<?xml version="1.0" encoding="{declared}"?><ink {NS}><annotation type="UI">größe</annotation>'
    ink = read_inkml((text + "<trace>1 2, 3 4</trace></ink>").encode(encoding))
    assert (ink.identifier, len(ink.strokes)) == ("größe", 1)


@pytest.mark.parametrize(
    "content",
    [
        LAYOUTS["2012"].encode("utf-16-le"),  # declared as UTF-8
        LAYOUTS["2012"].replace("UTF-8", "UTF-16").encode(),
        LAYOUTS["2012"].encode("utf-32"),
        LAYOUTS["2012"].replace("UTF-8", "EBCDIC-CP-XX").encode(),
        LAYOUTS["2012"].replace("UTF-8", "idna").encode(),
        LAYOUTS["2012"].replace("left", "l\xe9ft").encode("latin-1"),  # declared as UTF-8
        LAYOUTS["2012"].encode("utf-7").replace(b"+", b"\x00"),
    ],
)
def test_wrong_encodings_are_refused(content: bytes) -> None:
    with pytest.raises(InkError):
        read_inkml(content)


@pytest.mark.parametrize("year", ["2014", "2023 with force"])
def test_a_file_cut_anywhere_is_ink_or_refused(year: str) -> None:
    whole = LAYOUTS[year].encode()
    end = whole.rindex(b">")
    for length in range(end + 1):
        with pytest.raises(InkError):
            read_inkml(whole[:length])
    assert len(read_inkml(whole).strokes) == 3


def hostile() -> Iterator[tuple[str, str]]:
    """Small files that a careless reader pays dearly for; each is refused, or read in a moment."""
    channels = "".join(f'<channel name="C{i}"/>' for i in range(29))
    wide = f'<channel name="X"/><channel name="Y"/><intermittentChannels>{channels}</intermittentChannels>'
    contexts = "".join(f'<context xml:id="c{i}" contextRef="#c{i - 1}"/>' for i in range(40_000))
    yield (
        "a default attribute",
        (f'<!DOCTYPE ink [<!ATTLIST a b CDATA "{"x" * 200_000}">]><ink {NS}>' + "<a/>" * 5_000 + "</ink>"),
    )
    yield "a long namespace", f'<ink xmlns="{"u" * 200_000}">' + "<a/>" * 20_000 + "</ink>"
    yield "a long prefix", f'<ink xmlns:q="{"u" * 200_000}">' + "<a q:b=''/>" * 20_000 + "</ink>"
    yield "contexts in a chain", f"<ink {NS}><definitions>{contexts}</definitions></ink>"
    yield "many channels", f"<ink {NS}><traceFormat>{wide}</traceFormat><trace>{'1 1,' * 150_000}</trace></ink>"
    yield "many traces", f"<ink {NS}><traceFormat>{wide}</traceFormat>{'<trace>1 1</trace>' * 4_000}</ink>"
    yield "one endless point", f"<ink {NS}><trace>{'1 ' * 1_000_000}</trace></ink>"
    yield "one endless number", f"<ink {NS}><trace>1 {'9' * 1_000_000}</trace></ink>"
    yield "endless white space", f"<ink {NS}><trace>1{' ' * 1_000_000}1</trace></ink>"
    yield "nesting", f"<ink {NS}>" + "<traceGroup>" * 400_000
    yield "nesting of others", f"<ink {NS}><annotationXML>" + "<m>" * 400_000
    yield "nested parentheses", f"<!DOCTYPE ink [<!ELEMENT a {'(' * 200_000}]><ink/>"


@pytest.mark.parametrize("text", [text for _, text in hostile()], ids=[name for name, _ in hostile()])
def test_hostile_files_cost_little(text: str) -> None:
    content = text.encode()
    said = ""
    tracemalloc.start()
    try:
        read_inkml(content)
    except InkError as error:
        said = str(error)
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 60_000_000
    assert len(said) < 300


def test_one_entity_is_refused_before_anything_grows() -> None:
    """Each of these would be 3 GB of text, or a file of this machine."""
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    for declared, used in (
        (f'<!ENTITY l0 "1 1,">{laughs}', "&l9;"),
        (f'<!ENTITY l0 "{"1 1," * 10_000}">', "&l0;" * 80_000),  # quadratic
        ('<!ENTITY e SYSTEM "file:///etc/hostname">', "&e;"),
        ('<!ENTITY e SYSTEM "http://localhost:9/x">', "&e;"),
        ("<!ENTITY % p \"<!ENTITY e SYSTEM 'file:///etc/hostname'>\"> %p;", "&e;"),
    ):
        with pytest.raises(InkError, match="entities"):
            read_inkml(f"<!DOCTYPE ink [{declared}]><ink {NS}><trace>{used}</trace></ink>".encode())


@pytest.mark.parametrize("value", ["1e400", "-1e400", "9" * 400, "1e13", "#" + "f" * 40, "1e99999999999"])
def test_huge_numbers_are_refused(value: str) -> None:
    with pytest.raises(InkError, match="not a number within"):
        read_inkml(f"<ink {NS}><trace>1 1, 2 {value}</trace></ink>".encode())


def test_as_many_definitions_as_are_allowed_are_looked_up_quickly() -> None:
    """A brush of many properties that every context shares is looked through once."""
    count = MAX_DEFINITIONS - 1
    brush = f'<brush xml:id="b">{"<brushProperty/>" * 50_000}</brush>'
    contexts = "".join(f'<context xml:id="c{i}" brushRef="#b" contextRef="#c{i - 1}"/>' for i in range(count))
    traces = "".join(f'<trace contextRef="#c{i}">{i} 1</trace>' for i in range(count))
    content = f"<ink {NS}><definitions>{brush}{contexts}</definitions>{traces}</ink>"
    code = "import sys; from core_model.ink import read_inkml; print(len(read_inkml(sys.stdin.buffer.read()).strokes))"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], input=content.encode(), capture_output=True, check=True, cwd=root, timeout=60
    )
    assert int(done.stdout) == count


def test_a_channel_that_is_named_twice_counts_once() -> None:
    form = '<traceFormat><channel name="X"/><channel name="Y"/><channel name="X"/></traceFormat>'
    ink = read_inkml(f"<ink {NS}>{form}<trace>1 2 3, 4 5 6</trace></ink>".encode())
    assert ink.strokes[0].points.tolist() == [[3, 2], [6, 5]]
