"""Rotary positions (Su et al. 2021, equation 34)."""

import torch
from torch import Tensor

Turn = tuple[Tensor, Tensor]  # cosines and sines, [T, d / 2]


def turn(places: Tensor, frequencies: tuple[float, ...]) -> Turn:
    """Give how far each place turns each pair, in the precision of the parameters."""
    rates = torch.tensor(frequencies, device=places.device)
    angles = places[:, None] * rates
    return angles.cos(), angles.sin()


def rotate(x: Tensor, by: Turn, interleaved: bool) -> Tensor:
    """Turn the pairs of vectors [..., T, d]: neighbours, or one of each half."""
    cos, sin = by
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else x.chunk(2, -1)
    turned = a * cos - b * sin, a * sin + b * cos
    y = torch.stack(turned, -1).flatten(-2) if interleaved else torch.cat(turned, -1)
    return y.to(x.dtype)
