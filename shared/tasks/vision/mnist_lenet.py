"""MNIST from its published files ($TRIPTYCH_DATA/mnist), with LeNet."""

from shared.data.images import mnist
from shared.definitions.losses import CrossEntropy
from shared.definitions.optimizers import SGD
from shared.specs.vision.lenet import LeNetSpec
from shared.tasks.base import ACCURACY, Task, warmup_cosine

TASK = Task(
    name="mnist_lenet",
    title="MNIST, LeNet",
    data=mnist,
    spec=LeNetSpec(activation="relu", pooling="max"),
    loss=CrossEntropy(),
    optimizer=SGD(lr=0.05, momentum=0.9),
    schedule=warmup_cosine,
    metric=ACCURACY,
    target=0.98,
    epochs=2,
    batch_size=64,
)
