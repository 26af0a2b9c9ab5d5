"""Which parts stay in full precision where the others are in half."""

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
