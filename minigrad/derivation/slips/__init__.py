"""What people do wrong when they differentiate, one small function for each slip."""

from minigrad.derivation.slips import entries, functions, local, neighbours, passes, paths, softmax
from minigrad.derivation.slips.registry import SLIPS as SLIPS
from minigrad.derivation.slips.registry import Slip as Slip

__all__ = [
    "SLIPS",
    "Slip",
    "entries",
    "functions",
    "local",
    "neighbours",
    "passes",
    "paths",
    "softmax",
]
