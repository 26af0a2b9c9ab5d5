"""The parity engine: every tier of every model, generic over the catalog."""

import hashlib
import itertools
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from parity_tests import asked, tolerances, training
from parity_tests.asked import Answers
from parity_tests.compare import (
    NONE,
    NOTHING,
    Array,
    Named,
    Worst,
    error,
    mean_error,
    worst_of,
    worst_pair,
)
from shared.catalog import VARIANTS
from shared.contract import Request, Result, Seen
from shared.errors import UsageError
from shared.files import weights
from shared.files.weights import Entry
from shared.objectives.plan import Plan
from shared.running.client import NATIVE, ROOT, RemoteModel, Worker, WorkerFailure
from shared.specs.base import Spec, Variant

TIERS = (
    "names",
    "counts",
    "exchange",
    "forward",
    "gradients",
    "buffers",
    "programs",
    "cases",
    "training",
    "float32",
)
# What a back end of Keras other than TensorFlow is held to by default.
FOREIGN_TIERS = ("names", "counts", "forward")
SEED = 0
# Four samples make batch statistics that differ from their running values; full-size
# models get by with two.
BATCH, FULL_BATCH = 4, 2


@dataclass(frozen=True)
class Check:
    """One object a check, as `triptych parity --json` writes it."""

    model: str
    tier: str
    frameworks: list[str]
    dtype: str
    worst: str | None
    error: float | None
    tolerance: float | None
    passed: bool
    seconds: float
    reason: str

    @property
    def said(self) -> str:
        """The verdict in a cell of a table."""
        if not self.passed:
            return "FAIL"
        if self.worst == NOTHING.where:
            return "none"
        return f"{self.error:.1e}" if self.error else "exact"


class Workers:
    """One worker a framework and precision, started when first asked for."""

    def __init__(self, timeout: float = 600.0, root: Path = ROOT):
        self.timeout, self.root = timeout, root
        self._running: dict[tuple[str, str], Worker] = {}

    def get(self, framework: str, dtype: str) -> Worker:
        key = (framework, dtype)
        if key in self._running and not self._running[key].alive:
            self._running.pop(key).close()
        if key not in self._running:
            self._running[key] = Worker(
                framework, dtype, timeout=self.timeout, root=self.root
            )
        return self._running[key]

    def trim(self, limit_mib: int) -> None:
        """End those that held more, for what their caches keep; they start anew."""
        for key, worker in list(self._running.items()):
            if not worker.alive or worker.describe()["peak_mib"] > limit_mib:
                self._running.pop(key).close()

    def close(self) -> None:
        while self._running:
            self._running.popitem()[1].close()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Evidence:
    """What one framework says of one model; `failures` says why a part is missing."""

    entries: dict[str, Entry] = field(default_factory=dict)
    evaluation: Result | None = None
    training: Result | None = None
    answers: Answers = field(default_factory=Answers)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def request(
    spec: Spec, batch: int, *, training: bool, gradients: bool = False
) -> Request:
    """The same question to every framework."""
    inputs = spec.examples(batch, SEED)
    wanted = asked.cotangents(spec.outputs(training), spec.inputs(), inputs, SEED + 1)
    return Request(
        inputs,
        training=training,
        seed=SEED,
        cotangents=wanted if gradients else None,
    )


