"""Backpropagation by hand, beside minigrad and finite differences.

The networks of "Backpropagation Step by Step" (Datamapu, 31 March 2024): one neuron, two
neurons in a row, two neurons in one layer, and a network with several outputs.  Every
quantity on the way from the input to the updated parameters is computed three times:
recorded and differentiated by minigrad, by its closed form in plain Python, and by finite
differences.  The figures that the publication prints stand beside them.

The graph is drawn, and the chain rule written out along it.  Then the checker grades what is
printed, every intermediate and result to its own digits, and finds by itself which figures
are slips rather than roundings, and why.

Run it with ``python examples/backprop_step_by_step.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

import minigrad as mg

X, Y, ALPHA = 0.5, 1.5, 0.1  # the input, the label and the learning rate of every network


# --- the columns of the table ----------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One quantity, computed in several ways.

    Attributes
    ----------
    quantity : str
        Its symbol.
    minigrad, exact : float
        Recorded or differentiated by minigrad; by its closed form.
    numeric : float or None
        By finite differences; None for values, which are not differentiated.
    published : str or None
        As printed by the publication; None where it prints nothing.
    """

    quantity: str
    minigrad: float
    exact: float
    numeric: float | None = None
    published: str | None = None

    @property
    def difference(self) -> float | None:
        """Exact minus published."""
        return None if self.published is None else self.exact - float(self.published)


def sigma(x: float) -> float:
    """The logistic function."""
    return 1 / (1 + exp(-x))


def slope(f: Callable[[float], float], x: float, h: float = 1e-3) -> float:
    """Derivative of ``f`` at ``x`` by central differences of sixth order."""
    weights = ((1, 45), (2, -9), (3, 1))
    return sum(c * (f(x + k * h) - f(x - k * h)) for k, c in weights) / (60 * h)


def d(output: mg.Tensor, by: mg.Tensor) -> float:
    """Derivative of one recorded number by another, by minigrad."""
    return float(mg.gradients(output, by))


def leaf(value: float) -> mg.Tensor:
    """A parameter: a number to differentiate by."""
    return mg.Tensor(value, requires_grad=True)


def error(a: float) -> float:
    """Half the squared distance of the output ``a`` from the label."""
    return 0.5 * (Y - a) ** 2


def updated(
    name: str, p: mg.Tensor, exact: float, numeric: float, published: str | None = None
) -> Row:
    """The row of a parameter after one step of gradient descent along each gradient."""
    steps = [p.item() - ALPHA * float(g) for g in (p.grad, exact, numeric)]
    return Row(f"{name} new", *steps, published)


# --- the networks ----------------------------------------------------------------------


def one_neuron() -> list[Row]:
    """Rows of ŷ = σ(w x + b) with w = 0.3, b = 0.1."""
    w, b = leaf(0.3), leaf(0.1)
    z = w * X + b
    y_hat = mg.sigmoid(z)
    loss = 0.5 * (Y - y_hat) ** 2
    loss.backward()

    # By hand: values forward, then one factor per step of the chain.
    w_, b_ = 0.3, 0.1
    z_ = w_ * X + b_
    a_ = sigma(z_)
    dL_da = -(Y - a_)
    da_dz = a_ * (1 - a_)
    dz_dw, dz_db = X, 1.0
    dL_dw = dL_da * da_dz * dz_dw
    dL_db = dL_da * da_dz * dz_db

    def run(w: float = w_, b: float = b_) -> float:
        return error(sigma(w * X + b))

    num_w = slope(lambda w: run(w=w), w_)
    num_b = slope(lambda b: run(b=b), b_)
    return [
        Row("z", z.item(), z_, None, "0.25"),
        Row("ŷ", y_hat.item(), a_, None, "0.56"),
        Row("L", loss.item(), error(a_), None, "0.44"),
        Row("∂L/∂ŷ", d(loss, y_hat), dL_da, slope(error, a_), "-0.94"),
        Row("∂ŷ/∂z", d(y_hat, z), da_dz, slope(sigma, z_), "0.25"),
        Row("∂z/∂w", d(z, w), dz_dw, slope(lambda w: w * X + b_, w_), "0.5"),
        Row("∂z/∂b", d(z, b), dz_db, slope(lambda b: w_ * X + b, b_), "1"),
        Row("∂L/∂w", float(w.grad), dL_dw, num_w, "-0.118"),
        Row("∂L/∂b", float(b.grad), dL_db, num_b, "-0.235"),
        updated("w", w, dL_dw, num_w, "0.312"),
        updated("b", b, dL_db, num_b, "0.125"),
    ]


