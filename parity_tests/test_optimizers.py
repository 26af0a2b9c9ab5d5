"""Every optimizer against its definition in NumPy, float64, update by update."""

from dataclasses import replace

import pytest

from parity_tests import streams, tolerances
from shared.optimizers import (
    OPTIMIZERS,
    AdamW,
    ClipByGlobalNorm,
    ClipByNorm,
    ClipByValue,
)
from shared.schedules import SCHEDULES
from shared.worker import FRAMEWORKS

CLIPS = [ClipByValue(limit=0.5), ClipByNorm(limit=1.0), ClipByGlobalNorm(limit=2.0)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("decay", ["own", 0.1])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_follows_the_definition(workers, framework, name, decay):
    optimizer = OPTIMIZERS[name]
    if decay != "own":
        optimizer = replace(optimizer, weight_decay=decay)
    given = streams.stream(optimizer, SCHEDULES["warmup_cosine"])
    found = workers.get(framework, "float64").optimize(given)
    assert max(streams.errors(given, found)) <= tolerances.OPTIMIZER
    assert streams.state_error(given, found) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: type(clip).__name__)
def test_clipped(workers, framework, clip):
    given = streams.stream(AdamW(weight_decay=0.1), clip=clip)
    found = workers.get(framework, "float64").optimize(given)
    assert max(streams.errors(given, found)) <= tolerances.OPTIMIZER
