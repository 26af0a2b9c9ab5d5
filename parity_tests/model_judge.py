"""What judges a mutant of a model or a layer: the tiers of parity, then the tests of
the layers and of the differences."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from parity_tests import oracles, reached
from parity_tests.engine import Evidence, Session, Workers
from parity_tests.kept import UNCOMPILED, KeptTests
from parity_tests.tolerances import ORIGINALS
from shared import reference
from shared.catalog import VARIANTS, family_of, select
from shared.errors import UsageError
from shared.frameworks import ORACLE, PACKAGES
from shared.running.client import WorkerFailure

REFERENCE = {"pytorch": "jax", "keras": "pytorch", "jax": "pytorch"}
LAYERS, OBJECTIVES = "layers", "objectives"
OF_LAYERS = ("layers", "cnn1d", "differences")
# What judges an objective: the updates of models, and tests.
LEARNED = {
    "evidence": ("vae_tiny",),
    "detection": ("ssd_tiny", "retinanet_tiny"),
    "adversarial": ("wgan_gp_tiny", "gan_tiny", "dcgan_tiny", "wgan_gp_dcgan_tiny"),
}
OF_OBJECTIVES = {
    "supervised": ("contract",),
    "adversarial": ("gan",),
    "evidence": ("vae",),
    "diffusion": ("objectives",),
    "detection": ("ssd", "retinanet"),
    "distillation": ("objectives",),
    "temporal_difference": ("objectives",),
}
FEW = 4  # models that see a layer's mutant before the tests of layers do
RENEWED = 200  # mutants after which a process is, for what its caches hold
TIERS = ("names", "counts", "forward", "gradients", "buffers", "programs", "cases")
# What of these the networks in NumPy know.
TOGETHER = tuple(tier for tier in TIERS if tier != "programs")


@dataclass(frozen=True)
class Mutant:
    """A change in one place of one file, and the whole source after it."""

    framework: str
    path: str  # relative to the root
    line: int
    code: str  # the line
    change: str  # "before -> after"
    source: str
    owner: str = ""  # in layers and definitions the class or function around it


def part_of(path: str) -> str:
    """Says of which family a file is, or that it is of LAYERS or of one of PARTS."""
    _, room, *_ = Path(path).parts
    return Path(path if room in ("models", "specs") else room).stem


# Says what is wrong, or "".
Check = Callable[[], str]


class Judge:
    """One framework's mutants, one after another, in a copy of the suite."""

    def __init__(self, framework: str, root: Path, evidence: dict[str, Evidence]):
        self.framework, self.root, self.evidence = framework, root, evidence
        self.workers = Workers(timeout=180.0, root=root, variables=UNCOMPILED)
        self.tests = KeptTests(root)
        self.names = list(evidence)
        self.caught: dict[str, Check] = {}  # by file, what caught its last mutant
        self.failed: dict[str, str] = {}  # by file of tests, the test that failed last
        self.count = 0

    def judge(self, mutant: Mutant) -> str:
        """Say by which check it was caught, or ""."""
        file = self.root / mutant.path
        original = file.read_text()
        file.write_text(mutant.source)
        try:
            return self._import() or self._first_of(self._checks(mutant), mutant)
        finally:
            file.write_text(original)

    def close(self) -> None:
        self.workers.close()
        self.tests.close()

    def _import(self) -> str:
        """Every file is read anew by a process that stays, but for what its caches
        hold."""
        self.count += 1
        if self.count % RENEWED == 0:
            self.close()
        try:
            self.workers.renew(self.framework)
            self.workers.get(self.framework, "float64").describe()
        except (WorkerFailure, UsageError) as failure:
            self.workers.close()
            return f"import: {failure}"
        return ""

    def _checks(self, mutant: Mutant) -> list[Check]:
        """A layer's mutant is shown to a few small models that have the layer, then to
        the tests of layers and differences, then to the other models."""
        part, package = part_of(mutant.path), PACKAGES[self.framework]
        if part == OBJECTIVES:
            kind = Path(mutant.path).stem
            learned = [partial(self._learns, name) for name in LEARNED.get(kind, ())]
            return [*learned, *map(self._test, OF_OBJECTIVES.get(kind, ()))]
        names = [part]
        if part == LAYERS:
            names = list(reached.families(package, mutant.owner))
        of = [name for name in self.names if family_of(VARIANTS[name].spec) in names]
        of.sort(key=lambda name: VARIANTS[name].parameters)
        found: list[Check] = [partial(self._differs, name) for name in of]
        if part == LAYERS:
            found[FEW:FEW] = [self._test(name) for name in OF_LAYERS]
        return found

    def _first_of(self, checks: list[Check], mutant: Mutant) -> str:
        """What caught one will often catch its neighbour."""
        last = self.caught.get(mutant.path)
        for check in sorted(checks, key=lambda one: _said(one) != _said(last)):
            if by := check():
                self.caught[mutant.path] = check
                return by
        return ""

    def _differs(self, name: str) -> str:
        """What differs first in a model from the framework it is held against."""
        for tiers in (TIERS[:2], TIERS):
            session = Session(self.workers, (REFERENCE[self.framework], self.framework))
            session.remember(name, REFERENCE[self.framework], self.evidence[name])
            for check in session.check(name, tiers):
                if not check.passed:
                    return f"{name} {check.tier}: {check.reason}"
        return ""

    def _learns(self, name: str) -> str:
        """What differs first in some updates of a model."""
        frameworks = REFERENCE[self.framework], self.framework
        session = Session(self.workers, frameworks, optimizers=["momentum"])
        for check in session.check(name, ("training",)):
            if not check.passed:
                return f"{name} {check.tier}: {check.reason}"
        return ""

    def _test(self, name: str) -> Check:
        return partial(self._failing, f"parity_tests/tests/test_{name}.py")

    def _failing(self, file: str) -> str:
        """The test that failed last is asked alone first."""
        asked = [self.failed[file], file] if file in self.failed else [file]
        for one in asked:
            if by := self.tests.failing(self.framework, [one]):
                self.failed[file] = by
                return by
        return ""


def _said(check: Check | None) -> str:
    return str(check.args[0]) if isinstance(check, partial) else ""


class Together(Judge):
    """A mutant as if it stood in all three: no comparison among them would see it, so
    the published counts and the oracles outside must."""

    def _checks(self, mutant: Mutant) -> list[Check]:
        return [partial(self._outside, part_of(mutant.path))]

    def _outside(self, family: str) -> str:
        numpy = family in reference.FAMILIES
        frameworks = (ORACLE, self.framework) if numpy else (self.framework,)
        for name, variant in select([family]).items():
            tiers = TOGETHER if numpy else ("counts",)
            session = Session(self.workers, frameworks)
            for check in session.check(name, tiers) if variant.tiny else ():
                if not check.passed:
                    return f"{name} {check.tier}: {check.reason}"
        for original in oracles.of_family(family):
            try:
                worst = oracles.against(original, self.workers)
            except (WorkerFailure, UsageError) as failure:
                return f"{original.said}: {failure}"
            if worst.error > ORIGINALS:
                return f"{original.said}: {worst.where}: {worst.error:.3g}"
        return ""
