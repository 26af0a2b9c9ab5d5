"""What a framework package offers, written once.

`*_impl/adapter.py` supplies how its framework builds, holds and runs a model; what
follows from that alone (strict loading, dumping, filling, files) is here.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from shared import VERSION, randomness, weights
from shared.losses import Loss
from shared.optimizers import Clip, Optimizer
from shared.schedules import Schedule
from shared.specs.base import Spec, Tensor, to_plain
from shared.weights import Array, Entry, Slot, Weights


@dataclass(frozen=True)
class Request:
    """One run of a model.

    inputs: one batch an input, canonical layout.
    training: dropout drops, BatchNorm uses and updates batch statistics.
    seed, step: the draws of parity mode (shared/randomness.py).
    cotangents: one array an output; asks for the gradients of their inner product.
    trace: asks for the output of every named layer.
    """

    inputs: tuple[Array, ...]
    training: bool = False
    seed: int = 0
    step: int = 0
    cotangents: tuple[Array, ...] | None = None
    trace: bool = False


@dataclass(frozen=True)
class Layer:
    """What went into a named layer (its first argument) and what came out (first)."""

    entered: Array | None
    left: Array


@dataclass(frozen=True)
class Result:
    """What came of a Request, canonical names and layouts.

    buffers: the non-trainable tensors after a training run (the model keeps its own).
    layers: named layers in order of completion; arrays in the framework's own layout.
    """

    outputs: tuple[Array, ...]
    gradients: dict[str, Array] = field(default_factory=dict)
    input_gradients: tuple[Array | None, ...] = ()
    buffers: dict[str, Array] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)


@dataclass(frozen=True)
class Builtin:
    """A framework's own optimizer, by its name there."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Stream:
    """Gradients, one set an update, for an optimizer to follow from `parameters`.

    excluded: the tensors that weight decay leaves alone.
    estimates: SophiaG's gradients with labels drawn from the model, in order.
    """

    optimizer: Optimizer | Builtin
    parameters: Weights
    gradients: tuple[Weights, ...]
    schedule: Schedule | None = None
    excluded: frozenset[str] = frozenset()
    clip: Clip | None = None
    estimates: tuple[Weights, ...] = ()


@dataclass(frozen=True)
class Steps:
    """The parameters after each update, and after the last what the optimizer kept
    (`t`, and `m/conv1.weight`) and the parameters to evaluate with (of a built-in
    neither)."""

    parameters: tuple[dict[str, Array], ...]
    state: dict[str, Array]
    evaluated: dict[str, Array] = field(default_factory=dict)