def measure(
    worker: Worker,
    name: str,
    variant: Variant,
    tiers: Sequence[str],
    layers: bool = True,
) -> Evidence:
    """Ask one framework what these tiers need of it; a failure is evidence too.

    layers: of a tiny model, what every layer puts out.
    """
    evidence, start = Evidence(), time.monotonic()
    batch = BATCH if variant.tiny else FULL_BATCH
    wants_values = set(tiers) & {"forward", "gradients", "buffers", "float32"}
    wants_answers = set(tiers) & {"programs", "cases"}
    wants_gradients = bool(set(tiers) & {"gradients", "float32"})
    stage = "names"
    try:
        model = worker.build(variant.spec, name)
        evidence.entries = model.entries()
        if wants_values or wants_answers:
            model.fill(SEED)
            model.move(worker.device)
        if wants_values:
            stage = "forward"
            plain = request(variant.spec, batch, training=False, gradients=False)
            plain = replace(plain, trace=variant.tiny and layers)
            evidence.evaluation = model.run(plain)
            stage = "gradients" if wants_gradients else "forward"
            plain = request(
                variant.spec, batch, training=True, gradients=wants_gradients
            )
            evidence.training = model.run(plain)
        for name in variant.spec.programs() if "programs" in tiers else ():
            stage = f"programs/{name}"
            question = asked.of_program(variant.spec, name, batch, SEED)
            evidence.answers.programs[name] = model.run(question)
        for case in variant.spec.cases if "cases" in tiers else ():
            stage = f"cases/{case}"
            one, two = asked.of_case(variant.spec, case, batch, SEED)
            evidence.answers.cases[case] = model.run(one), model.run(two)
        model.drop()
    except (WorkerFailure, UsageError) as failure:
        evidence.failures[stage] = str(failure)
    evidence.seconds = time.monotonic() - start
    return evidence


