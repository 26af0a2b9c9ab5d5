"""Discs, squares and triangles in noise, twice as large as U-Net's: of which shape is
each pixel? A fully convolutional network says it on a map of a quarter of the size.

The target is a Dice coefficient, the mean of the three shapes over all pixels of the
test; to call every pixel of a shape by the most frequent of them gives 0.2.
"""

from functools import partial

from shared.data.shapes import BACKGROUND, CLASSES, shapes
from shared.definitions import metrics
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.vision.fcn import FCNSpec, TrunkSpec
from shared.tasks.base import Task, warmup_cosine

SIDE = 64

TASK = Task(
    name="shapes_fcn",
    title="shapes of 64x64 pixels segmented, FCN on a small ResNet",
    data=partial(shapes, side=SIDE, reach=(10, 18), channels=3),
    spec=FCNSpec(
        trunk=TrunkSpec(
            depths=(1, 1, 1, 1), widths=(8, 12, 16, 24), dilated=(True, True, True)
        ),
        classes=CLASSES,
        image_size=(SIDE, SIDE),
    ),
    optimizer=Adam(lr=5e-3),
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
    target=0.85,
    epochs=15,
    batch_size=32,
)
