"""Sums of rows that belong together."""

from torch import Tensor


def segment_sum(x: Tensor, segments: Tensor, number: int) -> Tensor:
    """For each of so many segments the sum of the rows that are in it."""
    return x.new_zeros(number, *x.shape[1:]).index_add(0, segments, x)
