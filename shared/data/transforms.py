"""From a picture to what a model reads, before any framework: all three get the same.

A transform is called with a picture and a generator, and what it draws comes from that
alone: `transform(picture, generator("augment", seed, epoch, number))`. What draws
nothing may go without. Each that draws tells what in a method of its own, and does it
with a function of shared/data/pictures.py. Names and defaults are torchvision's.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from shared.arrays import Array
from shared.data import pictures
from shared.data.pictures import Border, Interpolation, Pair
from shared.errors import UsageError
from shared.fields import Checked, Index, NonNegative, Positive, Range, Real, Size

if TYPE_CHECKING:
    from PIL.Image import Image

Draw = np.random.Generator
Level = Annotated[int, Range(0, 256, "a whole number from 0 to 255")]
Share = Annotated[float, Range(0.0, math.nextafter(1, 2), "a number from 0 to 1")]
Turn = Annotated[float, Range(0.0, math.nextafter(0.5, 1), "a number from 0 to 0.5")]


@dataclass(frozen=True, kw_only=True)
class Transform(Checked):
    def __call__(self, image: Any, draw: Draw | None = None) -> Any:
        raise NotImplementedError

    def needed(self, draw: Draw | None) -> Draw:
        if draw is None:
            raise UsageError(f"{type(self).__name__} draws: give it a generator")
        return draw


@dataclass(frozen=True, kw_only=True)
class Compose(Transform):
    """One after the other, all from one generator."""

    transforms: tuple[Transform, ...]

    def __call__(self, image: Any, draw: Draw | None = None) -> Any:
        for transform in self.transforms:
            image = transform(image, draw)
        return image


@dataclass(frozen=True, kw_only=True)
class Resize(Transform):
    size: Size | tuple[Size, Size]
    interpolation: Interpolation = "bilinear"

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        return pictures.resize(image, self.size, self.interpolation)


@dataclass(frozen=True, kw_only=True)
class CenterCrop(Transform):
    size: Size | tuple[Size, Size]

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        return pictures.center_crop(image, _both(self.size))


@dataclass(frozen=True, kw_only=True)
class RandomCrop(Transform):
    """Cuts out a random part, after `padding` was put on every side."""

    size: Size | tuple[Size, Size]
    padding: Index = 0
    fill: Level = 0
    border: Border = "constant"

    def place(self, rows: int, columns: int, draw: Draw) -> Pair:
        """Top and left of the crop of a picture of this size, borders included."""
        height, width = _both(self.size)
        if height > rows or width > columns:
            self.refuse("size", self.size, f"at most the picture's, {rows} x {columns}")
        top = draw.integers(rows - height + 1)
        left = draw.integers(columns - width + 1)
        return int(top), int(left)

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        if self.padding:
            image = pictures.pad(image, (self.padding,) * 4, self.fill, self.border)
        place = self.place(image.height, image.width, self.needed(draw))
        return pictures.crop(image, *place, *_both(self.size))


@dataclass(frozen=True, kw_only=True)
class RandomResizedCrop(Transform):
    """A part of the area and a ratio of width to height are drawn, until one fits
    (Szegedy et al. 2014, arXiv:1409.4842, section 6)."""

    size: Size | tuple[Size, Size]
    scale: tuple[Positive, Positive] = (0.08, 1.0)
    ratio: tuple[Positive, Positive] = (3 / 4, 4 / 3)
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, (low, high) in (("scale", self.scale), ("ratio", self.ratio)):
            if low > high:
                self.refuse(name, (low, high), "the smaller first")

    def place(self, rows: int, columns: int, draw: Draw) -> tuple[int, int, int, int]:
        """Draw top, left, height and width; after ten draws that do not fit it takes
        the largest crop in the middle."""
        low, high = map(math.log, self.ratio)
        for _ in range(10):
            area = rows * columns * draw.uniform(*self.scale)
            ratio = math.exp(draw.uniform(low, high))
            width, height = (
                round(math.sqrt(area * ratio)),
                round(math.sqrt(area / ratio)),
            )
            if 0 < width <= columns and 0 < height <= rows:
                top = draw.integers(rows - height + 1)
                left = draw.integers(columns - width + 1)
                return int(top), int(left), height, width
        ratio = min(max(columns / rows, self.ratio[0]), self.ratio[1])
        height = min(rows, round(columns / ratio))
        width = min(columns, round(rows * ratio))
        return (rows - height) // 2, (columns - width) // 2, height, width

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        place = self.place(image.height, image.width, self.needed(draw))
        return pictures.resized_crop(
            image, *place, _both(self.size), self.interpolation
        )


@dataclass(frozen=True, kw_only=True)
class RandomHorizontalFlip(Transform):
    p: Share = 0.5

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        flips = self.needed(draw).random() < self.p
        return pictures.horizontal_flip(image) if flips else image


@dataclass(frozen=True, kw_only=True)
class RandomVerticalFlip(Transform):
    p: Share = 0.5

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        flips = self.needed(draw).random() < self.p
        return pictures.vertical_flip(image) if flips else image


@dataclass(frozen=True, kw_only=True)
class RandomRotation(Transform):
    degrees: tuple[Real, Real]
    interpolation: Interpolation = "nearest"
    expand: bool = False
    fill: Level = 0

    def angle(self, draw: Draw) -> float:
        return float(draw.uniform(*self.degrees))

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        angle = self.angle(self.needed(draw))
        return pictures.rotate(image, angle, self.interpolation, self.expand, self.fill)


@dataclass(frozen=True, kw_only=True)
class Grayscale(Transform):
    channels: Literal[1, 3] = 1

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        return pictures.grayscale(image, self.channels)


ADJUST = {
    "brightness": pictures.adjust_brightness,
    "contrast": pictures.adjust_contrast,
    "saturation": pictures.adjust_saturation,
    "hue": pictures.adjust_hue,
}


@dataclass(frozen=True, kw_only=True)
class ColorJitter(Transform):
    """Factors from 1 - x to 1 + x but not below 0, the turn of the hue from -x to x;
    what is 0 changes nothing."""

    brightness: NonNegative = 0.0
    contrast: NonNegative = 0.0
    saturation: NonNegative = 0.0
    hue: Turn = 0.0

    def factors(self, draw: Draw) -> dict[str, float]:
        """Draw the factors and the order in which they are applied."""
        found = {}
        for name in draw.permutation(list(ADJUST)):
            x = getattr(self, name)
            low, high = (-x, x) if name == "hue" else (max(1 - x, 0), 1 + x)
            if x:
                found[str(name)] = float(draw.uniform(low, high))
        return found

    def __call__(self, image: "Image", draw: Draw | None = None) -> "Image":
        for name, factor in self.factors(self.needed(draw)).items():
            image = ADJUST[name](image, factor)
        return image


@dataclass(frozen=True, kw_only=True)
class ToTensor(Transform):
    def __call__(self, image: "Image", draw: Draw | None = None) -> Array:
        return pictures.to_tensor(image)


@dataclass(frozen=True, kw_only=True)
class Normalize(Transform):
    """Subtracts each channel's mean and divides by its deviation."""

    mean: tuple[Real, ...]
    std: tuple[Positive, ...]

    def __call__(self, image: Array, draw: Draw | None = None) -> Array:
        return pictures.normalize(image, self.mean, self.std)


# By the means and deviations of ImageNet's training pictures.
IMAGENET = Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def evaluation(size: Pair, normalize: Normalize | None) -> Compose:
    """Prepare pictures for a model that reads them at this size: it sees the middle 7/8
    of the shorter side, as 224 of 256 pixels; all of it where the model reads less than
    64."""
    short = max(size)
    last = () if normalize is None else (normalize,)
    return Compose(
        transforms=(
            Resize(size=short if short < 64 else short * 8 // 7),
            CenterCrop(size=size),
            ToTensor(),
            *last,
        )
    )


def _both(size: int | Pair) -> Pair:
    return (size, size) if isinstance(size, int) else size
