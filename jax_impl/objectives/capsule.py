"""Lengths of capsules. Objective: shared/objectives/capsule.py."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.precision import exact
from shared.objectives.capsule import CapsuleMargin

Arrays = tuple[Array, ...]


def capsule_margin(
    s: CapsuleMargin,
    model: Any,
    inputs: Arrays,
    targets: Arrays,
    noise: Arrays,
) -> dict[str, Array]:
    x, label = inputs
    lengths, picture, x = exact((*model(x, label), x))
    own = jax.nn.one_hot(label, lengths.shape[-1]) > 0
    of_own = jnp.square(nnx.relu(s.present - lengths))
    of_others = s.weight * jnp.square(nnx.relu(lengths - s.absent))
    margin = jnp.where(own, of_own, of_others).sum(1).mean()
    off = jnp.square(picture - x).sum((1, 2, 3)).mean()
    loss = margin + s.reconstruction * off
    return {"loss": loss, "margin": margin, "reconstruction": off}
