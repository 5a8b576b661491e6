"""Samples of linear algebra."""

from __future__ import annotations

import numpy as np

from samples import sample

sample("matmul", np.matmul, (2, 3), (3, 4))
