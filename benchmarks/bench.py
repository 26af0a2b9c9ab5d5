"""`triptych bench`: what to compare, at which size, and what came of it."""

import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from benchmarks import flops, modes, peers, records, statistics
from benchmarks.measure import SEED, Stable, Work, cores, measure
from benchmarks.records import Comparison, Device, Dtype, Setting
from benchmarks.ways import Way
from parity_tests import asked
from shared import catalog, reading
from shared.arrays import Array
from shared.contract import TASKS
from shared.data.batches import Batch, Samples, one_batch
from shared.definitions.optimizers import AdamW
from shared.errors import UsageError, brief, unknown
from shared.files.writing import refuse_unwritable
from shared.frameworks import PACKAGES
from shared.messages import Request
from shared.objectives.plan import Plan
from shared.plain import from_plain, to_plain
from shared.running import cluster
from shared.running.client import WorkerFailure
from shared.specs.base import Spec

RECOMMENDED = "recommended"
DTYPES = ("float32", "tf32", "bfloat16", "float64")
DEVICES = ("cpu", "cuda", "tpu")
# Operations of one inference, about: what a device does in the tenth of a second that a
# block lasts, or less. The batch follows from it.
OPERATIONS = {"cpu": 2e9, "cuda": 2e12, "tpu": 2e12}
MOST = {"cpu": 64, "cuda": 256, "tpu": 256}
MOST_OF_ANY = 1_000_000
# Batches of a data set to load from.
LOADED = 32


@dataclass(frozen=True)
class Options:
    """What all comparisons of a run share. batches: none to let the size decide."""

    tasks: tuple[str, ...] = ("inference", "training")
    frameworks: tuple[str, ...] = ("pytorch", "keras", "jax")
    modes: tuple[str, ...] = ("eager", "compiled")
    device: Device = "cpu"
    dtype: Dtype = "float32"
    threads: int = 1
    processes: tuple[int, ...] = (1,)
    rounds: int = 7
    batches: tuple[int, ...] = ()
    changes: Mapping[str, Any] | None = None
    peers: bool = False

    def __post_init__(self) -> None:
        for what, given, known in (
            ("framework", self.frameworks, tuple(PACKAGES)),
            ("device", (self.device,), DEVICES),
            ("dtype", (self.dtype,), DTYPES),
        ):
            for value in given:
                if value not in known:
                    raise unknown(what, value, known)
        for name in ("threads", "rounds", "batches", "processes"):
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,)
            if not all(1 <= number <= MOST_OF_ANY for number in values):
                raise UsageError(f"{name} is {value}; allowed: from 1 to {MOST_OF_ANY}")
        if max(self.processes) > 1 and self.tasks != ("training",):
            raise UsageError("--processes: only --task training is shared by several")


def bench(
    names: Sequence[str],
    options: Options,
    path: Path,
    resume: bool,
    say: Callable[[str], None],
) -> list[Comparison]:
    """Compare every model in every task, one comparison each."""
    _refuse_unknown(names, options)
    refuse_unwritable(path)
    begun = {_key(c): c for c in _unfinished(path)} if resume else {}
    done = {_key(c) for c in _finished(path)} if resume else set()
    found = []
    with Stable(
        options.dtype,
        options.device,
        options.threads,
        cores(options.threads, max(options.processes)),
    ) as stable:
        offered = _offered(options, stable)
        for name in names:
            for work in works(name, options, stable):
                ways = ways_of(name, options, settled(offered, work))
                key = _identity(work.setting, [way.name for way in ways])
                if key in done:
                    continue
                say(f"{name}, {work.setting.task}, batch {work.setting.batch}")
                found.append(
                    measure(work, ways, stable, options.rounds, path, begun.get(key))
                )
    return found


def bench_on_cluster(
    names: Sequence[str], options: Options, path: Path, say: Callable[[str], None]
) -> list[Comparison]:
    """Compare as `bench` does, with a model a job on the cluster; the lines come back
    and are added here. A job takes as many cores as this machine has, so that none
    disturbs another."""
    _refuse_unknown(names, options)
    refuse_unwritable(path)
    jobs = [(name, options) for name in names]
    cores = float(os.cpu_count() or 1)
    found: list[Comparison] = []
    answers = cluster.each(_over_there, jobs, cores=cores)
    for name, lines in zip(names, answers, strict=True):
        if isinstance(lines, cluster.Lost):
            raise UsageError(f"{name}: {lines}")
        say(name)
        for line in lines:
            records.append(path, records.checked(line, name))
        runs = {line["run"] for line in lines}
        found += [c for c in records.read([path]) if c.start.run in runs]
    return found


