"""Layer 0: the op record, the registry and every rule, by family."""

from collections.abc import Hashable

import numpy as np

from minigrad.ops import (
    chains,
    determinants,
    eigen,
    factorisations,
    fourier,
    matrices,
    norms,
    record,
)
from minigrad.ops.building import *
from minigrad.ops.building import c_, r_, vectorize
from minigrad.ops.choosing import *
from minigrad.ops.diagonals import *
from minigrad.ops.einsum import *
from minigrad.ops.elementwise import *
from minigrad.ops.extremes import *
from minigrad.ops.indexing import *
from minigrad.ops.joining import *
from minigrad.ops.kinds import *
from minigrad.ops.moments import *
from minigrad.ops.order import *
from minigrad.ops.padding import *
from minigrad.ops.polynomials import *
from minigrad.ops.products import *
from minigrad.ops.quantiles import *
from minigrad.ops.reduction import *
from minigrad.ops.sampled import *
from minigrad.ops.scan import *
from minigrad.ops.sets import *
from minigrad.ops.shape import *
from minigrad.ops.softmax import *
from minigrad.ops.sorting import *
from minigrad.ops.special import *
from minigrad.ops.statistics import *
from minigrad.ops.windows import *

for _name, _function in list(vars(np).items()):  # NumPy's own aliases: pow, acos, concat, ...
    if isinstance(_function, Hashable) and _function in record.implementations:
        record.public.setdefault(_name, record.implementations[_function])
        globals().setdefault(_name, record.implementations[_function])

__all__ = ["c_", "r_", "vectorize", *(name for name in record.public if "." not in name)]
