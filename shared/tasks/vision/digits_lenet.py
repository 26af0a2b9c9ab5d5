"""Handwritten digits of 8x8 pixels, each pixel made 4x4, with LeNet."""

from functools import partial

from shared.data.images import digits
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import Adam
from shared.specs.vision.lenet import LeNetSpec
from shared.tasks.base import ACCURACY, Task, warmup_cosine

TASK = Task(
    name="digits_lenet",
    title="digits of 8x8 pixels, LeNet",
    data=partial(digits, flat=False),
    spec=LeNetSpec(image_size=(32, 32), padding=0, activation="relu", pooling="max"),
    loss=CrossEntropy(label_smoothing=0.05),
    optimizer=Adam(lr=2e-3),
    schedule=warmup_cosine,
    metric=ACCURACY,
    target=0.97,
    epochs=12,
    batch_size=64,
)
