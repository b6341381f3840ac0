"""What each LaTeX math command is: its atom class, its synonyms, its arguments.

The classes and the spacing rules they lead to are those of TeX (The TeXbook, chapter 18 and appendix G); the commands
are those of LaTeX with amsmath, amssymb, mathtools, mathrsfs, stmaryrd, bm and cancel.
"""

from enum import IntEnum
from typing import Final


class AtomClass(IntEnum):
    """TeX's atom classes, in the order of the spacing table; ``NONE`` marks nodes that TeX's spacing looks through."""

    ORD = 0
    OP = 1
    BIN = 2
    REL = 3
    OPEN = 4
    CLOSE = 5
    PUNCT = 6
    INNER = 7
    NONE = 8


def _commands(words: str) -> list[str]:
    return ["\\" + word for word in words.split()]


GREEK_CAPITALS: Final = frozenset(_commands("Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"))

_ORDINARY = (
    _commands(
        """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu xi pi
        varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega digamma omicron
        aleph beth gimel daleth hbar hslash imath jmath ell wp Re Im partial infty prime emptyset varnothing nabla surd
        top bot angle measuredangle sphericalangle triangle triangledown vartriangle forall exists nexists neg flat
        natural sharp clubsuit diamondsuit heartsuit spadesuit backslash Box square Diamond lozenge blacksquare
        blacklozenge blacktriangle blacktriangledown bigstar complement eth mho Bbbk Finv Game circledS circledR
        backprime diagup diagdown maltese yen checkmark S P pounds copyright _ $ % # & i j o O l L ss aa AA
        ae AE oe OE varGamma varDelta varTheta varLambda varXi varPi varSigma varUpsilon varPhi varPsi varOmega
        textbackslash degree mathdollar lightning"""
    )
    + list('./@"`')
    + list("|")
    + ["\\|"]
)
_BINARY = [
    *"+-*",
    *_commands(
        """pm mp times div cdot circ bullet star diamond cap cup uplus sqcap sqcup vee wedge setminus wr amalg oplus
        ominus otimes oslash odot bigcirc dagger ddagger triangleleft triangleright bigtriangleup bigtriangledown lhd
        rhd unlhd unrhd ltimes rtimes leftthreetimes rightthreetimes smallsetminus boxplus boxminus boxtimes boxdot
        circledast circledcirc circleddash intercal veebar barwedge doublebarwedge curlyvee curlywedge Cap Cup dotplus
        divideontimes centerdot gtrdot lessdot bmod doublecap doublecup oblong obar ovee owedge obslash varocircle
        bbslash interleave merge moo talloblong varoast varobar varobslash varocirc varodot varogreaterthan
        varolessthan varominus varoplus varoslash varotimes varovee varowedge vartimes minuso baro sslash fatslash
        fatbslash leftslice rightslice fatsemi nplus Ydown Yleft Yright Yup"""
    ),
]
_RELATION = [
    *"=<>:",
    *_commands(
        """leq geq neq equiv approx sim simeq cong propto asymp doteq models vdash dashv perp mid parallel subset supset
        subseteq supseteq sqsubset sqsupset sqsubseteq sqsupseteq in ni notin prec succ preceq succeq ll gg bowtie Join
        smile frown not leqslant geqslant lesssim gtrsim lessapprox gtrapprox lll ggg lessgtr gtrless lesseqgtr
        gtreqless lesseqqgtr gtreqqless leqq geqq eqslantless eqslantgtr precsim succsim precapprox succapprox
        preccurlyeq succcurlyeq curlyeqprec curlyeqsucc Subset Supset subseteqq supseteqq vDash Vdash Vvdash
        trianglelefteq trianglerighteq vartriangleleft vartriangleright blacktriangleleft blacktriangleright between
        pitchfork varpropto thicksim thickapprox approxeq backsim backsimeq bumpeq Bumpeq circeq eqcirc eqsim doteqdot
        risingdotseq fallingdotseq triangleq therefore because backepsilon shortmid shortparallel smallsmile smallfrown
        nleq ngeq nless ngtr nleqslant ngeqslant nleqq ngeqq lneq gneq lneqq gneqq lnsim gnsim lnapprox gnapprox
        lvertneqq gvertneqq nprec nsucc npreceq nsucceq precneqq succneqq precnsim succnsim precnapprox succnapprox nsim
        ncong nmid nparallel nshortmid nshortparallel nvdash nvDash nVdash nVDash nsubseteq nsupseteq nsubseteqq
        nsupseteqq subsetneq supsetneq subsetneqq supsetneqq varsubsetneq varsupsetneq varsubsetneqq varsupsetneqq
        ntriangleleft ntriangleright ntrianglelefteq ntrianglerighteq
        rightarrow leftarrow leftrightarrow Rightarrow Leftarrow Leftrightarrow longrightarrow longleftarrow
        longleftrightarrow Longrightarrow Longleftarrow Longleftrightarrow mapsto longmapsto hookrightarrow
        hookleftarrow rightharpoonup rightharpoondown leftharpoonup leftharpoondown rightleftharpoons leftrightharpoons
        uparrow downarrow updownarrow Uparrow Downarrow Updownarrow nearrow searrow swarrow nwarrow rightsquigarrow
        leftrightsquigarrow twoheadrightarrow twoheadleftarrow rightarrowtail leftarrowtail leftleftarrows
        rightrightarrows upuparrows downdownarrows leftrightarrows rightleftarrows upharpoonright upharpoonleft
        downharpoonright downharpoonleft curvearrowright curvearrowleft circlearrowright circlearrowleft dashrightarrow
        dashleftarrow multimap Lsh Rsh looparrowright looparrowleft Lleftarrow Rrightarrow nrightarrow nleftarrow
        nleftrightarrow nRightarrow nLeftarrow nLeftrightarrow
        coloneqq eqqcolon coloneq eqcolon Coloneqq Eqqcolon colonapprox colonsim dblcolon vcentcolon ratio
        mapsfrom longmapsfrom Mapsto Longmapsto Mapsfrom Longmapsfrom leftarrowtriangle rightarrowtriangle
        leftrightarrowtriangle shortrightarrow shortleftarrow shortuparrow shortdownarrow nnearrow ssearrow inplus
        niplus ntrianglelefteqslant ntrianglerighteqslant trianglelefteqslant trianglerighteqslant subsetplus
        supsetplus subsetpluseq supsetpluseq Perp upuparrow"""
    ),
]
_OPENING = [
    "(",
    "[",
    "\\{",
    *_commands("langle lfloor lceil lvert lVert lgroup lmoustache ulcorner llcorner llbracket llparenthesis Lbag lbag"),
]
_CLOSING = [
    *")]!?",
    "\\}",
    *_commands("rangle rfloor rceil rvert rVert rgroup rmoustache urcorner lrcorner rrbracket rrparenthesis Rbag rbag"),
]
_PUNCTUATION = [*",;", *_commands("colon cdotp ldotp")]
_INNER = _commands("ldots cdots ddots iddots dots")
# \vdots is an Ord in LaTeX: a vbox of three periods.
_ORDINARY.append("\\vdots")

