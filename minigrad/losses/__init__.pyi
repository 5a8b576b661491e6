"""Written by tests/stubs.py: what type checkers and editors know of this module."""

# mypy: disable-error-code="overload-overlap,overload-cannot-match"
# pyright: reportOverlappingOverload=false, reportInconsistentOverload=false
# ruff: noqa

from collections.abc import Sequence
from typing import Any, TypeAlias, overload

from numpy.typing import ArrayLike, DTypeLike, NDArray

from minigrad.tensor import Tensor

Array: TypeAlias = NDArray[Any]
Operand: TypeAlias = Tensor | ArrayLike
Axis: TypeAlias = int | Sequence[int] | None

@overload
def binary_cross_entropy(
    probability: Tensor, target: Operand, reduction: str = ..., weight: Any = ...
) -> Tensor: ...
@overload
def binary_cross_entropy(
    probability: Operand, target: Tensor, reduction: str = ..., weight: Any = ...
) -> Tensor: ...
@overload
def binary_cross_entropy(
    probability: ArrayLike, target: ArrayLike, reduction: str = ..., weight: Any = ...
) -> Any: ...
@overload
def binary_cross_entropy_with_logits(
    logit: Tensor, target: Operand, reduction: str = ..., weight: Any = ..., pos_weight: Any = ...
) -> Tensor: ...
@overload
def binary_cross_entropy_with_logits(
    logit: Operand, target: Tensor, reduction: str = ..., weight: Any = ..., pos_weight: Any = ...
) -> Tensor: ...
@overload
def binary_cross_entropy_with_logits(
    logit: ArrayLike,
    target: ArrayLike,
    reduction: str = ...,
    weight: Any = ...,
    pos_weight: Any = ...,
) -> Any: ...
@overload
def cosine_embedding(
    x: Tensor, other: Any, target: Operand, margin: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def cosine_embedding(
    x: Operand, other: Any, target: Tensor, margin: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def cosine_embedding(
    x: ArrayLike, other: Any, target: ArrayLike, margin: Any = ..., reduction: str = ...
) -> Any: ...
@overload
def cross_entropy(
    logits: Tensor,
    target: Operand,
    axis: Axis = ...,
    label_smoothing: Any = ...,
    reduction: str = ...,
    weight: Any = ...,
    ignore_index: Any = ...,
) -> Tensor: ...
@overload
def cross_entropy(
    logits: Operand,
    target: Tensor,
    axis: Axis = ...,
    label_smoothing: Any = ...,
    reduction: str = ...,
    weight: Any = ...,
    ignore_index: Any = ...,
) -> Tensor: ...
@overload
def cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    axis: Axis = ...,
    label_smoothing: Any = ...,
    reduction: str = ...,
    weight: Any = ...,
    ignore_index: Any = ...,
) -> Any: ...
@overload
def gaussian_nll(
    prediction: Tensor,
    target: Operand,
    variance: Operand,
    full: Any = ...,
    eps: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def gaussian_nll(
    prediction: Operand,
    target: Tensor,
    variance: Operand,
    full: Any = ...,
    eps: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def gaussian_nll(
    prediction: Operand,
    target: Operand,
    variance: Tensor,
    full: Any = ...,
    eps: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def gaussian_nll(
    prediction: ArrayLike,
    target: ArrayLike,
    variance: ArrayLike,
    full: Any = ...,
    eps: Any = ...,
    reduction: str = ...,
) -> Any: ...
@overload
def half_mse(prediction: Tensor, target: Operand) -> Tensor: ...
@overload
def half_mse(prediction: Operand, target: Tensor) -> Tensor: ...
@overload
def half_mse(prediction: ArrayLike, target: ArrayLike) -> Any: ...
@overload
def half_sum_squared_error(prediction: Tensor, target: Operand) -> Tensor: ...
@overload
def half_sum_squared_error(prediction: Operand, target: Tensor) -> Tensor: ...
@overload
def half_sum_squared_error(prediction: ArrayLike, target: ArrayLike) -> Any: ...
@overload
def hinge(score: Tensor, target: Operand, reduction: str = ...) -> Tensor: ...
@overload
def hinge(score: Operand, target: Tensor, reduction: str = ...) -> Tensor: ...
@overload
def hinge(score: ArrayLike, target: ArrayLike, reduction: str = ...) -> Any: ...
@overload
def hinge_embedding(
    distance: Tensor, target: Operand, margin: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def hinge_embedding(
    distance: Operand, target: Tensor, margin: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def hinge_embedding(
    distance: ArrayLike, target: ArrayLike, margin: Any = ..., reduction: str = ...
) -> Any: ...
@overload
def huber(
    prediction: Tensor, target: Operand, delta: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def huber(
    prediction: Operand, target: Tensor, delta: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def huber(
    prediction: ArrayLike, target: ArrayLike, delta: Any = ..., reduction: str = ...
) -> Any: ...
@overload
def kl_divergence(
    logits: Tensor, target: Operand, axis: Axis = ..., reduction: str = ...
) -> Tensor: ...
@overload
def kl_divergence(
    logits: Operand, target: Tensor, axis: Axis = ..., reduction: str = ...
) -> Tensor: ...
@overload
def kl_divergence(
    logits: ArrayLike, target: ArrayLike, axis: Axis = ..., reduction: str = ...
) -> Any: ...
def l1_penalty(parameters: Any, strength: Any = ...) -> Tensor: ...
def l2_penalty(parameters: Any, strength: Any = ...) -> Tensor: ...
@overload
def mae(prediction: Tensor, target: Operand, reduction: str = ...) -> Tensor: ...
@overload
def mae(prediction: Operand, target: Tensor, reduction: str = ...) -> Tensor: ...
@overload
def mae(prediction: ArrayLike, target: ArrayLike, reduction: str = ...) -> Any: ...
@overload
def margin_ranking(
    score: Tensor, other: Any, target: Operand, margin: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def margin_ranking(
    score: Operand, other: Any, target: Tensor, margin: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def margin_ranking(
    score: ArrayLike, other: Any, target: ArrayLike, margin: Any = ..., reduction: str = ...
) -> Any: ...
@overload
def mse(prediction: Tensor, target: Operand, reduction: str = ...) -> Tensor: ...
@overload
def mse(prediction: Operand, target: Tensor, reduction: str = ...) -> Tensor: ...
@overload
def mse(prediction: ArrayLike, target: ArrayLike, reduction: str = ...) -> Any: ...
@overload
def multiclass_hinge(
    scores: Tensor, target: Operand, margin: Any = ..., reduction: str = ..., weight: Any = ...
) -> Tensor: ...
@overload
def multiclass_hinge(
    scores: Operand, target: Tensor, margin: Any = ..., reduction: str = ..., weight: Any = ...
) -> Tensor: ...
@overload
def multiclass_hinge(
    scores: ArrayLike, target: ArrayLike, margin: Any = ..., reduction: str = ..., weight: Any = ...
) -> Any: ...
@overload
def nll(
    log_probability: Tensor,
    target: Operand,
    axis: Axis = ...,
    reduction: str = ...,
    weight: Any = ...,
    ignore_index: Any = ...,
) -> Tensor: ...
@overload
def nll(
    log_probability: Operand,
    target: Tensor,
    axis: Axis = ...,
    reduction: str = ...,
    weight: Any = ...,
    ignore_index: Any = ...,
) -> Tensor: ...
@overload
def nll(
    log_probability: ArrayLike,
    target: ArrayLike,
    axis: Axis = ...,
    reduction: str = ...,
    weight: Any = ...,
    ignore_index: Any = ...,
) -> Any: ...
@overload
def poisson_nll(
    prediction: Tensor,
    target: Operand,
    log_input: Any = ...,
    full: Any = ...,
    eps: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def poisson_nll(
    prediction: Operand,
    target: Tensor,
    log_input: Any = ...,
    full: Any = ...,
    eps: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def poisson_nll(
    prediction: ArrayLike,
    target: ArrayLike,
    log_input: Any = ...,
    full: Any = ...,
    eps: Any = ...,
    reduction: str = ...,
) -> Any: ...
@overload
def smooth_l1(
    prediction: Tensor, target: Operand, beta: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def smooth_l1(
    prediction: Operand, target: Tensor, beta: Any = ..., reduction: str = ...
) -> Tensor: ...
@overload
def smooth_l1(
    prediction: ArrayLike, target: ArrayLike, beta: Any = ..., reduction: str = ...
) -> Any: ...
@overload
def soft_margin(score: Tensor, target: Operand, reduction: str = ...) -> Tensor: ...
@overload
def soft_margin(score: Operand, target: Tensor, reduction: str = ...) -> Tensor: ...
@overload
def soft_margin(score: ArrayLike, target: ArrayLike, reduction: str = ...) -> Any: ...
@overload
def sum_squared_error(prediction: Tensor, target: Operand) -> Tensor: ...
@overload
def sum_squared_error(prediction: Operand, target: Tensor) -> Tensor: ...
@overload
def sum_squared_error(prediction: ArrayLike, target: ArrayLike) -> Any: ...
@overload
def triplet_margin(
    anchor: Tensor,
    positive: Operand,
    negative: Operand,
    margin: Any = ...,
    p: Operand | None = ...,
    eps: Any = ...,
    swap: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def triplet_margin(
    anchor: Operand,
    positive: Tensor,
    negative: Operand,
    margin: Any = ...,
    p: Operand | None = ...,
    eps: Any = ...,
    swap: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def triplet_margin(
    anchor: Operand,
    positive: Operand,
    negative: Tensor,
    margin: Any = ...,
    p: Operand | None = ...,
    eps: Any = ...,
    swap: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def triplet_margin(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    margin: Any,
    p: Tensor,
    eps: Any = ...,
    swap: Any = ...,
    reduction: str = ...,
) -> Tensor: ...
@overload
def triplet_margin(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: Any = ...,
    p: Operand | None = ...,
    eps: Any = ...,
    swap: Any = ...,
    reduction: str = ...,
) -> Any: ...