def two_neurons_in_a_row() -> list[Row]:
    """Rows of ŷ = σ(w² σ(w¹ x + b¹) + b²) with w¹ = 0.3, b¹ = 0.1, w² = 0.2, b² = 0.4."""
    w1, b1, w2, b2 = leaf(0.3), leaf(0.1), leaf(0.2), leaf(0.4)
    z2 = w1 * X + b1
    a2 = mg.sigmoid(z2)
    z3 = w2 * a2 + b2
    y_hat = mg.sigmoid(z3)
    loss = 0.5 * (Y - y_hat) ** 2
    loss.backward()

    # By hand.
    w1_, b1_, w2_, b2_ = 0.3, 0.1, 0.2, 0.4
    z2_ = w1_ * X + b1_
    a2_ = sigma(z2_)
    z3_ = w2_ * a2_ + b2_
    a3_ = sigma(z3_)
    dL_da3 = -(Y - a3_)
    da3_dz3 = a3_ * (1 - a3_)
    dz3_dw2, dz3_db2, dz3_da2 = a2_, 1.0, w2_
    da2_dz2 = a2_ * (1 - a2_)
    dz2_dw1, dz2_db1 = X, 1.0
    dL_dw2 = dL_da3 * da3_dz3 * dz3_dw2
    dL_db2 = dL_da3 * da3_dz3 * dz3_db2
    dL_dw1 = dL_da3 * da3_dz3 * dz3_da2 * da2_dz2 * dz2_dw1
    dL_db1 = dL_da3 * da3_dz3 * dz3_da2 * da2_dz2 * dz2_db1

    def run(w1: float = w1_, b1: float = b1_, w2: float = w2_, b2: float = b2_) -> float:
        return error(sigma(w2 * sigma(w1 * X + b1) + b2))

    num_w1 = slope(lambda w: run(w1=w), w1_)
    num_b1 = slope(lambda b: run(b1=b), b1_)
    num_w2 = slope(lambda w: run(w2=w), w2_)
    num_b2 = slope(lambda b: run(b2=b), b2_)
    num_z3 = slope(sigma, z3_)
    return [
        Row("z²", z2.item(), z2_, None, "0.25"),
        Row("a²", a2.item(), a2_, None, "0.56"),
        Row("z³, forward", z3.item(), z3_, None, "0.512"),
        Row("z³, backward", z3.item(), z3_, None, "0.56"),
        Row("ŷ", y_hat.item(), a3_, None, "0.625"),
        Row("L", loss.item(), error(a3_), None, "0.38"),
        Row("∂L/∂ŷ", d(loss, y_hat), dL_da3, slope(error, a3_), "-0.875"),
        Row("∂ŷ/∂z³, for w², b²", d(y_hat, z3), da3_dz3, num_z3, "0.235"),
        Row("∂ŷ/∂z³, for w¹, b¹", d(y_hat, z3), da3_dz3, num_z3, "0.23"),
        Row("∂z³/∂w²", d(z3, w2), dz3_dw2, slope(lambda w: w * a2_ + b2_, w2_), "0.5"),
        Row("∂z³/∂b²", d(z3, b2), dz3_db2, slope(lambda b: w2_ * a2_ + b, b2_)),
        Row("∂z³/∂a²", d(z3, a2), dz3_da2, slope(lambda a: w2_ * a + b2_, a2_), "0.2"),
        Row("∂a²/∂z²", d(a2, z2), da2_dz2, slope(sigma, z2_), "0.25"),
        Row("∂z²/∂w¹", d(z2, w1), dz2_dw1, slope(lambda w: w * X + b1_, w1_), "0.5"),
        Row("∂z²/∂b¹", d(z2, b1), dz2_db1, slope(lambda b: w1_ * X + b, b1_), "1"),
        Row("∂L/∂w²", float(w2.grad), dL_dw2, num_w2, "-0.103"),
        Row("∂L/∂b²", float(b2.grad), dL_db2, num_b2, "-0.205"),
        Row("∂L/∂w¹", float(w1.grad), dL_dw1, num_w1, "-0.005"),
        Row("∂L/∂b¹", float(b1.grad), dL_db1, num_b1, "-0.01"),
        updated("w¹", w1, dL_dw1, num_w1, "0.3005"),
        updated("b¹", b1, dL_db1, num_b1, "0.101"),
        updated("w²", w2, dL_dw2, num_w2, "0.2103"),
        updated("b²", b2, dL_db2, num_b2, "0.3795"),
    ]


