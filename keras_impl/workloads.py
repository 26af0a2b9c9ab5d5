"""What a benchmark repeats, as Keras's users run it fast."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_impl import backends
from keras_impl.training import Trainer
from shared.arrays import Array
from shared.contract import flat
from shared.messages import Workload

_XLA = ("xla",) if backends.BACKEND == "tensorflow" else ()
MODES: tuple[str, ...] = ("eager", "compiled", *_XLA)
Call = Callable[[], Any]


def make(model: Any, work: Workload) -> Call:
    backends.set_tf32(work.tf32)
    trainer = Trainer(model, work.plan)
    trainer.run_eagerly = work.mode == "eager"
    if work.mode != "eager":
        trainer.fuse()
    if trainer.learner is not None:
        trainer.learner.run_eagerly = work.mode == "eager"
        trainer.learner.jit_compile = work.mode == MODES[-1]  # graphs come without
    return backends.finished(TASKS.get(work.task, program)(trainer, work))


def arrays(outputs: Any) -> tuple[Array, ...]:
    return tuple(
        ops.convert_to_numpy(ops.cast(o, keras.config.floatx())) for o in flat(outputs)
    )


def inference(trainer: Trainer, work: Workload) -> Call:
    return program(trainer, work, "")


def program(trainer: Trainer, work: Workload, name: str | None = None) -> Call:
    """One of the spec's programs, which `work.batch` has the inputs of; `forward`
    where the name is empty."""
    name = work.task if name is None else name
    given, _ = work.batch.arrays
    arrays = trainer._real(trainer.model.inward(given, name))
    inputs = [ops.convert_to_tensor(x) for x in arrays]
    entry = trainer.model.entry(name, trainer.native)

    def run(*arguments: Any) -> Any:
        return entry(*arguments) if name else entry(*arguments, training=False)

    infer = backends.infer
    return infer(run, trainer.native, inputs, work.mode)


def training(trainer: Trainer, work: Workload) -> Call:
    batch = [
        tuple(map(ops.convert_to_tensor, part))
        if isinstance(part, tuple)
        else ops.convert_to_tensor(part)  # what a process's loss weighs
        for part in trainer._arrays(work.batch)
    ]
    if trainer.learner is not None:
        return backends.step(trainer.learner, batch)
    return lambda: next(iter(trainer.advance(*batch).values()))


def optimizer(trainer: Trainer, work: Workload) -> Call:
    variables = list(trainer.updates[0].parts[0].values())
    trainer.optimizer.build(variables)
    gradients = [ops.ones(v.shape, v.dtype) for v in variables]
    apply = backends.apply
    return apply(trainer.optimizer, variables, gradients, work.mode)


def loading(trainer: Trainer, work: Workload) -> Call:
    batches = work.batches()

    def call() -> None:
        for part in trainer._arrays(next(batches)):
            for array in part:
                ops.convert_to_tensor(array)

    return call


TASKS: dict[str, Callable[[Trainer, Workload], Call]] = {
    "inference": inference,
    "training": training,
    "optimizer": optimizer,
    "loading": loading,
}
