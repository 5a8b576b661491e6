"""The engine's promises, one section each."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import samples_elementwise
import samples_indexing
import samples_linalg
import samples_reduction
import samples_shape
from minigrad.graph import Leaf, Node, Node1, Node2
from minigrad.ops.record import implementations, public, registry
from samples import SAMPLES
from tables import each

V = np.array([1.0, 2.0, 3.0])
M = np.arange(6.0).reshape(2, 3)


def leaf(data: Any, **options: Any) -> mg.Tensor:
    return mg.Tensor(data, requires_grad=True, **options)


def nodes(root: Any) -> set[Any]:
    """All nodes behind a Tensor, without the help of the engine."""
    found, stack = set(), [root.node]
    while stack:
        node = stack.pop()
        if node is not None and node not in found:
            found.add(node)
            stack.extend(node.parents)
    return found


# --- 1: one door -----------------------------------------------------------------------


@each("name", sorted({s.op for s in SAMPLES if s.op in registry}))
def test_every_call_of_an_op_is_recorded_under_its_name(name: str) -> None:
    if registry[name].vjps is None:
        return  # without derivative, so without a node
    seen = set()
    for s in SAMPLES:
        if s.op == name:
            y = s.f(*[leaf(a) for a in s.args])
            for part in y if isinstance(y, tuple | list) else [y]:
                if part.requires_grad:
                    seen |= {node.op.name for node in nodes(part) if node.op}
    assert registry[name].name in seen


def test_recorded_values_are_those_of_the_op_run_again() -> None:
    """Nothing happened between the inputs and the output but the op's own forward."""
    for s in SAMPLES:
        y = s.f(*[leaf(a) for a in s.args])
        for part in y if isinstance(y, tuple | list) else [y]:
            if not part.requires_grad:
                continue
            for node in nodes(part):
                if node.op is not None:
                    again = node.op.forward(*node.args, **node.kwargs)
                    if type(node.ans) is not tuple:
                        again, node_ans = (again,), (node.ans,)
                    else:
                        node_ans = node.ans
                    for u, v in zip(again, node_ans, strict=True):
                        np.testing.assert_array_equal(u, v)


def test_everything_numpy_dispatches_is_ours() -> None:
    ours = set(map(id, registry.values())) | set(map(id, public.values()))
    for key, function in implementations.items():
        if not isinstance(key, tuple):
            assert id(function) in ours or function.__module__.startswith("minigrad"), key


def test_plain_arrays_pass_the_door_without_being_wrapped() -> None:
    assert type(mg.exp(V)) is np.ndarray
    assert type(mg.add(1.0, 2.0)) is float
    assert type(mg.matmul(M, V)) is np.ndarray


# --- 2: rules in plain NumPy -----------------------------------------------------------

RULES = [
    (op.name, i, rule)
    for op in registry.values()
    for i, rule in enumerate(op.vjps if isinstance(op.vjps, tuple) else [op.vjps])
    if rule is not None
]


@each("name, i, rule", RULES)
def test_rules_take_the_gradient_the_output_and_the_arrays(name: str, i: int, rule: Any) -> None:
    found = list(inspect.signature(rule).parameters.values())
    positional = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variadic = [p for p in found if p.kind is p.VAR_POSITIONAL]
    assert positional[0].name == "g"
    assert positional[1].name in ("ans", "_", "y")
    op = registry[name]
    if op.arity > 0 and not variadic:
        assert len(positional) >= 2 + op.arity
    names = rule.__code__.co_names if hasattr(rule, "__code__") else ()
    assert not {"data", "_value", "Tensor", "detach"} & set(names)


def test_rules_answer_arrays_with_arrays_and_tensors_with_tensors() -> None:
    for s in SAMPLES:
        y = s.f(*[leaf(a) for a in s.args])
        for part in y if isinstance(y, tuple | list) else [y]:
            if not part.requires_grad or part.node.op is None:
                continue
            node = part.node
            for k, parent in enumerate(node.parents):
                if parent is None or isinstance(node.ans, tuple) or type(node.args[k]) is tuple:
                    continue
                g = np.ones_like(node.ans)[()]
                plain = node.op.rule(k)(g, node.ans, *node.args, **node.kwargs)
                assert not isinstance(plain, mg.Tensor), node.op.name


def test_a_rule_of_wrong_shape_is_an_error_that_names_the_op() -> None:
    rude = mg.defop("rude", lambda x: x * 2, [lambda g, ans, x: g[:1]])
    with pytest.raises(ValueError, match=r"rude: the rule of argument 0 .*\(1,\).*\(3,\)"):
        rude(leaf(V)).sum().backward()
    with pytest.raises(ValueError, match="rude"):
        mg.hessian(lambda x: rude(x).sum())(V)