def _refuse_unknown(names: Sequence[str], options: Options) -> None:
    """Tasks that are no programs of a model's either."""
    for name, task in itertools.product(names, options.tasks):
        known = (*TASKS, *catalog.variant(name).spec.programs())
        if task not in known:
            raise UsageError(f"{name} has no task {task!r}; it has {', '.join(known)}")


def _over_there(job: tuple[str, Options]) -> list[dict[str, Any]]:
    name, options = job
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        bench([name], options, path, False, lambda text: None)
        return [json.loads(line) for line in path.read_text().splitlines()]


def _offered(options: Options, stable: Stable) -> dict[str, tuple[str, ...]]:
    """The modes of each framework, of those that are asked for; what is asked for is
    there, before anything is timed."""
    offered = {}
    for framework in options.frameworks:
        way = Way(framework, options.modes[0], processes=options.processes[0])
        team = stable.get(way, framework, way.processes)
        if options.device != "cpu":
            team.each(lambda worker: worker.require(options.device))
        offered[framework] = team.each(lambda worker: worker.describe())[0]["modes"]
    known = tuple(dict.fromkeys(itertools.chain(*offered.values())))
    for mode in options.modes:
        modes.check_device(mode, options.device)
        if mode not in (*known, RECOMMENDED):
            raise unknown(f"mode of {', '.join(options.frameworks)}", mode, known)
    return {
        f: tuple(m for m in options.modes if m in (*offered[f], RECOMMENDED))
        for f in offered
    }


def settled(
    offered: Mapping[str, Sequence[str]], work: Work
) -> dict[str, tuple[str, ...]]:
    """What RECOMMENDED means for this model and task, with the other modes."""
    setting, kind = work.setting, modes.kind_of(work.spec)

    def of(framework: str, mode: str) -> str:
        if mode != RECOMMENDED:
            return mode
        # Programs have no records by kind: they run as inference does.
        task = setting.task if setting.task in TASKS else "inference"
        return modes.recommended(framework, setting.device, task, kind)

    return {
        framework: tuple(dict.fromkeys(of(framework, mode) for mode in given))
        for framework, given in offered.items()
    }


def _finished(path: Path) -> list[Comparison]:
    return [c for c in records.read([path]) if c.end] if path.exists() else []


def _unfinished(path: Path) -> list[Comparison]:
    return [c for c in records.read([path]) if not c.end] if path.exists() else []


def _key(found: Comparison) -> str:
    return _identity(found.setting, [c.name for c in found.start.contenders])


def _identity(setting: Setting, names: Sequence[str]) -> str:
    return repr((asdict(setting), list(names)))


def ways_of(
    name: str, options: Options, offered: Mapping[str, Sequence[str]]
) -> list[Way]:
    ways = [
        Way(framework, mode, processes=processes)
        for framework in options.frameworks
        for mode in offered[framework]
        for processes in options.processes
    ]
    if options.peers:
        ways += peers.ways_of(name, offered)
    return ways


def works(name: str, options: Options, stable: Stable) -> Iterator[Work]:
    spec = _changed(catalog.variant(name).spec, options.changes or {})
    entries, once = _one_sample(name, spec, stable)
    batches = options.batches or (_batch(once, options.device),)
    parameters = sum(int(np.prod(e.shape)) for e in entries.values() if e.trainable)
    for task, batch in itertools.product(options.tasks, batches):
        training = task == "training"
        count = batch * once * (flops.TRAINING if training else 1)
        setting = Setting(
            model=name,
            family=catalog.family_of(spec),
            changes=_told(options.changes or {}),
            task=task,
            batch=batch,
            parameters=parameters,
            flops=count if task in ("inference", "training") else None,
            dtype=options.dtype,
            device=options.device,
            threads=options.threads,
            affinity=list(stable.cores),
        )
        size = batch * LOADED if task == "loading" else batch
        yield Work(
            spec, setting, samples(spec, size, task), _plan(spec, batch, options)
        )


def changes(given: Sequence[str]) -> dict[str, Any]:
    """`image_size=64` and the like, each value as JSON has it."""
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = reading.from_json(value, "it")
        except UsageError:
            raise UsageError(
                f"--set {brief(text)}: allowed: FIELD=VALUE, as image_size=64 or "
                "image_size=[64,64]"
            ) from None
    return found


