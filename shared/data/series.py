"""Series of numbers over time: windows, and by how much the next value differs."""

import csv
from io import StringIO

import numpy as np

from shared import reading
from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.files import data_folder
from shared.errors import UsageError
from shared.randomness import generator

YEAR = 12
WINDOW = 24  # months that a forecast is made from


def seasons(ragged: bool = True, months: int = 900, seed: int = 0) -> Dataset:
    """A generated monthly series: a yearly season, a cycle of eleven years, both of
    changing height, and noise."""
    draw = generator("seasons", seed)
    t = np.arange(months)
    yearly = np.sin(2 * np.pi * t / YEAR) + 0.4 * np.cos(4 * np.pi * t / YEAR)
    cycle = 1 + 0.5 * np.sin(2 * np.pi * t / (11 * YEAR))
    return forecasts(cycle * (3 + yearly) + 0.1 * draw.standard_normal(months), ragged)


def sunspots(ragged: bool = True) -> Dataset:
    """Monthly numbers since 1749, as square roots, from
    $TRIPTYCH_DATA/timeseries/monthly-sunspots.csv."""
    return forecasts(np.sqrt(_read("monthly-sunspots.csv")), ragged)


def forecasts(series: Array, ragged: bool) -> Dataset:
    """Windows of up to WINDOW values, with their lengths where they are `ragged`, and
    by how much the value after each differs from the last in it, so that the naive
    forecast, which is the last value again, is 0.

    The last seventh is to test, the one before to validate; all is standardised by
    what is before. Windows at the beginning are shorter, or left out.
    """
    n = len(series)
    a, b = n * 5 // 7, n * 6 // 7
    values = (series - series[:a].mean()) / series[:a].std()
    changes = np.diff(values)
    ends = np.arange(1 if ragged else WINDOW, n)
    counts = np.minimum(ends, WINDOW)
    windows = np.zeros((len(ends), WINDOW, 1), np.float32)
    for window, end, count in zip(windows, ends, counts, strict=True):
        window[:count, 0] = values[end - count : end]
    targets = (changes[ends - 1] / changes[:a].std())[:, None].astype(np.float32)
    inputs = (windows, counts) if ragged else (windows,)
    whole = Samples(inputs, (targets,))
    return Dataset(
        whole.take(np.flatnonzero(ends < a)),
        whole.take(np.flatnonzero((ends >= a) & (ends < b))),
        whole.take(np.flatnonzero(ends >= b)),
    )


def _read(name: str) -> Array:
    """The second column of a table with a header."""
    path = data_folder("timeseries", [name]) / name
    rows = list(csv.reader(StringIO(reading.text(path, most=reading.MEGABYTE))))[1:]
    try:
        found = np.array([float(value) for _, value in rows])
    except ValueError:
        raise UsageError(f"{path}: not a table of a month and a number") from None
    if len(found) < 2 * WINDOW or not np.isfinite(found).all() or (found < 0).any():
        raise UsageError(f"{path}: not {2 * WINDOW} finite numbers of at least 0")
    return found
