"""What NumPy's parameters mean, said once: the Parameters of functions that do not list theirs."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Collection, Mapping
from typing import Any

from minigrad.ops import hints
from minigrad.ops.signature import answering

ARRAYS = frozenset(
    "A M a a1 a2 ar ar1 ar2 arr array ary b data element f filt fp m p prototype seq_of_zeros "
    "test_elements u v val values w x x1 x2 x3 x4 xp y z".split()
)
"""Parameters that are arrays, of any shape that the function's own sentence allows."""

TABLE = """
a_min | array_like, optional | The lower bound; broadcast.
a_max | array_like, optional | The upper bound; broadcast.
alpha | number or array_like | The limit below; it is differentiated, too.
arrays | sequence of array_like | Tensors and arrays may be mixed.
args | any number |
arys | array_like, any number |
assume_unique | bool | Take it for granted that no value occurs twice.
atol | float | Absolute tolerance.
aweights | array_like, optional | Weights of the observations.
axes | tuple of int, optional | The axes, in order.
axis | int or tuple of int, optional | Along which axis, or axes where it takes several.
axis1 | int |
axis2 | int |
axisa | int | The axis of ``a`` that holds the vectors.
axisb | int | The axis of ``b`` that holds the vectors.
axisc | int | The axis of the result that holds the vectors.
base | number | Of the powers.
batch_first | bool | Whether examples lie along the first axis, and time along the second.
beta | float | The shape of the window.
bias | bool | Divide by N rather than N − 1.
bidirectional | bool | Whether another layer reads from the end.
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
dropout | float | The probability that a number is left out in training.
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
k | int | The diagonal, counted upward from the main one; else how often.
keepdims | bool | Keep the axes that are reduced, with length 1.
kind | str, optional | The algorithm; it makes no difference to the result.
kth | int or sequence of int | The place that is put in order.
left | number, optional | Below the first point.
max | array_like, optional | The upper bound, by the array API's name.
mean | array_like, optional | The mean, where it is known already.
method | str | How positions between two elements are answered; "linear" is NumPy's default.
min | array_like, optional | The lower bound, by the array API's name.
minlength | int | The least number of bins.
mode | str | What happens at the ends, or which part is answered, as NumPy names it.
n | int, optional | Of Fourier transforms the length; else how often, or the power.
nan | number | In place of NaN.
neginf | number, optional | In place of −∞; by default the least finite number.
negative_slope | number or array_like | Below 0; it is differentiated, too.
norm | {"backward", "ortho", "forward"}, optional | Which direction is scaled.
norm_type | float | The order of the norm.
num | int | How many.
num_layers | int | How many, each on what the one below says.
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

LAYERS = """
alpha | number or array_like | The limit below; of RMSprop the share of the past that stays.
axes | int or tuple of int | How many of the last axes, or their lengths.
beta | float | Where the square ends and the line begins.
mode | str | How elements between others are found.
prediction score state h weight_ih weight_hh other | array_like |
target | array_like | What is to be predicted.
parameters | iterable of Tensor, or groups of them as dicts |
strength | float | The factor before the penalty.
reduction | {"mean", "sum", "none"} |
output_size | int or tuple of int |
kernel_size | int or tuple of int |
stride | int or tuple of int, optional |
padding | int, tuple of int, or str | On each side of each axis.
output_padding | int or tuple of int | Added at one side of the output.
dilation | int or tuple of int | The distance between the kernel's places.
groups | int | Blocks of channels that know nothing of each other.
count_include_pad | bool | Whether padding counts in a mean.
ceil_mode | bool | Whether windows may hang over the end.
divisor_override | int, optional | Divide by this instead.
num_features | int | Channels.
num_groups | int | Blocks of channels that are normalised together.
in_channels out_channels input_size hidden_size | int |
affine | bool | Whether there are a scale and a shift to learn.
track_running_stats | bool | Whether means for evaluation are kept.
weight bias_ih bias_hh | array_like, optional |
bias | bool or array_like | Of layers whether an offset is learned, of functions the offset.
p | float | A probability, or the order of a norm.
variance | array_like | As `numpy.var` has it, not divided by N − 1.
rng | numpy.random.Generator, optional | By default the one that `nn.seed` seeds.
eps | float | Added where a quotient could be 0/0.
momentum | float | The share of the past that stays; of running means, of the new that comes.
approximate | {"none", "tanh"} |
lambd threshold | float |
min_val max_val | float | The bounds.
options | keywords | Of the function that this layer is.
layers | modules or functions | In order.
upscale_factor downscale_factor | int |
value | float | In place of what is below.
lr | float | The learning rate.
lr_decay | float | The rate is divided by 1 + this times the step.
weight_decay | float | The factor of the parameters that are added to, or taken off, in each step.
betas | (float, float) | The shares of the past in both means.
amsgrad | bool | Divide by the largest second moment so far.
maximize | bool | Climb.
centered | bool | Subtract the mean gradient from the second moment.
dampening | float | The share of the gradient that momentum does not take.
nesterov | bool | Look ahead along the momentum.
initial_accumulator_value | float |
factor | float |
steps | int | How many in all.
final | float | The rate at the end, as a share of the first.
every | int | How many epochs each rate lasts.
number epochs epoch iteration step | int |
loss delta lowest | float |
"""


SCIPY = """
A Q M z c r ab q | array_like |
arrs | array_like, any number | Matrices; vectors are rows.
lower | bool | The lower triangle, or factor, instead of the upper one.
unit_diagonal | bool | Take ones on the diagonal for granted.
trans | {0, 1, 2} | 1: with the transpose, 2: with its conjugate.
c_and_lower | (array_like, bool) | What `cho_factor` returned.
lu_and_piv | (array_like, array_like of int) | What `lu_factor` returned.
l_and_u | (int, int) | How many diagonals are below and above the main one.
d | int | The dimension.
n | int | The order.
in1 in2 | array_like | Of as many axes.
mode | {"full", "valid", "same"} | "same" is centred, of the shape of the first.
method | str | SciPy's; it makes no difference to the derivatives.
func fun | callable | Called with ``args`` at the end; what it closes over may be Tensors too.
x0 y0 | array_like | Where to start.
args | tuple | Tensors and arrays.
xtol rtol atol | float | SciPy's tolerances.
t_span | (float, float) | From when to when.
t_eval | array_like, optional | When the solution is wanted.
kind | {"linear", "cubic"} | Lines or a spline.
fill_value | "extrapolate" or None | What happens outside of the points.
N | int, optional | The length to which signals are cut, or filled up with zeros.
"""

IMAGES = """
input weights | array_like | Differentiated.
sigma | number, or one for each axis | The standard deviation; differentiated, too.
size | int, or one for each axis | How many neighbours.
shift | number or array_like | By how many places along each axis; differentiated, too.
zoom | number, or one for each axis | How many times as many places.
order | int, or one for each axis | Of splines, or which derivative of a density.
mode | str, or one for each axis | What is beyond the edges: "reflect", "nearest", "wrap", ...
cval | number | What is beyond them in the mode "constant".
origin | int, or one for each axis | By how much the neighbours are moved.
truncate | float | After how many standard deviations the weights end; or
radius | int, or one for each axis, optional | after how many places.
axes | int or tuple of int, optional | Along which axes; all by default.
output | dtype | Doubles.
prefilter | bool | Whether the input are values; else they are coefficients of splines.
grid_mode | bool | Whether places are squares with an extent, and not points.
options | keywords | Of `gaussian_filter`.
"""


def entries(table: str) -> dict[str, tuple[str, str]]:
    """Parameter -> its type, and what it means."""
    found = {}
    for line in table.strip().splitlines():
        names, kind, meaning = (part.strip() for part in line.split("|"))
        found.update(dict.fromkeys(names.split(), (kind, meaning)))
    return found


GLOSSARY: dict[str, tuple[str, str]] = {
    **entries(TABLE),
    **dict.fromkeys(ARRAYS, ("array_like", "")),
}
OF_LAYERS: dict[str, tuple[str, str]] = {**GLOSSARY, **entries(LAYERS)}
OF_SCIPY: dict[str, tuple[str, str]] = {**GLOSSARY, **entries(SCIPY)}
OF_IMAGES: dict[str, tuple[str, str]] = {**OF_SCIPY, **entries(IMAGES)}
HEADINGS = ("Parameters", "Attributes", "Returns", "Raises", "Notes", "References", "Examples")


def explained(
    signature: inspect.Signature,
    refused: Collection[str] = (),
    glossary: Mapping[str, tuple[str, str]] = GLOSSARY,
) -> list[str]:
    """What the parameters mean; nothing of those that are refused anyway."""
    lines = []
    for p in signature.parameters.values():
        if p.name in refused:
            continue
        star = "*" * ((p.kind is p.VAR_POSITIONAL) + 2 * (p.kind is p.VAR_KEYWORD))
        optional = "" if p.default is p.empty or star else ", optional"
        kind, meaning = glossary.get(p.name, ("", ""))
        if p.name == "axis" and isinstance(p.default, int):
            kind, meaning = "int", "Along which axis."
        kind += optional if kind == "array_like" else ""
        lines.append(f"{star}{p.name}" + (f" : {kind}" if kind else ""))
        if meaning:
            lines.append(f"    {meaning}")
    return lines


def raised(signature: inspect.Signature, real: bool = False, broadcast: bool = False) -> list[str]:
    """The errors that a function has by its kind: of its axes, shapes and numbers."""
    lines = []
    if "axis" in signature.parameters:
        lines += ["numpy.exceptions.AxisError", "    For an axis that is not there."]
    if broadcast:
        lines += ["ValueError", "    Where the shapes do not broadcast; the message has them."]
    if real:
        lines += ["TypeError", "    For complex numbers."]
    return lines


def unnamed(errors: list[str], lines: list[str]) -> list[str]:
    """Those of the generated ``errors``, two lines each, whose types ``lines`` do not name."""
    pairs = zip(errors[::2], errors[1::2], strict=True)
    known = {word for line in lines for word in line.split(", ")}
    return [line for kind, why in pairs if kind not in known for line in (kind, why)]


def completed(doc: str | None, sections: Mapping[str, list[str]]) -> str | None:
    """``doc`` with those ``sections`` that it does not have, each in its place.

    Errors are added to those that it names.
    """
    if not doc:
        return doc
    lines = inspect.cleandoc(doc).splitlines()
    for name, added in sections.items():
        if name == "Raises" and name in lines:
            at = lines.index(name) + 2
            lines[at:at] = unnamed(added, lines[at:])
            continue
        if not added or name in lines:
            continue
        later = HEADINGS[HEADINGS.index(name) + 1 :]
        at = next((i for i, line in enumerate(lines) if line in later), len(lines))
        before, after = lines[:at], lines[at:]
        while before and not before[-1]:
            before.pop()
        lines = [*before, "", name, "-" * len(name), *added, *([""] if after else []), *after]
    return "\n".join(lines)


def document(namespace: dict[str, object]) -> None:
    """Make a module fit for reading: ``dir`` lists what it offers, docstrings have Parameters."""
    offered = [n for n, x in namespace.items() if n[0] != "_" and not inspect.ismodule(x)]
    namespace["__dir__"] = lambda: offered
    namespace["__getattr__"] = hints.refusing(str(namespace["__name__"]))
    describe(namespace, OF_LAYERS)
    for name in offered:
        answer(namespace, name)


def answer(namespace: dict[str, Any], name: str) -> None:
    """Let a function, or the making of an instance, say what is written for a strange keyword.

    It is replaced where it was made, too, so that it can be pickled.
    """
    thing = namespace[name]
    if not str(getattr(thing, "__module__", "")).startswith("minigrad."):
        return
    if inspect.isfunction(thing):
        home, called = vars(sys.modules[thing.__module__]), thing.__name__
        if called in home and home[called] is thing:
            namespace[name] = home[called] = answering(thing, name)
    elif inspect.isclass(thing):
        for base in thing.__mro__:
            made: Any = vars(base).get("__init__")
            if inspect.isfunction(made):
                base.__init__ = answering(made)  # type: ignore[misc]


def describe(namespace: dict[str, Any], glossary: Mapping[str, tuple[str, str]]) -> None:
    """Let the docstrings of what is public, and made there, list their parameters."""
    home = str(namespace["__name__"])
    for name, thing in namespace.items():
        made = inspect.isfunction(thing) or inspect.isclass(thing)
        if name[0] == "_" or not made or not str(thing.__module__).startswith(home):
            continue
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            listed = explained(inspect.signature(thing), (), glossary)
            thing.__doc__ = completed(thing.__doc__, {"Parameters": listed})
