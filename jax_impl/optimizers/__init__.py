"""The optimizers."""

from jax_impl.optimizers.base import *  # noqa: F403
