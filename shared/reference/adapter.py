"""The networks in NumPy behind the contract (shared/contract.py)."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from shared import catalog, contract, messages
from shared.arrays import Array, Weights
from shared.definitions.losses import Loss
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.errors import UsageError
from shared.files import npz
from shared.files.weights import Slot
from shared.files.writing import write_bytes
from shared.objectives.plan import Plan
from shared.randomness import Draws
from shared.reference import FAMILIES, definitions, models, workloads
from shared.reference.layers.dropout import Dropout
from shared.reference.module import Module, Random, named_modules
from shared.reference.training import Trainer
from shared.reference.weights import slots
from shared.specs.base import Spec


class Adapter(contract.Framework):
    def __init__(self, dtype: str, threads: int):
        self.dtype = dtype  # BLAS heeds OMP_NUM_THREADS

    modes = workloads.MODES

    def describe(self) -> dict[str, Any]:
        return {
            "versions": {"numpy": np.__version__},
            "devices": ["cpu"],
            "threads": int(os.environ.get("OMP_NUM_THREADS", "1")),
        }

    def memory(self) -> int | None:
        return None

    def build(self, spec: Spec, name: str) -> "NumpyModel":
        kind = getattr(models, type(spec).__name__.removesuffix("Spec"), None)
        if kind is None:
            family, allowed = catalog.family_of(spec), ", ".join(FAMILIES)
            raise UsageError(f"numpy has no network for {family}; it has {allowed}")
        return NumpyModel(kind(spec), self.dtype, spec, name)

    def adopt(
        self, native: Any, inputs: tuple[Array, ...], program: str = ""
    ) -> "NumpyModel":
        if not isinstance(native, Module):
            raise UsageError(f"{type(native)} is no shared.reference.module.Module")
        for _, module in named_modules(native):
            if isinstance(module, Dropout):
                module.rate = 0.0
        return NumpyModel(native, self.dtype)

    def optimize(self, stream: messages.Stream) -> messages.Steps:
        return definitions.optimize(stream)

    def factors(self, schedule: Schedule, number: int) -> list[float]:
        return definitions.factors(schedule, number)

    def observe(self, schedule: ReduceOnPlateau, values: list[float]) -> list[float]:
        return definitions.observe(schedule, values)

    def evaluate(
        self, loss: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
    ) -> tuple[Array, tuple[Array, ...]]:
        return definitions.evaluate(loss, outputs, targets)


class NumpyModel(contract.Model):
    channels_last = False

    def __init__(
        self, native: Module, dtype: str, spec: Spec | None = None, name: str = ""
    ):
        self.native, self.dtype, self.spec, self.name = native, dtype, spec, name

    def slots(self) -> dict[str, Slot]:
        return slots(self.native, self.dtype)

    def get(self, slot: Slot) -> Array:
        return slot.place.value

    def put(self, slot: Slot, value: Array) -> None:
        slot.place.value = np.array(value, self.dtype)

    def finish(self) -> None:
        pass

    def layer_names(self) -> list[str]:
        return [path for path, _ in named_modules(self.native) if path]

    def lower(self) -> None:
        raise UsageError("precision is bfloat16; numpy has float32 and float64")

    def set_mode(self, training: bool, seed: int = 0, step: int = 0) -> None:
        """Settle whether the next runs train, and what they draw."""
        for path, module in named_modules(self.native):
            module.training = training
            if isinstance(module, Random):
                module.draws = Draws(seed, path, step)

    def inputs(self, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        """Give real numbers in the model's precision."""
        return tuple(a.astype(self.dtype) if a.dtype.kind == "f" else a for a in arrays)

    def backward(
        self, cotangents: tuple[Array, ...], program: str = ""
    ) -> tuple[dict[str, Array], tuple[Array | None, ...]]:
        """The gradients of the parameters, 0 where none comes, and of the inputs. Back
        through the program `embed` goes the method `embed_backward`."""
        places = {k: s.place for k, s in self.slots().items() if s.trainable}
        for parameter in places.values():
            parameter.gradient = None
        go_back = self.native.backward
        if program and self.spec is not None:
            method = self.spec.programs()[program].method
            go_back = getattr(self.native, f"{method}_backward")
        found = go_back(*(c.astype(self.dtype) for c in cotangents))
        gradients = {
            name: np.zeros_like(p.value) if p.gradient is None else p.gradient
            for name, p in places.items()
        }
        return gradients, found if isinstance(found, tuple) else (found,)

    def execute(self, request: messages.Request) -> messages.Result:
        fixed = {k: s.place for k, s in self.slots().items() if not s.trainable}
        own = {name: buffer.value for name, buffer in fixed.items()}
        self.set_mode(request.training, request.seed, request.step)
        layers: dict[str, messages.Layer] = {}
        if request.trace:
            self._record(layers)
        try:
            run = self.entry(request.program, self.native, request.settings)
            outputs = contract.flat(run(*self.inputs(request.inputs)))
            gradients: dict[str, Array] = {}
            of_inputs: tuple[Array | None, ...] = ()
            if request.cotangents is not None:
                gradients, of_inputs = self.backward(
                    request.cotangents, request.program
                )
            buffers = {name: buffer.value for name, buffer in fixed.items()}
        finally:
            for name, buffer in fixed.items():
                buffer.value = own[name]
            for _, module in named_modules(self.native):
                module.watch = None
            self.set_mode(training=False)
        return messages.Result(outputs, gradients, of_inputs, buffers, layers)

    def _record(self, layers: dict[str, messages.Layer]) -> None:
        def watcher(path: str) -> Callable[[Any, Any], None]:
            def watch(inputs: Any, outputs: Any) -> None:
                name = contract.call_of(layers, path)
                layers[name] = messages.Layer(_first(inputs), _first(outputs))

            return watch

        for path, module in named_modules(self.native):
            if path:
                module.watch = watcher(path)

    def repeated(self, work: messages.Workload) -> Callable[[], Any]:
        return workloads.make(self, work)

    def numbers(self, outputs: Any) -> tuple[Array, ...]:
        return contract.flat(outputs)

    def move(self, device: str) -> None:
        if device not in ("", "cpu"):
            raise UsageError(f"device is {device}; numpy runs on the CPU alone")

    def trainer(self, plan: Plan) -> Trainer:
        return Trainer(self, plan)

    def write_native(self, path: Path, values: Weights) -> None:
        """Write an archive of np.savez."""
        if path.suffix != ".npz":
            raise UsageError(f"{path}: NumPy writes .npz files")
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **values)
        write_bytes(path, content.getvalue())

    def read_native(self, path: Path) -> dict[str, Array]:
        return npz.read(path)


def _first(value: Any) -> Any:
    while isinstance(value, tuple | list) and value:
        value = value[0]
    return value
