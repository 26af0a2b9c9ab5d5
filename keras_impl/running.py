"""What of a benchmark Keras leaves to its back end: how a call is compiled, and when a
device is done. `mode` is one of keras_impl/workloads.py."""

from collections.abc import Callable
from itertools import repeat
from typing import Any

import keras

Call = Callable[..., Any]
BACKEND = keras.backend.backend()


def set_tf32(wanted: bool) -> None:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(wanted)
    elif BACKEND == "jax":
        import jax

        precision = "tensorfloat32" if wanted else "highest"
        jax.config.update("jax_default_matmul_precision", precision)
    else:
        import torch

        torch.set_float32_matmul_precision("high" if wanted else "highest")
        torch.backends.cudnn.allow_tf32 = wanted


def finished(call: Call) -> Call:
    """With a wait for the device, where a call returns before it is done."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            return call
        wait = tf.test.experimental.sync_devices
    elif BACKEND == "jax":
        return call
    else:
        import torch

        if not torch.cuda.is_available():
            return call
        wait = torch.cuda.synchronize

    def waited() -> Any:
        outputs = call()
        wait()
        return outputs

    return waited


# What an accelerator held at most


def memory_tensorflow() -> int | None:
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def memory_torch() -> int | None:
    import torch

    if not torch.cuda.is_available():
        return None
    return torch.cuda.max_memory_allocated()


def memory_jax() -> int | None:
    import jax

    found = jax.devices()[0].memory_stats()
    return None if found is None else found.get("peak_bytes_in_use")


# Inference


def infer_tensorflow(
    run: Call, model: keras.Layer, inputs: list[Any], mode: str
) -> Call:
    import tensorflow as tf

    if mode == "eager":
        return lambda: run(*inputs)

    # A concrete function skips the look at its arguments, which is half of a small
    # model's time.
    function = tf.function(
        lambda *arguments: run(*arguments), jit_compile=mode == "xla"
    ).get_concrete_function(*inputs)
    return lambda: function(*inputs)


def infer_torch(run: Call, model: keras.Layer, inputs: list[Any], mode: str) -> Call:
    import torch

    run = run if mode == "eager" else torch.compile(run)

    @torch.inference_mode()
    def call() -> Any:
        return run(*inputs)

    return call


def infer_jax(run: Call, model: keras.Layer, inputs: list[Any], mode: str) -> Call:
    import jax

    if mode == "eager":
        return lambda: jax.block_until_ready(run(*inputs))
    variables = list(model.variables)

    @jax.jit
    def function(values: list[Any], arguments: list[Any]) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return run(*arguments)

    values = [variable.value for variable in variables]
    return lambda: jax.block_until_ready(function(values, inputs))


# A step of training, as `fit` takes it


def step_tensorflow(learner: keras.Model, batch: list[Any]) -> Call:
    learner.make_train_function(force=True)

    def call() -> Any:
        learner.train_function(repeat(tuple(batch)))
        return learner.last

    return call


def step_torch(learner: keras.Model, batch: list[Any]) -> Call:
    learner.make_train_function(force=True)

    def call() -> Any:
        learner.train_function([tuple(batch)])
        return learner.last

    return call


def step_jax(learner: keras.Model, batch: list[Any]) -> Call:
    """The state is given away and comes back, as in `fit`."""
    import jax

    learner.optimizer.build(learner.trainable_variables)
    learner.make_train_function(force=True)
    kept = [
        learner._get_jax_state(
            trainable_variables=True,
            non_trainable_variables=True,
            optimizer_variables=True,
            metrics_variables=True,
            purge_model_variables=False,
        )
    ]
    where = [v is learner.last for v in learner.non_trainable_variables].index(True)

    def call() -> Any:
        _, kept[0] = learner.train_function(kept[0], repeat(tuple(batch)))
        jax.block_until_ready(kept[0])
        return kept[0][1][where]

    return call


# An update of the optimizer


def apply_tensorflow(
    optimizer: keras.optimizers.Optimizer,
    variables: list[keras.Variable],
    gradients: list[Any],
    mode: str,
) -> Call:
    import tensorflow as tf

    def apply() -> None:
        optimizer.apply(gradients, variables)

    if mode == "eager":
        return apply
    return tf.function(apply, jit_compile=mode == "xla").get_concrete_function()


def apply_torch(
    optimizer: keras.optimizers.Optimizer,
    variables: list[keras.Variable],
    gradients: list[Any],
    mode: str,
) -> Call:
    return lambda: optimizer.apply(gradients, variables)


def apply_jax(
    optimizer: keras.optimizers.Optimizer,
    variables: list[keras.Variable],
    gradients: list[Any],
    mode: str,
) -> Call:
    import jax

    apply = optimizer.stateless_apply
    if mode != "eager":
        apply = jax.jit(apply, donate_argnums=(0, 2))
    kept = [[v.value for v in optimizer.variables], [v.value for v in variables]]

    def call() -> None:
        values, state = apply(kept[0], gradients, kept[1])
        kept[:] = state, values
        jax.block_until_ready(kept)

    return call


MEMORY = {"tensorflow": memory_tensorflow, "torch": memory_torch, "jax": memory_jax}
INFERENCE = {"tensorflow": infer_tensorflow, "torch": infer_torch, "jax": infer_jax}
STEPS = {"tensorflow": step_tensorflow, "torch": step_torch, "jax": step_jax}
APPLY = {"tensorflow": apply_tensorflow, "torch": apply_torch, "jax": apply_jax}
