"""Optimisers, schedules, clipping, and gradient descent as a function."""

from minigrad.optim.clipping import clip_grad_norm, clip_grad_value
from minigrad.optim.descent import Batches, minimize
from minigrad.optim.history import History, Row
from minigrad.optim.lbfgs import lbfgs
from minigrad.optim.optimisers import SGD, Adagrad, Adam, AdamW, Lion, Optimiser, RMSprop
from minigrad.optim.schedules import cosine, step_decay, warm_up
from minigrad.optim.stopping import (
    Divergence,
    Epochs,
    GradientNorm,
    LossBelow,
    Patience,
    Progress,
)
