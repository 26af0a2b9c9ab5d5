"""Generated sequences."""

import numpy as np

from shared.data.batches import Dataset, Samples
from shared.randomness import generator

SYMBOLS = 6  # X, Y and four that say nothing


def temporal_order(number: int = 3000, length: int = 20, seed: int = 0) -> Dataset:
    """The task is to tell the order of two marked symbols, XX, XY, YX or YY. All others
    are distractors (Hochreiter, Schmidhuber 1997, experiment 6a, with shorter
    sequences).

    Each symbol is one-hot: [N, length, 6]; the first mark is in the first half.
    """
    draw = generator("temporal order", seed)
    symbols = draw.integers(2, SYMBOLS, (number, length))
    half = length // 2
    rows = np.arange(number)
    first, second = draw.integers(0, 2, (2, number))
    symbols[rows, draw.integers(0, half, number)] = first
    symbols[rows, draw.integers(half, length, number)] = second
    inputs = np.eye(SYMBOLS, dtype=np.float32)[symbols]
    whole = Samples((inputs,), (2 * first + second,))

    a, b = number * 2 // 3, number * 5 // 6
    return Dataset(
        whole.take(slice(a)), whole.take(slice(a, b)), whole.take(slice(b, None))
    )
