"""What of NumPy and SciPy is covered, and what is not and why: a page made from the records.

``python -m minigrad.coverage`` prints docs/coverage.md.  Functions are found in the libraries
that are installed; only the reasons are written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import numpy as np

from minigrad.ops.record import Op, implementations, public
from minigrad.typing import Function

DIFFERENTIABLE, CONSTANT, OWN, REFUSED, ASIDE = "✓", "constant", "by `mg.`", "refused", "—"

ASIDE_BECAUSE = {
    "makes arrays of no array": """
        arange bartlett blackman diag_indices empty eye fftfreq rfftfreq fromfunction hamming
        hanning identity indices mask_indices ones tri tril_indices triu_indices zeros
    """,
    "reads, writes or prints": """
        base_repr binary_repr datetime_as_string format_float_positional
        format_float_scientific frombuffer fromfile fromregex fromstring genfromtxt info load
        loadtxt save savetxt savez savez_compressed
    """,
    "dates": "busday_count busday_offset datetime_data is_busday isnat",
    "kinds of numbers and shapes": """
        asmatrix bmat broadcast_shapes common_type einsum_path isdtype isfortran isscalar issubdtype
        iterable mintypecode promote_types typename
    """,
    "an old name of `np.vstack`": "row_stack",
    "settings": """
        errstate get_include get_printoptions getbufsize geterr geterrcall printoptions
        set_printoptions setbufsize seterr seterrcall show_config show_runtime test
    """,
}
REFUSED_BECAUSE = {
    "writes into an array: `t.at[index].set(value)`, `np.where`": """
        copyto fill_diagonal place put put_along_axis putmask
    """,
    "would make a plain array of a Tensor: it is one already; `mg.array` of lists": """
        asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray from_dlpack fromiter
        require
    """,
    "works on bits or Python objects": "frompyfunc nested_iters packbits unpackbits",
    "counts, with edges: `np.histogram`, `mg.bincount` with weights": "histogram2d histogramdd",
    "complex numbers have no order that a derivative knows": "sort_complex",
    "no derivative in closed form, by any argument": """
        bdtrik bdtrin btdtria btdtrib chdtriv chndtridf fdtridfd gdtrib mathieu_a mathieu_b nbdtrik
        nbdtrin ncfdtridfd ncfdtridfn nctdtridf obl_cv pdtrik pro_cv stdtridf zetac
    """,
    "SciPy's values are too rough for their derivative to hold": """
        ncfdtrinc obl_rad2 obl_rad2_cv pro_rad2 pro_rad2_cv
    """,
}
MIRRORED = "integrate interpolate linalg ndimage optimize signal sparse special stats"


class Entry(NamedTuple):
    """One function: its name, what it answers a Tensor, and why."""

    name: str
    status: str
    why: str


def reason(name: str, table: dict[str, str]) -> str | None:
    """Why ``name`` is where it is."""
    return next((why for why, names in table.items() if name in names.split()), None)


def judged(name: str, function: Function, key: str) -> Entry:
    """What becomes of ``function``, by what is registered for it."""
    op = implementations.get(function)
    if op is None:
        if key in public:
            return Entry(name, OWN, f"NumPy's own does not ask Tensors: call `mg.{key}`")
        why = reason(name, ASIDE_BECAUSE)
        if why is not None:
            return Entry(name, ASIDE, why)
        return Entry(name, REFUSED, reason(name, REFUSED_BECAUSE) or "no rule is written")
    if isinstance(op, Op) and op.vjps is None:
        return Entry(name, CONSTANT, "no gradient flows through its answer")
    if isinstance(op, Op) and isinstance(op.vjps, tuple) and None in op.vjps:
        missing = [p for p, rule in zip(op.parameters, op.vjps, strict=False) if rule is None]
        if len(missing) == len(op.vjps):
            return Entry(name, CONSTANT, f"{op.unruled}: `.detach()` first")
        return Entry(name, DIFFERENTIABLE, f"not by {', '.join(missing)}: {op.unruled}")
    return Entry(name, DIFFERENTIABLE, "")


def functions(module: ModuleType) -> Iterator[tuple[str, Function]]:
    """What a module offers to be called, by name; no classes."""
    for name in sorted(module.__all__):
        function = getattr(module, name, None)
        if callable(function) and not isinstance(function, type):
            yield name, function


def numpy_entries(part: str) -> list[Entry]:
    """The functions of ``numpy``, ``numpy.linalg`` or ``numpy.fft``."""
    module = import_module(f"numpy.{part}") if part else np
    prefix = f"{part}." if part else ""
    return [judged(name, f, prefix + name) for name, f in functions(module)]


def ufunc_entries() -> list[Entry]:
    """The ufuncs of ``scipy.special``."""
    import scipy.special as sp

    import_module("minigrad.ops.scipy_special")
    found = [(n, f) for n, f in functions(sp) if isinstance(f, np.ufunc)]
    return [judged(name, f, f"special.{name}") for name, f in found]


def mirrored() -> list[tuple[str, list[str]]]:
    """The parts of ``minigrad.scipy``, and what SciPy has of the same name there."""
    found = []
    for part in MIRRORED.split():
        ours, theirs = import_module(f"minigrad.scipy.{part}"), import_module(f"scipy.{part}")
        inner = dir(getattr(theirs, "linalg", None))  # scipy.sparse.linalg
        offered = {n for n in [*dir(theirs), *inner] if not n.startswith("_")}
        names = [n for n in vars(ours) if n in offered and callable(getattr(ours, n))]
        names += [n for n, v in vars(ours).items() if n in offered and hasattr(v, "logpdf")]
        names += [n for n, v in vars(ours).items() if n in offered and hasattr(v, "logpmf")]
        found.append((part, sorted(set(names))))
    return found


def table(title: str, entries: list[Entry]) -> str:
    """One section: how many there are of each kind, and a row for every function."""
    counts = {kind: sum(e.status == kind for e in entries) for kind in KINDS}
    words = ", ".join(f"{n} {KINDS[kind]}" for kind, n in counts.items() if n)
    rows = [f"| `{e.name}` | {e.status} | {e.why} |" for e in entries]
    return "\n".join([f"## {title}", "", f"{len(entries)}: {words}.", "",
                      "| Name | | Why |", "|---|---|---|", *rows, ""])  # fmt: skip


KINDS = {
    DIFFERENTIABLE: "differentiable",
    OWN: "differentiable by `mg.`",
    CONSTANT: "constant",
    REFUSED: "refused",
    ASIDE: "aside",
}
HEAD = """# What is covered