# --- 3: no cycles ----------------------------------------------------------------------


def training_step(w: Any, x: Any) -> None:
    h = np.tanh(x @ w)
    loss = ((h - 1) ** 2).mean() + np.linalg.norm(w) + mg.logsumexp(w) + np.split(w, 2)[0].sum()
    loss.backward()
    second = mg.gradients((w**3).sum(), w, create_graph=True)
    (second * second).sum().backward()
    w.data = w.data - 0.01 * w.grad
    w.grad = None
    mg.value_and_grad(lambda a: (a**2).sum())(x)
    mg.hessian(lambda a: (a**3).sum())(V)


def ours_alive() -> int:
    """How many Tensors and nodes there are; what only pretends to be one is not asked."""
    return sum(issubclass(type(o), Node | Node1 | Node2 | mg.Tensor) for o in gc.get_objects())


@pytest.mark.full
def test_memory_is_flat_with_the_collector_off() -> None:
    w, x = leaf(np.full((64, 64), 0.01)), np.ones((3, 64))
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        for _ in range(3):
            training_step(w, x)
        alive = ours_alive()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(30):
            training_step(w, x)
        grown = tracemalloc.get_traced_memory()[0] - before
        assert grown < 2 * w.data.nbytes
        assert ours_alive() <= alive
    finally:
        tracemalloc.stop()
        gc.enable()


def test_the_collector_finds_nothing_of_ours() -> None:
    w, x = leaf(np.full((4, 4), 0.3)), np.ones((3, 4))
    for _ in range(9):  # what earlier tests have left may only go one after another
        if not gc.collect():
            break
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        training_step(w, x)
        with mg.debug():
            training_step(w, x)
        gc.collect()
        ours = [o for o in gc.garbage if type(o).__module__.startswith("minigrad")]
        assert not ours
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_traces_are_not_left_to_the_collector() -> None:
    """Who listens to a trace, or looks whether one is on, lets go of it when it is over."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(4):
            mg.trace(lambda x: np.sin(x) * x, 1.0)
        assert not [o for o in gc.get_objects() if type(o).__name__ == "Tracer"]
    finally:
        gc.enable()


def test_a_node_never_holds_a_tensor() -> None:
    w = leaf(M)
    y = mg.softmax(np.exp(w) @ M.T, axis=0).sum()
    for node in nodes(y):
        held = gc.get_referents(node)
        assert not [o for o in held if isinstance(o, mg.Tensor)]


# --- 4: no recursion -------------------------------------------------------------------


def run(program: str, seconds: float = 100) -> str:
    """A program of its own, so that a crash of the interpreter is a failure like others."""
    done = subprocess.run(
        [sys.executable, "-c", "import numpy as np, minigrad as mg\n" + textwrap.dedent(program)],
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.full
def test_a_chain_of_a_million_operations() -> None:
    out = run(
        """
        x = mg.Tensor(1.0, requires_grad=True)
        y = x
        for _ in range(500_000):
            y = y * 1.0 + 0.0
        y.backward()
        print(float(x.grad), float(mg.gradients(y, x)))
        del y
        print("destroyed")
        """
    )
    assert out.split() == ["1.0", "1.0", "destroyed"]


CHAINS = {
    "unary ops": "y = np.negative(y)",
    "metadata": "y = np.sum(y, axis=None)",
    "several outputs": "y = np.split(y.reshape(1), 1)[0].sum()",
    "both sides": "y = y + y * 0.0",
    "right side": "y = 0.5 + 1.0 * y",
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("line", CHAINS.values(), ids=CHAINS)
def test_long_chains_of_every_kind_of_node(line: str) -> None:
    out = run(
        f"""
        x = mg.Tensor(1.0, requires_grad=True)
        y = x
        for _ in range(50_000):
            {line}
        y.backward()
        del y
        f = lambda x: mg.gradients(x * x, x)
        print("ok", abs(float(x.grad)))
        """
    )
    assert out.split() == ["ok", "1.0"]


@pytest.mark.full
def test_long_chains_with_recorded_gradients() -> None:
    out = run(
        """
        def f(x):
            for _ in range(20_000):
                x = x * 1.0 + 0.0
            return x * x
        print(float(mg.grad(mg.grad(f))(3.0)), float(mg.jvp(f, (3.0,), (1.0,))[1]))
        x = mg.Tensor(3.0, requires_grad=True)
        g = mg.gradients(f(x), x, create_graph=True)
        del x, g
        with mg.debug():
            x = mg.Tensor(3.0, requires_grad=True)
            y = f(x)
            y.backward()
        print(float(x.grad))
        """
    )
    assert out.split() == ["2.0", "6.0", "6.0"]


def test_diamonds_are_linear_in_their_operations() -> None:
    """2^400 paths."""
    out = run(
        """
        def f(x):
            for _ in range(400):
                x = 0.5 * (x + x)
            return x * x
        print(float(mg.grad(f)(3.0)), float(mg.grad(mg.grad(f))(3.0)))
        """,
        seconds=30,
    )
    assert out.split() == ["6.0", "2.0"]


def test_one_leaf_used_by_many() -> None:
    x = leaf(2.0)
    total = sum((x * k for k in range(1000)), start=mg.Tensor(0.0))
    total.backward()
    assert x.grad == 499_500.0


# --- 5: right or an error --------------------------------------------------------------


def test_data_are_read_only() -> None:
    t = leaf(V)
    for array in (
        t.data,
        (t * 2).data,
        t.numpy(),
        np.reshape(t, (3, 1)).data,
        t[1:].data,
        t.detach().data,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    assert not isinstance(leaf(1.0).data, np.ndarray)


def test_data_views_cannot_unlock_the_array() -> None:
    t = leaf(V)
    view = t.data
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.setflags(write=True)


def test_what_the_caller_passed_in_is_copied() -> None:
    source = V.copy()
    t = leaf(source)
    constant = mg.Tensor(source)
    y = (t**2 * constant).sum()
    source[:] = 100
    y.backward()
    np.testing.assert_allclose(t.grad, 2 * V * V)
    np.testing.assert_array_equal(t.data, V)
    assert source.flags.writeable


def test_replacing_data_leaves_recorded_graphs_intact() -> None:
    t = leaf(V)
    y = (t**2).sum()
    t.data = np.full(3, 100.0)
    y.backward()
    np.testing.assert_allclose(t.grad, 2 * V)
    t.grad = None
    (t**2).sum().backward()
    np.testing.assert_allclose(t.grad, 200.0)
    new = np.ones(3)
    t.data = new
    new[0] = 7
    np.testing.assert_array_equal(t.data, 1.0)


def test_outputs_do_not_alias_what_can_be_written() -> None:
    """An op that returns a view of a caller's array must not let it change the Tensor."""
    t = leaf(V)
    seed = np.ones(3)
    (t * 1).backward(seed)
    seed[:] = 5
    np.testing.assert_array_equal(t.grad, 1.0)
    held = V.copy()
    _, pullback = mg.vjp(lambda x: x * x, held)
    held[:] = 100
    np.testing.assert_array_equal(pullback(np.ones(3))[0], 2 * V)


