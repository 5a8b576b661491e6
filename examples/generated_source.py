"""The backward pass as source: is it what the tutorial derives by hand?

"Gradient Descent with Python" (Adrian Rosebrock, PyImageSearch) fits p = σ(X W) by the
loss Σ (p − y)² and steps along ``X.T @ (error * p * (1 - p))``, error = p − y.  Here the
loss alone is written down.  minigrad traces it and prints its gradient as NumPy, which is
laid beside the derivation by hand, line by line: for Σ error², and for ½ Σ error², whose
gradient is the tutorial's own line (it folds the factor 2 into the learning rate).

Run it with ``python examples/generated_source.py``; ``--save step.py`` writes the generated
function into a file that needs NumPy alone.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad as mg

# --- the losses, all that minigrad is given ----------------------------------------------


def squares(W: Any, X: Any, y: Any) -> Any:
    """``Σ (p − y)²``."""
    p = mg.sigmoid(X @ W)
    error = p - y
    return (error**2).sum()


def half_squares(W: Any, X: Any, y: Any) -> Any:
    """``½ Σ (p − y)²``."""
    p = mg.sigmoid(X @ W)
    error = p - y
    return 0.5 * (error**2).sum()


# --- the derivations by hand, in the style of the tutorial --------------------------------


def squares_by_hand(W: Any, X: Any, y: Any) -> Any:
    """∂/∂error Σ error² = 2 error, σ′ = p (1 − p), ∂(X W)/∂W = X."""
    p = 1 / (1 + np.exp(-(X @ W)))
    error = p - y
    derror = 2 * error
    dW = X.T @ (derror * p * (1 - p))
    return (error**2).sum(), dW


def half_squares_by_hand(W: Any, X: Any, y: Any) -> Any:
    """The factor ½ takes the 2 away: what is left is the line of the tutorial."""
    p = 1 / (1 + np.exp(-(X @ W)))
    error = p - y
    dW = X.T @ (error * p * (1 - p))
    return 0.5 * (error**2).sum(), dW


PAIRS = [(squares, squares_by_hand), (half_squares, half_squares_by_hand)]


# --- comparing ----------------------------------------------------------------------------


def points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights to start from; two clouds of points with a column of ones; their labels."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0.0, 1.0], [n - n // 2, n // 2])[:, None]
    clouds = rng.normal(size=(n, 2)) * 1.5 + np.where(y == 0, -2.0, 2.0)
    return rng.normal(size=(3, 1)), np.column_stack([clouds, np.ones(n)]), y


def statements(source: str, name: str) -> list[str]:
    """The lines of the function ``name`` in ``source``, without its docstring."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return [ast.get_source_segment(source, s) or "" for s in node.body[1:]]
    raise LookupError(f"no function {name} in the source")


def side_by_side(program: mg.Program, by_hand: Callable[..., Any]) -> list[tuple[str, str, bool]]:
    """Lines generated, lines by hand, and whether they are the same Python."""
    generated = statements(program.source, program.name)
    hand = statements(textwrap.dedent(inspect.getsource(by_hand)), by_hand.__name__)
    if len(generated) != len(hand):
        raise ValueError(f"{len(generated)} lines were generated, and {len(hand)} by hand")
    same = lambda a, b: ast.dump(ast.parse(f"def f(): {a}")) == ast.dump(ast.parse(f"def f(): {b}"))
    return [(a, b, same(a, b)) for a, b in zip(generated, hand)]


def largest_difference(a: Any, b: Any) -> float:
    """Between two losses and their gradients."""
    return max(float(np.max(np.abs(x - y))) for x, y in zip(a, b))


def positive_count(text: str) -> int:
    """The argument of ``--points``."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 2")
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the generated step beside the one by hand, for both losses."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--points", type=positive_count, default=500, metavar="N", help="examples (default 500)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of points and weights (default 1)")
    parser.add_argument("--save", metavar="FILE", help="write the first generated step to FILE")
    options = parser.parse_args(arguments)
    W, X, y = points(options.points, options.seed)

    programs = []
    for loss, by_hand in PAIRS:
        program = mg.trace(mg.value_and_grad(loss), W, X, y)
        programs.append(program)
        rows = side_by_side(program, by_hand)
        width = max(len(a) for a, _, _ in rows)
        print(f"{loss.__doc__.strip('`.')}\n\n  {'generated':<{width}}    by hand")
        for a, b, same in rows:
            print(f"  {a:<{width}}  {'=' if same else '≠'} {b}")
        ours, theirs = program(W, X, y), by_hand(W, X, y)
        scope: dict[str, Any] = {}
        exec(program.source, scope)  # the text itself, which knows nothing of minigrad
        printed = scope[program.name](W, X, y)
        print(
            f"\n  {sum(same for *_, same in rows)} of {len(rows)} lines are the same; on "
            f"{options.points} points the numbers differ by "
            f"{max(largest_difference(ours, theirs), largest_difference(printed, theirs)):.1e}.\n"
        )
    print("All of the generated file:\n")
    print(textwrap.indent(programs[0].source, "  "), end="")
    if options.save:
        try:
            programs[0].save(options.save)
        except OSError as error:
            sys.exit(f"generated_source: {error}")
        print(f"\nwritten to {options.save}")


if __name__ == "__main__":
    main()
