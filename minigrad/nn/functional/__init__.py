"""Layers without state: plain functions of inputs and parameters.

Every layer of `minigrad.nn` keeps parameters and calls the function here; where the
mathematics is, is here.  All of it is composed of ops, and so has derivatives of every
order.  Layouts and formulas are PyTorch's.
"""

from minigrad.nn.functional.activations import celu as celu
from minigrad.nn.functional.activations import glu as glu
from minigrad.nn.functional.activations import hardshrink as hardshrink
from minigrad.nn.functional.activations import hardsigmoid as hardsigmoid
from minigrad.nn.functional.activations import hardswish as hardswish
from minigrad.nn.functional.activations import hardtanh as hardtanh
from minigrad.nn.functional.activations import mish as mish
from minigrad.nn.functional.activations import prelu as prelu
from minigrad.nn.functional.activations import relu6 as relu6
from minigrad.nn.functional.activations import selu as selu
from minigrad.nn.functional.activations import softmin as softmin
from minigrad.nn.functional.activations import softshrink as softshrink
from minigrad.nn.functional.activations import softsign as softsign
from minigrad.nn.functional.activations import tanhshrink as tanhshrink
from minigrad.nn.functional.activations import threshold as threshold
from minigrad.nn.functional.attention import (
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from minigrad.nn.functional.bags import embedding_bag as embedding_bag
from minigrad.nn.functional.convolution import conv1d as conv1d
from minigrad.nn.functional.convolution import conv2d as conv2d
from minigrad.nn.functional.convolution import conv3d as conv3d
from minigrad.nn.functional.convolution import conv_transpose1d as conv_transpose1d
from minigrad.nn.functional.convolution import conv_transpose2d as conv_transpose2d
from minigrad.nn.functional.convolution import conv_transpose3d as conv_transpose3d
from minigrad.nn.functional.convolution import fold as fold
from minigrad.nn.functional.convolution import unfold as unfold
from minigrad.nn.functional.fractional import fractional_max_pool2d as fractional_max_pool2d
from minigrad.nn.functional.fractional import fractional_max_pool3d as fractional_max_pool3d
from minigrad.nn.functional.images import channel_shuffle as channel_shuffle
from minigrad.nn.functional.images import interpolate as interpolate
from minigrad.nn.functional.images import pad as pad
from minigrad.nn.functional.images import pixel_shuffle as pixel_shuffle
from minigrad.nn.functional.images import pixel_unshuffle as pixel_unshuffle
from minigrad.nn.functional.noise import alpha_dropout as alpha_dropout
from minigrad.nn.functional.noise import dropout as dropout
from minigrad.nn.functional.noise import dropout1d as dropout1d
from minigrad.nn.functional.noise import dropout2d as dropout2d
from minigrad.nn.functional.noise import dropout3d as dropout3d
from minigrad.nn.functional.noise import feature_alpha_dropout as feature_alpha_dropout
from minigrad.nn.functional.noise import gumbel_softmax as gumbel_softmax
from minigrad.nn.functional.noise import rrelu as rrelu
from minigrad.nn.functional.normalisation import batch_norm as batch_norm
from minigrad.nn.functional.normalisation import group_norm as group_norm
from minigrad.nn.functional.normalisation import instance_norm as instance_norm
from minigrad.nn.functional.normalisation import layer_norm as layer_norm
from minigrad.nn.functional.normalisation import local_response_norm as local_response_norm
from minigrad.nn.functional.normalisation import rms_norm as rms_norm
from minigrad.nn.functional.pooling import adaptive_avg_pool1d as adaptive_avg_pool1d
from minigrad.nn.functional.pooling import adaptive_avg_pool2d as adaptive_avg_pool2d
from minigrad.nn.functional.pooling import adaptive_avg_pool3d as adaptive_avg_pool3d
from minigrad.nn.functional.pooling import adaptive_max_pool1d as adaptive_max_pool1d
from minigrad.nn.functional.pooling import adaptive_max_pool2d as adaptive_max_pool2d
from minigrad.nn.functional.pooling import adaptive_max_pool3d as adaptive_max_pool3d
from minigrad.nn.functional.pooling import avg_pool1d as avg_pool1d
from minigrad.nn.functional.pooling import avg_pool2d as avg_pool2d
from minigrad.nn.functional.pooling import avg_pool3d as avg_pool3d
from minigrad.nn.functional.pooling import lp_pool1d as lp_pool1d
from minigrad.nn.functional.pooling import lp_pool2d as lp_pool2d
from minigrad.nn.functional.pooling import lp_pool3d as lp_pool3d
from minigrad.nn.functional.pooling import max_pool1d as max_pool1d
from minigrad.nn.functional.pooling import max_pool2d as max_pool2d
from minigrad.nn.functional.pooling import max_pool3d as max_pool3d
from minigrad.nn.functional.products import bilinear as bilinear
from minigrad.nn.functional.products import cosine_similarity as cosine_similarity
from minigrad.nn.functional.products import embedding as embedding
from minigrad.nn.functional.products import linear as linear
from minigrad.nn.functional.products import normalize as normalize
from minigrad.nn.functional.products import one_hot as one_hot
from minigrad.nn.functional.products import pairwise_distance as pairwise_distance
from minigrad.nn.functional.products import pdist as pdist
from minigrad.nn.functional.recurrent import gru_cell as gru_cell
from minigrad.nn.functional.recurrent import lstm_cell as lstm_cell
from minigrad.nn.functional.recurrent import rnn_cell as rnn_cell
from minigrad.nn.functional.sampling import affine_grid as affine_grid
from minigrad.nn.functional.sampling import grid_sample as grid_sample
from minigrad.nn.functional.sampling import max_unpool1d as max_unpool1d
from minigrad.nn.functional.sampling import max_unpool2d as max_unpool2d
from minigrad.nn.functional.sampling import max_unpool3d as max_unpool3d
from minigrad.ops.glossary import document as _document

_document(vars())
