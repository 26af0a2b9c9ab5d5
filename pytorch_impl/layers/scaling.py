"""Maps made larger."""

from torch import Tensor
from torch.nn import functional as F


def doubled(x: Tensor) -> Tensor:
    """Make four places of each, all as it was."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
