"""Handwritten digits of 8x8 pixels, black or white, and how probable each is.

The target, in nats a digit: what knows how often each pixel is white needs 25.1, an
even mixture of the ten digits' own such tables 20.5; a bound below 19.8 must know how
the pixels of one digit hang together.
"""

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.images import digits
from shared.definitions.losses import EvidenceLowerBound
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.generative.vae import VAESpec
from shared.tasks.base import Task, warmup_cosine


def data() -> Dataset:
    found = digits(flat=True)
    return Dataset(white(found.train), white(found.validation), white(found.test))


def white(split: Samples) -> Samples:
    """Give 1 where a pixel is at least half as bright as can be, and 0 elsewhere."""
    image = (split.inputs[0] >= 0.5).astype(np.float32)
    return Samples((image,), (image,))


def bound(y: Array, mean: Array, log_variance: Array, image: Array) -> float:
    """Give the bound on -log p(x), by one z a digit."""
    return float(EvidenceLowerBound().value((y, mean, log_variance), (image,)))


TASK = Task(
    name="digits_vae",
    title="digits of 8x8 pixels, variational autoencoder",
    data=data,
    spec=VAESpec(features=64, hidden=(128,), latent=10, activation="relu"),
    optimizer=Adam(lr=3e-3),
    schedule=warmup_cosine,
    metric=Metric("nats", bound, higher=False, takes=3),
    target=19.8,
    epochs=100,
    batch_size=64,
)
