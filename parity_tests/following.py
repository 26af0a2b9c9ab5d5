"""How far a framework's native forms are from the definitions in NumPy, float64; what
the tests ask, and the mutants (parity_tests/mutants.py)."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from parity_tests import streams
from shared.arrays import Array
from shared.definitions import losses
from shared.definitions.losses import LOSSES, Loss
from shared.definitions.losses.base import log_softmax
from shared.definitions.optimizers import (
    LAMB,
    LARS,
    OPTIMIZERS,
    SAM,
    Adafactor,
    Adan,
    ClipByGlobalNorm,
    ClipByNorm,
    ClipByValue,
    Muon,
    Optimizer,
    Prodigy,
    Rprop,
    ScheduleFreeAdamW,
    Shampoo,
    SophiaG,
)
from shared.definitions.schedules import SCHEDULES, ReduceOnPlateau
from shared.messages import Steps, Stream
from shared.randomness import generator
from shared.running.client import Worker

Example = tuple[tuple[Array, ...], tuple[Array, ...]]

# Optimizers

CLIPS = [ClipByValue(limit=0.5), ClipByNorm(limit=1.0), ClipByGlobalNorm(limit=2.0)]
FUSED = ("momentum", "nesterov", "adam", "amsgrad", "adamw")  # by torch
VARIANTS: dict[str, Optimizer] = {
    "rprop by bounds": Rprop(delta_min=0.02, delta_max=0.15),
    "lars without trust": LARS(trust=False),
    "lamb without trust": LAMB(trust=False, eps=1e-3),
    "adafactor by lr": Adafactor(lr=1e-3, power=0.5, limit=0.5, eps2=2.0),
    "adafactor by time": Adafactor(lr=0.5),
    "adan by momenta": Adan(beta1=0.9, beta2=0.8, beta3=0.95, weight_decay=0.0),
    "sophia by eps": SophiaG(eps=0.1),
    "sophia by batches": SophiaG(batch_size=8, every=3, gamma=0.5),
    "muon without nesterov": Muon(nesterov=False, steps=3),
    "shampoo by eps": Shampoo(eps=1e-4, momentum=0.0),
    "prodigy from afar": Prodigy(d0=0.1, lr=0.5, beta2=0.99),
    "schedule_free by beta1": ScheduleFreeAdamW(beta1=0.5, weight_decay=0.1),
    "sam by radius": SAM(momentum=0.0, radius=0.5),
}
# Once without decay and once with; a setting with two names once.
DECAYS = [
    (name, decay)
    for number, (name, chosen) in enumerate(OPTIMIZERS.items())
    if chosen not in list(OPTIMIZERS.values())[:number]
    for decay in (0.0, chosen.weight_decay or 0.1)
]


def scheduled(chosen: Optimizer, decay: float = 0.0) -> Stream:
    schedule = "warmup_cosine"
    chosen = replace(chosen, weight_decay=decay)
    if isinstance(chosen, Rprop) and decay:
        # Decay alone brings all of x to 0 within a few updates, where the last digit of
        # a cosine is many digits of x; 1 has no last digit.
        schedule = "constant"
    return streams.stream(chosen, SCHEDULES[schedule])


def rising(chosen: Optimizer) -> Stream:
    """Gradients of one sign for 30 updates, of which Prodigy's d grows."""
    given = streams.stream(chosen)
    gradients = tuple(
        {name: np.abs(g) if t < 30 else g for name, g in gs.items()}
        for t, gs in enumerate(given.gradients)
    )
    return replace(given, gradients=gradients)


def of_optimizer(worker: Worker, given: Stream) -> float:
    """The largest error at any update, of what is kept and of the averages."""
    return _largest_of(given, worker.optimize(given))


def of_foreach(worker: Worker, given: Stream) -> float:
    """Give the error of torch where it has no fused kernel."""
    return _largest_of(given, worker.ask("parity_tests.natives:unfused", given))


def leaves_of_no_tensors(worker: Worker, chosen: Optimizer) -> float:
    """Count the leaves of an optimizer of no tensors: none, since JAX's trees may be
    empty."""
    leaves: int = worker.ask("parity_tests.natives:of_no_tensors", chosen)
    return leaves


def _largest_of(given: Stream, found: Steps) -> float:
    averages = streams.average_errors(given, found) if given.ema else []
    errors = [*streams.errors(given, found), *averages]
    return max(*errors, streams.state_error(given, found))


# Losses

CLASSES = 5
OF_NUMBERS = (losses.MSE, losses.MAE, losses.MBE, losses.Huber)
OF_CHOICE = (losses.CrossEntropy, losses.NLL, losses.MulticlassHinge)
OF_SHARES = (losses.DenseCrossEntropy, losses.KL)
OF_LOGITS = (losses.BinaryCrossEntropy, losses.Focal, losses.Hinge)
OF_PAIRS = (losses.Contrastive, losses.CosineEmbedding)


