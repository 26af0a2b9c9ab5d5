"""What judges a mutant of a model or a layer: the tiers of parity, then the tests of
the layers and of the differences."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from parity_tests import oracles
from parity_tests.engine import Evidence, Session, Workers
from parity_tests.tolerances import ORIGINALS
from shared import reference
from shared.catalog import FAMILIES, VARIANTS, family_of, select
from shared.errors import UsageError
from shared.frameworks import ORACLE
from shared.running.client import WorkerFailure

REFERENCE = {"pytorch": "jax", "keras": "pytorch", "jax": "pytorch"}
LAYERS = "layers"
OF_LAYERS = ("layers", "cnn1d", "differences")
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
    owner: str = ""  # in a definition's file the class or function around it


def part_of(path: str) -> str:
    """Says of which family a file is, or that it is of LAYERS or of one of PARTS."""
    _, room, *_ = Path(path).parts
    return Path(path if room in ("models", "specs") else room).stem


class Judge:
    """One framework's mutants, one after another, in a copy of the suite."""

    def __init__(self, framework: str, root: Path, evidence: dict[str, Evidence]):
        self.framework, self.root, self.evidence = framework, root, evidence
        self.workers = Workers(timeout=180.0, root=root)
        self.names = list(evidence)

    def judge(self, mutant: Mutant) -> str:
        """Say by which check it was caught, or ""."""
        file = self.root / mutant.path
        original = file.read_text()
        file.write_text(mutant.source)
        try:
            return (
                self._import(mutant)
                or self._first_failure(mutant)
                or self._failing_test(mutant)
            )
        finally:
            file.write_text(original)
            self._import(mutant)

    def _import(self, mutant: Mutant) -> str:
        """A model file is imported again; what others build on needs a new process."""
        package, *rest = Path(mutant.path).with_suffix("").parts
        if rest[0] != "models":
            self.workers.close()
            return ""
        modules = [".".join([package, *rest]), f"{package}.models"]
        try:
            self.workers.get(self.framework, "float64").reload(modules)
        except WorkerFailure as failure:
            return f"import: {failure}"
        return ""

    def _first_failure(self, mutant: Mutant) -> str:
        part = part_of(mutant.path)
        for name in list(self.names):
            if part in FAMILIES and family_of(VARIANTS[name].spec) != part:
                continue
            for tiers in (TIERS[:2], TIERS):
                session = Session(
                    self.workers, (REFERENCE[self.framework], self.framework)
                )
                session.remember(name, REFERENCE[self.framework], self.evidence[name])
                for check in session.check(name, tiers):
                    if not check.passed:
                        # What caught this one will often catch its neighbour.
                        self.names.remove(name)
                        self.names.insert(0, name)
                        return f"{name} {check.tier}: {check.reason}"
        return ""

    def _failing_test(self, mutant: Mutant) -> str:
        """What a layer does, and what otherwise than its framework's, they pin down."""
        if part_of(mutant.path) != LAYERS:
            return ""
        tests = [f"parity_tests/tests/test_{name}.py" for name in OF_LAYERS]
        command = ["-m", "pytest", "-qx", *tests]
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode > 1:
            raise RuntimeError(f"the tests could not be run: {done.stdout[-2000:]}")
        return done.stdout.strip().splitlines()[-2] if done.returncode else ""


class Together(Judge):
    """A mutant as if it stood in all three: no comparison among them would see it, so
    the published counts and the oracles outside must."""

    def _first_failure(self, mutant: Mutant) -> str:
        family = part_of(mutant.path)
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
