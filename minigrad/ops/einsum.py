"""Einstein's summation convention: one op whose rule is itself an einsum.

Whatever way the subscripts are written, the op sees them spelled out: one letter for
every axis, no ellipsis, the output explicit.
"""

from __future__ import annotations

import functools
import math
import operator
import string
from typing import Any, NamedTuple

import numpy as np

from minigrad.ops.record import Op, composed, register
from minigrad.ops.shape import arrayed
from minigrad.typing import Array, Shape

LETTERS = string.ascii_uppercase + string.ascii_lowercase

BLAS = frozenset(map(np.dtype, "fdFD"))
"""Dtypes of which BLAS computes products."""


def lettered(labels: Any) -> str:
    """Labels 0 to 51 as letters: ``[0, Ellipsis, 26]`` is ``'A...a'``."""
    term = ""
    for label in labels:
        if label is not Ellipsis and not 0 <= operator.index(label) < len(LETTERS):
            raise ValueError(f"einsum: the label {label} is not in the range [0, {len(LETTERS)})")
        term += "..." if label is Ellipsis else LETTERS[label]
    return term


def spelled_out(subscripts: str, arrays: list[Array], optimize: Any = False) -> str:
    """``subscripts`` with an explicit output, and letters in place of every ellipsis.

    Raises
    ------
    ValueError
        When the terms do not fit the arrays.

    Examples
    --------
    >>> spelled_out("...i, i", [np.ones((2, 3)), np.ones(3)])
    'Ai,i->A'
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise ValueError(
            f"einsum: {inputs!r} describes {len(terms)} operands, but {len(arrays)} were given"
        )
    extra = []  # how many axes each ellipsis stands for
    for i, (term, a) in enumerate(zip(terms, arrays, strict=True)):
        named = len(term.replace("...", ""))
        extra.append(np.ndim(a) - named if "..." in term else 0)
        if np.ndim(a) < named or (np.ndim(a) > named and "..." not in term):
            raise ValueError(
                f"einsum: operand {i} has shape {np.shape(a)}, but {term!r} names {named} axes"
            )
    if not arrow:
        once = {c for c in inputs if inputs.count(c) == 1} - set(".,")
        output = "..." + "".join(sorted(once))
    elif max(extra) and "..." not in output and not optimize:
        raise ValueError(f"einsum: the output {output!r} needs '...' for the axes of the operands'")
    unnamed = "".join(c for c in LETTERS if c not in subscripts)[: max(extra)]
    terms = [
        term.replace("...", unnamed[len(unnamed) - n :])
        for term, n in zip(terms, extra, strict=True)
    ]
    for i, (term, a) in enumerate(zip(terms, arrays, strict=True)):
        pairs = list(zip(term, np.shape(a), strict=True))
        if any(n != dict(pairs)[c] for c, n in pairs):  # NumPy reads foreign memory, if n is 0
            raise ValueError(
                f"einsum: operand {i} has shape {np.shape(a)}, but a repeated letter in {term!r} "
                "takes a diagonal, of axes of one length"
            )
    return ",".join(terms) + "->" + output.replace("...", unnamed)


class Product(NamedTuple):
    """A sum of products as one of matrices, each a batch of them where ``batch`` axes are shared.

    Attributes
    ----------
    left, right : tuple
        In which order the axes of an operand are taken, and the shape it has then.
    shape, axes : tuple
        The shape of the product with its axes apart, and their order in the answer.
    """

    left: tuple[Shape, Shape]
    right: tuple[Shape, Shape]
    shape: Shape
    axes: Shape


@functools.lru_cache(maxsize=4096)
def as_product(subscripts: str, first_shape: Shape, second_shape: Shape) -> Product | None:
    """Rows of one, by what is summed, times columns of the other; None, where it is no such thing.

    Examples
    --------
    >>> as_product("ij,kj->ik", (3, 4), (5, 4))
    Product(left=((0, 1), (3, 4)), right=((1, 0), (4, 5)), shape=(3, 5), axes=(0, 1))
    """
    inputs, output = subscripts.split("->")
    first, second = inputs.split(",")
    pairs = [*zip(first, first_shape, strict=True), *zip(second, second_shape, strict=True)]
    size = dict(pairs)
    each_once = len({*first}) == len(first) and len({*second}) == len(second)
    if not each_once or any(size[c] != n or n == 0 for c, n in pairs):
        return None
    batch = [c for c in output if c in first and c in second]
    summed = [c for c in first if c in second and c not in output]
    rows = [c for c in first if c not in second]
    columns = [c for c in second if c not in first]
    if not summed or not {*rows, *columns} <= {*output} or (batch and not (rows and columns)):
        return None

    def laid_out(term: str, *groups: list[str]) -> Array:
        axes = tuple([term.index(c) for group in groups for c in group])
        return axes, tuple([math.prod(size[c] for c in group) for group in groups if group])

    order = batch + rows + columns
    return Product(
        laid_out(first, batch, rows, summed),
        laid_out(second, batch, summed, columns),
        tuple([size[c] for c in order]),
        tuple([order.index(c) for c in output]),
    )


MUCH = 2**16
"""Products of numbers in one loop over everything from which a path is worth looking for."""


def pays(subscripts: str, operands: Array) -> bool:
    """Whether products of pairs take less than one loop over everything."""
    inputs, output = subscripts.split("->")
    sizes: dict[str, int] = {}
    for term, x in zip(inputs.split(","), operands, strict=True):
        sizes.update((c, max(n, sizes.get(c, 0))) for c, n in zip(term, np.shape(x), strict=True))
    work = math.prod(sizes.values())
    answer = math.prod(sizes[c] for c in output)
    return work >= MUCH and work >= 8 * max(answer, *map(np.size, operands))


def summed_products(*operands: Array, subscripts: str, optimize: Any = False) -> Array:
    """By products of matrices where they can do it, else in one loop over everything."""
    plain = optimize is False and all(type(x) is np.ndarray and x.dtype in BLAS for x in operands)
    if plain and len(operands) == 2 and operands[0].dtype == operands[1].dtype:
        found = as_product(subscripts, operands[0].shape, operands[1].shape)
        if found:
            a, b = (
                x.transpose(axes).reshape(shape)
                for x, (axes, shape) in zip(operands, found[:2], strict=True)
            )
            product = a @ b
            return product.reshape(found.shape).transpose(found.axes) if found.shape else product
    if plain and len(operands) > 2 and pays(subscripts, operands):
        optimize = True
    return np.einsum(subscripts, *operands, optimize=optimize)


def onto_diagonal(c: Array, letters: str, term: str) -> Array:
    """The adjoint of taking a diagonal: ``c`` where repeated letters agree, 0 elsewhere."""
    fresh = iter([letter for letter in LETTERS if letter not in term])
    terms, eyes, output = [letters], [], ""
    for letter in term:
        axis = next(fresh) if letter in output else letter
        output += axis
        if axis != letter:
            terms.append(letter + axis)
            eyes.append(np.eye(np.shape(c)[letters.index(letter)]))
    return np.einsum(",".join(terms) + "->" + output, c, *eyes)


def einsum_rule(
    g: Array, ans: Array, *operands: Array, argnum: int, subscripts: str, optimize: Any = False
) -> Array:
    """The same sum, with ``g`` in the place of the operand.

    An axis that the operand alone has was summed away: its gradient is repeated along
    it.  An axis of length 1 was repeated: its gradient is summed.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    term = terms.pop(argnum)
    length = dict(zip(term, np.shape(operands[argnum]), strict=True))
    elsewhere = {*output, *"".join(terms)}
    kept = [c for c, n in length.items() if n != 1 and c in elsewhere]
    others = operands[:argnum] + operands[argnum + 1 :]
    words = ",".join([output, *terms]) + "->" + "".join(kept)
    c = summed_products(g, *others, subscripts=words, optimize=bool(optimize))
    if list(length) != kept:
        c = c[tuple([slice(None) if letter in kept else None for letter in length])]
    shape = tuple(length.values())
    if np.shape(c) != shape:
        c = np.broadcast_to(c, shape)
    return c if len(length) == len(term) else onto_diagonal(c, "".join(length), term)


