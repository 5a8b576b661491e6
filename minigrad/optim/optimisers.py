"""An optimiser looks after parameters, and moves them by its update formula.

What all of them share is written once, here; a formula, in `minigrad.optim.formulas`, is
one function.  `minimize` runs the same formulas on plain numbers.

Parameters are replaced, never written into: graphs recorded with the old values stay
right.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from minigrad.data import locked
from minigrad.errors import label, variable_name
from minigrad.graph import Leaf
from minigrad.optim.schedules import rate_at
from minigrad.tensor import Tensor
from minigrad.tree import description, flatten
from minigrad.typing import Array, Function, Keywords, Tree

State = dict[str, Any]

NESTS = (dict, list, tuple, Tensor, np.ndarray)
"""What is not to be iterated for parameters, as a generator is."""


# --- parameters ------------------------------------------------------------------------


def parameters_of(parameters: Tree, who: str, once: bool = False) -> list[Tensor]:
    """The Tensors in ``parameters``, each once.

    Raises
    ------
    TypeError, ValueError
        When there are none, when one of them cannot have a gradient, and, if they must
        be there ``once``, when one is there twice.
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
        if p.dtype.kind == "c":
            raise TypeError(
                f"{who}: {label(p)} is complex, and steps are taken by real numbers: keep "
                "the real and the imaginary part as two parameters"
            )
        if type(p.node) is not Leaf:
            maker = getattr(getattr(p.node, "op", None), "name", "another computation")
            why = "requires no gradient" if p.node is None else f"is the result of {maker}"
            raise ValueError(
                f"{who}: {label(p)} {why}: parameters are made with "
                "mg.Tensor(..., requires_grad=True)"
            )
    each = list({id(p): p for p in found}.values())
    if once and len(each) < len(found):
        twice = next(p for p in each if sum(p is q for q in found) > 1)
        raise ValueError(
            f"{who}: {label(twice)} is among the parameters twice: a step would move it twice; "
            "name it once (module.parameters() does)"
        )
    return each


def finite(x: Array) -> bool:
    """Whether ``x`` holds no NaN and no infinity."""
    if isinstance(x, float):
        return math.isfinite(x)
    with np.errstate(all="ignore"):  # a sum is quicker to look at, but may overflow
        return math.isfinite(np.sum(x)) or bool(np.all(np.isfinite(x)))


# --- options ---------------------------------------------------------------------------


def _checked(who: str, name: str, value: object, default: object) -> Any:
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
        if isinstance(value, str | bytes):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{who}: {name} must be a number, not {label(value)}") from None
    if not 0 <= number < below:
        wanted = "finite and not negative" if below == math.inf else f"in [0, {below:g})"
        raise ValueError(f"{who}: {name}={number:g} must be {wanted}")
    return number


# --- groups ----------------------------------------------------------------------------


def groups_of(parameters: Tree, who: str) -> list[tuple[list[Tensor], dict[str, Any]]]:
    """The Tensors of each group, and the options that are its own.

    Raises
    ------
    TypeError, ValueError
        For groups without ``"params"``, and a parameter that occurs twice.
    """
    if isinstance(parameters, Iterable) and not isinstance(parameters, NESTS):
        parameters = list(parameters)
    groups: list[tuple[Any, dict[str, Any]]] = [(parameters, {})]
    if isinstance(parameters, list | tuple) and any(_is_group(g) for g in parameters):
        for i, g in enumerate(parameters):
            if not _is_group(g):
                raise TypeError(
                    f'{who}: group {i} has no "params"; where there are groups, each is a dict, '
                    '{"params": parameters, "lr": ...}'
                )
        groups = [(g["params"], {k: v for k, v in g.items() if k != "params"}) for g in parameters]
    found = [(parameters_of(tree, who, once=True), own) for tree, own in groups]
    seen: set[int] = set()
    for p in (p for tensors, _ in found for p in tensors):
        if id(p) in seen:
            raise ValueError(f"{who}: {label(p)} is in two groups: a step would move it twice")
        seen.add(id(p))
    return found


def _is_group(x: Array) -> bool:
    return isinstance(x, dict) and "params" in x


# --- the optimiser ---------------------------------------------------------------------


