"""Pictures of the computation graph: ``mg.draw(L)``, and ``mg.explore(L)`` to step through it.

The graph is read once (``picture``), simplified (``boxes``), and written as DOT or text;
Graphviz lays it out.
"""

from __future__ import annotations

from minigrad.draw.drawing import Drawing
from minigrad.draw.exploration import Exploration as Exploration
from minigrad.draw.exploration import explore as explore
from minigrad.draw.layout import LayoutError
from minigrad.draw.picture import Picture


def draw(
    output: object,
    wrt: object = None,
    *,
    values: bool = True,
    gradients: bool = True,
    local: bool = True,
    collapse: bool | int | str = "auto",
    direction: str = "LR",
    theme: str = "light",
    width: float | None = None,
) -> Drawing:
    """Draw the graph that ``output`` was computed by.

    Parameters
    ----------
    output : Tensor
        Before or after ``backward()``; its gradients are computed for the picture and
        change no ``.grad``.
    wrt : Tensor or sequence of Tensors, optional
        The paths from it to the output are highlighted, and the chain rule along them is
        written below.
    values, gradients, local : bool
        Whether to show values, gradients, and local derivatives on the edges.
    collapse : {"auto", True, False} or int
        ``"auto"`` draws every operation of a small graph, and loops, modules and the middle
        of a large one as boxes; ``True`` also draws each statement as one node; ``False``
        every operation; a number, at most about that many nodes.
    direction : {"LR", "RL", "TB", "BT"}
        In which the forward pass runs.
    theme : {"light", "dark"}
        Of all files but the page, which follows its reader's system.
    width : float, optional
        Of the paper, in points (72 to the inch): a chain that is longer goes on in the next
        row.

    Returns
    -------
    Drawing
        Shows itself in notebooks; ``print`` draws a tree; ``.save(path)`` writes ``.svg``,
        ``.png``, ``.pdf``, ``.dot``, ``.tex`` (TikZ), the backward pass as ``.gif`` or ``.mp4``,
        or ``.html`` to step through; ``.show()``; ``.dot``.

    Raises
    ------
    TypeError, ValueError
        When ``output`` or ``wrt`` is no recorded Tensor, or an option is unknown.

    Examples
    --------
    >>> import minigrad as mg
    >>> x, y = 0.5, 1.5
    >>> w = mg.Tensor(0.3, requires_grad=True)
    >>> b = mg.Tensor(0.1, requires_grad=True)
    >>> z = w * x + b
    >>> a = mg.sigmoid(z)
    >>> L = 0.5 * (y - a) ** 2
    >>> print(mg.draw(L, w, collapse=True))
    L = 0.5·(y − a)²: 0.4398   ∂L/∂L = 1
    ├─ y: 1.5
    ┗━ [−0.9378] a = sigmoid: 0.5622   ∂L/∂a = −0.9378
       ┗━ [0.2461] z = w·x + b: 0.25   ∂L/∂z = −0.2308
          ┣━ [0.5] w (leaf): 0.3   ∂L/∂w = −0.1154
          ├─ x: 0.5
          └─ [1] b (leaf): 0.1   ∂L/∂b = −0.2308
    <BLANKLINE>
    ∂L/∂w = ∂L/∂a · ∂a/∂z · ∂z/∂w = −0.9378 · 0.2461 · 0.5 = −0.1154
    """
    return Drawing(
        Picture(output, wrt),
        values=values,
        gradients=gradients,
        local=local,
        collapse=collapse,
        direction=direction,
        theme=theme,
        width=width,
    )
