"""An op is one record: a name, a forward function and one rule per argument.

Records are written in plain NumPy and know nothing of ``Tensor``.  Given ndarrays a
rule runs at NumPy's own speed; given Tensors the same rule records itself, which is how
gradients of gradients come about.  The record is also the public function: to call it is
to pass through the one door (``tensor.apply``), which hangs itself in here.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypedDict, TypeVar, Unpack

import numpy as np

from minigrad.ops.glossary import completed, explained, raised
from minigrad.ops.signature import ArrayLike as ArrayLike
from minigrad.ops.signature import Calling, parameters, positional, shown
from minigrad.ops.signature import refuse_keyword as refuse_keyword
from minigrad.ops.signature import refuse_keywords as refuse_keywords
from minigrad.typing import Array, Function, Keywords

Rule = Function
F = TypeVar("F", bound=Function)

registry: dict[str, Op] = {}
"""Every op by name."""

implementations: dict[Hashable, Function] = {}
"""NumPy's function (or ``(ufunc, method)``) -> the function that stands for it."""

public: dict[str, Function] = {}
"""What the library offers by name: ops, and functions composed of them."""

REAL_ONLY = "it takes real numbers, not complex ones; choose with .real, .imag or np.abs"


class Kink(NamedTuple):
    """Where the derivative of an op jumps, and between which values.

    Attributes
    ----------
    at : callable
        ``at(*arrays, **metadata)``: a mask, true where the arrays lie exactly on the kink.
    slopes : callable
        ``slopes(*arrays, **metadata)``: for each array the derivatives on the two sides, or
        None where that one does not jump.
    """

    at: Function
    slopes: Callable[..., tuple[tuple[Any, Any] | None, ...]]


class Facts(TypedDict, total=False):
    """What readings may want to know about an op, by the names of `Op`'s attributes."""

    elementwise: bool
    symbol: str | None
    letter: str | None
    ufunc: np.ufunc | None
    reduction: np.ufunc | None
    fresh: bool
    view: bool
    by_shape: bool
    dynamic: bool
    cost: float
    kink: Kink | None
    warns: frozenset[str]
    linear: str | None
    jvp: Rule | None
    unruled: str
    joint: bool
    complex: bool
    leading: bool
    half_square: tuple[Rule, ...]
    regular: tuple[Callable[..., bool], Rule] | None


class Shown:
    """What `inspect.signature` says of an op; nothing of the class, which has its own."""

    def __get__(self, op: Op | None, owner: type) -> inspect.Signature:
        if op is None:
            raise AttributeError("__signature__")
        return shown(op.parameters, op.places, op.forward)


class Documented:
    """The docstring of an op, written when somebody reads it; the class has its own."""

    def __init__(self, own: str) -> None:
        self.own = own

    def __get__(self, op: Op | None, owner: type) -> str:
        if op is None:
            return self.own
        doc = vars(op)["__doc__"] = describe(op)
        return doc


