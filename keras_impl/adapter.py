"""Keras 3 behind the contract (shared/contract.py), on any of its back ends."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend.common import dtypes, global_state

from keras_impl import backends, definitions, models, workloads
from keras_impl.precision import full, lower
from keras_impl.training import Trainer
from keras_impl.weights import named_layers, slots
from shared import catalog, contract, messages
from shared.arrays import Array, Weights
from shared.definitions.losses import Loss
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.errors import UsageError, brief
from shared.files.weights import Slot
from shared.files.writing import written
from shared.objectives.plan import Plan
from shared.randomness import Draws
from shared.specs.base import Spec


def build(model: str | Spec, seed: int = 0) -> keras.Model:
    """The model of a catalog name or a spec, started as the spec says."""
    spec = catalog.variant(model).spec if isinstance(model, str) else model
    name = model if isinstance(model, str) else ""
    built = _abstract(spec, keras.config.floatx(), name)
    built.start(seed)
    return built.native


def _abstract(spec: Spec, dtype: str, name: str) -> "KerasModel":
    kind = getattr(models, type(spec).__name__.removesuffix("Spec"))
    with keras.StatelessScope(initialize_variables=False):
        native = kind(spec)
    # Keras would initialise these at the end of the next scope; `put` does it.
    global_state.set_global_attribute("uninitialized_variables", [])
    for _, layer in named_layers(native):
        layer.built = True  # every variable was made in a constructor
    return KerasModel(native, dtype, spec, name)


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Fill a model from a canonical safetensors file, all or nothing."""
    KerasModel(model, model.variable_dtype).read(Path(path))


def save_weights(model: keras.Model, path: str | Path, name: str = "") -> None:
    """Write a model's canonical safetensors file."""
    spec = getattr(model, "spec", None)
    KerasModel(model, model.variable_dtype, spec, name).save(Path(path))


class Adapter(contract.Framework):
    def __init__(self, dtype: str, threads: int):
        self.dtype, self.threads = dtype, threads
        keras.config.set_floatx(dtype)
        if dtype == "float64":
            _keep_float64()

    modes = workloads.MODES

    def describe(self) -> dict[str, Any]:
        backend = keras.backend.backend()
        module = __import__(backend)
        return {
            "versions": {"keras": keras.__version__, backend: module.__version__},
            "devices": backends.devices(),
            "threads": self.threads,
        }

    def memory(self) -> int | None:
        return backends.memory()

    def build(self, spec: Spec, name: str) -> "KerasModel":
        return _abstract(spec, self.dtype, name)

    def adopt(
        self, native: Any, inputs: tuple[Array, ...], program: str = ""
    ) -> "KerasModel":
        if not isinstance(native, keras.Layer):
            raise UsageError(f"{type(native)} is no keras.Layer or keras.Model")
        entry = getattr(native, program) if program else native
        entry(*inputs)  # its weights are made by the first call
        for _, layer in named_layers(native):
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        return KerasModel(native, self.dtype)

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


def _keep_float64() -> None:
    # DIFF(keras-float64): on the JAX and torch back ends Keras computes means and
    # variances of float64 tensors in float32; this table is why.
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


