"""The signs and words that formulas are written with, and what they are in Python."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\\[A-Za-z]+|\\[,;:!|{} ]|\*\*|[<>=!]=|\d+\.?\d*|\.\d+|[A-Za-z]\d*|[^\s]")
WORDS = re.compile(r"[^\W\d]\w*|\*\*|[<>=!]=|\d+\.?\d*|\.\d+|[^\s]")
SAME = str.maketrans({"−": "-", "–": "-", "∥": "‖", "÷": "/", "×": "*", "∘": "⊙", "′": "'"})
NOTHING = {r"\left", r"\right", r"\,", r"\;", r"\:", r"\!", r"\ ", r"\big", r"\Big", r"\bigl",
           r"\bigr", r"\displaystyle", r"\limits", r"\quad", "&", "$"}  # fmt: skip
DOTS = {r"\cdot", "·"}
"""Of matrices, their product; else entry by entry."""
TIMES = {r"\times", r"\odot", r"\circ", "*", r"\ast", "⊙", *DOTS}
FUNCTIONS = {r"\exp": "exp", r"\log": "log", r"\ln": "log", r"\sin": "sin", r"\cos": "cos",
             r"\tan": "tan", r"\tanh": "tanh", r"\sinh": "sinh", r"\cosh": "cosh", r"\max": "max",
             r"\min": "min", r"\sigma": "sigmoid", r"\sum": "Σ", "Σ": "Σ", "∑": "Σ"}  # fmt: skip
ACCENTS = {r"\hat": "hat", r"\bar": "bar", r"\tilde": "tilde", r"\vec": "", r"\mathbf": "",
           r"\boldsymbol": "", r"\mathrm": "", r"\text": "", r"\mathit": "", r"\bm": "",
           r"\widehat": "hat", r"\operatorname": ""}  # fmt: skip
BARE = {name.removeprefix("\\") for name in FUNCTIONS} - {"sum", "max", "min", "sigma"} | {"sqrt"}
"""Functions that are written without brackets, ``cos y``, in plain text as well."""
LONGEST_NAME = 20
LAMBDAS = ("lam", "lambda_", "lambd", "lmbda", "lamda", "reg", "λ")
OVER = {"/", r"\oslash", "⊘"}
JOINED = {*TIMES, *OVER, "@"}
TRANSPOSE = {"T", r"\top", r"\intercal"}
UPRIGHT = re.compile(
    r"(\^\s*\{?\s*)\\(?:mathsf|mathrm|mathbf|mathit|text|rm|sf)\s*(?:\{\s*T\s*\}|T\b)"
)
"""A transpose in another font."""
INDICATORS = {r"\mathbb", r"\mathbf", r"\mathds", r"\bm", r"\boldsymbol"}
ONES = ("1", "I", "𝟙", "𝟏")
BRACKETS = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}
NORMS = {"|": "|", r"\|": r"\|", r"\lVert": r"\rVert", r"\Vert": r"\Vert", r"\lvert": r"\rvert",
         "‖": "‖"}  # fmt: skip
NORM = {"2": "sqrt(sum(({})**2))", "F": "sqrt(sum(({})**2))", "1": "sum(abs({}))"}
COMPARED = {">": ">", "<": "<", "=": "==", "≥": ">=", "≤": "<=", r"\ge": ">=", r"\geq": ">=",
            r"\le": "<=", r"\leq": "<=", r"\neq": "!=", r"\ne": "!=", r"\gt": ">",
            r"\lt": "<", ">=": ">=", "<=": "<=", "==": "==", "!=": "!="}  # fmt: skip
ENDS = {r"\over", "+", "-", ")", "}", "]", ",", r"\}", r"\rVert", r"\rvert", *COMPARED}
