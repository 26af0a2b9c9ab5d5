"""Benign or malignant, by a small perceptron that stops when it gets no better."""

from shared.data.tabular import breast_cancer
from shared.definitions.losses import BinaryCrossEntropy
from shared.definitions.optimizers import SGD
from shared.specs.classic.mlp import MLPSpec
from shared.tasks.base import BINARY_ACCURACY, Task

TASK = Task(
    name="breast_cancer",
    title="breast cancer, MLP",
    data=breast_cancer,
    spec=MLPSpec(features=30, hidden=(16,), targets=1, activation="tanh"),
    loss=BinaryCrossEntropy(),
    optimizer=SGD(lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    metric=BINARY_ACCURACY,
    target=0.94,
    epochs=40,
    batch_size=32,
    patience=15,
)
