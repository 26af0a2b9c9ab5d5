"""Linear recurrences with coefficients of their own at each place."""

import torch
import torch.nn.functional as F
from torch import Tensor


def scan_in_turn(decay: Tensor, drive: Tensor, state: Tensor) -> Tensor:
    """h_t = decay_t h_(t-1) + drive_t from `state` on, one after the other.
    [B, T, ...]"""
    found = []
    for kept, new in zip(decay.unbind(1), drive.unbind(1), strict=True):
        state = kept * state + new
        found.append(state)
    return torch.stack(found, 1)


def scan_in_rounds(decay: Tensor, drive: Tensor, state: Tensor) -> Tensor:
    """The same, all places together: each round doubles over how many places of the
    past each is a sum (Hillis, Steele 1986)."""
    drive = torch.cat([drive[:, :1] + decay[:, :1] * state[:, None], drive[:, 1:]], 1)
    reach, length = 1, drive.shape[1]
    while reach < length:
        drive = drive + decay * _before(drive, reach, 0.0)
        decay = decay * _before(decay, reach, 1.0)
        reach *= 2
    return drive


def _before(x: Tensor, reach: int, first: float) -> Tensor:
    """What stood so many places before."""
    pads = (0, 0) * (x.ndim - 2)
    return F.pad(x[:, :-reach], (*pads, reach, 0), value=first)
