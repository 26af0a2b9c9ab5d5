"""Contenders in live processes that take turns, round after round, with a matrix
product as the measure of what the machine gives at the moment."""

import os
import platform
import shutil
import subprocess
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks import records, statistics
from benchmarks.peers import peer
from benchmarks.records import Comparison, Contender, Machine, Round, Setting, Start
from benchmarks.ways import KEEP, Way
from parity_tests import asked
from shared.arrays import Array
from shared.data.batches import Samples
from shared.errors import UsageError
from shared.frameworks import ROOT
from shared.messages import Prepared, Result, Timed, Workload
from shared.objectives.plan import Plan
from shared.running.client import RemoteModel, Worker, WorkerFailure
from shared.running.team import Team
from shared.specs.base import Spec

# A contender's turn lasts about this long, and a sample of it this long at least, so
# that a tick of the clock does not count.
TURN_SECONDS = 0.1
SAMPLE_SECONDS = 0.005
# Rounds are made up for while the machine is disturbed, up to so many times as many.
PATIENCE = 2
PROBE = {"cpu": (1024, 0.03), "cuda": (8192, 0.03), "tpu": (8192, 0.03)}
# Outputs by the largest of them: float32 as its parity tier, less by its digits.
AGREE = {"float64": 1e-9, "float32": 1e-4, "tf32": 2e-2, "bfloat16": 1e-1}
SEED = 0


@dataclass(frozen=True)
class Work:
    """What is repeated, but for the way. plan: its precision is the setting's."""

    spec: Spec
    setting: Setting
    batch: Samples
    plan: Plan

    def of(self, way: Way) -> Workload:
        task, tf32 = self.setting.task, self.setting.dtype == "tf32"
        return Workload(task, way.mode, self.given(way), self.plan, tf32)

    def given(self, way: Way) -> Samples:
        """A peer takes its inputs as its framework has them."""
        if not way.peer or way.framework == "pytorch":
            return self.batch
        inputs = zip(self.batch.inputs, self.spec.inputs(), strict=True)
        moved = (np.moveaxis(a, 1, -1) if t.channels_first else a for a, t in inputs)
        return Samples(tuple(map(np.ascontiguousarray, moved)), self.batch.targets)


class Stable:
    """The live workers, one a way or as many as it has processes; on an accelerator
    they last one comparison, since its memory cannot be had back."""

    def __init__(self, dtype: str, device: str, threads: int, cores: tuple[int, ...]):
        self.dtype = "float64" if dtype == "float64" else "float32"
        self.device, self.threads, self.cores = device, threads, cores
        self.teams: dict[Any, Team] = {}

    def get(self, key: Any, framework: str, processes: int = 1) -> Team:
        found = self.teams.get(key)
        if found is None or not found.alive:
            found = Team(
                framework,
                self.dtype,
                processes,
                threads=self.threads,
                cores=self.cores[-self.threads * processes :],
                device=self.device,
                variables=key.variables if isinstance(key, Way) else KEEP,
            )
            self.teams[key] = found
        return found

    def probe(self, dtype: str) -> float | None:
        """Measure GFLOP/s of a matrix product, by PyTorch."""
        size, seconds = PROBE[self.device]
        kind, tf32 = ("float32", True) if dtype == "tf32" else (dtype, False)
        try:
            found: float = (
                self.get("probe", "pytorch")
                .workers[0]
                .ask(
                    "pytorch_impl.workloads:probe",
                    size,
                    kind,
                    self.device,
                    tf32,
                    seconds,
                )
            )
        except WorkerFailure:
            return None
        return found

    def close(self) -> None:
        for team in self.teams.values():
            team.close()
        self.teams.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass
class Ready:
    """A contender whose calls are compiled and whose outputs were seen."""

    way: Way
    team: Team
    models: dict[Worker, RemoteModel]
    samples: int
    calls: int

    def time(self) -> Timed:
        """Time a sample: as long as the slowest of its processes took."""
        found = self.team.each(
            lambda worker: self.models[worker].time(
                self.samples, self.calls, self.way.handicap
            )
        )
        slowest = map(max, zip(*(timed.seconds for timed in found), strict=True))
        return Timed(list(slowest), sum(timed.busy for timed in found))

    def drop(self) -> None:
        if self.team.alive:
            self.team.each(lambda worker: self.models[worker].drop())


def measure(
    work: Work,
    ways: Sequence[Way],
    stable: Stable,
    rounds: int,
    path: Path,
    begun: Comparison | None = None,
) -> Comparison:
    """One comparison, written to `path` as it goes. begun: one to go on with."""
    ready, contenders = prepare(work, ways, stable)
    return in_turns(work, ready, contenders, stable, rounds, path, begun)