LAYER = {
    "w₁¹": 0.3, "b₁¹": 0.1, "w₂¹": -0.4, "b₂¹": 0.5,
    "w₁²": 0.2, "b₁²": 0.4, "w₂²": 0.7, "b₂²": -0.3,
}  # fmt: skip
"""Weights and biases of the layer; the publication leaves them open."""


def two_neurons_in_a_layer() -> list[Row]:
    """Rows of ŷ = σ(w₁² a₁² + b₁² + w₂² a₂² + b₂²), aᵢ² = σ(wᵢ¹ x + bᵢ¹), at `LAYER`."""
    leaves = {name: leaf(value) for name, value in LAYER.items()}
    w11, b11, w21, b21, w12, b12, w22, b22 = leaves.values()
    z1 = w11 * X + b11
    z2 = w21 * X + b21
    a1, a2 = mg.sigmoid(z1), mg.sigmoid(z2)
    z3 = w12 * a1 + b12 + w22 * a2 + b22
    y_hat = mg.sigmoid(z3)
    loss = 0.5 * (Y - y_hat) ** 2
    loss.backward()

    # By hand: each parameter collects the factors along its own path to the loss.
    w11_, b11_, w21_, b21_, w12_, b12_, w22_, b22_ = LAYER.values()
    z1_, z2_ = w11_ * X + b11_, w21_ * X + b21_
    a1_, a2_ = sigma(z1_), sigma(z2_)
    z3_ = w12_ * a1_ + b12_ + w22_ * a2_ + b22_
    a3_ = sigma(z3_)
    dL_da3 = -(Y - a3_)
    da3_dz3 = a3_ * (1 - a3_)
    da1_dz1, da2_dz2 = a1_ * (1 - a1_), a2_ * (1 - a2_)
    paths = {
        "w₁¹": dL_da3 * da3_dz3 * w12_ * da1_dz1 * X,
        "b₁¹": dL_da3 * da3_dz3 * w12_ * da1_dz1,
        "w₂¹": dL_da3 * da3_dz3 * w22_ * da2_dz2 * X,
        "b₂¹": dL_da3 * da3_dz3 * w22_ * da2_dz2,
        "w₁²": dL_da3 * da3_dz3 * a1_,
        "b₁²": dL_da3 * da3_dz3,
        "w₂²": dL_da3 * da3_dz3 * a2_,
        "b₂²": dL_da3 * da3_dz3,
    }

    def run(**changed: float) -> float:
        w11, b11, w21, b21, w12, b12, w22, b22 = {**LAYER, **changed}.values()
        return error(sigma(w12 * sigma(w11 * X + b11) + b12 + w22 * sigma(w21 * X + b21) + b22))

    nums = {name: slope(lambda v, name=name: run(**{name: v}), LAYER[name]) for name in LAYER}
    return [
        Row("z₁²", z1.item(), z1_),
        Row("z₂²", z2.item(), z2_),
        Row("a₁²", a1.item(), a1_),
        Row("a₂²", a2.item(), a2_),
        Row("z³", z3.item(), z3_),
        Row("ŷ", y_hat.item(), a3_),
        Row("L", loss.item(), error(a3_)),
        Row("∂L/∂ŷ", d(loss, y_hat), dL_da3, slope(error, a3_)),
        Row("∂ŷ/∂z³", d(y_hat, z3), da3_dz3, slope(sigma, z3_)),
        Row("∂z³/∂a₁²", d(z3, a1), w12_, slope(lambda a: w12_ * a + b12_, a1_)),
        Row("∂z³/∂a₂²", d(z3, a2), w22_, slope(lambda a: w22_ * a + b22_, a2_)),
        Row("∂a₁²/∂z₁²", d(a1, z1), da1_dz1, slope(sigma, z1_)),
        Row("∂a₂²/∂z₂²", d(a2, z2), da2_dz2, slope(sigma, z2_)),
        *(Row(f"∂L/∂{n}", float(p.grad), paths[n], nums[n]) for n, p in leaves.items()),
        *(updated(n, p, paths[n], nums[n]) for n, p in leaves.items()),
    ]


