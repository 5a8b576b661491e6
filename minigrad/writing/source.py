"""A program as the NumPy that a careful person would have written.

Every op knows how NumPy spells it: as an operator, as a method, or by name.  What NumPy
has no name for is printed as a function of its own above.  Variables that the user did not
name and that are used once become part of the expression that uses them, as long as a
line holds it.
"""

from __future__ import annotations

import io
import pathlib
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.program.equations import Equation, Program, Var, writers
from minigrad.reading.files import replace_file
from minigrad.tree import attributes_beside, fields_of, flatten
from minigrad.typing import Index, Operand, Tree
from minigrad.writing import literals
from minigrad.writing.expressions import BRIEF, Expressions, is_view, once_each
from minigrad.writing.literals import WIDTH
from minigrad.writing.names import identifier
from minigrad.writing.spellings import WARNS
from minigrad.writing.terms import LEVELS, Term

__all__ = ["SourceWriter", "save", "source"]

LONG = 56
"""An expression of more characters gets a name instead of a place in another one."""
LARGE = 1000
"""Constants of more elements are saved in a file of their own."""


class SourceWriter(Expressions):
    """Writes one program."""

    apart: dict[str, Any]
    lines: list[str]

    # --- the whole --------------------------------------------------------------------------

    def file(self, large: float = np.inf) -> str:
        """The function, with what it needs above it; ``large`` constants are loaded."""
        function = self.function()
        helpers = self.helpers
        self.apart = {name: c for name, c in self.constants.items() if c.size > large}
        imports = sorted(helpers.imports.values())
        above = [h for h in helpers.source.values() if not h.startswith("def ")]
        if self.apart:
            imports.append("import pathlib\n")
            place = 'pathlib.Path(__file__).with_suffix(".constants.npz")'
            above.append(f"with np.load({place}) as _file:\n")
            above += [f'    {name} = _file["{name}"]\n' for name in self.apart]
        above += [
            f"{name} = {literals.array(c)}\n"
            for name, c in self.constants.items()
            if name not in self.apart
        ]
        parts = ["".join(imports) + "\n" * bool(imports) + "import numpy as np\n"]
        parts += ["\n" * bool(above) + "".join(above)]
        parts += [f"\n\n{h}" for h in helpers.source.values() if h.startswith("def ")]
        return "".join([*parts, "\n\n", function])

    def function(self) -> str:
        p = self.program
        head = [(self.parameter(k), v) for k, v in p.parameters.items()]
        self.unpack(head)
        for equation in p.equations:
            self.statement(equation)
        for v in p.outputs:
            if isinstance(v, Var):
                self.write_updates(v)
        self.result()
        words = self.defaults(head)
        first = f"def {p.name}({', '.join(words)}):"
        if len(first) > WIDTH:
            first = f"def {p.name}(\n" + "".join(f"    {word},\n" for word in words) + "):"
        body = [self.docstring(), *(textwrap.indent(line, "    ") for line in self.lines)]
        why = [
            f'@np.errstate(over="ignore")  # {WARNS[op]}' for op in WARNS if op in self.overflows
        ]
        return "\n".join([*why, first, *body]) + "\n"

    def parameter(self, name: str) -> str:
        """What a parameter is called: as its variable, if it is one."""
        tree = self.program.parameters[name]
        return self.named(tree) if isinstance(tree, Var) else self.unique(identifier(name))

    def defaults(self, head: list[tuple[str, object]]) -> list[str]:
        """Parameters; those that were fixed have defaults, where no other follows."""
        words: list[str] = []
        plain = False
        for name, tree in reversed(head):
            plain = plain or any(isinstance(x, Var) for x in flatten(tree, whole=True)[0])
            simple = isinstance(tree, bool | int | float | str | None)
            words.append(name if plain else f"{name}={self.code(tree) if simple else None}")
        return words[::-1]

    def docstring(self) -> str:
        """Shapes and dtypes of everything that goes in and comes out."""
        p = self.program
        rows = [(self.name_of[v], v.kind) for v in p.inputs]
        rows += [
            (self.name_of[v], f"{v.kind}, a constant")
            for v in p.constants
            if self.name_of[v] in self.constants
        ]
        for name, tree in p.parameters.items():
            if not any(isinstance(x, Var) for x in flatten(tree, whole=True)[0]):
                rows.append((identifier(name), self.fixed(tree)))
        width = max((len(name) for name, _ in rows), default=0)
        kinds = [v.kind if isinstance(v, Var) else "a constant" for v in p.outputs]
        words = "; ".join(kinds) or "nothing"
        returns = textwrap.fill(f"Returns {words}.", WIDTH - 4)
        text = [f'"""{p.name}, for arguments like these.', ""]
        text += [*(f"{name:<{width}} : {kind}" for name, kind in rows), *([""] if rows else [])]
        return textwrap.indent("\n".join([*text, returns, '"""']), "    ")

    def fixed(self, tree: Tree) -> str:
        """What the docstring says of an argument that is fixed."""
        try:
            code = literals.code(tree)
        except ValueError:
            return "fixed"
        return f"fixed, {literals.docstring(code)}" if len(code) < 40 else "fixed"

    def unpack(self, head: list[tuple[str, object]]) -> None:
        """Names for the parts of nested arguments, as many in a line as it holds."""
        for parameter, tree in head:
            found = [(place, v) for place, v in self.places(parameter, tree) if isinstance(v, Var)]
            if isinstance(tree, Var) or not found:
                continue
            flat = isinstance(tree, list | tuple) and all(isinstance(x, Var) for x in tree)
            flat = flat and not attributes_beside(tree)
            names = [self.named(v) for _, v in found]
            if (
                flat
                and len(line := f"{', '.join(names)}{',' * (len(names) == 1)} = {parameter}")
                < WIDTH
            ):
                self.lines.append(line)
                continue
            used = [(place, self.named(v)) for place, v in found if self.uses.get(v)]
            if (
                used
                and len(
                    line := ", ".join(n for _, n in used) + " = " + ", ".join(p for p, _ in used)
                )
                <= WIDTH - 4
            ):
                self.lines.append(line)
            else:
                self.lines += [f"{name} = {place}" for place, name in used]

    def result(self) -> None:
        """The return statement, over several lines if one does not hold it."""
        tree = self.with_aliases(self.program.result)
        code = self.tree(tree)
        bare = type(tree) is tuple and len(tree) > 1
        line = f"return {code[1:-1] if bare else code}"
        if len(line) > WIDTH - 4:
            line = f"return {self.tall(tree, 0)}"
        self.lines.append(line)

    def with_aliases(self, tree: Tree) -> Any:
        """The result, in which gradients that are one are told apart: ``db = dz``."""
        leaves, rebuild = flatten(tree, whole=True)
        gradients = [f"d{v.name}" for v in self.program.inputs]
        for v in dict.fromkeys(x for x in leaves if isinstance(x, Var) and x.also):
            places = [i for i, x in enumerate(leaves) if x is v]
            names = sorted({v.name, *v.also}.intersection(gradients), key=gradients.index)
            if len(names) == len(places):
                for i, name in zip(places, names):
                    if name != v.name:
                        self.lines.append(f"{name} = {self.named(v)}")
                        leaves[i] = Term(name)
        return rebuild(leaves)

    def tall(self, tree: Tree, room: int) -> str:
        """Nested results, one in a line, where ``room`` characters do not hold them."""
        code = self.tree(tree)
        if len(code) <= room or not isinstance(tree, dict | list | tuple) or not tree:
            return code
        room = (room or WIDTH - 4) - 5
        pairs = [(f"{self.key(k)}: ", v) for k, v in tree.items()] if isinstance(tree, dict) else []
        keyed = pairs or [("", v) for v in tree]
        parts = [head + self.tall(v, room - len(head)) + ",\n" for head, v in keyed]
        start, stop = self.brackets(tree)
        return f"{start}\n" + textwrap.indent("".join(parts), "    ") + stop

    def tree(self, tree: Tree) -> str:
        """Nested results in one line."""
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{self.key(k)}: {self.tree(v)}" for k, v in tree.items()) + "}"
        if isinstance(tree, list | tuple):
            start, stop = self.brackets(tree)
            comma = "," * (type(tree) is tuple and len(tree) == 1)
            return f"{start}{', '.join(map(self.tree, tree))}{comma}{stop}"
        if isinstance(tree, Term):
            return tree.code
        return self.text[tree].code if isinstance(tree, Var) else self.code(tree)

    def brackets(self, tree: Tree) -> tuple[str, str]:
        if isinstance(tree, dict):
            return "{", "}"
        if hasattr(tree, "_fields"):
            return f"{self.helpers.namedtuple(type(tree))}(", ")"
        return ("(", ")") if isinstance(tree, tuple) else ("[", "]")

    def key(self, key: object) -> str:
        """A key of a dict, which is found again by what is written."""
        plain = isinstance(key, str | int | float | tuple | None)
        if not plain or (isinstance(key, float) and key != key):
            raise ValueError(
                f"{self.program.name}: a value under the key {key!r} cannot be printed: "
                "use strings or numbers as keys"
            )
        return self.code(key)

    def places(self, place: str, tree: Tree) -> Iterator[tuple[str, Operand]]:
        """Leaves of an argument with the source that gets them."""
        if isinstance(tree, dict):
            for k, v in tree.items():
                if any(isinstance(x, Var) for x in flatten(v, whole=True)[0]):
                    yield from self.places(f"{place}[{self.key(k)}]", v)
        elif isinstance(tree, list | tuple):
            fields = getattr(tree, "_fields", None)
            for i, v in enumerate(tree):
                field = fields[i] if fields and identifier(fields[i]) == fields[i] else None
                yield from self.places(f"{place}.{field}" if field else f"{place}[{i}]", v)
        elif (names := fields_of(tree)) is not None:
            for name in names:
                yield from self.places(f"{place}.{name}", getattr(tree, name, None))
        else:
            yield place, tree
            return
        for name, v in attributes_beside(tree).items():
            if any(isinstance(x, Var) for x in flatten(v, whole=True)[0]):
                got = f"{place}.{name}" if identifier(name) == name else None
                yield from self.places(got or f"getattr({place}, {self.code(name)})", v)

    # --- statements -------------------------------------------------------------------------

    def statement(self, equation: Equation) -> None:
        """An assignment, unless the expression becomes part of another."""
        if isinstance(equation.out, tuple):
            self.write_updates(*equation.reads())
            outs = ", ".join(self.named(v) for v in equation.outs)
            self.lines.append(
                f"{outs}{',' * (len(equation.outs) == 1)} = {self.expression(equation).code}"
            )
            return
        v = equation.out
        once = self.uses[v] == 1 and not v.given
        if equation.op is ops.scatter:
            self.write_updates(*equation.reads())
            value = self.argument(equation.args[0], [v.dtype], equation.args[0] is not None)
            self.scattered[v] = [(equation.kwargs["index"], value)]
            if not once:
                self.write_updates(v)
            return
        if self.accumulated(equation, once):
            return
        self.write_updates(*equation.reads())
        text = self.fitted(equation, "" if once else self.name_of.get(v, "t10"))
        view = is_view(equation) and len(text.code) <= BRIEF and text.code.count("(") <= 1
        if (once and len(text.code) <= LONG) or (view and not v.given):
            self.text[v], self.inlined[v] = text, equation
        else:
            self.lines.append(f"{self.named(v)} = {text.code}")

    def fitted(self, equation: Equation, name: str) -> Term:
        """The right-hand side; what makes it too long for a line gets names."""
        text = self.expression(equation)
        while len(name) + 3 + len(text.code) > WIDTH - 4:
            parts = [v for v in equation.reads() if v in self.inlined and v not in self.name_of]
            longest = max(parts, key=lambda v: len(self.text[v].code), default=None)
            if longest is None or len(self.text[longest].code) <= BRIEF:
                break
            code = self.text[longest].code
            self.lines.append(f"{self.named(longest)} = {code}")
            text = self.expression(equation)
        return text

    def accumulated(self, equation: Equation, once: bool) -> bool:
        """Add what was put at an index in place: ``dx[1:9] += dy * k``."""
        if equation.op not in (ops.add, ops.subtract):
            return False
        (a, b), v = equation.args, equation.out
        if not (isinstance(a, Var) and isinstance(b, Var)):
            return False
        plus = equation.op is ops.add
        if plus and a in self.scattered and b in self.scattered and a is not b:
            self.scattered[v] = self.scattered.pop(a) + self.scattered.pop(b)
            if not once:
                self.write_updates(v)
            return True
        if plus and a in self.scattered:
            a, b = b, a
        if b not in self.scattered or not self.is_fresh(a, v):
            return False
        parts = self.scattered.pop(b)
        self.lines.append(f"{self.named(v)} = {self.text[a].code}")
        for index, value in parts:
            self.put(v, index, value, " += " if plus else " -= ")
        return True

    def is_fresh(self, x: Any, like: Var) -> bool:
        """Whether ``x`` is memory that nobody else holds, and of the kind of ``like``."""
        made = self.inlined.get(x) if isinstance(x, Var) else None
        if made is None or x in self.name_of or not (made.op.elementwise or made.op is ops.matmul):
            return False
        return bool(x.shape and x.shape == like.shape and x.dtype == like.dtype)

    def write_updates(self, *variables: Var) -> None:
        """Write down what is put at indices of these."""
        for v in variables:
            if v in self.scattered:
                parts = self.scattered.pop(v)
                self.lines.append(f"{self.named(v)} = {literals.zeros(v.shape, v.dtype)}")
                numbers = [index for index, _ in parts if isinstance(index, int)]
                apart = len(set(numbers)) == len(parts) and min(numbers) >= 0
                for i, (index, value) in enumerate(parts):
                    self.put(v, index, value, " += " if i and not apart else " = ")

    def put(self, v: Var, index: Index, value: Term, symbol: str) -> None:
        place, code = self.index(index), value.code
        if symbol == " += " and code.startswith("-") and LEVELS[value.level] >= LEVELS["product"]:
            symbol, code = " -= ", code[1:]
        if once_each(index):
            self.lines.append(f"{self.named(v)}[{place}]{symbol}{code}")
            return
        where = f"({place})" if isinstance(index, tuple) else place
        if isinstance(index, tuple) and any(isinstance(part, slice) for part in index):
            where = f"np.s_[{place}]"
        function = "subtract" if symbol == " -= " else "add"
        self.lines.append(f"np.{function}.at({self.named(v)}, {where}, {code})")


# --- files -----------------------------------------------------------------------------


def source(program: Program) -> str:
    """``program`` as a file that imports NumPy alone."""
    return SourceWriter(program).file()


def save(program: Program, path: Any) -> None:
    """Write the source of ``program``, with constants of many elements in a file beside it."""
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {path.parent}: make it first")
    writer = SourceWriter(program)
    text = writer.file(large=LARGE)
    if writer.apart:
        apart = io.BytesIO()
        np.savez(apart, **writer.apart)
        replace_file(path.with_suffix(".constants.npz"), apart.getvalue())
    replace_file(path, text.encode())


writers.update(source=source, save=save)
