"""What is wrong with a text: which problems are found, where, and that none hides the next."""

import random

import pytest

from app.latex_check import Problem, command_problems, problems
from core_model.latex import LatexError, parse


def found(latex: str) -> list[tuple[str, str]]:
    """The marked text and the message of each problem."""
    return [(latex[problem.start : problem.end], problem.message) for problem in problems(latex)]


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{a}{b}^2",
        r"$x_1$",
        r"\left\{ a \right.",
        r"\left{(} a \right)",
        "a % } comment\n+ b",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        "",
        "  \n ",
    ],
)
def test_a_right_text_has_no_problems(latex: str) -> None:
    assert problems(latex) == ()


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"a + \foo + b", [(r"\foo", r"Unknown command \foo")]),
        (r"\frac{a}{b", [("{", "{ is never closed: } is missing")]),
        (r"a } + b", [("}", "} without {")]),
        (r"\left( a + b", [(r"\left(", r"\left is never closed: \right is missing")]),
        (r"a \right) + b", [(r"\right)", r"\right without \left")]),
        (r"\begin{matrix} a", [(r"\begin{matrix}", r"\begin{matrix} is never closed: \end{matrix} is missing")]),
        (
            r"\begin{matrix} a \end{pmatrix}",
            [(r"\end{pmatrix}", r"\begin{matrix} is ended by \end{pmatrix}")],
        ),
        (r"\begin{foo} a & b \end{foo}", [(r"\begin{foo}", "Unknown environment foo")]),
        (r"\frac{\frac{a}{b}} ", [(r"\frac", r"\frac needs something after it")]),
        (r"x_1_2", [("_", "Double subscript")]),
        ("a + é", [("é", "LaTeX has no character “é”: write a command")]),
        (r"a & b", [("&", "& outside an environment")]),
    ],
)
def test_each_kind_of_problem_is_marked_at_its_place(latex: str, expected: list[tuple[str, str]]) -> None:
    assert found(latex) == expected


def test_the_outer_command_is_blamed_when_the_inner_one_is_complete() -> None:
    (problem,) = problems(r"\frac{\frac{a}{b}}")
    assert problem.start == 0


def test_several_problems_are_found_at_once_each_at_its_own_place() -> None:
    latex = r"\foo x_1_2 + \left( {a \right) + \bar"
    assert [latex[problem.start : problem.end] for problem in problems(latex)] == [r"\foo", "_", "{", r"\bar"]


def test_a_brace_used_as_a_delimiter_is_explained_once_for_each_side() -> None:
    assert [marked for marked, _ in found(r"\left{ a \right}")] == [r"\left{", r"\right}"]
    assert r"\{" in found(r"\left{ a \right}")[0][1]


def test_comments_neither_hide_nor_move_problems() -> None:
    latex = "a % \\foo {\n+ \\bar{x} + \\baz"
    assert found(latex) == [(r"\baz", r"Unknown command \baz")]


def test_positions_count_from_the_text_as_written_with_dollars_around() -> None:
    (problem,) = problems(r"  $$ a + \foo $$")
    assert (problem.start, problem.end) == (9, 13)


@pytest.mark.parametrize("hostile", ["{" * 5000, "}" * 5000, r"\left(" * 2000, r"\begin{a}" * 2000, "x_1_2" * 500])
def test_a_hostile_text_gives_few_problems_and_comes_to_an_end(hostile: str) -> None:
    assert 1 <= len(problems(hostile)) <= 20


def test_every_broken_text_has_a_problem_and_every_range_lies_within_it() -> None:
    pieces = [r"\frac", "{", "}", "a", "_", "^", r"\left(", r"\right)", r"\begin{matrix}", r"\end{matrix}", "&", r"\\"]
    pieces += [r"\foo", r"\text{", "$", "é", "%", "\n", r"\sqrt[", "\\", r"\left", r"\hspace", r"\over", "'"]
    rng = random.Random(5)
    broken = 0
    for _ in range(400):
        latex = "".join(rng.choices(pieces, k=rng.randint(1, 9)))
        marked = problems(latex)
        try:
            parse(latex)
            assert marked == ()
        except LatexError:
            broken += 1
            assert marked, latex
        for problem in marked:
            assert 0 <= problem.start < problem.end <= len(latex), latex
    assert broken > 200


def test_what_only_the_preview_lacks_is_marked_at_every_place_where_it_stands() -> None:
    latex = r"\multicolumn + \multicolumns % \multicolumn"
    assert command_problems(latex, r"\multicolumn", "no") == (Problem(0, 12, "no", preview_only=True),)
    assert command_problems("  a b ", r"\x", "no") == (Problem(2, 5, "no", preview_only=True),)