class Optimiser:
    """Looks after parameters: one step of its formula for each, all at once.

    Parameters
    ----------
    parameters : Tensors
        Made with ``requires_grad=True``: a list, a generator (``module.parameters()``),
        or nested dicts, lists and tuples.  Or groups, a list of dicts: ``"params"`` and
        options of their own, ``[{"params": weights}, {"params": biases, "weight_decay": 0}]``.
    lr : float or callable
        The learning rate, or a schedule: a function of the step, counted from 0.
    **options
        The other arguments of the formula, ``update``, and ``maximize``: whether to climb
        instead of to descend.

    Attributes
    ----------
    parameters : list of Tensor
    options : dict
        ``lr`` and the others; may be changed between steps.
    groups : list of dict
        ``"params"``, and the options that differ from these; may be changed, too.
    steps : int
        Steps made so far.

    Raises
    ------
    TypeError, ValueError
        Without parameters, for things that are none or there twice, for negative rates and
        unknown options.

    Examples
    --------
    >>> import minigrad as mg
    >>> class Halfway(mg.optim.Optimiser):
    ...     @staticmethod
    ...     def update(x, g, state, lr=1.0):  # what is subtracted from x
    ...         return lr * x / 2
    >>> theta = mg.Tensor(8.0, requires_grad=True)
    >>> theta.backward()
    >>> Halfway([theta]).step()
    >>> theta.item()
    4.0
    """

    update: ClassVar[Function]
    defaults: ClassVar[dict[str, Any]]
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls) -> None:
        cls.defaults = {
            name: p.default
            for name, p in list(inspect.signature(cls.update).parameters.items())[3:]
        } | {"maximize": False}
        options = [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value)
            for name, value in cls.defaults.items()
        ]
        parameters = inspect.Parameter("parameters", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        cls.__signature__ = inspect.Signature([parameters, *options])

    def __init__(self, parameters: Tree, *args: Any, **options: Any) -> None:
        groups = groups_of(parameters, type(self).__name__)
        self.parameters: list[Tensor] = [p for tensors, _ in groups for p in tensors]
        self.options: dict[str, Any] = self.checked(*args, **options)
        self.groups: list[dict[str, Any]] = []
        for tensors, own in groups:
            checked = self.checked(**{**self.options, **own})
            self.groups.append({"params": tensors, **{k: checked[k] for k in own}})
        self.steps: int = 0
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
    def lr(self, value: object) -> None:
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
        options = self._options_of_each()
        steps = [self.delta(p.data, g, s, **options[id(p)]) for p, g, s in now]
        for (p, _, _), delta in zip(now, steps):
            p._value = locked(p._value - delta)
        self.steps += 1

    @classmethod
    def delta(
        cls, x: Array, g: Array, state: State, *, maximize: bool = False, **options: Any
    ) -> Array:
        """What is subtracted from x: the formula, of ``−g`` to climb."""
        return cls.update(x, -g if maximize else g, state, **options)

    def _options_of_each(self) -> dict[int, dict[str, Any]]:
        """Parameter, by identity -> its options, the rate being that of this step."""
        found = {}
        for group in self.groups:
            options = {**self.options, **{k: v for k, v in group.items() if k != "params"}}
            options["lr"] = rate_at(options["lr"], self.steps)
            found.update({id(p): options for p in group["params"]})
        return found

    def state_dict(self) -> dict[str, Any]:
        """All that a restart needs, as nested dicts and lists of arrays and numbers.

        A schedule is not part of it: a restart makes the optimiser with the same one.
        """
        saved = {
            "steps": self.steps,
            "options": _storable(self.options),
            "state": _copied(self.state),
        }
        groups = [_storable({k: v for k, v in g.items() if k != "params"}) for g in self.groups]
        return {**saved, "groups": groups} if any(groups) else saved

    def load_state_dict(self, saved: Keywords) -> None:
        """Continue where ``saved``, a `state_dict`, left off: bit for bit.

        Raises
        ------
        ValueError
            When it belongs to another optimiser, or to parameters of other number,
            shapes or dtypes.
        """
        who = type(self).__name__
        if not isinstance(saved, dict) or saved.keys() - {"groups"} != {
            "steps",
            "options",
            "state",
        }:
            raise ValueError(
                f"{who}: a saved state has steps, options and state; this is {description(saved)}"
            )
        options, state = saved["options"], saved["state"]
        groups = saved.get("groups", [{} for _ in self.groups])
        if options.keys() - self.options.keys():
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
        if len(groups) != len(self.groups):
            raise ValueError(
                f"{who} has {len(self.groups)} groups of parameters, the saved state {len(groups)}"
            )
        kept = [self.options, *self.groups]
        merged = []
        for old, new in zip(kept, [options, *groups]):
            lr = old.get("lr")
            merged.append({**old, **new} | ({"lr": lr} if callable(lr) else {}))
        self.options = self.checked(**merged[0])
        for group, new in zip(self.groups, merged[1:]):
            own = {k: v for k, v in new.items() if k != "params"}
            checked = self.checked(**{**self.options, **own})
            group.update({k: checked[k] for k in own})
        self.state = _copied(state)
        self.steps = int(saved["steps"])

    def __repr__(self) -> str:
        count = sum(p.size for p in self.parameters)
        told = {k: v for k, v in self.options.items() if (k, v) != ("maximize", False)}
        options = [f"{k}={getattr(v, '__name__', v)}" for k, v in told.items()]
        return f"{type(self).__name__}(<{count:,} numbers>, {', '.join(options)})"


def _storable(options: Keywords) -> dict[str, Any]:
    """Options that a file can hold: lists for tuples, no schedule."""
    found = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
    return {k: v for k, v in found.items() if not (k == "lr" and callable(v))}


def _copied(states: list[State]) -> list[State]:
    """Arrays copied; counters as Python's integers, which leave a float32 a float32."""
    copies = [{key: np.array(v)[()] for key, v in s.items()} for s in states]
    return [{key: int(v) if v.dtype.kind == "i" else v for key, v in s.items()} for s in copies]
