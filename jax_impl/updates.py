"""One step of an objective in JAX: its parameters, optimizers and update."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import optax

from jax_impl import definitions
from shared.arrays import Array
from shared.definitions.optimizers import Optimizer, excluded
from shared.objectives.base import Step
from shared.objectives.plan import Plan

Params = dict[str, Any]


class Update:
    """What a step moves, and with which optimizers: one for each learning rate."""

    def __init__(self, step: Step, plan: Plan, shapes: dict[str, Any], dtype: str):
        self.step = step
        self.parts = plan.parts(step, list(shapes))
        self.names = [name for names in self.parts.values() for name in names]
        self.optimizers = [
            _optimizer(plan, plan.optimizer_of(step), rate, shapes, dtype)
            for rate in self.parts
        ]
        self.clip = optax.identity()
        if plan.clip is not None and plan.rates:
            self.clip = definitions.clip(plan.clip)

    def init(self, params: Params) -> tuple[Any, ...]:
        return tuple(
            optimizer.init({n: params[n] for n in names})
            for optimizer, names in self._each()
        )

    def __call__(
        self, grads: Params, kept: tuple[Any, ...], params: Params
    ) -> tuple[Params, tuple[Any, ...]]:
        """How the parameters are to move, and what the optimizers keep."""
        grads, _ = self.clip.update(grads, self.clip.init(params))
        moves: Params = {}
        after = []
        for (optimizer, names), own in zip(self._each(), kept, strict=True):
            part = {n: grads[n] for n in names}
            found, own = optimizer.update(part, own, {n: params[n] for n in names})
            moves |= found
            after.append(own)
        return moves, tuple(after)

    def _each(self) -> Iterator[tuple[Any, list[str]]]:
        return zip(self.optimizers, self.parts.values(), strict=True)


def _optimizer(
    plan: Plan, definition: Optimizer, rate: float, shapes: Any, dtype: str
) -> optax.GradientTransformation:
    """Make the optimizer of a group of parameters; a clip that all groups share is not
    its own."""
    if rate != 1.0:
        definition = replace(definition, lr=definition.lr * rate)
    made: Any = definitions.optimizer(definition, excluded(shapes), plan.schedule)
    if plan.clip is not None and not plan.rates:
        made = _clipped(definitions.clip(plan.clip), made)
    if plan.accumulate > 1:
        # DIFF(multi-steps): optax adds up in float32 unless told otherwise.
        made = optax.MultiSteps(made, plan.accumulate, accumulator_dtype=dtype)
    return made


def _clipped(
    clip: optax.GradientTransformation, optimizer: optax.GradientTransformation
) -> optax.GradientTransformation:
    """Clip in front of an optimizer, whose state stays its own."""

    def update(grads: Any, kept: Any, params: Any) -> Any:
        grads, _ = clip.update(grads, clip.init(params), params)
        return optimizer.update(grads, kept, params)

    return optax.GradientTransformation(optimizer.init, update)


def own_state(kept: Any) -> Any:
    """The optimizer's own state, also where batches are accumulated for it."""
    return kept.inner_opt_state if isinstance(kept, optax.MultiStepsState) else kept


def restored(kept: Any, state: dict[str, Array]) -> Any:
    """An optimizer's fresh state, with what a checkpoint has of it."""
    own = definitions.with_state(own_state(kept), state)
    if not isinstance(kept, optax.MultiStepsState):
        return own
    done = jnp.asarray(state["t"], kept.gradient_step.dtype)
    return kept._replace(inner_opt_state=own, gradient_step=done)
