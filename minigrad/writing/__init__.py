"""One writer of what was computed, in styles: Python, text, LaTeX, MathML, JavaScript."""
