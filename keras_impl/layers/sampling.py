"""Maps read at places between their pixels."""

from keras import KerasTensor, ops

from keras_impl.precision import exact


def sample_maps(x: KerasTensor, places: KerasTensor) -> KerasTensor:
    """Give what maps hold at places (x, y), from -1 to 1 between their borders:
    bilinear of the four pixels around, whose middles are read; outside is 0.

    x: [B, rows, columns, channels]. places: [B, n, 2]. Gives [B, n, channels].
    """
    rows, columns, channels = x.shape[1:]
    maps, places = exact((ops.reshape(x, (-1, rows * columns, channels)), places))
    # A sum, then a product: a compiler that joins a product with the sum after
    # it, in one place and not in another, would find two floors of one number.
    across = (places[..., 0] + (1 - 1 / columns)) * (columns / 2)
    down = (places[..., 1] + (1 - 1 / rows)) * (rows / 2)
    left, top = ops.floor(across), ops.floor(down)
    found = ops.zeros((), maps.dtype)
    for row in (top, top + 1):
        for column in (left, left + 1):
            weight = (1 - ops.abs(down - row)) * (1 - ops.abs(across - column))
            there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
            place = ops.clip(row, 0, rows - 1) * columns
            place = place + ops.clip(column, 0, columns - 1)
            which = ops.cast(place, "int32")[..., None]
            read = ops.take_along_axis(maps, which, 1)  # [B, n, channels]
            found = found + read * ops.where(there, weight, 0.0)[..., None]
    return ops.cast(found, x.dtype)
