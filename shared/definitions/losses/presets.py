"""Losses by name."""

from shared.definitions.losses.base import Loss
from shared.definitions.losses.classes import (
    KL,
    NLL,
    BinaryCrossEntropy,
    CrossEntropy,
    DenseCrossEntropy,
    Focal,
    Hinge,
    MulticlassHinge,
)
from shared.definitions.losses.distances import Contrastive, CosineEmbedding, Triplet
from shared.definitions.losses.distributions import EvidenceLowerBound
from shared.definitions.losses.numbers import MAE, MBE, MSE, Huber
from shared.definitions.losses.sequences import CTC
from shared.errors import unknown

LOSSES: dict[str, Loss] = {
    "mse": MSE(),
    "mae": MAE(),
    "mbe": MBE(),
    "huber": Huber(),
    "huber_half": Huber(delta=0.5),
    "cross_entropy": CrossEntropy(),
    "cross_entropy_smooth": CrossEntropy(label_smoothing=0.1, ignore=-100),
    "cross_entropy_weighted": CrossEntropy(class_weights=(1.0, 0.5, 2.0, 0.0, 3.5)),
    "cross_entropy_all": CrossEntropy(
        label_smoothing=0.2, class_weights=(1.0, 0.3, 2.0, 0.1, 3.5), ignore=1
    ),
    "nll": NLL(),
    "nll_weighted": NLL(class_weights=(1.0, 0.5, 2.0, 0.0, 3.5), ignore=-1),
    "dense_cross_entropy": DenseCrossEntropy(),
    "kl": KL(),
    "binary_cross_entropy": BinaryCrossEntropy(),
    "binary_cross_entropy_weighted": BinaryCrossEntropy(
        pos_weight=(1.0, 0.3, 5.0, 2.0, 0.0)
    ),
    "focal": Focal(),
    "focal_even": Focal(gamma=0.5, alpha=None),
    "hinge": Hinge(),
    "multiclass_hinge": MulticlassHinge(),
    "multiclass_hinge_wide": MulticlassHinge(margin=2.5),
    "contrastive": Contrastive(margin=3.0),
    "triplet": Triplet(),
    "triplet_distances": Triplet(margin=1.0, squared=False),
    "cosine_embedding": CosineEmbedding(),
    "cosine_embedding_margin": CosineEmbedding(margin=0.3),
    "evidence_lower_bound": EvidenceLowerBound(),
    "evidence_lower_bound_gaussian": EvidenceLowerBound(
        likelihood="gaussian", beta=4.0
    ),
    "ctc": CTC(),
}


def loss(name: str) -> Loss:
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]
