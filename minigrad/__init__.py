from minigrad.tensor import Tensor, apply
from minigrad.graph import no_grad
from minigrad.ops import *
