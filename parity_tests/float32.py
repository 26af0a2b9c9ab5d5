"""What a framework loses in float32, against its own float64 run."""

from collections.abc import Mapping

from parity_tests import tolerances
from parity_tests.compare import NONE, Named, Worst, mean_error, worst_of

Pair = tuple[Named, Named]  # in float64 and in float32


def far(framework: str, pair: Pair, share: float) -> Worst:
    """The value that is farthest off."""
    return worst_of(*pair, framework, share, tolerances.ZERO_GRADIENT)


def judge(pairs: Mapping[str, Pair], share: float) -> tuple[Worst, float]:
    """One value far off counts as it is; else what each framework loses on average."""
    worst, zero = NONE, tolerances.ZERO_GRADIENT
    for framework, pair in pairs.items():
        worst |= far(framework, pair, share)
    if not worst.error <= tolerances.FLOAT32_LIMIT:
        return worst, tolerances.FLOAT32_LIMIT
    lost = {f: Worst(mean_error(*pair, share, zero), f) for f, pair in pairs.items()}
    best = max(min(w.error for w in lost.values()), tolerances.FLOAT32_FLOOR)
    worst = max(lost.values(), key=lambda worst: worst.error)
    return worst, min(tolerances.FLOAT32_RATIO * best, tolerances.FLOAT32_LIMIT)
