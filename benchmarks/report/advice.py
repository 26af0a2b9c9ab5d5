"""Which framework to choose, by what a model takes, the task and the device, as far as
the records decide it.

Every ratio is of one run: each framework in the mode that was its fastest there, paired
round by round. A model in a setting counts once, by the run that has the most of the
recommended modes, then by the last. Over models the geometric mean is taken, each model
once however many settings it was run in.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import NormalDist, median

import numpy as np
from numpy.typing import NDArray

from benchmarks import modes
from benchmarks.records import Contender, Result, Setting
from benchmarks.report import groups
from benchmarks.report.evidence import Recorded
from benchmarks.statistics import LEAST_ROUNDS, MARGIN, RESAMPLES, kept, verdict
from shared.catalog import VARIANTS
from shared.frameworks import NATIVE
from shared.specs.base import Spec
from shared.tensors import EDGES, NODES

KINDS = ("pictures", "tokens", "sequences", "vectors", "graphs")
# Of fewer models nothing is claimed of their kind.
LEAST_MODELS = 5

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """A speed over another's, with its interval of 95 %."""

    middle: float
    low: float
    high: float


def takes(spec: Spec) -> str:
    """Say of which kind a model is, by what is given to it."""
    given = [tensor for tensor in spec.inputs() if not tensor.drawn]
    first = given[0]
    if any(tensor.rows in (NODES, EDGES) for tensor in given):
        return "graphs"
    if first.below is not None:
        return "tokens"
    if first.channels_first and len(first.shape) == 3:
        return "pictures"
    return "sequences" if len(first.shape) > 1 else "vectors"


# One model in one setting


@dataclass(frozen=True)
class Run:
    """The run of one model in one setting; best: each framework in its fastest mode."""

    recorded: Recorded
    best: dict[str, tuple[Contender, Result]]

    @property
    def setting(self) -> Setting:
        return self.recorded.comparison.setting

    @property
    def kind(self) -> str:
        return takes(VARIANTS[self.setting.model].spec)

    def mode(self, framework: str) -> str:
        """Name the fastest mode; where there are no channels there is one layout."""
        mode = groups.mode_of(self.best[framework][0])
        images = modes.kind_of(VARIANTS[self.setting.model].spec) == "images"
        return mode if images else mode.replace("-nhwc", "")

    @cached_property
    def _seconds(self) -> dict[str, Numbers]:
        """The logarithm of what each framework's call took, round by round."""
        return {f: self._logs(c.name) for f, (c, _) in self.best.items()}

    def _logs(self, name: str) -> Numbers:
        rounds, _ = kept(self.recorded.comparison.rounds)
        return np.log([median(r.seconds[name]) for r in rounds])

    @property
    def rounds(self) -> int:
        return len(self._seconds[NATIVE[0]])

    @cached_property
    def _drawn(self) -> NDArray[np.int64]:
        """The rounds of every resample, other ones in every run."""
        seed = list(self.recorded.comparison.start.run.encode())
        draw = np.random.default_rng(seed)
        return draw.integers(0, self.rounds, (RESAMPLES, self.rounds))

    def paired(self, one: str, other: str) -> Numbers:
        """Give the logarithm of a framework's speed over another's: its median over
        rounds, then that of every resample of the rounds."""
        differences = self._seconds[other] - self._seconds[one]
        medians = np.median(differences[self._drawn], axis=1)
        return np.concatenate([[np.median(differences)], medians])

    def ratio(self, one: str, other: str) -> Ratio:
        middle, *resampled = np.exp(self.paired(one, other))
        low, high = np.quantile(resampled, (0.025, 0.975))
        return Ratio(float(middle), float(low), float(high))

    @cached_property
    def ahead(self) -> str:
        """The framework that is faster than both others; empty for not decided."""
        first, second, *_ = ranked({f: self.ratio(f, NATIVE[0]) for f in self.best})
        ratio = self.ratio(first, second)
        said = verdict(ratio.low, ratio.high, self.rounds)
        return first if said == "faster" else ""

    @property
    def eager(self) -> float | None:
        """Eager PyTorch's speed over that of its fastest mode, where this run has
        it."""
        for c, _ in groups.timed(self.recorded.comparison):
            if (c.framework, c.mode, c.peer) == (NATIVE[0], groups.EAGER, ""):
                differences = self._seconds[NATIVE[0]] - self._logs(c.name)
                return float(np.exp(np.median(differences)))
        return None


