"""The optimizers, one a file. What `step` does, in NumPy, IS the definition; every
`*_impl` is held against it."""

from shared.definitions.optimizers.adadelta import Adadelta as Adadelta
from shared.definitions.optimizers.adafactor import Adafactor as Adafactor
from shared.definitions.optimizers.adagrad import Adagrad as Adagrad
from shared.definitions.optimizers.adam import Adam as Adam
from shared.definitions.optimizers.adamax import Adamax as Adamax
from shared.definitions.optimizers.adamw import AdamW as AdamW
from shared.definitions.optimizers.adan import Adan as Adan
from shared.definitions.optimizers.base import COLUMNS as COLUMNS
from shared.definitions.optimizers.base import COLUMNS_COLUMNS as COLUMNS_COLUMNS
from shared.definitions.optimizers.base import LIKE as LIKE
from shared.definitions.optimizers.base import ROWS as ROWS
from shared.definitions.optimizers.base import ROWS_ROWS as ROWS_ROWS
from shared.definitions.optimizers.base import SHARED as SHARED
from shared.definitions.optimizers.base import TURNED as TURNED
from shared.definitions.optimizers.base import Optimizer as Optimizer
from shared.definitions.optimizers.base import State as State
from shared.definitions.optimizers.base import accumulated as accumulated
from shared.definitions.optimizers.base import excluded as excluded
from shared.definitions.optimizers.base import shape_of as shape_of
from shared.definitions.optimizers.clip import Clip as Clip
from shared.definitions.optimizers.clip import ClipByGlobalNorm as ClipByGlobalNorm
from shared.definitions.optimizers.clip import ClipByNorm as ClipByNorm
from shared.definitions.optimizers.clip import ClipByValue as ClipByValue
from shared.definitions.optimizers.ema import Ema as Ema
from shared.definitions.optimizers.lamb import LAMB as LAMB
from shared.definitions.optimizers.lars import LARS as LARS
from shared.definitions.optimizers.lion import Lion as Lion
from shared.definitions.optimizers.muon import Muon as Muon
from shared.definitions.optimizers.nadam import NAdam as NAdam
from shared.definitions.optimizers.presets import OPTIMIZERS as OPTIMIZERS
from shared.definitions.optimizers.presets import describe as describe
from shared.definitions.optimizers.presets import optimizer as optimizer
from shared.definitions.optimizers.prodigy import Prodigy as Prodigy
from shared.definitions.optimizers.radam import RAdam as RAdam
from shared.definitions.optimizers.rmsprop import RMSprop as RMSprop
from shared.definitions.optimizers.rprop import Rprop as Rprop
from shared.definitions.optimizers.sam import SAM as SAM
from shared.definitions.optimizers.schedule_free import (
    ScheduleFreeAdamW as ScheduleFreeAdamW,
)
from shared.definitions.optimizers.sgd import SGD as SGD
from shared.definitions.optimizers.shampoo import Shampoo as Shampoo
from shared.definitions.optimizers.sophia import SophiaG as SophiaG
