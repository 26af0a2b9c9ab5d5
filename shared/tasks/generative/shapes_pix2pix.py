"""Outlines of shapes, filled by pix2pix: each kind has a brightness of its own, which
its form alone tells.

The target is a mean absolute difference on a scale from -1 to 1, where background alone
comes to 0.30.
"""

import numpy as np

from shared.arrays import Array
from shared.data.shapes import outlined_shapes
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.generative.pix2pix import Pix2PixSpec
from shared.tasks.base import Task, warmup_cosine


def apart(made: Array, picture: Array) -> float:
    return float(np.abs(made - picture).mean())


TASK = Task(
    name="shapes_pix2pix",
    title="outlines of shapes filled, pix2pix",
    data=outlined_shapes,
    spec=Pix2PixSpec(
        channels=1,
        c_out=1,
        image_size=(16, 16),
        widths=(16, 32, 32, 64),
        patches=(16, 32),
        dropout=0.2,
    ),
    optimizer=Adam(lr=2e-3, beta1=0.5),
    schedule=warmup_cosine,
    metric=Metric("difference", apart, higher=False, program="translate"),
    target=0.15,
    epochs=40,
    batch_size=32,
)
