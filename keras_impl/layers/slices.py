"""Parts of a tensor along one axis, from a place on that is a tensor too."""

from keras import KerasTensor, ops


def update_slice_in_dim(
    x: KerasTensor, values: KerasTensor, place: KerasTensor, axis: int
) -> KerasTensor:
    """Write these values into the tensor, from a place of one axis on."""
    start = place * ops.one_hot(axis, len(x.shape), dtype="int32")
    return ops.slice_update(x, start, values)
