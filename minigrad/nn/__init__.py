"""Layers, for models that outgrow a function."""

from minigrad.nn import functional, init
from minigrad.nn.attention import MultiHeadAttention, TransformerEncoderLayer
from minigrad.nn.convolution import AvgPool2d, Conv1d, Conv2d, MaxPool2d
from minigrad.nn.layers import (
    ELU,
    GELU,
    BatchNorm1d,
    BatchNorm2d,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minigrad.nn.module import Module
from minigrad.nn.recurrent import GRUCell, LSTMCell, RNNCell