class Model(ABC):
    """A model of one framework, named and laid out canonically.

    It is built abstractly: until weights are loaded it has names and shapes only.
    """

    channels_last: ClassVar[bool]
    spec: Spec | None = None  # None for a person's own model, whose layouts are its own
    name: str = ""

    @abstractmethod
    def slots(self) -> dict[str, Slot]:
        """Where each canonical tensor lives, in order of definition."""

    @abstractmethod
    def get(self, slot: Slot) -> Array:
        """The value in the framework's own layout."""

    @abstractmethod
    def put(self, slot: Slot, value: Array) -> None:
        """Set the value, given in the framework's own layout."""

    @abstractmethod
    def finish(self) -> None:
        """After all slots were put: settle what no canonical name covers."""

    @abstractmethod
    def execute(self, request: Request) -> Result:
        """`run`, with all arrays in the framework's own layout."""

    @abstractmethod
    def compiled(self, inputs: tuple[Array, ...]) -> Callable[[], object]:
        """Inference on these inputs, in the framework's own layout, as its users run
        it fast; a call returns when the result is there."""

    @abstractmethod
    def write_native(self, path: Path, weights: Weights) -> None:
        """Write weights of this model in the framework's own format."""

    @abstractmethod
    def read_native(self, path: Path) -> dict[str, Array]:
        """Read a file of the framework's own format into canonical weights."""

    @abstractmethod
    def layer_names(self) -> list[str]:
        """Every named layer, in order of definition."""

    def run(self, request: Request) -> Result:
        """Run once; the model's own weights and buffers stay as they were."""
        if self.spec is None or not self.channels_last:
            return self.execute(request)
        inputs, outputs = self.spec.inputs(), self.spec.outputs(request.training)
        cotangents = request.cotangents and _move(request.cotangents, outputs, 1, -1)
        result = self.execute(
            replace(
                request,
                inputs=_move(request.inputs, inputs, 1, -1),
                cotangents=cotangents,
            )
        )
        return replace(
            result,
            outputs=_move(result.outputs, outputs, -1, 1),
            input_gradients=_move(result.input_gradients, inputs, -1, 1),
        )

    def prepare(self, inputs: tuple[Array, ...]) -> float:
        """Compile inference for these inputs; the seconds the first call took."""
        if self.spec is not None and self.channels_last:
            inputs = _move(inputs, self.spec.inputs(), 1, -1)
        start = time.perf_counter()
        self._call = self.compiled(inputs)
        self._call()
        return time.perf_counter() - start

    def time(self, calls: int) -> list[float]:
        """Seconds of each of `calls` calls, after `prepare`."""
        seconds = []
        for _ in range(calls):
            start = time.perf_counter()
            self._call()
            seconds.append(time.perf_counter() - start)
        return seconds

    def entries(self) -> dict[str, Entry]:
        return weights.describe(self.slots())

    def load(self, values: Weights) -> None:
        """All or nothing."""
        slots = self.slots()
        weights.check(slots, values)
        for name, slot in slots.items():
            self.put(slot, slot.layout.native(values[name]))
        self.finish()

    def dump(self) -> dict[str, Array]:
        slots = self.slots()
        return {
            name: np.ascontiguousarray(slot.layout.canonical(self.get(slot)))
            for name, slot in slots.items()
        }

    def fill(self, seed: int) -> None:
        """Weights that depend on the seed and the names alone, made where they live."""
        for name, slot in self.slots().items():
            value = randomness.weight(name, slot.shape, seed).astype(slot.dtype)
            self.put(slot, slot.layout.native(value))
        self.finish()

    def save(self, path: Path) -> None:
        weights.write(path, self.dump(), metadata(self.name, self.spec))

    def read(self, path: Path) -> None:
        self.load(weights.read(path)[0])


class Framework(ABC):
    """A framework package in its process, in one precision."""

    @abstractmethod
    def __init__(self, dtype: str, threads: int): ...

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Versions, devices, threads."""

    @abstractmethod
    def build(self, spec: Spec, name: str) -> Model:
        """This suite's model of the spec, abstract."""

    @abstractmethod
    def adopt(self, native: Any, inputs: tuple[Array, ...]) -> Model:
        """A person's own model, with its weights; its dropout is turned off."""

    @abstractmethod
    def optimize(self, stream: Stream) -> Steps:
        """Follow a stream of gradients."""

    @abstractmethod
    def factors(self, schedule: Schedule, number: int) -> list[float]:
        """A schedule's factors at the first updates."""

    @abstractmethod
    def evaluate(
        self, loss: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
    ) -> tuple[Array, tuple[Array, ...]]:
        """A loss, and its gradients with respect to what a model put out."""


def flat(result: Any) -> tuple[Any, ...]:
    """What a model returned, tuples within tuples laid out in a row."""
    if not isinstance(result, tuple | list):
        return (result,)
    return tuple(value for part in result for value in flat(part))


def _move(
    arrays: tuple[Any, ...], tensors: tuple[Tensor, ...], source: int, target: int
) -> tuple[Any, ...]:
    """Move the channel axis of the arrays that have one in front."""
    return tuple(
        np.ascontiguousarray(np.moveaxis(a, source, target))
        if tensor.channels_first and a is not None
        else a
        for a, tensor in zip(arrays, tensors, strict=bool(arrays))
    )


def metadata(name: str, spec: Spec | None) -> dict[str, str]:
    """What a weights file says of itself."""
    plain = json.dumps(to_plain(spec) if spec else None, sort_keys=True)
    return {"format": weights.FORMAT, "model": name, "spec": plain, "version": VERSION}
