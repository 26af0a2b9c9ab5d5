"""Pictures through one model in several frameworks: of which class each pixel is, drawn
side by side, and where the frameworks part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from parity_tests.engine import Workers
from parity_tests.pictured import (
    Question,
    Seen,
    colour,
    enlarged,
    seen,
    targets,
    write,
)
from parity_tests.predict import Unreadable
from shared.arrays import Array

if TYPE_CHECKING:
    from PIL.Image import Image

PROGRAM = "segment"
# Of a class's colour in the picture.
SHARE = 0.6


@dataclass(frozen=True)
class Segmented:
    """Each framework said of which class each pixel is.

    shares: of each framework, the share of the pixels by class, the largest first.
    differ: pixels of which not all say the same; least_margin: by how much the least
    sure of them was decided.
    """

    picture: str
    drawn: str
    shares: dict[str, dict[str, float]]
    differ: int
    least_margin: float


Found = Segmented | Unreadable


def segment(
    asked: Question,
    frameworks: Sequence[str],
    paths: Sequence[Path],
    folder: Path,
    workers: Workers,
) -> Iterator[list[Found]]:
    """Ask and draw batch after batch; the drawings go to a folder."""
    places = targets(folder, paths)
    for batch in seen(asked, frameworks, paths, workers):
        found: list[Found] = []
        for one in batch:
            if isinstance(one, Unreadable):
                found.append(one)
                continue
            place = places[one.path]
            write(place, _panels(one))
            found.append(_told(asked, one, place))
        yield found


def _told(asked: Question, one: Seen, place: Path) -> Segmented:
    masks = [outputs[0] for outputs in one.outputs.values()]
    margins = np.minimum.reduce([outputs[1] for outputs in one.outputs.values()])
    apart = np.any([mask != masks[0] for mask in masks], 0)
    return Segmented(
        str(one.path),
        str(place),
        {f: _shares(asked, outputs[0]) for f, outputs in one.outputs.items()},
        int(apart.sum()),
        float(margins.min()),
    )


def _shares(asked: Question, mask: Array) -> dict[str, float]:
    numbers, counts = np.unique(mask, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {asked.classes[int(numbers[i])]: float(counts[i] / mask.size) for i in order}


def _panels(one: Seen) -> dict[str, "Image"]:
    found = {"picture": enlarged(one.image)}
    for framework, (mask, *_) in one.outputs.items():
        found[framework] = enlarged(coloured(one.image, mask))
    return found


def coloured(image: Array, mask: Array) -> Array:
    """Lay the classes' colours over the middle of a picture, which is where a mask
    that is smaller belongs."""
    top, left = ((n - m) // 2 for n, m in zip(image.shape, mask.shape, strict=False))
    rows, columns = mask.shape
    below = image[top : top + rows, left : left + columns].astype(float)
    over = np.array([colour(int(n)) for n in range(int(mask.max()) + 1)], float)[mask]
    mixed = np.where(mask[..., None] > 0, (1 - SHARE) * below + SHARE * over, below)
    return np.rint(mixed).astype(np.uint8)


def table(frameworks: Sequence[str], found: Sequence[Found], first: bool) -> Table:
    """Show one block a picture, its classes by their shares of the pixels."""
    told = Table(box=None, pad_edge=False, header_style="bold", show_header=first)
    told.add_column("picture", min_width=24, overflow="fold")
    for framework in frameworks:
        told.add_column(framework, min_width=20)
    told.add_column("pixels that differ", justify="right", min_width=18)
    for one in found:
        if isinstance(one, Unreadable):
            continue
        lines = [list(one.shares[f].items())[:5] for f in frameworks]
        for row in range(max(map(len, lines))):
            cells = [
                f"{own[row][0]} {own[row][1]:.1%}" if row < len(own) else ""
                for own in lines
            ]
            name = Path(one.picture).name if not row else ""
            told.add_row(name, *cells, "" if row else str(one.differ))
    return told
