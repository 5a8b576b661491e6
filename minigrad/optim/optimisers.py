"""An optimiser is its update formula.

Every class here is one function, ``update(x, g, state, lr, ...)``: the step Δ that is
subtracted from a parameter x whose gradient is g, θ ← θ − Δ, as in the paper that it is
from.  ``state`` is a dict of the parameter's own, empty at first, in which the formula
keeps what it remembers.  The rest, looking after a list of parameters, is written once,
in `Optimiser`; `minimize` runs the same formulas on plain numbers.

Parameters are replaced, never written into: graphs recorded with the old values stay
right.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from minigrad.data import settle
from minigrad.errors import label, variable_name
from minigrad.graph import Leaf
from minigrad.optim.schedules import rate_at
from minigrad.tensor import Tensor
from minigrad.tree import flatten, shown

State = dict[str, Any]

NESTS = (dict, list, tuple, Tensor, np.ndarray)
"""What is not to be iterated for parameters, as a generator is."""


# --- parameters ------------------------------------------------------------------------


def parameters_of(parameters: Any, who: str) -> list[Tensor]:
    """The Tensors in ``parameters``, each once.

    Raises
    ------
    TypeError, ValueError
        When there are none, or when one of them cannot have a gradient.
    """
    if isinstance(parameters, Iterable) and not isinstance(parameters, NESTS):
        parameters = list(parameters)
    found = flatten(parameters)[0]
    if not found:
        raise ValueError(
            f"{who}: there are no parameters; pass Tensors made with requires_grad=True, "
            "as module.parameters() gives them"
        )
    for p in found:
        if not isinstance(p, Tensor):
            raise TypeError(
                f"{who}: {label(p)} is of type {type(p).__name__}, and parameters are Tensors: "
                "mg.Tensor(..., requires_grad=True)"
            )
        if type(p.node) is not Leaf:
            maker = getattr(getattr(p.node, "op", None), "name", "another computation")
            why = "requires no gradient" if p.node is None else f"is the result of {maker}"
            raise ValueError(
                f"{who}: {label(p)} {why}: parameters are made with "
                "mg.Tensor(..., requires_grad=True)"
            )
    return list({id(p): p for p in found}.values())


def finite(x: Any) -> bool:
    """Whether ``x`` holds no NaN and no infinity."""
    if isinstance(x, float):
        return math.isfinite(x)
    with np.errstate(all="ignore"):  # a sum is quicker to look at, but may overflow
        return math.isfinite(np.sum(x)) or bool(np.all(np.isfinite(x)))


# --- options ---------------------------------------------------------------------------


def _checked(who: str, name: str, value: Any, default: Any) -> Any:
    """The option ``name`` in the type of its default.

    Raises
    ------
    TypeError, ValueError
        For a negative rate, and whatever else makes no sense.
    """
    if isinstance(default, bool):
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{who}: {name} must be True or False, not {value!r}")
        return bool(value)
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple | np.ndarray) or len(value) != len(default):
            raise TypeError(f"{who}: {name} must be {len(default)} numbers, not {value!r}")
        return tuple(_number(who, name, v, 1.0) for v in value)
    if not isinstance(default, float) or (name == "lr" and callable(value)):
        return value
    return _number(who, name, value, 1.0 if name == "alpha" else math.inf)


def _number(who: str, name: str, value: Any, below: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{who}: {name} must be a number, not {label(value)}") from None
    if not 0 <= number < below:
        wanted = "finite and not negative" if below == math.inf else f"in [0, {below:g})"
        raise ValueError(f"{who}: {name}={number:g} must be {wanted}")
    return number


# --- the optimiser ---------------------------------------------------------------------


class Optimiser:
    """Looks after parameters: one step of its formula for each, all at once.

    Parameters
    ----------
    parameters : Tensors
        Made with ``requires_grad=True``: a list, a generator (``module.parameters()``),
        or nested dicts, lists and tuples; one that occurs twice counts once.
    lr : float or callable
        The learning rate, or a schedule: a function of the step, counted from 0.
    **options
        The other arguments of the formula, ``update``.

    Attributes
    ----------
    parameters : list of Tensor
    options : dict
        ``lr`` and the others; may be changed between steps.
    steps : int
        Steps made so far.

    Raises
    ------
    TypeError, ValueError
        Without parameters, for things that are none, for negative rates and unknown
        options.
    """

    update: ClassVar[Callable[..., Any]]
    defaults: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        cls.defaults = {
            name: p.default
            for name, p in list(inspect.signature(cls.update).parameters.items())[3:]
        }
        options = [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value)
            for name, value in cls.defaults.items()
        ]
        parameters = inspect.Parameter("parameters", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        cls.__signature__ = inspect.Signature([parameters, *options])  # type: ignore[attr-defined]

    def __init__(self, parameters: Any, *args: Any, **options: Any) -> None:
        self.parameters = parameters_of(parameters, type(self).__name__)
        self.options = self.checked(*args, **options)
        self.steps = 0
        self.state: list[State] = [{} for _ in self.parameters]

    @classmethod
    def checked(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """All options, checked, with defaults for those not given."""
        who, names = cls.__name__, list(cls.defaults)
        if len(args) > len(names):
            raise TypeError(f"{who} has {len(names)} options ({', '.join(names)}), not {len(args)}")
        given = dict(zip(names, args))
        for name, value in options.items():
            if name not in names or name in given:
                problem = "is given twice" if name in given else "is no option"
                raise TypeError(f"{who}: {name} {problem}; it has {', '.join(names)}")
            given[name] = value
        result = {
            name: _checked(who, name, given.get(name, default), default)
            for name, default in cls.defaults.items()
        }
        if result.get("nesterov") and not (result["momentum"] > 0 and result["dampening"] == 0):
            raise ValueError(f"{who}: nesterov=True needs momentum > 0 and dampening = 0")
        return result

    @property
    def lr(self) -> float:
        """The learning rate of the next step; assign to change it."""
        return rate_at(self.options["lr"], self.steps)

    @lr.setter
    def lr(self, value: Any) -> None:
        self.options = self.checked(**{**self.options, "lr": value})

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next ``backward()`` starts afresh."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Update every parameter that has a gradient, all from the values before the step.

        Raises
        ------
        RuntimeError
            When no parameter has a gradient.
        FloatingPointError
            When a gradient is not finite; no parameter is changed then.
        """
        who = type(self).__name__
        now = [(p, g, s) for p, s in zip(self.parameters, self.state) if (g := p.grad) is not None]
        if not now:
            raise RuntimeError(
                f"{who}.step: no parameter has a gradient; call loss.backward() first"
            )
        for p, g, _ in now:
            if not finite(g):
                place = next(i for i, q in enumerate(self.parameters) if q is p)
                name = variable_name(p) or f"parameter {place}"
                raise FloatingPointError(
                    f"{who}.step: the gradient of {name} {p.shape} is not finite at step "
                    f"{self.steps + 1}; the parameters are as before it (mg.debug() finds the "
                    "operation that it comes from; a smaller learning rate often helps)"
                )
        options = {**self.options, "lr": self.lr}
        steps = [self.update(p.data, g, state, **options) for p, g, state in now]
        for (p, _, _), delta in zip(now, steps):
            p._value = settle(p._value - delta)
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        """All that a restart needs, as nested dicts and lists of arrays and numbers.

        A schedule is not part of it: a restart makes the optimiser with the same one.
        """
        options = {k: list(v) if isinstance(v, tuple) else v for k, v in self.options.items()}
        if callable(options["lr"]):
            del options["lr"]
        return {"steps": self.steps, "options": options, "state": _copied(self.state)}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue where ``saved``, a `state_dict`, left off: bit for bit.

        Raises
        ------
        ValueError
            When it belongs to another optimiser, or to parameters of other number,
            shapes or dtypes.
        """
        who = type(self).__name__
        if not isinstance(saved, dict) or saved.keys() != {"steps", "options", "state"}:
            raise ValueError(
                f"{who}: a saved state has steps, options and state; this is {shown(saved)}"
            )
        options, state = saved["options"], saved["state"]
        if options.keys() | {"lr"} != self.options.keys():
            raise ValueError(
                f"{who} has the options {', '.join(self.options)}; the saved state is of an "
                f"optimiser with {', '.join(options)}"
            )
        if len(state) != len(self.parameters):
            raise ValueError(
                f"{who} has {len(self.parameters)} parameters, the saved state {len(state)}"
            )
        for i, (p, s) in enumerate(zip(self.parameters, state)):
            for key, v in s.items():
                v = np.asarray(v)
                if v.ndim and (v.shape != p.shape or v.dtype != p.dtype):
                    raise ValueError(
                        f"{who}: parameter {i} ({label(p)}) has shape {p.shape} and dtype "
                        f"{p.dtype}; its saved {key} has {v.shape} and {v.dtype}"
                    )
        lr = self.options["lr"]
        self.options = self.checked(
            **{**options, "lr": lr if callable(lr) else options.get("lr", lr)}
        )
        self.state = _copied(state)
        self.steps = int(saved["steps"])

    def __repr__(self) -> str:
        count = sum(p.size for p in self.parameters)
        options = [f"{k}={getattr(v, '__name__', v)}" for k, v in self.options.items()]
        return f"{type(self).__name__}(<{count:,} numbers>, {', '.join(options)})"


def _copied(states: list[State]) -> list[State]:
    """Arrays copied; counters as Python's integers, which leave a float32 a float32."""
    copies = [{key: np.array(v)[()] for key, v in s.items()} for s in states]
    return [{key: int(v) if v.dtype.kind == "i" else v for key, v in s.items()} for s in copies]


