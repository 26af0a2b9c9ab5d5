"""Images as [N, channels, height, width] between 0 and 1."""

import math
import struct
from pathlib import Path

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples, divided
from shared.data.files import data_folder
from shared.errors import UsageError
from shared.randomness import generator
from shared.reading import MEGABYTE, content


def digits(flat: bool) -> Dataset:
    """Load 1,797 digits of 8x8 pixels (Alpaydin, Kaynak 1998), as scikit-learn ships
    them; flat: as 64 numbers, else each pixel four times as wide and high, 32x32."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.images / 16).astype(np.float32)
    if flat:
        images = images.reshape(len(images), -1)
    else:
        images = images.repeat(4, axis=1).repeat(4, axis=2)[:, None]
    return divided(Samples((images,), (found.target.astype(np.int64),)))


def moved_digits(copies: int = 4, side: int = 20, seed: int = 0) -> Dataset:
    """Those digits turned by up to 60 degrees, 1.2 to 1.8 times as large, anywhere in
    the middle of a picture of side x side, in noise. Of a digit to train with there are
    so many copies, each moved by itself."""
    found, draw = digits(flat=True), generator("moved digits", seed)

    def moved(part: Samples) -> Samples:
        images = part.inputs[0].reshape(-1, 8, 8)
        pictures = np.stack([_moved(image, side, draw) for image in images])
        noise = 0.05 * draw.standard_normal(pictures.shape)
        found = (pictures + noise).astype(np.float32)
        return Samples((found[:, None],), part.targets)

    every = np.tile(np.arange(len(found.train)), copies)
    train = moved(found.train.take(every))
    return Dataset(train, moved(found.validation), moved(found.test))


def _moved(image: Array, side: int, draw: np.random.Generator) -> Array:
    """Read for each pixel the place in the image that comes there, bilinearly."""
    angle, size = draw.uniform(-np.pi / 3, np.pi / 3), draw.uniform(1.2, 1.8)
    across, down = np.arange(side) + 0.5 - draw.uniform(0.35, 0.65, (2, 1)) * side
    turn = np.exp(1j * angle) / size
    places = (across + 1j * down[:, None]) * turn + (3.5 + 3.5j)
    near_x, near_y = (
        np.maximum(0, 1 - np.abs(part[..., None] - np.arange(8)))
        for part in (places.real, places.imag)
    )
    found: Array = np.einsum("yx,rcx,rcy->rc", image, near_x, near_y)
    return found


MNIST = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
HELD_OUT = 5000  # of the training images, to validate


def mnist() -> Dataset:
    """Read the four files of http://yann.lecun.com/exdb/mnist, packed or not."""
    folder = data_folder("mnist", [name for pair in MNIST.values() for name in pair])
    train, test = (_pair(folder, *names) for names in MNIST.values())
    if len(train) <= HELD_OUT or not len(test):
        raise UsageError(
            f"{folder}: {len(train)} pictures to train and {len(test)} to test; "
            f"allowed: more than {HELD_OUT} and at least 1"
        )
    kept = len(train) - HELD_OUT
    return Dataset(train.take(slice(kept)), train.take(slice(kept, None)), test)


SIDE, CLASSES = 28, 10  # of a picture of MNIST; of digits


def _pair(folder: Path, images: str, labels: str) -> Samples:
    pixels, classes = read_idx(folder / images), read_idx(folder / labels)
    if pixels.shape[1:] != (SIDE, SIDE):
        raise UsageError(
            f"{folder / images}: records of shape {pixels.shape[1:]}; allowed: "
            f"({SIDE}, {SIDE})"
        )
    if classes.shape != (len(pixels),):
        raise UsageError(
            f"{folder / labels}: of shape {classes.shape}; allowed: one label for each "
            f"of {len(pixels)} pictures"
        )
    wrong = np.flatnonzero(classes >= CLASSES)
    if len(wrong):
        first = int(wrong[0])
        raise UsageError(
            f"{folder / labels}: record {first} (byte {first + 8} unpacked) is "
            f"{classes[first]}; allowed: from 0 to {CLASSES - 1}"
        )
    scaled = pixels[:, None].astype(np.float32) / 255
    return Samples((scaled,), (classes.astype(np.int64),))


IDX_BYTES = 512 * MEGABYTE
MOST_DIMENSIONS = 4


def read_idx(path: Path) -> Array:
    """Read an IDX file of unsigned bytes, also with `.gz` behind its name."""
    if not path.is_file():
        path = path.with_name(path.name + ".gz")
    found = content(path, IDX_BYTES)
    if len(found) < 4 or found[:3] != b"\0\0\x08":
        raise UsageError(f"{path}: not an IDX file of unsigned bytes")
    dimensions = found[3]
    start = 4 + 4 * dimensions
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise UsageError(
            f"{path}: byte 3 says {dimensions} dimensions; allowed: from 1 to "
            f"{MOST_DIMENSIONS}"
        )
    if len(found) < start:
        raise UsageError(f"{path}: ends within its header, at byte {len(found)}")
    shape = struct.unpack(f">{dimensions}I", found[4:start])
    if len(found) - start != math.prod(shape):
        raise UsageError(
            f"{path}: {len(found) - start} bytes of data, its header says {shape}"
        )
    return np.frombuffer(found, np.uint8, offset=start).reshape(shape)
