"""Every task by name. A new task adds one import line here."""

from types import ModuleType

from shared.errors import unknown
from shared.tasks import (
    breast_cancer,
    diabetes,
    digits_lenet,
    digits_mlp,
    mnist_lenet,
    shakespeare_gpt,
    sonnets_gpt,
    temporal_order_lstm,
    tones_cnn1d,
)
from shared.tasks.base import Task

TASKS: dict[str, Task] = {
    value.TASK.name: value.TASK
    for value in list(globals().values())
    if isinstance(value, ModuleType) and hasattr(value, "TASK")
}


def task(name: str) -> Task:
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