def _example(
    loss: Loss, draw: Any, shape: tuple[int, ...], size: float = 1.0
) -> Example:
    """What a model puts out and what is wanted; shape: without the last axis."""
    if isinstance(loss, losses.CTC):
        # Its gradient is exp of differences of sums: of 1e4, right to 1e-11 only.
        return _sequences(draw, shape[0], min(size, 1e2))
    if isinstance(loss, losses.EvidenceLowerBound):
        # A variance of exp(1e4) is no number.
        y, mean, log_variance = min(size, 1e2) * draw.standard_normal(
            (3, *shape, CLASSES)
        )
        return (y, mean, log_variance), (draw.random(y.shape),)
    z = size * draw.standard_normal((*shape, CLASSES))
    other = size * draw.standard_normal((*shape, CLASSES))
    if isinstance(loss, OF_NUMBERS):
        return (z,), (other,)
    if isinstance(loss, OF_CHOICE):
        target = draw.integers(0, CLASSES, shape)
        ignore = getattr(loss, "ignore", None)
        if ignore is not None:
            target = np.where(draw.random(shape) < 0.3, ignore, target)
        return (log_softmax(z) if isinstance(loss, losses.NLL) else z,), (target,)
    if isinstance(loss, OF_SHARES):
        target = draw.dirichlet(np.ones(CLASSES), shape) * (z < size)
        return (z,), (target,)
    if isinstance(loss, OF_LOGITS):
        target = (draw.random(z.shape) < 0.5).astype(float)
        if isinstance(loss, losses.Hinge):
            target = 2 * target - 1
        return (z,), (target,)
    if isinstance(loss, OF_PAIRS):
        target = (draw.random(shape) < 0.5).astype(float)
        if isinstance(loss, losses.CosineEmbedding):
            target = 2 * target - 1
        return (z, other), (target,)
    return (z, other, size * draw.standard_normal(z.shape)), ()


def _sequences(draw: Any, batch: int, size: float) -> Example:
    """Draw sequences of all lengths, with equal neighbours; the last is too short
    for its labels."""
    z = size * draw.standard_normal((batch, 9, CLASSES))
    labels = draw.integers(1, 3, (batch, 4))
    steps, lengths = np.arange(9, 9 - batch, -1), np.arange(batch) % 5
    lengths[steps < 5] = 1
    if batch > 1:
        steps[-1], lengths[-1] = 3, 4
    return (z,), (labels, steps, lengths)


CASES: dict[str, Callable[[Loss, Any], Example]] = {
    "rows": lambda loss, draw: _example(loss, draw, (7,)),
    "sequences": lambda loss, draw: _example(loss, draw, (2, 3)),
    "huge": lambda loss, draw: _example(loss, draw, (7,), 1e4),
    "zeros": lambda loss, draw: _example(loss, draw, (7,), 0.0),
    "one of zeros": lambda loss, draw: _with_zeros(_example(loss, draw, (7,))),
    "one": lambda loss, draw: _example(loss, draw, (1,)),
    "none": lambda loss, draw: _example(loss, draw, (0,)),
}


def _with_zeros(given: Example) -> Example:
    """The first row of what is put out first, not of what it is compared with."""
    (first, *others), targets = given
    return (
        first * (np.arange(len(first)) > 0).reshape(-1, *[1] * (first.ndim - 1)),
        *others,
    ), targets


def example(name: str, case: str) -> Example:
    return CASES[case](LOSSES[name], generator("loss", name, case))


def off(a: Array, b: Array) -> float:
    if a.shape != b.shape or not np.isfinite(b).all():
        return math.inf
    difference = np.abs(a - b).max(initial=0.0)
    if not difference:
        return 0.0
    return float(difference / np.abs(a).max()) if a.any() else math.inf


def of_loss(worker: Worker, name: str, case: str) -> float:
    """The error of the value or of a gradient, whichever is larger."""
    loss, (outputs, targets) = LOSSES[name], example(name, case)
    value, gradients = worker.evaluate(loss, outputs, targets)
    if value.shape or not np.isfinite(value):
        return math.inf
    wanted = float(loss.value(outputs, targets))
    scale = max(abs(wanted), 1e-3)  # a sum of rests has no digits of its own
    pairs = zip(loss.gradient(outputs, targets), gradients, strict=True)
    return max(abs(float(value) - wanted) / scale, *(off(a, b) for a, b in pairs))


# Schedules

UPDATES = 300


def of_schedule(worker: Worker, name: str) -> float:
    schedule = SCHEDULES[name]
    found = worker.factors(schedule, UPDATES)
    wanted = [schedule.factor(t) for t in range(UPDATES)]
    # Relative, but for what is 0 in truth: the cosine's last value, (1 + cos pi) / 2.
    errors = np.abs(np.subtract(found, wanted)) / np.maximum(np.abs(wanted), 1e-3)
    return _largest(errors)


def _metric() -> list[float]:
    """Falling in stairs, with noise, equal values, what is not finite (at the start
    too), and below 0 at the end."""
    draw = np.random.default_rng(0)
    values = 2 - np.repeat(np.arange(15), 20) / 5 + 0.05 * draw.standard_normal(300)
    values[[0, 17, 140]] = math.nan, math.nan, math.inf
    values[205:212] = np.nanmin(values[:205])
    return values.tolist()


PLATEAUS = [
    ReduceOnPlateau(),
    ReduceOnPlateau(gamma=0.5, patience=3, threshold=0.05, cooldown=4, lowest=0.01),
    ReduceOnPlateau(gamma=0.9, patience=0, threshold=0.0),
    ReduceOnPlateau(gamma=0.5, patience=1, threshold=0.3, cooldown=1),
    ReduceOnPlateau(gamma=0.9, patience=2, threshold=0.3),
]


def of_plateau(worker: Worker, schedule: ReduceOnPlateau) -> float:
    values, wanted, state = _metric(), list[float](), schedule.start()
    for value in values:
        state = schedule.observe(state, value)
        wanted.append(state.factor)
    found = worker.observe(schedule, values)
    return _largest(np.abs(np.divide(found, wanted) - 1))


def _largest(errors: Array) -> float:
    return float(errors.max()) if np.isfinite(errors).all() else math.inf
