"""Symbols drawn for the tests: our own letter shapes, and a few signs that those do not have."""

import numpy as np

from trainer.data.letter_shapes import SHAPES, shape_strokes
from trainer.data.symbol_bank import RADICAL, RULE, Sample, SymbolBank

_SIGNS = {
    "\\sum": "8 20,0 20|0 20,5 10|5 10,0 0|0 0,9 0",
    "\\int": "8 22,6 24,4 20,4 0,2 -6,0 -4",
    "\\prod": "0 20,0 0;8 20,8 0;-1 20,9 20",
    "\\rightarrow": "0 5,15 5;12 8,15 5|15 5,12 2",
    "\\infty": "10 5,5 8,1 5,5 2,10 5,15 8,19 5,15 2,10 5",
    "\\alpha": "10 9,6 2,2 1,1 6,4 10,7 6,10 0",
    "\\beta": "0 -8,1 4,1 14,4 17,7 14,4 10|4 10,8 7,8 3,5 0,1 2",
    "\\pi": "0 9,4 10,10 10;3 10,3 4,1 0;7 10,7 4,9 0",
    "\\theta": "5 17,1 12,0 6,3 0,6 2,8 9,7 15,5 17;1 8,8 9",
    "\\in": "9 11,3 11,0 6,3 0,9 0;1 6,8 6",
    "\\prime": "2 10,0 0",
    "\\{": "5 20,2 18,2 10,0 8|0 8,2 6,2 -2,5 -4",
    "\\}": "0 20,3 18,3 10,5 8|5 8,3 6,3 -2,0 -4",
    "[": "4 20,0 20|0 20,0 -4|0 -4,4 -4",
    "]": "0 20,4 20|4 20,4 -4|4 -4,0 -4",
    "|": "0 20,0 -4",
    "\\mathbb{R}": "1 17,1 0;3 17,3 0;0 17,9 13,3 9|3 9,11 0",
    RULE: "0 0,20 1,40 0",
    RADICAL: "0 8,2 10|2 10,5 0|5 0,8 20|8 20,30 20",
}


def small_bank(hand: str = "me") -> SymbolBank:
    """A bank in which one hand has drawn everything."""
    shapes = {**{symbol: shapes[0] for symbol, shapes in SHAPES.items()}, **_SIGNS}
    return SymbolBank([Sample(symbol, shape_strokes(shape), hand) for symbol, shape in shapes.items()])


def as_lists(symbol: str, scale: float = 1.0, right: float = 0.0, down: float = 0.0) -> list[list[list[float]]]:
    """A symbol's strokes as an ink file has them."""
    shape = _SIGNS[symbol] if symbol in _SIGNS else SHAPES[symbol][0]
    moved = [stroke * scale + np.array((right, down)) for stroke in shape_strokes(shape)]
    return [np.round(stroke, 3).tolist() for stroke in moved]
