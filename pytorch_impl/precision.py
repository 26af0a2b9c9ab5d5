"""Which parts stay in full precision where others are in bfloat16: the native side of
shared/precision.py."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def exact(values: tuple[Tensor, ...]) -> Iterator[tuple[Tensor, ...]]:
    """Give the values in the precision of the parameters; what is computed of them
    inside stays in it. Losses are."""
    with torch.autocast(values[0].device.type, enabled=False):
        yield tuple(v.to(torch.get_default_dtype()) for v in values)


def full(value: Tensor) -> Tensor:
    """What leaves a model or is drawn by: bfloat16 in float32, others as they are."""
    return value.float() if value.dtype == torch.bfloat16 else value


def products(device: torch.device, low: bool) -> torch.autocast:
    """DIFF(bfloat16): where products and convolutions are in bfloat16, if `low`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=low)
