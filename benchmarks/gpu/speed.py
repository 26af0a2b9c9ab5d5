"""Records of speed on a device: a few models in several precisions, ours in every mode
and the public originals beside them.

What compiles does so side by side, as many comparisons at once as the device's memory
holds (a wave); then each comparison has the device for itself, in turns as ever. The
first call is therefore timed beside those of others.
"""

import importlib.util
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

from benchmarks import bench, measure, modes, peers, records
from benchmarks.bench import Options
from benchmarks.gpu.clock import Clock, Lines
from benchmarks.measure import Ready, Stable, Work
from benchmarks.records import Comparison, Contender, Device, Dtype
from benchmarks.ways import Way
from shared import catalog
from shared.catalog import VARIANTS
from shared.errors import UsageError

DTYPES: tuple[Dtype, ...] = ("bfloat16", "tf32", "float32")
# A wave that begins later than this before the end would not be over in time.
LEAST_SECONDS = 45
# What the driver and each process hold before there is a model, in GiB.
CONTEXT = 0.6
RESERVE = 8.0


@dataclass(frozen=True)
class Item:
    """A contender is one of these models in a task, at a batch.

    gib: what a contender needs at most, about, in float32.
    """

    models: tuple[str, ...]  # the first that the catalog has
    task: str
    batch: int
    gib: float


@dataclass(frozen=True)
class Entry:
    """One comparison to come."""

    model: str
    task: str
    batch: int
    dtype: Dtype
    gib: float

    def __str__(self) -> str:
        return f"{self.model}, {self.task}, batch {self.batch}, {self.dtype}"

    @property
    def key(self) -> tuple[str, str, int, str]:
        return self.model, self.task, self.batch, self.dtype


_MINILM = ("minilm_l6", "minilm_l6_v2", "all_minilm_l6_v2", "bert_minilm_l6")
ITEMS = (
    Item(("resnet50",), "training", 64, 8.0),
    Item(("gpt2",), "training", 2, 8.0),
    Item(("vit_b_16",), "training", 32, 8.0),
    Item(_MINILM, "training", 32, 6.0),
    Item(("resnet50",), "inference", 128, 3.0),
    Item(("gpt2",), "inference", 8, 6.0),
    Item(("vit_b_16",), "inference", 128, 4.0),
    Item(_MINILM, "inference", 128, 4.0),
)
LATENCY = tuple(
    Item(models, "inference", 1, 1.5)
    for models in (("resnet50",), ("gpt2",), ("vit_b_16",), _MINILM)
)
DRY = (Item(("lenet_tiny",), "inference", 2, 0.1),)


def entries(items: Sequence[Item], dtypes: Sequence[Dtype]) -> list[Entry]:
    """Precision by precision, so that a cut run has whole pictures."""
    found = []
    for dtype in dtypes:
        for item in items:
            model = next((m for m in item.models if m in VARIANTS), None)
            gib = item.gib * (0.65 if dtype == "bfloat16" else 1.0)
            if model is not None:
                found.append(Entry(model, item.task, item.batch, dtype, gib))
    return found


def ways(model: str, frameworks: Sequence[str], device: str) -> list[Way]:
    """List ours in every mode that is worth its compilation, and the originals. On a
    CPU torch.compile wants a C++ compiler."""
    images = modes.kind_of(catalog.variant(model).spec) == "images"
    torch = (
        ("eager", "eager-nhwc", "compiled-nhwc") if images else ("eager", "compiled")
    )
    offered: dict[str, tuple[str, ...]] = {
        "pytorch": torch if device != "cpu" else ("eager",),
        "keras": ("compiled", "xla"),
        "jax": ("compiled",),
        "keras[jax]": ("compiled",),
        "keras[torch]": ("eager",),
    }
    own = [Way(f, mode) for f in frameworks for mode in offered[f]]
    return own + originals(model, frameworks)


def originals(model: str, frameworks: Sequence[str]) -> list[Way]:
    """List the originals whose package is there, eager as their users run them."""
    try:
        return peers.ways_of(
            model, {f: ("eager",) for f in frameworks if f == "pytorch"}
        )
    except UsageError:
        return []


