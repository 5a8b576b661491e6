"""Samples of Fourier transforms, of real arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples import sample


def joined(y: Any) -> Any:
    """Real and imaginary part, as real numbers."""
    return np.concatenate([np.real(y), np.imag(y)], -1)


for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    sample(f"fft.{name}", lambda x, f=getattr(np.fft, name): joined(f(x)), (4,))
for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"):
    sample(f"fft.{name}", lambda x, f=getattr(np.fft, name): joined(f(x)), (2, 3))
for name in ("fftshift", "ifftshift"):
    sample(f"fft.{name}", getattr(np.fft, name), (2, 3))
