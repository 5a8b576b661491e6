"""Answers that are formulas: strings, LaTeX, SymPy, and derivations in lines."""
