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


def outlined_shapes(number: int = 800, side: int = 16, seed: int = 0) -> Dataset:
    """The outlines of those shapes, and what they are to become: the same filled, each
    kind with a brightness of its own. Both [N, 1, side, side], from -1 to 1."""
    found = shapes(number, side, seed, reach=(2.5, 5))

    def drawn(part: Samples) -> Samples:
        (of,) = part.targets
        beside = np.pad(of, ((0, 0), (1, 0), (1, 0)), "edge")
        edge = (of != beside[:, :-1, 1:]) | (of != beside[:, 1:, :-1])
        outline = np.where(edge, 1, -1)[:, None].astype(np.float32)
        filled = (2 * of / (CLASSES - 1) - 1)[:, None].astype(np.float32)
        return Samples((outline, filled), (filled,))

    return Dataset(drawn(found.train), drawn(found.validation), drawn(found.test))


def boxed_shapes(
    number: int = 800,
    side: int = 64,
    seed: int = 0,
    reach: tuple[float, float] = (6, 14),
    most: int = 3,
) -> Dataset:
    """One to `most` discs, squares and triangles a picture, whole, none over another,
    of any brightness on a darker ground, in noise. Pictures [N, 3, side, side], of
    equal channels; wanted are their boxes in pixels [N, most, 4], the classes [N, most]
    and which of them are there.

    reach: how far a shape reaches from its middle, at least and at most.
    """
    draw = generator("boxed shapes", seed)
    images = np.zeros((number, side, side))
    boxes, classes = np.zeros((number, most, 4)), np.zeros((number, most), np.int64)
    for image, own, kinds in zip(images, boxes, classes, strict=True):
        image += draw.uniform(0.0, 0.3)
        taken = np.full(image.shape, False)
        for k in range(draw.integers(1, most + 1)):
            kind = int(draw.integers(DISC, CLASSES))
            inside = _beside(taken, kind, reach, draw)
            box = _around(inside)
            taken[box[1] : box[3], box[0] : box[2]] = True
            image[inside] = draw.uniform(0.5, 1.0)
            own[k], kinds[k] = box, kind
    images += 0.1 * draw.standard_normal(images.shape)
    pictures = images[:, None].astype(np.float32).repeat(3, 1)
    there = (classes > 0).astype(np.int64)
    return divided(Samples((pictures,), (boxes, classes, there)), seed)


def _beside(
    taken: Array, kind: int, reach: tuple[float, float], draw: np.random.Generator
) -> Array:
    """Which pixels lie in a shape that is whole and where nothing is yet."""
    side = len(taken)
    while True:
        size = draw.uniform(*reach)
        inside = _inside(kind, draw.uniform(size, side - size, 2), size, side)
        if not (inside & taken).any():
            return inside


def _around(inside: Array) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels, the last two behind them."""
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return int(left), int(top), int(right), int(bottom)
