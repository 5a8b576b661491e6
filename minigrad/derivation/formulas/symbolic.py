"""SymPy's expressions as formulas; SymPy is looked at only where the caller has imported it."""

from __future__ import annotations

import sys
from typing import Any


def is_symbolic(value: Any) -> bool:
    """Whether ``value`` is an expression of SymPy with symbols in it."""
    sympy = sys.modules.get("sympy")
    symbolic = sympy is not None and isinstance(value, sympy.Basic | sympy.MatrixBase)
    return bool(symbolic and value.free_symbols)


def spelled(value: object) -> str:
    """An expression of SymPy as Python, matrix products with ``@`` and transposes with ``.T``."""
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]
        def _print_MatMul(self, e: Any) -> str:
            numbers, matrices = e.as_coeff_matrices()
            parts = [f"({self._print(m)})" for m in matrices]
            product = " @ ".join(parts)
            return product if numbers == 1 else f"({self._print(numbers)})*({product})"

        def _print_Transpose(self, e: Any) -> str:
            return f"({self._print(e.arg)}).T"

        def _print_HadamardProduct(self, e: Any) -> str:
            return "*".join(f"({self._print(a)})" for a in e.args)

        def _print_Heaviside(self, e: Any) -> str:
            return f"({self._print(e.args[0])} > 0)"

        def _print_Piecewise(self, e: Any) -> str:
            ((a, when), (b, _)) = e.args
            return f"where({self._print(when)}, {self._print(a)}, {self._print(b)})"

        def _print_Symbol(self, e: Any) -> str:
            return str(e.name)

    return str(Printer().doprint(value))
