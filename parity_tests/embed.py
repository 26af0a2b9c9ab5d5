"""Sentences through one encoder in several frameworks: their vectors, how similar they
are, and how far apart the frameworks are."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
from rich.table import Table

from parity_tests.compare import error
from parity_tests.engine import Workers
from shared import reading
from shared.arrays import Array
from shared.catalog import variant
from shared.data.wordpiece import WordPiece
from shared.errors import UsageError, one_line
from shared.files import pretrained
from shared.files.pretrained import WEIGHTS
from shared.files.writing import write_bytes
from shared.running import convert
from shared.running.client import RemoteModel
from shared.specs.base import Spec

BATCH = 32
PROGRAM = "embed"
VOCABULARY = "vocabulary"
_SHOWN = 5  # numbers of a vector
_LONGEST_PATH = 4095
_NAMED = 30  # sentences in a picture
PICTURES = (".png", ".svg", ".pdf")
MOST_SENTENCES, MOST_BYTES = 1000, 4 * reading.MEGABYTE


@dataclass(frozen=True)
class Encoder:
    """A model with its weights and its tokenizer."""

    model: str
    spec: Spec
    weights: dict[str, Array]
    tokenizer: WordPiece
    longest: int
    package: str

    @property
    def note(self) -> str:
        return f"{self.model}: {len(self.weights)} tensors read of {self.package}"


@dataclass(frozen=True)
class Embedded:
    """A sentence was embedded in each framework.

    vectors: of each framework. difference: the largest between two of them, over the
    largest number. cut: the sentence had more tokens than the model reads.
    """

    sentence: str
    vectors: dict[str, list[float]]
    difference: float | None
    cut: bool


@dataclass(frozen=True)
class Similar:
    """Two sentences by their numbers; cosines: of each framework."""

    one: int
    two: int
    cosines: dict[str, float]


def known() -> list[str]:
    """Give the models whose weights and vocabulary a package ships."""
    return [n for n, one in pretrained.PRETRAINED.items() if VOCABULARY in one.files]


def encoder(model: str) -> Encoder:
    """All that can be wrong is told here, before any framework starts."""
    spec = variant(model).spec
    if model not in known() or PROGRAM not in spec.programs():
        raise UsageError(
            f"{model} has no weights for sentences; allowed: {', '.join(known())}"
        )
    shipped, files = pretrained.named(model), pretrained.fetched(model)
    weights = convert.read(files[WEIGHTS], model, shipped.form)
    tokenizer = WordPiece.read(files[VOCABULARY])
    (longest,) = spec.inputs()[0].shape
    return Encoder(model, spec, weights, tokenizer, longest, str(shipped.package))


def listed(given: Sequence[str]) -> list[str]:
    """Give the sentences of what was named: of a file its lines that are not empty,
    else the text itself."""
    found: list[str] = []
    for text in given:
        path = Path(text) if 0 < len(text) <= _LONGEST_PATH else None
        if path is not None and _is_file(path):
            lines = reading.text(path, MOST_BYTES).split("\n")
            found += [line for line in lines if line.strip()]
        else:
            found.append(_utf8(text))
    if not 1 <= len(found) <= MOST_SENTENCES:
        number, most = len(found), MOST_SENTENCES
        raise UsageError(f"{number:,} sentences; allowed: from 1 to {most:,}")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as a name that is too long
        return False


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{one_line(text)[:40]!r} is not UTF-8") from None
    return text


def embed(
    asked: Encoder,
    frameworks: Sequence[str],
    sentences: Sequence[str],
    workers: Workers,
    dtype: str,
) -> list[Embedded]:
    inputs, cut = asked.tokenizer.encode(sentences, asked.longest)

    def vectors(framework: str) -> Array:
        model = workers.get(framework, dtype).build(asked.spec, asked.model)
        model.load({name: w.astype(dtype) for name, w in asked.weights.items()})
        found = _in_batches(model, inputs)
        model.drop()
        return found

    with ThreadPoolExecutor(max_workers=len(frameworks)) as pool:
        found = dict(zip(frameworks, pool.map(vectors, frameworks), strict=True))
    embedded = []
    for row, sentence in enumerate(sentences):
        mine = {framework: rows[row] for framework, rows in found.items()}
        apart = [error(a, b) for a, b in combinations(mine.values(), 2)]
        plain = {framework: v.tolist() for framework, v in mine.items()}
        embedded.append(Embedded(sentence, plain, max(apart, default=None), cut[row]))
    return embedded


def _in_batches(model: RemoteModel, inputs: tuple[Array, ...]) -> Array:
    """The last batch is filled up with padding: another size would be compiled anew."""
    number = len(inputs[0])
    rows = min(BATCH, number)
    found = []
    for start in range(0, number, rows):
        parts = [x[start : start + rows] for x in inputs]
        batch = tuple(
            np.concatenate([x, np.zeros((rows - len(x), *x.shape[1:]), x.dtype)])
            for x in parts
        )
        (vectors,) = model.predict(batch, PROGRAM)
        found.append(vectors[: len(parts[0])])
    return np.concatenate(found)


def similarities(found: Sequence[Embedded]) -> list[Similar]:
    """Compare every pair, the most similar first."""
    frameworks = found[0].vectors
    pairs = [
        Similar(
            i + 1,
            j + 1,
            {f: float(np.dot(a.vectors[f], b.vectors[f])) for f in frameworks},
        )
        for (i, a), (j, b) in combinations(enumerate(found), 2)
    ]
    first = next(iter(frameworks))
    return sorted(pairs, key=lambda pair: -pair.cosines[first])


def vectors_table(found: Sequence[Embedded]) -> Table:
    """Each sentence by its number, and how its vector begins."""
    told = Table(box=None, pad_edge=False, header_style="bold")
    told.add_column("", justify="right")
    told.add_column("sentence", overflow="fold")
    told.add_column("framework")
    told.add_column("vector")
    told.add_column("difference", justify="right")
    for number, one in enumerate(found, 1):
        for row, (framework, vector) in enumerate(one.vectors.items()):
            begin = " ".join(f"{v:+.4f}" for v in vector[:_SHOWN])
            apart = "" if one.difference is None or row else f"{one.difference:.1e}"
            said = "" if row else one_line(one.sentence)
            which = "" if row else str(number)
            told.add_row(which, said, framework, f"{begin} ...", apart)
    return told


def pairs_table(pairs: Sequence[Similar]) -> Table:
    """Show the cosines, framework beside framework."""
    told = Table(box=None, pad_edge=False, header_style="bold")
    told.add_column("sentences")
    for framework in pairs[0].cosines:
        told.add_column(framework, justify="right")
    for pair in pairs:
        cells = [f"{cosine:.4f}" for cosine in pair.cosines.values()]
        told.add_row(f"{pair.one} and {pair.two}", *cells)
    return told


def picture(found: Sequence[Embedded], path: Path) -> None:
    """Draw the cosines of all pairs, by the first framework's vectors, and sentences as
    points of the plane in which they differ most."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    vectors = np.array([next(iter(one.vectors.values())) for one in found])
    names = [f"{i} {one_line(one.sentence)[:30]}" for i, one in enumerate(found, 1)]
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    shown = left.imshow(vectors @ vectors.T, vmin=-1, vmax=1, cmap="PuOr")
    figure.colorbar(shown, ax=left, label="cosine")
    if len(names) <= _NAMED:
        left.set_yticks(range(len(names)), names, parse_math=False)
        left.set_xticks(range(len(names)), [str(i + 1) for i in range(len(names))])
    points = plane(vectors)
    right.scatter(*points.T)
    for name, point in zip(names[:_NAMED], points, strict=False):
        look = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 8}
        right.annotate(name, point, parse_math=False, **look)
    right.margins(0.3)
    right.set(title="in the plane in which they differ most", xticks=[], yticks=[])
    made = BytesIO()
    figure.savefig(made, format=path.suffix.removeprefix(".") or "png")
    plt.close(figure)
    write_bytes(path, made.getvalue())


def plane(vectors: Array) -> Array:
    """Give the vectors' first two principal components, each with its largest part
    above nought."""
    centred = vectors - vectors.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
    points = np.zeros((len(vectors), 2))
    points[:, : len(axes)] = centred @ (axes * signs[:, None]).T
    return points
