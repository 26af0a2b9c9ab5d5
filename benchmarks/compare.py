"""`triptych compare`: parity of every family's small models, and their throughput."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Options, works
from benchmarks.measure import Stable, cores, measure
from benchmarks.records import Comparison
from benchmarks.ways import Way
from parity_tests.engine import Check
from parity_tests.lanes import fitting, run_in_lanes
from parity_tests.run import Job
from shared.catalog import FAMILIES, family_of, variant
from shared.frameworks import NATIVE

PARITY_TIERS = ("names", "counts", "exchange", "forward", "gradients", "buffers")
ROUNDS = 7
# PyTorch as it runs everywhere: torch.compile wants a C++ compiler.
WAYS = (Way("pytorch", "eager"), Way("keras", "compiled"), Way("jax", "compiled"))


@dataclass(frozen=True)
class Timed:
    """A catalog model, the fields of its spec that are changed, and the batch."""

    model: str
    batch: int
    changes: tuple[tuple[str, int], ...] = ()

    @property
    def options(self) -> Options:
        changes = dict(self.changes)
        return Options(
            tasks=TASKS, batches=(self.batch,), changes=changes, rounds=ROUNDS
        )


TASKS = ("inference", "training")
TIMED = (
    Timed("mlp_784_128_10", 64),
    Timed("lenet", 64),
    Timed("resnet18", 8, (("image_size", 64),)),
    Timed("lstm_3l_250h", 8, (("length", 50),)),
    Timed("char_gpt", 2, (("tokens", 128),)),
)


def compare(
    path: Path, say: Callable[[str], None]
) -> tuple[list[Check], list[Comparison]]:
    """Check parity of the first small model of each family, then time a few of the
    families that passed. path: where the lines of the timing are added."""
    names = [_first_tiny(family) for family in FAMILIES]
    jobs = [Job(name, NATIVE, PARITY_TIERS) for name in names]
    checks = list(run_in_lanes(jobs, fitting(), "float64", say=say))
    found = []
    with Stable("float32", "cpu", 1, cores(1)) as stable:
        for timed in timed_of(checks):
            for work in works(timed.model, timed.options, stable):
                say(f"timing {timed.model}, {work.setting.task}")
                found.append(measure(work, WAYS, stable, ROUNDS, path))
    return checks, found


def timed_of(checks: Sequence[Check]) -> list[Timed]:
    """What fell short is not worth a timing."""
    short = {family_of(variant(c.model).spec) for c in checks if not c.passed}
    return [t for t in TIMED if family_of(variant(t.model).spec) not in short]


def steps() -> int:
    """How often `compare` says what it is at."""
    return len(FAMILIES) + len(TIMED) * len(TASKS)


def _first_tiny(family: str) -> str:
    variants = FAMILIES[family].VARIANTS
    return next(name for name, found in variants.items() if found.tiny)
