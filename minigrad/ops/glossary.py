"""What NumPy's parameters mean, said once: the Parameters of functions that do not list theirs."""

from __future__ import annotations

import inspect
from collections.abc import Collection

ARRAYS = frozenset(
    "A M a a1 a2 ar ar1 ar2 arr array ary b data element f filt fp m p prototype seq_of_zeros "
    "test_elements u v val values w x x1 x2 xp y z".split()
)
"""Parameters that are arrays, of any shape that the function's own sentence allows."""

TABLE = """
a_min | array_like, optional | The lower bound; broadcast.
a_max | array_like, optional | The upper bound; broadcast.
alpha | number or array_like | The limit below; it is differentiated, too.
arrays | sequence of array_like | Tensors and arrays may be mixed.
arys | array_like, any number |
assume_unique | bool | Take it for granted that no value occurs twice.
atol | float | Absolute tolerance.
aweights | array_like, optional | Weights of the observations.
axes | tuple of int, optional | The axes, in order.
axis | int or tuple of int, optional | Along which axis, or axes.
axis1 | int |
axis2 | int |
axisa | int | The axis of ``a`` that holds the vectors.
axisb | int | The axis of ``b`` that holds the vectors.
axisc | int | The axis of the result that holds the vectors.
base | number | Of the powers.
beta | float | The shape of the window.
bias | bool | Divide by N rather than N − 1.
bins | int or sequence of numbers | How many, or their edges.
choices | sequence of array_like | What is chosen from.
choicelist | sequence of array_like | What is taken where its condition is the first that holds.
compute_uv | bool | Also the vectors, not the singular values alone.
condition | array_like of bool | It is not differentiated.
condlist | sequence of array_like of bool |
copy | bool | Whether memory may be shared makes no difference to Tensors.
correction | float | As ``ddof``, by the array API's name.
ddof | float | Divide by N − ddof.
decimals | int | Digits after the point; negative: before it.
default | number or array_like | Where no condition holds.
deg | int or bool | The degree; of `angle`, whether degrees are wanted.
density | bool | Normalise to an integral of 1.
dtype | dtype, optional | Of the result.
dx | number | The spacing, where ``x`` is not given.
edge_order | {1, 2} | Order of the differences at the ends.
endpoint | bool | Whether the last number is ``stop``.
equal_nan | bool | Whether a NaN equals another.
fill_value | number or array_like |
full | bool | Also the diagnostics.
full_matrices | bool | Square factors.
func | callable | From an array and an axis to an array.
func1d | callable | From a vector to a vector or number.
funclist | sequence of callables or numbers | One for each condition.
fweights | array_like of int, optional | How often each observation counts.
hermitian | bool | Trust that the matrices are symmetric.
include_initial | bool | Begin with 0, or 1 of products.
increasing | bool | The order of the powers.
ind | int | How many of the first axes are rows.
index | index | As between brackets.
indexing | {"xy", "ij"} |
indices | array_like of int |
indices_or_sections | int or sequence of int | How many parts, or where to cut.
initial | number, optional | Where to start from.
invert | bool | The negation.
k | int | The diagonal, counted upward from the main one; of polynomials, how often.
keepdims | bool | Keep the axes that are reduced, with length 1.
kind | str, optional | The algorithm; it makes no difference to the result.
kth | int or sequence of int | The place that is put in order.
left | number, optional | Below the first point.
max | array_like, optional | The upper bound, by the array API's name.
mean | array_like, optional | The mean, where it is known already.
method | str | How positions between two elements are answered; "linear" is NumPy's default.
min | array_like, optional | The lower bound, by the array API's name.
minlength | int | The least number of bins.
mode | str | What happens at the ends, as NumPy names it.
n | int, optional | Of Fourier transforms the length; else how often, or the power.
nan | number | In place of NaN.
neginf | number, optional | In place of −∞; by default the least finite number.
negative_slope | number or array_like | Below 0; it is differentiated, too.
norm | {"backward", "ortho", "forward"}, optional | Which direction is scaled.
num | int | How many.
obj | int, slice or sequence of int | Before which elements, or which.
offset | int | The diagonal, counted upward from the main one.
ord | number or str, optional | Which norm.
period | number, optional |
posinf | number, optional | In place of ∞; by default the largest finite number.
prepend append | array_like, optional | What stands before, and after.
q | array_like | Between 0 and 1, of percentiles 100; differentiated between two elements.
range | (float, float), optional | Of the bins.
rcond | float, optional | Singular values below this share of the largest count as 0.
repeats | int or array_like of int | How often each element.
reps | int or tuple of int | How often along each axis.
return_counts | bool |
return_index | bool |
return_indices | bool |
return_inverse | bool |
returned | bool | Also the sum of the weights.
retstep | bool | Also the spacing.
right | number or bool, optional | Beyond the last point; of bins, which end belongs to them.
rowvar | bool | Variables in rows, observations in columns.
rtol | float | Relative tolerance.
s | sequence of int, optional | Length along each axis.
shape new_shape | int or tuple of int |
shift | int or tuple of int | By how many places.
side | {"left", "right"} | Of equal elements.
sorted | bool |
sorter | array_like of int, optional | What would sort ``a``.
source | int or sequence of int | Where the axes are.
destination | int or sequence of int | Where they go.
sparse | bool | With axes of length 1 that broadcast.
stable | bool, optional | It makes no difference to the result.
start | number or array_like |
stop | number or array_like |
to_begin | array_like, optional |
to_end | array_like, optional |
tol | float, optional | The tolerance.
trim | {"fb", "f", "b"} | Which ends.
tup | sequence of array_like | Tensors and arrays may be mixed.
UPLO | {"L", "U"} | The triangle that is read.
upper | bool | The upper factor.
varargs | number or array_like | The spacing: one for all axes, or one each.
weights | array_like, optional | Differentiated, too.
where | array_like of bool, optional | The elements that take part.
window_shape | int or tuple of int |
xi | array_like, any number | The coordinates along each axis.
discont | float, optional | Jumps larger than this are undone.
N | int, optional | The number of columns.
"""