# --- the formulas, simple to complex ---------------------------------------------------


class SGD(Optimiser):
    """Gradient descent, ``Δ = α g``, with momentum if wanted.

    ``v ← μ v + (1 − τ) g`` and ``Δ = α v``: the heavy ball of B. T. Polyak (1964), with
    v = g at the first step.  With ``nesterov``, ``Δ = α (g + μ v)``, in the form of
    I. Sutskever et al., "On the importance of initialization and momentum in deep
    learning" (2013), that PyTorch uses.  ``weight_decay`` λ adds λθ to g.

    Parameters and errors are those of `Optimiser`.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta = mg.Tensor(3.0, requires_grad=True)
    >>> sgd = mg.optim.SGD([theta], lr=0.1)
    >>> for _ in range(2):
    ...     sgd.zero_grad()
    ...     (theta**2).backward()
    ...     sgd.step()
    >>> print(f"{theta.item():.2f}")
    1.92
    """

    @staticmethod
    def update(
        x: Any,
        g: Any,
        state: State,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> Any:
        """The step of one parameter."""
        if weight_decay:
            g = g + weight_decay * x
        if momentum:  # a copy, as the gradient is the caller's to write into
            v = momentum * state["v"] + (1 - dampening) * g if "v" in state else g.copy()
            state["v"] = v
            g = g + momentum * v if nesterov else v
        return lr * g


class Adagrad(Optimiser):
    """``v ← v + g²``, ``Δ = α g / (√v + ε)``.

    ``lr_decay`` η makes ``α / (1 + η (t − 1))`` of α at step t.  J. Duchi, E. Hazan and
    Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization" (2011).

    Parameters and errors are those of `Optimiser`.
    """

    @staticmethod
    def update(
        x: Any,
        g: Any,
        state: State,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> Any:
        """The step of one parameter."""
        if weight_decay:
            g = g + weight_decay * x
        t = state["t"] = state.get("t", 0) + 1
        v = state["v"] = state.get("v", initial_accumulator_value) + g * g
        return lr / (1 + lr_decay * (t - 1)) * g / (np.sqrt(v) + eps)


class RMSprop(Optimiser):
    """``v ← ρ v + (1 − ρ) g²``, ``Δ = α g / (√v + ε)``, with ρ = ``alpha``.

    ``centered`` takes the variance, ``v − ḡ²`` with the running mean ḡ, for v;
    ``momentum`` μ makes ``b ← μ b + g / (√v + ε)``, ``Δ = α b``.  G. Hinton, lecture 6e
    of "Neural Networks for Machine Learning" (2012).

    Parameters and errors are those of `Optimiser`.
    """

    @staticmethod
    def update(
        x: Any,
        g: Any,
        state: State,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> Any:
        """The step of one parameter."""
        if weight_decay:
            g = g + weight_decay * x
        v = state["v"] = alpha * state.get("v", 0.0) + (1 - alpha) * g * g
        if centered:
            mean = state["mean"] = alpha * state.get("mean", 0.0) + (1 - alpha) * g
            v = np.maximum(v - mean * mean, 0)
        g = g / (np.sqrt(v) + eps)
        if momentum:
            g = state["b"] = momentum * state.get("b", 0.0) + g
        return lr * g


class Adam(Optimiser):
    """``m ← β₁ m + (1 − β₁) g``, ``v ← β₂ v + (1 − β₂) g²``, ``Δ = α m̂ / (√v̂ + ε)``.

    ``m̂ = m / (1 − β₁ᵗ)`` and ``v̂ = v / (1 − β₂ᵗ)`` undo the start from zero.  D. P.
    Kingma and J. Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    ``weight_decay`` λ adds λθ to g.

    Parameters and errors are those of `Optimiser`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> w = mg.Tensor(np.zeros(2), requires_grad=True)
    >>> adam = mg.optim.Adam([w], lr=0.1)
    >>> ((w - np.array([1.0, 100.0])) ** 2).sum().backward()
    >>> adam.step()
    >>> w.data.round(6)
    array([0.1, 0.1])
    """

    @staticmethod
    def update(
        x: Any,
        g: Any,
        state: State,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> Any:
        """The step of one parameter."""
        if weight_decay:
            g = g + weight_decay * x
        b1, b2 = betas
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = b1 * state.get("m", 0.0) + (1 - b1) * g
        v = state["v"] = b2 * state.get("v", 0.0) + (1 - b2) * g * g
        return lr / (1 - b1**t) * m / (np.sqrt(v / (1 - b2**t)) + eps)


class AdamW(Optimiser):
    """Adam with weight decay beside the gradient, not in it: ``Δ = Δ_Adam + α λ θ``.

    I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization" (2019),
    algorithm 2.

    Parameters and errors are those of `Optimiser`.
    """

    @staticmethod
    def update(
        x: Any,
        g: Any,
        state: State,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> Any:
        """The step of one parameter."""
        return Adam.update(x, g, state, lr, betas, eps) + lr * weight_decay * x


class Lion(Optimiser):
    """``Δ = α (sign(β₁ m + (1 − β₁) g) + λ θ)``, then ``m ← β₂ m + (1 − β₂) g``.

    X. Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023), algorithm 2.

    Parameters and errors are those of `Optimiser`.
    """

    @staticmethod
    def update(
        x: Any,
        g: Any,
        state: State,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> Any:
        """The step of one parameter."""
        b1, b2 = betas
        m = state.get("m", 0.0)
        state["m"] = b2 * m + (1 - b2) * g
        return lr * (np.sign(b1 * m + (1 - b1) * g) + weight_decay * x)
