"""Every model of the catalog, at the bounds of parity_tests/tolerances.py."""

import functools

import pytest

from parity_tests.engine import TIERS, Workers
from parity_tests.run import plan, run
from parity_tests.training import OPTIMIZERS
from shared.catalog import VARIANTS

TINY = [name for name, variant in VARIANTS.items() if variant.tiny]
FULL = [name for name, variant in VARIANTS.items() if not variant.tiny]


@pytest.fixture(scope="module")
def checks_of(workers: Workers):
    """All checks of a model at once; a model's tests share one measurement."""

    @functools.lru_cache(maxsize=1)
    def of(name: str):
        # A family may be called as one of its models is.
        jobs = [job for job in plan([name]) if job.model == name]
        # In turns; `make parity` trains each with both.
        optimizer = (*OPTIMIZERS,)[list(VARIANTS).index(name) % len(OPTIMIZERS)]
        return list(run(jobs, workers, "float64", optimizers=[optimizer]))

    return of


def _failures(checks, tier):
    chosen = [check for check in checks if check.tier.partition("/")[0] == tier]
    assert chosen, f"{tier} was not checked"
    return [
        f"{check.tier} {check.frameworks}: {check.reason}"
        for check in chosen
        if not check.passed
    ]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", TINY)
def test_tiny(name, tier, checks_of):
    assert _failures(checks_of(name), tier) == []


@pytest.mark.parametrize("tier", ["names", "counts"])
@pytest.mark.parametrize("name", FULL)
def test_full_size(name, tier, checks_of):
    assert _failures(checks_of(name), tier) == []
