"""Pictures of backpropagation, weight by weight.

Draws the three networks of "Backpropagation Step by Step" (Datamapu, 31 March 2024): one
neuron, two neurons in a row, two neurons in one layer.  Every weight and bias has a picture
with the path along which its gradient is the product of the local derivatives; every network
has a page on which a browser steps through the forward and the backward pass.

Run it with ``python examples/draw_backprop.py``; the pictures go to the folder ``out``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import minigrad as mg
from minigrad.draw import Drawing, LayoutError

Pictures = Iterator[tuple[mg.Tensor, Drawing]]
"""Each weight and bias, with a drawing of its path to the loss."""


def leaf(name: str, value: float) -> mg.Tensor:
    return mg.Tensor(value, requires_grad=True, name=name)


def one_neuron() -> Pictures:
    """ŷ = σ(w x + b)."""
    x, y = 0.5, 1.5
    w, b = leaf("w", 0.3), leaf("b", 0.1)
    z = w * x + b
    ŷ = mg.sigmoid(z)
    L = 0.5 * (y - ŷ) ** 2
    for p in (w, b):
        yield p, mg.draw(L, p, collapse=True)


def two_neurons_in_a_row() -> Pictures:
    """ŷ = σ(w² a² + b²), a² = σ(w¹ x + b¹)."""
    x, y = 0.5, 1.5
    w1, b1, w2, b2 = leaf("w¹", 0.3), leaf("b¹", 0.1), leaf("w²", 0.2), leaf("b²", 0.4)
    z2 = w1 * x + b1
    a2 = mg.sigmoid(z2)
    z3 = w2 * a2 + b2
    ŷ = mg.sigmoid(z3)
    L = 0.5 * (y - ŷ) ** 2
    z2.name, a2.name, z3.name = "z²", "a²", "z³"
    for p in (w1, b1, w2, b2):
        yield p, mg.draw(L, p, collapse=True)


def two_neurons_in_a_layer() -> Pictures:
    """ŷ = σ(w₁² a₁² + b₁² + w₂² a₂² + b₂²), aᵢ² = σ(wᵢ¹ x + bᵢ¹); weights of our choice."""
    x, y = 0.5, 1.5
    w11, b11, w21, b21 = leaf("w₁¹", 0.3), leaf("b₁¹", 0.1), leaf("w₂¹", -0.4), leaf("b₂¹", 0.5)
    w12, b12, w22, b22 = leaf("w₁²", 0.2), leaf("b₁²", 0.4), leaf("w₂²", 0.7), leaf("b₂²", -0.3)
    z1 = w11 * x + b11
    z2 = w21 * x + b21
    a1 = mg.sigmoid(z1)
    a2 = mg.sigmoid(z2)
    z3 = w12 * a1 + b12 + w22 * a2 + b22
    ŷ = mg.sigmoid(z3)
    L = 0.5 * (y - ŷ) ** 2
    z1.name, z2.name, a1.name, a2.name, z3.name = "z₁²", "z₂²", "a₁²", "a₂²", "z³"
    for p in (w11, b11, w21, b21, w12, b12, w22, b22):
        yield p, mg.draw(L, p, collapse=True)


NETWORKS: dict[str, Callable[[], Pictures]] = {
    "one_neuron": one_neuron,
    "two_neurons_in_a_row": two_neurons_in_a_row,
    "two_neurons_in_a_layer": two_neurons_in_a_layer,
}
PLAIN = str.maketrans("¹²₁₂", "1212")
"""File names do without superscripts."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pictures, or print them where there is no Graphviz to lay them out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--to", type=Path, default=Path("out"), metavar="FOLDER", help="where they go"
    )
    kinds = ["svg", "png", "pdf", "dot", "tex", "gif", "mp4"]
    parser.add_argument("--format", choices=kinds, default="svg", help="default: svg")
    parser.add_argument("--no-pages", action="store_true", help="pictures only, no HTML pages")
    options = parser.parse_args(arguments)

    try:
        options.to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--to {options.to}: {error.strerror}")
    laid_out = True
    for network, pictures in NETWORKS.items():
        for parameter, drawing in pictures():
            name = f"{network}_{str(parameter.name).translate(PLAIN)}"
            path = options.to / f"{name}.{options.format}"
            try:
                drawing.save(path)
            except LayoutError as error:
                if laid_out:
                    print(f"{error}; so here is text:")
                laid_out = False
                print(f"\n{network.replace('_', ' ')}, {parameter.name}\n\n{drawing}")
            else:
                print(path)
        if not options.no_pages:
            print(drawing.save(options.to / f"{network}.html"))


if __name__ == "__main__":
    main()
