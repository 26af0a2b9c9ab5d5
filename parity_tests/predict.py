"""Pictures through one model in several frameworks: the likeliest classes of each side
by side, and how far apart their outputs are."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, repeat
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.table import Table

from parity_tests.compare import error
from parity_tests.engine import Workers
from shared import reading
from shared.arrays import Array, Arrays
from shared.catalog import variant
from shared.data import pictures, transforms
from shared.data.transforms import IMAGENET, Normalize
from shared.errors import UsageError, one_line
from shared.files import pretrained
from shared.files.pretrained import WEIGHTS, Pretrained
from shared.running import convert
from shared.running.client import RemoteModel
from shared.specs.base import Spec

BATCH = 8
IMAGENET_CLASSES = 1000
# What a folder of pictures has some of; its other files are tried too, and told.
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".webp")
NORMALIZE: dict[str, Callable[[int], Normalize | None]] = {
    "imagenet": lambda channels: IMAGENET,
    "half": lambda channels: Normalize(mean=(0.5,) * channels, std=(0.5,) * channels),
    "none": lambda channels: None,
}


@dataclass(frozen=True)
class Guess:
    number: int
    name: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """Each framework guessed what a picture shows.

    guesses: of each framework, the likeliest first. difference: the largest between
    the outputs of two, over the largest output.
    """

    picture: str
    guesses: dict[str, list[Guess]]
    difference: float | None


@dataclass(frozen=True)
class Unreadable:
    picture: str
    reason: str


Found = Prediction | Unreadable


@dataclass(frozen=True)
class Question:
    """What is asked of every framework.

    weights: canonical; None: as the seed starts them. package: that ships the weights,
    where one does.
    """

    model: str
    spec: Spec
    weights: dict[str, Array] | None
    seed: int
    classes: tuple[str, ...]
    transform: transforms.Compose
    top: int
    dtype: str
    package: str = ""

    @property
    def note(self) -> str:
        if self.weights is not None:
            source = f" of {self.package}" if self.package else ""
            by_number = self.classes[0] == "0" and len(self.classes) == IMAGENET_CLASSES
            advice = "; their names: triptych weights fetch imagenet"
            return (
                f"{self.model}: {len(self.weights)} tensors read{source}"
                f"{advice if by_number else ''}"
            )
        return (
            f"{self.model} as seed {self.seed} starts it, since no --weights were "
            "given: the classes mean nothing"
        )


def question(
    model: str,
    *,
    weights: Path | None = None,
    from_: str = "",
    classes: Path | None = None,
    normalize: str = "",
    top: int | None = None,
    seed: int | None = None,
    dtype: str = "float32",
) -> Question:
    """Make the question; what can be wrong is told here, before any picture is read.

    Where a package ships the model's weights, those are taken, with what belongs to
    them, unless weights or a seed are given.
    """
    spec = variant(model).spec
    number, channels, size = _reads(model, spec)
    top = min(5, number) if top is None else top
    if not 1 <= top <= number:
        raise UsageError(f"top is {top}; allowed for {model}: 1 to {number}")
    shipped = None
    if weights is None and seed is None and model in pretrained.PRETRAINED:
        shipped = pretrained.PRETRAINED[model]
        weights, from_ = pretrained.fetched(model)[WEIGHTS], shipped.form
    names = class_names(classes, weights, shipped, number)
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
    transform = transforms.evaluation(size, scale)
    if shipped and shipped.pictures and not normalize:
        transform = shipped.pictures
    package = str(shipped.package) if shipped else ""
    return Question(
        model, spec, found, seed or 0, names, transform, top, dtype, package
    )


def _reads(model: str, spec: Spec) -> tuple[int, int, tuple[int, int]]:
    """Give the number of classes, of channels, and rows and columns."""
    inputs, outputs = spec.inputs(), spec.outputs(False)
    shape = inputs[0].shape
    pictured = len(inputs) == 1 and inputs[0].channels_first and len(shape) == 3
    if not pictured or shape[0] not in (1, 3):
        read = " and ".join(f"{t.name} {list(t.shape)}" for t in inputs)
        raise UsageError(f"{model} reads {read}, no picture of 1 or 3 channels")
    if len(outputs) != 1 or len(outputs[0].shape) != 1:
        put_out = " and ".join(f"{t.name} {list(t.shape)}" for t in outputs)
        raise UsageError(f"{model} puts out {put_out}, no classes")
    return outputs[0].shape[0], shape[0], (shape[1], shape[2])


def class_names(
    classes: Path | None, weights: Path | None, shipped: Pretrained | None, number: int
) -> tuple[str, ...]:
    """Give the classes' names: of a file, of a known list, as the weights say, or
    numbers."""
    names: Any = [str(i) for i in range(number)]
    source: object = classes or weights
    known = str(classes) if classes else shipped.classes if shipped else ""
    if not known and _is_imagenet(weights, number):
        known = "imagenet"
    if known in pretrained.CLASSES and not (classes and classes.exists()):
        names, source = pretrained.class_names(known), known
    elif classes is not None:
        names = reading.text(classes).splitlines()
    elif weights is not None and "classes" in convert.header(weights):
        told = convert.header(weights)["classes"]
        names = reading.from_json(told, f"{weights}: what it says of its classes")
        if not isinstance(names, list):
            raise UsageError(f"{weights}: its classes are no JSON list")
    if len(names) != number:
        raise UsageError(f"{source} names {len(names)} classes, the model has {number}")
    return tuple(one_line(name) for name in names)


def _is_imagenet(weights: Path | None, number: int) -> bool:
    """Whether weights that do not name their classes have ImageNet's, whose names are
    here: public ones of 1,000 classes have no others."""
    own = weights is not None and "classes" not in convert.header(weights)
    here = pretrained.state("imagenet") in ("fetched", "installed")
    return own and number == IMAGENET_CLASSES and here


def listed(paths: Sequence[Path]) -> list[Path]:
    """Files as they are named, and those in a folder by their names; not what is hidden
    there, nor the folders in it."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if not _passed_over(p))
            if not any(p.suffix.lower() in SUFFIXES for p in inside):
                known = " ".join(SUFFIXES)
                raise UsageError(f"{path}: no picture in this folder ({known})")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise UsageError(f"{path}: no such file or folder")
    return found


