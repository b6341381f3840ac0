"""Where formulas and pictures come from, one module for each kind of source."""
