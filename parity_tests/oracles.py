"""What sees a mistake that all three make: networks of others with the same weights,
and ours in NumPy.

    python -m parity_tests.oracles [FAMILIES]   # measures, and writes oracles.json

A spec's file names them (`ORACLES`); a family in shared/reference has one more. The
certificate shows the errors that stand in oracles.json.
"""

import argparse
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from parity_tests.compare import Worst, worst_of
from parity_tests.engine import Session, Workers, request
from parity_tests.run import FROM_SCRATCH
from parity_tests.tolerances import GRADIENT_FLOOR, ORIGINALS
from shared import catalog, reference
from shared.arrays import Array, Weights
from shared.catalog import FAMILIES, family_of
from shared.errors import unknown
from shared.files import checkpoints
from shared.files.writing import write_text
from shared.messages import Request, Result
from shared.running.client import RemoteModel
from shared.specs.base import Original

RECORD = Path(__file__).with_name("oracles.json")
PACKAGES = {"huggingface": "transformers", checkpoints.KERAS: "keras"}
IN_NUMPY = "this suite's network in NumPy"
NUMPY_TIERS = ("forward", "gradients")
BATCH = 4


@dataclass(frozen=True)
class Held:
    """How far a family is from an oracle: the worst of outputs, gradients and running
    statistics."""

    family: str
    oracle: str
    error: float
    where: str

    @property
    def passed(self) -> bool:
        return self.error <= ORIGINALS


def of_family(family: str) -> tuple[Original, ...]:
    return getattr(FAMILIES[family], "ORACLES", ())


def named(family: str) -> list[str]:
    """Name all oracles of a family in words."""
    found = [one.said for one in of_family(family)]
    return found + [IN_NUMPY] * (family in reference.FAMILIES)


def home(family: str) -> str:
    """Give the framework in which the family meets its oracles."""
    return next((_home(original) for original in of_family(family)), "pytorch")


def _home(original: Original) -> str:
    return "keras" if original.source == checkpoints.KERAS else "pytorch"


def missing(original: Original) -> str:
    """The package that it wants and that is not installed, or nothing."""
    source = original.source
    library = source if source in PACKAGES else source.partition(".")[0]
    package = PACKAGES.get(library, library)
    return "" if importlib.util.find_spec(package) else package


def measure(family: str, workers: Workers) -> Iterator[Held]:
    """Measure the family against each of its oracles."""
    for original in of_family(family):
        worst = against(original, workers)
        yield Held(family, original.said, worst.error, worst.where)
    if family in reference.FAMILIES:
        worst = in_numpy(family, workers)
        yield Held(family, IN_NUMPY, worst.error, worst.where)


def in_numpy(family: str, workers: Workers) -> Worst:
    """Find the worst of the tiny variants in PyTorch, held against NumPy."""
    found = []
    session = Session(workers, FROM_SCRATCH)
    for name, variant in catalog.select([family]).items():
        for check in session.check(name, NUMPY_TIERS) if variant.tiny else ():
            error = float("inf") if check.error is None else check.error
            found.append(Worst(error, f"{name}, {check.worst or check.reason}"))
    nothing = Worst(float("inf"), "no tiny model was compared")
    return max(found, key=lambda one: one.error, default=nothing)


def against(original: Original, workers: Workers) -> Worst:
    """Both run one batch in training mode, where nothing is dropped."""
    spec, family = original.spec, family_of(original.spec)
    worker = workers.get(_home(original), "float64")
    asked = request(spec, BATCH, training=True, gradients=True)
    given = _channels_last(asked) if _home(original) == "keras" else asked
    theirs = worker.adopt(f"parity_tests.originals:{original.name}", given.inputs)
    ours = worker.build(spec, original.name)
    ours.fill(0)
    _give(theirs, checkpoints.to_public(family, original.source, ours.dump()))
    found, expected = theirs.run(given), ours.run(asked)
    for model in (ours, theirs):
        model.drop()
    worst = Worst(0.0, "")
    for one, two in zip(found.outputs, expected.outputs, strict=True):
        worst |= worst_of({"outputs": two}, {"outputs": one}, "original")
    state = checkpoints.from_public(family, original.source, _state(found))
    if odd := state.keys() ^ _state(expected).keys():
        return Worst(float("inf"), f"only in one: {', '.join(sorted(odd)[:3])}")
    if "gradients" not in original.without:
        grads = {name: state[name] for name in expected.gradients}
        worst |= worst_of(expected.gradients, grads, "original", GRADIENT_FLOOR)
    kept = {
        name: value
        for name, value in expected.buffers.items()
        if name.rpartition(".")[-1] not in original.without
    }
    return worst | worst_of(kept, {name: state[name] for name in kept}, "original")


def _give(theirs: RemoteModel, public: Weights) -> None:
    """What they make by themselves (a second name of one tensor, tables of places) is
    not given."""
    own = theirs.entries()
    theirs.load({name: value for name, value in public.items() if name in own})


def _state(result: Result) -> dict[str, Array]:
    return {**result.gradients, **result.buffers}


def _channels_last(asked: Request) -> Request:
    moved = tuple(np.moveaxis(x, 1, -1) for x in asked.inputs)
    return Request(
        moved, training=asked.training, seed=asked.seed, cotangents=asked.cotangents
    )


def recorded() -> dict[str, list[Held]]:
    """Read the committed errors by family; none where a family has no oracle."""
    found = json.loads(RECORD.read_text())
    return {family: [Held(family, **one) for one in of] for family, of in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*")
    wanted = parser.parse_args().families or list(FAMILIES)
    for family in wanted:
        if family not in FAMILIES:
            raise SystemExit(str(unknown("family", family, FAMILIES)))
    found = recorded() if RECORD.exists() else {}
    with Workers() as workers:
        for family in wanted:
            found[family] = list(measure(family, workers))
            for held in found[family]:
                verdict = "ok" if held.passed else f"FAIL: {held.where}"
                print(f"{family:14} {held.oracle}: {held.error:.1e} {verdict}")
            if not found[family]:
                print(f"{family:14} none")
    written = {
        family: [
            {k: v for k, v in asdict(one).items() if k != "family"}
            for one in found[family]
        ]
        for family in FAMILIES
        if family in found
    }
    write_text(RECORD, json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
