"""Every printed formula, in every format that can be parsed, is read back and evaluated."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from formulas import Functions, Indicator, python, value_of
from minigrad.explain.ledger import Step
from minigrad.writing.formulas import Formula, sum_of_products
from minigrad.writing.styles import LATEX, MATHML, TEXT, Style

FUNCTIONS = "exp sqrt sin cos tan sinh cosh tanh".split()
ENV: Any = Functions(
    {
        **{f: getattr(np, f) for f in FUNCTIONS},
        "log": np.log,
        "abs": np.abs,
        "sigma": lambda x: 1 / (1 + np.exp(-x)),
        "one": Indicator(),
        "indicator": Indicator(),
        "inf": np.inf,
    }
)

# --- readers -----------------------------------------------------------------------------


def closing(text: str, start: int) -> int:
    """The end of the group that opens at ``start``."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return i
    raise AssertionError(f"unbalanced: {text}")


def group(text: str, start: int) -> tuple[str, int]:
    """What stands in braces at ``start``, and where that ends."""
    assert text[start] == "{", text[start:]
    end = closing(text, start)
    return text[start + 1 : end], end + 1


def latex(text: str) -> str:
    """LaTeX as Python, as a reader understands it: what stands side by side is a product."""
    out, i = [], 0
    while i < len(text):
        rest = text[i:]
        if rest.startswith(r"\frac"):
            top, i = group(text, i + 5)
            bottom, i = group(text, i)
            out.append(f" (({latex(top)})/({latex(bottom)})) ")
        elif rest.startswith(r"\sqrt"):
            inner, i = group(text, i + 5)
            out.append(f" sqrt({latex(inner)}) ")
        elif rest.startswith("e^{"):
            inner, i = group(text, i + 2)
            out.append(f" exp({latex(inner)}) ")
        elif rest.startswith("^{"):
            inner, i = group(text, i + 1)
            out.append(f"**({latex(inner)})")
        elif match := re.match(r"\\mathbf\{1\}\\left\[", rest):
            out.append(" one[")
            i += len(match[0])
        elif match := re.match(r"\\left([(|])", rest):
            out.append(" abs(" if match[1] == "|" else "(")
            i += len(match[0])
        elif match := re.match(r"\\right([]|)])", rest):
            out.append("]" if match[1] == "]" else ")")
            i += len(match[0])
        elif match := re.match(r"\\(cdot|odot|geq|leq|neq|wedge|vee|ln|infty)(?![a-z])", rest):
            signs = {"cdot": "*", "odot": "*", "geq": ">=", "leq": "<=", "neq": "!=", "wedge": "&"}
            out.append({**signs, "vee": "|", "ln": " log", "infty": " inf "}[match[1]])
            i += len(match[0])
        elif match := re.match(r"\\(operatorname|mathrm)\{", rest):
            word, i = group(text, i + len(match[0]) - 1)
            out.append(f" {word.replace(chr(92), '')}")
        elif rest.startswith(r"\,"):
            i += 2
        elif match := re.match(r"\\([a-z]+)", rest):
            out.append(f" {match[1]}")
            i += len(match[0])
        elif match := re.match(r"([a-z])_\{(\w+)\}", rest):
            out.append(f" {match[1]}{match[2]} ")
            i += len(match[0])
        elif rest.startswith(" = "):
            out.append(" == ")
            i += 3
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def mathml(node: ElementTree.Element) -> str:
    """MathML as Python."""
    parts = [mathml(child) for child in node]
    if node.tag == "mfrac":
        return f"(({parts[0]})/({parts[1]}))"
    if node.tag == "msqrt":
        return f"sqrt({''.join(parts)})"
    if node.tag == "msup":
        return f"exp({parts[1]})" if node[0].text == "e" else f"{parts[0]}**({parts[1]})"
    if node.tag == "msub":
        return "".join(parts)
    if node.tag == "mrow":
        signs = [child.text for child in node if child.tag == "mo"]
        if signs[:1] == ["|"] and node[0].tag == "mo":
            return f"abs({''.join(parts[1:-1])})"
        return "".join(parts)
    words = {
        "·": "*", "⊙": "*", "−": "-", "≥": ">=", "≤": "<=", "≠": "!=", "∧": "&", "∨": "|",
        "\u2061": "", "\u2062": "@", "ln": "log", "σ": "sigma", "𝟏": "one", "∞": "inf", "=": "==",
    }  # fmt: skip
    return words.get(node.text or "", node.text or "")


