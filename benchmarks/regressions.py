"""`triptych bench compare OLD NEW`: what became slower between two runs.

Times of two runs cannot be compared, the machine was not the same; what a contender's
speed was beside the others' can. So each is held against the median of all contenders
that both runs have, round by round, and the two sets of rounds are resampled by
themselves. With one contender the probe takes the others' place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.table import Table

from benchmarks import records, statistics
from benchmarks.records import Comparison, Round, Verdict
from shared.errors import UsageError


@dataclass(frozen=True)
class Change:
    """A contender's speed in the new run over that in the old, beside the others."""

    model: str
    task: str
    contender: str
    ratio: float
    low: float
    high: float
    verdict: Verdict


def regressions(old: Path, new: Path) -> list[Change]:
    """Compare the last comparisons of each setting that both files have ended."""
    before, after = _last(old), _last(new)
    shared = [key for key in before if key in after]
    if not shared:
        raise UsageError(f"{old} and {new} have no ended comparison in common")
    return [one for key in shared for one in _changes(before[key], after[key])]


def _last(path: Path) -> dict[str, Comparison]:
    found = (c for c in records.read([path]) if c.end and c.end.results)
    return {repr(c.setting): c for c in found}


def _changes(old: Comparison, new: Comparison) -> list[Change]:
    names = [r.contender for r in (old.end.results if old.end else [])]
    now = {r.contender for r in (new.end.results if new.end else [])}
    common = [name for name in names if name in now]
    changes = []
    for name in common:
        others = [n for n in common if n != name]
        before, after = (_relative(c, name, others) for c in (old, new))
        if not before or not after:
            continue
        ratio = median(after) / median(before)
        low, high = _interval(before, after)
        fewest = min(len(before), len(after))
        verdict = statistics.verdict(low, high, fewest)
        setting = new.setting
        changes.append(
            Change(setting.model, setting.task, name, ratio, low, high, verdict)
        )
    return changes


def _relative(found: Comparison, name: str, others: Sequence[str]) -> list[float]:
    """Give a contender's speed over the others', round by round."""
    rounds, _ = statistics.kept(found.rounds)
    return [
        _pace(r, others) / median(r.seconds[name])
        for r in rounds
        if others or r.probe is not None
    ]


def _pace(one: Round, others: Sequence[str]) -> float:
    if not others:
        assert one.probe is not None
        return 1 / one.probe
    return float(np.exp(np.mean([np.log(median(one.seconds[n])) for n in others])))


def _interval(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    draw = np.random.default_rng(0)
    old, new = (
        np.median(draw.choice(x, (statistics.RESAMPLES, len(x))), axis=1)
        for x in (before, after)
    )
    low, high = np.quantile(new / old, (0.025, 0.975))
    return float(low), float(high)


def table(found: Sequence[Change]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model", "task", "way"):
        shown.add_column(column)
    for column in ("new / old", "95 %", "verdict"):
        shown.add_column(column, justify="right")
    for one in found:
        shown.add_row(
            one.model,
            one.task,
            one.contender,
            f"{one.ratio:.3f}",
            statistics.spanned(one.low, one.high, 3),
            one.verdict,
        )
    return shown
