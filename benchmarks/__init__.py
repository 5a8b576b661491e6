"""How fast minigrad is, next to hand-written NumPy and to its peers.

Thread counts are read when NumPy and its peers are first imported, so they are set here,
before anything else of this package.
"""

import os

THREADS = int(os.environ.setdefault("BENCHMARK_THREADS", "2"))

for variable in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NPROC",  # read by XLA, behind JAX
):
    os.environ[variable] = str(THREADS)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