def read(code: str, style: Style) -> str:
    if style is LATEX:
        return latex(code)
    return mathml(ElementTree.fromstring(f"<mrow>{code}</mrow>"))


def worth(formula: Formula, style: Style) -> Any:
    env = Functions({**ENV, **{s.name: formula.values[v] for v, s in formula.symbols.items()}})
    head, *definitions = re.split(
        r" \\quad \\mathrm\{where\}\\ |<mspace width='1em'/><mtext>where&#xA0;</mtext>",
        formula.write(style).code,
    )
    equals = re.escape(style.equals.format("", ""))
    name = r"s_[^,= ]*" if style is LATEX else r"<msub><mi>s</mi><m[in]>[^<]*</m[in]></msub>"
    separator = re.escape(style.comma) + f"(?={name}{equals})"
    for definition in re.split(separator, definitions[0]) if definitions else ():
        name, _, right = definition.partition(style.equals.format("", ""))
        env[read(name, style).strip()] = eval(read(right, style).strip(), {}, env)
    return eval(read(head, style).strip(), {}, env)


# --- random expressions -------------------------------------------------------------------

NUMBERS = iter(np.random.default_rng(0).uniform(0.3, 1.5, 100_000).round(4).tolist())
"""Of which none ties with another."""
UNARY: list[Any] = [
    np.exp, np.tan, np.tanh, np.sin, np.cos, np.sqrt, np.log, np.abs, np.square, mg.sigmoid,
    mg.relu, np.negative, lambda x: 1 / x, lambda x: x**3, lambda x: x**-2, lambda x: 2 - x,
    lambda x: x / 3, lambda x: -2 * x, lambda x: 0.1 * x, lambda x: np.maximum(x, next(NUMBERS)),
    lambda x: np.minimum(next(NUMBERS), x), lambda x: np.where((x > 0.1) & (x < 2.1), x * x, x),
    lambda x: 2.0**x,
]  # fmt: skip
BINARY: list[Any] = [
    np.add, np.subtract, np.multiply, np.divide, np.power,
    lambda x, y: np.maximum(x, next(NUMBERS) * y),
    lambda x, y: np.minimum(x, next(NUMBERS) * y),
    lambda x, y: -x * y, lambda x, y: x - (y - x), lambda x, y: x / (y / x),
]  # fmt: skip


def expression(seed: int) -> tuple[Any, list[Any]]:
    """A random scalar, and the leaves that it was made of."""
    rng = np.random.default_rng(seed)
    leaves = [mg.Tensor(v, requires_grad=True, name=n) for v, n in zip((0.7, 1.3, 0.45), "xyz")]
    pool: list[Any] = list(leaves)
    with np.errstate(all="ignore"):
        grow(pool, rng)
    return pool[-1], leaves


def grow(pool: list[Any], rng: np.random.Generator) -> None:
    """Add expressions of what is in ``pool``."""
    for _ in range(int(rng.integers(2, 6))):
        x, y = (pool[int(k)] for k in rng.integers(0, len(pool), 2))
        if rng.random() < 0.55:
            new = UNARY[int(rng.integers(len(UNARY)))](x)
        else:
            new = BINARY[int(rng.integers(len(BINARY)))](x, y)
        if np.isfinite(new.data) and 1e-3 < abs(float(new.data)) < 1e3:
            pool.append(new)


def agree(found: Any, expected: Any, shown: str) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=shown)


