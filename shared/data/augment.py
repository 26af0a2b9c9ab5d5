"""RandAugment of a picture, mixup and cutmix of a batch.

As torchvision has them, which rounds RandAugment's factors to float32: so a level may
be one off where pictures are blended.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shared.arrays import Array
from shared.data import pictures
from shared.data.pictures import Interpolation
from shared.data.transforms import Draw, Level, Transform
from shared.errors import UsageError
from shared.fields import Checked, Index, Positive, Size

if TYPE_CHECKING:
    from PIL.Image import Image

# The largest magnitude of each operation, and whether its sign is drawn; that of a
# translation is a share of the picture's side. No magnitude: it is always the same.
# Ranges as torchvision has them (AutoAugment's are in arXiv:1805.09501, table 6).
OPERATIONS: dict[str, tuple[float, bool] | None] = {
    "Identity": None,
    "ShearX": (0.3, True),
    "ShearY": (0.3, True),
    "TranslateX": (150 / 331, True),
    "TranslateY": (150 / 331, True),
    "Rotate": (30.0, True),
    "Brightness": (0.9, True),
    "Color": (0.9, True),
    "Contrast": (0.9, True),
    "Sharpness": (0.9, True),
    "Posterize": (4.0, False),
    "Solarize": (255.0, False),
    "AutoContrast": None,
    "Equalize": None,
}


@dataclass(frozen=True)
class Step:
    """An operation, its strength from -1 to 1 of the largest."""

    name: str
    strength: float = 0.0


def apply(
    image: "Image",
    step: Step,
    interpolation: Interpolation = "nearest",
    fill: int = 0,
) -> "Image":
    magnitude = (OPERATIONS[step.name] or (0.0, False))[0] * step.strength
    if step.name in _MATRICES:
        matrix = _MATRICES[step.name](magnitude, image.size)
        return _affine(image, matrix, interpolation, fill)
    if step.name == "Rotate":
        return pictures.rotate(image, magnitude, interpolation, fill=fill)
    return _COLORS[step.name](image, magnitude)


Matrix = tuple[float, float, float, float, float, float]
# From a place in the result to one in the picture.
_MATRICES: dict[str, Callable[[float, tuple[int, int]], Matrix]] = {
    "ShearX": lambda m, size: (1, m, 0, 0, 1, 0),
    "ShearY": lambda m, size: (1, 0, 0, m, 1, 0),
    "TranslateX": lambda m, size: (1, 0, -int(m * size[0]), 0, 1, 0),
    "TranslateY": lambda m, size: (1, 0, 0, 0, 1, -int(m * size[1])),
}


def _affine(
    image: "Image", matrix: Matrix, interpolation: Interpolation, fill: int
) -> "Image":
    from PIL.Image import Transform

    return image.transform(
        image.size,
        Transform.AFFINE,
        matrix,
        pictures.resampling(interpolation),
        fillcolor=pictures.filled(image, fill),
    )


def _sharpen(image: "Image", magnitude: float) -> "Image":
    from PIL.ImageEnhance import Sharpness

    return Sharpness(image).enhance(1 + magnitude)


def _posterize(image: "Image", lost: float) -> "Image":
    from PIL import ImageOps

    return ImageOps.posterize(image, 8 - round(lost))


def _solarize(image: "Image", lowered: float) -> "Image":
    from PIL import ImageOps

    return ImageOps.solarize(image, 255 - lowered)  # type: ignore[arg-type]


def _autocontrast(image: "Image", _: float) -> "Image":
    from PIL import ImageOps

    return ImageOps.autocontrast(image)


def _equalize(image: "Image", _: float) -> "Image":
    from PIL import ImageOps

    return ImageOps.equalize(image)


_COLORS: dict[str, Callable[["Image", float], "Image"]] = {
    "Identity": lambda image, m: image,
    "Brightness": lambda image, m: pictures.adjust_brightness(image, 1 + m),
    "Color": lambda image, m: pictures.adjust_saturation(image, 1 + m),
    "Contrast": lambda image, m: pictures.adjust_contrast(image, 1 + m),
    "Sharpness": _sharpen,
    "Posterize": _posterize,
    "Solarize": _solarize,
    "AutoContrast": _autocontrast,
    "Equalize": _equalize,
}


@dataclass(frozen=True, kw_only=True)
class RandAugment(Transform):
    """A few operations in a row, each drawn from all, of one magnitude
    (Cubuk et al. 2019, arXiv:1909.13719).

    bins: magnitudes count from 0 to bins - 1, the largest.
    """

    operations: Index = 2
    magnitude: Index = 9
    bins: Size = 31
    interpolation: Interpolation = "nearest"
    fill: Level = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.magnitude >= self.bins:
            self.refuse("magnitude", self.magnitude, f"a number below {self.bins} bins")

    def steps(self, draw: Draw) -> tuple[Step, ...]:
        return tuple(self._step(draw) for _ in range(self.operations))

    def _step(self, draw: Draw) -> Step:
        name = list(OPERATIONS)[draw.integers(len(OPERATIONS))]
        strength = self.magnitude / max(self.bins - 1, 1)
        reach = OPERATIONS[name]
        if reach is None:
            return Step(name)
        _, signed = reach
        return Step(name, -strength if signed and draw.integers(2) else strength)

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        for step in self.steps(self.needed(draw)):
            image = apply(image, step, self.interpolation, self.fill)
        return image


# Of a batch: images [N, channels, rows, columns], labels [N] of whole numbers or
# [N, classes] of shares. Each image is mixed with the one before it.

Mixed = tuple[Array, Array]


def one_hot(labels: Array, classes: int) -> Array:
    """Shares as they are, float32."""
    if labels.ndim == 2 and labels.shape[1] == classes:
        return labels.astype(np.float32)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise UsageError(
            f"labels {labels.dtype} {labels.shape}; allowed: whole numbers [N], or "
            f"shares [N, {classes}]"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise UsageError(f"a label is not in 0 to {classes - 1}")
    return np.eye(classes, dtype=np.float32)[labels]


def blend(values: Array, share: float) -> Array:
    """Mix each row with the one before it, of which it takes what `share` leaves."""
    own, rest = values.dtype.type(share), values.dtype.type(1 - share)
    return np.roll(values, 1, 0) * rest + values * own


Box = tuple[int, int, int, int]


def box(rows: int, columns: int, share: float, y: int, x: int) -> Box:
    """Give top, left, bottom and right of a box about (y, x), cut off at the borders,
    of the picture's shape and 1 - share of its area."""
    half = math.sqrt(1 - share) / 2
    high, wide = int(half * rows), int(half * columns)
    top, bottom = max(y - high, 0), min(y + high, rows)
    left, right = max(x - wide, 0), min(x + wide, columns)
    return top, left, bottom, right