class KerasModel(contract.Model):
    channels_last = True

    def __init__(
        self, native: keras.Layer, dtype: str, spec: Spec | None = None, name: str = ""
    ):
        self.native, self.dtype, self.spec, self.name = native, dtype, spec, name

    def slots(self) -> dict[str, Slot]:
        return slots(self.native, self.dtype)

    def get(self, slot: Slot) -> Array:
        return ops.convert_to_numpy(slot.place)

    def put(self, slot: Slot, value: Array) -> None:
        variable = slot.place
        if variable._value is None:
            variable._initializer = lambda shape, dtype: ops.array(value, dtype)
            variable._deferred_initialize()
        else:
            variable.assign(value)

    def finish(self) -> None:
        """An abstract model's seed generators get a state; the masks are not ours."""
        for variable in self.native.variables:
            if variable._value is None:
                variable._deferred_initialize()

    def layer_names(self) -> list[str]:
        return [path for path, _ in named_layers(self.native) if path]

    def execute(self, request: messages.Request) -> messages.Result:
        for path, layer in named_layers(self.native):
            if hasattr(layer, "draws"):
                layer.draws = Draws(request.seed, path, request.step)
        fixed = {k: s for k, s in self.slots().items() if not s.trainable}
        own = {name: self.get(slot).copy() for name, slot in fixed.items()}
        try:
            return self._run(request, fixed)
        finally:
            for name, slot in fixed.items():
                slot.place.assign(own[name])

    def _run(
        self, request: messages.Request, fixed: dict[str, Slot]
    ) -> messages.Result:
        trainable = {k: s for k, s in self.slots().items() if s.trainable}
        variables = (
            [slot.place for slot in trainable.values()],
            [slot.place for slot in fixed.values()],
        )
        inputs = [self._input(value) for value in request.inputs]

        def call(arguments: list[Any]) -> tuple[Any, ...]:
            run = self.entry(request.program, self.native, request.settings)
            if not request.program:
                run = functools.partial(run, training=request.training)
            return tuple(map(full, contract.flat(run(*arguments))))

        of_names: list[Any] = []
        of_reals: list[Any] = []
        with _record(self.native, request.trace) as layers:
            if request.cotangents is None:
                whole = not request.trace
                outputs = backends.forward(call, inputs, *variables, whole)
            else:
                differentiate = backends.gradient
                outputs, of_names, of_reals = differentiate(
                    call, inputs, *variables, request.cotangents
                )
        reals = iter(of_reals)
        return messages.Result(
            outputs=tuple(ops.convert_to_numpy(o) for o in outputs),
            gradients={
                name: slot.layout.canonical(ops.convert_to_numpy(g))
                for (name, slot), g in zip(trainable.items(), of_names, strict=False)
            },
            input_gradients=tuple(
                ops.convert_to_numpy(next(reals)) if x.dtype.kind == "f" else None
                for x in request.inputs
            )
            if request.cotangents is not None
            else (),
            buffers={
                name: slot.layout.canonical(self.get(slot)).copy()
                for name, slot in fixed.items()
            },
            layers=layers,
        )

    def streamed(self, request: messages.Request) -> Iterator[Array]:
        inputs = [self._input(value) for value in request.inputs]
        for token in self.native.stream(*inputs, **request.settings):
            yield ops.convert_to_numpy(token)

    def repeated(self, work: messages.Workload) -> Callable[[], Any]:
        return workloads.make(self, work)

    def numbers(self, outputs: Any) -> tuple[Array, ...]:
        return workloads.arrays(outputs)

    def _input(self, value: Array) -> Any:
        return ops.convert_to_tensor(
            value, self.dtype if value.dtype.kind == "f" else None
        )

    def move(self, device: str) -> None:
        """Leave the model where it is: the framework takes the best device it sees."""

    def lower(self) -> None:
        lower(self.native)

    def trainer(self, plan: Plan) -> Trainer:
        return Trainer(self, plan)

    def write_native(self, path: Path, values: Weights) -> None:
        """`.weights.h5` or `.keras`, by Keras itself."""
        self.load(values)
        save = self.native.save_weights
        if path.suffix == ".keras":
            save = self.native.save
        elif not path.name.endswith(".weights.h5"):
            raise UsageError(f"{path}: Keras writes .weights.h5 and .keras files")
        with written(path) as inside:
            save(inside)

    def read_native(self, path: Path) -> dict[str, Array]:
        try:
            self.native.load_weights(path)
        except Exception as error:
            raise UsageError(
                f"{path}: not the weights of this model ({brief(error)})"
            ) from None
        return self.dump()


def _array(value: Any) -> Any:
    """The first tensor's values, if there is one that has them."""
    while isinstance(value, tuple | list) and value:
        value = value[0]
    if not keras.ops.is_tensor(value) or not backends.is_known(value):
        return None
    return np.array(ops.convert_to_numpy(full(value)))


@contextmanager
def _record(model: keras.Layer, wanted: bool) -> Iterator[dict[str, messages.Layer]]:
    """Collect every named layer's output; Keras has no hooks: __call__ is patched."""
    layers: dict[str, messages.Layer] = {}
    paths = {id(layer): path for path, layer in named_layers(model) if path and wanted}
    call = keras.Layer.__call__

    @functools.wraps(call)
    def recording(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        output = call(layer, *args, **kwargs)
        path = paths.get(id(layer))
        left = None if path is None else _array(output)
        if path is not None and left is not None:
            name = contract.call_of(layers, path)
            layers[name] = messages.Layer(_array(args), left)
        return output

    keras.Layer.__call__ = recording
    try:
        yield layers
    finally:
        keras.Layer.__call__ = call