def test_locking_results_leaves_the_callers_arrays_writable() -> None:
    x = V.copy()
    t = leaf(1.0)
    for result in (np.broadcast_to(t, (3,)) + x, np.where(x > 0, x, t), t * x, np.maximum(x, t)):
        assert result.requires_grad
    mg.grad(lambda a: (a * x).sum())(x)
    mg.Tensor(x)
    assert x.flags.writeable


def test_in_place_operators_rebind_and_never_write() -> None:
    t = leaf(V)
    before = t
    y = (t**2).sum()
    t += 1
    t *= 2
    assert t is not before
    np.testing.assert_array_equal(before.data, V)
    y.backward()
    np.testing.assert_allclose(before.grad, 2 * V)


MUTATIONS = {
    "constant": lambda t, c, m: (t * c, c),
    "constant on the left": lambda t, c, m: (c - t * c, c),
    "constant of a function": lambda t, c, m: (np.maximum(t, c), c),
    "constant matrix": lambda t, c, m: (np.eye(3) @ (t * c), c),
    "data": lambda t, c, m: (t**2, t.data),
    "data of a result": lambda t, c, m: (lambda e: (e.sum(), e.data))(np.exp(t)),
}


def change(array: Any) -> None:
    """NumPy's ``ufunc.at`` writes even where writing is locked, in some versions."""
    try:
        np.logical_xor.at(array, [0], True) if array.dtype == bool else np.add.at(array, [0], 3.0)
    except ValueError:
        pytest.skip("this NumPy refuses")


@pytest.mark.parametrize("make", MUTATIONS.values(), ids=MUTATIONS)
def test_debug_detects_what_changed(make: Any) -> None:
    t, c, m = leaf(V, name="t"), np.full(3, 1.5), np.array([True, False, True])
    with mg.debug():
        y, changed = make(t, c, m)
        y = y.sum()
        y.backward()  # nothing has changed yet
        change(changed)
        with pytest.raises(RuntimeError, match=r"was changed after .*test_promises.py:\d+"):
            y.backward()
        with pytest.raises(RuntimeError, match="was changed after"):
            mg.gradients(y, t)


