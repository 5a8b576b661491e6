"""`numpy.fft`'s names: differentiable Fourier transforms as ``mg.fft``.

NumPy's own functions, called on Tensors, are the same functions.  For type
checkers, ``name as name`` makes a name public.
"""

from numpy.fft import fftfreq as fftfreq
from numpy.fft import rfftfreq as rfftfreq

from minigrad.ops.fourier import fft as fft
from minigrad.ops.fourier import fft2 as fft2
from minigrad.ops.fourier import fftn as fftn
from minigrad.ops.fourier import fftshift as fftshift
from minigrad.ops.fourier import hfft as hfft
from minigrad.ops.fourier import ifft as ifft
from minigrad.ops.fourier import ifft2 as ifft2
from minigrad.ops.fourier import ifftn as ifftn
from minigrad.ops.fourier import ifftshift as ifftshift
from minigrad.ops.fourier import ihfft as ihfft
from minigrad.ops.fourier import irfft as irfft
from minigrad.ops.fourier import irfft2 as irfft2
from minigrad.ops.fourier import irfftn as irfftn
from minigrad.ops.fourier import rfft as rfft
from minigrad.ops.fourier import rfft2 as rfft2
from minigrad.ops.fourier import rfftn as rfftn
from minigrad.ops.glossary import document as _document

_document(vars())