contract: Op = register(
    Op(
        "einsum",
        summed_products,
        einsum_rule,
        linear="each",
        doc="Sum of products, the subscripts spelled out.",
        complex=True,
    )
)


@composed(np.einsum, complex=True)
def einsum(*operands: Array, optimize: Any = False) -> Array:
    """Sum of products over repeated subscripts, as `numpy.einsum`.

    Derivative: by one operand, einsum of ``dy`` and the others: of ``"ij,jk->ik"``,
    ``"ik,jk->ij"`` by the first.

    Parameters
    ----------
    *operands : str and array_likes
        ``"ij,jk->ik", a, b``, or ``a, [0, 1], b, [1, 2], [0, 2]``.
    optimize : bool, str or path
        As for NumPy; the gradient chooses its own path when it is on.

    Raises
    ------
    ValueError
        When subscripts and shapes do not fit.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.einsum("ii", a))(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    if not operands:
        raise ValueError("einsum needs subscripts and at least one operand")
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0], [arrayed(a) for a in operands[1:]]
    else:
        listed = len(operands) // 2 * 2
        arrays = [arrayed(a) for a in operands[:listed:2]]
        subscripts = ",".join(lettered(labels) for labels in operands[1:listed:2])
        if len(operands) % 2:
            subscripts += "->" + lettered(operands[-1])
    return contract(
        *arrays, subscripts=spelled_out(subscripts, arrays, optimize), optimize=optimize
    )
