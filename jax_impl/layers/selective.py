"""Linear recurrences with coefficients of their own at each place."""

import jax.numpy as jnp
from jax import Array, lax


def scan_in_turn(decay: Array, drive: Array, state: Array) -> Array:
    """h_t = decay_t h_(t-1) + drive_t from `state` on, one after the other.
    [B, T, ...]"""

    def step(state: Array, here: tuple[Array, Array]) -> tuple[Array, Array]:
        kept, new = here
        state = kept * state + new
        return state, state

    places = decay.swapaxes(0, 1), drive.swapaxes(0, 1)
    _, found = lax.scan(step, state, places)
    return found.swapaxes(0, 1)


def scan_in_rounds(decay: Array, drive: Array, state: Array) -> Array:
    """The same, all places together: each round doubles over how many places of the
    past each is a sum (Hillis, Steele 1986)."""
    drive = drive.at[:, 0].add(decay[:, 0] * state)
    reach, length = 1, drive.shape[1]
    while reach < length:
        drive = drive + decay * _before(drive, reach, 0.0)
        decay = decay * _before(decay, reach, 1.0)
        reach *= 2
    return drive


def _before(x: Array, reach: int, first: float) -> Array:
    """What stood so many places before."""
    pads = [(0, 0), (reach, 0)] + [(0, 0)] * (x.ndim - 2)
    return jnp.pad(x[:, :-reach], pads, constant_values=first)