@dataclass
class Turn:
    """An entry with its processes; they import while others are busy."""

    entry: Entry
    ways: list[Way]
    stable: Stable
    work: Work | None = None
    ready: list[Ready] = field(default_factory=list)
    contenders: list[Contender] = field(default_factory=list)

    @property
    def gib(self) -> float:
        return len(self.ways) * (self.entry.gib + CONTEXT) + CONTEXT

    def start(self) -> None:
        self.stable.get("probe", "pytorch")
        for way in self.ways:
            self.stable.get(way, way.framework)

    def prepare(self, options: Options) -> None:
        (self.work,) = bench.works(self.entry.model, options, self.stable)
        self.ready, self.contenders = measure.prepare(
            self.work, self.ways, self.stable, together=len(self.ways)
        )
        self.stable.probe(self.entry.dtype)

    def time(self, rounds: int, path: Path) -> Comparison:
        assert self.work is not None
        contenders = measure.paced(self.ready, self.contenders)
        return measure.in_turns(
            self.work, self.ready, contenders, self.stable, rounds, path
        )


class Records:
    """The lines of a run are written here, wave by wave.

    memory: of the device, in GiB; nothing is known of a CPU's.
    """

    def __init__(
        self,
        device: Device,
        frameworks: Sequence[str],
        memory: float,
        rounds: int,
        clock: Clock,
        lines: Lines,
    ):
        self.device, self.frameworks, self.memory = device, frameworks, memory
        self.rounds, self.clock, self.lines = rounds, clock, lines
        self.threads = len(os.sched_getaffinity(0))
        self.path = lines.folder / f"{device}.jsonl"
        self.found: list[Comparison] = []

    def run(self, wanted: Sequence[Entry]) -> None:
        waiting = [self._turn(entry) for entry in wanted]
        wave = self._wave(waiting)
        while wave and self.clock.left > LEAST_SECONDS:
            following = self._wave(waiting)
            self._prepare(wave, following)
            for turn in wave:
                with self.lines.guarded(str(turn.entry)):
                    self._time(turn)
                turn.stable.close()
            wave = following
        left = [str(turn.entry) for turn in (*wave, *waiting)]
        for turn in wave:
            turn.stable.close()
        if left:
            self.lines.note("speed", f"not reached in time: {'; '.join(left)}")

    def _turn(self, entry: Entry) -> Turn:
        cores = measure.cores(self.threads)
        stable = Stable(entry.dtype, self.device, self.threads, cores)
        chosen = ways(entry.model, self.frameworks, self.device)
        return Turn(entry, chosen, stable)

    def _wave(self, waiting: list[Turn]) -> list[Turn]:
        """The next that fit in the memory together, and are not too many processes;
        one at least."""
        wave: list[Turn] = []
        while waiting:
            both = [*wave, waiting[0]]
            processes = sum(len(turn.ways) for turn in both)
            fits = sum(turn.gib for turn in both) <= self.memory - RESERVE
            if wave and not (fits and processes <= self.threads):
                break
            wave.append(waiting.pop(0))
        return wave

    def _prepare(self, wave: Sequence[Turn], following: Sequence[Turn]) -> None:
        """Compile all of a wave, while the processes of the next one import."""
        late = Timer(max(self.clock.left, 0), _end, (wave,))
        late.daemon = True
        late.start()
        for turn in (*wave, *following):
            turn.start()
        with ThreadPoolExecutor(max_workers=len(wave)) as pool:
            list(pool.map(self._prepared, wave))
        late.cancel()

    def _prepared(self, turn: Turn) -> None:
        entry = turn.entry
        options = Options(
            tasks=(entry.task,),
            frameworks=tuple(self.frameworks),
            device=self.device,
            dtype=entry.dtype,
            threads=self.threads,
            batches=(entry.batch,),
        )
        with self.lines.guarded(f"{entry}, preparing"):
            turn.prepare(options)

    def _time(self, turn: Turn) -> None:
        if self.clock.over or turn.work is None:
            self.lines.note(str(turn.entry), "not reached in time")
            return
        found = turn.time(self.rounds, self.path)
        self.found.append(found)
        for contender in found.start.contenders:
            if contender.failed:
                self.lines.note(f"{turn.entry}, {contender.name}", contender.failed)
        self.lines.note(str(turn.entry), "recorded")


def _end(wave: Sequence[Turn]) -> None:
    """The time is over: nobody waits for what still compiles."""
    for turn in wave:
        for team in list(turn.stable.teams.values()):
            team.end()


def done(path: Path) -> Iterator[tuple[str, str, int, str]]:
    """Give what an earlier run recorded."""
    for found in records.read([path]):
        s = found.setting
        if found.end:
            yield s.model, s.task, s.batch, s.dtype


def available() -> list[str]:
    """The frameworks whose packages are there."""
    needs = {
        "pytorch": ("torch",),
        "jax": ("jax", "flax", "optax"),
        "keras": ("keras", "tensorflow"),
        "keras[jax]": ("keras", "jax"),
        "keras[torch]": ("keras", "torch"),
    }
    return [
        framework
        for framework, packages in needs.items()
        if all(importlib.util.find_spec(package) for package in packages)
    ]