@pytest.mark.parametrize("make", [
    lambda t, m, shifts: np.sum(t, where=m),
    lambda t, m, shifts: (np.where(m, t, 0.0) * V).sum(),
    lambda t, m, shifts: (np.roll(t, shifts, axis=(0,)) * V).sum(),
    lambda t, m, shifts: (t[m] ** 2).sum(),
])  # fmt: skip
def test_metadata_changed_later_do_not_matter(make: Any) -> None:
    t, m, shifts = leaf(V), np.array([True, False, True]), [1]
    y = make(t, m, shifts)
    expected = mg.gradients(y, t)
    m[:], shifts[0] = True, 2
    np.testing.assert_array_equal(mg.gradients(y, t), expected)


def test_debug_names_the_variable_and_the_line() -> None:
    with mg.debug():
        weights, prices = leaf(V), np.ones(3)
        cost = (weights * prices).sum()
        prices[0] = 7
        with pytest.raises(RuntimeError) as caught:
            cost.backward()
    message = str(caught.value)
    assert message.startswith("prices was changed after weights * prices was recorded at ")
    assert "cost = (weights * prices).sum()" in message


def test_indices_that_change_afterwards_do_not_change_the_gradient() -> None:
    for make in (lambda: np.array([0, 1]), lambda: [0, 1], lambda: np.array([True, True, False])):
        t, index = leaf(V), make()
        y = (t[index] ** 2).sum()
        index[0] = index[1] if isinstance(index, list) or index.dtype != bool else False
        y.backward()
        np.testing.assert_allclose(t.grad, [2.0, 4.0, 0.0])


def test_an_op_without_derivative_is_an_error_not_a_zero() -> None:
    f = mg.defop("f", lambda x, n: x * n, [lambda g, ans, x, n: g * n, None])
    with pytest.raises(TypeError, match=r"f\(.*no derivative exists with respect to n"):
        f(leaf(V), leaf(V))
    f(leaf(V), V)


# --- 6: dtypes -------------------------------------------------------------------------

f16, f32, f64 = np.float16, np.float32, np.float64
PROMOTIONS = [
    (f32, f32, f32), (f32, f64, f64), (f64, f32, f64), (f16, f32, f32), (f16, f16, f16),
    (f32, float, f32), (f32, int, f32), (f32, bool, f32), (f16, float, f16), (f64, int, f64),
    (f32, np.int8, f32), (f32, np.int64, f64), (f32, np.bool_, f32),
]  # fmt: skip


@pytest.mark.parametrize("kind, other, result", PROMOTIONS)
@pytest.mark.parametrize(
    "op", ["add", "multiply", "divide", "maximum", "power", "arctan2", "hypot"]
)
def test_promotion_is_numpys_and_gradients_keep_their_leaf(
    kind: Any, other: Any, result: Any, op: str
) -> None:
    x = np.array([1, 2, 3], kind)
    y: Any = other(2) if other in (float, int, bool) else np.array([1, 1, 0], other) + other(1)
    f = getattr(np, op)
    for pair in ((x, y), (y, x)):
        expected = f(*pair)
        t = leaf(x)
        out = f(*[t if a is x else a for a in pair])
        assert out.dtype == expected.dtype == result
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(out.data, expected)
            out.sum().backward()
        assert t.grad.dtype == kind


def test_scalar_leaves_keep_their_dtype() -> None:
    for kind in (f16, f32, f64):
        t = leaf(kind(2))
        y = t * t * 3 + 1
        y.backward()
        assert y.dtype == t.grad.dtype == kind
    assert leaf(2).dtype == f64
    assert (leaf(f32(2)) * leaf(V)).dtype == f64


def test_mixed_leaves_each_keep_their_own() -> None:
    a, b = leaf(V.astype(f32)), leaf(V)
    loss = (a * b + np.exp(a)).sum()
    assert loss.dtype == f64
    loss.backward()
    assert (a.grad.dtype, b.grad.dtype) == (f32, f64)
    second = mg.gradients((a**2 * b).sum(), [a, b], create_graph=True)
    assert [g.dtype for g in second] == [f32, f64]


def test_no_gradient_flows_through_integers() -> None:
    x = leaf(V)
    assert not x.astype(int).requires_grad
    assert x.astype(f32).requires_grad
    (x.astype(f32) ** 2).sum().backward()
    assert x.grad.dtype == f64


# --- 7: threads ------------------------------------------------------------------------


