"""AdamW in JAX."""

from typing import Any

import jax
import optax

from .adam import AdamState, undecayed
from .base import Mask, Rate, check, decay_of_each, rate_of


def adamw(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    amsgrad: bool = False,
    weight_decay: float = 1e-2,
    mask: Mask = None,
) -> optax.GradientTransformation:
    check("adamw", locals())
    adapt = undecayed(learning_rate, beta1, beta2, eps, amsgrad)

    def update(grads: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        steps, state = adapt.update(grads, state, params)
        lr = rate_of(learning_rate, state.t)
        decays = decay_of_each(mask, weight_decay, params)
        steps = jax.tree.map(lambda u, x, d: u - lr * d * x, steps, params, decays)
        return steps, state

    return optax.GradientTransformation(adapt.init, update)
