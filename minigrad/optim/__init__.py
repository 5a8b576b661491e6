"""Optimisers, schedules, clipping, and gradient descent as a function."""

from minigrad.ops.glossary import document as _document
from minigrad.optim.clipping import clip_grad_norm as clip_grad_norm
from minigrad.optim.clipping import clip_grad_value as clip_grad_value
from minigrad.optim.descent import Batches as Batches
from minigrad.optim.descent import minimize as minimize
from minigrad.optim.formulas import SGD as SGD
from minigrad.optim.formulas import Adagrad as Adagrad
from minigrad.optim.formulas import Adam as Adam
from minigrad.optim.formulas import AdamW as AdamW
from minigrad.optim.formulas import Lion as Lion
from minigrad.optim.formulas import RMSprop as RMSprop
from minigrad.optim.groups import decay_groups as decay_groups
from minigrad.optim.history import History as History
from minigrad.optim.history import Row as Row
from minigrad.optim.lbfgs import lbfgs as lbfgs
from minigrad.optim.optimisers import Optimiser as Optimiser
from minigrad.optim.schedules import cosine as cosine
from minigrad.optim.schedules import linear as linear
from minigrad.optim.schedules import step_decay as step_decay
from minigrad.optim.schedules import warm_up as warm_up
from minigrad.optim.stopping import Divergence as Divergence
from minigrad.optim.stopping import Epochs as Epochs
from minigrad.optim.stopping import GradientNorm as GradientNorm
from minigrad.optim.stopping import LossBelow as LossBelow
from minigrad.optim.stopping import Patience as Patience
from minigrad.optim.stopping import Progress as Progress

_document(vars())
