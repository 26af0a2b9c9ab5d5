"""Files that the frameworks read themselves, damaged, each given to its framework: what
it takes fits the model and, where the form keeps sums of it, has the values of the file
before; what it does not take is one line, and the framework goes on."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from shared import catalog
from shared.arrays import Weights
from shared.files import weights
from shared.running import convert
from shared.running.client import RemoteModel, Worker
from triptych.faults import corpus
from triptych.faults.files import Files, zipped
from triptych.faults.mutations import mutated
from triptych.faults.oracle import Broken, Target
from triptych.faults.readers import memory

MODEL = "mlp_tiny"
SPEC = catalog.variant(MODEL).spec
SECONDS = 60.0  # for a framework to answer
MEBIBYTES = 1024  # that it may take beyond what it held when nothing was read
SUMMED = (".pt", ".keras", ".npz")


@dataclass(eq=False)
class Reader:
    """A framework in its own process, started when it is first asked, and again where
    it died.

    name: of the file; its suffix says the form. inside: what is damaged are the members
        of an archive, which is whole and whose sums are right.
    """

    framework: str
    name: str
    inside: bool = False
    held: list[tuple[Worker, RemoteModel]] = field(default_factory=list)

    def model(self) -> tuple[Worker, RemoteModel]:
        if self.held and not self.held[-1][0].alive:
            self.held.pop()
        if not self.held:
            worker = Worker(self.framework, timeout=SECONDS)
            model = worker.build(SPEC, MODEL)
            model.fill(0)
            worker.forget_memory()
            self.held.append((worker, model))
        return self.held[-1]

    @cached_property
    def values(self) -> Weights:
        return self.model()[1].dump()

    @cached_property
    def good(self) -> Files:
        """What the framework writes of the model: its files by their names, or the
        members of its one file."""
        with TemporaryDirectory(dir=memory()) as folder:
            path = Path(folder) / self.name
            self.model()[1].write_native(path, self.values)
            if not path.is_dir():
                return {self.name: path.read_bytes()}
            held = [one for one in sorted(path.rglob("*")) if one.is_file()]
            return {str(one.relative_to(folder)): one.read_bytes() for one in held}

    @cached_property
    def whole(self) -> Files:
        """What is damaged."""
        if not self.inside:
            return self.good
        with zipfile.ZipFile(BytesIO(self.good[self.name])) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def attempt(self, case: Files) -> None:
        worker, model = self.model()
        with TemporaryDirectory(dir=memory()) as folder:
            found = self._read(Path(folder), case, model)
        if (took := worker.memory() or 0.0) > MEBIBYTES:
            self.held.pop()[0].close()
            raise Broken(f"{self.framework} took {took:.0f} MiB")
        if misfits := weights.misfits(model.entries(), found):
            raise weights.misfit(misfits)
        summed = (self.name.endswith(SUMMED) and not self.inside) or self.name == "x"
        for name, value in found.items() if summed or case == self.whole else ():
            np.testing.assert_array_equal(value, self.values[name])

    def _read(self, folder: Path, case: Files, model: RemoteModel) -> Weights:
        stored = zipfile.ZIP_STORED
        held = {self.name: zipped(case, stored)} if self.inside else case
        for name, content in held.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        path = folder / self.name
        if self.framework == "keras":
            convert.keras_dtype(path)
        return model.read_native(path)


class Whole(Sequence[Files]):
    """The good case of a reader, made when it is asked for."""

    def __init__(self, reader: Reader):
        self.reader = reader

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return (self.reader.whole,)[index]


@st.composite
def _damaged(draw: DrawFn, reader: Reader) -> Files:
    """One of its files changed, or gone."""
    whole = reader.whole
    name = draw(st.sampled_from(sorted(whole)))
    rest = {k: v for k, v in whole.items() if k != name}
    if rest and not draw(st.integers(0, 19)):
        return rest
    return rest | {name: draw(mutated((whole[name],)))}


def target(name: str, share: float, reader: Reader) -> Target:
    """A target that may hold as much as it likes: its framework is elsewhere."""
    zips = reader.name.endswith(SUMMED) and not reader.inside
    known = tuple({reader.name: content} for content in corpus.ZIPS) if zips else ()
    cases, good = _damaged(reader), Whole(reader)
    return Target(name, cases, reader.attempt, known, good, share, memory=None)


def targets() -> list[Target]:
    return [
        target("pt", 1.0, Reader("pytorch", "x.pt")),
        target("pt inside", 1.0, Reader("pytorch", "x.pt", inside=True)),
        target("state dict", 0.5, Reader("pytorch", "x.safetensors")),
        target("weights.h5", 1.0, Reader("keras", "x.weights.h5")),
        target("keras whole", 0.5, Reader("keras", "x.keras")),
        target("keras inside", 0.5, Reader("keras", "x.keras", inside=True)),
        target("nnx", 0.5, Reader("jax", "x.safetensors")),
        target("orbax", 0.5, Reader("jax", "x")),
        target("npz", 1.0, Reader("numpy", "x.npz")),
        target("npz inside", 1.0, Reader("numpy", "x.npz", inside=True)),
    ]
