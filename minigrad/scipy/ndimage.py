"""`scipy.ndimage`: filters, and values of an array between its places."""

from minigrad.scipy.calling import absent
from minigrad.scipy.filters import convolve as convolve
from minigrad.scipy.filters import convolve1d as convolve1d
from minigrad.scipy.filters import correlate as correlate
from minigrad.scipy.filters import correlate1d as correlate1d
from minigrad.scipy.filters import laplace as laplace
from minigrad.scipy.filters import maximum_filter as maximum_filter
from minigrad.scipy.filters import minimum_filter as minimum_filter
from minigrad.scipy.filters import prewitt as prewitt
from minigrad.scipy.filters import sobel as sobel
from minigrad.scipy.filters import uniform_filter as uniform_filter
from minigrad.scipy.filters import uniform_filter1d as uniform_filter1d
from minigrad.scipy.gaussians import gaussian_filter as gaussian_filter
from minigrad.scipy.gaussians import gaussian_filter1d as gaussian_filter1d
from minigrad.scipy.gaussians import gaussian_gradient_magnitude as gaussian_gradient_magnitude
from minigrad.scipy.gaussians import gaussian_laplace as gaussian_laplace
from minigrad.scipy.splines import affine_transform as affine_transform
from minigrad.scipy.splines import map_coordinates as map_coordinates
from minigrad.scipy.splines import rotate as rotate
from minigrad.scipy.splines import shift as shift
from minigrad.scipy.splines import spline_filter as spline_filter
from minigrad.scipy.splines import spline_filter1d as spline_filter1d
from minigrad.scipy.splines import zoom as zoom

__all__ = [
    "affine_transform", "convolve", "convolve1d", "correlate", "correlate1d", "gaussian_filter",
    "gaussian_filter1d", "gaussian_gradient_magnitude", "gaussian_laplace", "laplace",
    "map_coordinates", "maximum_filter", "minimum_filter", "prewitt", "rotate", "shift", "sobel",
    "spline_filter", "spline_filter1d", "uniform_filter", "uniform_filter1d", "zoom",
]  # fmt: skip
__getattr__, __dir__ = absent("ndimage", __all__)
