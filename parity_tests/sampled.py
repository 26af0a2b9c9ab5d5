"""Pictures made of noise in several frameworks: with the same weights and the same
draws they should be the same pictures."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np

from parity_tests.compare import error
from parity_tests.engine import Workers
from shared import tensors
from shared.arrays import Array, Arrays
from shared.catalog import refuse_program, variant
from shared.errors import UsageError
from shared.files.writing import write_bytes
from shared.messages import Request
from shared.running import convert
from shared.specs.base import Spec

PICTURES = (".png", ".svg", ".pdf")
MOST = 64
LEVELS = 255  # of grey or of a colour, from the darkest


@dataclass(frozen=True)
class Asked:
    """What every framework is asked for.

    weights: canonical; None: as the seed starts them. source: where they were read.
    """

    model: str
    spec: Spec
    program: str
    inputs: Arrays
    seed: int
    weights: dict[str, Array] | None
    source: str
    dtype: str

    @property
    def note(self) -> str:
        if self.weights is None:
            return (
                f"{self.model} as seed {self.seed} starts it, since no --weights were "
                "given: its pictures mean nothing"
            )
        return f"{self.model}: {len(self.weights)} tensors read of {self.source}"


@dataclass(frozen=True)
class Pair:
    """Two frameworks made the same pictures, or not.

    difference: the largest, over the largest number. levels: by how many of 255 the
    most different pixel is apart, as it is drawn.
    """

    one: str
    other: str
    difference: float
    levels: int


@dataclass(frozen=True)
class Made:
    """What a framework made: each picture as numbers from 0 to 255 in hexadecimal, of
    `shape`, which is rows, columns and channels."""

    framework: str
    shape: tuple[int, ...]
    pictures: list[str]


def asked(
    model: str,
    *,
    program: str = "sample",
    number: int = 8,
    labels: Sequence[int] = (),
    seed: int = 0,
    weights: Path | None = None,
    from_: str = "",
    dtype: str = "float32",
) -> Asked:
    """Make the question; what can be wrong is told here, before any framework
    starts."""
    spec = variant(model).spec
    refuse_program(model, program)
    if not 1 <= number <= MOST:
        raise UsageError(f"--number {number}; allowed: from 1 to {MOST}")
    wanted = spec.programs()[program]
    _sides(model, wanted.outputs[0].shape)
    known = [t for t in wanted.inputs if not t.drawn]
    if any(t.shape or t.below is None for t in known) or len(known) > 1:
        raise UsageError(f"{model}: {program} is asked for more than a class")
    if labels and not known:
        raise UsageError(f"{model} has no classes: leave out --label")
    below = known[0].below or 1 if known else 1
    for label in labels:
        if not 0 <= label < below:
            raise UsageError(f"--label {label}; allowed: from 0 to {below - 1}")
    inputs = tuple(
        tensors.sample(t, number, seed)
        if t.drawn
        else np.resize(list(labels) or np.arange(below), number)
        for t in wanted.inputs
    )
    values = None
    if weights is not None:
        read = convert.read(weights, model, from_)
        values = {name: value.astype(dtype) for name, value in read.items()}
    return Asked(model, spec, program, inputs, seed, values, str(weights), dtype)


def _sides(model: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, rows and columns of what is made; a row of numbers is a square."""
    side = int(np.sqrt(shape[-1]))
    if len(shape) == 1 and side**2 == shape[0]:
        return 1, side, side
    if len(shape) == 3 and shape[0] in (1, 3):
        channels, rows, columns = shape
        return channels, rows, columns
    raise UsageError(
        f"{model} makes {list(shape)}, no picture; allowed: a square number of values, "
        "or 1 or 3 channels"
    )


def made(asked: Asked, frameworks: Sequence[str], workers: Workers) -> dict[str, Array]:
    """Each framework's pictures, [number, channels, rows, columns]."""

    def work(framework: str) -> Array:
        model = workers.get(framework, asked.dtype).build(asked.spec, asked.model)
        if asked.weights is None:
            model.start(asked.seed)
        else:
            model.load(asked.weights)
        given = tuple(
            x.astype(asked.dtype) if x.dtype.kind == "f" else x for x in asked.inputs
        )
        found = model.run(Request(given, program=asked.program)).outputs[0]
        model.drop()
        return found.reshape(len(found), *_sides(asked.model, found.shape[1:]))

    with ThreadPoolExecutor(max_workers=len(frameworks)) as pool:
        return dict(zip(frameworks, pool.map(work, frameworks), strict=True))


def drawn(found: dict[str, Array]) -> dict[str, Array]:
    """Pixels as they are drawn, [number, rows, columns, channels]: of numbers between 0
    and 1, or between -1 and 1 where any is below 0."""
    low = -1.0 if min(x.min() for x in found.values()) < 0 else 0.0
    return {
        framework: np.rint(LEVELS * np.clip((x - low) / (1 - low), 0, 1))
        .astype(np.uint8)
        .transpose(0, 2, 3, 1)
        for framework, x in found.items()
    }


def pairs(found: dict[str, Array]) -> list[Pair]:
    """How far each two frameworks are apart."""
    levels = drawn(found)
    return [
        Pair(
            one,
            other,
            error(found[one], found[other]),
            int(np.abs(levels[one].astype(int) - levels[other]).max()),
        )
        for one, other in combinations(found, 2)
    ]


def told(found: dict[str, Array]) -> list[Made]:
    return [
        Made(framework, x.shape[1:], [picture.tobytes().hex() for picture in x])
        for framework, x in drawn(found).items()
    ]


def picture(found: dict[str, Array], path: Path) -> None:
    """Draw the pictures, a row a framework."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows, number = drawn(found), len(next(iter(found.values())))
    figure, axes = plt.subplots(
        len(rows),
        number,
        figsize=(max(number, 3), 1.3 * len(rows)),
        squeeze=False,
        layout="constrained",
    )
    for places, (framework, pictures) in zip(axes, rows.items(), strict=True):
        for place, one in zip(places, pictures, strict=True):
            grey = one.shape[-1] == 1
            place.imshow(one[..., 0] if grey else one, cmap="gray", vmin=0, vmax=LEVELS)
            place.set(xticks=[], yticks=[])
        places[0].set_title(framework, loc="left", fontsize=9)
    content = BytesIO()
    figure.savefig(content, format=path.suffix.removeprefix("."), dpi=150)
    plt.close(figure)
    write_bytes(path, content.getvalue())
