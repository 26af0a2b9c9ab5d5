"""What the rounds of a comparison say, and how sure it is.

Machines are shared and change their pace, so absolute times mean little. Contenders
take turns; a ratio is had within a round, and the median over rounds is reported with a
bootstrap interval. Rounds in which a matrix product ran below 90 % of its best were
disturbed and do not count.
"""

from collections.abc import Sequence
from statistics import median

import numpy as np

from benchmarks.records import Comparison, End, Result, Round, Verdict

PROBE_SHARE = 0.9
NOISY_SHARE = 0.25
# A ratio this near 1 is no difference: two processes with the same work differ by so
# much (python -m benchmarks.self_test).
MARGIN = 0.02
# What is called equal is so within this.
EQUAL = 0.05
# Of fewer rounds nothing is claimed.
LEAST_ROUNDS = 5
RESAMPLES = 2000


def results(found: Comparison) -> End:
    """Give the results of all rounds there are."""
    rounds, dropped = kept(found.rounds)
    probes = [r.probe for r in found.rounds if r.probe is not None]
    ceiling = max(probes) if probes else None
    names = [c.name for c in found.start.contenders if not c.failed]
    return End(
        run=found.start.run,
        rounds=len(rounds),
        dropped=dropped,
        noisy=len(dropped) > NOISY_SHARE * len(found.rounds),
        ceiling_gflops=ceiling,
        results=[_result(found, rounds, n, names[0], ceiling) for n in names],
    )


def kept(rounds: Sequence[Round]) -> tuple[list[Round], list[int]]:
    """Give the undisturbed rounds, and the numbers of the others."""
    best = max((r.probe for r in rounds if r.probe is not None), default=0.0)
    quiet = [r for r in rounds if r.probe is None or r.probe >= PROBE_SHARE * best]
    numbers = {r.number for r in quiet}
    return quiet, [r.number for r in rounds if r.number not in numbers]


def _result(
    found: Comparison,
    rounds: Sequence[Round],
    name: str,
    reference: str,
    ceiling: float | None,
) -> Result:
    setting = found.setting
    blocks = [median(r.seconds[name]) for r in rounds]
    calls = [second for r in rounds for second in r.seconds[name]]
    middle = median(blocks)
    ratios = [median(r.seconds[reference]) / median(r.seconds[name]) for r in rounds]
    low, high = interval(ratios)
    quartiles = np.quantile(calls, (0.25, 0.75))
    said = verdict(low, high, len(rounds))
    gflops = None if setting.flops is None else setting.flops / middle / 1e9
    return Result(
        contender=name,
        reference=reference,
        median_s=middle,
        fastest_s=min(calls),
        p90_s=float(np.quantile(calls, 0.9)),
        spread=float(quartiles[1] - quartiles[0]) / middle,
        per_second=setting.batch / middle,
        gflops=gflops,
        fraction=gflops / ceiling if gflops is not None and ceiling else None,
        ratio=median(ratios),
        low=low,
        high=high,
        verdict="reference" if name == reference else said,
    )


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Give the bootstrap's 95 % interval of the median."""
    draw = np.random.default_rng(0)
    medians = np.median(draw.choice(ratios, (RESAMPLES, len(ratios))), axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)


def verdict(low: float, high: float, rounds: int) -> Verdict:
    """Say what an interval of a ratio of speeds means, had of so many rounds."""
    if rounds < LEAST_ROUNDS:
        return "inconclusive"
    if low > 1 + MARGIN:
        return "faster"
    if high < 1 - MARGIN:
        return "slower"
    if low > 1 - EQUAL and high < 1 + EQUAL:
        return "equal"
    return "inconclusive"


def spanned(low: float, high: float, digits: int) -> str:
    """Write an interval for people; it is empty where there is nothing between its
    ends, as with one round, or the reference beside itself."""
    return "" if low == high else f"{low:.{digits}f}, {high:.{digits}f}"
