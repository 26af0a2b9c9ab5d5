"""Linear recurrences with coefficients of their own at each place."""

from keras import KerasTensor, ops


def scan_in_turn(
    decay: KerasTensor, drive: KerasTensor, state: KerasTensor
) -> KerasTensor:
    """h_t = decay_t h_(t-1) + drive_t from `state` on, one after the other.
    [B, T, ...]"""

    def step(
        state: KerasTensor, here: tuple[KerasTensor, KerasTensor]
    ) -> tuple[KerasTensor, KerasTensor]:
        kept, new = here
        state = kept * state + new
        return state, state

    places = ops.swapaxes(decay, 0, 1), ops.swapaxes(drive, 0, 1)
    _, found = ops.scan(step, state, places)
    return ops.swapaxes(found, 0, 1)


def scan_in_rounds(
    decay: KerasTensor, drive: KerasTensor, state: KerasTensor
) -> KerasTensor:
    """The same, all places together: each round doubles over how many places of the
    past each is a sum (Hillis, Steele 1986)."""
    first = drive[:, :1] + decay[:, :1] * state[:, None]
    drive = ops.concatenate([first, drive[:, 1:]], 1)
    reach, length = 1, drive.shape[1]
    while reach < length:
        drive = drive + decay * _before(drive, reach, 0.0)
        decay = decay * _before(decay, reach, 1.0)
        reach *= 2
    return drive


def _before(x: KerasTensor, reach: int, first: float) -> KerasTensor:
    """What stood so many places before."""
    pads = [(0, 0), (reach, 0)] + [(0, 0)] * (len(x.shape) - 2)
    return ops.pad(x[:, :-reach], pads, constant_values=first)