def lines(explanation: Any) -> list[tuple[Formula | Step, Any]]:
    """Formulas and steps of an explanation, each with what it is worth."""
    found: list[tuple[Formula | Step, Any]] = []
    for row in explanation.rows:
        if row.expression is not None:
            found.append((row.expression, row.value))
        worked = explanation.workings.get(row, ())
        found += [(step, row.value) for made, step in worked if made is None]
    return found


@pytest.mark.sampled(4)
@pytest.mark.parametrize("seed", range(120))
def test_what_is_printed_is_true(seed: int) -> None:
    output, leaves = expression(seed)
    if output in leaves:
        return
    for leaf in leaves:
        try:
            explanation = mg.explain(output, leaf, steps=True)
        except ValueError:
            continue  # the output does not depend on it
        with np.errstate(all="ignore"):
            for line, value in lines(explanation):
                if isinstance(line, Formula):
                    agree(line.evaluate(), value, line.text)
                    agree(value_of(line), value, line.text)
                    for style in (LATEX, MATHML):
                        agree(worth(line, style), value, line.write(style).code)
                    continue
                symbols = {
                    s.name: f.values[v] for p in line for f in p for v, s in f.symbols.items()
                }
                for style in (LATEX, MATHML, TEXT):
                    code = sum_of_products(line, style)
                    if "where" in code or style is TEXT:
                        continue
                    agree(
                        eval(read(code, style).strip(), {}, Functions({**ENV, **symbols})),
                        value,
                        code,
                    )


def test_steps_keep_their_parentheses() -> None:
    z = mg.Tensor(0.4, requires_grad=True)
    q = np.exp(np.tan(z))
    explanation = mg.explain(q, z)
    first = "exp(tan(z)) · (1 + tan(z)²)"
    assert f"dq/dz = {first}\n" in str(explanation)
    assert f"`{first}`" in explanation.to_markdown()
    assert r"e^{\tan\left(z\right)} \cdot \left(1 + \tan\left(z\right)^{2}\right)" in (
        explanation.to_latex()
    )
    r = np.tanh(z) ** 2
    assert "2·tanh(z) · (1 - tanh(z)²)" in str(mg.explain(r, z, steps=True))
    s = -np.exp(z) * np.sin(-z)
    assert " · (-" in str(mg.explain(s, z, steps=True))


def test_what_a_maximum_passes_on_is_an_indicator() -> None:
    s = mg.Tensor([0.5, 1.0, 3.0], requires_grad=True)
    y = np.array([1.0, 1.0, -1.0])
    L = np.maximum(0, 1 - y * s).mean()
    explanation = mg.explain(L, s)
    text = str(explanation)
    assert text.count("where 1[u < v] meets a tie, u = v, it is ½") == 1
    assert "1[y ⊙ s < 1]" in text and " + (" not in text
    assert explanation.to_markdown().count("it is ½") == explanation.to_html().count("it is ½") == 1
    assert r"\mathbf{1}\left[" in explanation.to_latex()
    row = explanation.rows[-1]
    np.testing.assert_allclose(row.expression.evaluate(), row.value)
    np.testing.assert_allclose(row.value, [-1 / 3, -1 / 6, 1 / 3])
    a, b = (mg.Tensor(v, requires_grad=True) for v in (2.0, 1.0))
    low = np.minimum(a, b)
    assert mg.explain(low, b).rows[0].formula == "1[b < a]"


def test_truth_values_are_joined_not_added() -> None:
    """NumPy adds truth values as such: both of two is one."""
    for rule, formula in (
        (lambda g, ans, x: g * ((x > 0) + (x > 1)), "1[(x > 0) | (x > 1)]"),
        (lambda g, ans, x: g * ((x > 0) * (x > 1)), "1[(x > 0) & (x > 1)]"),
        (lambda g, ans, x: g * (1.0 * (x > 0) + (x > 1)), "1[x > 0] + 1[x > 1]"),
    ):
        step = mg.defop("step", lambda x: x + 0.0, [rule])
        x = mg.Tensor(2.0, requires_grad=True)
        y = step(x)
        assert mg.explain(y, x).rows[0].formula == formula