Every function of NumPy and every ufunc of SciPy, as `python -m minigrad.coverage` finds them in
NumPy {numpy} and SciPy {scipy}.

- {yes}: a gradient flows through, by all arguments unless it is said.
- {own}: the same, but NumPy's own function does not ask what it is given; `mg.` has it.
- {constant}: it answers Tensors, with what has no derivative (places, counts, truths).
- {refused}: given a Tensor it is an error that says what to write instead.
- {aside}: takes no array of numbers, so that there is nothing to differentiate.
"""


def page() -> str:
    """The whole page, in Markdown."""
    import scipy

    short = [".".join(v.split(".")[:2]) for v in (np.__version__, scipy.__version__)]
    parts = [
        HEAD.format(
            numpy=short[0], scipy=short[1], yes=DIFFERENTIABLE, own=OWN, constant=CONSTANT,
            refused=REFUSED, aside=ASIDE,
        ),
        table("numpy", numpy_entries("")),
        table("numpy.linalg", numpy_entries("linalg")),
        table("numpy.fft", numpy_entries("fft")),
        table("scipy.special, ufuncs", ufunc_entries()),
        "## The mirror of SciPy\n\n"
        "Functions that are no ufuncs do not ask what they are given; `minigrad.scipy` has them.\n"
        "\n"
        "| Part | Names |\n|---|---|\n"
        + "\n".join(
            f"| `minigrad.scipy.{part}` | {', '.join(f'`{n}`' for n in names)} |"
            for part, names in mirrored()
        ),
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page(), end="")
