"""Where a hand puts each symbol: its height and level on the line, and the room beside it.

The unit is the height of a small x; the baseline is 0 and y grows downwards. Heights and gaps are rounded medians over
straight-line expressions of CROHME's training ink; what does not occur there stands by the class of its shape. People
write digits 1.5 and brackets 2.4 times as tall as an x, and stand operators off by most of a letter's width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core_model.latex.symbols import BIG_OPERATORS, CLASS_OF, INTEGRALS, AtomClass

FUNCTION_WORDS: Final = frozenset(["\\sin", "\\cos", "\\tan", "\\log", "\\lim"])
"""Words that CROHME's annotation holds as one symbol."""
AXIS: Final = -0.5
"""Where a minus sign and the line of a fraction stand."""


@dataclass(frozen=True)
class Place:
    """Top and bottom of a symbol; if ``width`` is given, it decides the size, and the middle of top and bottom the
    level: for flat symbols, whose height tells nothing.
    """

    top: float
    bottom: float
    width: float = 0.0


def _flat(width: float, centre: float = AXIS) -> Place:
    return Place(centre, centre, width)


_X_HEIGHT = Place(-1.0, 0.0)
_TALL = Place(-1.88, 0.0)
_CAPITAL = Place(-1.75, 0.04)
_DIGIT = Place(-1.55, 0.0)
_DEEP = Place(-1.02, 0.88)
_FULL = Place(-1.75, 0.65)
_RELATION = Place(-1.2, 0.1)
_BINARY = Place(-1.08, -0.05)
_FENCE = Place(-2.0, 0.4)
_BIG = Place(-2.0, 0.75)
_ARROW = _flat(1.9)
_LONG_ARROW = _flat(3.0)
_WAVE = _flat(1.15)

_GROUPS: Final = (
    (_X_HEIGHT, "a c e m n o r s u v w x z", "epsilon varepsilon iota kappa nu sigma tau upsilon omega varpi imath i"),
    (_TALL, "b d h k l", "ell hbar hslash delta lambda forall exists nexists partial"),
    (Place(-1.72, 0.0), "t", "vartheta Bbbk nabla"),
    (Place(-1.5, 0.0), "i", "theta"),
    (Place(-1.45, 0.8), "j", "jmath j"),
    (Place(-2.2, 1.0), "f", ""),
    (_DEEP, "g p q y", "eta mu rho varrho chi gamma varsigma wp"),
    (_FULL, "", "beta zeta xi phi varphi psi"),
    (Place(-1.2, 0.05), "", "alpha propto varpropto in ni notin emptyset varnothing"),
    (_flat(1.95), "", "infty"),
    (Place(-1.15, 0.0), "", "pi digamma"),
    (_flat(0.85, -0.57), "-", "minuso"),
    (_flat(1.05), "=", "equiv doteq triangleq coloneqq eqqcolon coloneq eqcolon Coloneqq Eqqcolon circeq eqcirc"),
    (_WAVE, "", "sim approx simeq cong approxeq eqsim backsim backsimeq thicksim thickapprox asymp bumpeq Bumpeq"),
    (_WAVE, "", "smile frown smallsmile smallfrown doteqdot risingdotseq fallingdotseq multimap bowtie"),
    (_ARROW, "", "rightarrow leftarrow leftrightarrow Rightarrow Leftarrow Leftrightarrow mapsto hookrightarrow"),
    (_ARROW, "", "hookleftarrow rightharpoonup rightharpoondown leftharpoonup leftharpoondown rightleftharpoons"),
    (_ARROW, "", "rightsquigarrow leftrightsquigarrow twoheadrightarrow twoheadleftarrow rightarrowtail"),
    (_ARROW, "", "leftarrowtail leftleftarrows rightrightarrows leftrightarrows rightleftarrows dashrightarrow"),
    (_ARROW, "", "dashleftarrow Lleftarrow Rrightarrow nrightarrow nleftarrow nRightarrow nLeftarrow mapsfrom"),
    (_LONG_ARROW, "", "longrightarrow longleftarrow longleftrightarrow Longrightarrow Longleftarrow longmapsto"),
    (_LONG_ARROW, "", "Longleftrightarrow longmapsfrom Longmapsto Longmapsfrom"),
    (Place(-1.7, 0.3), "", "leq geq leqslant geqslant leqq geqq lesssim gtrsim lessapprox gtrapprox preceq succeq neq"),
    (Place(-1.7, 0.3), "", "subseteq supseteq sqsubseteq sqsupseteq preccurlyeq succcurlyeq precsim succsim pm mp"),
    (Place(-1.4, 0.1), "", "div angle triangle vartriangle square checkmark therefore because top bot"),
    (Place(-2.0, 0.4), "/ |", "mid parallel nmid nparallel backslash setminus | vdash dashv models vDash Vdash perp"),
    (Place(-2.0, 0.4), "", "uparrow downarrow updownarrow Uparrow Downarrow Updownarrow dagger ddagger S P"),
    (Place(-0.62, -0.38), "", "cdot cdotp centerdot"),
    (Place(-0.8, -0.25), "", "bullet circ"),
    (Place(-1.15, -0.25), "*", "star"),
    (Place(-1.7, -1.3), "", "degree"),
    (Place(-1.5, -0.3), "", "prime backprime"),
    (Place(-0.1, 0.0), ".", "ldotp"),
    (Place(-0.15, 0.45), ",", ""),
    (Place(-0.85, 0.45), ";", ""),
    (Place(-0.85, -0.1), ":", "colon vcentcolon ratio"),
    (Place(-1.62, 0.08), "!", ""),
    (Place(-1.75, 0.04), "?", ""),
    (Place(-1.0, 0.05), "", "times"),
    (_flat(2.0, -0.06), "", "ldots"),
    (_flat(2.0), "", "cdots"),
    (Place(-1.8, 0.2), "", "vdots"),
    (Place(-1.6, 0.1), "", "ddots iddots"),
    (Place(-1.1, 0.05), "", "cos"),
    (Place(-1.35, 0.05), "", "sin"),
    (Place(-1.65, 0.05), "", "tan lim"),
    (Place(-1.85, 1.0), "", "log"),
)