LABELS = (1.5, 0.2, 0.9)
WEIGHTS, BIASES = (0.2, -0.5, 0.8), (0.4, 0.1, -0.2)
"""Labels, weights and biases of three outputs; the publication leaves them open."""


def several_outputs() -> list[Row]:
    """Rows of ŷ_p = σ(w_p² a² + b_p²), a² = σ(w¹ x + b¹): the loss sums over p, so do slopes."""
    w, b = leaf(0.3), leaf(0.1)
    a = mg.sigmoid(w * X + b)
    outputs = [mg.sigmoid(v * a + c) for v, c in zip(WEIGHTS, BIASES)]
    losses = [0.5 * (y - y_hat) ** 2 for y, y_hat in zip(LABELS, outputs)]
    loss = losses[0] + losses[1] + losses[2]
    loss.backward()

    # By hand: one path for each output; they share their last two factors.
    w_, b_ = 0.3, 0.1
    a_ = sigma(w_ * X + b_)
    outputs_ = [sigma(v * a_ + c) for v, c in zip(WEIGHTS, BIASES)]
    parts = [
        -(y - o) * o * (1 - o) * v * a_ * (1 - a_) * X for y, o, v in zip(LABELS, outputs_, WEIGHTS)
    ]

    def run(p: int, w: float = w_, b: float = b_) -> float:
        a = sigma(w * X + b)
        return 0.5 * (LABELS[p] - sigma(WEIGHTS[p] * a + BIASES[p])) ** 2

    nums = [slope(lambda w, p=p: run(p, w=w), w_) for p in range(3)]
    num_b = sum(slope(lambda b, p=p: run(p, b=b), b_) for p in range(3))
    names = ("₁", "₂", "₃")
    return [
        *(Row(f"ŷ{n}", o.item(), o_) for n, o, o_ in zip(names, outputs, outputs_)),
        *(Row(f"L{n}", part.item(), run(p)) for p, (n, part) in enumerate(zip(names, losses))),
        Row("L = L₁ + L₂ + L₃", loss.item(), sum(run(p) for p in range(3))),
        *(Row(f"∂L{names[p]}/∂w¹", d(losses[p], w), parts[p], nums[p]) for p in range(3)),
        Row("∂L/∂w¹, their sum", float(w.grad), sum(parts), sum(nums)),
        Row("∂L/∂b¹", float(b.grad), sum(parts) / X, num_b),
        updated("w¹", w, sum(parts), sum(nums)),
        updated("b¹", b, sum(parts) / X, num_b),
    ]