def in_a_thread(work: Any) -> Any:
    results: list[Any] = []

    def target() -> None:
        try:
            results.append(work())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def test_no_grad_stays_in_its_thread() -> None:
    x = leaf(V)
    with mg.no_grad():
        assert in_a_thread(lambda: (x * 2).requires_grad)
        assert in_a_thread(lambda: np.exp(x).requires_grad)
        assert not (x * 2).requires_grad
    entered, done = threading.Event(), threading.Event()

    def hold() -> None:
        with mg.no_grad():
            entered.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(10)
    assert (x * 2).requires_grad
    assert mg.grad(lambda a: (a**2).sum())(V)[1] == 4.0
    done.set()
    thread.join()


def test_debug_stays_in_its_thread() -> None:
    def nan() -> Any:
        with np.errstate(all="ignore"):
            return np.log(leaf(-1.0)).item()

    with mg.debug():
        assert np.isnan(in_a_thread(nan))
        with pytest.raises(FloatingPointError):
            nan()
    assert np.isnan(nan())


def test_concurrent_gradients_are_right() -> None:
    shared = leaf(np.linspace(0.1, 1.0, 50))
    wrong: list[Any] = []

    def work(k: float) -> None:
        for _ in range(30):
            f = lambda x: (np.sin(x * k) ** 2).sum()
            found = mg.gradients(f(shared), shared)
            if not np.allclose(found, k * np.sin(2 * k * shared.data), rtol=1e-10):
                wrong.append(k)
            with mg.no_grad():
                if f(shared).requires_grad:
                    wrong.append("recorded")
            if not np.allclose(np.diag(mg.hessian(f)(V)), 2 * k**2 * np.cos(2 * k * V)):
                wrong.append("hessian")

    threads = [threading.Thread(target=work, args=(float(k),)) for k in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    from minigrad.graph import modes

    assert not modes.special


# --- 8: errors in the user's words (the catalogue is in test_bad_input.py) -------------


def test_errors_call_things_by_the_users_names() -> None:
    X, W = leaf(np.ones((32, 16))), leaf(np.ones((8, 16)))
    with pytest.raises(ValueError) as caught:
        X @ W
    assert str(caught.value) == (
        "X @ W: X (32, 16) and W (8, 16) do not align: 16 != 8; did you mean W.T?"
    )


def test_a_given_name_wins_over_the_variable() -> None:
    X, W = leaf(np.ones((2, 3)), name="features"), np.ones((2, 3))
    with pytest.raises(ValueError, match=r"^features @ W: .* did you mean W.T\?"):
        X @ W


# --- 9: where NaNs come from -----------------------------------------------------------


def provenance(f: Any) -> str:
    with mg.debug(), pytest.raises(FloatingPointError) as caught:
        f()
    return str(caught.value)


def test_forward_provenance() -> None:
    prices = leaf(np.array([-1.0, 2.0]))
    message = provenance(lambda: np.log(prices * 1.0).sum())
    assert "log(" in message and "NaN" in message and "test_promises.py" in message
    message = provenance(lambda: 1 / (prices - prices))
    assert "1 / " in message and "infinity" in message
    rate = leaf(0.0)
    assert "log(rate) made infinity" in provenance(lambda: np.log(rate))


def test_forward_provenance_blames_the_first_op_only() -> None:
    x = leaf(np.array([np.nan, 1.0]))
    with mg.debug():
        assert np.isnan(np.exp(x).sum().item())


def test_backward_provenance() -> None:
    side = leaf(np.array([0.0, 4.0]))

    def f() -> None:
        length = np.sqrt(side)
        length.sum().backward()

    message = provenance(f)
    assert "the derivative of sqrt(side) made infinity" in message
    assert "length = np.sqrt(side)" in message


def test_the_where_trap_is_explained() -> None:
    x = leaf(np.array([0.0, 4.0]))
    message = provenance(lambda: np.where(x > 0, np.sqrt(x), 0.0).sum().backward())
    assert "the derivative of sqrt(x) made NaN" in message
    assert "np.where(ok, f(np.where(ok, x, 1)), other)" in message
    with mg.debug():  # the remedy works
        np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0.0).sum().backward()
    np.testing.assert_allclose(x.grad, [0.0, 0.25])


def test_provenance_in_second_derivatives() -> None:
    message = provenance(lambda: mg.grad(mg.grad(lambda x: x**1.5))(0.0))
    assert "derivative of" in message


def test_leaves_have_no_graph() -> None:
    assert type(leaf(1.0).node) is Leaf


def test_nothing_is_noted_outside_debug() -> None:
    assert not hasattr((leaf(V) * 2).node, "where")
