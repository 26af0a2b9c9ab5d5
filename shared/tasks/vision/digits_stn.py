"""Handwritten digits that are turned and moved, with a spatial transformer.

The classifier alone comes to 0.75 in eight epochs.
"""

from shared.data.images import moved_digits
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import Adam
from shared.specs.vision.simple_cnn import SimpleCNNSpec
from shared.specs.vision.stn import STNSpec
from shared.tasks.base import ACCURACY, Task, warmup_cosine

TASK = Task(
    name="digits_stn",
    title="digits turned and moved, spatial transformer",
    data=moved_digits,
    spec=STNSpec(
        classifier=SimpleCNNSpec(
            image_size=(20, 20), widths=(16, 32), padding=1, hidden=(64,)
        ),
        widths=(8, 16),
        kernels=(5, 3),
        hidden=32,
    ),
    loss=CrossEntropy(),
    optimizer=Adam(lr=2e-3),
    schedule=warmup_cosine,
    metric=ACCURACY,
    target=0.93,
    epochs=15,
    batch_size=64,
)
