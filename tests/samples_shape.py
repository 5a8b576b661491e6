"""Samples of functions that move elements about."""

from __future__ import annotations

import numpy as np

from samples import sample

sample("reshape", lambda x: np.reshape(x, (3, 2)), (2, 3))
