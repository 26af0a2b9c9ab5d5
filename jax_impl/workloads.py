"""What a benchmark repeats, as JAX's users run it fast."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_impl.training import Trainer
from shared.arrays import Array
from shared.contract import flat
from shared.messages import Workload

# The last is the second in a process that has XLA's flag for it (benchmarks/modes.py).
MODES = ("eager", "compiled", "compiled-ynn-off")
Call = Callable[[], Any]


def make(model: Any, work: Workload) -> Call:
    precision = "tensorfloat32" if work.tf32 else "highest"
    jax.config.update("jax_default_matmul_precision", precision)
    call = TASKS.get(work.task, program)(Trainer(model, work.plan), work)
    return lambda: jax.block_until_ready(call())


def compiled(work: Workload, function: Any, **options: Any) -> Any:
    """The function, compiled as a whole unless the mode is eager."""
    return function if work.mode == "eager" else jax.jit(function, **options)


def arrays(outputs: Any) -> tuple[Array, ...]:
    return tuple(np.asarray(o.astype(jnp.float32)) for o in flat(outputs))


def inference(trainer: Trainer, work: Workload) -> Call:
    return program(trainer, work, "")


def program(trainer: Trainer, work: Workload, name: str | None = None) -> Call:
    """One of the spec's programs, which `work.batch` has the inputs of; `forward`
    where the name is empty."""
    name = work.task if name is None else name
    trainer.native.eval()
    graph, state = nnx.split(trainer.native)
    leaves, tree = jax.tree.flatten(state)
    given, _ = work.batch.arrays
    inputs = trainer._inputs(trainer.model.inward(given, name))

    def function(leaves: list[Any], inputs: Any) -> Any:
        model = nnx.merge(graph, jax.tree.unflatten(tree, leaves))
        return trainer.model.entry(name, model)(*inputs)

    run = compiled(work, function)
    return lambda: run(leaves, inputs)


def training(trainer: Trainer, work: Workload) -> Call:
    inputs, targets = trainer._arrays(work.batch)

    if work.mode == "eager":
        trainer.advanced = trainer._advance

    def call() -> Any:
        losses = trainer.advance(inputs, targets)
        jax.block_until_ready(trainer.state)
        return next(iter(losses.values()))

    return call


def optimizer(trainer: Trainer, work: Workload) -> Call:
    update = trainer.updates[0]
    noise = trainer._noise(update.step, jax.random.key(0), len(work.batch))
    differentiate = jax.jit(partial(trainer._differentiate, update))
    arrays = trainer._arrays(work.batch)
    _, grads = differentiate(trainer.state, *arrays, noise)
    descend = compiled(work, partial(trainer._descend, update), donate_argnums=0)

    def call() -> None:
        trainer.state = descend(trainer.state, grads, trainer.factor)
        jax.block_until_ready(trainer.state)

    return call


def loading(trainer: Trainer, work: Workload) -> Call:
    batches = work.batches()

    def call() -> None:
        jax.block_until_ready(trainer._arrays(next(batches)))

    return call


TASKS: dict[str, Callable[[Trainer, Workload], Call]] = {
    "inference": inference,
    "training": training,
    "optimizer": optimizer,
    "loading": loading,
}
