"""What NumPy's parameters mean, said once: the Parameters of functions that do not list theirs.

Rows are for a parameter of any function, or for that of one: ``polyint.k``.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Collection, Mapping
from typing import Any

from minigrad.ops import hints
from minigrad.ops.signature import answering
from minigrad.typing import Variables

ARRAYS = frozenset(
    "A M a a1 a2 ar ar1 ar2 arr array ary b data element f filt fp m p prototype seq_of_zeros "
    "test_elements u v val values w x x1 x2 x3 x4 xp y z".split()
)
"""Parameters that are arrays, of any shape that the function's own sentence allows."""

TABLE = """
a_min | array_like, optional | The lower bound; broadcast.
a_max | array_like, optional | The upper bound; broadcast.
alpha | number or array_like | The limit at −∞ is −alpha; differentiable.
arrays | sequence of array_like | Tensors and arrays may be mixed.
args | any number |
arys | array_like, any number |
assume_unique | bool | Whether the arrays are known to have no repeated elements.
atol | float | Absolute tolerance.
aweights | array_like, optional | Weights of the observations.
axes | tuple of int, optional | The axes, in order.
axis | int or tuple of int, optional | Along which axis, or axes where it takes several.
axis1 | int |
axis2 | int |
axisa | int | The axis of ``a`` that holds the vectors.
axisb | int | The axis of ``b`` that holds the vectors.
axisc | int | The axis of the result that holds the vectors.
base | number | The base of the powers.
beta | float | The shape parameter of the window.
bias | bool | Divide by N rather than N − 1.
bins | int or sequence of numbers | The number of bins, or their edges.
choices | sequence of array_like | The arrays to choose from.
choicelist | sequence of array_like | The values where each condition is the first that holds.
compute_uv | bool | Return the singular vectors, too.
condition | array_like of bool | Not differentiated.
condlist | sequence of array_like of bool |
copy | bool | Accepted as in NumPy; it makes no difference to Tensors.
correction | float | As ``ddof``, by the array API's name.
ddof | float | Divide by N − ddof.
decimals | int | The number of digits after the decimal point; negative before it.
default | number or array_like | The value where no condition holds.
deg | int | The degree of the polynomial.
density | bool | Normalise to an integral of 1.
dtype | dtype, optional | The dtype of the result.
dx | number | The spacing, where ``x`` is not given.
edge_order | {1, 2} | The order of the differences at the ends.
endpoint | bool | Whether the last number is ``stop``.
equal_nan | bool | Whether NaNs compare equal.
fill_value | number or array_like |
full | bool | Return the diagnostics, too.
full_matrices | bool | Return square factors.
func | callable | From an array and an axis to an array.
func1d | callable | From a vector to a vector or number.
funclist | sequence of callables or numbers | One for each condition.
fweights | array_like of int, optional | The number of times that each observation counts.
hermitian | bool | Whether the matrices are known to be symmetric (Hermitian).
include_initial | bool | Whether the result begins with 0 (with 1 for products).
increasing | bool | Whether the powers increase from left to right.
ind | int | The number of leading axes that form the rows.
index | index | An index, as between brackets.
indexing | {"xy", "ij"} |
indices | array_like of int |
indices_or_sections | int or sequence of int | The number of parts, or the indices where to split.
initial | number, optional | The value that the reduction starts with.
invert | bool | Return the negation.
k | int | The diagonal: 0 is the main one, positive above it, negative below.
keepdims | bool | Keep reduced axes, with length 1.
kind | str, optional | The algorithm; it makes no difference to the result.
kth | int or sequence of int | The indices to partition at.
left | number, optional | The value to the left of the first point.
max | array_like, optional | The upper bound, by the array API's name.
mean | array_like, optional | The mean, where it is known already.
method | str | How to interpolate between two elements; "linear" by default.
min | array_like, optional | The lower bound, by the array API's name.
minlength | int | The least number of bins.
mode | {"raise", "wrap", "clip"} | What to do with indices out of bounds.
n | int, optional | The length of the transformed axis.
nan | number | The value in place of NaN.
neginf | number, optional | The value in place of −∞; by default the least finite number.
negative_slope | number or array_like | The slope below 0; differentiable.
norm | {"backward", "ortho", "forward"}, optional | The direction that is scaled, as in `numpy.fft`.
norm_type | float | The order of the norm.
num | int | The number of values.
offset | int | The diagonal: 0 is the main one, positive above it, negative below.
ord | number or str, optional | The order of the norm.
period | number, optional |
posinf | number, optional | The value in place of ∞; by default the largest finite number.
prepend append | array_like, optional | Values before and after ``a``.
q | array_like | From 0 to 1; differentiable between two elements.
range | (float, float), optional | The range of the bins.
rcond | float, optional | Singular values below this fraction of the largest count as 0.
repeats | int or array_like of int | The number of repetitions of each element.
reps | int or tuple of int | The number of repetitions along each axis.
return_counts | bool |
return_index | bool |
return_indices | bool |
return_inverse | bool |
returned | bool | Return the sum of the weights, too.
retstep | bool | Return the spacing, too.
right | number, optional | The value to the right of the last point.
rowvar | bool | Variables in rows, observations in columns.
rtol | float | Relative tolerance.
s | sequence of int, optional | The lengths of the transformed axes.
shape new_shape | int or tuple of int |
shift | int or tuple of int | The number of places.
side | {"left", "right"} | The place among equal elements: before or after them.
sorted | bool |
sorter | array_like of int, optional | Indices that sort ``a``.
source | int or sequence of int | The positions of the axes.
destination | int or sequence of int | Their new positions.
sparse | bool | Return axes of length 1 that broadcast.
stable | bool, optional | It makes no difference to the result.
start | number or array_like |
stop | number or array_like |
to_begin | array_like, optional |
to_end | array_like, optional |
tol | float, optional | The tolerance.
trim | {"fb", "f", "b"} | The ends to trim: front, back.
tup | sequence of array_like | Tensors and arrays may be mixed.
UPLO | {"L", "U"} | The triangle that is read.
upper | bool | Return the upper factor.
varargs | number or array_like | The spacing: one for all axes, or one each.
weights | array_like, optional | Differentiable.
where | array_like of bool, optional | The elements to include.
window_shape | int or tuple of int |
xi | array_like, any number | The coordinates along each axis.
discont | float, optional | The largest jump that is left as it is; half a period by default.
N | int, optional | The number of columns.
angle.deg | bool | Degrees rather than radians.
convolve.mode correlate.mode | {"full", "same", "valid"} | Which part of the result.
delete.obj | int, slice or sequence of int | The indices of what is removed.
diff.n | int | The order of the difference.
digitize.right | bool | Whether bins include their right edge rather than their left one.
insert.obj | int, slice or sequence of int | The indices before which values are inserted.
matrix_power.n | int | The power.
percentile.q nanpercentile.q | array_like | From 0 to 100; differentiable between two elements.
polyder.m | int | The order of the derivative.
polyint.k | array_like, optional | The constants of integration; 0 by default.
polyint.m | int | The number of integrations.
qr.mode | {"reduced", "complete", "r"} | As in `numpy.linalg.qr`.
rot90.k | int | The number of quarter turns.
"""