def _passed_over(path: Path) -> bool:
    return path.name.startswith(".") or path.is_dir()


def predict(
    asked: Question, frameworks: Sequence[str], paths: Sequence[Path], workers: Workers
) -> Iterator[list[Found]]:
    """Predict batch after batch, so that no more than one is held at a time."""
    for read, answers in answered(asked, frameworks, paths, workers):
        outputs = {framework: outputs[0] for framework, outputs in answers.items()}
        yield list(_told(asked, outputs, iter(read)))


class Asked(Protocol):
    """What is asked of pictures: of which model, as it says itself."""

    @property
    def model(self) -> str: ...

    @property
    def spec(self) -> Spec: ...

    @property
    def weights(self) -> dict[str, Array] | None: ...

    @property
    def seed(self) -> int: ...

    @property
    def transform(self) -> transforms.Compose: ...

    @property
    def dtype(self) -> str: ...


Read = list[tuple[Path, Array | Unreadable]]


def answered(
    asked: Asked,
    frameworks: Sequence[str],
    paths: Sequence[Path],
    workers: Workers,
    program: str = "",
) -> Iterator[tuple[Read, dict[str, Arrays]]]:
    """Give, batch after batch, the pictures as they were read, and each framework's
    outputs of those that could be."""

    def ready(framework: str) -> RemoteModel:
        worker = workers.get(framework, asked.dtype)
        model = worker.build(asked.spec, asked.model)
        if asked.weights is None:
            model.start(asked.seed)
        else:
            convert.refuse_misfit(worker, model, asked.model, asked.weights)
            model.load(asked.weights)
        return model

    with ThreadPoolExecutor(max_workers=len(frameworks)) as pool:
        models = dict(zip(frameworks, pool.map(ready, frameworks), strict=True))
        for start in range(0, len(paths), BATCH):
            read = [(path, _read(asked, path)) for path in paths[start : start + BATCH]]
            batch = [x for _, x in read if not isinstance(x, Unreadable)]
            if not batch:
                yield read, {}
                continue
            # Filled up: another size would have to be compiled anew.
            rows = BATCH if len(paths) > BATCH else len(batch)
            inputs = np.zeros((rows, *batch[0].shape), batch[0].dtype)
            inputs[: len(batch)] = batch
            answers = pool.map(
                RemoteModel.predict, models.values(), repeat((inputs,)), repeat(program)
            )
            yield read, dict(zip(frameworks, answers, strict=True))


def _read(asked: Asked, path: Path) -> Array | Unreadable:
    channels = asked.spec.inputs()[0].shape[0]
    try:
        image = pictures.read(path, 1 if channels == 1 else 3)
    except UsageError as failure:
        return Unreadable(str(path), str(failure))
    try:
        return asked.transform(image)
    except UsageError as failure:
        return Unreadable(str(path), f"{path}: {failure}")


def _told(
    asked: Question,
    outputs: dict[str, Array],
    read: Iterator[tuple[Path, Array | Unreadable]],
) -> Iterator[Found]:
    row = 0
    for path, x in read:
        if isinstance(x, Unreadable):
            yield x
            continue
        mine = {framework: output[row] for framework, output in outputs.items()}
        pairs = combinations(mine.values(), 2)
        apart = max((error(a, b) for a, b in pairs), default=None)
        guesses = {framework: _guesses(asked, y) for framework, y in mine.items()}
        yield Prediction(str(path), guesses, apart)
        row += 1


def _guesses(asked: Question, output: Array) -> list[Guess]:
    # LeNet-5's penalties: the smallest wins (LeCun et al. 1998, eq. 9).
    sign = -1 if asked.spec.outputs(False)[0].name == "penalties" else 1
    scores = sign * output.astype(np.float64)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")[: asked.top]
    return [Guess(int(i), asked.classes[i], float(shares[i])) for i in order]


def table(
    asked: Question, frameworks: Sequence[str], found: Sequence[Found], first: bool
) -> Table:
    """Show one block a picture; header and widths are those of the first batch."""
    told = Table(box=None, pad_edge=False, header_style="bold", show_header=first)
    told.add_column("picture", min_width=24, overflow="fold")
    width = min(max(map(len, asked.classes)), 32)
    for framework in frameworks:
        told.add_column(framework, min_width=max(width, len(framework)))
        told.add_column("", justify="right", min_width=7)
    if len(frameworks) > 1:
        told.add_column("difference", justify="right", min_width=10)
    for one in found:
        if isinstance(one, Unreadable):
            continue
        for rank, guesses in enumerate(zip(*one.guesses.values(), strict=True)):
            cells = [c for g in guesses for c in (g.name, f"{g.probability:.1%}")]
            apart = "" if one.difference is None or rank else f"{one.difference:.1e}"
            name = Path(one.picture).name if not rank else ""
            told.add_row(name, *cells, *[apart] * (len(frameworks) > 1))
    return told
