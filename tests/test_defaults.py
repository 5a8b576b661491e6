"""What is not given has the value that NumPy, SciPy and PyTorch document."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.stats

import minigrad as mg
import minigrad.scipy.stats
from minigrad.batch import rules as batched
from minigrad.onnx import rules as written
from minigrad.ops.record import Op, implementations, registry
from minigrad.program.rules import rules

UNGIVEN = {"keepdims": False, "where": True, "axis": -1}
"""What NumPy's marker for "no value" stands for; None for all others."""

OTHERS = {
    ("reshape", "shape"): "NumPy asks for it, but under an older name, too",
    ("fixed_point", "xtol"): "the gradient needs a point closer than SciPy's",
    ("odeint", "rtol"): "None stands for SciPy's own",
    ("odeint", "atol"): "None stands for SciPy's own",
    ("solve_ivp", "args"): "no arguments, in both",
    **{
        (name, tolerance): "None stands for SciPy's own"
        for name in ("bisect", "brenth", "brentq", "ridder", "toms748")
        for tolerance in ("xtol", "rtol")
    },
}


def defaults(function: Any) -> dict[str, Any]:
    try:
        found = inspect.signature(function).parameters.items()
    except (ValueError, TypeError):  # a few functions written in C tell nothing
        return {}
    return {name: p.default for name, p in found}


def peers() -> Iterator[tuple[Any, Any]]:
    """Functions of NumPy and SciPy, and ours."""
    yield from ((f, ours) for f, ours in implementations.items() if not isinstance(f, tuple))
    for found in pkgutil.walk_packages(minigrad.scipy.__path__, "minigrad.scipy."):
        ours = importlib.import_module(found.name)
        try:
            theirs = importlib.import_module(found.name.removeprefix("minigrad."))
        except ImportError:  # helpers of ours
            continue
        for name in vars(ours):
            if callable(function := getattr(theirs, name, None)):
                yield function, getattr(ours, name)


def test_what_is_not_given_is_what_numpy_and_scipy_take() -> None:
    compared = 0
    for theirs, ours in peers():
        own = defaults(ours)
        for name, value in defaults(theirs).items():
            if name not in own or name == "out" or (theirs.__name__, name) in OTHERS:
                continue
            if type(value).__name__ == "_NoValueType" and own[name] is not value:
                value = UNGIVEN.get(name)
            assert type(own[name]) is type(value), (theirs, name)
            assert own[name] is value or own[name] == value, (theirs, name)
            compared += 1
    assert compared > 1400


def rules_of(op: Op) -> Iterator[Any]:
    """What derives, exports, batches, compiles and explains an op."""
    vjps = op.vjps if isinstance(op.vjps, tuple) else (op.vjps,)
    yield from (*vjps, op.jvp, *(op.kink or ()), *(op.regular or ()), *op.half_square)
    yield from (written.RULES.get(op), batched.RULES.get(op))
    yield from rules("run", "read", "lower", "formula").get(op, ())


ASKED = {"keepdims": False, "where": True, "initial": None}
"""What stands for NumPy's marker for "no value", where a rule has to ask for it."""


def test_what_is_not_given_to_an_op_is_not_given_to_its_rules() -> None:
    numpys = {ours: theirs for theirs, ours in peers() if isinstance(ours, Op)}
    compared, none = 0, inspect.Parameter.empty
    for op in registry.values():
        own = defaults(numpys.get(op)) | defaults(inspect.unwrap(op.forward))
        for rule in filter(None, rules_of(op)):
            for name, value in defaults(rule).items():
                if value is none or own.get(name, none) is none:
                    continue
                assert value in (own[name], ASKED.get(name, own[name])), (op, rule, name)
                compared += 1
    assert compared > 150


USUAL = {
    "affine": True, "align_corners": False, "alpha": 1.0, "axis": -1, "beta": 1.0, "bias": True,
    "blank": 0, "ceil_mode": False, "count_include_pad": True, "delta": 1.0, "dilation": 1,
    "dropout": 0.0, "elementwise_affine": True, "enable_gqa": False, "eps": 1e-5, "full": False,
    "groups": 1, "include_last_offset": False, "is_causal": False, "keepdims": False,
    "lambd": 0.5, "layer_norm_eps": 1e-5, "max_val": 1.0, "min_val": -1.0, "momentum": 0.1,
    "n_power_iterations": 1, "negative_slope": 0.01, "norm_first": False, "num_parameters": 1,
    "output_padding": 0, "padding": 0, "recompute_scale_factor": False, "return_indices": False,
    "stride": 1, "swap": False, "track_running_stats": True, "zero_infinity": False,
    "label_smoothing": 0.0, "log_input": True, "has_aux": False, "strength": 1.0, "margin": 1.0,
    "value": 0.0,
}  # fmt: skip
"""Defaults of PyTorch's layers, functions and losses, as its documentation gives them, where no
other one stands below."""

