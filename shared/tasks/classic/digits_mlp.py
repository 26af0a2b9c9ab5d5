"""Handwritten digits of 8x8 pixels, with a perceptron of two hidden layers."""

from functools import partial

from shared.data.images import digits
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import AdamW
from shared.specs.classic.mlp import MLPSpec
from shared.tasks.base import ACCURACY, Task, warmup_cosine

TASK = Task(
    name="digits_mlp",
    title="digits of 8x8 pixels, MLP",
    data=partial(digits, flat=True),
    spec=MLPSpec(
        features=64, hidden=(64, 32), targets=10, activation="relu", dropout=0.1
    ),
    loss=CrossEntropy(),
    optimizer=AdamW(lr=5e-3),
    schedule=warmup_cosine,
    metric=ACCURACY,
    target=0.95,
    epochs=20,
    batch_size=64,
)