def in_turns(
    work: Work,
    ready: list["Ready"],
    contenders: list[Contender],
    stable: Stable,
    rounds: int,
    path: Path,
    begun: Comparison | None = None,
) -> Comparison:
    """Time those that `prepare` found, round after round."""
    if begun is None:
        start = Start(
            run=uuid.uuid4().hex,
            date=now(),
            revision=revision(),
            machine=machine(stable),
            setting=work.setting,
            contenders=contenders,
        )
        records.append(path, start)
        begun = Comparison(start, [])
    _same(begun, ready)
    try:
        if ready:
            _rounds(begun, ready, stable, rounds, path)
    finally:
        for one in ready:
            one.drop()
        if stable.device != "cpu":
            stable.close()
    begun.end = statistics.results(begun)
    records.append(path, begun.end)
    return begun


def _same(begun: Comparison, ready: Sequence[Ready]) -> None:
    names = [c.name for c in begun.start.contenders if not c.failed]
    now = [one.way.name for one in ready]
    if now != names:
        raise UsageError(
            f"{begun.setting.model} was begun with {', '.join(names)}; "
            f"now there is {', '.join(now) or 'none'}"
        )


def prepare(
    work: Work, ways: Sequence[Way], stable: Stable, together: int = 1
) -> tuple[list[Ready], list[Contender]]:
    """Start all; give those that run, and what all are. together: so many at once;
    they compile side by side where there are cores for it, and their first calls
    disturb each other."""

    def attempt(way: Way) -> tuple[Ready, Contender, tuple[Array, ...]] | str:
        try:
            return _ready(_named(way), way, work, stable)
        except (WorkerFailure, UsageError) as failure:
            return str(failure)

    ready, contenders = list[Ready](), list[Contender]()
    outputs: tuple[Array, ...] | None = None
    with ThreadPoolExecutor(max_workers=together) as pool:
        for way, answer in zip(ways, pool.map(attempt, ways), strict=True):
            if isinstance(answer, str):
                contenders.append(replace(_named(way), failed=answer))
                continue
            one, contender, found = answer
            outputs = outputs or found
            if way.processes == 1 and (reason := _differs(work, outputs, found)):
                contender = replace(contender, failed=reason)
            else:
                ready.append(one)
            contenders.append(contender)
    return ready, contenders


def paced(ready: Sequence["Ready"], contenders: Sequence[Contender]) -> list[Contender]:
    """Calls and samples anew, of those that `prepare` timed beside each other."""
    found = {one.way.name: one for one in ready}
    for one in ready:
        one.calls, one.samples = 1, 3
        one.calls, one.samples = _pace(median(one.time().seconds))
    return [
        replace(c, calls=found[c.name].calls, samples=found[c.name].samples)
        if c.name in found
        else c
        for c in contenders
    ]


def _pace(once: float) -> tuple[int, int]:
    """Calls in a sample, and samples in a turn, of a call that takes so long."""
    calls = max(1, round(SAMPLE_SECONDS / once))
    return calls, max(1, round(TURN_SECONDS / (calls * once)))


def _named(way: Way) -> Contender:
    return Contender(
        name=way.name, framework=way.framework, mode=way.mode, processes=way.processes
    )


def _ready(
    contender: Contender, way: Way, work: Work, stable: Stable
) -> tuple[Ready, Contender, tuple[Array, ...]]:
    team = stable.get(way, way.framework, way.processes)
    first = team.workers[0]
    # All at once: to look at its devices JAX waits for the other processes.
    about, *_ = team.each(lambda worker: worker.describe())
    models: dict[Worker, RemoteModel] = {}

    def start(worker: Worker) -> tuple[float, Prepared, float]:
        worker.forget_memory()
        models[worker], build_s = _built(way, work, worker)
        prepared = models[worker].prepare(work.of(way))
        return build_s, prepared, median(models[worker].time(3).seconds)

    (build_s, prepared, once), *_ = team.each(start)
    memory = first.memory()
    calls, samples = _pace(once)
    contender = replace(
        contender,
        peer=way.label,
        versions=about["versions"],
        environment=first.environment,
        layout="NHWC" if _last(way) else "NCHW",
        import_s=about["import_s"],
        build_s=round(build_s, 4),
        first_s=round(prepared.first_s, 6),
        second_s=round(prepared.second_s, 6),
        memory_mib=None if memory is None else round(memory, 1),
        calls=calls,
        samples=samples,
    )
    return Ready(way, team, models, samples, calls), contender, prepared.outputs


def _last(way: Way) -> bool:
    return way.framework != "pytorch" or way.mode.endswith("-nhwc")


