"""What is asked of a framework and what it answers: data, for a pickle to carry."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.arrays import Array, Weights
from shared.data.batches import Samples, Shuffled
from shared.definitions.optimizers import Clip, Ema, Optimizer
from shared.definitions.schedules import Schedule
from shared.objectives.plan import Plan


@dataclass(frozen=True)
class Request:
    """One run of a model.

    inputs: one batch an input, canonical layout.
    training: dropout drops, BatchNorm uses and updates batch statistics.
    seed, step: the draws of parity mode (shared/randomness.py).
    cotangents: one array an output; asks for the gradients of their inner product.
    trace: asks for the output of every named layer.
    program: which of the spec's programs is run, of a person's own model which method;
        empty for `forward`.
    settings: of the program, in place of the spec's own.
    """

    inputs: tuple[Array, ...]
    training: bool = False
    seed: int = 0
    step: int = 0
    cotangents: tuple[Array, ...] | None = None
    trace: bool = False
    program: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


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
    accumulate: how many sets of gradients make one update.
    estimates: SophiaG's gradients with labels drawn from the model, in order.
    """

    optimizer: Optimizer | Builtin
    parameters: Weights
    gradients: tuple[Weights, ...]
    schedule: Schedule | None = None
    excluded: frozenset[str] = frozenset()
    clip: Clip | None = None
    accumulate: int = 1
    ema: Ema | None = None
    estimates: tuple[Weights, ...] = ()


@dataclass(frozen=True)
class Steps:
    """The parameters after each set of gradients, and after the last what the optimizer
    kept (`t`, and `m/conv1.weight`) and the parameters to evaluate with (of a built-in
    neither); the moving averages after each set.
    """

    parameters: tuple[dict[str, Array], ...]
    state: dict[str, Array]
    evaluated: dict[str, Array] = field(default_factory=dict)
    averages: tuple[dict[str, Array], ...] = ()


@dataclass(frozen=True)
class Workload:
    """What a benchmark repeats.

    task: inference; training (the steps of the plan's objective that a batch makes);
        optimizer (the update alone, its gradients at hand); loading (the next batch of
        a shuffled data set, as the framework's own tensors); or one of the spec's
        programs.
    mode: one of `Framework.modes`.
    batch: canonical; of loading the whole data set, of which the plan says how many
        make a batch.
    plan: objective, optimizer and precision.
    tf32: float32 is multiplied with the 10 bits of TF32, where the device can.
    """

    task: str
    mode: str
    batch: Samples
    plan: Plan
    tf32: bool = False

    def batches(self) -> Iterator[Samples]:
        """Give the batches of `loading`, without end."""
        source = Shuffled(self.batch, self.plan.batch_size, self.plan.seed)
        for epoch in itertools.count():
            yield from source.epoch(epoch)


@dataclass(frozen=True)
class Prepared:
    """The first two calls of a workload.

    outputs: of the first; canonical, of training the loss alone.
    """

    first_s: float
    second_s: float
    outputs: tuple[Array, ...]


@dataclass(frozen=True)
class Timed:
    """How long calls took. seconds: a call, in each sample. busy: CPU time over wall
    time."""

    seconds: list[float]
    busy: float


@dataclass(frozen=True)
class Seen:
    """One batch of training: the losses and gradients of the steps it made, and what
    they left behind; canonical.

    Of an objective with one step these are called `loss` and by their parameters, of
    another `critic/loss` and `critic/...`.
    """

    losses: dict[str, float]
    gradients: dict[str, Array]
    weights: dict[str, Array]

    @property
    def loss(self) -> float:
        """What the first step minimised."""
        return next(iter(self.losses.values()))
