"""Buckets of distances between tokens."""

from keras import KerasTensor, ops


def relative_buckets(
    queries: KerasTensor, keys: KerasTensor, starts: tuple[int, ...], both: bool
) -> KerasTensor:
    """The bucket of each key's distance from each query, by the distances at which all
    but the first begin; `both`: keys ahead have buckets of their own, behind those of
    the others. [T, T of keys]"""
    ways = keys - queries[:, None]
    passed = ops.abs(ways)[..., None] >= ops.array(starts, "int32")
    bucket = ops.sum(ops.cast(passed, "int32"), -1)
    ahead = ops.cast(ways > 0, "int32")
    return bucket + (len(starts) + 1) * ahead if both else bucket
