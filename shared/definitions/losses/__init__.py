"""The losses, by kind. `value` and `gradient`, in NumPy, ARE the definition; every
`*_impl` is held against both."""

from shared.definitions.losses.base import Loss as Loss
from shared.definitions.losses.classes import KL as KL
from shared.definitions.losses.classes import NLL as NLL
from shared.definitions.losses.classes import BinaryCrossEntropy as BinaryCrossEntropy
from shared.definitions.losses.classes import CrossEntropy as CrossEntropy
from shared.definitions.losses.classes import DenseCrossEntropy as DenseCrossEntropy
from shared.definitions.losses.classes import Focal as Focal
from shared.definitions.losses.classes import Hinge as Hinge
from shared.definitions.losses.classes import MulticlassHinge as MulticlassHinge
from shared.definitions.losses.distances import Contrastive as Contrastive
from shared.definitions.losses.distances import CosineEmbedding as CosineEmbedding
from shared.definitions.losses.distances import Triplet as Triplet
from shared.definitions.losses.distributions import (
    EvidenceLowerBound as EvidenceLowerBound,
)
from shared.definitions.losses.distributions import Likelihood as Likelihood
from shared.definitions.losses.numbers import MAE as MAE
from shared.definitions.losses.numbers import MBE as MBE
from shared.definitions.losses.numbers import MSE as MSE
from shared.definitions.losses.numbers import Huber as Huber
from shared.definitions.losses.presets import LOSSES as LOSSES
from shared.definitions.losses.presets import loss as loss
from shared.definitions.losses.sequences import CTC as CTC
