"""Buckets of distances between tokens."""

import jax.numpy as jnp
from jax import Array


def relative_buckets(
    queries: Array, keys: Array, starts: tuple[int, ...], both: bool
) -> Array:
    """The bucket of each key's distance from each query, by the distances at which all
    but the first begin; `both`: keys ahead have buckets of their own, behind those of
    the others. [T, T of keys]"""
    ways = keys - queries[:, None]
    passed = jnp.abs(ways)[..., None] >= jnp.array(starts)
    bucket = passed.sum(-1)
    return bucket + (len(starts) + 1) * (ways > 0) if both else bucket
