"""What a framework package offers, written once.

`*_impl/adapter.py` supplies how its framework builds, holds and runs a model; what
follows from that alone (strict loading, dumping, filling, files) is here.
"""

import functools
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from shared import VERSION, randomness
from shared.arrays import Array, Arrays, Weights
from shared.data.batches import Samples
from shared.definitions.losses import CrossEntropy, Loss
from shared.definitions.optimizers import SGD, Optimizer
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.distributed import Place
from shared.files import weights
from shared.files.weights import Entry, Slot
from shared.messages import (
    Prepared,
    Request,
    Result,
    Seen,
    Steps,
    Stream,
    Timed,
    Workload,
)
from shared.objectives.base import Step
from shared.objectives.plan import Plan
from shared.objectives.supervised import Supervised
from shared.plain import to_plain
from shared.randomness import Cut, Draws
from shared.specs.base import Spec, Tensor

T = TypeVar("T")


# What can be repeated of any model; the others are programs.
TASKS = ("inference", "training", "optimizer", "loading")
# A trainer that will not train: its optimizer keeps nothing.
_FORWARD = Plan(
    objective=Supervised(loss=CrossEntropy()), optimizer=SGD(), epochs=1, batch_size=1
)


class Model(ABC):
    """A model of one framework, named and laid out canonically.

    It is built abstractly: until weights are loaded it has names and shapes only.
    """

    channels_last: ClassVar[bool]
    spec: Spec | None = None  # None for a person's own model, whose layouts are its own
    name: str = ""
    seed: int = 0  # of what is random besides the weights
    low: bool = False  # whether it computes in bfloat16
    _predictor: "Trainer | None" = None

    @abstractmethod
    def slots(self) -> dict[str, Slot]:
        """Say where each canonical tensor lives, in order of definition."""

    @abstractmethod
    def get(self, slot: Slot) -> Array:
        """Give the value in the framework's own layout."""

    @abstractmethod
    def put(self, slot: Slot, value: Array) -> None:
        """Set the value, given in the framework's own layout."""

    @abstractmethod
    def finish(self) -> None:
        """Settle what no canonical name covers, after all slots were put."""

    @abstractmethod
    def execute(self, request: Request) -> Result:
        """`run`, with all arrays in the framework's own layout."""

    def streamed(self, request: Request) -> Iterator[Array]:
        """Give the tokens of `generate`, as soon as each is there."""
        raise NotImplementedError(f"{type(self).__name__} has no token by token")

    @abstractmethod
    def repeated(self, work: Workload) -> Callable[[], Any]:
        """Give the call to repeat, as the framework's users would run it; it returns
        its outputs (or the loss, or nothing) when the device is done."""

    @abstractmethod
    def numbers(self, outputs: Any) -> tuple[Array, ...]:
        """Give what such a call returned as arrays, in the framework's own layout, of
        float32 or more."""

    @abstractmethod
    def write_native(self, path: Path, weights: Weights) -> None:
        """Write weights of this model in the framework's own format."""

    @abstractmethod
    def read_native(self, path: Path) -> dict[str, Array]:
        """Read a file of the framework's own format into canonical weights."""

    @abstractmethod
    def move(self, device: str) -> None:
        """Move the model to cpu, cuda or tpu; there is nothing to do where the
        framework chooses by itself."""

    @abstractmethod
    def lower(self) -> None:
        """Compute in bfloat16 from here on, as shared/precision.py says."""

    @abstractmethod
    def trainer(self, plan: Plan) -> "Trainer":
        """Put this model under training."""

    @abstractmethod
    def layer_names(self) -> list[str]:
        """Name every layer, in order of definition."""

    def run(self, request: Request) -> Result:
        """Run once; the model's own weights and buffers stay as they were."""
        if self.spec is None or not self.channels_last:
            return self.execute(request)
        inputs, outputs = self.tensors(request.program, request.training)
        cotangents = request.cotangents and _move(request.cotangents, outputs, 1, -1)
        moved = _move(request.inputs, inputs, 1, -1)
        result = self.execute(replace(request, inputs=moved, cotangents=cotangents))
        return replace(
            result,
            outputs=_move(result.outputs, outputs, -1, 1),
            input_gradients=_move(result.input_gradients, inputs, -1, 1),
        )

    def tensors(
        self, program: str = "", training: bool = False
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What `forward` or a program takes and gives; the model has a spec."""
        assert self.spec is not None
        if not program:
            return self.spec.inputs(), self.spec.outputs(training)
        asked = self.spec.programs()[program]
        return asked.inputs, asked.outputs

    def inward(self, inputs: tuple[Array, ...], program: str = "") -> tuple[Array, ...]:
        """Turn canonical inputs into the native layout; noise may be left out."""
        if self.spec is None or not self.channels_last:
            return inputs
        own, _ = self.tensors(program)
        return _move(inputs, own[: len(inputs)], 1, -1)

    def outward(
        self, outputs: tuple[Array, ...], training: bool, program: str = ""
    ) -> tuple[Array, ...]:
        """Turn the framework's own outputs into the canonical layout."""
        if self.spec is None or not self.channels_last:
            return outputs
        return _move(outputs, self.tensors(program, training)[1], -1, 1)

    def entry(
        self, program: str, native: Any, settings: Mapping[str, Any] | None = None
    ) -> Callable[..., Any]:
        """Give the native method of a program, with these settings or its own; the
        model where the name is empty."""
        if not program:
            return native
        if self.spec is None:
            return getattr(native, program)
        asked = self.spec.programs()[program]
        chosen = settings or asked.settings
        return functools.partial(getattr(native, asked.method), **chosen)

    def say(self, request: Request) -> None:
        """Begin to generate, token by token; `go_on` gives the next."""
        self._said = self.streamed(request)

    def go_on(self) -> Array | None:
        """Give the next token of each row; None where all were given."""
        return next(self._said, None)

    def prepare(self, work: Workload) -> Prepared:
        """Ready the workload and call it twice."""
        self._call = self.repeated(work)
        start = time.perf_counter()
        found = self._call()
        first = time.perf_counter() - start
        program = work.task not in TASKS
        tells = program or work.task in ("inference", "training")
        # At once, since some frameworks overwrite it at the next call.
        outputs = self.numbers(found) if tells else ()
        start = time.perf_counter()
        self._call()
        second = time.perf_counter() - start
        if program or work.task == "inference":
            outputs = self.outward(outputs, False, work.task if program else "")
        return Prepared(first, second, outputs)

    def time(self, samples: int, calls: int = 1, handicap: float = 0.0) -> Timed:
        """`samples` times `calls` calls, after `prepare` and one more that warms up.

        handicap: a share of its own time by which each sample is prolonged; it shows
            whether a benchmark would notice.
        """
        self._call()
        seconds = []
        wall, busy = time.perf_counter(), time.process_time()
        for _ in range(samples):
            start = time.perf_counter()
            for _ in range(calls):
                self._call()
            end = time.perf_counter()
            until = end + handicap * (end - start)
            while end < until:
                end = time.perf_counter()
            seconds.append((end - start) / calls)
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
        return Timed(seconds, busy / wall)

    def predict(
        self, inputs: tuple[Array, ...], program: str = ""
    ) -> tuple[Array, ...]:
        """Run in evaluation mode, in canonical layouts; it is compiled once a shape, so
        that batch follows batch."""
        if self._predictor is None:
            self._predictor = self.trainer(_FORWARD)
        return self._predictor.predict(inputs, program)

    def entries(self) -> dict[str, Entry]:
        return weights.describe(self.slots())

    def load(self, values: Weights) -> None:
        """Take these weights: all of them, or none where any does not fit."""
        slots = self.slots()
        weights.check(slots, values)
        for name, slot in slots.items():
            self.put(slot, slot.layout.native(values[name]))
        self._settle()

    def dump(self) -> dict[str, Array]:
        slots = self.slots()
        return {
            name: np.ascontiguousarray(slot.layout.canonical(self.get(slot)))
            for name, slot in slots.items()
        }

    def fill(self, seed: int) -> None:
        """Take weights that depend on the seed and the names alone, made where they
        live."""
        weights.refuse_too_large(self.slots())
        for name, slot in self.slots().items():
            value = randomness.weight(name, slot.shape, seed).astype(slot.dtype)
            self.put(slot, slot.layout.native(value))
        self._settle()

    def start(self, seed: int) -> None:
        """Give each tensor what the spec says it starts from, drawn by the seed and the
        tensor's name alone, made in the canonical layout."""
        if self.spec is None:
            raise ValueError("a model without a spec says nothing of its start")
        weights.refuse_too_large(self.slots())
        for name, slot in self.slots().items():
            draw = randomness.generator("start", seed, name)
            value = self.spec.start(name, slot.shape).draw(slot.shape, draw)
            self.put(slot, slot.layout.native(value.astype(slot.dtype)))
        self.seed = seed
        self._settle()

    def _settle(self) -> None:
        """Settle what follows from the weights, after others were put."""
        self.finish()
        self._predictor = None  # it may hold a copy of those before

    def save(self, path: Path) -> None:
        weights.write(path, self.dump(), metadata(self.name, self.spec))

    def read(self, path: Path) -> None:
        self.load(weights.read(path)[0])


class Unknown(Spec):
    """What is known of a person's own model: that nothing of its inputs is drawn."""

    def inputs(self) -> tuple[Tensor, ...]:
        return ()


class Trainer(ABC):
    """A model of one framework under training.

    place: this process among those that train it. draws_alone: its random generators
        are its own, not those of all together.
    """

    model: Model
    plan: Plan
    place: Place = Place()
    batches: int = 0  # done
    draws_alone: ClassVar[bool] = True

    @property
    def steps(self) -> tuple[Step, ...]:
        """The updates that a batch makes."""
        return self.plan.objective.steps(self.model.spec or Unknown())

    def label(self, step: Step, name: str) -> str:
        """What a loss or a tensor of a step is called among those of all steps."""
        return name if len(self.steps) == 1 else f"{step.name}/{name}"

    def named(self, step: Step, values: Mapping[str, T]) -> dict[str, T]:
        return {self.label(step, name): value for name, value in values.items()}

    def prefixed(self, step: Step, state: Mapping[str, T]) -> dict[str, T]:
        """Name a step's optimizer state among that of all steps."""
        begin = f"{step.name}:" if len(self.steps) > 1 else ""
        return {f"{begin}{key}": value for key, value in state.items()}

    def own(self, step: Step, state: Mapping[str, T]) -> dict[str, T]:
        """Give a step's part of the state: the inverse of `prefixed`."""
        begin = f"{step.name}:" if len(self.steps) > 1 else ""
        return {
            key.removeprefix(begin): value
            for key, value in state.items()
            if key.startswith(begin)
        }

    def optimizer_of(self, step: str) -> Optimizer:
        """Give the definition of a step's optimizer; "" means the only step."""
        found = [one for one in self.steps if one.name == (step or one.name)]
        return self.plan.optimizer_of(found[0])

    @abstractmethod
    def fit(self, run: Any) -> None:
        """Train until the run (shared/running/training.py) says stop."""

    @abstractmethod
    def predict(self, inputs: Arrays, program: str = "") -> Arrays:
        """What the model puts out in evaluation mode; canonical layout."""

    @abstractmethod
    def observe(self, batch: Samples, seed: int, step: int) -> Seen:
        """Train on one batch, not compiled, with the suite's own random draws."""

    @abstractmethod
    def weights(self) -> dict[str, Array]:
        """Copy the weights as they are now, in canonical layout."""

    @abstractmethod
    def set_weights(self, values: dict[str, Array]) -> None: ...

    @abstractmethod
    def scale(self, factor: float) -> None:
        """Multiply the plan's learning rate by the factor, from here on."""

    @abstractmethod
    def optimizer_state(self) -> dict[str, Array]:
        """Give the optimizer's state by names like `t` and `m/conv1.weight`, in the
        framework's own layouts."""

    @abstractmethod
    def set_optimizer_state(self, state: dict[str, Array]) -> None: ...

    @abstractmethod
    def random_state(self) -> dict[str, Array]:
        """Give the states of the framework's own generators."""

    @abstractmethod
    def set_random_state(self, state: dict[str, Array]) -> None: ...

    @abstractmethod
    def evaluating(self) -> AbstractContextManager[None]:
        """Inside it the model holds the weights to evaluate with."""

    @abstractmethod
    def gather(self, value: Array) -> Array:
        """What each process has, by rank; of one shape. All must ask."""

    def losses(self, values: list[Any]) -> list[float]:
        """Give the losses of whole batches, from what this process was told of them."""
        return [float(value) for value in values]


class Framework(ABC):
    """A framework package in its process, in one precision.

    modes: the ways it can run a workload, the plainest first.
    """

    modes: tuple[str, ...]

    @abstractmethod
    def __init__(self, dtype: str, threads: int): ...

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Tell versions, devices and threads."""

    @abstractmethod
    def memory(self) -> int | None:
        """Give the most bytes that the accelerator held; None without one."""

    @abstractmethod
    def build(self, spec: Spec, name: str) -> Model:
        """Build this suite's model of the spec, abstract."""

    @abstractmethod
    def adopt(self, native: Any, inputs: tuple[Array, ...], program: str = "") -> Model:
        """Take a person's own model, with its weights, and turn off its dropout."""

    @abstractmethod
    def optimize(self, stream: Stream) -> Steps:
        """Follow a stream of gradients."""

    @abstractmethod
    def factors(self, schedule: Schedule, number: int) -> list[float]:
        """Give a schedule's factors at the first updates."""

    @abstractmethod
    def observe(self, schedule: ReduceOnPlateau, values: list[float]) -> list[float]:
        """Give the factor after each of these observations."""

    @abstractmethod
    def evaluate(
        self, loss: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
    ) -> tuple[Array, tuple[Array, ...]]:
        """A loss, and its gradients with respect to what a model put out."""


def drawn(
    step: Step,
    rows: int,
    seed: int,
    number: int,
    cut: Cut | None = None,
    channels_last: bool = False,
) -> tuple[Array, ...]:
    """Draw the suite's own noise of a step at a batch, in the framework's layout."""
    found = tuple(
        tensor.noise(Draws(seed, f"noise/{step.name}/{tensor.name}", number, cut), rows)
        for tensor in step.noise
    )
    return _move(found, step.noise, 1, -1) if channels_last else found


def call_of(layers: Mapping[str, Any], path: str) -> str:
    """What the next call of a layer is called: its path, and `path#2` the second."""
    name, number = path, 1
    while name in layers:
        number += 1
        name = f"{path}#{number}"
    return name


def path_of(call: str) -> str:
    """Give the layer whose call `call_of` named."""
    return call.partition("#")[0]


def flat(result: Any) -> tuple[Any, ...]:
    """Lay what a model returned, tuples within tuples, out in a row."""
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
