"""Discs, squares and triangles in noise: where is each, and which is it? Read off a
pyramid of maps, and trained with the focal loss.

The target is the mean average precision at an IoU of 0.5.
"""

from shared.data.shapes import CLASSES, boxed_shapes
from shared.definitions.detecting import Detecting
from shared.definitions.optimizers import Adam
from shared.specs.vision.fcn import TrunkSpec
from shared.specs.vision.retinanet import RetinaNetSpec
from shared.tasks.base import MEAN_AP, MEAN_AP_50, Task, warmup_cosine

SIDE = 64

TASK = Task(
    name="boxed_shapes_retinanet",
    title="shapes found on 64x64 pixels, a small RetinaNet",
    data=boxed_shapes,
    spec=RetinaNetSpec(
        trunk=TrunkSpec(
            depths=(1, 1, 1, 1), widths=(8, 12, 16, 16), dilated=(False, False, False)
        ),
        width=24,
        depth=1,
        sizes=((12.0, 17.0), (21.0, 26.0), (30.0, 36.0), (42.0, 48.0), (54.0, 60.0)),
        ratios=(1.0,),
        classes=CLASSES,
        image_size=(SIDE, SIDE),
        detecting=Detecting(least=0.05, most=50, threshold=0.5, limit=20),
    ),
    optimizer=Adam(lr=5e-3),
    schedule=warmup_cosine,
    metric=MEAN_AP_50,
    others=(MEAN_AP,),
    target=0.8,
    epochs=25,
    batch_size=32,
)
