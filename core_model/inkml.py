"""InkML, the W3C's XML for digital ink (https://www.w3.org/TR/InkML/): parsed into `Ink`, and written.

Read is what programs write, and more: channels in any order with units, orientation and ranges, optional channels at
the end of a point, first and second differences, several contexts and trace formats, pen-up traces, continued traces,
nested groups, time by channel or by trace. CROHME's annotations ``truth`` and ``UI`` give LaTeX and identifier.
Files are strangers: entities and external subsets are never expanded, and depth and size are bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from core_model.ink import MAX_POINTS, Ink, InkError, Stroke, bare_latex, checked_stroke
from core_model.ink_xml import MAX_DEPTH, element_tree

NAMESPACE = "http://www.w3.org/2003/InkML"
MAX_CHANNELS = 32
MAX_VALUES = 4 * MAX_POINTS
"""Of all points and channels together."""
MAX_POINT = 5000
"""Characters of one point."""

_LENGTHS = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6, "himetric": 0.01}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_FORCE_RANGES = (1.0, 100.0, 255.0, 1023.0, 1024.0, 2047.0, 2048.0, 4095.0, 4096.0, 8191.0, 8192.0, 32767.0, 65535.0)
_TRUTHS = ("truth", "normalizedLabel", "label")
_NAMES = ("UI", "sampleId", "id")
_VALUE = re.compile(
    r"""\s*(?P<order>[!'"])?\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|\#(?P<hex>[0-9A-Fa-f]+)"""
    r"""|(?P<sign>[TF*?]))""",
    re.ASCII,
)
_BETWEEN = ", \t\r\n"
_READ = ("X", "Y", "F", "T", "S")  # channels that strokes are made of
_ORDERS = {"!": 0, "'": 1, '"': 2}


@dataclass(frozen=True)
class _Channel:
    name: str
    kind: str = "decimal"
    units: str = ""
    reversed: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class _Format:
    """What the values of a point are; the last ``optional`` ones may be left out."""

    channels: tuple[_Channel, ...] = (_Channel("X"), _Channel("Y"))
    optional: int = 0

    @property
    def read(self) -> list[str]:
        """The names of the channels that strokes are made of."""
        names = {channel.name for channel in self.channels}
        return [name for name in _READ if name in names]


@dataclass(frozen=True)
class _Setting:
    """What a context says about its traces."""

    format: _Format = field(default_factory=_Format)
    ignore_pressure: bool = False
    start: float = 0.0
    """Seconds of its time stamp."""


@dataclass
class _Trace:
    """A trace as read: values by channel name of those in `_READ`, None for what was not told."""

    setting: _Setting
    values: dict[str, list[float | None]]
    offset: float | None
    duration: float | None


def parse(content: bytes, name: str) -> Ink:
    """InkML -> Ink; ``name`` stands in the messages. Raises InkError."""
    return _Document(element_tree(content, name), name).ink()


def serialize(ink: Ink) -> bytes:
    """Ink -> InkML, UTF-8. Points are written with all their digits."""
    out = ['<?xml version="1.0" encoding="UTF-8"?>', f'<ink xmlns="{NAMESPACE}">']
    kinds = sorted({_kind(stroke) for stroke in ink.strokes}, key=lambda kind: (len(kind), kind)) or [""]
    out.append("  <definitions>")
    for kind in kinds:
        out.append(f'    <context xml:id="context{kind}"><inkSource xml:id="pen{kind}"><traceFormat>')
        out += [f"      {_CHANNELS[channel]}" for channel in "XY" + kind]
        out.append("    </traceFormat></inkSource></context>")
    out.append("  </definitions>")
    if ink.latex:
        out.append(f'  <annotation type="truth">{_text("$" + ink.latex + "$")}</annotation>')
    if ink.identifier:
        out.append(f'  <annotation type="UI">{_text(ink.identifier)}</annotation>')
    for index, stroke in enumerate(ink.strokes):
        columns = [stroke.points[:, 0], stroke.points[:, 1]]
        columns += [values for values in (stroke.pressure, stroke.time) if values is not None]
        points = zip(*(column.tolist() for column in columns), strict=True)
        text = ", ".join(" ".join(map(_number, point)) for point in points)
        out.append(f'  <trace id="{index}" contextRef="#context{_kind(stroke)}">{text}</trace>')
    return "\n".join([*out, "</ink>", ""]).encode("utf-8", "replace")


_CHANNELS = {
    "X": '<channel name="X" type="decimal" units="dev"/>',
    "Y": '<channel name="Y" type="decimal" units="dev"/>',
    "F": '<channel name="F" type="decimal" min="0" max="1"/>',
    "T": '<channel name="T" type="decimal" units="s"/>',
}


def _kind(stroke: Stroke) -> str:
    return ("F" if stroke.pressure is not None else "") + ("T" if stroke.time is not None else "")


def _number(value: float) -> str:
    """All digits; whole numbers without a point, as the files of devices have them. Minus zero keeps its sign."""
    whole = value.is_integer() and abs(value) < 1e15 and (value != 0 or math.copysign(1.0, value) > 0)
    return str(int(value)) if whole else repr(value)


def _text(text: str) -> str:
    """Text for XML, without the control characters that XML cannot hold."""
    return escape(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", " ", text))


class _Document:
    """One InkML document: its definitions, looked up by id, and its traces in order."""

    def __init__(self, root: Element, name: str) -> None:
        if root.tag != "ink":
            raise InkError(f"{name} is no InkML: it begins with <{root.tag[:40]}> instead of <ink>")
        self._root = root
        self._name = name
        self._points = self._values = 0
        self._ids: dict[str, Element] = {}
        self._known: dict[tuple[str | None, str | None, int], tuple[_Setting, _Setting]] = {}
        self._formats: dict[Element, _Format] = {}
        self._ignoring: dict[Element, bool | None] = {}
        for element in root.iter():
            if "id" in element.attrib:
                self._ids.setdefault(element.attrib["id"], element)

    def ink(self) -> Ink:
        setting = self._base()
        traces: list[_Trace] = []
        by_id: dict[str, _Trace] = {}
        for index, (element, one) in enumerate(self._elements(setting)):
            if element.get("type", "penDown") == "penUp":
                continue
            trace = self._trace(element, one, f"{self._name}, trace {index + 1}")
            before = by_id.get(element.get("priorRef", "").lstrip("#"))
            if element.get("continuation") in ("middle", "end") and before is not None:
                for channel, values in before.values.items():
                    values += trace.values.get(channel, [None] * len(trace.values["X"]))
                trace = before
            else:
                traces.append(trace)
            if "id" in element.attrib:
                by_id[element.attrib["id"]] = trace
        truth, identifier = self._annotation(_TRUTHS), self._annotation(_NAMES)
        return Ink(tuple(self._strokes(traces)), bare_latex(truth), identifier)

    def _annotation(self, kinds: tuple[str, ...]) -> str:
        """Of the whole ink: CROHME's groups have truths of their own, of single symbols."""
        for kind in kinds:
            for element in self._root.findall("annotation"):
                if element.get("type", "").lower() == kind.lower() and (element.text or "").strip():
                    return (element.text or "").strip()
        return ""

    def _base(self) -> _Setting:
        """What holds for traces that name no context: what the document itself says, or its only context."""
        loose = self._root.find("traceFormat")
        if loose is None:
            loose = self._root.find("definitions/traceFormat")
        contexts = [*self._root.findall("context"), *self._root.findall("definitions/context")]
        setting = self._context(contexts[0], _Setting()) if contexts and loose is None else _Setting()
        if loose is not None:
            return self._with_format(loose, setting)
        sources = [*self._root.findall("inkSource"), *self._root.findall("definitions/inkSource")]
        return self._source(sources[0], setting) if sources and not contexts else setting

    def _elements(self, setting: _Setting) -> Iterator[tuple[Element, _Setting]]:
        """All traces in document order with what holds for them; those in the definitions only if they are viewed."""
        viewed = {view.get("traceDataRef", "").lstrip("#") for view in self._root.iter("traceView")}
        stack = [(self._root, setting, False)]
        while stack:
            element, setting, defined = stack.pop()
            if element.tag in ("trace", "traceGroup"):
                setting = self._referred(element, setting)
            if element.tag == "trace" and (not defined or element.get("id") in viewed):
                yield element, setting
            if element.tag in ("ink", "definitions", "traceGroup"):
                inside = defined or element.tag == "definitions"
                if element.tag == "traceGroup" and element.get("id") in viewed:
                    inside = False  # a view of a group shows all its traces
                stack += [(child, setting, inside) for child in reversed(element)]

    def _referred(self, element: Element, setting: _Setting) -> _Setting:
        key = element.get("contextRef"), element.get("brushRef"), id(setting)
        if key not in self._known:  # a file may have ten thousand traces of one context
            self._known[key] = self._looked_up(element, setting), setting  # kept, or its id would be given again
        return self._known[key][0]

    def _looked_up(self, element: Element, setting: _Setting) -> _Setting:
        context = self._find(element.get("contextRef"), "context")
        if context is not None:
            setting = self._context(context, setting)
        brush = self._find(element.get("brushRef"), "brush")
        return setting if brush is None else self._brush(brush, setting)

    def _find(self, reference: str | None, tag: str) -> Element | None:
        element = self._ids.get((reference or "").lstrip("#"))
        return element if element is not None and element.tag == tag else None

    def _context(self, element: Element, setting: _Setting, depth: int = 0) -> _Setting:
        parent = self._find(element.get("contextRef"), "context")
        if parent is not None and depth < MAX_DEPTH:  # contexts could refer to each other in a ring
            setting = self._context(parent, setting, depth + 1)
        for tag, apply in (("inkSource", self._source), ("traceFormat", self._with_format), ("brush", self._brush)):
            found = element.find(tag)
            if found is None:
                found = self._find(element.get(f"{tag}Ref"), tag)
            if found is not None:
                setting = apply(found, setting)
        stamp = element.find("timestamp")
        if stamp is None:
            stamp = self._find(element.get("timestampRef"), "timestamp")
        return setting if stamp is None else replace(setting, start=self._stamp(stamp))

    def _source(self, element: Element, setting: _Setting) -> _Setting:
        found = element.find("traceFormat")
        return setting if found is None else self._with_format(found, setting)

    def _with_format(self, element: Element, setting: _Setting) -> _Setting:
        if element not in self._formats:
            self._formats[element] = self._format(element)
        return replace(setting, format=self._formats[element])

    def _brush(self, element: Element, setting: _Setting) -> _Setting:
        if element not in self._ignoring:  # many contexts may share one brush
            told = (item for item in element.iter("brushProperty") if item.get("name") == "ignorePressure")
            first = next(told, None)
            ignoring = None if first is None else first.get("value", "").lower() in ("1", "true")
            self._ignoring[element] = ignoring
        found = self._ignoring[element]
        return setting if found is None else replace(setting, ignore_pressure=found)

    def _stamp(self, element: Element, depth: int = 0) -> float:
        """Seconds. ``time`` counts milliseconds; ``timeOffset`` too, from another stamp."""
        base = self._find(element.get("timestampRef"), "timestamp")
        start = self._stamp(base, depth + 1) if base is not None and depth < MAX_DEPTH else 0.0
        if element.get("timeString"):
            try:
                start = datetime.fromisoformat(element.attrib["timeString"]).timestamp()
            except (ValueError, OverflowError, OSError):
                start = 0.0  # times are told apart only; nothing hangs on their zero
        return start + 1e-3 * (_float(element.get("time")) or 0.0) + 1e-3 * (_float(element.get("timeOffset")) or 0.0)

    def _format(self, element: Element) -> _Format:
        referred = self._find(element.get("href"), "traceFormat")
        if referred is not None and element.find(".//channel") is None:
            element = referred
        loose = element.findall("intermittentChannels/channel")
        regular = [*element.findall("channel"), *element.findall("regularChannels/channel")]
        channels = tuple(_channel(item) for item in (*regular, *loose))
        if not channels:
            return _Format()
        if len(channels) > MAX_CHANNELS:
            raise InkError(f"{self._name} is no ink of a formula: it has {len(channels)} channels")
        names = [channel.name for channel in channels]
        if "X" not in names or "Y" not in names:
            raise InkError(
                f"{self._name} has a trace format without the channels X and Y; nothing can be drawn from it"
            )
        return _Format(channels, len(loose))

    def _trace(self, element: Element, setting: _Setting, where: str) -> _Trace:
        channels = setting.format.channels
        least = max(1, len(channels) - setting.format.optional)
        columns: dict[str, list[float | None]] = {name: [] for name in setting.format.read}
        text = "".join(element.itertext())
        if text.strip(_BETWEEN):
            count = text.count(",") + 1
            self._points += count
            self._values += count * len(channels)
            if self._points > MAX_POINTS or self._values > MAX_VALUES:
                raise InkError(f"{self._name} has more than {MAX_POINTS:,} points; it is no formula")
            states = [_Running() for _ in channels]
            last = {channel.name: at for at, channel in enumerate(channels)}  # a name may be there twice
            wanted = [columns.get(one.name) if last[one.name] == at else None for at, one in enumerate(channels)]
            for point in text.split(","):
                if len(point) > MAX_POINT:
                    raise InkError(f"{where}: a point of {len(point):,} characters; it is no ink of a formula")
                if not point.strip():
                    continue  # a comma after the last point
                for column, value in zip(wanted, _values(point, states, least, where), strict=True):
                    if column is not None:
                        column.append(value)
        return _Trace(setting, columns, _float(element.get("timeOffset")), _float(element.get("duration")))

    def _strokes(self, traces: list[_Trace]) -> Iterator[Stroke]:
        first = next((trace.setting.format for trace in traces), _Format())
        unit = _length(next(channel for channel in first.channels if channel.name == "X"))
        start = min((trace.setting.start for trace in traces), default=0.0)
        force = _force_range([trace.values["F"] for trace in traces if "F" in trace.values])
        whole = all(value is None or value.is_integer() for trace in traces for value in trace.values.get("T", ()))
        for index, trace in enumerate(traces):
            by_name = {channel.name: channel for channel in trace.setting.format.channels}
            columns = trace.values
            count = len(columns["X"])
            factors = [_factor(by_name[axis], unit) for axis in "XY"]
            time = _times(trace, by_name.get("T"), start, whole)
            pressure: list[float] | None = None
            if "F" in by_name and not trace.setting.ignore_pressure:
                pressure = _pressures(columns["F"], by_name["F"], force)
            down = [value != 0.0 for value in columns["S"]] if "S" in columns else [True] * count
            run: list[int] = []
            places: list[list[float]] = []
            for at in range(count + 1):
                if at < count and down[at]:
                    x, y = columns["X"][at], columns["Y"][at]
                    if x is not None and y is not None:
                        run.append(at)
                        places.append([factors[0] * x, factors[1] * y])
                elif run:  # the tip was lifted within the trace, or the trace ends
                    yield checked_stroke(
                        places,
                        None if pressure is None else [pressure[i] for i in run],
                        None if time is None else [time[i] for i in run],
                        f"{self._name}, stroke {index + 1}",
                    )
                    run, places = [], []


@dataclass
class _Running:
    """A channel while its trace is read: the kind of value in force, and what differences add to."""

    order: int = 0
    value: float = 0.0
    speed: float = 0.0
    last: float = 0.0

    def take(self, order: str | None, number: float | None) -> float:
        """The value of the next point; a ``number`` of None repeats the last one."""
        if order is not None:
            if _ORDERS[order] != self.order:
                self.last = 0.0
            self.order = _ORDERS[order]
        if number is None:
            number = self.last if self.order else self.value
        self.last = number
        if self.order == 0:
            self.speed, self.value = number - self.value, number
        else:
            self.speed = number if self.order == 1 else self.speed + number
            self.value += self.speed
        return self.value


def _values(point: str, states: list[_Running], least: int, where: str) -> list[float | None]:
    """The values of one point by channel, None for those that are not told."""
    found: list[float | None] = []
    at, end = 0, len(point.rstrip())
    while at < end:
        match = _VALUE.match(point, at)
        if match is None:
            raise InkError(f"{where}: “{point[at : at + 20].strip()}” is no value of a point; save the ink again")
        at = match.end()
        if len(found) == len(states):
            continue  # more values than channels: programs add times without declaring them
        state = states[len(found)]
        sign = match["sign"]
        if sign == "?":
            found.append(None)
        elif sign in ("T", "F"):
            found.append(state.take("!", 1.0 if sign == "T" else 0.0))
        elif sign == "*":
            found.append(state.take(match["order"], None))
        else:
            number = float(match["number"]) if match["number"] else float(int(match["hex"][:12], 16))
            found.append(state.take(match["order"], number))
    if len(found) < least:
        raise InkError(f"{where}: “{point.strip()[:40]}” has fewer values than there are channels; save the ink again")
    return found + [None] * (len(states) - len(found))


def _channel(element: Element) -> _Channel:
    return _Channel(
        element.get("name", ""),
        element.get("type", "decimal"),
        element.get("units", ""),
        element.get("orientation", "+ve").strip() == "-ve",
        _float(element.get("min")),
        _float(element.get("max")),
    )


def _float(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _length(channel: _Channel) -> float | None:
    """Millimetres of a unit; None for units of the device."""
    return _LENGTHS.get(channel.units.lower())


def _factor(channel: _Channel, unit: float | None) -> float:
    """What brings the values of a channel to the unit of all (in mm), to the right and downwards."""
    own = _length(channel)
    factor = 1.0 if own is None or unit is None or own == unit else own / unit
    return -factor if channel.reversed else factor


def _force_range(columns: list[list[float | None]]) -> float:
    """The full force of a pen whose range is not told: the smallest usual one that holds all values."""
    largest = max((abs(value) for column in columns for value in column if value is not None), default=1.0)
    return next((full for full in _FORCE_RANGES if largest <= full), largest)


def _pressures(column: list[float | None], channel: _Channel, full: float) -> list[float] | None:
    if all(value is None for value in column):
        return None
    low, high = channel.low or 0.0, channel.high
    if high is None or high <= low:
        low, high = 0.0, 100.0 if channel.units == "%" else full
    known = 1.0
    filled = []
    for value in column:
        known = known if value is None else min(1.0, max(0.0, (value - low) / (high - low)))
        filled.append(known)
    return filled


def _times(trace: _Trace, channel: _Channel | None, start: float, whole: bool) -> list[float] | None:
    """Seconds of each point, by channel or from where and how long the trace was drawn."""
    count = len(trace.values["X"])
    base = trace.setting.start - start
    offset = 1e-3 * (trace.offset or 0.0)
    if channel is not None and any(value is not None for value in trace.values["T"]):
        # The standard's unit is the millisecond; programs that write fractions without a unit mean seconds.
        default = 1e-3 if whole or channel.kind == "integer" else 1.0
        second = _SECONDS.get(channel.units.lower(), default)
        known = next(value for value in trace.values["T"] if value is not None)
        filled = []
        for value in trace.values["T"]:
            known = known if value is None else value
            filled.append(known * second + base + offset)
        return filled
    if trace.offset is None or trace.duration is None:
        return None
    return [base + offset + 1e-3 * trace.duration * i / max(1, count - 1) for i in range(count)]
