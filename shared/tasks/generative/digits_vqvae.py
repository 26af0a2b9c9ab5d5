"""Handwritten digits of 8x8 pixels through four codes of 64, 24 bits a digit.

The target is a mean squared error of pixels. Their means come to 0.074, eight principal
components to 0.026, the nearest of 256 middles of clusters, 8 bits, to 0.0215, the
nearest of all 1,257 digits to train with to 0.019.
"""

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.images import digits
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.generative.vqvae import VQVAESpec
from shared.tasks.base import Task, warmup_cosine

CODES = 64


def data() -> Dataset:
    found = digits(flat=True)
    return Dataset(square(found.train), square(found.validation), square(found.test))


def square(split: Samples) -> Samples:
    image = split.inputs[0].reshape(-1, 1, 8, 8)
    return Samples((image,), (image,))


def apart(reconstruction: Array, image: Array) -> float:
    return float(np.square(reconstruction - image).mean())


def used(numbers: Array, image: Array) -> float:
    """Give the share of the rows that stand for anything."""
    return len(np.unique(numbers)) / CODES


TASK = Task(
    name="digits_vqvae",
    title="digits of 8x8 pixels, VQ-VAE",
    data=data,
    spec=VQVAESpec(
        channels=1,
        image_size=(8, 8),
        widths=(16, 32),
        residual=16,
        codes=CODES,
        code_width=8,
        commitment=1.0,
    ),
    optimizer=Adam(lr=5e-3),
    schedule=warmup_cosine,
    metric=Metric("error", apart, higher=False, program="reconstruct"),
    others=(Metric("used", used, higher=True, program="encode"),),
    target=0.021,
    epochs=60,
    batch_size=64,
)
