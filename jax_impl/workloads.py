"""What a benchmark repeats, as JAX's users run it fast."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_impl.training import Trainer
from shared.arrays import Array
from shared.contract import Workload, flat

MODES = ("eager", "compiled")
Call = Callable[[], Any]


def make(model: Any, work: Workload) -> Call:
    precision = "tensorfloat32" if work.tf32 else "highest"
    jax.config.update("jax_default_matmul_precision", precision)
    call = TASKS[work.task](Trainer(model, work.plan), work)

    def finished() -> Any:
        with jax.disable_jit(work.mode == "eager"):
            return jax.block_until_ready(call())

    return finished


def arrays(outputs: Any) -> tuple[Array, ...]:
    return tuple(np.asarray(o.astype(jnp.float32)) for o in flat(outputs))


def inference(trainer: Trainer, work: Workload) -> Call:
    trainer.native.eval()
    graph, state = nnx.split(trainer.native)
    leaves, tree = jax.tree.flatten(state)
    if work.plan.precision == "bfloat16":
        leaves = [_low(leaf) for leaf in leaves]
    inputs, _ = trainer._arrays(work.batch)

    @jax.jit
    def function(leaves: list[Any], inputs: Any) -> Any:
        return nnx.merge(graph, jax.tree.unflatten(tree, leaves))(*inputs)

    return lambda: function(leaves, inputs)


def _low(leaf: Any) -> Any:
    real = jnp.issubdtype(leaf.dtype, jnp.floating)
    return leaf.astype(jnp.bfloat16) if real else leaf


def training(trainer: Trainer, work: Workload) -> Call:
    inputs, targets = trainer._arrays(work.batch)

    def call() -> Any:
        trainer.state, loss = trainer.update(
            trainer.state, inputs, targets, trainer.factor
        )
        jax.block_until_ready(trainer.state)
        return loss

    return call


def optimizer(trainer: Trainer, work: Workload) -> Call:
    differentiate = jax.jit(trainer._differentiate)
    _, grads = differentiate(trainer.state, *trainer._arrays(work.batch))
    descend = jax.jit(trainer._descend, donate_argnums=0)

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
