"""What judges a mutant of a model or a layer: the tiers of parity, then the tests of
the layers and of the differences."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path

from parity_tests import oracles, touched
from parity_tests.engine import Check as Verdict
from parity_tests.engine import Session, Workers
from parity_tests.evidence import growing
from parity_tests.kept import UNCOMPILED, KeptTests, compiled
from parity_tests.tolerances import ORIGINALS
from parity_tests.touched import Seen
from shared import reference
from shared.catalog import VARIANTS, family_of, select
from shared.errors import UsageError
from shared.frameworks import ORACLE, PACKAGES, ROOT
from shared.running.client import WorkerFailure

REFERENCE = {"pytorch": "jax", "keras": "pytorch", "jax": "pytorch"}
LAYERS, OBJECTIVES = "layers", "objectives"
OF_LAYERS = ("layers", "cnn1d", "differences")
OF_LAYER = {"detecting": ("ssd", "retinanet"), "generation": ("generate",)}  # besides
# What judges an objective: the updates of models, and tests.
LEARNED = {
    "evidence": ("vae_tiny",),
    "detection": ("ssd_tiny", "retinanet_tiny"),
    "routing": ("moe_tiny_switch",),
    "adversarial": ("wgan_gp_tiny", "gan_tiny", "dcgan_tiny", "wgan_gp_dcgan_tiny"),
}
OF_OBJECTIVES = {
    "supervised": ("contract",),
    "adversarial": ("gan",),
    "evidence": ("vae",),
    "diffusion": ("objectives",),
    "detection": ("ssd", "retinanet"),
    "routing": ("moe",),
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
Check = partial[str]
# What of a model is compared as its evidence grows.
STAGES: tuple[Callable[[Session, str], Iterable[Verdict]], ...] = (
    lambda session, name: session.check(name, TIERS[:2]),
    lambda session, name: islice(session.check(name, ("forward",)), 1),
    lambda session, name: session.check(name, ("forward", "gradients", "buffers")),
    lambda session, name: session.check(name, ("programs", "cases")),
)


class Judge:
    """One framework's mutants, one after another, in a copy of the suite."""

    def __init__(
        self,
        framework: str,
        root: Path,
        others: Mapping[str, Seen],
        own: Mapping[str, Seen],
    ):
        self.framework, self.root, self.others, self.own = framework, root, others, own
        compiled(root / PACKAGES[framework])
        self.workers = Workers(timeout=180.0, root=root, variables=UNCOMPILED)
        self.tests = KeptTests(root)
        # By file of tests, what each test runs.
        self.seen_tests: dict[str, dict[str, frozenset[touched.Line]]] = {}
        # By file and owner, what caught the last mutant.
        self.caught: dict[tuple[str, str], Check] = {}
        self.count = 0

    def judge(self, mutant: Mutant) -> str:
        """Say by which check it was caught, or ""."""
        if part_of(mutant.path) == LAYERS:
            self._see_tests(Path(mutant.path).stem)
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

    def _see_tests(self, layer: str) -> None:
        """Learn what the tests of layers run, while nothing is changed."""
        for name in (*OF_LAYERS, *OF_LAYER.get(layer, ())):
            if name not in self.seen_tests:
                found = self.tests.lines(self.framework, [_file(name)])
                self.seen_tests[name] = found

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
        part = part_of(mutant.path)
        if part == OBJECTIVES:
            kind = Path(mutant.path).stem
            learned = [partial(self._learns, name) for name in LEARNED.get(kind, ())]
            return [*learned, *map(self._test, OF_OBJECTIVES.get(kind, ()))]
        if part == LAYERS:
            return self._checks_of_layer(mutant)
        of = [name for name in self.others if _family(name) == part]
        of.sort(key=lambda name: VARIANTS[name].parameters)
        return [partial(self._differs, name) for name in of]

    def _checks_of_layer(self, mutant: Mutant) -> list[Check]:
        """A layer's mutant is shown to a few models that run its statement, the quick
        ones first, then to the tests that do, then to a model of every other family; a
        table's may reach any."""
        lines, certain = _statement(mutant.path, mutant.line)
        places = {(mutant.path, line) for line in lines}
        runs = {name: bool(places & seen.lines) for name, seen in self.own.items()}
        of = [name for name in runs if runs[name] or not certain]
        of.sort(key=lambda name: (not runs[name], self.own[name].evidence.seconds))
        first = {_family(name): name for name in reversed(of)}
        known = {_family(name) for name in of[:FEW]}
        others = [first[f] for f in reversed(first) if f not in known]
        found: list[Check] = [partial(self._differs, name) for name in of[:FEW]]
        tests = [
            test
            for of_file in self.seen_tests.values()
            for test, ran in of_file.items()
            if places & ran or not certain
        ]
        if tests:
            found.append(partial(self._failing, *tests))
        return [*found, *(partial(self._differs, name) for name in others)]

    def _first_of(self, checks: list[Check], mutant: Mutant) -> str:
        """What caught one will often catch its neighbour, of a file the test alone."""
        place = mutant.path, mutant.owner
        if last := self.caught.get(place):
            others = [check for check in checks if check.args != last.args]
            checks = [last, *others]
        for check in checks:
            if by := check():
                failed = partial(self._failing, by) if "::" in by else None
                self.caught[place] = failed or check
                return by
        return ""

    def _differs(self, name: str) -> str:
        """What differs first in a model from the framework it is held against, which is
        asked no further then."""
        other = REFERENCE[self.framework]
        worker = self.workers.get(self.framework, "float64")
        session = Session(self.workers, (other, self.framework))
        session.remember(name, other, self.others[name].evidence)
        grown = growing(worker, name, VARIANTS[name], TIERS)
        for evidence, stage in zip(grown, STAGES, strict=False):
            session.remember(name, self.framework, evidence)
            for check in stage(session, name):
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
        return partial(self._failing, _file(name))

    def _failing(self, *tests: str) -> str:
        return self.tests.failing(self.framework, tests)


def _file(name: str) -> str:
    return f"parity_tests/tests/test_{name}.py"


def _family(name: str) -> str:
    return family_of(VARIANTS[name].spec)


@cache
def _statement(path: str, line: int) -> tuple[range, bool]:
    return touched.statement((ROOT / path).read_text(), line)


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
