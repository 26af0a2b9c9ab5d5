"""Maps read at places between their pixels."""

import torch
from torch import Tensor

from pytorch_impl.precision import exact


def sample_maps(x: Tensor, places: Tensor) -> Tensor:
    """Give what maps hold at places (x, y), from -1 to 1 between their borders:
    bilinear of the four pixels around, whose middles are read; outside is 0.

    x: [B, channels, rows, columns]. places: [B, n, 2]. Gives [B, channels, n].
    """
    channels, rows, columns = x.shape[1:]
    with exact((x.flatten(2), places)) as (maps, places):
        # A sum, then a product: a compiler that joins a product with the sum after
        # it, in one place and not in another, would find two floors of one number.
        across = (places[..., 0] + (1 - 1 / columns)) * (columns / 2)
        down = (places[..., 1] + (1 - 1 / rows)) * (rows / 2)
        left, top = across.floor(), down.floor()
        found = torch.zeros((), dtype=maps.dtype, device=x.device)
        for row in (top, top + 1):
            for column in (left, left + 1):
                weight = (1 - (down - row).abs()) * (1 - (across - column).abs())
                there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
                place = row.clamp(0, rows - 1) * columns + column.clamp(0, columns - 1)
                which = place.long()[:, None].expand(-1, channels, -1)
                read = maps.gather(2, which)  # [B, channels, n]
                found = found + read * torch.where(there, weight, 0.0)[:, None]
    return found.to(x.dtype)
