"""Sums of rows that belong together."""

from keras import KerasTensor, backend, ops


def segment_sum(x: KerasTensor, segments: KerasTensor, number: int) -> KerasTensor:
    """For each of so many segments the sum of the rows that are in it."""
    # DIFF(keras-segments): on its torch back end Keras adds up in float32.
    if backend.backend() == "torch":
        return x.new_zeros((number, *x.shape[1:])).index_add(0, segments, x)
    return ops.segment_sum(x, segments, number)
