"""Gradients and updates of Keras models on each back end."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from triptych.recorders.training import Plan
from triptych.recorders.values import Refused, weights_of


def is_jax() -> bool:
    return bool(keras.backend.backend() == "jax")


def the_jax() -> Any:
    import jax

    return jax


def is_tensor(value: Any) -> bool:
    return ops.is_tensor(value)


def array(value: Any) -> Any:
    if "bfloat16" in str(value.dtype):
        value = ops.cast(value, "float32")
    return ops.convert_to_numpy(value).copy()


Call = Callable[[Mapping[str, Any]], dict[str, Any]]


def optimizer_of(plan: Plan) -> tuple[Any, dict[str, tuple[str, Any]]]:
    """The optimizer, and by what it is what it keeps: where, and as the others do."""
    own = plan.settings
    if plan.name == "sgd":
        rate = own["lr"]
        rule = keras.optimizers.SGD(rate, own["momentum"], bool(own["nesterov"]))
        return rule, {"first": ("momentums", lambda a: -a / rate)} if own[
            "momentum"
        ] else {}
    moments = own["lr"], own["beta1"], own["beta2"], own["eps"]
    kept = {"first": ("_momentums", np.asarray), "second": ("_velocities", np.asarray)}
    if plan.name == "adam":
        return keras.optimizers.Adam(*moments), kept
    rate, *betas = moments
    return keras.optimizers.AdamW(rate, own["weight_decay"], *betas), kept


def gradients(
    call: Call, trained: Mapping[str, Any], reals: Mapping[str, Any], total: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Outputs, and the gradients of a sum of theirs: of `w` weights, `i` inputs."""
    if is_jax():
        return _by_jax(call, trained, reals, total)
    places = {f"w{k}": v.value for k, v in trained.items()}
    places |= {f"i{k}": v for k, v in reals.items()}
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            for value in places.values():
                tape.watch(value)
            outputs = call({})
            whole = total(outputs)
        found = tape.gradient(whole, places, unconnected_gradients="zero")
        dense = {k: tf.convert_to_tensor(g) for k, g in found.items()}
        return outputs, {k: array(g) for k, g in dense.items()}
    if keras.backend.backend() == "torch":
        import torch

        for value in places.values():
            value.requires_grad_(True)
        outputs = call({})
        grads = torch.autograd.grad(
            total(outputs),
            list(places.values()),
            allow_unused=True,
            materialize_grads=True,
        )
        pairs = zip(places, grads, strict=True)
        return outputs, {k: g.detach().cpu().numpy() for k, g in pairs}
    back = keras.backend.backend()
    raise Refused(f"Keras on {back} has no gradients: set KERAS_BACKEND to another")


def _by_jax(
    call: Call, trained: Mapping[str, Any], reals: Mapping[str, Any], total: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """JAX differentiates a function of all values, in whose run nothing is recorded."""

    def function(values: Any) -> Any:
        mapping = [(v, values[f"w{k}"]) for k, v in trained.items()]
        with keras.StatelessScope(state_mapping=mapping):
            return total(call({k: values[f"i{k}"] for k in reals}))

    places = {f"w{k}": v.value for k, v in trained.items()}
    places |= {f"i{k}": v for k, v in reals.items()}
    grads = the_jax().grad(function)(places)
    return call({}), {k: np.asarray(g) for k, g in grads.items()}


def total_of(outputs: Mapping[str, Any], last: bool) -> Any:
    parts = []
    for i, output in enumerate(outputs.values()):
        if "float" in str(output.dtype):
            fixed = weights_of(i, tuple(output.shape), last)
            parts.append(ops.sum(output * ops.convert_to_tensor(fixed, output.dtype)))
    if not parts:
        raise Refused("no output is a real number: nothing has a gradient")
    return sum(parts)


def squares_of(outputs: Mapping[str, Any], last: bool) -> Any:
    return sum(
        ops.mean(ops.square(output - ops.convert_to_tensor(fixed, output.dtype)))
        for i, output in enumerate(outputs.values())
        if "float" in str(output.dtype)
        for fixed in [weights_of(i, tuple(output.shape), last)]
    )
