"""The optimizers as optax gradient transformations, one a file as their definitions and
papers are in shared/definitions/optimizers.

One folder to lift: it needs jax and optax, nothing of this suite. `learning_rate` is a
number or a function of the number of updates done; `mask` a tree of True and False, or
a function of the parameters that gives one: which tensors the weight decay reaches.
What a state holds None of is not needed by its settings.
"""

from .adadelta import AdadeltaState as AdadeltaState
from .adadelta import adadelta as adadelta
from .adafactor import AdafactorState as AdafactorState
from .adafactor import adafactor as adafactor
from .adagrad import AdagradState as AdagradState
from .adagrad import adagrad as adagrad
from .adam import AdamState as AdamState
from .adam import adam as adam
from .adamax import AdamaxState as AdamaxState
from .adamax import adamax as adamax
from .adamw import adamw as adamw
from .adan import AdanState as AdanState
from .adan import adan as adan
from .clip import clip_by_norm as clip_by_norm
from .ema import EmaState as EmaState
from .ema import ema as ema
from .lamb import LAMBState as LAMBState
from .lamb import lamb as lamb
from .lars import LARSState as LARSState
from .lars import lars as lars
from .lion import LionState as LionState
from .lion import lion as lion
from .muon import MuonState as MuonState
from .muon import muon as muon
from .muon import orthogonal as orthogonal
from .nadam import NAdamState as NAdamState
from .nadam import nadam as nadam
from .prodigy import ProdigyState as ProdigyState
from .prodigy import prodigy as prodigy
from .radam import RAdamState as RAdamState
from .radam import radam as radam
from .rmsprop import RMSpropState as RMSpropState
from .rmsprop import rmsprop as rmsprop
from .rprop import RpropState as RpropState
from .rprop import rprop as rprop
from .sam import SAMState as SAMState
from .sam import sam as sam
from .schedule_free import ScheduleFreeAdamWState as ScheduleFreeAdamWState
from .schedule_free import schedule_free_adamw as schedule_free_adamw
from .schedule_free import schedule_free_evaluated as schedule_free_evaluated
from .sgd import SGDState as SGDState
from .sgd import sgd as sgd
from .shampoo import ShampooState as ShampooState
from .shampoo import shampoo as shampoo
from .sophia import SophiaGState as SophiaGState
from .sophia import sophiag as sophiag
