"""SciPy's functions by SciPy's names, differentiable: a mirror, imported by name only.

SciPy's own functions take arrays and no others; those here take Tensors too, and answer as
SciPy does for arrays.  Needs SciPy: ``pip install 'minigrad[scipy]'``.

Examples
--------
>>> import minigrad as mg
>>> from minigrad.scipy import stats
>>> print(f"{float(mg.grad(lambda s: stats.norm.logpdf(1.0, 0.0, s))(2.0)):.4f}")
-0.3750
"""

try:
    import scipy as _scipy
except ImportError as error:  # pragma: no cover
    raise ImportError("minigrad.scipy needs SciPy: pip install 'minigrad[scipy]'") from error

from minigrad.scipy import integrate as integrate
from minigrad.scipy import interpolate as interpolate
from minigrad.scipy import linalg as linalg
from minigrad.scipy import ndimage as ndimage
from minigrad.scipy import optimize as optimize
from minigrad.scipy import signal as signal
from minigrad.scipy import sparse as sparse
from minigrad.scipy import special as special
from minigrad.scipy import stats as stats
