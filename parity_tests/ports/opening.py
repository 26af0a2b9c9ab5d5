"""The models of a comparison on their way into it: dumps are read, others opened."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from parity_tests import tolerances
from parity_tests.compare import Array
from parity_tests.ports.codecs import Layer, layers_of
from parity_tests.ports.dumps import CHANNELS_FIRST, Dump, read, write_tensors
from parity_tests.ports.matching import Matching
from parity_tests.ports.recording import Live, Recorders
from parity_tests.ports.table import Table
from parity_tests.ports.targets import Target
from shared.errors import UsageError

# In which a channel axis is moved: images, and volumes.
IMAGE = 4


@dataclass
class Port:
    """A model that is compared: a dump, or one that can be asked again."""

    live: Live | None
    tree: Dump
    dump: Dump
    layers: dict[str, Layer]
    matching: Matching = field(default_factory=Matching)
    modules: dict[str, str] = field(default_factory=dict)
    again: Callable[[str], Live] | None = None  # the same target in another precision

    @property
    def label(self) -> str:
        return self.tree.label


@dataclass(frozen=True, kw_only=True)
class Question:
    """How models are compared.

    program: a method, which is called in evaluation; outputs: those that are compared,
    by their paths in the first model -> in the others. own_weights: each model keeps
    the weights that it has. steps: so many updates are compared, too.
    """

    dtype: str = "float64"
    tolerance: float = tolerances.PORTS
    same_layout: bool = False
    program: str = ""
    gradients: bool = True
    own_weights: bool = False
    steps: int = 0
    optimizer: str = "adamw"
    outputs: Mapping[str, str] = field(default_factory=dict)
    table: Table | None = None
    folder: Path = Path(".")
    python: Mapping[str, str] = field(default_factory=dict)


def opened_of(
    targets: Sequence[Target | Path],
    inputs: Mapping[str, Array] | Sequence[Array],
    recorders: Recorders,
    question: Question,
) -> list[Port]:
    """The models, each once run; a dump's inputs are those of all."""
    inputs = inputs if isinstance(inputs, Mapping) else _numbered(inputs)
    recorded = [read(t) for t in targets if isinstance(t, Path)]
    if recorded:
        inputs = _recorded(recorded[0], inputs)

    def opened(number: int) -> Port:
        target = targets[number]
        if isinstance(target, Path):
            dump = read(target)
            return Port(None, dump, dump, layers_of(dump))
        paths = question.outputs.values() if number else question.outputs

        def live(dtype: str) -> Live:
            asked = replace(question, dtype=dtype)
            return _live(target, inputs, recorders, asked, list(paths))

        one = live(question.dtype)
        return Port(one, one.tree, one.tree, layers_of(one.tree), again=live)

    with ThreadPoolExecutor(max_workers=len(targets)) as pool:
        return list(pool.map(opened, range(len(targets))))


def _recorded(dump: Dump, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """A dump's inputs with their channels first; it can be asked of no others."""
    own = channels_first(dump.arrays(dump.inputs), dump.channels_last)
    for path, value in inputs.items():
        same = path in own and np.array_equal(value.astype(own[path].dtype), own[path])
        if not same:
            raise UsageError(f"{dump.target} was recorded on another input {path!r}")
    return own


def channels_first(inputs: Mapping[str, Array], last: bool) -> dict[str, Array]:
    """Inputs of a model as the comparison takes them: images and volumes are moved."""
    return {
        path: np.moveaxis(a, -1, 1) if last and a.ndim >= IMAGE else a
        for path, a in inputs.items()
    }


def _live(
    target: Target,
    inputs: Mapping[str, Array],
    recorders: Recorders,
    question: Question,
    outputs: list[str],
) -> Live:
    """Images and volumes are given channels first; most others want them last."""
    moved = target.framework not in CHANNELS_FIRST and not question.same_layout
    arranged = {
        name: np.ascontiguousarray(
            np.moveaxis(a, 1, -1) if moved and a.ndim >= IMAGE else a
        )
        for name, a in inputs.items()
    }
    path = recorders.place("inputs")
    write_tensors(path, arranged)
    if target.held is not None:
        process = target.held(question.dtype)
    else:
        python = question.python.get(target.framework, "")
        process = recorders.get(target.framework, question.dtype, python)
    return Live(
        recorders,
        process,
        target.path,
        folder=str(question.folder.absolute()),
        dtype=question.dtype,
        inputs=str(path),
        program=question.program,
        same_layout=question.same_layout,
        gradients=question.gradients,
        outputs=outputs,
        training=(question.steps, question.optimizer),
    )


def _numbered(arrays: Sequence[Array]) -> dict[str, Array]:
    return {str(i): array for i, array in enumerate(arrays)}