LAYERS = """
alpha | number or array_like | The limit at −∞ is −alpha.
axes | int or tuple of int | The number of last axes to normalise over, or their lengths.
beta | float | The error at which the loss turns from quadratic to linear.
mode | str | The interpolation.
prediction score state h weight_ih weight_hh other | array_like |
target | array_like | The true values.
parameters | iterable of Tensor, or groups of them as dicts |
strength | float | The coefficient of the penalty.
reduction | {"mean", "sum", "none"} |
output_size | int or tuple of int |
kernel_size | int or tuple of int |
stride | int or tuple of int, optional |
padding | int, tuple of int, or str | The padding on each side of each axis.
output_padding | int or tuple of int | Additional size on one side of the output.
dilation | int or tuple of int | The spacing between elements of the kernel.
groups | int | The number of groups of channels that do not mix.
count_include_pad | bool | Whether the padding counts in the mean.
ceil_mode | bool | Round the output's size up: windows may pass the end.
divisor_override | int, optional | The divisor, in place of the window's size.
num_features | int | The number of channels.
num_groups | int | The number of groups of channels, normalised each by itself.
in_channels out_channels input_size hidden_size | int |
affine | bool | Whether to learn a scale and a shift for each channel.
track_running_stats | bool | Whether to keep running statistics for evaluation.
weight bias_ih bias_hh | array_like, optional |
bias | array_like, optional |
p | float | The probability that an element (a channel) is dropped.
variance | array_like | The population variance, as of `numpy.var`.
rng | numpy.random.Generator, optional | The random generator; by default that of `nn.seed`.
eps | float | A small number that keeps the denominator from 0.
momentum | float | The factor of the previous steps.
approximate | {"none", "tanh"} |
lambd threshold | float |
min_val max_val | float | The bounds.
options | keywords | Those of the function.
layers | modules or functions | Applied in this order.
upscale_factor downscale_factor | int |
value | float | The value below the threshold.
lr | float | The learning rate.
lr_decay | float | The rate is divided by 1 + lr_decay · step.
weight_decay | float | The L2 penalty: weight_decay · θ is added to the gradient.
betas | (float, float) | The decay rates of the means of g and g².
amsgrad | bool | Divide by the largest second moment so far.
maximize | bool | Ascend rather than descend.
centered | bool | Subtract the mean gradient from the second moment.
dampening | float | v ← μ v + (1 − dampening) g.
nesterov | bool | Nesterov's momentum.
initial_accumulator_value | float |
factor | float |
steps | int | The total number of steps.
final | float | The last rate, as a fraction of the first.
every | int | The number of epochs between changes.
number epochs epoch iteration step | int |
loss delta lowest | float |
batch_first | bool | (batch, time, features) rather than (time, batch, features).
bidirectional | bool | Whether each layer runs in both directions.
dropout | float | The probability that an output of a layer but the last is dropped in training.
num_layers | int | The number of stacked layers.
AdamW.weight_decay Lion.weight_decay | float | Each step subtracts lr · weight_decay · θ, too.
BatchNorm2d.momentum BatchNorm3d.momentum | float | The weight of the new statistics.
Conv2d.bias Conv3d.bias ConvTranspose2d.bias ConvTranspose3d.bias | bool | Whether to learn a bias.
GRU.bias GRUCell.bias LSTM.bias LSTMCell.bias | bool | Whether to learn biases.
BatchNorm2d.dtype BatchNorm3d.dtype Conv2d.dtype Conv3d.dtype | dtype | The dtype of the parameters.
ConvTranspose2d.dtype ConvTranspose3d.dtype | dtype | The dtype of the parameters.
InstanceNorm2d.dtype InstanceNorm3d.dtype | dtype | The dtype of the parameters.
GRU.dtype GRUCell.dtype LSTM.dtype LSTMCell.dtype | dtype | The dtype of the parameters.
Lion.betas | (float, float) | The decay rates of the mean in the step, and of the mean that is kept.
RMSprop.alpha | float | The decay rate of the mean of g².
Identity.args Identity.options | any number | Ignored.
normalize.p PairwiseDistance.p pairwise_distance.p | float | The order of the norm.
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
mode convolve.mode correlate.mode | str, or one for each axis | Beyond the edges: "reflect", ...
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
    called: str = "",
) -> list[str]:
    """What the parameters of the function ``called`` so mean, but for those that are refused."""
    lines = []
    for p in signature.parameters.values():
        if p.name in refused:
            continue
        star = "*" * ((p.kind is p.VAR_POSITIONAL) + 2 * (p.kind is p.VAR_KEYWORD))
        optional = "" if p.default is p.empty or star else ", optional"
        kind, meaning = glossary.get(f"{called}.{p.name}") or glossary.get(p.name, ("", ""))
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


def describe(namespace: Variables, glossary: Mapping[str, tuple[str, str]]) -> None:
    """Let the docstrings of what is public, and made there, list their parameters."""
    home = str(namespace["__name__"])
    for name, thing in namespace.items():
        made = inspect.isfunction(thing) or inspect.isclass(thing)
        if name[0] == "_" or not made or not str(thing.__module__).startswith(home):
            continue
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            listed = explained(inspect.signature(thing), (), glossary, thing.__name__)
            thing.__doc__ = completed(thing.__doc__, {"Parameters": listed})
