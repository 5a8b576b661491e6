"""A loss is a formula: how far predictions are from targets, as one number to make small.

Every function is composed of ops, so it works on Tensors and on plain arrays, and has
derivatives of every order.  What is checked is what broadcasting and indexing would let
pass in silence: shapes that differ, labels that cannot be.

``reduction`` says what becomes of the losses of the m elements or examples: ``"mean"``,
``"sum"``, or ``"none"`` to get them all.
"""

from minigrad.losses.classification import binary_cross_entropy as binary_cross_entropy
from minigrad.losses.classification import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from minigrad.losses.classification import cross_entropy as cross_entropy
from minigrad.losses.classification import hinge as hinge
from minigrad.losses.classification import kl_divergence as kl_divergence
from minigrad.losses.classification import multiclass_hinge as multiclass_hinge
from minigrad.losses.classification import nll as nll
from minigrad.losses.classification import soft_margin as soft_margin
from minigrad.losses.labels import ctc as ctc
from minigrad.losses.labels import multi_margin as multi_margin
from minigrad.losses.labels import multilabel_margin as multilabel_margin
from minigrad.losses.labels import multilabel_soft_margin as multilabel_soft_margin
from minigrad.losses.margins import cosine_embedding as cosine_embedding
from minigrad.losses.margins import hinge_embedding as hinge_embedding
from minigrad.losses.margins import margin_ranking as margin_ranking
from minigrad.losses.margins import triplet_margin as triplet_margin
from minigrad.losses.penalties import l1_penalty as l1_penalty
from minigrad.losses.penalties import l2_penalty as l2_penalty
from minigrad.losses.regression import gaussian_nll as gaussian_nll
from minigrad.losses.regression import half_mse as half_mse
from minigrad.losses.regression import half_sum_squared_error as half_sum_squared_error
from minigrad.losses.regression import huber as huber
from minigrad.losses.regression import mae as mae
from minigrad.losses.regression import mse as mse
from minigrad.losses.regression import poisson_nll as poisson_nll
from minigrad.losses.regression import smooth_l1 as smooth_l1
from minigrad.losses.regression import sum_squared_error as sum_squared_error
from minigrad.ops.glossary import document as _document

_document(vars())
