"""Training in several processes with Keras's `compile` and `fit`: TensorFlow's
MultiWorkerMirroredStrategy, one process a device.

Only TensorFlow's: keras.distribution is JAX's back end's alone.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_impl import backends
from keras_impl.weights import named_layers
from shared.arrays import Array
from shared.distributed import Place
from shared.errors import UsageError


def join() -> None:
    """Meet the others, and return when all are there. What is made from here on is made
    in each and starts with the same value."""
    if backends.BACKEND != "tensorflow":
        raise UsageError("Keras trains in several processes on TensorFlow only")
    if "TF_CONFIG" not in os.environ:
        raise UsageError("Keras needs TF_CONFIG to train in several processes")
    backends.join()


def place() -> Place:
    strategy = backends.strategy()
    if strategy is None:
        return Place()
    return Place(strategy.cluster_resolver.task_id, strategy.num_replicas_in_sync)


def gather(value: Array) -> Array:
    """What each process has, by rank."""
    strategy = backends.strategy()
    if strategy is None:
        return value[None]
    # DIFF(gather-types): it knows few types; four bytes of any are a whole number.
    raw = np.ascontiguousarray(value).reshape(-1).view(np.int32)
    found = strategy.gather(strategy.run(ops.convert_to_tensor, args=(raw[None],)), 0)
    return found.numpy().view(value.dtype).reshape(-1, *value.shape)


def replicated(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimizer's gradients be those of all processes, in all that it does with
    them.

    DIFF(replica-clip): Keras clips and accumulates the gradients of each replica by
    itself, and adds them up only then.
    """
    if backends.strategy() is None:
        return
    apply = optimizer.apply
    optimizer.apply = lambda grads, *rest: apply(total(grads), *rest)
    optimizer._all_reduce_sum_gradients = lambda pairs: pairs


def synchronized(model: keras.Model) -> None:
    """Let a model's BatchNorms take the statistics of the whole batch."""
    for _, layer in named_layers(model):
        if isinstance(layer, layers.BatchNormalization):
            layer.synchronized = backends.strategy() is not None


def sharded(batches: Callable[[], Iterator[Any]]) -> Any:
    """The rows of this process, batch by batch, as `fit` takes them; it may begin
    again."""
    return batches() if backends.strategy() is None else backends.sharded(batches)


def in_replica(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the strategy of several processes run the function, in each."""
    strategy = backends.strategy()
    if strategy is None:
        return function
    return lambda *args: strategy.run(function, args)


def summed(losses: dict[str, Any]) -> dict[str, Any]:
    """Add up the losses of a batch, within a step, from each process's part."""
    return dict(zip(losses, total(list(losses.values())), strict=True))


def total(values: list[Any]) -> list[Any]:
    """The sums over all processes, within a step; they can be differentiated."""
    return values if backends.strategy() is None else backends.total(values)
