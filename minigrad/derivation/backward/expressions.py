"""Statements and expressions made into functions, for the closed interpreter.

Each part of a tree becomes a function of the variables, once; a tree that is changed in one
place shares the others.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np

from minigrad.derivation.backward.natives import attribute, text_of
from minigrad.derivation.backward.numbers import (
    BREAK,
    CONTINUE,
    RETURN,
    RETURNED,
    YIELDED,
    Definition,
    Frame,
    Held,
    Opaque,
    Own,
    compared,
    each,
    item,
    key_of,
    mapping,
    member,
    operated,
    passed,
    plain,
    put,
    truth,
    wide,
)
from minigrad.derivation.backward.tables import OPERATIONS, SIGNS, Unknown

Code = Callable[[Frame], Any]
Listed = ast.ListComp | ast.GeneratorExp | ast.SetComp


class Compiler:
    """What trees do, each part made into a function once."""

    def __init__(self) -> None:
        self._codes: dict[ast.AST, Code] = {}

    def code(self, node: ast.AST | None) -> Code:
        """An expression, as a function of the variables."""
        if node is None:
            return lambda f: None
        found = self._codes.get(node)
        if found is None:
            make = getattr(self, f"_{type(node).__name__.lower()}", unknown)
            found = self._codes[node] = make(node)
        return found

    statement = code

    def _constant(self, node: ast.Constant) -> Code:
        value = node.value
        return lambda f: value

    def _name(self, node: ast.Name) -> Code:
        name = node.id

        def run(f: Frame) -> Any:
            found = f.vars.get(name, f)
            return f.machine.look(f.own, name) if found is f else found

        return run

    def _binop(self, node: ast.BinOp) -> Code:
        left, right, op = self.code(node.left), self.code(node.right), node.op
        plainly = OPERATIONS.get(type(op)) if type(op) not in (ast.Pow, ast.Mod) else None
        matrices = type(op) is ast.MatMult

        def run(f: Frame) -> Any:
            a, b = left(f), right(f)
            if plainly is not None and type(a) is type(b) is np.ndarray:
                a, b = plain(a), plain(b)
                wide(a, b, matrices)
                found = plainly(a, b)
            else:
                found = operated(op, a, b)
            f.machine.spend(found, *((a, b) if matrices else ()))
            return found

        return run

    def _unaryop(self, node: ast.UnaryOp) -> Code:
        value, sign = self.code(node.operand), SIGNS[type(node.op)]
        if isinstance(node.op, ast.Not):
            return lambda f: not truth(value(f))
        return lambda f: sign(plain(value(f)))

    def _boolop(self, node: ast.BoolOp) -> Code:
        sides, both = [self.code(v) for v in node.values], isinstance(node.op, ast.And)

        def run(f: Frame) -> Any:
            found: Any = both
            for side in sides:
                found = side(f)
                if truth(found) is not both:
                    return found
            return found

        return run

    def _compare(self, node: ast.Compare) -> Code:
        parts = [self.code(x) for x in (node.left, *node.comparators)]
        ops = [type(op) for op in node.ops]

        def run(f: Frame) -> Any:
            left = parts[0](f)
            found: Any = True
            for op, part in zip(ops, parts[1:], strict=True):
                right = part(f)
                found = compared(op, left, right)
                if len(ops) > 1 and not truth(found):
                    return found
                left = right
            return found

        return run

    def _ifexp(self, node: ast.IfExp) -> Code:
        test, body, other = map(self.code, (node.test, node.body, node.orelse))
        return lambda f: body(f) if truth(test(f)) else other(f)

    def _tuple(self, node: ast.Tuple) -> Code:
        parts = self._several(node.elts)
        return lambda f: tuple(parts(f))

    def _list(self, node: ast.List) -> Code:
        return self._several(node.elts)

    def _several(self, nodes: list[ast.expr]) -> Callable[[Frame], list[Any]]:
        parts = [(isinstance(n, ast.Starred), self.code(getattr(n, "value", n)
                  if isinstance(n, ast.Starred) else n)) for n in nodes]  # fmt: skip
        if not any(starred for starred, _ in parts):
            codes = [code for _, code in parts]
            return lambda f: [code(f) for code in codes]

        def run(f: Frame) -> list[Any]:
            found: list[object] = []
            for starred, code in parts:
                found += each(code(f)) if starred else [code(f)]
            return found

        return run

    def _dict(self, node: ast.Dict) -> Code:
        keys = [None if k is None else self.code(k) for k in node.keys]
        pairs = list(zip(keys, map(self.code, node.values), strict=True))

        def run(f: Frame) -> Any:
            found: dict[Hashable, object] = {}
            for key, value in pairs:
                if key is None:
                    found.update(mapping(value(f)))
                else:
                    found[key_of(key(f))] = value(f)
            return found

        return run

    def _slice(self, node: ast.Slice) -> Code:
        parts = [self.code(x) for x in (node.lower, node.upper, node.step)]
        return lambda f: slice(*(p(f) for p in parts))

    def _subscript(self, node: ast.Subscript) -> Code:
        held, index = self.code(node.value), self.code(node.slice)

        def run(f: Frame) -> Any:
            found = item(held(f), index(f))
            f.machine.spend()
            return found

        return run

    def _attribute(self, node: ast.Attribute) -> Code:
        held, name = self.code(node.value), node.attr
        return lambda f: attribute(held(f), name, f.machine)

    def _joinedstr(self, node: ast.JoinedStr) -> Code:
        parts = [self.code(v.value if isinstance(v, ast.FormattedValue) else v)
                 for v in node.values]  # fmt: skip
        if any(getattr(v, "format_spec", None) is not None for v in node.values):
            return unknown(node)
        return lambda f: "".join(text_of(p(f)) for p in parts)

    def _lambda(self, node: ast.Lambda) -> Code:
        return self._made(node)

    def _made(self, node: Definition) -> Code:
        """A function within a function: its defaults are what they are when it is made."""
        args = node.args
        names = [a.arg for a in (*args.posonlyargs, *args.args)]
        last = zip(names[len(names) - len(args.defaults) :], args.defaults, strict=True)
        only = zip([a.arg for a in args.kwonlyargs], args.kw_defaults, strict=True)
        defaults = {n: self.code(d) for n, d in (*last, *only) if d is not None}
        return lambda f: Own(
            f.own.function, None, node, f.vars, {n: d(f) for n, d in defaults.items()}
        )

    def _listcomp(self, node: Listed) -> Code:
        value, loops = self.code(node.elt), self._loops(node.generators)
        return lambda f: [value(g) for g in loops(f)]

    _generatorexp = _listcomp

    def _setcomp(self, node: ast.SetComp) -> Code:
        listed = self._listcomp(node)
        return lambda f: set(map(member, listed(f)))

    def _dictcomp(self, node: ast.DictComp) -> Code:
        key, value, loops = self.code(node.key), self.code(node.value), self._loops(node.generators)
        return lambda f: {key_of(key(g)): value(g) for g in loops(f)}

    def _loops(self, generators: list[ast.comprehension]) -> Callable[[Frame], Iterator[Frame]]:
        made = [(self._target(g.target), self.code(g.iter), [self.code(i) for i in g.ifs])
                for g in generators]  # fmt: skip

        def go(f: Frame, k: int) -> Iterator[Frame]:
            if k == len(made):
                yield f
                return
            aim, over, conditions = made[k]
            for value in each(over(f)):
                f.machine.spend()
                aim(f, value)
                if all(truth(c(f)) for c in conditions):
                    yield from go(f, k + 1)

        def run(f: Frame) -> Iterator[Frame]:
            inner = Frame(f.machine, f.own)
            inner.vars = dict(f.vars)
            return go(inner, 0)

        return run

    def _call(self, node: ast.Call) -> Code:
        function, args = self.code(node.func), self._several(node.args)
        options = [(k.arg, self.code(k.value)) for k in node.keywords]

        def run(f: Frame) -> Any:
            callee, given = function(f), args(f)
            named: dict[str, object] = {}
            for name, value in options:
                named.update({name: value(f)} if name is not None else mapping(value(f)))
            return f.machine.apply(callee, given, named)

        return run

    # --- statements ---------------------------------------------------------------------

    def _target(self, node: ast.expr) -> Callable[[Frame, Any], None]:
        """What setting a target does."""
        if isinstance(node, ast.Name):
            name = node.id

            def set_name(f: Frame, value: object) -> None:
                f.vars[name] = value

            return set_name
        if isinstance(node, ast.Tuple | ast.List):
            parts = [self._target(getattr(e, "value", e) if isinstance(e, ast.Starred) else e)
                     for e in node.elts]  # fmt: skip
            rest = [i for i, e in enumerate(node.elts) if isinstance(e, ast.Starred)]

            def set_each(f: Frame, value: object) -> None:
                values = each(value)
                for i in rest:
                    end = len(values) - (len(parts) - 1 - i)
                    values[i:end] = [values[i:end]]
                if len(values) != len(parts):
                    raise Unknown("values for several variables")
                for part, one in zip(parts, values, strict=True):
                    part(f, one)

            return set_each
        if isinstance(node, ast.Attribute):
            held, attr = self.code(node.value), node.attr

            def set_attribute(f: Frame, value: object) -> None:
                of = held(f)
                if type(of) is not Held:
                    raise Unknown("an attribute")
                of.attrs[attr] = value

            return set_attribute
        if isinstance(node, ast.Subscript):
            whole, index = self.code(node.value), self.code(node.slice)
            return lambda f, value: put(whole(f), index(f), value)
        raise Unknown("a target of another kind")

    def _assign(self, node: ast.Assign) -> Code:
        value, aims = self.code(node.value), [self._target(t) for t in node.targets]

        def run(f: Frame) -> None:
            found = value(f)
            for aim in aims:
                aim(f, found)

        return run

    def _annassign(self, node: ast.AnnAssign) -> Code:
        if node.value is None:
            return lambda f: None
        return self._assign(ast.Assign([node.target], node.value))

    def _augassign(self, node: ast.AugAssign) -> Code:
        value, aim, op = self.code(node.value), node.target, node.op
        if isinstance(aim, ast.Subscript):
            whole, index = self.code(aim.value), self.code(aim.slice)

            def run_item(f: Frame) -> None:
                held, at = whole(f), index(f)
                put(held, at, operated(op, item(held, at), value(f), True))

            return run_item
        old, into = self.code(as_read(aim)), self._target(aim)

        def run(f: Frame) -> None:
            into(f, operated(op, old(f), value(f), True))

        return run

    def _expr(self, node: ast.Expr) -> Code:
        value = self.code(node.value)

        def run(f: Frame) -> None:
            value(f)

        return run

    def _return(self, node: ast.Return) -> Code:
        value = self.code(node.value)

        def run(f: Frame) -> Opaque:
            f.vars[RETURNED] = value(f)
            return RETURN

        return run

    def _for(self, node: ast.For) -> Code:
        over, aim = self.code(node.iter), self._target(node.target)

        def passes(f: Frame) -> Iterator[None]:
            for value in passed(over(f)):
                aim(f, value)
                yield

        return self._loop(node, passes)

    def _while(self, node: ast.While) -> Code:
        test = self.code(node.test)

        def passes(f: Frame) -> Iterator[None]:
            while truth(test(f)):
                f.machine.spend()
                yield

        return self._loop(node, passes)

    def _loop(self, node: ast.For | ast.While, passes: Callable[[Frame], Iterator[None]]) -> Code:
        body, other = node.body, node.orelse

        def run(f: Frame) -> Any:
            for _ in passes(f):
                signal = f.machine.block(body, f)
                if signal is BREAK:
                    return None
                if signal is not None and signal is not CONTINUE:
                    return signal
            return f.machine.block(other, f)

        return run

    def _if(self, node: ast.If) -> Code:
        test, body, other = self.code(node.test), node.body, node.orelse
        return lambda f: f.machine.block(body if truth(test(f)) else other, f)

    def _with(self, node: ast.With) -> Code:
        """``with np.errstate(...):``, which changes no number."""
        quiet = all(x.optional_vars is None and isinstance(x.context_expr, ast.Call)
                    and ast.unparse(x.context_expr.func) in ("np.errstate", "numpy.errstate")
                    for x in node.items)  # fmt: skip
        return (lambda f: f.machine.block(node.body, f)) if quiet else unknown(node)

    def _match(self, node: ast.Match) -> Code:
        held = self.code(node.subject)
        cases = [(self._pattern(c.pattern), self.code(c.guard) if c.guard else None, c.body)
                 for c in node.cases]  # fmt: skip

        def run(f: Frame) -> Any:
            value = held(f)
            for fits, guard, body in cases:
                if fits(f, value) and (guard is None or truth(guard(f))):
                    return f.machine.block(body, f)
            return None

        return run

    def _pattern(self, node: ast.pattern) -> Callable[[Frame, Any], bool]:
        """Whether a value is of a pattern: constants, and anything at all."""
        if isinstance(node, ast.MatchOr):
            parts = [self._pattern(p) for p in node.patterns]
            return lambda f, value: any(p(f, value) for p in parts)
        if isinstance(node, ast.MatchAs) and node.pattern is None:
            name = node.name

            def bind(f: Frame, value: object) -> bool:
                f.vars.update({name: value} if name else {})
                return True

            return bind
        if isinstance(node, ast.MatchValue):
            constant = self.code(node.value)
            return lambda f, value: truth(compared(ast.Eq, value, constant(f)))
        raise Unknown("a pattern")

    def _yield(self, node: ast.Yield) -> Code:
        value = self.code(node.value)

        def run(f: Frame) -> None:
            f.vars.setdefault(YIELDED, []).append(value(f))

        return run

    def _pass(self, node: ast.stmt) -> Code:
        return lambda f: None

    _assert = _nonlocal = _pass

    def _break(self, node: ast.Break) -> Code:
        return lambda f: BREAK

    def _continue(self, node: ast.Continue) -> Code:
        return lambda f: CONTINUE

    def _functiondef(self, node: ast.FunctionDef) -> Code:
        made = self._made(node)

        def run(f: Frame) -> None:
            f.vars[node.name] = made(f)

        return unknown(node) if node.decorator_list else run


def unknown(node: ast.AST) -> Code:
    def run(f: Frame) -> Any:
        raise Unknown(type(node).__name__)

    return run


def as_read(node: Any) -> Any:
    """A target, where it is read."""
    made = type(node)(**dict(ast.iter_fields(node)))
    made.ctx = ast.Load()
    return made
