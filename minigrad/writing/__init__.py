"""One writer of what was computed, in styles: Python, text, LaTeX, MathML, JavaScript."""

import minigrad.program  # what is written down, and whose printer is in here
