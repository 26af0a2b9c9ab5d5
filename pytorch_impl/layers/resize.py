"""Maps of another size."""

import torch.nn.functional as F
from torch import Tensor

from pytorch_impl.precision import exact


def resize(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Give maps these rows and columns, bilinearly: pixels are areas, whose middles are
    read between the nearest four, and at the border the border alone."""
    with exact((x,)) as (exact_x,):
        y = F.interpolate(exact_x, size, mode="bilinear", align_corners=False)
    return y.to(x.dtype)


def repeat(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Give maps these rows and columns: place i is what stands at floor(i n / m)."""
    return F.interpolate(x, size, mode="nearest")
