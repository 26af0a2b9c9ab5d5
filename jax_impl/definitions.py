"""The shared definitions as JAX's and optax's own objects, and streams of gradients
through them (shared/contract.py)."""

import dataclasses
import functools
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jax_impl import diffusion, losses, optimizers, schedules
from shared.arrays import Array
from shared.definitions.losses import Loss
from shared.definitions.optimizers import Clip, Optimizer, ScheduleFreeAdamW, SophiaG
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.messages import Builtin, Steps, Stream
from shared.natively import natively

COMPILED: dict[Any, Callable[..., Any]] = {}


def settings(definition: Any) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(definition)]
    return {name: getattr(definition, name) for name in names}


def diffusing(definition: Any) -> Any:
    """Make the native noising, sampler or times."""
    return getattr(diffusion, type(definition).__name__)(**settings(definition))


def maker(module: ModuleType, definition: Any) -> Callable[..., Any]:
    """Give the function that makes such an object: `cross_entropy` for CrossEntropy,
    `adamw` for AdamW."""
    name = re.sub("(?<=[a-z])(?=[A-Z][a-z])", "_", type(definition).__name__)
    return getattr(module, name.lower())


def optimizer(
    definition: Optimizer,
    excluded: frozenset[str] = frozenset(),
    scheduled: Schedule | None = None,
) -> optax.GradientTransformation:
    """Make the optimizer for parameters in a flat dict. excluded: what weight decay
    leaves alone."""
    values = settings(definition)
    rate = values.pop("lr")
    if scheduled is not None:
        rate = schedules.scheduled(rate, schedule(scheduled))
    return maker(optimizers, definition)(
        rate, **values, mask=lambda params: {n: n not in excluded for n in params}
    )


def state(native: Any) -> dict[str, Array]:
    """What the optimizer keeps: `t`, and `m/conv1.weight`."""
    found: dict[str, Array] = {}
    for kept, value in native._asdict().items():
        if isinstance(value, dict):
            held = {name: a for name, a in value.items() if a is not None}
            found |= {f"{kept}/{name}": np.asarray(a) for name, a in held.items()}
        elif value is not None:
            found[kept] = np.asarray(value)
    return found


def with_state(native: Any, values: dict[str, Array]) -> Any:
    """Give a state of the same kind with these values."""
    found: dict[str, Any] = {}
    for kept, value in native._asdict().items():
        if isinstance(value, dict):
            found[kept] = {
                name: a if a is None else jnp.asarray(values[f"{kept}/{name}"], a.dtype)
                for name, a in value.items()
            }
        elif value is None:
            found[kept] = None
        else:
            found[kept] = jnp.asarray(values[kept], value.dtype)
    return type(native)(**found)


def schedule(definition: Schedule) -> Callable[[Any], Any]:
    values = settings(definition)
    if isinstance(values.get("then"), Schedule):
        values["then"] = schedule(values["then"])
    return maker(schedules, definition)(**values)


def loss(definition: Loss) -> Callable[..., jax.Array]:
    return maker(losses, definition)(**settings(definition))


def clip(definition: Clip) -> optax.GradientTransformation:
    kinds: dict[str, Callable[[float], optax.GradientTransformation]] = {
        "ClipByValue": optax.clip,
        "ClipByNorm": optimizers.clip_by_norm,
        "ClipByGlobalNorm": optax.clip_by_global_norm,
    }
    return kinds[type(definition).__name__](definition.limit)


def optimize(stream: Stream) -> Steps:
    if isinstance(stream.optimizer, Builtin):
        name = stream.optimizer.name
        module = optax if hasattr(optax, name) else optax.contrib
        native = getattr(module, name)(**stream.optimizer.arguments)
    else:
        native = optimizer(stream.optimizer, stream.excluded, stream.schedule)
    bound = clip(stream.clip) if stream.clip is not None else optax.identity()
    follow = optax.identity()
    if stream.ema is not None:
        follow = optimizers.ema(decay=stream.ema.decay)
    whole = optax.chain(bound, native, follow)
    params = {n: jnp.asarray(v) for n, v in stream.parameters.items()}
    if stream.accumulate > 1:
        # DIFF(multi-steps): optax adds up in float32 unless told otherwise.
        dtype = next(iter(params.values())).dtype
        parts = optax.MultiSteps(whole, stream.accumulate, accumulator_dtype=dtype)
        whole = parts.gradient_transformation()
    kept = whole.init(params)

    @jax.jit
    def step(params: Any, kept: Any, grads: Any, more: Any) -> tuple[Any, Any]:
        steps, kept = whole.update(grads, kept, params, **more)
        return optax.apply_updates(params, steps), kept

    path, averages = [], []
    for t, gradients in enumerate(stream.gradients):
        grads = {n: jnp.asarray(g) for n, g in gradients.items()}
        params, kept = step(params, kept, grads, drawn(stream, t))
        path.append({n: np.asarray(p) for n, p in params.items()})
        inner = kept.inner_opt_state if stream.accumulate > 1 else kept
        _, own, followed = inner
        if stream.ema is not None:
            found = followed.average
            averages.append({n: np.asarray(a) for n, a in found.items()})
    if isinstance(stream.optimizer, Builtin):
        return Steps(tuple(path), {})
    if isinstance(stream.optimizer, ScheduleFreeAdamW):
        beta1 = stream.optimizer.beta1
        params = optimizers.schedule_free_evaluated(params, own, beta1)
    evaluated = {n: np.asarray(p) for n, p in params.items()}
    return Steps(tuple(path), state(own), evaluated, tuple(averages))


def drawn(stream: Stream, t: int) -> dict[str, Any]:
    """What sophiag's update is given besides, at every update that asks for it."""
    if not isinstance(stream.optimizer, SophiaG) or t % stream.optimizer.every:
        return {}
    found = stream.estimates[t // stream.optimizer.every]
    return {"estimate": {n: jnp.asarray(g) for n, g in found.items()}}


def factors(definition: Schedule, number: int) -> list[float]:
    """Give the factors of the first updates."""
    native = schedule(definition)
    return [float(native(jnp.asarray(t))) for t in range(number)]


def observe(definition: ReduceOnPlateau, values: list[float]) -> list[float]:
    """Give the factor after each of these observations."""
    native = schedules.reduce_on_plateau(**settings(definition))
    one = jnp.ones(())
    kept = native.init(one)
    found = []
    for value in values:
        scaled, kept = jax.jit(native.update)(one, kept, value=value)
        found.append(float(scaled))
    return found


@functools.cache
def differentiated(definition: Loss) -> Callable[..., Any]:
    native = loss(definition)
    return jax.jit(jax.value_and_grad(lambda leaves, wanted: native(*leaves, *wanted)))


def evaluate(
    definition: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
) -> tuple[Array, tuple[Array, ...]]:
    """A loss and its gradients with respect to what was put out."""
    leaves = tuple(jnp.asarray(value) for value in outputs)
    wanted = tuple(jnp.asarray(value) for value in targets)
    value, found = differentiated(definition)(leaves, wanted)
    return np.asarray(value), tuple(np.asarray(g) for g in found)


def define(
    definition: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Array, ...]:
    """A definition of decoding, boxes, diffusion or returns, compiled."""
    found = natively("jax_impl", definition, arguments, jnp.asarray, jax.jit, COMPILED)
    return tuple(np.asarray(value) for value in found)