class Session:
    """Checks of some frameworks in one precision; evidence is kept for one model."""

    def __init__(
        self,
        workers: Workers,
        frameworks: Sequence[str] = NATIVE,
        dtype: str = "float64",
        *,
        together: bool = True,
        optimizers: Sequence[str] = tuple(training.OPTIMIZERS),
        layers: bool = True,
    ):
        self.workers, self.frameworks, self.dtype = workers, list(frameworks), dtype
        self.together, self.optimizers, self.layers = together, optimizers, layers
        self._evidence: dict[tuple[str, str, str], Evidence] = {}

    def check(self, name: str, tiers: Sequence[str]) -> Iterator[Check]:
        """The checks of one model, tier by tier."""
        self._forget_others(name)
        for tier in tiers:
            start = time.monotonic()
            for part, worst, tolerance in self._tier(name, tier, tiers):
                label = f"{tier}/{part}" if part else tier
                yield self._verdict(name, label, worst, tolerance, start)
                start = time.monotonic()

    def _verdict(
        self,
        name: str,
        tier: str,
        worst: Worst | str,
        tolerance: float | None,
        start: float,
    ) -> Check:
        seconds = time.monotonic() - start
        return verdict(
            name, tier, self.frameworks, self.dtype, worst, tolerance, seconds
        )

    def _tier(
        self, name: str, tier: str, tiers: Sequence[str]
    ) -> Iterator[tuple[str, Worst | str, float | None]]:
        found = self._gather(name, tiers, self.dtype)
        ask = {
            "names": self._names,
            "counts": self._counts,
            "exchange": self._exchange,
            "forward": self._forward,
            "gradients": self._gradients,
            "buffers": self._buffers,
            "programs": self._programs,
            "cases": self._cases,
            "training": self._training,
            "float32": self._float32,
        }[tier]
        yield from ask(name, found)

    # Evidence

    def remember(self, name: str, framework: str, evidence: Evidence) -> None:
        """Use this instead of asking the framework."""
        self._evidence[name, framework, self.dtype] = evidence

    def _gather(
        self, name: str, tiers: Sequence[str], dtype: str
    ) -> dict[str, Evidence]:
        missing = [
            framework
            for framework in self.frameworks
            if (name, framework, dtype) not in self._evidence
        ]

        def ask(framework: str) -> Evidence:
            worker = self.workers.get(framework, dtype)
            return measure(worker, name, VARIANTS[name], tiers, self.layers)

        if self.together:
            with ThreadPoolExecutor(max_workers=len(self.frameworks)) as pool:
                answers = list(pool.map(ask, missing))
        else:
            answers = [ask(framework) for framework in missing]
        for framework, answer in zip(missing, answers, strict=True):
            self._evidence[name, framework, dtype] = answer
        return {f: self._evidence[name, f, dtype] for f in self.frameworks}

    def _forget_others(self, name: str) -> None:
        self._evidence = {k: v for k, v in self._evidence.items() if k[0] == name}

    # Tiers: each yields (part, worst or reason, tolerance)

    def _names(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, None]]:
        yield "", _failed(found) or _names_differ(found) or NONE, None

    def _counts(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, None]]:
        published = VARIANTS[name].parameters
        wrong = [
            f"{framework} has {weights.count(evidence.entries):,} parameters, "
            f"{VARIANTS[name].source} {published:,}"
            for framework, evidence in found.items()
            if weights.count(evidence.entries) != published
        ]
        yield "", _failed(found) or "; ".join(wrong) or NONE, None

    def _exchange(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, None]]:
        try:
            workers = {f: self.workers.get(f, self.dtype) for f in self.frameworks}
            reason = exchange(name, VARIANTS[name].spec, workers, self.together)
        except (WorkerFailure, UsageError) as failure:
            reason = str(failure)
        yield "", _failed(found, "names") or reason or NONE, None

    def _forward(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        bound = tolerances.bound(tolerances.FORWARD, self.dtype)
        runs: dict[str, Callable[[Evidence], Result | None]] = {
            "evaluation": lambda e: e.evaluation,
            "training": lambda e: e.training,
        }
        for part, run in runs.items():
            training = part == "training"
            reason = _failed(found) or _misshapen(name, found, run, training)
            sets = {f: _outputs(run(e)) for f, e in found.items()}
            yield part, reason or worst_pair(sets), bound
        if VARIANTS[name].tiny and self.layers:
            layers = {f: e.evaluation.layers for f, e in found.items() if e.evaluation}
            yield "layers", _failed(found) or worst_layer(layers), bound

    def _gradients(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        sets = {f: _gradients_of(e.training) for f, e in found.items()}
        worst = worst_pair(sets, tolerances.GRADIENT_FLOOR)
        reals = [
            f"input {i}"
            for i, tensor in enumerate(VARIANTS[name].spec.inputs())
            if tensor.below is None
        ]
        reason = _failed(found) or _incomplete(found, sets, True, reals)
        yield "", reason or worst, tolerances.bound(tolerances.GRADIENTS, self.dtype)

    def _buffers(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        sets = {f: e.training.buffers if e.training else {} for f, e in found.items()}
        worst = worst_pair(sets) if any(sets.values()) else NOTHING
        reason = _failed(found) or _incomplete(found, sets, False)
        yield "", reason or worst, tolerances.bound(tolerances.BUFFERS, self.dtype)

    def _programs(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        yield from self._answers(name, found, asked.programs)

    def _cases(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        yield from self._answers(name, found, asked.cases)

    def _answers(
        self,
        name: str,
        found: Mapping[str, Evidence],
        judge: Callable[..., Iterator[asked.Verdict]],
    ) -> Iterator[asked.Verdict]:
        """A model that is asked nothing more says so."""
        if failed := _failed(found):
            yield "", failed, tolerances.FORWARD
            return
        answers = {framework: one.answers for framework, one in found.items()}
        spec = VARIANTS[name].spec
        nothing = ("", NOTHING, tolerances.bound(tolerances.FORWARD, self.dtype))
        yield from list(judge(spec, answers, self.dtype)) or [nothing]

    def _training(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        spec = VARIANTS[name].spec
        plans = training.plans(spec)
        for part in self.optimizers:

            def ask(framework: str, plan: Plan = plans[part]) -> list[Seen]:
                worker = self.workers.get(framework, self.dtype)
                return training.follow(worker, name, spec, plan)

            try:
                with ThreadPoolExecutor(max_workers=len(self.frameworks)) as pool:
                    answers = list(pool.map(ask, self.frameworks))
            except (WorkerFailure, UsageError) as failure:
                yield part, str(failure), tolerances.TRAINING
                continue
            seen = dict(zip(self.frameworks, answers, strict=True))
            bound = tolerances.bound(tolerances.TRAINING, self.dtype)
            yield part, training.worst_update(seen), bound

    def _float32(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        """Each framework's float32 run against its own float64 run."""
        tiers = ("forward", "gradients", "float32")
        single = self._gather(name, tiers, "float32")
        double = self._gather(name, tiers, "float64")
        failed = _failed(single) or _failed(double)
        floor = tolerances.GRADIENT_FLOOR
        parts: list[tuple[str, Callable[[Evidence], Named], float]] = [
            ("evaluation", lambda e: _outputs(e.evaluation), 0.0),
            ("training", lambda e: _outputs(e.training), 0.0),
            ("gradients", lambda e: _gradients_of(e.training), floor),
        ]
        for part, pick, share in parts:
            if failed:
                yield part, failed, tolerances.FLOAT32_LIMIT
                continue
            pairs = {f: (pick(double[f]), pick(single[f])) for f in self.frameworks}
            yield part, *_float32_verdict(pairs, share)


def verdict(
    name: str,
    tier: str,
    frameworks: Sequence[str],
    dtype: str,
    worst: Worst | str,
    tolerance: float | None,
    seconds: float,
) -> Check:
    """worst: the largest error, or why there is none."""
    reason, where, off = "", None, None
    if isinstance(worst, str):
        reason = worst
    else:
        where, off = worst.where or None, worst.error
        if off > (tolerance or 0.0):
            reason = f"{where}: {off:.3g} is above {tolerance or 0:g}"
    return Check(
        name,
        tier,
        list(frameworks),
        dtype,
        where,
        off,
        tolerance,
        not reason,
        round(seconds, 3),
        reason,
    )


def _float32_verdict(
    pairs: Mapping[str, tuple[Named, Named]], share: float
) -> tuple[Worst, float]:
    """One value far off counts as it is; else what each framework loses on average."""
    far, zero = NONE, tolerances.ZERO_GRADIENT
    for framework, (double, single) in pairs.items():
        far |= worst_of(double, single, framework, share, zero)
    if not far.error <= tolerances.FLOAT32_LIMIT:
        return far, tolerances.FLOAT32_LIMIT
    lost = {f: Worst(mean_error(*pair, share, zero), f) for f, pair in pairs.items()}
    best = max(min(w.error for w in lost.values()), tolerances.FLOAT32_FLOOR)
    worst = max(lost.values(), key=lambda worst: worst.error)
    return worst, min(tolerances.FLOAT32_RATIO * best, tolerances.FLOAT32_LIMIT)


def _failed(found: Mapping[str, Evidence], *stages: str) -> str:
    reasons = [
        reason
        for evidence in found.values()
        for stage, reason in evidence.failures.items()
        if not stages or stage in stages
    ]
    return "; ".join(reasons)


def _names_differ(found: Mapping[str, Evidence]) -> str:
    reasons = []
    (one, first), *others = found.items()
    for two, second in others:
        for name in sorted(first.entries.keys() | second.entries.keys()):
            a, b = first.entries.get(name), second.entries.get(name)
            if a is None or b is None:
                reasons.append(f"{name} is only in {two if a is None else one}")
            elif a != b:
                reasons.append(f"{name}: {one} has {_say(a)}, {two} {_say(b)}")
    if len(reasons) > 3:
        reasons[3:] = [f"and {len(reasons) - 3} more"]
    return "; ".join(reasons)


def _say(entry: Entry) -> str:
    kind = "trainable" if entry.trainable else "fixed"
    return f"{entry.dtype}{list(entry.shape)} {kind}"


def _misshapen(
    name: str,
    found: Mapping[str, Evidence],
    run: Callable[[Evidence], Result | None],
    training: bool,
) -> str:
    """Outputs whose shapes are not the spec's."""
    spec, reasons = VARIANTS[name].spec, []
    said = [tensor.shape for tensor in spec.outputs(training)]
    for framework, evidence in found.items():
        result = run(evidence)
        shapes = [o.shape[1:] for o in result.outputs] if result else None
        if shapes != said:
            reasons.append(f"{framework} puts out {shapes}, the spec says {said}")
    return "; ".join(reasons)


def _incomplete(
    found: Mapping[str, Evidence],
    sets: Mapping[str, Named],
    trainable: bool,
    more: Sequence[str] = (),
) -> str:
    """Tensors that a framework says it has and gave no answer for, or the reverse."""
    reasons = []
    for framework, evidence in found.items():
        own = {n for n, e in evidence.entries.items() if e.trainable == trainable}
        odd = sorted({*own, *more} ^ sets[framework].keys())
        if odd:
            reasons.append(
                f"{framework} has no answer, or no tensor, for {', '.join(odd[:3])}"
            )
    return "; ".join(reasons)


def _outputs(result: Result | None) -> Named:
    outputs = result.outputs if result else ()
    return {f"output {i}": value for i, value in enumerate(outputs)}


def _gradients_of(result: Result | None) -> Named:
    if result is None:
        return {}
    of_inputs = {
        f"input {i}": value
        for i, value in enumerate(result.input_gradients)
        if value is not None
    }
    return {**result.gradients, **of_inputs}


def worst_layer(layers: Mapping[str, Mapping[str, Any]]) -> Worst:
    """The worst named layer over all pairs, whatever the frameworks' layouts."""
    found = NONE if any(layers.values()) else Worst(math.inf, "no layer was recorded")
    for (one, a), (two, b) in itertools.combinations(layers.items(), 2):
        between = f"{one} vs {two}"
        if a.keys() != b.keys():
            odd = ", ".join(sorted(a.keys() ^ b.keys())[:3])
            found |= Worst(math.inf, f"{between}: layers only in one: {odd}")
            continue
        for path in a:
            off = layout_error(a[path].left, b[path].left)
            found |= Worst(off, f"{between}: {path}")
    return found


def layout_error(a: Array, b: Array) -> float:
    """The error in the arrangement that fits best: channels first or last."""
    return min(
        error(one, two)
        for one, two in itertools.product(_arrangements(a), _arrangements(b))
    )


def _arrangements(a: Array) -> list[Array]:
    return [a] if a.ndim < 3 else [a, np.moveaxis(a, -1, 1)]


def exchange(
    name: str, spec: Spec, workers: Mapping[str, Worker], together: bool = True
) -> str:
    """Save in each, load in each, save again; the reason why a file differs, or "".

    together: the models live side by side. Without it one at a time does.
    """
    models: dict[str, RemoteModel] = {}

    def take(framework: str) -> RemoteModel:
        if framework not in models:
            models[framework] = workers[framework].build(spec, name)
        return models[framework]

    def leave(framework: str) -> None:
        models.pop(framework).drop()

    reasons = []
    with tempfile.TemporaryDirectory() as folder:
        files = {framework: Path(folder) / framework for framework in workers}
        again = Path(folder) / "again"
        for seed, (source, file) in enumerate(files.items()):
            take(source).fill(seed)
            take(source).save(file)
            if not together:
                leave(source)
        digests = {source: _digest(file) for source, file in files.items()}
        for target in workers:
            for source, file in files.items():
                take(target).read(file)
                take(target).save(again)
                if digests[source] != _digest(again):
                    reasons.append(f"{source} -> {target} is not bit for bit")
                again.unlink()
            leave(target)
    return "; ".join(reasons)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def tiers_for(variant: Variant, tiers: Sequence[str], full: bool = False) -> list[str]:
    """Full-size variants give names and counts, the rest where `full` is asked."""
    if variant.tiny:
        return list(tiers)
    if full:
        return [tier for tier in tiers if tier != "training"]
    return [tier for tier in tiers if tier in ("names", "counts")]
