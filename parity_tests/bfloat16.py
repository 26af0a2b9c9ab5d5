"""What a framework loses in bfloat16 against its own float64 run, and whether it keeps
in float32 what shared/precision.py says."""

from collections.abc import Mapping, Sequence

import numpy as np

from parity_tests import precisions, tolerances
from parity_tests.compare import NONE, Array, Named, Worst, mean_error
from parity_tests.evidence import (
    BATCH,
    FULL_BATCH,
    SEED,
    gradients_of,
    request,
)
from shared.catalog import VARIANTS
from shared.definitions.initializers import Ones
from shared.frameworks import PACKAGES
from shared.running.client import Worker


def judge(
    pairs: Mapping[str, tuple[Named, Named]], share: float, limit: float
) -> tuple[Worst, float]:
    """Give the worst of what the frameworks lose on average, and its bound: at most
    some times what the best loses. pairs: the float64 run first."""
    zero = tolerances.ZERO_GRADIENT
    lost = {f: Worst(mean_error(*pair, share, zero), f) for f, pair in pairs.items()}
    best = max(min(w.error for w in lost.values()), tolerances.BFLOAT16_FLOOR)
    worst = max(lost.values(), key=lambda worst: worst.error)
    return worst, min(tolerances.BFLOAT16_RATIO * best, limit)


def loss(double: Worker, single: Worker, name: str) -> Worst:
    """How far the losses of a first batch are off, over their size."""
    spec, package = VARIANTS[name].spec, PACKAGES[double.framework]
    exact, low = (
        worker.ask("parity_tests.precisions:losses", package, spec, name, precision)
        for worker, precision in ((double, "float64"), (single, "bfloat16"))
    )
    worst = NONE
    for label, value in exact.items():
        off = abs(value - low[label]) / max(abs(value), 1.0)
        worst |= Worst(off, f"{double.framework}: {label}")
    return worst


def lowered(workers: Sequence[Worker], name: str) -> str:
    """What takes bfloat16 and should not; empty where nothing does."""
    spec, found = VARIANTS[name].spec, []
    for worker in workers:
        found += precisions.lowered(worker.framework, worker.ask, spec, name)
        if _rounded_norms(worker, name):
            found.append(f"{worker.framework}: the parameters of norms")
    return "; ".join(found)


def _rounded_norms(worker: Worker, name: str) -> bool:
    """Whether a model is the same, bit for bit, if the scales of its norms (which start
    from ones) are rounded to bfloat16 before, as they would be if they were read so."""
    variant = VARIANTS[name]
    batch = BATCH if variant.tiny else FULL_BATCH
    question = request(variant.spec, batch, training=True, gradients=True)
    model = worker.build(variant.spec, name)
    model.fill(SEED)
    model.lower()
    own = model.dump()
    starts = {n: variant.spec.start(n, w.shape) for n, w in own.items()}
    norms = [n for n, start in starts.items() if isinstance(start, Ones)]
    norms = [n for n in norms if n.endswith("weight")]
    before = model.run(question)
    model.load(own | {name: rounded(own[name]) for name in norms})
    after = model.run(question)
    model.drop()
    answers = [
        {**gradients_of(r), **dict(enumerate(r.outputs))} for r in (before, after)
    ]
    same = all(np.array_equal(a, answers[1][k]) for k, a in answers[0].items())
    return bool(norms) and same


def rounded(value: Array) -> Array:
    """Round to the nearest bfloat16, kept in float32: its first 16 bits."""
    bits = value.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)
