"""Discs, squares and triangles in noise: of which shape is each pixel?

Brightness tells a shape from the ground and says nothing of which it is. The target is
a Dice coefficient, the mean of the three shapes over all pixels of the test; to call
every pixel of a shape by the most frequent of them gives 0.2.
"""

from functools import partial

from shared.data.shapes import BACKGROUND, CLASSES, shapes
from shared.definitions import metrics
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.vision.unet import UNetSpec
from shared.tasks.base import Task, warmup_cosine

TASK = Task(
    name="shapes_unet",
    title="shapes of 32x32 pixels segmented, U-Net",
    data=shapes,
    spec=UNetSpec(
        channels=1,
        classes=CLASSES,
        widths=(8, 16, 32),
        image_size=(32, 32),
        padding="same",
        batch_norm=True,
    ),
    optimizer=Adam(lr=1e-2),
    schedule=warmup_cosine,
    metric=Metric(
        "dice",
        partial(metrics.dice, classes=CLASSES, background=BACKGROUND),
        higher=True,
        program="segment",
    ),
    others=(
        Metric(
            "iou", partial(metrics.iou, classes=CLASSES), higher=True, program="segment"
        ),
    ),
    target=0.9,
    epochs=15,
    batch_size=32,
)
