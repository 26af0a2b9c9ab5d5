"""Discs, squares and triangles in noise: where is each, and which is it?

Brightness tells a shape from the ground and says nothing of which it is. The target is
the mean average precision at an IoU of 0.5.
"""

from shared.data.shapes import CLASSES, boxed_shapes
from shared.definitions.detecting import Detecting
from shared.definitions.optimizers import Adam
from shared.specs.vision.ssd import SSDSpec
from shared.tasks.base import MEAN_AP, MEAN_AP_50, Task, warmup_cosine

SIDE = 64

TASK = Task(
    name="boxed_shapes_ssd",
    title="shapes found on 64x64 pixels, a small SSD",
    data=boxed_shapes,
    spec=SSDSpec(
        stages=((8,), (16,), (32, 32), (32,)),
        hidden=32,
        dilation=2,
        extras=((16, 32, 2), (16, 32, 1)),
        scales=(0.2, 0.3, 0.45, 0.7, 1.0),
        ratios=((2.0,),) * 4,
        steps=(4.0, 8.0, 16.0, 32.0),
        classes=CLASSES,
        image_size=(SIDE, SIDE),
        detecting=Detecting(least=0.05, most=50, limit=20),
    ),
    optimizer=Adam(lr=3e-3),
    schedule=warmup_cosine,
    metric=MEAN_AP_50,
    others=(MEAN_AP,),
    target=0.8,
    epochs=25,
    batch_size=32,
)
