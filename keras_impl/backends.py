"""What Keras leaves to its back end: differentiation, and compiling an update.

Each gradient function runs `call` on the inputs once, differentiates the inner
product of its outputs with the cotangents (without any, its first output), and returns
the outputs with the gradients of the trainable variables and of the real inputs.
Buffers are updated as in any call.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras

Call = Callable[[list[Any]], tuple[Any, ...]]
Variables = Sequence[keras.Variable]
Found = tuple[tuple[Any, ...], list[Any], list[Any]]
Update = Callable[[list[Any]], object]  # of gradients
Scalar = Callable[[Any], Any]
BACKEND = keras.backend.backend()


def forward(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    whole: bool,
) -> tuple[Any, ...]:
    """The outputs alone. whole: nobody looks inside, so that JAX, which else compiles
    each operation by itself, compiles it as one; torch keeps what a gradient would
    need unless it is told."""
    if keras.backend.backend() == "jax" and whole:
        return _forward_jax(call, inputs, trainable, fixed)
    if keras.backend.backend() != "torch":
        return call(inputs)
    import torch

    with torch.no_grad():
        return call(inputs)


def _forward_jax(
    call: Call, inputs: list[Any], trainable: Variables, fixed: Variables
) -> tuple[Any, ...]:
    import jax

    variables = [*trainable, *fixed]

    @jax.jit
    def function(values: list[Any], arguments: list[Any]) -> Any:
        held = list(zip(variables, values, strict=True))
        with keras.StatelessScope(held) as scope:
            outputs = call(arguments)
        return outputs, [scope.get_current_value(v) for v in fixed]

    outputs, updates = function([v.value for v in variables], inputs)
    for variable, value in zip(fixed, updates, strict=True):
        variable.assign(value)
    return outputs


def splits_groups() -> bool:
    """Are the groups of a convolution faster one by one?"""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_physical_devices("GPU")
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "cpu"
    return False


def is_known(x: Any) -> bool:
    """Has the tensor values, or is it what JAX traces a loop with?"""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return not isinstance(x, jax.core.Tracer)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """On JAX, which else compiles each operation by itself."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def graph(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors as one graph, on TensorFlow; a new one for new shapes."""
    if BACKEND != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, reduce_retracing=True)


def gradient_tensorflow(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    cotangents: Sequence[Any] | None,
) -> Found:
    import tensorflow as tf

    reals = [x for x in inputs if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(reals)
        outputs = call(inputs)
    cotangents = _first(outputs) if cotangents is None else cotangents
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


def gradient_torch(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    cotangents: Sequence[Any] | None,
) -> Found:
    import torch

    reals = [x.requires_grad_() for x in inputs if x.is_floating_point()]
    outputs = call(inputs)
    cotangents = _first(outputs) if cotangents is None else cotangents
    found = torch.autograd.grad(
        outputs,
        [*(v.value for v in trainable), *reals],
        [
            torch.as_tensor(c, dtype=o.dtype, device=o.device)
            for c, o in zip(cotangents, outputs, strict=True)
        ],
        allow_unused=True,
        materialize_grads=True,
    )
    return outputs, list(found[: len(trainable)]), list(found[len(trainable) :])


def gradient_jax(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    cotangents: Sequence[Any] | None,
) -> Found:
    import jax
    import jax.numpy as jnp

    real = [i for i, x in enumerate(inputs) if jnp.issubdtype(x.dtype, jnp.floating)]

    def function(values: list[Any], reals: list[Any]) -> Any:
        arguments = list(inputs)
        for i, x in zip(real, reals, strict=True):
            arguments[i] = x
        with keras.StatelessScope(list(zip(trainable, values, strict=True))) as scope:
            outputs = call(arguments)
        return outputs, [scope.get_current_value(v) for v in fixed]

    @jax.jit
    def both(values: list[Any], reals: list[Any]) -> Any:
        outputs, pull, updates = jax.vjp(function, values, reals, has_aux=True)
        wanted = _first(outputs) if cotangents is None else cotangents
        pairs = zip(wanted, outputs, strict=True)
        return outputs, updates, pull(tuple(jnp.asarray(c, o.dtype) for c, o in pairs))

    outputs, updates, (of_values, of_reals) = both(
        [v.value for v in trainable], [inputs[i] for i in real]
    )
    for variable, value in zip(fixed, updates, strict=True):
        if value is not None:
            variable.assign(value)
    return outputs, of_values, of_reals


def _first(outputs: tuple[Any, ...]) -> list[float]:
    return [float(i == 0) for i in range(len(outputs))]


# The gradient of a number with respect to x, which can be differentiated again


def slope_tensorflow(function: Scalar, x: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x)


def slope_torch(function: Scalar, x: Any) -> Any:
    import torch

    x = x.detach().requires_grad_()
    (found,) = torch.autograd.grad(function(x), x, create_graph=True)
    return found


def slope_jax(function: Scalar, x: Any) -> Any:
    import jax

    return jax.grad(function)(x)


def size(x: Any) -> int:
    """How many numbers a row of x has."""
    return math.prod(x.shape[1:])


def fuse_update(optimizer: keras.optimizers.Optimizer) -> None:
    """DIFF(fused-update): TensorFlow runs an update operation by operation, each over
    all of the memory; XLA makes one loop a tensor of it. The others need no help."""
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

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


def update_tensorflow(
    optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]
) -> Update:
    """The first few in Python, so that both ways are taken."""
    import tensorflow as tf

    compiled = tf.function(lambda gradients: optimizer.apply(gradients, variables))

    def update(gradients: list[Any]) -> None:
        if int(optimizer.iterations) < 4:
            optimizer.apply(gradients, variables)
        else:
            compiled(gradients)

    return update


def update_torch(
    optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]
) -> Update:
    return lambda gradients: optimizer.apply(gradients, variables)


def update_jax(
    optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]
) -> Update:
    import jax

    compiled = jax.jit(optimizer.stateless_apply)
    kept = [*variables, *optimizer.variables]

    def update(gradients: list[Any]) -> None:
        state = [v.value for v in optimizer.variables]
        found = compiled(state, gradients, [v.value for v in variables])
        for variable, value in zip(kept, (*found[0], *found[1]), strict=True):
            variable.assign(value)

    return update


SLOPES = {
    "tensorflow": slope_tensorflow,
    "torch": slope_torch,
    "jax": slope_jax,
}
GRADIENTS = {
    "tensorflow": gradient_tensorflow,
    "torch": gradient_torch,
    "jax": gradient_jax,
}
UPDATES = {
    "tensorflow": update_tensorflow,
    "torch": update_torch,
    "jax": update_jax,
}
