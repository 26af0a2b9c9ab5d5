"""What is done to a picture, with nothing drawn; shared/data/transforms.py draws.

Pictures are Pillow's, in mode L or RGB, until to_tensor; from there on arrays. Names
and defaults are torchvision's, and so is what comes out, bit for bit, since it asks
Pillow too (parity_tests/tests/test_transforms.py).
"""

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from shared.arrays import Array
from shared.errors import UsageError, brief

if TYPE_CHECKING:
    from PIL.Image import Image, Resampling

Pair = tuple[int, int]  # of rows and columns
Interpolation = Literal["nearest", "bilinear", "bicubic"]
Border = Literal["constant", "edge", "reflect", "symmetric"]


# What Pillow is asked to decode: none that calls another program, as it does for EPS.
FORMATS = (
    *("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"),
)
# Of a picture read or scaled; from here on Pillow warns of a bomb.
PIXELS = 89_478_485


def read(path: Path, channels: Literal[1, 3] = 3) -> "Image":
    """Read the picture in a file, upright as its EXIF data say, grey or in colour."""
    if not path.is_file():
        raise _unreadable(path, "no regular file")
    return decoded(path, path, channels)


def decoded(
    source: Path | BytesIO, where: object, channels: Literal[1, 3] = 3
) -> "Image":
    """Read a picture from a file or from its bytes; where: what errors call it."""
    from PIL import Image, ImageOps

    # Damaged EXIF data are worth a warning to Pillow.
    quiet = warnings.catch_warnings(action="ignore")
    try:
        with quiet, Image.open(source, formats=FORMATS) as file:
            if file.mode.startswith(("I", "F")):
                why = f"mode {file.mode} has more than 8 bits a channel"
                raise _unreadable(where, why)
            _refuse_large(file.size, f"{where}: ")
            upright = ImageOps.exif_transpose(file)
            return upright.convert("L" if channels == 1 else "RGB")
    except UsageError:
        raise
    except Exception as error:  # only Pillow's; of a damaged file it may be any
        raise _unreadable(where, brief(error)) from None


def _unreadable(where: object, why: str) -> UsageError:
    """Say that something is no picture."""
    return UsageError(f"{where}: not a readable picture ({why})")


def _refuse_large(size: Pair, where: str = "") -> None:
    """Refuse a picture of too many pixels. size: width and height."""
    width, height = size
    if width * height > PIXELS:
        raise UsageError(
            f"{where}{width} x {height} pixels; allowed: {PIXELS:,} in all"
        )


def resize(
    image: "Image", size: int | Pair, interpolation: Interpolation = "bilinear"
) -> "Image":
    """Scale a picture to (rows, columns), or to a size of its shorter side. Where it
    shrinks, a filter grows with it, but for nearest."""
    if isinstance(size, int):
        short, long = sorted(image.size)
        longer = int(size * long / short)
        wide = image.width > image.height
        _refuse_large((longer, size) if wide else (size, longer), _scaled(image, size))
        size = (size, longer) if wide else (longer, size)
    return image.resize(size[::-1], resampling(interpolation))


def _scaled(image: "Image", side: int) -> str:
    return f"a picture of {image.width} x {image.height} pixels scaled to {side}: "


def pad(
    image: "Image",
    sides: tuple[int, int, int, int],
    fill: int = 0,
    border: Border = "constant",
) -> "Image":
    """Put a border around a picture. sides: left, top, right, bottom."""
    from PIL import Image, ImageOps

    if border == "constant":
        return ImageOps.expand(image, sides, filled(image, fill))
    left, top, right, bottom = sides
    pixels = np.asarray(image)
    around = ((top, bottom), (left, right), (0, 0))[: pixels.ndim]
    return Image.fromarray(np.pad(pixels, around, mode=border))


def crop(image: "Image", top: int, left: int, height: int, width: int) -> "Image":
    return image.crop((left, top, left + width, top + height))


