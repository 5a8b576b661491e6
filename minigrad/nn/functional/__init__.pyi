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
def adaptive_avg_pool1d(x: Tensor, output_size: Any) -> Tensor: ...
@overload
def adaptive_avg_pool1d(x: ArrayLike, output_size: Any) -> Any: ...
@overload
def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor: ...
@overload
def adaptive_avg_pool2d(x: ArrayLike, output_size: Any) -> Any: ...
@overload
def adaptive_avg_pool3d(x: Tensor, output_size: Any) -> Tensor: ...
@overload
def adaptive_avg_pool3d(x: ArrayLike, output_size: Any) -> Any: ...
@overload
def adaptive_max_pool1d(x: Tensor, output_size: Any) -> Tensor: ...
@overload
def adaptive_max_pool1d(x: ArrayLike, output_size: Any) -> Any: ...
@overload
def adaptive_max_pool2d(x: Tensor, output_size: Any) -> Tensor: ...
@overload
def adaptive_max_pool2d(x: ArrayLike, output_size: Any) -> Any: ...
@overload
def adaptive_max_pool3d(x: Tensor, output_size: Any) -> Tensor: ...
@overload
def adaptive_max_pool3d(x: ArrayLike, output_size: Any) -> Any: ...
@overload
def avg_pool1d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    count_include_pad: Any = ...,
    ceil_mode: Any = ...,
) -> Tensor: ...
@overload
def avg_pool1d(
    x: ArrayLike,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    count_include_pad: Any = ...,
    ceil_mode: Any = ...,
) -> Any: ...
@overload
def avg_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    count_include_pad: Any = ...,
    ceil_mode: Any = ...,
    divisor_override: Any = ...,
) -> Tensor: ...
@overload
def avg_pool2d(
    x: ArrayLike,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    count_include_pad: Any = ...,
    ceil_mode: Any = ...,
    divisor_override: Any = ...,
) -> Any: ...
@overload
def avg_pool3d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    count_include_pad: Any = ...,
    ceil_mode: Any = ...,
    divisor_override: Any = ...,
) -> Tensor: ...
@overload
def avg_pool3d(
    x: ArrayLike,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    count_include_pad: Any = ...,
    ceil_mode: Any = ...,
    divisor_override: Any = ...,
) -> Any: ...
@overload
def batch_norm(
    x: Tensor,
    mean: Operand | None = ...,
    variance: Operand | None = ...,
    weight: Any = ...,
    bias: Any = ...,
    eps: Any = ...,
) -> Tensor: ...
@overload
def batch_norm(
    x: Operand,
    mean: Tensor,
    variance: Operand | None = ...,
    weight: Any = ...,
    bias: Any = ...,
    eps: Any = ...,
) -> Tensor: ...
@overload
def batch_norm(
    x: Operand,
    mean: Operand | None,
    variance: Tensor,
    weight: Any = ...,
    bias: Any = ...,
    eps: Any = ...,
) -> Tensor: ...
@overload
def batch_norm(
    x: ArrayLike,
    mean: Operand | None = ...,
    variance: Operand | None = ...,
    weight: Any = ...,
    bias: Any = ...,
    eps: Any = ...,
) -> Any: ...
@overload
def bilinear(x: Tensor, other: Any, weight: Any, bias: Any = ...) -> Tensor: ...
@overload
def bilinear(x: ArrayLike, other: Any, weight: Any, bias: Any = ...) -> Any: ...
@overload
def celu(x: Tensor, alpha: Any = ...) -> Tensor: ...
@overload
def celu(x: ArrayLike, alpha: Any = ...) -> Any: ...
@overload
def conv1d(
    x: Tensor,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    groups: Any = ...,
) -> Tensor: ...
@overload
def conv1d(
    x: ArrayLike,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    groups: Any = ...,
) -> Any: ...
@overload
def conv2d(
    x: Tensor,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    groups: Any = ...,
) -> Tensor: ...
@overload
def conv2d(
    x: ArrayLike,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    groups: Any = ...,
) -> Any: ...
@overload
def conv3d(
    x: Tensor,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    groups: Any = ...,
) -> Tensor: ...
@overload
def conv3d(
    x: ArrayLike,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    groups: Any = ...,
) -> Any: ...
@overload
def conv_transpose1d(
    x: Tensor,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    output_padding: Any = ...,
    groups: Any = ...,
    dilation: Any = ...,
) -> Tensor: ...
@overload
def conv_transpose1d(
    x: ArrayLike,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    output_padding: Any = ...,
    groups: Any = ...,
    dilation: Any = ...,
) -> Any: ...
@overload
def conv_transpose2d(
    x: Tensor,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    output_padding: Any = ...,
    groups: Any = ...,
    dilation: Any = ...,
) -> Tensor: ...
@overload
def conv_transpose2d(
    x: ArrayLike,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    output_padding: Any = ...,
    groups: Any = ...,
    dilation: Any = ...,
) -> Any: ...
@overload
def conv_transpose3d(
    x: Tensor,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    output_padding: Any = ...,
    groups: Any = ...,
    dilation: Any = ...,
) -> Tensor: ...
@overload
def conv_transpose3d(
    x: ArrayLike,
    weight: Any,
    bias: Any = ...,
    stride: Any = ...,
    padding: Any = ...,
    output_padding: Any = ...,
    groups: Any = ...,
    dilation: Any = ...,
) -> Any: ...
@overload
def cosine_similarity(x: Tensor, other: Any, axis: Axis = ..., eps: Any = ...) -> Tensor: ...
@overload
def cosine_similarity(x: ArrayLike, other: Any, axis: Axis = ..., eps: Any = ...) -> Any: ...
@overload
def dropout(x: Tensor, p: Operand | None = ..., rng: Any = ...) -> Tensor: ...
@overload
def dropout(x: Operand, p: Tensor, rng: Any = ...) -> Tensor: ...
@overload
def dropout(x: ArrayLike, p: Operand | None = ..., rng: Any = ...) -> Any: ...
def embedding(indices: Any, weight: Any, padding_idx: Any = ...) -> Tensor: ...
@overload
def fold(
    x: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = ...,
    padding: Any = ...,
    stride: Any = ...,
) -> Tensor: ...
@overload
def fold(
    x: ArrayLike,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = ...,
    padding: Any = ...,
    stride: Any = ...,
) -> Any: ...
@overload
def glu(x: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def glu(x: ArrayLike, axis: Axis = ...) -> Any: ...
@overload
def group_norm(
    x: Tensor, num_groups: Any, weight: Any = ..., bias: Any = ..., eps: Any = ...
) -> Tensor: ...
@overload
def group_norm(
    x: ArrayLike, num_groups: Any, weight: Any = ..., bias: Any = ..., eps: Any = ...
) -> Any: ...
@overload
def gru_cell(
    x: Tensor, h: Operand, weight_ih: Any, weight_hh: Any, bias_ih: Any = ..., bias_hh: Any = ...
) -> Tensor: ...
@overload
def gru_cell(
    x: Operand, h: Tensor, weight_ih: Any, weight_hh: Any, bias_ih: Any = ..., bias_hh: Any = ...
) -> Tensor: ...
@overload
def gru_cell(
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = ...,
    bias_hh: Any = ...,
) -> Any: ...
@overload
def hardshrink(x: Tensor, lambd: Any = ...) -> Tensor: ...
@overload
def hardshrink(x: ArrayLike, lambd: Any = ...) -> Any: ...
@overload
def hardsigmoid(x: Tensor) -> Tensor: ...
@overload
def hardsigmoid(x: ArrayLike) -> Any: ...
@overload
def hardswish(x: Tensor) -> Tensor: ...
@overload
def hardswish(x: ArrayLike) -> Any: ...
@overload
def hardtanh(x: Tensor, min_val: Any = ..., max_val: Any = ...) -> Tensor: ...
@overload
def hardtanh(x: ArrayLike, min_val: Any = ..., max_val: Any = ...) -> Any: ...
@overload
def instance_norm(x: Tensor, weight: Any = ..., bias: Any = ..., eps: Any = ...) -> Tensor: ...
@overload
def instance_norm(x: ArrayLike, weight: Any = ..., bias: Any = ..., eps: Any = ...) -> Any: ...
@overload
def interpolate(
    x: Tensor, size: Any = ..., scale_factor: Any = ..., mode: Any = ..., align_corners: Any = ...
) -> Tensor: ...
@overload
def interpolate(
    x: ArrayLike,
    size: Any = ...,
    scale_factor: Any = ...,
    mode: Any = ...,
    align_corners: Any = ...,
) -> Any: ...
@overload
def layer_norm(
    x: Tensor, axes: Any, weight: Any = ..., bias: Any = ..., eps: Any = ...
) -> Tensor: ...
@overload
def layer_norm(
    x: ArrayLike, axes: Any, weight: Any = ..., bias: Any = ..., eps: Any = ...
) -> Any: ...
@overload
def linear(x: Tensor, weight: Any, bias: Any = ...) -> Tensor: ...
@overload
def linear(x: ArrayLike, weight: Any, bias: Any = ...) -> Any: ...
@overload
def lstm_cell(
    x: Tensor, state: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = ..., bias_hh: Any = ...
) -> tuple[Tensor, Tensor]: ...
@overload
def lstm_cell(
    x: ArrayLike, state: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = ..., bias_hh: Any = ...
) -> tuple[Any, Any]: ...
@overload
def max_pool1d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    ceil_mode: Any = ...,
) -> Tensor: ...
@overload
def max_pool1d(
    x: ArrayLike,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    ceil_mode: Any = ...,
) -> Any: ...
@overload
def max_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    ceil_mode: Any = ...,
) -> Tensor: ...
@overload
def max_pool2d(
    x: ArrayLike,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    ceil_mode: Any = ...,
) -> Any: ...
@overload
def max_pool3d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    ceil_mode: Any = ...,
) -> Tensor: ...
@overload
def max_pool3d(
    x: ArrayLike,
    kernel_size: Any,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    ceil_mode: Any = ...,
) -> Any: ...
@overload
def mish(x: Tensor) -> Tensor: ...
@overload
def mish(x: ArrayLike) -> Any: ...
@overload
def normalize(x: Tensor, p: Operand | None = ..., axis: Axis = ..., eps: Any = ...) -> Tensor: ...
@overload
def normalize(x: Operand, p: Tensor, axis: Axis = ..., eps: Any = ...) -> Tensor: ...
@overload
def normalize(x: ArrayLike, p: Operand | None = ..., axis: Axis = ..., eps: Any = ...) -> Any: ...
@overload
def pairwise_distance(
    x: Tensor, other: Any, p: Operand | None = ..., eps: Any = ..., keepdims: bool = ...
) -> Tensor: ...
@overload
def pairwise_distance(
    x: Operand, other: Any, p: Tensor, eps: Any = ..., keepdims: bool = ...
) -> Tensor: ...
@overload
def pairwise_distance(
    x: ArrayLike, other: Any, p: Operand | None = ..., eps: Any = ..., keepdims: bool = ...
) -> Any: ...
@overload
def pixel_shuffle(x: Tensor, upscale_factor: Any) -> Tensor: ...
@overload
def pixel_shuffle(x: ArrayLike, upscale_factor: Any) -> Any: ...
@overload
def pixel_unshuffle(x: Tensor, downscale_factor: Any) -> Tensor: ...
@overload
def pixel_unshuffle(x: ArrayLike, downscale_factor: Any) -> Any: ...
@overload
def prelu(x: Tensor, weight: Any) -> Tensor: ...
@overload
def prelu(x: ArrayLike, weight: Any) -> Any: ...
@overload
def relu6(x: Tensor) -> Tensor: ...
@overload
def relu6(x: ArrayLike) -> Any: ...
@overload
def rms_norm(x: Tensor, axes: Any, weight: Any = ..., eps: Any = ...) -> Tensor: ...
@overload
def rms_norm(x: ArrayLike, axes: Any, weight: Any = ..., eps: Any = ...) -> Any: ...
@overload
def rnn_cell(
    x: Tensor,
    h: Operand,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = ...,
    bias_hh: Any = ...,
    nonlinearity: Any = ...,
) -> Tensor: ...
@overload
def rnn_cell(
    x: Operand,
    h: Tensor,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = ...,
    bias_hh: Any = ...,
    nonlinearity: Any = ...,
) -> Tensor: ...
@overload
def rnn_cell(
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = ...,
    bias_hh: Any = ...,
    nonlinearity: Any = ...,
) -> Any: ...
@overload
def scaled_dot_product_attention(
    query: Tensor,
    key: Operand,
    value: Any,
    attn_mask: Any = ...,
    dropout_p: Any = ...,
    is_causal: Any = ...,
    rng: Any = ...,
) -> Tensor: ...
@overload
def scaled_dot_product_attention(
    query: Operand,
    key: Tensor,
    value: Any,
    attn_mask: Any = ...,
    dropout_p: Any = ...,
    is_causal: Any = ...,
    rng: Any = ...,
) -> Tensor: ...
@overload
def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: Any,
    attn_mask: Any = ...,
    dropout_p: Any = ...,
    is_causal: Any = ...,
    rng: Any = ...,
) -> Any: ...
@overload
def selu(x: Tensor) -> Tensor: ...
@overload
def selu(x: ArrayLike) -> Any: ...
@overload
def softmin(x: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def softmin(x: ArrayLike, axis: Axis = ...) -> Any: ...
@overload
def softshrink(x: Tensor, lambd: Any = ...) -> Tensor: ...
@overload
def softshrink(x: ArrayLike, lambd: Any = ...) -> Any: ...
@overload
def softsign(x: Tensor) -> Tensor: ...
@overload
def softsign(x: ArrayLike) -> Any: ...
@overload
def tanhshrink(x: Tensor) -> Tensor: ...
@overload
def tanhshrink(x: ArrayLike) -> Any: ...
@overload
def threshold(x: Tensor, threshold: Any, value: Any) -> Tensor: ...
@overload
def threshold(x: ArrayLike, threshold: Any, value: Any) -> Any: ...
@overload
def unfold(
    x: Tensor, kernel_size: Any, dilation: Any = ..., padding: Any = ..., stride: Any = ...
) -> Tensor: ...
@overload
def unfold(
    x: ArrayLike, kernel_size: Any, dilation: Any = ..., padding: Any = ..., stride: Any = ...
) -> Any: ...
