"""The ways in which a model is run: by which framework, in which mode, by how many."""

from dataclasses import dataclass

from benchmarks import modes
from shared.running.environment import UNKEPT

# glibc's malloc gives large blocks back to the system or keeps them, as its thresholds
# have moved in that process; here each keeps them (docs/differences.md, "Memory").
# A first call compiles.
KEEP = UNKEPT | {
    name: str(2**30) for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
}


@dataclass(frozen=True)
class Way:
    """How a model is run: ours, or a peer of the same framework.

    peer: the model whose public original it is; label: as people know that.
    processes: that share each step. handicap: see Model.time.
    """

    framework: str
    mode: str
    peer: str = ""
    label: str = ""
    processes: int = 1
    handicap: float = 0.0

    @property
    def name(self) -> str:
        several = f" x{self.processes}" if self.processes > 1 else ""
        return f"{self.label or self.framework}/{self.mode}{several}"

    @property
    def variables(self) -> dict[str, str]:
        """The variables of its processes."""
        return KEEP | modes.variables(self.framework, self.mode)