def entries() -> dict[str, tuple[str, str]]:
    """Parameter -> its type, and what it means."""
    found = {}
    for line in TABLE.strip().splitlines():
        names, kind, meaning = (part.strip() for part in line.split("|"))
        found.update(dict.fromkeys(names.split(), (kind, meaning)))
    return found


GLOSSARY = entries()
HEADINGS = ("Returns", "Raises", "Notes", "References", "Examples")


def section(signature: inspect.Signature, refused: Collection[str] = ()) -> list[str]:
    """The section Parameters; nothing of those that are refused anyway."""
    lines = ["Parameters", "----------"]
    for p in signature.parameters.values():
        if p.name in refused:
            continue
        star = "*" * ((p.kind is p.VAR_POSITIONAL) + 2 * (p.kind is p.VAR_KEYWORD))
        optional = "" if p.default is p.empty or star else ", optional"
        kind, meaning = GLOSSARY.get(p.name, ("", ""))
        if p.name in ARRAYS:
            kind, meaning = f"array_like{optional}", meaning
        lines.append(f"{star}{p.name}" + (f" : {kind}" if kind else ""))
        if meaning:
            lines.append(f"    {meaning}")
    return lines if len(lines) > 2 else []


def with_parameters(
    doc: str | None, signature: inspect.Signature, refused: Collection[str] = ()
) -> str | None:
    """``doc`` with its parameters, if it does not list them."""
    if not doc or "Parameters\n" in doc:
        return doc
    lines = inspect.cleandoc(doc).splitlines()
    at = next((i for i, line in enumerate(lines) if line in HEADINGS), len(lines))
    added = section(signature, refused)
    if not added:
        return doc
    before, after = lines[:at], lines[at:]
    while before and not before[-1]:
        before.pop()
    return "\n".join([*before, "", *added, *([""] if after else []), *after])
