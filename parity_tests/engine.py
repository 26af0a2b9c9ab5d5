"""The parity engine: every tier of every model, generic over the catalog."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from parity_tests import asked, bfloat16, float32, kinks, tolerances, training
from parity_tests.compare import (
    NONE,
    NOTHING,
    Named,
    Worst,
    by_floor,
    worst_layer,
    worst_pair,
)
from parity_tests.evidence import BATCH as BATCH
from parity_tests.evidence import FULL_BATCH as FULL_BATCH
from parity_tests.evidence import SEED as SEED
from parity_tests.evidence import Evidence as Evidence
from parity_tests.evidence import (
    failed,
    gradients_of,
    incomplete,
    misshapen,
    names_differ,
    outputs_of,
    unstarted,
)
from parity_tests.evidence import measure as measure
from parity_tests.evidence import request as request
from parity_tests.exchanging import exchange
from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import NATIVE, ROOT
from shared.messages import Result, Seen
from shared.objectives.plan import Plan
from shared.running.client import Worker, WorkerFailure
from shared.specs.base import Variant

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
    "bfloat16",
)
# What a back end of Keras other than TensorFlow is held to by default.
FOREIGN_TIERS = ("names", "counts", "forward")


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
    note: str = ""  # by what it holds, beside the bound alone

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

    def __init__(
        self,
        timeout: float = 600.0,
        root: Path = ROOT,
        variables: Mapping[str, str] | None = None,
    ):
        self.timeout, self.root, self.variables = timeout, root, variables
        self._running: dict[tuple[str, str], Worker] = {}

    def get(self, framework: str, dtype: str) -> Worker:
        key = (framework, dtype)
        if key in self._running and not self._running[key].alive:
            self._running.pop(key).close()
        if key not in self._running:
            self._running[key] = Worker(
                framework,
                dtype,
                timeout=self.timeout,
                root=self.root,
                variables=self.variables,
            )
        return self._running[key]

    def renew(self, framework: str) -> None:
        """Have its files read anew, in every precision, as they are now."""
        for (of, _), worker in self._running.items():
            if of.partition("[")[0] == framework and worker.alive:
                worker.renew()

    def trim(self, limit_mib: int, together_mib: float = math.inf) -> None:
        """End those that held more, for what their caches keep, then the largest until
        all hold no more together; they start anew."""
        held = {
            key: worker.describe()["peak_mib"] if worker.alive else math.inf
            for key, worker in self._running.items()
        }
        for key in sorted(held, key=lambda key: held[key], reverse=True):
            if held[key] > limit_mib or sum(held.values()) > together_mib:
                del held[key]
                self._running.pop(key).close()

    def close(self) -> None:
        while self._running:
            self._running.popitem()[1].close()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# Evidence by model, framework and precision.
Known = dict[tuple[str, str, str], Evidence]


class Session:
    """Checks of some frameworks in one precision; evidence is kept for one model.

    known: evidence of the same models that another session gathered, and adds to.
    """

    def __init__(
        self,
        workers: Workers,
        frameworks: Sequence[str] = NATIVE,
        dtype: str = "float64",
        *,
        together: bool = True,
        optimizers: Sequence[str] = tuple(training.OPTIMIZERS),
        layers: bool = True,
        known: Known | None = None,
    ):
        self.workers, self.frameworks, self.dtype = workers, list(frameworks), dtype
        self.together, self.optimizers, self.layers = together, optimizers, layers
        self._evidence: Known = {} if known is None else known

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
            "bfloat16": self._bfloat16,
        }[tier]
        yield from ask(name, found)

    # Evidence

    def remember(
        self, name: str, framework: str, evidence: Evidence, dtype: str = ""
    ) -> None:
        """Use this instead of asking the framework."""
        self._evidence[name, framework, dtype or self.dtype] = evidence

    def _gather(
        self, name: str, tiers: Sequence[str], dtype: str
    ) -> dict[str, Evidence]:
        known = self._evidence
        missing = [
            framework
            for framework in self.frameworks
            if (name, framework, dtype) not in known
            or not known[name, framework, dtype].covers(tiers)
        ]

        def ask(framework: str) -> Evidence:
            low = dtype == "bfloat16"
            worker = self.workers.get(framework, "float32" if low else dtype)
            return measure(worker, name, VARIANTS[name], tiers, self.layers, low)

        if self.together:
            with ThreadPoolExecutor(max_workers=len(self.frameworks)) as pool:
                answers = list(pool.map(ask, missing))
        else:
            answers = [ask(framework) for framework in missing]
        for framework, answer in zip(missing, answers, strict=True):
            self._evidence[name, framework, dtype] = answer
        return {f: self._evidence[name, f, dtype] for f in self.frameworks}

    def _forget_others(self, name: str) -> None:
        for key in [key for key in self._evidence if key[0] != name]:
            del self._evidence[key]

    # Tiers: each yields (part, worst or reason, tolerance)

    def _names(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, None]]:
        reason = failed(found) or names_differ(found) or unstarted(name, found)
        yield "", reason or NONE, None

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
        yield "", failed(found) or "; ".join(wrong) or NONE, None

    def _exchange(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, None]]:
        try:
            workers = {f: self.workers.get(f, self.dtype) for f in self.frameworks}
            reason = exchange(name, VARIANTS[name].spec, workers, self.together)
        except (WorkerFailure, UsageError) as failure:
            reason = str(failure)
        yield "", failed(found, "names") or reason or NONE, None

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
            reason = failed(found) or misshapen(name, found, run, training)
            sets = {f: outputs_of(run(e)) for f, e in found.items()}
            yield part, reason or worst_pair(sets), bound
        if VARIANTS[name].tiny and self.layers:
            layers = {f: e.evaluation.layers for f, e in found.items() if e.evaluation}
            yield "layers", failed(found) or worst_layer(layers, bound), bound

    def _gradients(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        sets = {f: gradients_of(e.training) for f, e in found.items()}
        worst = worst_pair(sets, tolerances.GRADIENT_FLOOR)
        reals = [
            f"input {i}"
            for i, tensor in enumerate(VARIANTS[name].spec.inputs())
            if tensor.below is None
        ]
        reason = failed(found) or incomplete(found, sets, True, reals)
        bound = tolerances.bound(tolerances.GRADIENTS, self.dtype)
        if not reason:
            note = by_floor(sets, tolerances.GRADIENT_FLOOR, bound)
            worst = replace(worst, note=note)
        yield "", reason or worst, bound

    def _buffers(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float]]:
        sets = {f: e.training.buffers if e.training else {} for f, e in found.items()}
        worst = worst_pair(sets) if any(sets.values()) else NOTHING
        reason = failed(found) or incomplete(found, sets, False)
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
        if reason := failed(found):
            yield "", reason, tolerances.FORWARD
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
        """Hold each framework's float32 run against its own float64 run."""
        tiers = ("forward", "gradients", "float32")
        single = self._gather(name, tiers, "float32")
        double = self._gather(name, tiers, "float64")
        reason = failed(single) or failed(double)
        floor = tolerances.GRADIENT_FLOOR
        parts: list[tuple[str, Callable[[Evidence], Named], float]] = [
            ("evaluation", lambda e: outputs_of(e.evaluation), 0.0),
            ("training", lambda e: outputs_of(e.training), 0.0),
            ("gradients", lambda e: gradients_of(e.training), floor),
        ]
        for part, pick, share in parts:
            if reason:
                yield part, reason, tolerances.FLOAT32_LIMIT
                continue
            pairs = {f: (pick(double[f]), pick(single[f])) for f in self.frameworks}
            notes = self._beside_kinks(name, pairs) if part == "gradients" else []
            worst, bound = float32.judge(pairs, share)
            yield part, replace(worst, note="; ".join(notes)), bound

    def _bfloat16(
        self, name: str, found: Mapping[str, Evidence]
    ) -> Iterator[tuple[str, Worst | str, float | None]]:
        """Each framework's bfloat16 run against its own float64 run, and what it is
        computed in."""
        tiers = ("forward", "gradients", "bfloat16")
        low = self._gather(name, tiers, "bfloat16")
        double = self._gather(name, tiers, "float64")
        if reason := failed(low) or failed(double):
            yield "", reason, None
            return
        parts: list[tuple[str, Callable[[Evidence], Named], float, float]] = [
            (
                "evaluation",
                lambda e: outputs_of(e.evaluation),
                0.0,
                tolerances.BFLOAT16_OUTPUTS,
            ),
            (
                "training",
                lambda e: outputs_of(e.training),
                0.0,
                tolerances.BFLOAT16_OUTPUTS,
            ),
            (
                "gradients",
                lambda e: gradients_of(e.training),
                tolerances.GRADIENT_FLOOR,
                tolerances.BFLOAT16_GRADIENTS,
            ),
        ]
        for part, pick, share, limit in parts:
            pairs = {f: (pick(double[f]), pick(low[f])) for f in self.frameworks}
            yield part, *bfloat16.judge(pairs, share, limit)
        yield from self._in_bfloat16(name)

    def _in_bfloat16(
        self, name: str
    ) -> Iterator[tuple[str, Worst | str, float | None]]:
        single = [self.workers.get(f, "float32") for f in self.frameworks]
        worst = NONE
        try:
            for f, worker in zip(self.frameworks, single, strict=True):
                worst |= bfloat16.loss(self.workers.get(f, "float64"), worker, name)
            yield "loss", worst, tolerances.BFLOAT16_LOSS
            yield "kept", bfloat16.lowered(single, name) or NONE, None
        except (WorkerFailure, UsageError) as failure:
            yield "", str(failure), None

    def _beside_kinks(self, name: str, pairs: dict[str, float32.Pair]) -> list[str]:
        """Puts the neighbour's gradients in the place of those that are far off."""
        notes, share = [], tolerances.GRADIENT_FLOOR
        question = request(VARIANTS[name].spec, BATCH, training=True, gradients=True)
        for framework, (double, single) in pairs.items():

            def holds(
                near: Named, framework: str = framework, single: Named = single
            ) -> bool:
                off = float32.far(framework, (near, single), share).error
                return off <= tolerances.FLOAT32_LIMIT

            if holds(double) or not VARIANTS[name].tiny:
                continue
            # Which is the same in all, to GRADIENTS; PyTorch compiles nothing.
            quick = "pytorch" if "pytorch" in pairs else framework
            worker = self.workers.get(quick, "float64")
            kink = kinks.beside(worker, name, VARIANTS[name].spec, question, holds)
            if kink:
                pairs[framework] = kink.gradients, single
                notes.append(f"{framework} {kink.said}")
        return notes


def verdict(
    name: str,
    tier: str,
    frameworks: Sequence[str],
    dtype: str,
    worst: Worst | str,
    tolerance: float | None,
    seconds: float,
) -> Check:
    """Make a check's verdict. worst: the largest error, or why there is none."""
    reason, where, off, note = "", None, None, ""
    if isinstance(worst, str):
        reason = worst
    else:
        where, off, note = worst.where or None, worst.error, worst.note
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
        note,
    )


def tiers_for(variant: Variant, tiers: Sequence[str], full: bool = False) -> list[str]:
    """Full-size variants give names and counts, the rest where `full` is asked."""
    if variant.tiny:
        return list(tiers)
    if full:
        return [tier for tier in tiers if tier not in ("training", "bfloat16")]
    return [tier for tier in tiers if tier in ("names", "counts")]
