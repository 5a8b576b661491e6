"""Samples of indexing and selection."""

from __future__ import annotations

from samples import sample

sample("getitem", lambda x: x[1], (2, 3))
