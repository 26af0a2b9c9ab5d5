"""The shared definitions as PyTorch's own objects, and streams of gradients through
them (shared/contract.py)."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pytorch_impl import diffusion, losses, optimizers, schedules
from shared.arrays import Array, Weights
from shared.definitions.losses import Loss
from shared.definitions.optimizers import Clip, Optimizer
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.messages import Builtin, Steps, Stream
from shared.natively import natively

CLIPS = {
    "ClipByValue": optimizers.clip_by_value,
    "ClipByNorm": optimizers.clip_by_norm,
    "ClipByGlobalNorm": optimizers.clip_by_global_norm,
}


def settings(definition: Any) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(definition)]
    return {name: getattr(definition, name) for name in names}


def diffusing(definition: Any) -> Any:
    """Make the native noising, sampler or times."""
    return getattr(diffusion, type(definition).__name__)(**settings(definition))


def optimizer(
    definition: Optimizer,
    parameters: Mapping[str, nn.Parameter],
    excluded: frozenset[str] = frozenset(),
    rates: Mapping[float, list[str]] | None = None,
) -> torch.optim.Optimizer:
    """Make the native optimizer. excluded: the tensors that weight decay leaves alone.
    rates: the parameters by the factor on their learning rate."""
    kind, values = getattr(optimizers, type(definition).__name__), settings(definition)
    groups: list[dict[str, Any]] = []
    for rate, names in (rates or {1.0: list(parameters)}).items():
        lr = {} if rate == 1.0 else {"lr": definition.lr * rate}
        groups += [
            {"params": [parameters[n] for n in names if n not in excluded], **lr},
            {
                "params": [parameters[n] for n in names if n in excluded],
                "weight_decay": 0.0,
                **({"trust": False} if "trust" in values else {}),
                **lr,
            },
        ]
    return kind([g for g in groups if g["params"]], **values)


def state(
    native: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Array]:
    """What the optimizer keeps: `t`, and `m/conv1.weight`."""
    group = native.param_groups[0]
    found = {k: _whole(group[k]) for k in ("t", *getattr(native, "once", {}))}
    for name, p in parameters.items():
        found |= {f"{kept}/{name}": value for kept, value in native.state[p].items()}
    return {k: value.detach().cpu().numpy().copy() for k, value in found.items()}


def _whole(value: Any) -> Tensor:
    """Write a number of Python with all its digits."""
    if isinstance(value, float):
        return torch.tensor(value, dtype=torch.float64)
    return torch.as_tensor(value)


def set_state(
    native: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    values: dict[str, Array],
) -> None:
    for group in native.param_groups:
        group["t"] = int(values["t"])
        for kept in getattr(native, "once", {}):
            old, new = group[kept], values[kept]
            group[kept] = float(new) if isinstance(old, float) else old.new_tensor(new)
    for key, value in values.items():
        kept, _, name = key.partition("/")
        if name:
            p = parameters[name]
            # The fused kernels read memory in order, whatever the strides say.
            value = np.ascontiguousarray(value)
            native.state[p][kept] = torch.tensor(value, dtype=p.dtype, device=p.device)


def schedule(definition: Schedule) -> Callable[[int], float]:
    kind = getattr(schedules, type(definition).__name__)
    values = settings(definition)
    if isinstance(values.get("then"), Schedule):
        values["then"] = schedule(values["then"])
    return kind(**values)


def loss(definition: Loss) -> nn.Module:
    return getattr(losses, type(definition).__name__)(**settings(definition))


def clip(definition: Clip, gradients: list[Tensor]) -> None:
    CLIPS[type(definition).__name__](gradients, definition.limit)


def optimize(stream: Stream) -> Steps:
    parameters = {
        n: nn.Parameter(torch.tensor(v)) for n, v in stream.parameters.items()
    }
    if isinstance(stream.optimizer, Builtin):
        kind = getattr(torch.optim, stream.optimizer.name)
        native = kind(parameters.values(), **stream.optimizer.arguments)
    else:
        native = optimizer(stream.optimizer, parameters, stream.excluded)
    ema = None
    if stream.ema is not None:
        ema = optimizers.Ema(parameters.values(), decay=stream.ema.decay)
    scheduler = None
    if stream.schedule is not None:
        scheduler = schedules.Scheduled(native, schedule(stream.schedule))
    path, averages = [], []
    estimates = iter(stream.estimates)
    passes = 1 if isinstance(stream.optimizer, Builtin) else stream.optimizer.passes
    for i, gradients in enumerate(stream.gradients, 1):
        if isinstance(native, optimizers.SophiaG) and native.due:
            hold(parameters, next(estimates))
            native.estimate()
            native.zero_grad()
        hold(parameters, gradients, stream.accumulate)
        if i % stream.accumulate == 0:
            if stream.clip is not None:
                found = [p.grad for p in parameters.values() if p.grad is not None]
                clip(stream.clip, found)
            native.step()
            native.zero_grad()
            if scheduler is not None and i % (passes * stream.accumulate) == 0:
                scheduler.step()
            if ema is not None:
                ema.update()
        path.append(copies(parameters))
        if ema is not None:
            averages.append(copies(dict(zip(parameters, ema.averages, strict=True))))
    if isinstance(stream.optimizer, Builtin):
        return Steps(tuple(path), {})
    kept = state(native, parameters)
    if isinstance(native, optimizers.ScheduleFreeAdamW):
        native.eval()
    return Steps(tuple(path), kept, copies(parameters), tuple(averages))


def hold(
    parameters: Mapping[str, nn.Parameter], gradients: Weights, parts: int = 1
) -> None:
    """Add a gradient, as `(loss / parts).backward()` does."""
    for name, p in parameters.items():
        part = torch.tensor(gradients[name]) / parts
        p.grad = part if p.grad is None else p.grad + part


def copies(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    return {n: p.detach().numpy().copy() for n, p in tensors.items()}


def factors(definition: Schedule, number: int) -> list[float]:
    """Give the factors of the first updates."""
    native = schedule(definition)
    return [float(native(t)) for t in range(number)]


def observe(definition: ReduceOnPlateau, values: list[float]) -> list[float]:
    """Give the factor after each of these observations."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    native = schedules.ReduceOnPlateau(optimizer, **settings(definition))
    found = []
    for value in values:
        native.step(value)
        found.append(float(optimizer.param_groups[0]["lr"]))
    return found


def evaluate(
    definition: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
) -> tuple[Array, tuple[Array, ...]]:
    """A loss and its gradients with respect to what was put out."""
    native = loss(definition)
    leaves = [torch.tensor(value, requires_grad=True) for value in outputs]
    value = native(*leaves, *map(torch.tensor, targets))
    found = torch.autograd.grad(
        value, leaves, allow_unused=True, materialize_grads=True
    )
    return value.detach().numpy(), tuple(g.numpy() for g in found)


def define(
    definition: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Array, ...]:
    """A definition of decoding, boxes, diffusion or returns."""
    found = natively("pytorch_impl", definition, arguments, torch.tensor)
    return tuple(np.asarray(value) for value in found)
