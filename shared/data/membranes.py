"""Membranes of cells in electron micrographs."""

from io import BytesIO
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from shared.arrays import Array
from shared.data import pictures
from shared.data.batches import Dataset, Samples
from shared.data.files import data_folder
from shared.errors import UsageError
from shared.reading import MEGABYTE, archive, member

FILE = "membrane.zip"
NUMBER, SIDE = 30, 512  # of sections; of a section
TRAINED, VALIDATED = 20, 5  # sections; the others are to test
PICTURE_BYTES = 8 * MEGABYTE
CELL, MEMBRANE = 0, 1


def isbi(tile: int) -> Dataset:
    """Load the 30 labelled sections of the ISBI 2012 challenge (Arganda-Carreras et
    al. 2015, https://doi.org/10.3389/fnana.2015.00142) from
    $TRIPTYCH_DATA/isbi-em/membrane.zip, cut to tiles of that side: 20 sections to
    train, 5 to validate, 5 to test. Pictures [N, 1, tile, tile], classes [N, tile,
    tile].
    """
    if not 1 <= tile <= SIDE or SIDE % tile:
        raise UsageError(f"tiles of {tile} pixels; allowed: a divisor of {SIDE}")
    path = data_folder("isbi-em", [FILE]) / FILE
    with archive(path) as opened:
        images, labels = (
            np.stack([section(path, opened, part, k) for k in range(NUMBER)])
            for part in ("image", "label")
        )
    if not np.isin(labels, (0, 255)).all():
        raise UsageError(f"{path}: labels; allowed: black membranes on white")
    classes = np.where(labels == 0, MEMBRANE, CELL)
    scaled = (images / 255).astype(np.float32)
    ends = (0, TRAINED, TRAINED + VALIDATED, NUMBER)
    train, validation, test = (
        Samples((tiles(scaled[a:b], tile)[:, None],), (tiles(classes[a:b], tile),))
        for a, b in pairwise(ends)
    )
    return Dataset(train, validation, test)


def section(path: Path, opened: ZipFile, part: str, number: int) -> Array:
    """Read the grey levels of one section, or of its labels, [512, 512]."""
    name = f"membrane/train/{part}/{number}.png"
    where = f"{path}: {name}"
    try:
        entry = opened.getinfo(name)
    except KeyError:
        raise UsageError(f"{where} is not there") from None
    content = BytesIO(member(opened, entry, PICTURE_BYTES))
    found = np.asarray(pictures.decoded(content, where, channels=1))
    if found.shape != (SIDE, SIDE):
        raise UsageError(f"{where} has {found.shape}; allowed: {SIDE} x {SIDE} pixels")
    return found


def tiles(maps: Array, tile: int) -> Array:
    """Cut maps [n, rows, columns] to squares, row by row: [more, tile, tile]."""
    number, rows, columns = maps.shape
    cut = maps.reshape(number, rows // tile, tile, columns // tile, tile)
    return cut.transpose(0, 1, 3, 2, 4).reshape(-1, tile, tile)