# --- grading ---------------------------------------------------------------------------


def derive_one_neuron() -> str:
    """The graph of the one neuron and the chain rule along it, as minigrad derives them."""
    x, y = X, Y
    w, b = leaf(0.3), leaf(0.1)
    z = w * x + b
    ŷ = mg.sigmoid(z)
    L = 0.5 * (y - ŷ) ** 2
    return f"{mg.draw(L, w, collapse=True)}\n\n{mg.explain(L, [w, b])}"


def derive_two_neurons_in_a_row() -> str:
    """The same for two neurons in a row; the path from w¹ is highlighted."""
    x, y = X, Y
    w1, b1, w2, b2 = leaf(0.3), leaf(0.1), leaf(0.2), leaf(0.4)
    z2 = w1 * x + b1
    a2 = mg.sigmoid(z2)
    z3 = w2 * a2 + b2
    ŷ = mg.sigmoid(z3)
    L = 0.5 * (y - ŷ) ** 2
    return f"{mg.draw(L, w1, collapse=True)}\n\n{mg.explain(L, [w1, w2])}"


DERIVED = {"one": derive_one_neuron, "row": derive_two_neurons_in_a_row}


def grade_one_neuron(y: float) -> mg.derivation.Report:
    """What is printed of the one neuron, graded for the label ``y``."""
    x, w, b = X, leaf(0.3), leaf(0.1)
    z = w * x + b
    y_hat = mg.sigmoid(z)
    L = 0.5 * (y - y_hat) ** 2
    printed = {
        "z": "0.25", "y_hat": "0.56", "L": "0.44",
        "∂L/∂y_hat": "-0.94", "∂y_hat/∂z": "0.25", "∂z/∂w": "0.5", "∂z/∂b": "1",
        "∂L/∂w": "-0.118", "∂L/∂b": "-0.235",
        "w - 0.1 * ∂L/∂w": "0.312", "b - 0.1 * ∂L/∂b": "0.125",
    }  # fmt: skip
    return mg.check_derivation(L, printed)


def grade_two_neurons() -> list[mg.derivation.Report]:
    """What is printed of two neurons in a row: for w², b², and then for w¹, b¹.

    The publication derives the two pairs apart, with different figures for z³ and ∂ŷ/∂z³.
    """
    x, y = X, Y
    w1, b1, w2, b2 = leaf(0.3), leaf(0.1), leaf(0.2), leaf(0.4)
    z2 = w1 * x + b1
    a2 = mg.sigmoid(z2)
    z3 = w2 * a2 + b2
    y_hat = mg.sigmoid(z3)
    L = 0.5 * (y - y_hat) ** 2
    last = {
        "z2": "0.25", "a2": "0.56", "z3": "0.512", "y_hat": "0.625", "L": "0.38",
        "∂L/∂y_hat": "-0.875", "∂y_hat/∂z3": "0.235", "∂z3/∂w2": "0.5",
        "∂L/∂w2": "-0.103", "∂L/∂b2": "-0.205",
        "w2 - 0.1 * ∂L/∂w2": "0.2103", "b2 - 0.1 * ∂L/∂b2": "0.3795",
    }  # fmt: skip
    first = {
        "z3": "0.56", "y_hat": "0.64",
        "∂L/∂y_hat": "-0.875", "∂y_hat/∂z3": "0.23", "∂z3/∂a2": "0.2", "∂a2/∂z2": "0.25",
        "∂z2/∂w1": "0.5", "∂z2/∂b1": "1", "∂L/∂w1": "-0.005", "∂L/∂b1": "-0.01",
        "w1 - 0.1 * ∂L/∂w1": "0.3005", "b1 - 0.1 * ∂L/∂b1": "0.101",
    }  # fmt: skip
    return [mg.check_derivation(L, printed) for printed in (last, first)]


