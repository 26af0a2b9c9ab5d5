"""Training in several processes with Keras's `compile` and `fit`: TensorFlow's
MultiWorkerMirroredStrategy, one process a device.

Only TensorFlow's: keras.distribution is JAX's back end's alone.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, tree

from keras_impl.weights import named_layers
from shared.arrays import Array
from shared.distributed import Place
from shared.errors import UsageError


def join() -> None:
    """Meet the others; returns when all are there. What is made from here on, is made
    in each and starts with the same value."""
    if keras.backend.backend() != "tensorflow":
        raise UsageError("Keras trains in several processes on TensorFlow only")
    if "TF_CONFIG" not in os.environ:
        raise UsageError("Keras needs TF_CONFIG to train in several processes")
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    tf.distribute.experimental_set_strategy(strategy)


def place() -> Place:
    strategy = _strategy()
    if strategy is None:
        return Place()
    return Place(strategy.cluster_resolver.task_id, strategy.num_replicas_in_sync)


def _strategy() -> Any:
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.distribute.get_strategy() if tf.distribute.has_strategy() else None


def gather(value: Array) -> Array:
    """What each process has, by rank."""
    strategy = _strategy()
    if strategy is None:
        return value[None]
    # DIFF(gather-types): it knows few types; four bytes of any are a whole number.
    raw = np.ascontiguousarray(value).reshape(-1).view(np.int32)
    found = strategy.gather(strategy.run(_constant, args=(raw[None],)), 0)
    return found.numpy().view(value.dtype).reshape(-1, *value.shape)


def _constant(value: Array) -> Any:
    import tensorflow as tf

    return tf.constant(value)


def replicated(optimizer: keras.optimizers.Optimizer) -> None:
    """Its gradients are those of all processes, in all that it does with them.

    DIFF(replica-clip): Keras clips and accumulates the gradients of each replica by
    itself, and adds them up only then.
    """
    if _strategy() is None:
        return
    apply = optimizer.apply
    optimizer.apply = lambda grads, *rest: apply(total(grads), *rest)
    optimizer._all_reduce_sum_gradients = lambda pairs: pairs


def synchronized(model: keras.Model) -> None:
    """Its BatchNorms take the statistics of the whole batch."""
    for _, layer in named_layers(model):
        if isinstance(layer, layers.BatchNormalization):
            layer.synchronized = _strategy() is not None


def sharded(batches: Callable[[], Iterator[Any]]) -> Any:
    """The rows of this process, batch by batch, as `fit` takes them; it may begin
    again."""
    strategy = _strategy()
    if strategy is None:
        return batches()
    import tensorflow as tf

    signature = tree.map_structure(
        lambda a: tf.TensorSpec([None, *a.shape[1:]][: a.ndim], a.dtype),
        next(batches()),
    )
    made = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return strategy.distribute_datasets_from_function(lambda context: made)


def in_replica(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as the strategy of several processes runs it, in each."""
    strategy = _strategy()
    if strategy is None:
        return function
    return lambda *args: strategy.run(function, args)


def summed(losses: dict[str, Any]) -> dict[str, Any]:
    """The losses of the whole batch, within a step, from the parts of each process."""
    return dict(zip(losses, total(list(losses.values())), strict=True))


def total(values: list[Any]) -> list[Any]:
    """The sums over all processes, within a step; they can be differentiated."""
    if _strategy() is None:
        return values
    import tensorflow as tf

    dense = [tf.convert_to_tensor(value) for value in values]
    return tf.distribute.get_replica_context().all_reduce("SUM", dense)
