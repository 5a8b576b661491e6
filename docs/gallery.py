"""Write the gallery: a graph, its gradient explained, its picture, its explorer page."""

import contextlib
import io
import linecache
import textwrap
from pathlib import Path

ENTRIES = {
    "One neuron": (
        "The published neuron: a sigmoid of one weight, and half a squared error.",
        """
        x, y = 0.5, 1.5
        w = mg.Tensor(0.3, requires_grad=True)
        b = mg.Tensor(0.1, requires_grad=True)
        z = w * x + b
        a = mg.sigmoid(z)
        L = 0.5 * (y - a) ** 2
        """,
        "w",
    ),
    "Logistic regression": (
        "Cross-entropy through a sigmoid: the two cancel.",
        """
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(6, 3)), np.array([0.0, 1, 1, 0, 1, 0])
        m = len(y)
        w = mg.Tensor(rng.normal(size=3), requires_grad=True)
        p = mg.sigmoid(X @ w)
        L = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / m
        """,
        "w",
    ),
    "A network of two layers": (
        "The ledger of backpropagation, matrix by matrix.",
        """
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
        W1 = mg.Tensor(rng.normal(size=(3, 4)), requires_grad=True)
        W2 = mg.Tensor(rng.normal(size=(4, 1)), requires_grad=True)
        z = X @ W1
        h = np.tanh(z)
        p = h @ W2
        L = np.mean((p - y) ** 2)
        """,
        "W1",
    ),
    "Softmax regression": (
        "The gradient of every classifier: probabilities minus labels.",
        """
        rng = np.random.default_rng(0)
        X, labels = rng.normal(size=(5, 2)), np.array([0, 2, 1, 1, 0])
        W = mg.Tensor(rng.normal(size=(2, 3)), requires_grad=True)
        logits = X @ W
        L = mg.losses.cross_entropy(logits, labels)
        """,
        "W",
    ),
    "An LSTM cell": (
        "Three gates and a candidate, one step in time.",
        """
        rng = np.random.default_rng(0)
        x, h, c = 0.4, 0.2, -0.3
        wi, wf, wo, wg = (mg.Tensor(v, requires_grad=True) for v in rng.normal(size=4))
        i = mg.sigmoid(wi * x + h)
        f = mg.sigmoid(wf * x + h)
        o = mg.sigmoid(wo * x + h)
        g = mg.tanh(wg * x + h)
        c_next = f * c + i * g
        L = o * mg.tanh(c_next)
        """,
        "wf",
    ),
    "An attention head": (
        "Queries, keys, values, and a softmax between them.",
        """
        rng = np.random.default_rng(0)
        Q, K, V = (mg.Tensor(rng.normal(size=(3, 2)), requires_grad=True) for _ in range(3))
        scores = Q @ K.T / np.sqrt(2)
        P = mg.softmax(scores, axis=-1)
        out = P @ V
        L = np.sum(out**2)
        """,
        "K",
    ),
    "A Gaussian likelihood": (
        "What statistics differentiates: the scale of a normal distribution.",
        """
        xs = np.array([1.2, 0.7, 2.1, 1.6])
        mu = mg.Tensor(1.0, requires_grad=True)
        sigma = mg.Tensor(0.8, requires_grad=True)
        L = np.sum(np.log(sigma) + (xs - mu) ** 2 / (2 * sigma**2))
        """,
        "sigma",
    ),
}


PAGE = """\
# {title}

{what}

```python
import numpy as np
import minigrad as mg

{code}
```

## The gradient, explained

```python
print(mg.explain(L, {wrt}, simplify=True))
```

```text
{explained}
```

## The graph

```python
mg.draw(L, {wrt}, collapse=True)
```

![{title}]({name}.svg)

## Step by step

```python
mg.explore(L)
```

<iframe src="../explorers/{name}.html" title="{title}, step by step"
        style="width: 100%; height: 640px; border: 1px solid #8888"></iframe>
"""


def write(home):
    """Write ``gallery.md`` and a page, a picture and an explorer for each entry."""
    home = Path(home)
    folder, explorers = home / "gallery", home / "explorers" / "explorers"
    for place in (folder, explorers):
        place.mkdir(parents=True, exist_ok=True)
    cards = []
    for title, (what, code, wrt) in ENTRIES.items():
        name = title.lower().replace(" ", "_")
        code = textwrap.dedent(code).strip()
        explained = shown(code, wrt, folder / f"{name}.svg", explorers / f"{name}.html")
        text = PAGE.format(**locals())
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
        cards.append(f"## [{title}](gallery/{name}.md)\n\n{what}\n\n![{title}](gallery/{name}.svg)")
    listing = "\n".join(f"gallery/{t.lower().replace(' ', '_')}" for t in ENTRIES)
    (home / "gallery.md").write_text(
        "# Gallery\n\nFrom code to explanation, picture and a page that steps through it.\n\n"
        "```{toctree}\n:hidden:\n\n" + listing + "\n```\n\n" + "\n\n".join(cards) + "\n",
        encoding="utf-8",
    )


def shown(code, wrt, picture, page):
    """Run an entry; its explanation, with picture and explorer written to files."""
    last = (
        f"print(mg.explain(L, {wrt}, simplify=True))\n"
        f"mg.draw(L, {wrt}, collapse=True).save(picture)\nmg.draw(L).save(page)\n"
    )
    with contextlib.redirect_stdout(io.StringIO()) as out:
        scope = {"picture": picture, "page": page}
        source = f"import numpy as np\nimport minigrad as mg\n{code}\n{last}"
        filename = f"<{picture.stem}>"
        linecache.cache[filename] = len(source), None, source.splitlines(True), filename
        exec(compile(source, filename, "exec"), scope)
    return out.getvalue().strip()
