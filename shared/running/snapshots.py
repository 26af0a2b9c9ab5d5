"""What goes between a trainer and a checkpoint."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from shared.arrays import Array, Weights
from shared.contract import Trainer
from shared.definitions.optimizers import LIKE, TURNED, Optimizer, shape_of
from shared.errors import UsageError
from shared.files import weights
from shared.files.weights import Layout, Slots
from shared.running.saving import Checkpoint


def snapshot(trainer: Trainer, step: int, about: dict[str, Any]) -> Checkpoint:
    return Checkpoint(
        trainer.weights(),
        canonical_state(trainer),
        _random_states(trainer),
        {**about, "framework": _framework(trainer), "step": step},
    )


def restore(trainer: Trainer, checkpoint: Checkpoint) -> int:
    """Puts all of a checkpoint that was checked into the trainer; gives the batches
    done."""
    trainer.set_weights(dict(checkpoint.model))
    set_canonical_state(trainer, dict(checkpoint.optimizer))
    trainer.batches = int(checkpoint.about["step"])
    if random := _own_random(trainer, checkpoint):
        trainer.set_random_state({**trainer.random_state(), **random})
    return int(checkpoint.about["step"])


def check(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """UsageError unless the trainer can go on from it."""
    weights.check(trainer.model.slots(), checkpoint.model)
    found = checkpoint.optimizer
    wanted = _wanted(trainer, found)
    reasons = [f"missing {name}" for name in wanted if name not in found]
    reasons += [f"unknown {name}" for name in found if name not in wanted]
    reasons += [
        f"{name} has shape {found[name].shape}, wanted {shape}"
        for name, shape in wanted.items()
        if name in found and found[name].shape != shape
    ]
    if reasons:
        raise UsageError(f"its optimizer's state does not fit: {_few(reasons)}")
    own = trainer.random_state()
    for name, value in _own_random(trainer, checkpoint).items():
        if name in own and _kind(value) != _kind(own[name]):
            raise UsageError(f"its random generator {name} is none of this framework")


def _wanted(trainer: Trainer, found: Weights) -> dict[str, tuple[int, ...]]:
    """What the optimizers of all steps keep, by name, and its shape; of a step that was
    not taken yet, what there is of that."""
    slots, plan = trainer.model.slots(), trainer.plan
    shapes = {name: slot.shape for name, slot in slots.items() if slot.trainable}
    wanted: dict[str, tuple[int, ...]] = {}
    for step in trainer.steps:
        moved = [n for names in plan.parts(step, list(shapes)).values() for n in names]
        kept = _kept(plan.optimizer_of(step), {name: shapes[name] for name in moved})
        taken = trainer.own(step, found)
        if _is_zero(taken.get("t")):
            kept = {k: shape for k, shape in kept.items() if k in taken}
        wanted |= trainer.prefixed(step, kept)
        if plan.ema is not None:
            wanted |= {f"ema/{name}": shapes[name] for name in moved}
    return wanted


def _kept(
    optimizer: Optimizer, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """What an optimizer keeps after an update, by its definition."""
    one = {"x": np.ones(1)}
    _, state = optimizer.update(one, one, {}, optimizer.lr)
    kept: dict[str, tuple[int, ...]] = {k: () for k in state if "/" not in k}
    for name, shape in shapes.items():
        for k in optimizer.start(np.zeros((1,) * len(shape))):
            kept[f"{k}/{name}"] = shape_of(optimizer.keeps[k], shape)
    return kept


def _is_zero(value: Array | None) -> bool:
    return value is not None and value.shape == () and value == 0


def _few(reasons: list[str]) -> str:
    more = f", and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    return "; ".join(reasons[:3]) + more


def _kind(value: Array) -> tuple[tuple[int, ...], str]:
    return value.shape, str(value.dtype)


def _own_random(trainer: Trainer, checkpoint: Checkpoint) -> dict[str, Array]:
    """Find the states of this process's generators. Another framework's mean nothing
    here, and where there are more processes than before some find none: dropout then
    draws as in a new run."""
    if checkpoint.about.get("framework") != _framework(trainer):
        return {}
    own = f"{trainer.place.rank}/"
    if trainer.place.first or not trainer.draws_alone:
        own = ""
    return {
        name.removeprefix(own): value
        for name, value in checkpoint.random.items()
        if name.startswith(own) and ("/" in name) == bool(own)
    }


def _random_states(trainer: Trainer) -> dict[str, Array]:
    """Give the generators' states: those of the first process by their names, of
    another as `1/cpu`."""
    found = trainer.random_state()
    if trainer.place.size == 1 or not trainer.draws_alone:
        return found
    states = {name: trainer.gather(value) for name, value in found.items()}
    return {
        f"{rank}/{name}" if rank else name: value
        for name, values in states.items()
        for rank, value in enumerate(values)
    }


def _framework(trainer: Trainer) -> str:
    return type(trainer).__module__.partition("_")[0]


def canonical_state(trainer: Trainer) -> dict[str, Array]:
    """What the optimizer keeps, in canonical layouts."""
    found, slots = {}, trainer.model.slots()
    for key, value in trainer.optimizer_state().items():
        name, layout = _place(trainer, slots, key)
        found[name] = np.array(layout.canonical(value) if layout else value, order="C")
    return found


def set_canonical_state(trainer: Trainer, state: dict[str, Array]) -> None:
    found, slots = {}, trainer.model.slots()
    for key, value in state.items():
        name, layout = _place(trainer, slots, key)
        found[name] = layout.native(value) if layout else value
    trainer.set_optimizer_state(found)


def _place(trainer: Trainer, slots: Slots, key: str) -> tuple[str, Layout | None]:
    """The other side's name of what is kept, and its layout if it has the parameter's.

    Where a framework stores a matrix transposed, its rows are the others' columns.
    """
    step, _, rest = key.rpartition(":")
    kept, _, name = rest.partition("/")
    if not name:
        return key, None
    keeps = {**trainer.optimizer_of(step).keeps, "ema": LIKE}
    layout = slots[name].layout
    if keeps[kept] == LIKE:
        return key, layout
    matrix = np.empty((2, 3))
    if layout.native(matrix).shape == matrix.shape:
        return key, None
    partner = {kind: k for k, kind in keeps.items()}[TURNED[keeps[kept]]]
    return f"{step}:{partner}/{name}" if step else f"{partner}/{name}", None