def gradings(name: str) -> list[tuple[str, mg.derivation.Report]]:
    """The graded derivations of one example, each with what it is."""
    if name == "one":
        return [(f"As printed, for the label y = {y}", grade_one_neuron(y)) for y in (1.0, Y)]
    if name == "row":
        titles = ("As printed, for w² and b²", "As printed, for w¹ and b¹")
        return list(zip(titles, grade_two_neurons()))
    return []


def findings(report: mg.derivation.Report) -> str:
    """Every graded quantity on a line."""
    width = max(len(row.quantity) for row in report.rows)
    lines = [report.headline]
    for row in report.rows:
        why = f": {row.remark}" if row.remark else ""
        lines.append(f"  {row.quantity:{width}}  {row.hand:8g}  {row.verdict}{why}")
    return "\n".join(lines)


# --- printing --------------------------------------------------------------------------

EXAMPLES = {
    "one": ("One neuron: w = 0.3, b = 0.1", one_neuron),
    "row": ("Two neurons in a row: w¹ = 0.3, b¹ = 0.1, w² = 0.2, b² = 0.4", two_neurons_in_a_row),
    "layer": (
        "Two neurons in one layer: " + ", ".join(f"{n} = {v:g}" for n, v in LAYER.items()),
        two_neurons_in_a_layer,
    ),
    "outputs": (
        "Several outputs: w¹ = 0.3, b¹ = 0.1, and for p = 1, 2, 3"
        f"\n  y_p = {LABELS}, w_p² = {WEIGHTS}, b_p² = {BIASES}",
        several_outputs,
    ),
}
HEADINGS = (
    "quantity", "minigrad", "closed form", "finite differences", "published", "exact − published"
)  # fmt: skip


def table(rows: Sequence[Row], digits: int = 6) -> str:
    """The rows as aligned text, with ``digits`` decimals."""

    def number(value: float | None, sign: str = "") -> str:
        return "" if value is None else f"{value:{sign}.{digits}f}"

    cells = [HEADINGS] + [
        (
            r.quantity, number(r.minigrad), number(r.exact), number(r.numeric),
            r.published or "", number(r.difference, "+"),
        )
        for r in rows
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADINGS))]
    lines = [
        "  ".join(c.rjust(n) if i else c.ljust(n) for i, (c, n) in enumerate(zip(row, widths)))
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * n for n in widths))
    return "\n".join(line.rstrip() for line in lines)


def decimals(text: str) -> int:
    """The argument of ``--digits``."""
    if not text.isdigit() or not 1 <= int(text) <= 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 16")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--only", choices=EXAMPLES, metavar="NAME", help=f"one table of {', '.join(EXAMPLES)}"
    )
    parser.add_argument(
        "--digits", type=decimals, default=6, metavar="N", help="decimals to print (default 6)"
    )
    options = parser.parse_args(arguments)

    print(f"x = {X}, y = {Y}, learning rate α = {ALPHA}, L = ½ Σ (y − ŷ)², σ(z) = 1/(1 + exp(−z))")
    rows = []
    for name, (title, example) in EXAMPLES.items():
        if options.only in (None, name):
            found = example()
            rows += found
            print(f"\n{title}\n\n{table(found, options.digits)}")
            if name in DERIVED:
                print(f"\nAs minigrad derives it:\n\n{DERIVED[name]()}")
            for heading, report in gradings(name):
                print(f"\n{heading}: {findings(report)}")
    exact = max(abs(r.minigrad - r.exact) for r in rows)
    numeric = max(abs(r.minigrad - r.numeric) for r in rows if r.numeric is not None)
    print(
        f"\nLargest difference of minigrad from the closed forms {exact:.1e}, "
        f"from finite differences {numeric:.1e}."
        "\npublished: as printed in Backpropagation Step by Step, Datamapu, 31 March 2024, which"
        "\nrounds at every step; empty where it prints no figure."
    )


if __name__ == "__main__":
    main()
