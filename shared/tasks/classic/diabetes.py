"""How diabetes went on in a year, by linear regression."""

from shared.data.tabular import diabetes
from shared.definitions.losses import MSE
from shared.definitions.optimizers import SGD
from shared.specs.classic.linear import LinearModelSpec
from shared.tasks.base import R2, Task, warmup_cosine

TASK = Task(
    name="diabetes",
    title="diabetes after a year, linear regression",
    data=diabetes,
    spec=LinearModelSpec(features=10, targets=1, link="identity"),
    loss=MSE(),
    optimizer=SGD(lr=0.02, momentum=0.9),
    schedule=warmup_cosine,
    metric=R2,
    target=0.4,
    epochs=40,
    batch_size=32,
)