def _built(way: Way, work: Work, worker: Worker) -> tuple[RemoteModel, float]:
    start = time.perf_counter()
    if way.peer:
        model = _adopted(way, work, worker)
    else:
        model = worker.build(work.spec, work.setting.model)
        model.fill(SEED)
    model.move(worker.device)
    return model, time.perf_counter() - start


def _adopted(way: Way, work: Work, worker: Worker) -> RemoteModel:
    found = peer(way.peer, way.framework)
    ours = worker.build(work.spec, work.setting.model)
    ours.fill(SEED)
    weights = ours.dump()
    ours.drop()
    model = worker.adopt(found.target, work.given(way).inputs)
    model.load(found.weights(weights))
    return model


def _differs(work: Work, wanted: tuple[Array, ...], found: tuple[Array, ...]) -> str:
    """What is timed must be the same function. A step of training tells by its loss,
    unless chance has a part in it."""
    if not all(np.isfinite(a).all() for a in found):
        return "what it puts out is no number"
    if work.setting.task == "training" and _random(work.spec):
        return ""
    if program := work.spec.programs().get(work.setting.task):
        sides = {"the first": Result(wanted), "this": Result(found)}
        bound = AGREE[work.setting.dtype]
        worst = asked.compared(program, work.batch.inputs, sides, bound)
        if isinstance(worst, str):
            return worst
        return f"{worst.where}: {worst.error:.1e}" if worst.error > bound else ""
    for a, b in zip(wanted, found, strict=True):
        if a.shape != b.shape:
            return (
                f"its output has the shape {b.shape}, the first contender's {a.shape}"
            )
        error = float(np.abs(a - b).max(initial=0.0) / max(np.abs(a).max(), 1e-30))
        if not error <= AGREE[work.setting.dtype]:
            return f"its output differs from the first's by {error:.1e}"
    return ""


def _random(spec: Spec) -> bool:
    """Whether chance has a part in it, or in a spec that it holds."""
    dropped = any(v for k, v in vars(spec).items() if k.startswith("drop"))
    inside = any(_random(v) for v in vars(spec).values() if isinstance(v, Spec))
    return dropped or inside or any(tensor.drawn for tensor in spec.inputs())


def _rounds(
    found: Comparison, ready: list[Ready], stable: Stable, wanted: int, path: Path
) -> None:
    """Run as many undisturbed rounds as are wanted, within patience."""
    while len(found.rounds) < PATIENCE * wanted:
        if len(statistics.kept(found.rounds)[0]) >= wanted:
            return
        number = len(found.rounds) + 1
        probe = stable.probe(found.setting.dtype)
        seconds, busy = dict[str, list[float]](), dict[str, float]()
        for one in ready if number % 2 else ready[::-1]:
            timed = one.time()
            seconds[one.way.name] = [round(s, 9) for s in timed.seconds]
            busy[one.way.name] = round(timed.busy, 3)
        line = Round(
            run=found.start.run, number=number, seconds=seconds, busy=busy, probe=probe
        )
        records.append(path, line)
        found.rounds.append(line)


# Where it ran


def cores(threads: int, processes: int = 1) -> tuple[int, ...]:
    """Give the last cores, since a system does its own work on the first."""
    mine, wanted = sorted(os.sched_getaffinity(0)), threads * processes
    if not 1 <= wanted <= len(mine):
        told = f"threads is {threads}"
        told += f" in {processes} processes" if processes > 1 else ""
        raise UsageError(f"{told}; allowed: from 1 to {len(mine)} in all")
    return tuple(mine[-wanted:])


def machine(stable: Stable) -> Machine:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory / 2**30, 1),
        accelerator=_accelerator(stable),
        python=platform.python_version(),
    )


def here(device: str = "cpu") -> dict[str, Any]:
    """When, of which revision and where, for what is no benchmark."""
    with Stable("float32", device, 1, cores(1)) as stable:
        return {"date": now(), "revision": revision(), "machine": machine(stable)}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def _cpu() -> str:
    text = Path("/proc/cpuinfo")
    lines = text.read_text().splitlines() if text.exists() else []
    models = [x.partition(":")[2].strip() for x in lines if x.startswith("model name")]
    return models[0] if models else platform.processor()


def _accelerator(stable: Stable) -> str:
    if stable.device == "cpu":
        return ""
    devices = stable.get("probe", "pytorch").workers[0].describe()["devices"]
    return ", ".join(d for d in devices if d != "cpu")


@cache
def revision() -> str:
    """Give the revision as git has it, or TRIPTYCH_REVISION on a machine that has a
    copy alone."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    told = os.environ.get("TRIPTYCH_REVISION", "")
    if told or not shutil.which("git"):
        return told
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