def numbers(option: str, given: str) -> tuple[int, ...]:
    parts = given.split(",")
    if not all(part.isdecimal() and len(part) < 9 for part in parts):
        allowed = "whole numbers of up to 8 digits, as 1,2,4"
        raise UsageError(f"{option} {brief(given)}: allowed: {allowed}")
    return tuple(map(int, parts))


def _changed(spec: Spec, changes: Mapping[str, Any]) -> Spec:
    return from_plain(type(spec), {**to_plain(spec), **changes}) if changes else spec


def _told(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in changes.items()}


def _one_sample(name: str, spec: Spec, stable: Stable) -> tuple[Any, int]:
    """Names and shapes of the weights, and the operations of one sample."""
    model = stable.get("probe", "pytorch").workers[0].build(spec, name)
    try:
        entries = model.entries()
        model.fill(SEED)
        request = Request(_inputs(spec, 1), trace=True)
        return entries, flops.of_one(spec, entries, model.run(request).layers)
    except WorkerFailure as failure:
        raise UsageError(f"{name} cannot be run once: {failure}") from None
    finally:
        if model.worker.alive:
            model.drop()


def _batch(once: int, device: str) -> int:
    """The power of two that keeps a call short."""
    batch = 1
    while 2 * batch * once <= OPERATIONS[device] and batch < MOST[device]:
        batch *= 2
    return batch


def samples(spec: Spec, size: int, task: str = "inference") -> Samples:
    """What one call is given; noise is given to inference and programs, and drawn in
    training."""
    if task not in TASKS:
        given = asked.of_program(spec, task, size, SEED).inputs
        return Batch(tuple(map(_single, given)), (), size)
    inputs = _inputs(spec, size)
    wanted = tuple(map(_single, spec.wanted(inputs, 0)))
    if task != "inference":
        pairs = zip(inputs, spec.inputs(), strict=True)
        inputs = tuple(array for array, tensor in pairs if not tensor.drawn)
    return one_batch(inputs, wanted, size)


def _inputs(spec: Spec, size: int) -> tuple[Array, ...]:
    return tuple(map(_single, spec.examples(size, SEED)))


def _single(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _plan(spec: Spec, batch: int, options: Options) -> Plan:
    precision = "float32" if options.dtype == "tf32" else options.dtype
    return Plan(
        objective=spec.objective(),
        optimizer=AdamW(),
        epochs=1,
        batch_size=batch,
        seed=SEED,
        precision=precision,
    )


def table(found: Sequence[Comparison]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("model")
    shown.add_column("way")
    for column in ("speed", "95 %", "verdict", "samples/s", "of ceiling", "first call"):
        shown.add_column(column, justify="right")
    for comparison in found:
        setting = comparison.setting
        said = f"{setting.model}, {setting.task}, batch {setting.batch}"
        if comparison.end and comparison.end.noisy:
            said += " (noisy)"
        for row in rows(comparison):
            shown.add_row(said, *row)
            said = ""
    return shown


def rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    results = {r.contender: r for r in comparison.end.results} if comparison.end else {}
    for contender in comparison.start.contenders:
        result = results.get(contender.name)
        if result is None:
            said = escape(contender.failed or "no rounds")
            yield escape(contender.name), "-", "", said, "", "", ""
            continue
        share = "" if result.fraction is None else f"{result.fraction:.0%}"
        yield (
            escape(contender.name),
            f"{result.ratio:.2f}",
            statistics.spanned(result.low, result.high, 2),
            result.verdict,
            f"{result.per_second:,.0f}",
            share,
            "" if contender.first_s is None else f"{contender.first_s:.2f} s",
        )


def failures(found: Sequence[Comparison]) -> int:
    return sum(bool(c.failed) for one in found for c in one.start.contenders)


def chosen(names: Sequence[str], everything: bool) -> list[str]:
    """Give the models that these names of models or families mean; a tiny one only by
    its own name. A name of both is the model's."""
    if bool(names) == everything:
        raise UsageError("bench wants models, families or --all")
    families = [name for name in names if name not in catalog.VARIANTS]
    found = catalog.select(families) if families or everything else {}
    large = [name for name, variant in found.items() if not variant.tiny]
    return list(dict.fromkeys([n for n in names if n in catalog.VARIANTS] + large))