_BY_CLASS: Final = {
    AtomClass.ORD: Place(-1.6, 0.05),
    AtomClass.BIN: _BINARY,
    AtomClass.REL: _RELATION,
    AtomClass.OPEN: _FENCE,
    AtomClass.CLOSE: _FENCE,
    AtomClass.PUNCT: Place(-0.2, 0.3),
    AtomClass.INNER: _flat(2.0),
}


def _table() -> dict[str, Place]:
    places = {}
    for symbol, kind in CLASS_OF.items():
        if symbol.isdigit():
            places[symbol] = _DIGIT
        elif len(symbol) == 1 and symbol.isupper():
            places[symbol] = _CAPITAL
        elif symbol in INTEGRALS:
            places[symbol] = Place(-2.5, 1.3)
        elif symbol in BIG_OPERATORS:
            places[symbol] = _BIG
        elif kind in _BY_CLASS:
            places[symbol] = _BY_CLASS[kind]
    for place, plain, commands in _GROUPS:
        for symbol in plain.split():
            places[symbol] = place
        for command in commands.split():
            places["\\" + command] = place
    return places


_PLACES: Final = _table()


def place_of(symbol: str) -> Place:
    """Where a symbol of the bank stands; letters of an alphabet (``\\mathbb{R}``) stand as capitals do."""
    return _PLACES.get(symbol, _CAPITAL)


_GAPS: Final = {
    (AtomClass.ORD, AtomClass.ORD): 0.42,
    (AtomClass.ORD, AtomClass.OP): 0.75,
    (AtomClass.OP, AtomClass.ORD): 0.6,
    (AtomClass.OP, AtomClass.OP): 0.6,
    (AtomClass.OP, AtomClass.OPEN): 0.45,
}
_STANDING_OFF: Final = frozenset([AtomClass.BIN, AtomClass.REL])
_FENCES: Final = frozenset([AtomClass.OPEN, AtomClass.CLOSE])


def gap(before: AtomClass, after: AtomClass) -> float:
    """Usual room between the ink of two neighbours."""
    if before in _STANDING_OFF or after in _STANDING_OFF:
        return 0.9
    if before is AtomClass.PUNCT:
        return 0.65
    if after is AtomClass.PUNCT:
        return 0.35
    if before is AtomClass.INNER or after is AtomClass.INNER:
        return 0.6
    if before is AtomClass.CLOSE and after in (AtomClass.ORD, AtomClass.OPEN, AtomClass.OP):
        return 0.5
    if before in _FENCES or after in _FENCES:
        return 0.36 if before is AtomClass.OPEN or after is AtomClass.CLOSE else 0.5
    return _GAPS.get((before, after), 0.5)
