"""Layer 0: the op record, the registry and every rule, by family."""

from minigrad.ops import record
from minigrad.ops.elementwise import *
from minigrad.ops.indexing import *
from minigrad.ops.linalg import *
from minigrad.ops.reduction import *
from minigrad.ops.shape import *
from minigrad.ops.special import *
