"""Pictures through one detector in several frameworks: the boxes that each finds, drawn
side by side, and how far apart they are."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from parity_tests.engine import Workers
from parity_tests.pictured import (
    LEAST_SIDE,
    Question,
    Seen,
    colour,
    enlarged,
    seen,
    targets,
    write,
)
from parity_tests.predict import Unreadable
from shared.arrays import Array, Arrays

if TYPE_CHECKING:
    from PIL.Image import Image

PROGRAM = "detect"
_SHOWN = 5  # boxes of a picture in the table


@dataclass(frozen=True)
class Box:
    """A box was found. corners: left, top, right, bottom, in pixels of what the model
    reads."""

    number: int
    name: str
    score: float
    corners: list[float]


@dataclass(frozen=True)
class Detection:
    """Each framework found boxes, the best first.

    size: rows and columns of what the model reads. alike: all found as many, of the
    same classes in the same order; then difference is the largest between their
    corners, in pixels.
    """

    picture: str
    drawn: str
    size: tuple[int, int]
    boxes: dict[str, list[Box]]
    alike: bool
    difference: float | None


Found = Detection | Unreadable


def detect(
    asked: Question,
    frameworks: Sequence[str],
    paths: Sequence[Path],
    folder: Path,
    workers: Workers,
    least: float = 0.0,
) -> Iterator[list[Found]]:
    """Ask and draw batch after batch; the drawings go to a folder. least: the score
    from which on boxes are shown."""
    places = targets(folder, paths)
    for batch in seen(asked, frameworks, paths, workers):
        found: list[Found] = []
        for one in batch:
            if isinstance(one, Unreadable):
                found.append(one)
                continue
            place = places[one.path]
            told = _told(asked, one, place, least)
            write(place, _panels(one, told))
            found.append(told)
        yield found


def _told(asked: Question, one: Seen, place: Path, least: float) -> Detection:
    boxes = {f: _boxes(asked, outputs, least) for f, outputs in one.outputs.items()}
    numbers = [[box.number for box in own] for own in boxes.values()]
    alike, apart = all(own == numbers[0] for own in numbers), None
    if alike and len(boxes) > 1:
        corners = [np.array([box.corners for box in own]) for own in boxes.values()]
        off = [np.abs(c - corners[0]).max(initial=0.0) for c in corners[1:]]
        apart = float(max(off))
    rows, columns, _ = one.image.shape
    return Detection(str(one.path), str(place), (rows, columns), boxes, alike, apart)


def _boxes(asked: Question, outputs: Arrays, least: float) -> list[Box]:
    every: Any = zip(*outputs, strict=True)
    return [
        Box(int(of), asked.classes[int(of)], float(score), [float(c) for c in box])
        for box, score, of, there in every
        if there and score >= least
    ]


def _panels(one: Seen, told: Detection) -> dict[str, "Image"]:
    found = {"picture": enlarged(one.image)}
    for framework, boxes in told.boxes.items():
        found[framework] = framed(one.image, boxes)
    return found


def framed(image: Array, boxes: Sequence[Box]) -> "Image":
    """Draw frames in the colours of the classes, the best last, with scores."""
    from PIL import ImageDraw

    times = max(1, math.ceil(LEAST_SIDE / image.shape[0]))
    drawn = enlarged(image)
    draw: Any = ImageDraw.Draw(drawn)
    for box in boxes[::-1]:
        left, top, right, bottom = (round(times * c) for c in box.corners)
        if right <= left or bottom <= top:
            continue
        look = colour(max(box.number, 1))
        draw.rectangle((left, top, right - 1, bottom - 1), outline=look, width=2)
        draw.text((left + 3, top + 1), f"{box.name} {box.score:.0%}", fill=look)
    return drawn


def table(frameworks: Sequence[str], found: Sequence[Found], first: bool) -> Table:
    """Show one block a picture, its best boxes."""
    told = Table(box=None, pad_edge=False, header_style="bold", show_header=first)
    told.add_column("picture", min_width=24, overflow="fold")
    for framework in frameworks:
        told.add_column(framework, min_width=30)
    told.add_column("difference", justify="right", min_width=12)
    for one in found:
        if isinstance(one, Unreadable):
            continue
        lines = [[_line(box) for box in one.boxes[f][:_SHOWN]] for f in frameworks]
        apart = "" if one.difference is None else f"{one.difference:.1e} px"
        for row in range(max(1, *map(len, lines))):
            cells = [own[row] if row < len(own) else "" for own in lines]
            name = Path(one.picture).name if not row else ""
            last = (apart if one.alike else "others") if not row else ""
            told.add_row(name, *cells, last)
    return told


def _line(box: Box) -> str:
    corners = " ".join(f"{c:.0f}" for c in box.corners)
    return f"{box.name} {box.score:.0%} at {corners}"
