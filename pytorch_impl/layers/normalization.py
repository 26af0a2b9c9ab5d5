"""Norms of the channels of a map, of adjacent maps, and of vectors."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.precision import exact
from shared.specs.base import BatchNormed, GroupNormed


def norm(channels: int, spec: BatchNormed) -> nn.BatchNorm2d:
    # DIFF(bn-momentum): torch's momentum weighs the NEW value.
    return nn.BatchNorm2d(channels, eps=spec.bn_eps, momentum=1 - spec.bn_decay)


def norm1d(channels: int, spec: BatchNormed) -> nn.BatchNorm1d:
    # DIFF(bn-momentum)
    return nn.BatchNorm1d(channels, eps=spec.bn_eps, momentum=1 - spec.bn_decay)


def group_norm(channels: int, spec: GroupNormed) -> nn.GroupNorm:
    return nn.GroupNorm(spec.groups, channels, eps=spec.gn_eps)


class LayerNorm2d(nn.LayerNorm):
    """DIFF(norm-axis): nn.LayerNorm knows the last axes alone, here it is channels."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def local_response_norm(
    x: Tensor, size: int, alpha: float, beta: float, k: float
) -> Tensor:
    """x / (k + alpha * sum of x^2 over `size` adjacent maps)^beta, alpha undivided.

    DIFF(lrn): torch's own divides alpha by size; a 1x1 convolution with a band of
    ones, exp and log are faster than it.
    """
    maps = torch.arange(x.shape[1], device=x.device)
    band = (maps[:, None] - maps).abs() <= size // 2
    with exact((x,)) as (exact_x,):
        total = F.conv2d(exact_x.square(), band.to(exact_x)[:, :, None, None])
        y = exact_x * torch.exp(-beta * torch.log(k + alpha * total))
    return y.to(x.dtype)


def standardized(x: Tensor, eps: float) -> Tensor:
    """Give vectors, along the last axis, a mean of 0 and a variance of 1: a layer norm
    without weights."""
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def unit(x: Tensor) -> Tensor:
    """Scale vectors, along the last axis, to length 1; 0 stays 0, with a gradient of 0.

    DIFF(unit-eps): F.normalize divides by 1e-12 at least.
    """
    with exact((x,)) as (exact_x,):
        squares = exact_x.square().sum(-1, keepdim=True)
        above = squares > 0
        y = torch.where(above, exact_x / torch.where(above, squares, 1.0).sqrt(), 0.0)
    return y.to(x.dtype)


class RMSNorm(nn.RMSNorm):
    """Vectors over the root of their mean square (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, eps: float):
        super().__init__(width, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        with exact((x,)) as (exact_x,):
            y = super().forward(exact_x)
        return y.to(x.dtype)
