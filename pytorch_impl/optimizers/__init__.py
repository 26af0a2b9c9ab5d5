"""The optimizers in PyTorch, one a file as their definitions and papers are in
shared/definitions/optimizers.

One folder to lift: it needs nothing of this suite. Every update runs over all tensors
of a group at once (torch._foreach_*), in place.
"""

from .adadelta import Adadelta as Adadelta
from .adafactor import Adafactor as Adafactor
from .adagrad import Adagrad as Adagrad
from .adam import Adam as Adam
from .adamax import Adamax as Adamax
from .adamw import AdamW as AdamW
from .adan import Adan as Adan
from .clip import clip_by_global_norm as clip_by_global_norm
from .clip import clip_by_norm as clip_by_norm
from .clip import clip_by_value as clip_by_value
from .ema import Ema as Ema
from .lamb import LAMB as LAMB
from .lars import LARS as LARS
from .lion import Lion as Lion
from .muon import Muon as Muon
from .muon import orthogonal as orthogonal
from .nadam import NAdam as NAdam
from .prodigy import Prodigy as Prodigy
from .radam import RAdam as RAdam
from .rmsprop import RMSprop as RMSprop
from .rprop import Rprop as Rprop
from .sam import SAM as SAM
from .schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
from .sgd import SGD as SGD
from .shampoo import Shampoo as Shampoo
from .sophia import SophiaG as SophiaG
