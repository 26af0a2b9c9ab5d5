"""Sums of rows that belong together."""

import jax
from jax import Array


def segment_sum(x: Array, segments: Array, number: int) -> Array:
    """For each of so many segments the sum of the rows that are in it."""
    return jax.ops.segment_sum(x, segments, number)
