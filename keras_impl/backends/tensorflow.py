"""Keras's back end TensorFlow: what keras_impl/backends/__init__.py tells of."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from keras_impl.backends.base import Call, Found, Scalar, Update, Variables, first
from keras_impl.listening import on_this_machine


def set_tf32(wanted: bool) -> None:
    tf.config.experimental.enable_tensor_float_32_execution(wanted)


def devices() -> list[str]:
    return keras.distribution.list_devices()


def memory() -> int | None:
    if not tf.config.list_physical_devices("GPU"):
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def finished(call: Call) -> Call:
    if not tf.config.list_physical_devices("GPU"):
        return call

    def waited() -> Any:
        outputs = call()
        tf.test.experimental.sync_devices()
        return outputs

    return waited


def on_cpu(weights: keras.Variable, form: Call, other: Call, *arrays: Any) -> Any:
    where = getattr(weights._value, "device", "")
    return (other if "GPU" in where else form)(*arrays)


def attend(written: Call, fused: Call, *arrays: Any) -> Any:
    # Keras's own is the same products here, in an order that costs a third more.
    return written(*arrays)


def compiles_lstm() -> bool:
    return not keras.distribution.list_devices("gpu")


def forward(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    whole: bool,
) -> tuple[Any, ...]:
    return call(inputs)


def gradient(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    cotangents: Sequence[Any] | None,
) -> Found:
    reals = [x for x in inputs if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(reals)
        outputs = call(inputs)
    cotangents = first(outputs) if cotangents is None else cotangents
    found = tape.gradient(
        list(outputs),
        [*(v.value for v in trainable), *reals],
        output_gradients=[
            tf.cast(c, o.dtype) for c, o in zip(cotangents, outputs, strict=True)
        ],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    dense = [tf.convert_to_tensor(g) for g in found]
    return outputs, dense[: len(trainable)], dense[len(trainable) :]


def slope(function: Scalar, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x)


def is_known(x: Any) -> bool:
    return True


def compiled(function: Call) -> Call:
    return function


def graph(function: Call) -> Call:
    return tf.function(function, reduce_retracing=True)


def fuse_update(optimizer: keras.optimizers.Optimizer) -> None:
    # DIFF(fused-update): an update runs operation by operation, each over all of the
    # memory; XLA makes one loop a tensor of it. The others need no help.
    plain = optimizer.apply
    order: list[keras.Variable] = []

    @tf.function(jit_compile=True)
    def fused(gradients: list[Any]) -> None:
        plain(gradients, order)

    def apply(gradients: Sequence[Any], variables: Variables) -> None:
        order[:] = variables
        # Rows of an embedding are made a tensor here: XLA would add one by one.
        fused([tf.convert_to_tensor(g) for g in gradients])

    optimizer.apply = apply


def update(
    optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]
) -> Update:
    """The first few in Python, so that both ways are taken."""
    compiled = tf.function(lambda gradients: optimizer.apply(gradients, variables))

    def update(gradients: list[Any]) -> None:
        if int(optimizer.iterations) < 4:
            optimizer.apply(gradients, variables)
        else:
            compiled(gradients)

    return update


def infer(run: Call, model: keras.Layer, inputs: list[Any], mode: str) -> Call:
    if mode == "eager":
        return lambda: run(*inputs)

    # A concrete function skips the look at its arguments, which is half of a small
    # model's time.
    function = tf.function(
        lambda *arguments: run(*arguments), jit_compile=mode == "xla"
    ).get_concrete_function(*inputs)
    return lambda: function(*inputs)


def step(learner: keras.Model, batch: list[Any]) -> Call:
    learner.make_train_function(force=True)

    def call() -> Any:
        learner.train_function(repeat(tuple(batch)))
        return learner.last

    return call


def apply(
    optimizer: keras.optimizers.Optimizer,
    variables: list[keras.Variable],
    gradients: list[Any],
    mode: str,
) -> Call:
    def apply() -> None:
        optimizer.apply(gradients, variables)

    if mode == "eager":
        return apply
    return tf.function(apply, jit_compile=mode == "xla").get_concrete_function()


def join() -> None:
    # DIFF(listening): by itself it listens on every interface of the machine.
    with on_this_machine():
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    tf.distribute.experimental_set_strategy(strategy)


def strategy() -> Any:
    return tf.distribute.get_strategy() if tf.distribute.has_strategy() else None


def sharded(batches: Callable[[], Iterator[Any]]) -> Any:
    signature = tree.map_structure(
        lambda a: tf.TensorSpec([None, *a.shape[1:]][: a.ndim], a.dtype),
        next(batches()),
    )
    made = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return strategy().distribute_datasets_from_function(lambda context: made)


def total(values: list[Any]) -> list[Any]:
    dense = [tf.convert_to_tensor(value) for value in values]
    return tf.distribute.get_replica_context().all_reduce("SUM", dense)