class Op:
    """One differentiable (or plainly non-differentiable) function.

    Beside its name, its forward function and its rules a record has *facts*: what readings
    need to know about the op.  A fact stands here once, and a reading asks the record for it
    and never the op's name, which a user's op may have as well.

    Attributes
    ----------
    name : str
        NumPy's name of the function.
    doc : str or None
        Its docstring; without one it is written from the rules.
    forward : callable
        ``forward(*arrays, **metadata)`` in plain NumPy, an array or a tuple of arrays.
    vjps : tuple of (callable or None), callable, or None
        One rule per positional array: ``rule(g, ans, *arrays, **metadata)`` is the
        gradient of that array, given the gradient ``g`` of the output ``ans``.
        A ``None`` entry: there is no derivative.  One callable for ops of any number of
        arrays, told which by the keyword ``argnum``.  ``None`` as a whole: the output
        is a plain array that no gradient flows through.
    arity : int
        Number of arrays, -1 for any number.
    twin : int
        The same, 0 unless there is a rule for every array: what the fast paths ask.
    elementwise : bool
        The engine sums broadcasting away, so that rules can ignore it.
    symbol : str or None
        How a person writes it between its operands.
    letter : str or None
        The Greek letter that formulas call it by.
    ufunc : numpy.ufunc or None
        NumPy's ufunc that computes the same, element by element.
    reduction : numpy.ufunc or None
        The ufunc whose ``reduce`` computes the same.
    fresh : bool
        The answer never shares memory with an argument, whatever that is.  False: it may.
    view : bool
        The answer has the argument's own elements, and is a view of it where NumPy can make
        one (of ``getitem``: where the index is basic).
    by_shape : bool
        The answer depends on shapes and dtypes alone, on no value.
    dynamic : bool
        The shape of the answer depends on values.
    cost : float
        Nanoseconds per element of float64, roughly.
    kink : Kink or None
        Where the derivative jumps while the function is continuous.
    warns : frozenset of str
        Floating-point errors (``numpy.errstate``'s keywords) that may arise on the way to the
        right answer, which ``forward`` silences, and whoever computes it otherwise should too.
    linear : {"jointly", "each"} or None
        What it is linear in: all its arrays taken together (a sum, a concatenation, a view),
        or each array while the others stay (a product).  A tangent then goes through the
        forward function.
    jvp : callable or None
        ``jvp(tangents, ans, *arrays, **metadata)``: the tangent of the output, where
        transposing the rules would be wasteful.  Tangents are None where they are zero;
        they may have one axis more in front, so that axes are counted from the end.
    unruled : str
        What is said of an argument without rule: that there is no derivative, or no known one.
    joint : bool
        ``vjps`` is one rule that returns the gradients of all arrays, in a tuple.
    complex : bool
        Values and rules are right for complex numbers as well; they are refused otherwise.
    half_square : tuple of callable
        Of what is like a length, 0 at a point where it has no derivative: the rules of half
        its square, which has one.  A second derivative needs them there.
    regular : (callable, callable) or None
        The rule of its only array as textbooks print it, where the rule itself takes a detour to
        be right everywhere; and before it, whether it holds: ``holds(*arrays, **metadata)``.
    leading : bool
        It works on the last axes of its arrays; axes in front are examples, each by itself.
    """

    __slots__ = (
        *("__dict__", "arity", "complex", "elementwise", "forward", "joint", "jvp", "linear"),
        *("name", "twin", "vjps"),
    )  # what every operation asks for; slots are found faster
    elementwise: bool
    linear: str | None
    jvp: Rule | None
    joint: bool
    complex: bool
    symbol: str | None = None
    letter: str | None = None
    ufunc: np.ufunc | None = None
    reduction: np.ufunc | None = None
    fresh: bool = False
    view: bool = False
    by_shape: bool = False
    dynamic: bool = False
    leading: bool = False
    half_square: tuple[Rule, ...] = ()
    regular: tuple[Callable[..., bool], Rule] | None = None
    cost: float = 0.5
    kink: Kink | None = None
    warns: frozenset[str] = frozenset()
    unruled: str = "no derivative exists"
    __signature__: Shown = Shown()
    __doc__ = Documented(__doc__)

    def __init__(
        self,
        name: str,
        forward: Function,
        vjps: tuple[Rule | None, ...] | Rule | None,
        *,
        arity: int | None = None,
        doc: str | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        self.name = name
        self.forward = forward
        self.vjps = vjps
        self.elementwise = self.joint = self.complex = False
        self.linear = self.jvp = None
        for fact, value in facts.items():
            setattr(self, fact, value)
        if arity is None:
            arity = len(vjps) if isinstance(vjps, tuple) else -1
        self.arity = arity
        self.twin: int = arity if isinstance(vjps, tuple) and None not in vjps else 0
        self.doc = doc

    @functools.cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters, arrays first."""
        return parameters(self.forward)

    @functools.cached_property
    def metadata(self) -> frozenset[str]:
        """Names of the parameters that are no arrays."""
        return frozenset(self.parameters[self.arity :] if self.arity > 0 else self.parameters)

    @functools.cached_property
    def places(self) -> tuple[str, ...]:
        """Names of what may be given by position."""
        most = positional(inspect.unwrap(self.forward))[1]
        return self.parameters[: int(min(most, len(self.parameters)))]

    @classmethod
    def checked(cls, name: str, forward: Function, vjps: object) -> Op:
        """An op from outside, its rules counted.

        Raises
        ------
        TypeError, ValueError
            Naming the op and what is wrong with its rules.
        """
        if not isinstance(name, str):
            raise TypeError(f"defop: the name must be a string, not {name!r}")
        if not callable(forward):
            raise TypeError(f"defop {name!r}: forward must be a function, not {forward!r}")
        least, most = positional(forward)
        forward = unaliased(forward)
        if callable(vjps):
            return cls(name, forward, unaliased(vjps))
        if not isinstance(vjps, list | tuple):
            raise TypeError(
                f"defop {name!r}: the rules are missing; vjps has one per positional argument, "
                "or None for an argument without derivative"
            )
        vjps = tuple(vjps)
        for i, rule in enumerate(vjps):
            if rule is not None and not callable(rule):
                raise TypeError(
                    f"defop {name!r}: the rule of argument {i} is not a function: {rule!r}"
                )
        op = cls(name, forward, tuple(rule if rule is None else unaliased(rule) for rule in vjps))
        if not least <= len(vjps) <= most:
            raise ValueError(
                f"defop {name!r}: forward takes {least if least == most else f'{least} to {most}'} "
                f"positional arguments, but there are {len(vjps)} rules: give one for each, "
                "None where there is no derivative, and make metadata keyword-only"
            )
        return op

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("import minigrad, not its parts: the door is not hung yet")

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Function, tuple[str, ...]]:
        if registry.get(self.name) is self:
            return by_name, (self.name,)
        for module, x in list(sys.modules.items()):
            if module.startswith("minigrad."):
                for name, value in vars(x).items():
                    if value is self:
                        return in_module, (module, name)
        raise TypeError(
            f"op {self.name} is not one of the library's, and cannot be pickled: its functions "
            "would have to be"
        )

    @property
    def __name__(self) -> str:
        return self.name

    def rule(self, argnum: int) -> Rule | None:
        """The rule of argument ``argnum``; None where there is no derivative."""
        vjps = self.vjps
        if vjps is None:
            return None
        if isinstance(vjps, tuple):
            return vjps[argnum]
        if self.joint:
            return lambda g, ans, *args, **kwargs: vjps(g, ans, *args, **kwargs)[argnum]
        return lambda g, ans, *args, **kwargs: vjps(g, ans, *args, argnum=argnum, **kwargs)

    def bind(self, args: tuple[Array, ...], kwargs: Keywords) -> tuple[tuple[Array, ...], Keywords]:
        """Arrays positional, metadata keyword, as rules expect them.

        Raises
        ------
        TypeError
            For an argument that is missing, given twice, or not supported.
        """
        if self.arity < 0:
            if kwargs.keys() <= self.metadata:
                return args, kwargs
            for key in kwargs.keys() - self.metadata:
                refuse_keyword(self.name, key, kwargs[key], self.parameters)
            return args, {key: kwargs[key] for key in kwargs if key in self.metadata}
        names, places = self.parameters, self.places
        if len(args) > len(places):
            by_name = ", ".join(f"{name}=" for name in names if name not in places)
            raise TypeError(
                f"{self.name} takes {', '.join(places)}: "
                f"{len(places)} arguments at most, got {len(args)}"
                + (f"; write {by_name} by name" if by_name else "")
            )
        bound = dict(zip(places, args, strict=False))
        for key in kwargs:
            if key in bound:
                raise TypeError(f"{self.name}: {key}= is given twice")
        bound |= kwargs
        for key in bound.keys() - names:
            refuse_keyword(self.name, key, bound.pop(key), names)
        arrays = []
        for name in names[: self.arity]:
            if name not in bound:
                raise TypeError(
                    f"{self.name} needs its argument {name}: {self.name}({', '.join(names)})"
                )
            arrays.append(bound.pop(name))
        return tuple(arrays), bound


def by_name(name: str) -> Op:
    """The op of the library called ``name``."""
    return registry[name]


def in_module(module: str, name: str) -> Op:
    """The op of the library that ``module`` calls ``name``."""
    op: Op = getattr(importlib.import_module(module), name)
    return op


def name_after(wrapper: Function, f: Function) -> None:
    """Give ``wrapper`` the name, signature and docstring of ``f``, but not have one written."""
    assigned = {*functools.WRAPPER_ASSIGNMENTS} - ({"__doc__"} if isinstance(f, Op) else set())
    functools.update_wrapper(wrapper, f, assigned=assigned, updated=())


def unaliased(function: Function) -> Function:
    """``function``, never returning one of its own arguments: it would be locked, or shared."""

    @functools.wraps(function)
    def call(*args: Array, **kwargs: Any) -> Array:
        ans = function(*args, **kwargs)
        if isinstance(ans, np.ndarray) and any(ans is a for a in args):
            return ans.copy()
        return ans

    return call


def register(op: Op, *functions: Hashable) -> Op:
    """Enter ``op`` in the registry, standing for NumPy's ``functions``."""
    registry[op.name] = public[op.name] = op
    for function in functions:
        implementations[function] = op
    return op


def elementwise(
    function: Any,
    *vjps: Rule | None,
    name: str | None = None,
    forward: Function | None = None,
    doc: str | None = None,
    **facts: Unpack[Facts],
) -> Op:
    """Record of an elementwise function: one row of a table of derivatives.

    ``function`` is NumPy's; ``forward`` replaces it where something faster computes the
    same (the Python operators are ten times faster than ufuncs on scalars).
    """
    name = name or function.__name__
    ufunc = function if isinstance(function, np.ufunc) else None
    facts = {"elementwise": True, "fresh": True, "ufunc": ufunc, **facts}
    op = Op(name, forward or function, vjps, doc=doc, **facts)
    if forward is not None and ufunc is not None:
        op.parameters = parameters(ufunc)
    return register(op, *([function] if function is not None else []))


def primitive(
    *functions: Any,
    vjps: tuple[Rule | None, ...] | Rule,
    name: str | None = None,
    **facts: Unpack[Facts],
) -> Callable[[Function], Op]:
    """Decorator: the forward function below is an op that stands for ``functions``."""

    def record(forward: Function) -> Op:
        label = name or (functions[0].__name__ if functions else forward.__name__)
        op = Op(label, forward, vjps, doc=forward.__doc__, **facts)
        if op.arity > 0:
            op.places = tuple(Calling(label, forward, *functions).order)
        return register(op, *functions)

    return record


def plain(function: Function, arity: int = -1, **facts: Unpack[Facts]) -> Op:
    """Let NumPy's ``function`` answer with plain arrays: no gradient flows through."""
    ufunc = function if isinstance(function, np.ufunc) else None
    facts = {"fresh": True, "ufunc": ufunc, **facts}
    return register(Op(function.__name__, function, None, arity=arity, **facts), function)


tell: Callable[[str, Any, Any, Exception], Exception] = lambda name, args, kwargs, error: error
"""An error as the user shall see it, who called ``name``; `minigrad.errors` sets this."""

describe: Callable[[Op], str] = repr
"""What help says of an op without docstring; `minigrad.reference` sets this."""


def is_complex(x: Array) -> bool:
    """Whether ``x``, or what a list holds, is of complex dtype."""
    if isinstance(x, list | tuple):
        return any(map(is_complex, x))
    return getattr(getattr(x, "dtype", None), "kind", "") == "c" or type(x) is complex


def composed(
    *functions: Hashable, name: str | None = None, shell: bool = False, complex: bool = False
) -> Callable[[F], F]:
    """Decorator: the function below, written with other ops, stands for ``functions``.

    It is called as NumPy's function is: what that has besides may be given in its place, and
    is refused if it asks for more than the default; nested lists are arrays, where a parameter
    is an ``ArrayLike``.  What goes wrong inside is told as an error of this function, with the
    arguments that the user gave; unless it is but a ``shell`` of one op of the same name, which
    does so.  Complex numbers are refused unless it is right for them, as those of an op are.
    """

    def record(function: F) -> F:
        label = name or function.__name__
        calling = Calling(label, function, *functions)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                given, keywords = calling(args, dict(kwargs), public["array"])
                if not complex and any(map(is_complex, (*given, *keywords.values()))):
                    raise tell(label, args, kwargs, TypeError(REAL_ONLY))
                return function(*given, **keywords)
            except Exception as error:
                told = error if shell else tell(label, args, kwargs, error)
                if told is error:
                    raise
                raise told from error.__cause__ or error

        call.__signature__ = calling.signature  # type: ignore[attr-defined]
        shown = call if functions or not shell else function
        shown.__doc__ = completed(
            function.__doc__,
            {
                "Parameters": explained(
                    calling.signature, calling.refused, called=function.__name__
                ),
                "Raises": raised(calling.signature, real=not complex),
            },
        )
        public[label] = shown
        for numpy_function in functions:
            implementations[numpy_function] = shown
        return shown  # type: ignore[return-value]

    return record
