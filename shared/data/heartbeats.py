"""Heartbeats as rows of 140 numbers."""

import re
from pathlib import Path

import numpy as np

from shared import reading
from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.files import data_folder
from shared.errors import UsageError, brief
from shared.randomness import generator
from shared.reading import MEGABYTE

FILE = "ECG5000_TRAIN.txt"
BEAT, CLASSES, NORMAL = 140, 5, 1  # numbers a beat; labels from 1; a normal beat's
LARGEST = 1e6  # of any number in such a file; labels are whole and small
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def ecg5000() -> Dataset:
    """Load the training part of ECG5000 (UCR archive, Chen et al. 2015), to find what
    is not normal: of 500 beats of one patient 292 are.

    The training data are 60 % of these, validation and test each half of the others
    and half of those that are not. The target is 1 for a beat that is not normal.
    """
    folder = data_folder("ecg5000", [FILE])
    label, beats = read_ucr(folder / FILE, BEAT)
    if not ((label >= 1) & (label <= CLASSES)).all():
        raise UsageError(f"{folder / FILE}: allowed: labels from 1 to {CLASSES}")
    found = [
        which[generator("heartbeats", 0).permutation(len(which))]
        for which in (np.flatnonzero(label == NORMAL), np.flatnonzero(label != NORMAL))
    ]
    normal, others = found
    if min(len(normal) // 5, len(others) // 2) < 1:
        raise UsageError(
            f"{folder / FILE}: {len(normal)} normal beats, {len(others)} "
            "others; allowed: at least 5 and 2"
        )
    a, b = len(normal) * 6 // 10, len(normal) * 8 // 10
    parts = (
        normal[:a],
        np.concatenate([normal[a:b], others[: len(others) // 2]]),
        np.concatenate([normal[b:], others[len(others) // 2 :]]),
    )
    train, validation, test = (
        Samples((beats[which],), ((label[which] != NORMAL).astype(np.int64),))
        for which in parts
    )
    return Dataset(train, validation, test)


def read_ucr(path: Path, width: int) -> tuple[Array, Array]:
    """Read labels [n] and series [n, width] of the UCR archive's text: a line each, the
    label first, numbers apart by blanks."""
    labels, rows = [], []
    lines = reading.text(path, 64 * MEGABYTE).removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        where, words = f"{path}: line {number}", line.split()
        if len(words) != 1 + width:
            raise UsageError(f"{where} has {len(words)} numbers; allowed: {1 + width}")
        wrong = [word for word in words if not _NUMBER.fullmatch(word)]
        if wrong:
            raise UsageError(f"{where}: {brief(wrong[0])} is no decimal number")
        values = [float(word) for word in words]
        if max(map(abs, values)) > LARGEST:
            raise UsageError(f"{where} has a number larger than {LARGEST:g}")
        if values[0] != int(values[0]):
            raise UsageError(f"{where}: label {values[0]}; allowed: a whole number")
        labels.append(int(values[0]))
        rows.append(values[1:])
    return np.array(labels), np.array(rows, np.float32)
