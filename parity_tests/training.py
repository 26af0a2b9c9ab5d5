"""A training run seen update by update in every framework: same start, same batches,
same draws; loss, gradients, parameters and buffers after each."""

from collections.abc import Mapping, Sequence

import numpy as np

from parity_tests import tolerances
from parity_tests.compare import NONE, Worst, worst_pair
from shared.arrays import Array
from shared.contract import Seen
from shared.data.batches import Samples
from shared.definitions.losses import MSE, CrossEntropy, Loss
from shared.definitions.optimizers import SGD, AdamW, ClipByGlobalNorm
from shared.definitions.schedules import Cosine, Warmup
from shared.objectives.plan import Plan
from shared.randomness import generator, sample
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
    """Two optimizers, both with warm-up and cosine and everything decaying."""
    rising = max(updates // 10, 2)
    schedule = Warmup(steps=rising, then=Cosine(steps=updates - rising, final=0.1))
    return {
        name: Plan(
            loss=loss_of(spec),
            heads=tuple(1 / (1 + k) for k in range(len(spec.outputs(True)))),
            optimizer=optimizer,
            schedule=schedule,
            clip=ClipByGlobalNorm(limit=1.0),
            epochs=1,
            batch_size=BATCH,
            precision="float64",
        )
        for name, optimizer in OPTIMIZERS.items()
    }


def loss_of(spec: Spec) -> Loss:
    """Cross-entropy for logits of more than one class, else squared error."""
    return CrossEntropy() if _classes(spec) else MSE()


def _classes(spec: Spec) -> int:
    tensor = spec.outputs(True)[0]
    return tensor.shape[-1] if tensor.name == "logits" and tensor.shape[-1] > 1 else 0


def batches(spec: Spec, updates: int = UPDATES) -> list[Samples]:
    return [
        Samples(
            tuple(_real(sample(t, BATCH, SEED + 1000 + k)) for t in spec.inputs()),
            (target(spec, BATCH, k),),
        )
        for k in range(updates)
    ]


def joined(parts: Sequence[Samples]) -> Samples:
    """Several batches as one."""
    inputs = zip(*(part.inputs for part in parts), strict=True)
    targets = zip(*(part.targets for part in parts), strict=True)
    return Samples(
        tuple(np.concatenate(arrays) for arrays in inputs),
        tuple(np.concatenate(arrays) for arrays in targets),
    )


def target(spec: Spec, size: int, k: int = 0) -> Array:
    """What the first output is held against, in batch k."""
    (tensor, *_), classes = spec.outputs(True), _classes(spec)
    if not classes:
        return _real(sample(tensor, size, SEED + 2000 + k))
    draw = generator("target", SEED, k)
    return draw.integers(0, classes, (size, *tensor.shape[:-1]))


def _real(value: Array) -> Array:
    return value.astype(np.float64) if value.dtype.kind == "f" else value


def follow(
    worker: Worker, name: str, spec: Spec, plan: Plan, updates: int = UPDATES
) -> list[Seen]:
    model = worker.build(spec, name)
    model.fill(SEED)
    seen, _ = model.follow(plan, batches(spec, updates), SEED)
    model.drop()
    return seen


def worst_update(seen: Mapping[str, Sequence[Seen]]) -> Worst:
    """The worst over all updates and all that is seen of them."""
    worst = NONE
    for k, updates in enumerate(zip(*seen.values(), strict=True)):
        for part, share in (
            ("loss", 0.0),
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
    if part == "loss":
        return {"loss": np.array(seen.loss)}
    return seen.gradients if part == "gradients" else seen.weights
