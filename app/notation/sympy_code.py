"""A formula as Python code that builds it with SymPy.

SymPy's own reader of LaTeX understands much, and guesses at the rest: it takes `\\pm` for a symbol, `a(b + c)` for a
function of b + c, and lets `a/b c` mean a/(b c). So `sympy_reader` goes through the formula first, and what comes back
must hold the symbols that went in, and be the same again when its code is run.
"""

from __future__ import annotations

import keyword
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from app.notation import FormatError, formula_tree
from app.notation.sympy_reader import Reader, doubtful, refused, without_stop
from app.words import translate

if TYPE_CHECKING:
    import sympy


def to_sympy(latex: str) -> str:
    """Python code whose last line builds the formula.

    Raises:
        FormatError: the formula has a part that SymPy lacks, or one that can be meant in two ways.
    """
    reader = Reader()
    texts, relations = reader.formula(without_stop(formula_tree(latex, "SymPy")))
    sides = [_parsed(text) for text in texts]
    _check(sides, reader)
    return _code(_related([_named(side, reader) for side in sides], relations))


def _check(sides: list[Any], reader: Reader) -> None:
    """Make sure that SymPy took every symbol for what it is."""
    import sympy

    found: Counter[str] = Counter()
    for part in (part for side in sides for part in sympy.preorder_traversal(side)):
        if isinstance(part, sympy.Symbol | sympy.core.function.AppliedUndef):
            name = part.name if isinstance(part, sympy.Symbol) else str(part.func)
            found[reader.names.get(name, {"lambda": "lamda"}.get(name, name))] += 1
    # The direction of a limit is a symbol too.
    for direction in ("+", "-", "+-"):
        found.pop(direction, None)
    if found != +reader.count:
        told = translate(
            "Notation", "SymPy takes a part of this formula for something else. Copy it as LaTeX or MathML instead."
        )
        raise FormatError(told)


def _named(expression: Any, reader: Reader) -> Any:
    """The expression with the real names, evaluated as it will be by its code."""
    import sympy

    exact = {"pi": sympy.pi, "e": sympy.E}

    def rebuilt(part: Any) -> Any:
        if isinstance(part, sympy.Symbol):
            name = reader.names.get(part.name, part.name)
            return exact.get(name) or (part if name in ("+", "-", "+-") else sympy.Symbol(_spelled(name)))
        if isinstance(part, sympy.core.function.AppliedUndef):
            function = sympy.Function(_spelled(reader.names.get(str(part.func), str(part.func))))
            return function(*map(rebuilt, part.args))
        return part.func(*map(rebuilt, part.args)) if part.args else part

    try:
        result = rebuilt(expression)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise refused(translate("Notation", "a part of this formula ({reason})").format(reason=error)) from error
    if not isinstance(result, sympy.Expr):
        raise refused(translate("Notation", "this formula"))
    if result.has(sympy.zoo, sympy.nan):
        raise refused("a division by zero")
    return result


def _spelled(name: str) -> str:
    return "lamda" if name == "lambda" else name


def _related(sides: list[Any], relations: list[str]) -> Any:
    """The relation between the sides; of a chain, each with the next."""
    import sympy

    if not relations:
        return sides[0]
    try:
        links = [
            getattr(sympy, name)(left, right) for name, left, right in zip(relations, sides, sides[1:], strict=False)
        ]
    except TypeError as error:  # such as an inequality of infinite things
        raise refused(translate("Notation", "this formula ({reason})").format(reason=error)) from error
    if not all(isinstance(link, sympy.core.relational.Relational) for link in links):
        raise refused(translate("Notation", "a formula that is always true or false"))
    result = sympy.And(*links)
    if isinstance(result, sympy.logic.boolalg.BooleanAtom):
        raise refused(translate("Notation", "a formula that is always true or false"))
    return result


def _parsed(text: str) -> Any:
    from sympy.parsing.latex import parse_latex
    from sympy.parsing.latex.errors import LaTeXParsingError

    try:
        return parse_latex(text, strict=True)
    except LaTeXParsingError as error:
        raise refused(translate("Notation", "this formula")) from error
    # Its tree walker meets what the grammar lets through and raises whatever it runs into.
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, NotImplementedError, RecursionError) as error:
        raise refused(translate("Notation", "this formula")) from error


def _code(expression: sympy.Basic) -> str:
    """Code that defines the names and builds the expression."""
    import sympy
    from sympy.printing.str import StrPrinter

    letters = sorted({one.name for one in expression.atoms(sympy.Symbol) if one.name not in ("+", "-", "+-")})
    applied = sorted({str(one.func) for one in expression.atoms(sympy.core.function.AppliedUndef)})
    if set(letters) & set(applied):
        told = translate("Notation", "{name} as a symbol and as a function")
        raise doubtful(told.format(name=sorted(set(letters) & set(applied))[0]))
    taken = set(vars(sympy))
    clashing = {name for name in [*letters, *applied] if name in taken or keyword.iskeyword(name)}
    variables = {name: name + "_" if name in clashing else name for name in [*letters, *applied]}
    if len(set(variables.values())) < len(variables) or not all(re.fullmatch(r"\w+", name) for name in variables):
        raise refused("these names side by side")
    renamed = expression.xreplace({sympy.Symbol(name): sympy.Symbol(variables[name]) for name in letters})
    renamed = renamed.replace(
        lambda part: isinstance(part, sympy.core.function.AppliedUndef),
        lambda part: sympy.Function(variables.get(str(part.func), str(part.func)))(*part.args),
    )
    lines = ["from sympy import *"]
    if letters:
        lines.append(f'{", ".join(variables[name] for name in letters)} = symbols("{" ".join(letters)}")')
    lines += [f'{variables[name]} = Function("{name}")' for name in applied]
    namespace = {
        **vars(sympy),
        **{variables[name]: sympy.Symbol(name) for name in letters},
        **{variables[name]: sympy.Function(name) for name in applied},
    }
    # Fractions of integers need SymPy's own integers, lest Python divides them; elsewhere they are in the way.
    for integers in (False, True):
        body = StrPrinter({"sympy_integers": integers}).doprint(renamed)
        # Our own printing of names that we chose: nothing of the formula's text is run.
        if sympy.srepr(eval(body, namespace)) == sympy.srepr(expression):
            return "\n".join([*lines, f"formula = {body}"])
    raise refused(translate("Notation", "this formula"))
