"""Programs: a traced function as equations, as source, as something that runs fast."""

from minigrad.program.compile import compile
from minigrad.program.equations import Equation, Program, Var
from minigrad.program.trace import trace

import minigrad.writing.source  # isort: skip  # which hangs itself in

__all__ = ["Equation", "Program", "Var", "compile", "trace"]
