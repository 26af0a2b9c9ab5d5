"""Images as [N, channels, height, width] between 0 and 1."""

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples, divided
from shared.data.files import data_folder
from shared.errors import UsageError


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


MNIST = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
HELD_OUT = 5000  # of the training images, to validate


def mnist() -> Dataset:
    """The four files of http://yann.lecun.com/exdb/mnist, packed or not."""
    folder = data_folder("mnist", [name for pair in MNIST.values() for name in pair])
    train, test = (_pair(folder, *names) for names in MNIST.values())
    kept = len(train) - HELD_OUT
    return Dataset(train.take(slice(kept)), train.take(slice(kept, None)), test)


def _pair(folder: Path, images: str, labels: str) -> Samples:
    pixels = read_idx(folder / images)[:, None].astype(np.float32) / 255
    return Samples((pixels,), (read_idx(folder / labels).astype(np.int64),))


def read_idx(path: Path) -> Array:
    """An IDX file of unsigned bytes, also with `.gz` behind its name."""
    if not path.exists():
        path = path.with_name(path.name + ".gz")
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise UsageError(f"{path}: not an IDX file of unsigned bytes")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise UsageError(f"{path}: ends within its header")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise UsageError(
            f"{path}: {len(content) - start} bytes of data, its header says {shape}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
