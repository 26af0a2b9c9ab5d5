"""The shared definitions as Keras's own objects, and streams of gradients through them
(shared/contract.py)."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_impl import backends, diffusion, losses, optimizers, schedules
from shared.arrays import Array
from shared.definitions.losses import Loss
from shared.definitions.optimizers import Clip, Optimizer
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.messages import Builtin, Steps, Stream
from shared.natively import natively

COMPILED: dict[Any, Callable[..., Any]] = {}
CLIPS = {
    "ClipByValue": "clipvalue",
    "ClipByNorm": "clipnorm",
    "ClipByGlobalNorm": "global_clipnorm",
}


def settings(definition: Any) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(definition)]
    return {name: getattr(definition, name) for name in names}


def diffusing(definition: Any) -> Any:
    """Make the native noising, sampler or times."""
    return getattr(diffusion, type(definition).__name__)(**settings(definition))


def optimizer(
    definition: Optimizer,
    variables: Mapping[str, keras.Variable],
    excluded: frozenset[str] = frozenset(),
    scheduled: Schedule | None = None,
    **options: Any,
) -> keras.optimizers.Optimizer:
    """Make the native optimizer. excluded: the tensors that weight decay leaves alone.
    options: those of any Keras optimizer."""
    values = settings(definition)
    rate = values.pop("lr")
    if scheduled is not None:
        rate = schedules.Scheduled(rate, schedule(scheduled))
    kind = getattr(optimizers, type(definition).__name__)
    native = kind(rate, **values, **options)
    native.exclude_from_weight_decay([variables[name] for name in sorted(excluded)])
    native.build(list(variables.values()))
    return native


def clipping(definition: Clip | None) -> dict[str, float]:
    """Give a clip as an option of any Keras optimizer."""
    if definition is None:
        return {}
    return {CLIPS[type(definition).__name__]: definition.limit}


def surroundings(stream: Stream) -> dict[str, Any]:
    """Accumulation and moving averages, as options of any Keras optimizer."""
    options: dict[str, Any] = {}
    if stream.accumulate > 1:
        options["gradient_accumulation_steps"] = stream.accumulate
    if stream.ema is not None:
        options |= {"use_ema": True, "ema_momentum": stream.ema.decay}
    return options


def state(
    native: keras.optimizers.Optimizer, variables: Mapping[str, keras.Variable]
) -> dict[str, Array]:
    """What the optimizer keeps: `t`, and `m/conv1.weight`."""
    found = {"t": native.iterations, **native.once}
    for name, variable in variables.items():
        for kept, value in zip(native.needs(), native.kept(variable), strict=True):
            if value is not None:
                found[f"{kept}/{name}"] = value
    return copies(found)


def copies(variables: Mapping[str, Any]) -> dict[str, Array]:
    return {n: np.array(ops.convert_to_numpy(v)) for n, v in variables.items()}


def set_state(
    native: keras.optimizers.Optimizer,
    variables: Mapping[str, keras.Variable],
    values: dict[str, Array],
) -> None:
    native.iterations.assign(int(values["t"]))
    for kept, place in native.once.items():
        place.assign(values[kept])
    for name, variable in variables.items():
        for kept, place in zip(native.needs(), native.kept(variable), strict=True):
            if place is not None:
                place.assign(values[f"{kept}/{name}"])


def schedule(definition: Schedule) -> Any:
    kind = getattr(schedules, type(definition).__name__)
    values = settings(definition)
    if isinstance(values.get("then"), Schedule):
        values["then"] = schedule(values["then"])
    return kind(**values)


def loss(definition: Loss) -> keras.losses.Loss:
    return getattr(losses, type(definition).__name__)(**settings(definition))


def called(native: keras.losses.Loss, targets: int) -> Callable[..., Any]:
    """A loss as a function of outputs and targets in a row, as the other frameworks
    have it; Keras gives its losses one of each."""

    def of(*values: Any) -> Any:
        count = len(values) - targets
        return native(
            one_or_all(list(values[count:])), one_or_all(list(values[:count]))
        )

    return of


def optimize(stream: Stream) -> Steps:
    dtype = next(iter(stream.parameters.values())).dtype.name
    variables = {
        n: keras.Variable(v, dtype=dtype) for n, v in stream.parameters.items()
    }
    if isinstance(stream.optimizer, Builtin):
        kind = getattr(keras.optimizers, stream.optimizer.name)
        native = kind(**stream.optimizer.arguments)
        native.build(list(variables.values()))
    else:
        native = optimizer(
            stream.optimizer,
            variables,
            stream.excluded,
            stream.schedule,
            **clipping(stream.clip),
            **surroundings(stream),
        )
    update = backends.update(native, list(variables.values()))
    path, averages = [], []
    estimates = iter(stream.estimates)
    for gradients in stream.gradients:
        if isinstance(native, optimizers.SophiaG) and bool(native.due):
            drawn = next(estimates)
            native.estimate([ops.convert_to_tensor(drawn[n], dtype) for n in variables])
        update([ops.convert_to_tensor(gradients[n], dtype) for n in variables])
        path.append(copies(variables))
        if stream.ema is not None:
            held = zip(variables, native._model_variables_moving_average, strict=True)
            averages.append(copies(dict(held)))
    if isinstance(stream.optimizer, Builtin):
        return Steps(tuple(path), {})
    kept = state(native, variables)
    if isinstance(native, optimizers.ScheduleFreeAdamW):
        native.eval()
    return Steps(tuple(path), kept, copies(variables), tuple(averages))


def factors(definition: Schedule, number: int) -> list[float]:
    """Give the factors of the first updates."""
    native = schedule(definition)
    return [float(ops.convert_to_numpy(native(t))) for t in range(number)]


def observe(definition: ReduceOnPlateau, values: list[float]) -> list[float]:
    """Give the factor after each of these observations."""
    native = schedules.ReduceOnPlateau(**settings(definition))
    return [native.observe(value) for value in values]


@functools.cache
def differentiated(definition: Loss) -> Callable[..., Any]:
    native, differentiate = (
        loss(definition),
        backends.gradient,
    )

    def both(leaves: list[Any], wanted: list[Any]) -> Any:
        def call(arguments: list[Any]) -> tuple[Any, ...]:
            return (native(one_or_all(wanted), one_or_all(arguments)),)

        return differentiate(call, leaves, [], [], [np.ones(())])

    return backends.compiled(both)


def evaluate(
    definition: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
) -> tuple[Array, tuple[Array, ...]]:
    """A loss and its gradients with respect to what was put out."""
    dtype = keras.config.floatx()
    leaves = [ops.convert_to_tensor(value, dtype) for value in outputs]
    wanted = [ops.convert_to_tensor(value) for value in targets]
    (value,), _, found = differentiated(definition)(leaves, wanted)
    return (
        np.asarray(ops.convert_to_numpy(value)),
        tuple(np.asarray(ops.convert_to_numpy(g)) for g in found),
    )


def one_or_all(values: list[Any]) -> Any:
    """Keras's losses take an array, or a list where a model has more outputs."""
    return values[0] if len(values) == 1 else values


def define(
    definition: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Array, ...]:
    """A definition of decoding, boxes, diffusion or returns, compiled."""

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        return backends.graph(backends.compiled(function))

    tensor = ops.convert_to_tensor
    found = natively("keras_impl", definition, arguments, tensor, compiled, COMPILED)
    return tuple(np.asarray(ops.convert_to_numpy(value)) for value in found)