def ranked(ratios: dict[str, Ratio]) -> list[str]:
    return sorted(ratios, key=lambda framework: -ratios[framework].middle)


def runs(found: Iterable[Recorded]) -> list[Run]:
    """One run for each model and setting in which all three frameworks were timed."""
    chosen: dict[Hashable, Run] = {}
    for one in groups.by_date(groups.finished(found)):
        run = _run(one)
        if run is None:
            continue
        earlier = chosen.get(_setting(one))
        if earlier is None or _worth(run) >= _worth(earlier):
            chosen[_setting(one)] = run
    return [chosen[key] for key in sorted(chosen, key=str)]


def _run(one: Recorded) -> Run | None:
    if one.comparison.setting.model not in VARIANTS:
        return None  # an optimizer, or a variant that is no longer there
    best = {f: groups.best_of(one.comparison, f) for f in NATIVE}
    found = {f: pair for f, pair in best.items() if pair is not None}
    if len(found) < len(NATIVE) or not kept(one.comparison.rounds)[0]:
        return None
    return Run(one, found)


def _setting(one: Recorded) -> Hashable:
    setting = one.comparison.setting
    return (
        setting.model,
        str(setting.changes),
        setting.task,
        setting.dtype,
        setting.device,
        setting.batch,
        setting.threads,
        place(one),
    )


def place(one: Recorded) -> str:
    """Name what it ran on: the accelerator, or else the processor."""
    machine = one.comparison.start.machine
    return machine.accelerator.partition(" ")[2] or machine.cpu


def _worth(run: Run) -> tuple[bool, int]:
    """Rate a run by whether it decides anything and has the recommended modes."""
    comparison = run.recorded.comparison
    setting, ran = comparison.setting, groups.timed(comparison)
    if setting.task not in modes.TASKS:
        return run.rounds >= LEAST_ROUNDS, 0
    kind = modes.kind_of(VARIANTS[setting.model].spec)
    advised = {
        (f, modes.recommended(f, setting.device, setting.task, kind)) for f in NATIVE
    }
    had = {(c.framework, c.mode) for c, _ in ran if not c.peer}
    return run.rounds >= LEAST_ROUNDS, len(advised & had)


# All models of a kind


