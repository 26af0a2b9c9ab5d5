"""What a benchmark repeats in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from shared.messages import Workload
from shared.reference.training import Trainer

MODES = ("eager",)
Call = Callable[[], Any]


def make(model: Any, work: Workload) -> Call:
    return TASKS.get(work.task, program)(Trainer(model, work.plan), work)


def inference(trainer: Trainer, work: Workload) -> Call:
    inputs, _ = work.batch.arrays
    return lambda: trainer.predict(inputs)


def program(trainer: Trainer, work: Workload) -> Call:
    """One of the spec's programs, which `work.batch` has the inputs of."""
    inputs, _ = work.batch.arrays
    return lambda: trainer.predict(inputs, work.task)


def training(trainer: Trainer, work: Workload) -> Call:
    return lambda: np.array(trainer.train(work.batch))


def optimizer(trainer: Trainer, work: Workload) -> Call:
    _, gradients = trainer.differentiate(work.batch, trainer.plan.seed, 0)
    return lambda: trainer.descend(gradients)


def loading(trainer: Trainer, work: Workload) -> Call:
    batches = work.batches()
    return lambda: trainer.model.inputs(next(batches).arrays[0])


TASKS: dict[str, Callable[[Trainer, Workload], Call]] = {
    "inference": inference,
    "training": training,
    "optimizer": optimizer,
    "loading": loading,
}
