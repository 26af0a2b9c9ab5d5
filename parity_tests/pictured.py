"""What programs find in pictures, drawn: one picture beside what each framework says of
it, from one model's weights."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity_tests.engine import Workers
from parity_tests.predict import NORMALIZE, Unreadable, answered, class_names
from shared import catalog
from shared.arrays import Array, Arrays
from shared.data import transforms
from shared.errors import UsageError
from shared.files.writing import make_folder, write_bytes
from shared.running import convert
from shared.specs.base import Spec

if TYPE_CHECKING:
    from PIL.Image import Image

# What a drawn picture is made as large as, if it is smaller.
LEAST_SIDE = 160
TITLE = 14  # pixels above each
# Colours that are told apart, the first is of the background.
COLOURS = (
    *((0, 0, 0), (230, 60, 50), (60, 140, 230), (70, 180, 70), (250, 190, 40)),
    *((150, 70, 190), (40, 190, 190), (240, 120, 180), (160, 110, 60), (140, 200, 60)),
)


@dataclass(frozen=True)
class Question:
    """What is asked of every framework.

    weights: canonical; None: as the seed starts them. scale: what pictures are
    normalised by.
    """

    model: str
    spec: Spec
    program: str
    weights: dict[str, Array] | None
    seed: int
    classes: tuple[str, ...]
    transform: transforms.Compose
    scale: transforms.Normalize | None
    dtype: str

    @property
    def note(self) -> str:
        if self.weights is not None:
            return f"{self.model}: {len(self.weights)} tensors read"
        return (
            f"{self.model} as seed {self.seed} starts it, since no --weights were "
            "given: what it says means nothing"
        )


def question(
    model: str,
    program: str,
    *,
    weights: Path | None = None,
    from_: str = "",
    classes: Path | None = None,
    normalize: str = "",
    seed: int = 0,
    dtype: str = "float32",
) -> Question:
    """Make the question; what can be wrong is told here, before any picture is read."""
    spec = catalog.variant(model).spec
    catalog.refuse_program(model, program)
    asked = spec.programs()[program]
    image = asked.inputs[0]
    if len(asked.inputs) != 1 or len(image.shape) != 3 or image.shape[0] not in (1, 3):
        read = " and ".join(f"{t.name} {list(t.shape)}" for t in asked.inputs)
        raise UsageError(f"{model} reads {read}, no picture of 1 or 3 channels")
    channels, rows, columns = image.shape
    number = next(t.below for t in asked.outputs if t.below is not None)
    names = class_names(classes, weights, None, number)
    found = None
    if weights is not None:
        values = convert.read(weights, model, from_)
        found = {name: value.astype(dtype) for name, value in values.items()}
    scale = NORMALIZE[normalize or ("imagenet" if channels == 3 else "none")](channels)
    if scale is not None and len(scale.mean) != channels:
        raise UsageError(
            f"normalize is {normalize!r}, which is of colours; {model} reads "
            f"{channels} channel"
        )
    transform = transforms.evaluation((rows, columns), scale)
    return Question(model, spec, program, found, seed, names, transform, scale, dtype)


@dataclass(frozen=True)
class Seen:
    """A picture as the model saw it, and each framework's outputs of it."""

    path: Path
    image: Array
    outputs: dict[str, Arrays]


def seen(
    asked: Question, frameworks: Sequence[str], paths: Sequence[Path], workers: Workers
) -> Iterator[list[Seen | Unreadable]]:
    """Ask batch after batch, so that no more than one is held at a time."""
    for read, answers in answered(asked, frameworks, paths, workers, asked.program):
        found: list[Seen | Unreadable] = []
        row = 0
        for path, x in read:
            if isinstance(x, Unreadable):
                found.append(x)
                continue
            own = {f: tuple(y[row] for y in outputs) for f, outputs in answers.items()}
            found.append(Seen(path, shown(asked.scale, x), own))
            row += 1
        yield found


def shown(scale: transforms.Normalize | None, x: Array) -> Array:
    """Give what a model reads as levels from 0 to 255, [rows, columns, 3]."""
    if scale is not None:
        mean, std = (np.array(v)[:, None, None] for v in (scale.mean, scale.std))
        x = x * std + mean
    levels = np.rint(255 * np.clip(x, 0, 1)).astype(np.uint8)
    return np.broadcast_to(levels.transpose(1, 2, 0), (*levels.shape[1:], 3))


def colour(number: int) -> tuple[int, int, int]:
    """Give a class its colour; the background is black, and alone so."""
    return COLOURS[number and 1 + (number - 1) % (len(COLOURS) - 1)]


def enlarged(levels: Array) -> "Image":
    """Make a picture at least LEAST_SIDE high, by whole numbers, so that each of its
    pixels can be seen."""
    from PIL import Image

    times = max(1, math.ceil(LEAST_SIDE / levels.shape[0]))
    large = levels.repeat(times, 0).repeat(times, 1)
    return Image.fromarray(np.ascontiguousarray(large))


def write(path: Path, panels: Mapping[str, "Image"]) -> None:
    """Write pictures side by side, each with its title, as a PNG."""
    from PIL import Image, ImageDraw

    width = sum(image.width for image in panels.values()) + 4 * (len(panels) - 1)
    height = max(image.height for image in panels.values()) + TITLE
    whole = Image.new("RGB", (width, height), "white")
    draw: Any = ImageDraw.Draw(whole)
    left = 0
    for title, image in panels.items():
        draw.text((left + 2, 1), title, fill="black")
        whole.paste(image, (left, TITLE))
        left += image.width + 4
    made = BytesIO()
    whole.save(made, "PNG")
    make_folder(path.parent)
    write_bytes(path, made.getvalue())


def targets(folder: Path, paths: Iterable[Path]) -> dict[Path, Path]:
    """Where each picture's drawing goes: by its name, with a number where several
    have it."""
    found: dict[Path, Path] = {}
    for path in paths:
        name, number = path.stem, 1
        while (place := folder / f"{name}.png") in found.values():
            number += 1
            name = f"{path.stem}-{number}"
        found[path] = place
    return found
