"""Ops that ONNX's operators cannot express, and why."""

from __future__ import annotations

from minigrad import ops
from minigrad.ops.determinants import cofactors, cofactors_along
from minigrad.ops.eigen import general_eig, symmetric_eig
from minigrad.ops.elementwise import exponent_of
from minigrad.ops.factorisations import full_svd, lower_cholesky, svdvals, tall_qr, thin_svd
from minigrad.ops.fourier import backwards, forwards, real_backwards, real_forwards
from minigrad.ops.matrices import inv, lstsq, pseudo_inverse, solve
from minigrad.ops.norms import matrix_rank
from minigrad.ops.padding import whole as whole_pad
from minigrad.ops.record import Op
from minigrad.ops.sets import common, distinct
from minigrad.ops.sorting import running_extreme
from minigrad.ops.windows import bessel, counted

COMPLEX = "its answer is complex, and ONNX computes with real numbers"
FACTORS = "ONNX factorises no matrices"
SHAPE = "the shape of its answer depends on values"
BITS = "ONNX has no neighbouring numbers, exponents and shifts of signed numbers"
WHOLE = "ONNX has no such function of whole numbers"
TEXT = "it is about arrays, and gives none that a model could"

ORDER = "ONNX orders by one key, and knows no order of NaN"

BEYOND: dict[Op, str] = {
    **dict.fromkeys((forwards, backwards, real_forwards, real_backwards), COMPLEX),
    ops.roots: COMPLEX,
    general_eig: COMPLEX,
    **dict.fromkeys(
        (
            lower_cholesky, tall_qr, symmetric_eig, thin_svd, svdvals, inv, solve, pseudo_inverse,
            lstsq, cofactors, cofactors_along, matrix_rank,
        ),
        FACTORS,
    ),
    full_svd: FACTORS,
    **dict.fromkeys((ops.nonzero, ops.flatnonzero, ops.argwhere, distinct, common), SHAPE),
    ops.nextafter: BITS,
    ops.spacing: BITS,
    ops.ldexp: BITS,
    exponent_of: BITS,
    ops.left_shift: BITS,
    ops.right_shift: BITS,
    **dict.fromkeys((ops.gcd, ops.lcm, ops.bitwise_count), WHOLE),
    **dict.fromkeys(
        (
            ops.array_repr, ops.array_str, ops.array2string, ops.result_type, ops.can_cast,
            ops.min_scalar_type, ops.may_share_memory, ops.shares_memory, ops.allclose,
            ops.array_equal, ops.array_equiv, ops.isreal, ops.iscomplex, ops.choosing.mesh,
            ops.diag_indices_from, ops.tril_indices_from, ops.triu_indices_from,
            ops.ravel_multi_index, ops.unravel_index,
        ),
        TEXT,
    ),
    **dict.fromkeys((ops.argpartition, ops.lexsort, ops.nanargmax, ops.nanargmin), ORDER),
    running_extreme: "ONNX has no running extreme",
    bessel: "ONNX has no Bessel functions",
    ops.i0: "ONNX has no Bessel functions",
    counted: "ONNX has no histogram",
    whole_pad: "ONNX pads whole numbers otherwise than NumPy rounds them",
    ops.histogram_bin_edges: "ONNX has no histogram",
}  # fmt: skip
"""Op -> why it cannot be written."""


def table() -> str:
    """The ops that cannot be written, by reason, as a table in Markdown."""
    reasons: dict[str, list[str]] = {}
    for op, why in BEYOND.items():
        reasons.setdefault(why, []).append(op.name)
    rows = [f"| {why} | {', '.join(f'`{n}`' for n in sorted(set(names)))} |"
            for why, names in reasons.items()]  # fmt: skip
    return "\n".join(["| why | ops |", "|---|---|", *rows])