BIG_OPERATORS: Final = frozenset(
    _commands(
        """sum prod coprod bigcap bigcup bigvee bigwedge bigodot bigoplus bigotimes biguplus bigsqcup bigsqcap
        bigbox biginterleave bigcurlyvee bigcurlywedge bignplus bigparallel varprod"""
    )
)
INTEGRALS: Final = frozenset(
    _commands("int iint iiint iiiint oint idotsint smallint oiint varointclockwise ointctrclockwise")
)
LIMIT_NAMES: Final = frozenset(
    _commands("det gcd inf lim liminf limsup max min Pr sup injlim projlim varlimsup varliminf varinjlim varprojlim")
)
FUNCTION_NAMES: Final = frozenset(
    _commands("""arccos arcsin arctan arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin sinh tan tanh""")
)

CLASS_OF: Final[dict[str, AtomClass]] = {}
for _class, _names in (
    (AtomClass.ORD, [*_ORDINARY, *GREEK_CAPITALS]),
    (AtomClass.BIN, _BINARY),
    (AtomClass.REL, _RELATION),
    (AtomClass.OPEN, _OPENING),
    (AtomClass.CLOSE, _CLOSING),
    (AtomClass.PUNCT, _PUNCTUATION),
    (AtomClass.INNER, _INNER),
    (AtomClass.OP, [*BIG_OPERATORS, *INTEGRALS, *LIMIT_NAMES, *FUNCTION_NAMES]),
    (AtomClass.ORD, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
):
    for _name in _names:
        CLASS_OF[_name] = _class

# Names that print the very same sign with the same class.
SYNONYMS: Final[dict[str, str]] = {
    "\\le": "\\leq",
    "\\ge": "\\geq",
    "\\ne": "\\neq",
    "\\to": "\\rightarrow",
    "\\gets": "\\leftarrow",
    "\\land": "\\wedge",
    "\\lor": "\\vee",
    "\\lnot": "\\neg",
    "\\owns": "\\ni",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
    "\\lbrack": "[",
    "\\rbrack": "]",
    "\\vert": "|",
    "\\Vert": "\\|",
    "\\ast": "*",
    "\\lt": "<",
    "\\gt": ">",
    "\\Box": "\\square",
    "\\Diamond": "\\lozenge",
    "\\leadsto": "\\rightsquigarrow",
    "\\restriction": "\\upharpoonright",
    "\\Doteq": "\\doteqdot",
    "\\llless": "\\lll",
    "\\gggtr": "\\ggg",
    "\\doublecap": "\\Cap",
    "\\doublecup": "\\Cup",
    "\\dotsc": "\\ldots",
    "\\dotso": "\\ldots",
    "\\dotsb": "\\cdots",
    "\\dotsm": "\\cdots",
    "\\mathellipsis": "\\ldots",
    "\\hdots": "\\ldots",
    "\\lq": "`",
    "\\slash": "/",
    "\\textbackslash": "\\backslash",
    "\\textunderscore": "\\_",
    "\\textdollar": "\\$",
    "\\mathdollar": "\\$",
    "\\mathparagraph": "\\P",
    "\\mathsection": "\\S",
    "\\dasharrow": "\\dashrightarrow",
    "\\Vec": "\\vec",
    "\\Hat": "\\hat",
    "\\Tilde": "\\tilde",
    "\\Bar": "\\bar",
    "\\Dot": "\\dot",
    "\\Ddot": "\\ddot",
    "\\Check": "\\check",
    "\\Acute": "\\acute",
    "\\Grave": "\\grave",
    "\\Breve": "\\breve",
    "\\bm": "\\boldsymbol",
    "\\mathbold": "\\boldsymbol",
    "\\thinspace": "\\,",
    "\\>": "\\:",
    "\\medspace": "\\:",
    "\\thickspace": "\\;",
    "\\negthinspace": "\\!",
    "\\enskip": "\\enspace",
    "\\nobreakspace": "\\ ",
    "\\sp": "^",
    "\\sb": "_",
    "\\tabularnewline": "\\\\",
    "\\cr": "\\\\",
    "\\crcr": "\\\\",
    "\\newline": "\\\\",
}
# One token that stands for several.
EXPANSIONS: Final[dict[str, tuple[str, ...]]] = {
    "\\iff": ("\\;", "\\Longleftrightarrow", "\\;"),
    "\\implies": ("\\;", "\\Longrightarrow", "\\;"),
    "\\impliedby": ("\\;", "\\Longleftarrow", "\\;"),
    "\\dag": ("\\dagger",),
    "\\ddag": ("\\ddagger",),
    "\\dotsi": ("\\!", "\\cdots"),
    "\\null": (),
}
BRACED_EXPANSIONS: Final = frozenset(["\\dag", "\\ddag", "\\null"])

# Spaces of fixed width; those given as a length (\hspace, \kern ...) become one token such as \hspace{1cm}.
SPACES: Final = frozenset(
    ["~", "\\ ", "\\", "\\,", "\\:", "\\;", "\\!", "\\quad", "\\qquad", "\\enspace", "\\hfill", "\\hfil", "\\/",
     "\\strut",     "\\mathstrut", "\\negmedspace", "\\negthickspace", "\\text{~}"]
)  # fmt: skip
# These bring an (empty) atom with them, so they keep their neighbours apart beyond their own width: LaTeX defines ~ as
# \nobreakspace{}.
SPACES_WITH_ATOM: Final = frozenset(["~", "\\text{~}", "\\strut", "\\mathstrut"])
# Written inside a formula without a trace in the picture. Size and weight commands are text commands: LaTeX warns and
# leaves the formula as it is.
WITHOUT_TRACE: Final = frozenset(
    [
        *_commands(
            """relax space protect nonumber notag allowbreak nobreak break linebreak nolinebreak pagebreak boldmath
            unboldmath tiny scriptsize footnotesize small normalsize large Large LARGE huge Huge displaybreak noindent
            centering ignorespaces smallskip medskip bigskip DOTSB DOTSI DOTSX goodbreak par bfseries
            mdseries rmfamily sffamily ttfamily upshape itshape slshape scshape normalfont em sl sc"""
        ),
        "\\-",
        "\\*",
    ]
)
# With one argument and without a trace (\color and \tag show, but not in the formula's ink).
ARGUMENT_WITHOUT_TRACE: Final = frozenset(_commands("label color vspace tag hypertarget"))

STYLES: Final[dict[str, int]] = {"\\displaystyle": 0, "\\textstyle": 2, "\\scriptstyle": 4, "\\scriptscriptstyle": 6}

FONTS: Final = frozenset(_commands("mathrm mathbf mathit mathsf mathtt mathcal mathbb mathfrak mathscr mathnormal"))
FONT_SYNONYMS: Final[dict[str, str]] = {
    "\\mathup": "\\mathrm",
    "\\Bbb": "\\mathbb",
    "\\frak": "\\mathfrak",
    "\\mathds": "\\mathbb",
    "\\mathbbm": "\\mathbb",
    "\\EuScript": "\\mathscr",
}
FONT_SWITCHES: Final[dict[str, str]] = {
    "\\rm": "\\mathrm",
    "\\bf": "\\mathbf",
    "\\it": "\\mathit",
    "\\sf": "\\mathsf",
    "\\tt": "\\mathtt",
    "\\cal": "\\mathcal",
    "\\mit": "\\mathnormal",
    "\\scr": "\\mathscr",
}
# Text commands: (font of the letters, whether the text shrinks in scripts).
TEXT_COMMANDS: Final[dict[str, tuple[str, bool]]] = {
    "\\text": ("\\mathrm", True),
    "\\textrm": ("\\mathrm", True),
    "\\textnormal": ("\\mathrm", True),
    "\\textup": ("\\mathrm", True),
    "\\textmd": ("\\mathrm", True),
    "\\textbf": ("\\mathbf", True),
    "\\textit": ("\\mathit", True),
    "\\textsl": ("\\mathit", True),
    "\\emph": ("\\mathit", True),
    "\\textsf": ("\\mathsf", True),
    "\\texttt": ("\\mathtt", True),
    "\\mbox": ("\\mathrm", False),
    "\\hbox": ("\\mathrm", False),
    "\\makebox": ("\\mathrm", False),
}
# Characters that only text has: each is one token, \text{-} and so on.
TEXT_CHARACTERS: Final = ("---", "--", "``", "''", "-", "'", "`", "*", "<", ">", '"', "|")

# Accents whose own glyph follows the math alphabet around them, and those whose glyph is fixed.
VARIABLE_ACCENTS: Final = frozenset(_commands("hat check tilde acute grave dot ddot breve bar mathring"))
FIXED_ACCENTS: Final = frozenset(_commands("vec widehat widetilde widecheck dddot ddddot"))

# One-argument commands: (class, change of style). Styles: "same", "cramped", "display", "script", "restart" (the
# argument starts a formula of its own, so that a math alphabet does not reach into it).
ONE_ARGUMENT: Final[dict[str, tuple[AtomClass, str]]] = {
    **dict.fromkeys(VARIABLE_ACCENTS | FIXED_ACCENTS, (AtomClass.ORD, "cramped")),
    "\\overline": (AtomClass.ORD, "cramped"),
    "\\underline": (AtomClass.ORD, "same"),
    "\\underbar": (AtomClass.ORD, "restart"),
    "\\overbrace": (AtomClass.OP, "display"),
    "\\underbrace": (AtomClass.OP, "display"),
    "\\overbracket": (AtomClass.OP, "display"),
    "\\underbracket": (AtomClass.OP, "display"),
    "\\overrightarrow": (AtomClass.ORD, "restart"),
    "\\overleftarrow": (AtomClass.ORD, "restart"),
    "\\overleftrightarrow": (AtomClass.ORD, "restart"),
    "\\underrightarrow": (AtomClass.ORD, "restart"),
    "\\underleftarrow": (AtomClass.ORD, "restart"),
    "\\underleftrightarrow": (AtomClass.ORD, "restart"),
    "\\overparen": (AtomClass.ORD, "restart"),
    "\\wideparen": (AtomClass.ORD, "restart"),
    "\\boxed": (AtomClass.ORD, "display"),
    "\\cancel": (AtomClass.ORD, "restart"),
    "\\bcancel": (AtomClass.ORD, "restart"),
    "\\xcancel": (AtomClass.ORD, "restart"),
    "\\boldsymbol": (AtomClass.ORD, "same"),
    "\\pmb": (AtomClass.ORD, "restart"),
    "\\mathop": (AtomClass.OP, "same"),
    "\\mathrel": (AtomClass.REL, "same"),
    "\\mathbin": (AtomClass.BIN, "same"),
    "\\mathopen": (AtomClass.OPEN, "same"),
    "\\mathclose": (AtomClass.CLOSE, "same"),
    "\\mathpunct": (AtomClass.PUNCT, "same"),
    "\\mathinner": (AtomClass.INNER, "same"),
    "\\pmod": (AtomClass.ORD, "same"),
    "\\pod": (AtomClass.ORD, "same"),
    "\\mod": (AtomClass.ORD, "same"),
    "\\smash": (AtomClass.ORD, "restart"),
    "\\mathrlap": (AtomClass.ORD, "restart"),
    "\\mathllap": (AtomClass.ORD, "restart"),
    "\\mathclap": (AtomClass.ORD, "restart"),
    "\\lefteqn": (AtomClass.ORD, "display"),
    "\\phantom": (AtomClass.ORD, "restart"),
    "\\hphantom": (AtomClass.ORD, "restart"),
    "\\vphantom": (AtomClass.ORD, "restart"),
}
PHANTOMS: Final = frozenset(_commands("phantom hphantom vphantom"))
CLASS_COMMANDS: Final = frozenset(_commands("mathrel mathbin mathopen mathclose mathpunct mathinner"))
# amsmath's \cdots puts a thin space before these.
THIN_BEFORE: Final = frozenset(
    [
        ")",
        "]",
        "\\}",
        "\\right",
        *_commands("rangle rceil rfloor rgroup rmoustache bigr Bigr biggr Biggr"),
    ]
)
FRACTIONS: Final = frozenset(_commands("frac dfrac tfrac cfrac binom dbinom tbinom"))
STACKS: Final = frozenset(_commands("overset underset stackrel"))
LABELLED_ARROWS: Final = frozenset(
    _commands("xrightarrow xleftarrow xleftrightarrow xRightarrow xLeftarrow xLeftrightarrow xmapsto")
)
# TeX's infix fractions: (command in canonical form, delimiters around the fraction).
INFIX: Final[dict[str, tuple[str, str, str]]] = {
    "\\over": ("\\frac", "", ""),
    "\\choose": ("\\binom", "", ""),
    "\\atop": ("\\atop", "", ""),
    "\\brace": ("\\atop", "\\{", "\\}"),
    "\\brack": ("\\atop", "[", "]"),
}
DELIMITER_SIZES: Final[dict[str, AtomClass]] = {
    "\\" + size + suffix: kind
    for size in ("big", "Big", "bigg", "Bigg")
    for suffix, kind in (("", AtomClass.ORD), ("l", AtomClass.OPEN), ("r", AtomClass.CLOSE), ("m", AtomClass.REL))
}
DELIMITERS: Final = frozenset(
    [*"()[]|/.", "\\{", "\\}", "\\|", *_commands(
        """langle rangle lfloor rfloor lceil rceil lvert rvert lVert rVert lgroup rgroup lmoustache rmoustache ulcorner
        urcorner llcorner lrcorner uparrow downarrow updownarrow Uparrow Downarrow Updownarrow backslash llbracket
        rrbracket bracevert arrowvert Arrowvert""")]
)  # fmt: skip
DELIMITER_SYNONYMS: Final[dict[str, str]] = {
    "<": "\\langle",
    ">": "\\rangle",
    "\\lt": "\\langle",
    "\\gt": "\\rangle",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
    "\\lbrack": "[",
    "\\rbrack": "]",
    "\\vert": "|",
    "\\Vert": "\\|",
    "\\lvert": "|",
    "\\rvert": "|",
    "\\lVert": "\\|",
    "\\rVert": "\\|",
    "\\slash": "/",
}
# Open and Close twins of signs that also exist as Ord.
PLAIN_TWINS: Final[dict[str, str]] = {"\\lvert": "|", "\\rvert": "|", "\\lVert": "\\|", "\\rVert": "\\|"}

# Environments: how canonical LaTeX writes them: (environment, left delimiter, right delimiter).
MATRICES: Final[dict[str, tuple[str, str, str]]] = {
    "matrix": ("matrix", "", ""),
    "pmatrix": ("matrix", "(", ")"),
    "bmatrix": ("matrix", "[", "]"),
    "Bmatrix": ("matrix", "\\{", "\\}"),
    "vmatrix": ("matrix", "|", "|"),
    "Vmatrix": ("matrix", "\\|", "\\|"),
    "smallmatrix": ("smallmatrix", "", ""),
    "psmallmatrix": ("smallmatrix", "(", ")"),
    "bsmallmatrix": ("smallmatrix", "[", "]"),
    "Bsmallmatrix": ("smallmatrix", "\\{", "\\}"),
    "vsmallmatrix": ("smallmatrix", "|", "|"),
    "Vsmallmatrix": ("smallmatrix", "\\|", "\\|"),
}
# Environments of rows that stand for themselves.
ROW_ENVIRONMENTS: Final[dict[str, str]] = {
    "cases": "cases",
    "dcases": "dcases",
    "rcases": "rcases",
    "aligned": "aligned",
    "split": "aligned",
    "align": "aligned",
    "align*": "aligned",
    "flalign": "aligned",
    "flalign*": "aligned",
    "gathered": "gathered",
    "gather": "gathered",
    "gather*": "gathered",
    "multline": "gathered",
    "multline*": "gathered",
    "multlined": "gathered",
}
EQUATIONS: Final = frozenset(["equation", "equation*", "displaymath", "math", "small", "normalsize"])

STRUCTURE: Final = frozenset(["{", "}", "_", "^", "&", "\\\\", "\\limits", "\\nolimits", "\\hline"])
