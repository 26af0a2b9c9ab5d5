"""Buckets of distances between tokens (Raffel et al. 2019, arXiv:1910.10683, section
2.1), which share what is added to a score of attention."""

from typing import Protocol


class Relative(Protocol):
    """What attention and the MLP of T5's form are told."""

    @property
    def width(self) -> int: ...

    @property
    def heads(self) -> int: ...

    @property
    def head_width(self) -> int: ...

    @property
    def inner_width(self) -> int: ...

    @property
    def mlp_width(self) -> int: ...

    @property
    def gated(self) -> bool: ...

    @property
    def dropout(self) -> float: ...

    @property
    def rms_eps(self) -> float: ...


def bucket_starts(buckets: int, reach: int) -> tuple[int, ...]:
    """The distance at which each bucket but the first begins.

    The first half has one distance each; the others are equally wide in its logarithm,
    the last from about `reach` on. T5's code takes the logarithm in float32; here it is
    decided in whole numbers, which gives the same where float32 is exact enough.
    """
    single = buckets // 2
    shared = buckets - single
    found = [*range(1, single + 1)]
    for j in range(1, shared):
        least = single ** (shared - j) * reach**j
        distance = found[-1]
        while distance**shared < least:
            distance += 1
        found.append(distance)
    return tuple(found)
