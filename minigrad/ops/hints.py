"""Names that are not there, and what is written instead: slips of the pen, other libraries' words.

Nothing here runs before somebody asks for such a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

HOMES = ("", ".losses", ".nn", ".nn.functional", ".optim", ".linalg", ".fft")
"""Modules in which a name that is looked for in another one may be."""


def entries(table: str) -> dict[str, str]:
    """Name -> what is written instead."""
    found = {}
    for line in table.strip().splitlines():
        names, _, instead = line.partition(" | ")
        found.update(dict.fromkeys(names.split(), instead))
    return found


FUNCTIONS = entries("""
tensor as_tensor from_numpy constant Variable Value Parameter | mg.Tensor(data, requires_grad=True) is a class
zeros empty | constants are NumPy's, np.zeros(shape); to be filled, mg.buffer(shape)
ones eye arange | constants are NumPy's, np.ones(shape), np.arange(n)
rand randn randint random normal | take a generator of NumPy's, rng.normal(size=shape)
manual_seed set_seed PRNGKey | rng = np.random.default_rng(0); layers take mg.nn.seed(0)
backward | call .backward() of the loss
autograd GradientTape | mg.gradients(L, w), or mg.grad(f) of a function
jit function | mg.compile(f)
make_jaxpr | mg.trace(f, x)
jacfwd jacrev | mg.jacobian(f, mode="forward"), or "reverse"
elementwise_grad | mg.grad(lambda x: f(x).sum())
inference_mode set_grad_enabled enable_grad | with mg.no_grad(): ...
stop_gradient detach | t.detach()
requires_grad | mg.Tensor(data, requires_grad=True)
unsqueeze | mg.expand_dims(t, axis)
view | mg.reshape(t, shape)
clamp | mg.clip(t, low, high)
state_dict load_state_dict | net.state_dict() and net.load_state_dict(...); of files, mg.save and mg.load
lr_scheduler StepLR ExponentialLR CosineAnnealingLR | a schedule in the place of the rate, lr=mg.optim.cosine(...)
scipy special stats | import minigrad.scipy, a mirror of SciPy: from minigrad.scipy import special
pmap DataParallel | mg.parallel.value_and_grad(loss, client)
pi e inf nan newaxis | constants are NumPy's, np.pi
cat concat | mg.concatenate([a, b], axis=0)
permute | mg.transpose(t, axes)
mm bmm | a @ b
cuda device to | a Tensor lives where its data live
numpy | import numpy as np; its functions take Tensors
float32 float64 int32 int64 bool_ | dtypes are NumPy's: np.float32
ModuleList ModuleDict ParameterList ParameterDict | lists and dicts in attributes are looked into: self.layers = [...]
DataLoader Dataset | mg.optim.Batches(X, y, size=32)
BatchNorm | mg.nn.BatchNorm1d, 2d or 3d
Dense FullyConnected | mg.nn.Linear(inputs, outputs)
bce BCE | mg.losses.binary_cross_entropy, or of logits binary_cross_entropy_with_logits
laplacian | np.trace(mg.hessian(f)(x))
divergence | np.trace(mg.jacobian(f)(x))
Model | mg.nn.Module, with a method forward
""")  # noqa: E501
"""Of modules: what users of other libraries look for."""

METHODS = entries("""
permute | t.transpose(1, 0)
unsqueeze | mg.expand_dims(t, axis)
expand | mg.broadcast_to(t, shape)
t | t.T
dim rank | t.ndim
cuda cpu to | nothing, a Tensor lives where its data live
float double half long int bool type cast | t.astype(dtype)
requires_grad_ | t.requires_grad = True
zero_ | t.grad = None, or the optimiser's zero_grad()
add_ sub_ mul_ div_ copy_ fill_ clamp_ assign | t.data = new, for a leaf; Tensors are read-only
mm bmm | t @ other
mul div sub | t * other, t / other, t - other
cat | mg.concatenate([t, other])
clone | t.copy()
contiguous | nothing, it is not needed
norm | mg.linalg.norm(t)
gather | mg.take_along_axis(t, indices, axis)
masked_fill | mg.where(mask, value, t)
clamp | t.clip(low, high)
grad_fn | mg.draw(t)
retain_grad | loss.backward(keep=True)
register_hook | mg.gradients(L, t), the gradient itself
is_leaf | t.requires_grad
zero_grad | t.grad = None
at_set | t.at[index].set(value)
""")
"""Of Tensors."""


def normalised(name: str) -> str:
    """What two ways to write a name have in common: MSELoss, mse_loss, mse."""
    return name.lower().replace("_", "").removesuffix("loss")


def nearest(name: str, offered: Iterable[str]) -> str | None:
    """The name that was meant, if one is near."""
    from difflib import get_close_matches  # nobody waits for it who makes no mistake

    written = {normalised(n): n for n in offered if n[0] != "_"}
    near = get_close_matches(normalised(name), written, 1, 0.75)
    return written[near[0]] if near else None


def hint(name: str, module: str) -> str:
    """What to say behind "no attribute": nothing, where nothing is near."""
    if not name or name[0] == "_" or len(name) > 30:  # a tool that asks what this is
        return ""
    if name in FUNCTIONS:
        return f": {FUNCTIONS[name]}"
    inside = nearest(name, dir(import_module(module)))
    exact = inside is not None and normalised(inside) == normalised(name)
    if not exact:
        for home in HOMES:
            for other in dir(import_module(f"minigrad{home}")):
                if other[0] != "_" and normalised(other) == normalised(name):
                    return f": it is mg{home}.{other}"
    return f": did you mean {module.replace('minigrad', 'mg')}.{inside}?" if inside else ""


def refusing(module: str) -> Callable[[str], Any]:
    """A module's ``__getattr__``."""

    def missing(name: str) -> Any:
        raise AttributeError(f"module {module!r} has no attribute {name!r}{hint(name, module)}")

    return missing
