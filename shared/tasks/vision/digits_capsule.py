"""Handwritten digits of 8x8 pixels by the length of capsules."""

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.images import digits
from shared.definitions import metrics
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.vision.capsule import CapsuleSpec
from shared.tasks.base import Task, warmup_cosine


def data() -> Dataset:
    found = digits(flat=True)
    return Dataset(named(found.train), named(found.validation), named(found.test))


def named(split: Samples) -> Samples:
    """Pictures with their classes, which the decoder is told, too."""
    (image,), (label,) = split.inputs, split.targets
    return Samples((image.reshape(-1, 1, 8, 8), label), (label,))


def longest(lengths: Array, label: Array) -> float:
    return metrics.accuracy(np.argmax(lengths, -1), label)


TASK = Task(
    name="digits_capsule",
    title="digits of 8x8 pixels, capsules",
    data=data,
    spec=CapsuleSpec(
        image_size=(8, 8),
        width=32,
        kernel=3,
        kinds=8,
        primary_width=4,
        capsule_width=8,
        decoder=(64, 128),
    ),
    optimizer=Adam(lr=5e-3),
    schedule=warmup_cosine,
    metric=Metric("accuracy", longest, higher=True, program="classify"),
    target=0.96,
    epochs=40,
    batch_size=64,
)
