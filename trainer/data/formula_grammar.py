"""Made-up formulas from a small grammar, for checks that need many formulas but no data folder."""

import random

LETTERS = (
    *"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVXYZ",
    r"\alpha",
    r"\beta",
    r"\gamma",
    r"\lambda",
    r"\phi",
    r"\Gamma",
)
RELATIONS = ("=", "<", r"\leq", r"\approx", r"\equiv")
OPERATIONS = ("+", "-", "+", "-", r"\cdot", r"\times")
FUNCTIONS = (r"\sin", r"\cos", r"\log", r"\exp")
ACCENTS = (r"\hat", r"\bar", r"\tilde", r"\vec")


def example_formulas(count: int, seed: int = 1) -> list[tuple[str, ...]]:
    """Distinct token lists, already skeletons: braces about every argument, subscript before superscript."""
    rng = random.Random(seed)
    found: dict[tuple[str, ...], None] = {}
    while len(found) < count:
        tokens = [*_sum(rng, 3), rng.choice(RELATIONS), *_sum(rng, 3)]
        if 8 <= len(tokens) <= 80:
            found[tuple(tokens)] = None
    return list(found)


def _sum(rng: random.Random, depth: int) -> list[str]:
    tokens = _term(rng, depth)
    for _ in range(rng.choice((0, 1, 1, 2))):
        tokens += [rng.choice(OPERATIONS), *_term(rng, depth)]
    return tokens


def _short(rng: random.Random) -> list[str]:
    """What stands in a script: a letter, a digit, or a letter and something."""
    letter = rng.choice(LETTERS)
    return rng.choice(([letter], [rng.choice("0123456789")], [letter, "+", "1"], ["2", letter]))


def _term(rng: random.Random, depth: int) -> list[str]:
    kind = rng.random()
    if depth == 0 or kind < 0.35:
        return [rng.choice((*LETTERS, *"123456789"))]
    if kind < 0.6:
        tokens = [rng.choice(LETTERS)]
        which = rng.randrange(3)
        tokens += ["_", "{", *_short(rng), "}"] if which != 1 else []
        tokens += ["^", "{", *_short(rng), "}"] if which != 0 else []
        return tokens
    if kind < 0.72:
        return [r"\frac", "{", *_sum(rng, depth - 1), "}", "{", *_sum(rng, depth - 1), "}"]
    if kind < 0.78:
        return [r"\sqrt", "{", *_sum(rng, depth - 1), "}"]
    if kind < 0.86:
        return ["(", *_sum(rng, depth - 1), ")"]
    if kind < 0.9:
        return [rng.choice(FUNCTIONS), *_term(rng, 0)]
    if kind < 0.94:
        return [rng.choice(ACCENTS), "{", rng.choice(LETTERS[:23]), "}"]
    if kind < 0.97:
        index = rng.choice("ijkn")
        limits = ["_", "{", index, "=", rng.choice("01"), "}", "^", "{", rng.choice(("N", "n", r"\infty")), "}"]
        return [r"\sum", *limits, *_term(rng, depth - 1)]
    bounds = ["_", "{", "0", "}", "^", "{", rng.choice(("1", "T", r"\infty")), "}"]
    return [r"\int", *bounds, *_term(rng, depth - 1), "d", "x"]
