"""Keras's back end JAX: what keras_impl/backends/__init__.py tells of."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any

import jax
import jax.numpy as jnp
import keras

from keras_impl.backends.base import Call, Found, Scalar, Update, Variables, first


def set_tf32(wanted: bool) -> None:
    precision = "tensorfloat32" if wanted else "highest"
    jax.config.update("jax_default_matmul_precision", precision)


def devices() -> list[str]:
    return keras.distribution.list_devices()


def memory() -> int | None:
    found = jax.devices()[0].memory_stats()
    return None if found is None else found.get("peak_bytes_in_use")


def finished(call: Call) -> Call:
    return call


def on_cpu(weights: keras.Variable, form: Call, other: Call, *arrays: Any) -> Any:
    # DIFF(platform): which device that is, a trace does not know.
    if jax.default_backend() == "cpu":
        return form(*arrays)
    return jax.lax.platform_dependent(*arrays, cpu=form, default=other)


def attend(written: Call, fused: Call, *arrays: Any) -> Any:
    if jax.default_backend() == "cpu":
        return written(*arrays)
    return jax.lax.platform_dependent(*arrays, cpu=written, default=fused)


def compiles_lstm() -> bool:
    return True


def forward(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    whole: bool,
) -> tuple[Any, ...]:
    if not whole:
        return call(inputs)
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


def gradient(
    call: Call,
    inputs: list[Any],
    trainable: Variables,
    fixed: Variables,
    cotangents: Sequence[Any] | None,
) -> Found:
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
        wanted = first(outputs) if cotangents is None else cotangents
        pairs = zip(wanted, outputs, strict=True)
        return outputs, updates, pull(tuple(jnp.asarray(c, o.dtype) for c, o in pairs))

    outputs, updates, (of_values, of_reals) = both(
        [v.value for v in trainable], [inputs[i] for i in real]
    )
    for variable, value in zip(fixed, updates, strict=True):
        if value is not None:
            variable.assign(value)
    return outputs, of_values, of_reals


def slope(function: Scalar, x: Any) -> Any:
    return jax.grad(function)(x)


def is_known(x: Any) -> bool:
    return not isinstance(x, jax.core.Tracer)


def compiled(function: Call) -> Call:
    return jax.jit(function)


def graph(function: Call) -> Call:
    return function


def fuse_update(optimizer: keras.optimizers.Optimizer) -> None:
    pass


def update(
    optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]
) -> Update:
    compiled = jax.jit(optimizer.stateless_apply)
    kept = [*variables, *optimizer.variables]

    def update(gradients: list[Any]) -> None:
        state = [v.value for v in optimizer.variables]
        found = compiled(state, gradients, [v.value for v in variables])
        for variable, value in zip(kept, (*found[0], *found[1]), strict=True):
            variable.assign(value)

    return update


def infer(run: Call, model: keras.Layer, inputs: list[Any], mode: str) -> Call:
    if mode == "eager":
        return lambda: jax.block_until_ready(run(*inputs))
    variables = list(model.variables)

    @jax.jit
    def function(values: list[Any], arguments: list[Any]) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return run(*arguments)

    values = [variable.value for variable in variables]
    return lambda: jax.block_until_ready(function(values, inputs))


def step(learner: keras.Model, batch: list[Any]) -> Call:
    """The state is given away and comes back, as in `fit`."""
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


def apply(
    optimizer: keras.optimizers.Optimizer,
    variables: list[keras.Variable],
    gradients: list[Any],
    mode: str,
) -> Call:
    apply = optimizer.stateless_apply
    if mode != "eager":
        apply = jax.jit(apply, donate_argnums=(0, 2))
    kept = [[v.value for v in optimizer.variables], [v.value for v in variables]]

    def call() -> None:
        values, state = apply(kept[0], gradients, kept[1])
        kept[:] = state, values
        jax.block_until_ready(kept)

    return call


def join() -> None:
    raise NotImplementedError


def strategy() -> Any:
    return None


def sharded(batches: Callable[[], Iterator[Any]]) -> Any:
    raise NotImplementedError


def total(values: list[Any]) -> list[Any]:
    raise NotImplementedError