@dataclass(frozen=True)
class Advice:
    """What the runs of one kind of model, task, precision and machine say together."""

    runs: tuple[Run, ...]

    @cached_property
    def models(self) -> dict[str, list[Run]]:
        found: dict[str, list[Run]] = defaultdict(list)
        for run in self.runs:
            found[run.setting.model].append(run)
        return dict(found)

    def ratio(self, one: str, other: str) -> Ratio:
        """Give the geometric mean over models of a framework's speed over another's."""
        logs = [
            np.mean([run.paired(one, other) for run in mine], axis=0)
            for mine in self.models.values()
        ]
        return mean_of(np.array(logs))

    @cached_property
    def beside(self) -> dict[str, Ratio]:
        """Each framework's speed over that of PyTorch in its fastest mode."""
        return {f: self.ratio(f, NATIVE[0]) for f in NATIVE}

    @property
    def setting(self) -> Setting:
        """One of the settings: task, precision and device are those of all."""
        return self.runs[0].setting

    @property
    def enough(self) -> bool:
        return len(self.models) >= LEAST_MODELS

    @cached_property
    def lead(self) -> tuple[str, str, Ratio]:
        """The first two by the mean, and the ratio between them."""
        first, second, *_ = ranked(self.beside)
        return first, second, self.ratio(first, second)

    @cached_property
    def foremost(self) -> tuple[str, ...]:
        """The first by the mean, and all of which it is not decided that they are
        behind it."""
        first, *others = ranked(self.beside)
        if not self.enough:
            return first, *others
        left = [f for f in others if self.ratio(first, f).low <= 1 + MARGIN]
        return first, *left

    @property
    def ahead(self) -> str:
        """The framework that is ahead of both others; empty for not decided."""
        return self.foremost[0] if len(self.foremost) == 1 else ""

    @cached_property
    def by_model(self) -> dict[str, str]:
        """Who is ahead in each model, in all of its settings; empty for not decided."""
        winners = {name: {r.ahead for r in mine} for name, mine in self.models.items()}
        return {n: w.pop() if len(w) == 1 else "" for n, w in winners.items()}

    @property
    def tally(self) -> Counter[str]:
        return Counter(filter(None, self.by_model.values()))

    def modes(self, framework: str) -> list[tuple[str, int]]:
        """The modes that were a framework's fastest, the most frequent first."""
        named = (run.mode(framework) for run in self.runs)
        return Counter(named).most_common()

    def typical(self, framework: str, *fields: str) -> float | None:
        """The median over runs of a sum of a contender's fields, where it has all."""
        sums = []
        for run in self.runs:
            values = [getattr(run.best[framework][0], name) for name in fields]
            if None not in values:
                sums.append(sum(values))
        return median(sums) if sums else None

    def turns(self) -> Iterator[tuple[str, Run, Run]]:
        """Models of which another framework is ahead at another batch, number of
        threads or size, both decided."""
        for name, mine in self.models.items():
            for one, other in combinations(mine, 2):
                if one.ahead and other.ahead and one.ahead != other.ahead:
                    yield name, one, other

    @property
    def several(self) -> int:
        """How many models were run at more than one batch, thread count or size."""
        return sum(len(mine) > 1 for mine in self.models.values())


def mean_of(logs: Numbers) -> Ratio:
    """Give the geometric mean over models. A row a model: the logarithm of its ratio,
    then those of the resamples of its rounds.

    The interval resamples models, and of each drawn one a resample of its rounds. Of n
    models the percentiles are those of Hesterberg's expanded interval (2015, "What
    teachers should know about the bootstrap", 4.2): plain ones are too narrow for few.
    """
    middles, resampled = logs[:, 0], logs[:, 1:]
    n, number = resampled.shape
    draw = np.random.default_rng(0)
    models = draw.integers(0, n, (number, n))
    rounds = draw.integers(0, number, (number, n))
    means = resampled[models, rounds].mean(axis=1)
    tail = NormalDist().cdf(-_student(n - 1) * (n / (n - 1)) ** 0.5) if n > 1 else 0.0
    low, high = np.exp(np.quantile(means, (tail, 1 - tail)))
    return Ratio(float(np.exp(middles.mean())), float(low), float(high))


def _student(v: int) -> float:
    """Give the 97.5 % point of Student's t (Abramowitz and Stegun, 26.7.5)."""
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / (4 * v),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3),
    )
    return sum(terms)


def advise(found: Sequence[Recorded]) -> list[Advice]:
    """All that can be said, by device, kind of model, task and machine."""
    alike: dict[tuple[str, int, int, str, str, str], list[Run]] = defaultdict(list)
    for run in runs(found):
        s = run.setting
        task = modes.TASKS.index(s.task) if s.task in modes.TASKS else len(modes.TASKS)
        kind, where = KINDS.index(run.kind), place(run.recorded)
        alike[s.device, kind, task, s.task, s.dtype, where].append(run)
    return [Advice(tuple(mine)) for _, mine in sorted(alike.items())]
