"""Which experts a token goes to."""

import jax.numpy as jnp
from jax import Array


def ranked(scores: Array) -> Array:
    """How many come before each: what scores higher, and of equals those whose index is
    lower. [..., experts]"""
    mine, others = scores[..., :, None], scores[..., None, :]
    equal = jnp.tril(others == mine, -1)
    return ((others > mine) | equal).sum(-1)


def roomy(ranks: Array, chosen: int, room: int) -> Array:
    """1 where an expert still takes a token, which it does `room` times: all first
    choices in turn, then all second ones (Lepikhin et al. 2020, algorithm 1).
    [B, T, experts]"""
    taken, used = jnp.zeros_like(ranks), jnp.zeros_like(ranks[:, :1])
    for choice in range(chosen):
        here = (ranks == choice).astype(ranks.dtype)
        before = used + here.cumsum(1) - here
        taken = taken + here * (before < room)
        used = used + here.sum(1, keepdims=True)
    return taken
