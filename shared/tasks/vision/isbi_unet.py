"""Membranes in electron micrographs of the ISBI 2012 challenge, with a small U-Net:
from $TRIPTYCH_DATA/isbi-em.

The target is the Dice coefficient of membranes. To take every pixel that is dark enough
for one, at the threshold that suits the training sections best, gives 0.56 on those of
the test; to take all of them 0.33.
"""

from functools import partial

from shared.data.membranes import CELL, isbi
from shared.definitions import metrics
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.vision.unet import UNetSpec
from shared.tasks.base import Task, warmup_cosine

TILE = 128

TASK = Task(
    name="isbi_unet",
    title="ISBI's membranes in tiles of 128x128 pixels, U-Net",
    data=partial(isbi, tile=TILE),
    spec=UNetSpec(
        channels=1,
        classes=2,
        widths=(8, 16, 32),
        image_size=(TILE, TILE),
        padding="same",
        batch_norm=True,
    ),
    optimizer=Adam(lr=1e-2),
    schedule=warmup_cosine,
    metric=Metric(
        "dice",
        partial(metrics.dice, classes=2, background=CELL),
        higher=True,
        program="segment",
    ),
    target=0.7,
    epochs=5,
    batch_size=16,
)
