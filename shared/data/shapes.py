"""Pictures of shapes, and of which shape each pixel is."""

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples, divided
from shared.randomness import generator

BACKGROUND, DISC, SQUARE, TRIANGLE = range(4)
CLASSES = 4


def shapes(
    number: int = 800,
    side: int = 32,
    seed: int = 0,
    reach: tuple[float, float] = (5, 9),
    channels: int = 1,
) -> Dataset:
    """One to three discs, squares and triangles a picture, of any brightness on a
    darker ground, in noise; a later one covers those before, and the border cuts them.
    Pictures [N, channels, side, side], of equal channels, classes [N, side, side].

    reach: how far a shape reaches from its middle, at least and at most.
    """
    draw = generator("shapes", seed)
    images = np.zeros((number, side, side))
    classes = np.zeros((number, side, side), np.int64)
    for image, of in zip(images, classes, strict=True):
        image += draw.uniform(0.0, 0.3)
        for _ in range(draw.integers(1, 4)):
            kind = int(draw.integers(DISC, CLASSES))
            inside = _inside(kind, draw.uniform(0, side, 2), draw.uniform(*reach), side)
            image[inside] = draw.uniform(0.5, 1.0)
            of[inside] = kind
    images += 0.1 * draw.standard_normal(images.shape)
    pictures = images[:, None].astype(np.float32).repeat(channels, 1)
    return divided(Samples((pictures,), (classes,)), seed)


def _inside(kind: int, middle: Array, size: float, side: int) -> Array:
    """Which pixels lie in a shape that reaches so far from its middle."""
    rows, columns = np.arange(side) + 0.5 - middle[:, None]
    y, x = rows[:, None], columns
    if kind == DISC:
        return y**2 + x**2 <= size**2
    if kind == SQUARE:
        return (abs(y) <= size) & (abs(x) <= size)
    return (y <= size) & (2 * abs(x) <= y + size)
