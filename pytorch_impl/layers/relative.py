"""Buckets of distances between tokens."""

import torch
from torch import Tensor


def relative_buckets(
    queries: Tensor, keys: Tensor, starts: tuple[int, ...], both: bool
) -> Tensor:
    """The bucket of each key's distance from each query, by the distances at which all
    but the first begin; `both`: keys ahead have buckets of their own, behind those of
    the others. [T, T of keys]"""
    ways = keys - queries[:, None]
    passed = ways.abs()[..., None] >= torch.tensor(starts, device=ways.device)
    bucket = passed.sum(-1)
    return bucket + (len(starts) + 1) * (ways > 0) if both else bucket