def center_crop(image: "Image", size: Pair) -> "Image":
    """A picture that is smaller gets a black border first."""
    rows, columns = size
    high, wide = max(rows - image.height, 0), max(columns - image.width, 0)
    if high or wide:
        sides = (wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2)
        image = pad(image, sides)
    top = round((image.height - rows) / 2)
    left = round((image.width - columns) / 2)
    return crop(image, top, left, rows, columns)


def resized_crop(
    image: "Image",
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Pair,
    interpolation: Interpolation = "bilinear",
) -> "Image":
    return resize(crop(image, top, left, height, width), size, interpolation)


def horizontal_flip(image: "Image") -> "Image":
    from PIL.Image import Transpose

    return image.transpose(Transpose.FLIP_LEFT_RIGHT)


def vertical_flip(image: "Image") -> "Image":
    from PIL.Image import Transpose

    return image.transpose(Transpose.FLIP_TOP_BOTTOM)


def rotate(
    image: "Image",
    angle: float,
    interpolation: Interpolation = "nearest",
    expand: bool = False,
    fill: int = 0,
) -> "Image":
    """Turn a picture by degrees, against the clock, about the middle. expand: until all
    of it is seen."""
    corners = filled(image, fill)
    return image.rotate(angle, resampling(interpolation), expand, fillcolor=corners)


def grayscale(image: "Image", channels: Literal[1, 3] = 1) -> "Image":
    """Weigh red, green and blue as Rec. 601 does."""
    from PIL import Image

    gray = image.convert("L")
    return gray if channels == 1 else Image.merge("RGB", (gray,) * 3)


def adjust_brightness(image: "Image", factor: float) -> "Image":
    """Multiply the brightness: a factor of 0 gives black, 1 the picture itself."""
    from PIL.ImageEnhance import Brightness

    return Brightness(image).enhance(factor)


def adjust_contrast(image: "Image", factor: float) -> "Image":
    """Change the contrast: a factor of 0 gives the mean of its grey everywhere, 1 the
    picture itself."""
    from PIL.ImageEnhance import Contrast

    return Contrast(image).enhance(factor)


def adjust_saturation(image: "Image", factor: float) -> "Image":
    """Change the saturation: a factor of 0 gives grey, 1 the picture itself."""
    from PIL.ImageEnhance import Color

    return Color(image).enhance(factor)


def adjust_hue(image: "Image", turn: float) -> "Image":
    """Turn the circle of colours by `turn`, from -0.5 to 0.5, in steps of 1/255."""
    from PIL import Image

    if image.mode == "L":
        return image
    hue, saturation, value = image.convert("HSV").split()
    turned = (np.asarray(hue, np.int32) + int(turn * 255)) % 256
    turned_hue = Image.fromarray(turned.astype(np.uint8))
    return Image.merge("HSV", (turned_hue, saturation, value)).convert("RGB")


def to_tensor(image: "Image") -> Array:
    """Turn a picture into [channels, rows, columns] from 0 to 1, float32."""
    pixels = np.atleast_3d(np.asarray(image, np.float32))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) / np.float32(255)


def normalize(x: Array, mean: tuple[float, ...], std: tuple[float, ...]) -> Array:
    if not len(x) == len(mean) == len(std):
        raise UsageError(
            f"{len(x)} channels, {len(mean)} means and {len(std)} deviations"
        )
    shape = (-1, *(1,) * (x.ndim - 1))
    return (x - _column(mean, x, shape)) / _column(std, x, shape)


def _column(values: tuple[float, ...], x: Array, shape: tuple[int, ...]) -> Array:
    return np.array(values, x.dtype).reshape(shape)


def resampling(interpolation: Interpolation) -> "Resampling":
    from PIL.Image import Resampling

    return Resampling[interpolation.upper()]


def filled(image: "Image", level: int) -> int | tuple[int, ...]:
    return level if image.mode == "L" else (level,) * len(image.getbands())
