"""Comparisons seen together: the latest of each kind, batches, revisions, and after how
many steps a compilation has paid for itself."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.records import Comparison, Contender, Machine, Result, Setting
from benchmarks.report.evidence import Recorded

NAMES = {"pytorch": "PyTorch", "keras": "Keras", "jax": "JAX", "numpy": "NumPy"}
BACKENDS = {"jax": "JAX", "torch": "torch", "tensorflow": "TensorFlow"}
DEVICES = {"cpu": "CPU", "cuda": "GPU", "tpu": "TPU"}
EAGER = "eager"


def framework_name(framework: str) -> str:
    base, _, backend = framework.partition("[")
    name = NAMES.get(base, base)
    backend = backend.removesuffix("]")
    return f"{name} on {BACKENDS.get(backend, backend)}" if backend else name


def mode_of(contender: Contender) -> str:
    """How it ran, and on what where that is not its framework's usual."""
    backend = framework_name(contender.framework).partition(" on ")[2]
    return f"{contender.mode}, on {backend}" if backend else contender.mode


def model_name(setting: Setting) -> str:
    changed = "".join(f", {k} {v}" for k, v in setting.changes.items())
    return f"{setting.model}{changed}"


def condition(setting: Setting) -> str:
    """Give all of a setting that is not the model."""
    threads = f"{setting.threads} thread{'s' * (setting.threads != 1)}"
    parts = [setting.task, f"batch {setting.batch}", setting.dtype]
    parts.append(f"{DEVICES[setting.device]}, {threads}")
    return ", ".join(parts)


def title(setting: Setting) -> str:
    return f"{model_name(setting)}: {condition(setting)}"


def labels(comparison: Comparison) -> dict[str, str]:
    """What each contender is called: as short as still tells them apart."""
    contenders = comparison.start.contenders
    short = {c.name: _label(c) for c in contenders}
    said = list(short.values())
    return {
        c.name: short[c.name] if said.count(short[c.name]) == 1 else c.name
        for c in contenders
    }


def _label(contender: Contender) -> str:
    who = contender.peer or framework_name(contender.framework)
    return f"{who}, {contender.mode}" if contender.mode else who


def result_of(comparison: Comparison, name: str) -> Result | None:
    results = comparison.end.results if comparison.end else []
    return next((r for r in results if r.contender == name), None)


def timed(comparison: Comparison) -> list[tuple[Contender, Result]]:
    """List the contenders that ran, each with its first result."""
    pairs = [(c, result_of(comparison, c.name)) for c in comparison.start.contenders]
    return [(c, r) for c, r in pairs if r is not None]


def why_none(comparison: Comparison) -> str:
    """Why a comparison has no results to show."""
    number = len(comparison.rounds)
    rounds = "1 round is" if number == 1 else f"{number} rounds are"
    said = f"It was not ended; {rounds} kept."
    if comparison.end is not None:
        said = "No contender has a result."
    failed = (f"{c.name}: {c.failed}." for c in comparison.start.contenders if c.failed)
    return " ".join((said, *failed))


# Alike in all but one thing


def _machine(machine: Machine) -> Hashable:
    return (machine.cpu, machine.cores, machine.accelerator)


def alike(one: Recorded, batch: bool = True, revision: bool = True) -> Hashable:
    start, setting = one.comparison.start, one.comparison.setting
    return (
        setting.model,
        str(setting.changes),
        setting.task,
        setting.dtype,
        setting.device,
        setting.threads,
        _machine(start.machine),
        start.contenders[0].name,  # which the ratios are of
        frozenset(contender.framework for contender in start.contenders),
        setting.batch if batch else None,
        start.revision if revision else None,
    )


def finished(found: Iterable[Recorded]) -> list[Recorded]:
    return [one for one in found if one.comparison.end is not None]


def by_date(found: Iterable[Recorded]) -> list[Recorded]:
    return sorted(found, key=lambda one: one.comparison.start.date)


def latest(found: Iterable[Recorded]) -> list[Recorded]:
    """Give the last finished comparison of each setting and machine, in order of
    setting."""
    last = {alike(one, revision=False): one for one in by_date(finished(found))}
    return sorted(last.values(), key=_order)


def _order(one: Recorded) -> tuple[str, str, str, str, int]:
    s = one.comparison.setting
    return (s.family, model_name(s), s.task, s.dtype, s.batch)


def _grouped(
    found: Iterable[Recorded],
    key: Callable[[Recorded], Hashable],
    differing: Callable[[Recorded], Hashable],
) -> list[list[Recorded]]:
    groups: dict[Hashable, dict[Hashable, Recorded]] = defaultdict(dict)
    for one in by_date(finished(found)):
        groups[key(one)][differing(one)] = one
    several = [list(group.values()) for group in groups.values() if len(group) > 1]
    return sorted(several, key=lambda group: _order(group[0]))


def sweeps(found: Iterable[Recorded]) -> list[list[Recorded]]:
    """Group the records that differ in nothing but the batch, by batch."""

    def batch_of(one: Recorded) -> int:
        return one.comparison.setting.batch

    groups = _grouped(found, lambda one: alike(one, batch=False), batch_of)
    return [sorted(group, key=batch_of) for group in groups]


def histories(found: Iterable[Recorded]) -> list[list[Recorded]]:
    """Group the records that differ in nothing but the revision, by date."""
    return _grouped(
        found,
        lambda one: alike(one, revision=False),
        lambda one: one.comparison.start.revision,
    )


# Compiling


@dataclass(frozen=True)
class BreakEven:
    """steps: after how many calls the compiled one is ahead; None for never."""

    eager: Contender
    compiled: Contender
    eager_s: float
    compiled_s: float

    @property
    def steps(self) -> float | None:
        """T(n) = the first call + (n - 1) times the median; where the two cross."""
        first, second = self.eager.first_s, self.compiled.first_s
        if first is None or second is None:
            return None
        saving = self.eager_s - self.compiled_s
        if saving <= 0:
            return None
        return max(1.0, 1 + (second - first) / saving)


def break_evens(comparison: Comparison) -> list[BreakEven]:
    """Compare each compiled contender with the eager one of its framework and maker."""
    ran = [(c, r) for c, r in timed(comparison) if c.first_s is not None]
    eager = {(c.framework, c.peer): (c, r) for c, r in ran if c.mode == EAGER}
    return [
        BreakEven(*_pair(eager[c.framework, c.peer], (c, r)))
        for c, r in ran
        if c.mode != EAGER and (c.framework, c.peer) in eager
    ]


def _pair(
    eager: tuple[Contender, Result], other: tuple[Contender, Result]
) -> tuple[Contender, Contender, float, float]:
    return eager[0], other[0], eager[1].median_s, other[1].median_s


def best_of(comparison: Comparison, framework: str) -> tuple[Contender, Result] | None:
    """Give the fastest of this suite's own contenders in a framework."""
    mine = [
        (c, r)
        for c, r in timed(comparison)
        if c.framework.partition("[")[0] == framework and not c.peer
    ]
    return min(mine, key=lambda pair: pair[1].median_s, default=None)


def problems(found: Sequence[Recorded]) -> list[tuple[Recorded, str]]:
    """What did not come to an end, and who did not run, with the reason."""
    said = []
    for one in found:
        comparison = one.comparison
        if comparison.end is None:
            said.append((one, why_none(comparison)))
            continue
        said += [
            (one, f"{c.name} did not run: {c.failed}")
            for c in comparison.start.contenders
            if c.failed
        ]
    return said