OWN: dict[str, dict[str, Any]] = {
    **{n: {"p": 0.5} for n in "AlphaDropout FeatureAlphaDropout".split()},
    **{n: {"p": 0.5} for n in "alpha_dropout feature_alpha_dropout".split()},
    **{
        n: {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
        for n in ("LocalResponseNorm", "local_response_norm")
    },
    **{n: {"lower": 1 / 8, "upper": 1 / 3, "training": False} for n in ("rrelu", "RReLU")},
    **{
        n: {"num_layers": 1, "batch_first": False, "bidirectional": False}
        for n in ("RNN", "GRU", "LSTM")
    },
    **{f"{n}Pad": {"value": 0.0} for n in "Constant Zero Reflection Replication Circular".split()},
    "pad": {"value": 0.0},
    "pdist": {"p": 2.0},
    "gumbel_softmax": {"tau": 1.0, "hard": False},
    "one_hot": {"num_classes": -1},
    "Flatten": {"start_dim": 1, "end_dim": -1},
    "CosineSimilarity": {"axis": 1, "eps": 1e-8},
    "PairwiseDistance": {"p": 2.0, "eps": 1e-6},
    "InstanceNorm": {"affine": False},
    "Dropout": {"p": 0.5},
    "dropout": {"p": 0.5},
    "PReLU": {"init": 0.25},
    "SpectralNorm": {"eps": 1e-12},
    "TransformerEncoderLayer": {"dim_feedforward": 2048},
    "cosine_similarity": {"axis": 1, "eps": 1e-8},
    "normalize": {"p": 2.0, "axis": 1, "eps": 1e-12},
    "pairwise_distance": {"p": 2.0, "eps": 1e-6},
    "scaled_dot_product_attention": {"dropout_p": 0.0},
    "cosine_embedding": {"margin": 0.0},
    "margin_ranking": {"margin": 0.0},
    "gaussian_nll": {"eps": 1e-6},
    "multi_margin": {"p": 1},
    "poisson_nll": {"eps": 1e-8},
    "triplet_margin": {"p": 2.0, "eps": 1e-6},
}

OPTIMISERS: dict[str, dict[str, Any]] = {
    "Adagrad": {"lr": 0.01, "lr_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10},
    "Adam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False},
    "AdamW": {
        "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False, "weight_decay": 0.01,
    },
    "Lion": {"lr": 1e-4, "betas": (0.9, 0.99)},  # the paper's; Chen et al. 2023
    "RMSprop": {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "centered": False},
    "SGD": {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "nesterov": False},
}  # fmt: skip

SCHEDULES: dict[str, dict[str, Any]] = {
    "lbfgs": {"steps": 1000},
    "minimize": {"lr": 0.1, "momentum": 0.0},
    "Batches": {"size": 32},
    "Divergence": {"factor": 10.0},
    "Patience": {"delta": 0.0},
    "cosine": {"final": 0.0},
    "decay_groups": {"weight_decay": 0.01},
    "linear": {"final": 0.0},
    "step_decay": {"factor": 0.1},
    "warm_up": {"start": 0.1},
}


INITIAL: dict[str, dict[str, Any]] = {
    "uniform": {"low": 0.0, "high": 1.0},
    "normal": {"mean": 0.0, "std": 1.0},
    "xavier_uniform": {"gain": 1.0},
    "xavier_normal": {"gain": 1.0},
    "he_uniform": {"gain": math.sqrt(2)},
    "he_normal": {"gain": math.sqrt(2)},
}

JAX: dict[str, dict[str, Any]] = {
    "grad": {"argnums": 0, "has_aux": False, "holomorphic": False},
    "value_and_grad": {"argnums": 0, "has_aux": False, "holomorphic": False},
    "jacobian": {"argnums": 0, "holomorphic": False},
    "hessian": {"argnums": 0},
    "vmap": {"in_axes": 0, "out_axes": 0},
    "Tensor": {"requires_grad": False},
    "gradients": {"create_graph": False},
    "gradcheck": {"order": 1, "atol": 0.0, "seed": 0},
    "check_derivation": {"rtol": 1e-6, "atol": 1e-9},
    "buffer": {"fill": 0.0},
}
"""JAX's transformations, PyTorch's Tensors and gradients; minigrad's own checks."""


def named(module: ModuleType) -> Iterator[tuple[str, dict[str, Any]]]:
    """Public callables, and their defaults that are numbers or flags."""
    for name, function in vars(module).items():
        if not name.startswith("_") and callable(function):
            kinds = (int, float, bool, tuple)
            yield name, {k: v for k, v in defaults(function).items() if isinstance(v, kinds)}


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def test_layers_and_losses_have_the_defaults_that_pytorch_documents() -> None:
    compared = 0
    for module in (mg.nn, mg.nn.functional, mg.losses):
        for name, found in named(module):
            published = USUAL | OWN.get(name[:-2] if name[-2:] in ("1d", "2d", "3d") else name, {})
            for option, value in found.items():
                assert same(value, published[option]), (name, option)
                compared += 1
    assert compared > 150


def test_optimisers_have_the_published_defaults() -> None:
    for name, found in named(mg.optim):
        if name in OPTIMISERS:
            published = {"weight_decay": 0.0, "maximize": False} | OPTIMISERS[name]
            assert found.keys() == published.keys(), name
            assert all(same(found[option], published[option]) for option in found), name
        for option, value in SCHEDULES.get(name, {}).items():
            assert same(found[option], value), (name, option)


def test_initial_values_and_transformations_have_theirs() -> None:
    for module, table in ((mg.nn.init, INITIAL), (mg, JAX)):
        for name, published in table.items():
            found = defaults(getattr(module, name))
            for option, value in published.items():
                assert same(found[option], value), (name, option)


@pytest.mark.parametrize("name", ["multivariate_normal", "multivariate_t"])
def test_distributions_of_which_nothing_is_given(name: str) -> None:
    theirs, ours = getattr(scipy.stats, name), getattr(minigrad.scipy.stats, name)
    for method in ("logpdf", "pdf"):
        np.testing.assert_allclose(getattr(ours, method)([0.3]), getattr(theirs, method)([0.3]))
    if hasattr(ours, "entropy"):
        np.testing.assert_allclose(ours.entropy(), theirs.entropy())
