"""Measurements of the app that are commands, not tests: each prints a table and exits with 0 if its aim is met."""
