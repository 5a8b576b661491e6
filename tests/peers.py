"""JAX, where it is installed: a test that asks it for something is skipped where it is not."""

from __future__ import annotations

import importlib
from typing import Any

import pytest


class Peer:
    """A module that is imported when it is first asked, so that other tests do without it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
        return getattr(importlib.import_module(self.name), attribute)


jax: Any = Peer("jax")
jnp: Any = Peer("jax.numpy")
