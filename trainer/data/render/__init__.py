"""Renderers of formulas, one module each."""