def paste(images: Array, box: Box) -> tuple[Array, float]:
    """Put into each picture the box of the one before, and give what share each keeps
    of itself."""
    top, left, bottom, right = box
    inside = (..., slice(top, bottom), slice(left, right))
    pasted = images.copy()
    pasted[inside] = np.roll(images, 1, 0)[inside]
    rows, columns = images.shape[-2:]
    return pasted, 1 - (bottom - top) * (right - left) / (rows * columns)


@dataclass(frozen=True, kw_only=True)
class _OfBatch(Checked):
    """Mixes the samples of a batch; alpha is that of the Beta distribution which the
    share is drawn from."""

    classes: Size
    alpha: Positive = 1.0

    def share(self, draw: Draw) -> float:
        return float(draw.beta(self.alpha, self.alpha))


@dataclass(frozen=True, kw_only=True)
class MixUp(_OfBatch):
    """Images and labels in one proportion (Zhang et al. 2017, arXiv:1710.09412)."""

    def __call__(self, images: Array, labels: Array, draw: Draw) -> Mixed:
        share = self.share(draw)
        return blend(images, share), blend(one_hot(labels, self.classes), share)


@dataclass(frozen=True, kw_only=True)
class CutMix(_OfBatch):
    """A box of another image, and as much of its label (Yun et al. 2019,
    arXiv:1905.04899)."""

    def place(self, rows: int, columns: int, draw: Draw) -> Box:
        share = self.share(draw)
        y, x = draw.integers(rows), draw.integers(columns)
        return box(rows, columns, share, int(y), int(x))

    def __call__(self, images: Array, labels: Array, draw: Draw) -> Mixed:
        rows, columns = images.shape[-2:]
        images, share = paste(images, self.place(rows, columns, draw))
        return images, blend(one_hot(labels, self.classes), share)
