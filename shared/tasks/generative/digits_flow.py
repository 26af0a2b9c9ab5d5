"""Handwritten digits of 8x8 pixels by a flow, and how dense they are.

A pixel's 17 levels are spread over as many equal parts from 0 to 1, so that there is a
density: anew at each step in training, since a flow learns by heart what is spread
once (-74 nats of what it saw, -46 of what it did not), and once for what judges it.
The target, in nats a digit: what knows each pixel by itself, as a normal distribution,
comes to -31; a normal distribution of all pixels, with their covariances, to -50; what
is well below must know more than covariances tell.
"""

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.images import digits
from shared.definitions.optimizers import AdamW, ClipByGlobalNorm
from shared.objectives.flow import FlowLikelihood
from shared.objectives.plan import Metric
from shared.randomness import generator
from shared.specs.generative.flow import RealNVPSpec
from shared.tasks.base import Task, warmup_cosine

LEVELS = 17


def data() -> Dataset:
    found = digits(flat=True)
    parts = (found.train, found.validation, found.test)
    train, validation, test = (np.rint(s.inputs[0] * (LEVELS - 1)) for s in parts)
    return Dataset(alone(train), alone(spread(validation, 1)), alone(spread(test, 2)))


def spread(level: Array, number: int) -> Array:
    """Put each level somewhere in its part, evenly drawn."""
    return level + generator("spread", number).random(level.shape)


def alone(level: Array) -> Samples:
    image = (level / LEVELS).astype(np.float32)
    return Samples((image,), (image,))


def nats(score: Array, image: Array) -> float:
    return float(-score.mean())


TASK = Task(
    name="digits_flow",
    title="digits of 8x8 pixels, RealNVP",
    data=data,
    spec=RealNVPSpec(features=64, hidden=(64,), depth=8),
    objective=FlowLikelihood(levels=LEVELS),
    optimizer=AdamW(lr=2e-3, weight_decay=1.0),
    schedule=warmup_cosine,
    clip=ClipByGlobalNorm(limit=10.0),
    metric=Metric("nats", nats, higher=False, program="score"),
    target=-66.0,
    epochs=60,
    batch_size=64,
)
