"""Handwritten digits of 8x8 pixels, made from noise as the digit that is asked for.

The target is the share of samples whose nearest digit, of those seen in training, is
the one asked for. Of digits not seen that share is 98 in 100. It is 94 of pictures each
of whose pixels comes from another digit of the name, 52 of the mean of a digit and one
of any name, 41 of their halves joined, and 10 of noise.
"""

from functools import cache

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.images import digits
from shared.definitions import metrics
from shared.definitions.diffusion import CosineNoise
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.denoising import Denoising, Guidance
from shared.specs.generative.ddpm import GuidedDiffusionSpec
from shared.tasks.base import Task, warmup_cosine

JUDGED = 64  # digits that each epoch is judged by


@cache
def seen() -> tuple[Array, Array]:
    """The digits that the judge knows, one a row, and which they are."""
    found = digits(flat=True).train
    return scaled(found.inputs[0]).reshape(len(found), -1), found.targets[0]


def scaled(image: Array) -> Array:
    """Give pixels from 0 to 1 as numbers from -1 to 1, a map a digit."""
    return (2 * image - 1).astype(np.float32).reshape(-1, 1, 8, 8)


def data() -> Dataset:
    found = digits(flat=True)
    judged = found.validation.take(slice(0, JUDGED))
    return Dataset(named(found.train), named(judged), named(found.test))


def named(split: Samples) -> Samples:
    """Digits with their names, which is also what samples are held against."""
    return Samples((scaled(split.inputs[0]), split.targets[0]), split.targets)


def recognised(samples: Array, labels: Array) -> float:
    """The share whose nearest digit is the one asked for."""
    known, names = seen()
    x = samples.reshape(len(samples), -1)
    apart = np.square(known).sum(1) - 2 * x @ known.T
    return metrics.accuracy(names[apart.argmin(1)], labels)


TASK = Task(
    name="digits_diffusion",
    title="digits of 8x8 pixels, diffusion guided by their names",
    data=data,
    spec=GuidedDiffusionSpec(
        channels=1,
        image_size=8,
        widths=(16, 32),
        blocks=1,
        attention=(1,),
        groups=8,
        denoising=Denoising(noising=CosineNoise(steps=100), ddim_steps=10),
        guided=Guidance(classes=10),
    ),
    optimizer=Adam(lr=2e-3),
    schedule=warmup_cosine,
    metric=Metric("recognised", recognised, higher=True, program="sample_ddim"),
    target=0.95,
    epochs=30,
    batch_size=64,
)
