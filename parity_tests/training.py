"""A training run seen update by update in every framework: same start, same batches,
same draws; loss, gradients, parameters and buffers after each."""

from collections.abc import Mapping, Sequence

import numpy as np

from parity_tests import tolerances
from parity_tests.compare import NONE, Worst, worst_pair
from shared.arrays import Array
from shared.data.batches import Samples, one_batch
from shared.definitions.optimizers import SGD, AdamW, ClipByGlobalNorm
from shared.definitions.schedules import Cosine, Warmup
from shared.messages import Seen
from shared.objectives.plan import Plan
from shared.running.client import Worker
from shared.specs.base import Spec

UPDATES = 10
OPTIMIZERS = {
    "momentum": SGD(lr=0.02, momentum=0.9, weight_decay=0.01),
    "adamw": AdamW(lr=2e-3, weight_decay=0.1),
}
BATCH = 4
SEED = 0


def plans(spec: Spec, updates: int = UPDATES) -> dict[str, Plan]:
    """Give plans of the spec's objective with two optimizers, both with warm-up and
    cosine and everything decaying."""
    rising = max(updates // 10, 2)
    schedule = Warmup(steps=rising, then=Cosine(steps=updates - rising, final=0.1))
    return {
        name: Plan(
            objective=spec.objective(),
            optimizer=optimizer,
            schedule=schedule,
            clip=ClipByGlobalNorm(limit=1.0),
            epochs=1,
            batch_size=BATCH,
            precision="float64",
        )
        for name, optimizer in OPTIMIZERS.items()
    }


def batches(spec: Spec, updates: int = UPDATES) -> list[Samples]:
    """What the objective is followed over; noise is drawn by the trainer."""
    given = [not tensor.drawn for tensor in spec.inputs()]
    found = []
    for k in range(updates):
        inputs = spec.examples(BATCH, SEED + 1000 + k)
        real = tuple(_real(x) for x, kept in zip(inputs, given, strict=True) if kept)
        wanted = tuple(_real(target) for target in spec.wanted(inputs, k))
        found.append(one_batch(real, wanted, BATCH))
    return found


def joined(parts: Sequence[Samples]) -> Samples:
    """Join several batches to one."""
    inputs = zip(*(part.inputs for part in parts), strict=True)
    targets = zip(*(part.targets for part in parts), strict=True)
    return Samples(
        tuple(np.concatenate(arrays) for arrays in inputs),
        tuple(np.concatenate(arrays) for arrays in targets),
    )


def _real(value: Array) -> Array:
    return value.astype(np.float64) if value.dtype.kind == "f" else value


def follow(
    worker: Worker, name: str, spec: Spec, plan: Plan, updates: int = UPDATES
) -> list[Seen]:
    model = worker.build(spec, name)
    model.fill(SEED)
    model.move(worker.device)
    seen, _ = model.follow(plan, batches(spec, updates), SEED)
    model.drop()
    return seen


def worst_update(seen: Mapping[str, Sequence[Seen]]) -> Worst:
    """The worst over all updates and all that is seen of them."""
    worst = NONE
    for k, updates in enumerate(zip(*seen.values(), strict=True)):
        for part, share in (
            ("losses", 0.0),
            ("gradients", tolerances.GRADIENT_FLOOR),
            ("weights", 0.0),
        ):
            sets = {
                framework: _named(one, part)
                for framework, one in zip(seen, updates, strict=True)
            }
            found = worst_pair(sets, share)
            worst |= Worst(found.error, f"update {k + 1}, {part}, {found.where}")
    return worst


def _named(seen: Seen, part: str) -> Mapping[str, Array]:
    if part == "losses":
        return {name: np.array(loss) for name, loss in seen.losses.items()}
    return seen.gradients if part == "gradients" else seen.weights
