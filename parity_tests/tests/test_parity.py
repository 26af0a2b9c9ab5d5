"""Every model of the catalog, at the bounds of parity_tests/tolerances.py.

What a family costs here is bounded (CONTRIBUTING.md), and `make parity` does all of it:
here float32 and Keras on PyTorch are asked of one tiny model of each family, Keras on
JAX of seven families, training of one model for each kind of objective, bfloat16 of two
models in all, and of the full sizes one is built in all three, the others in PyTorch.
"""

import functools
from dataclasses import replace

import pytest

from parity_tests.engine import TIERS, Workers
from parity_tests.run import FOREIGN, in_turns, plan, run
from parity_tests.tests.conftest import HELD
from shared.catalog import VARIANTS, family_of
from shared.files import weights

TINY = [name for name, variant in VARIANTS.items() if variant.tiny]
FULL = [name for name, variant in VARIANTS.items() if not variant.tiny]
# The last tiny model that its spec lists for a family, and the largest of its models.
WHOLE = {family_of(VARIANTS[name].spec): name for name in TINY}
LARGEST = {
    family_of(VARIANTS[name].spec): name
    for name in sorted(FULL, key=lambda name: VARIANTS[name].parameters)
}


def kind(spec):
    """Tells objectives apart by more than their numbers, and models by batch norm."""
    plan = spec.objective()
    about = vars(plan)
    heads = len(about.get("heads") or ()) > 1
    trains = about.get("trains", ("*",))
    game = about.get("game"), about.get("says"), about.get("corruption")
    loss = type(about.get("loss")).__name__
    normed = hasattr(spec, "bn_eps") and not heads
    return type(plan).__name__, loss, heads, trains, game, normed


# The smallest; a hundred updates of others are in test_training.py.
TRAINED = {
    kind(VARIANTS[name].spec): name
    for name in sorted(TINY, key=lambda n: VARIANTS[n].parameters, reverse=True)
}
# Keras on JAX runs the lines that Keras on PyTorch does, and compiles them for seconds:
# convolutions with batch norm, attention, recurrence, noise, boxes, graphs, a program.
ON_JAX = ("resnet", "bert", "gpt", "lstm", "vae", "ssd", "gcn")
# bfloat16 is asked in test_bfloat16.py, of two.
LESS: dict[str, list[str]] = {
    "training": [*TRAINED.values()],
    "float32": [*WHOLE.values()],
    "bfloat16": [],
}
ASKED = [
    (name, tier)
    for name in TINY
    for tier in TIERS
    if tier not in LESS or name in LESS[tier]
]


@pytest.fixture(scope="module")
def checks_of(workers: Workers):
    """All checks of a model at once; a model's tests share one measurement."""

    @functools.lru_cache(maxsize=1)
    def of(name: str):
        workers.trim(*HELD)
        tiers = [tier for one, tier in ASKED if one == name]
        # A family may be called as one of its models is.
        jobs = [job for job in plan([name], tiers) if job.model == name]
        family = family_of(VARIANTS[name].spec)
        if name in TINY and name != WHOLE[family]:
            jobs = [job for job in jobs if job.frameworks != FOREIGN]
        elif name in TINY and family not in ON_JAX:
            fewer = tuple(f for f in FOREIGN if f != "keras[jax]")
            jobs = [
                replace(job, frameworks=fewer) if job.frameworks == FOREIGN else job
                for job in jobs
            ]
        return list(run(jobs, workers, "float64", optimizers=in_turns(name)))

    return of


def _failures(checks, tier):
    chosen = [check for check in checks if check.tier.partition("/")[0] == tier]
    assert chosen, f"{tier} was not checked"
    return [
        f"{check.tier} {check.frameworks}: {check.reason}"
        for check in chosen
        if not check.passed
    ]


@pytest.mark.parametrize(("name", "tier"), ASKED)
def test_tiny(name, tier, checks_of):
    assert _failures(checks_of(name), tier) == []


@pytest.mark.parametrize("tier", ["names", "counts"])
@pytest.mark.parametrize("name", LARGEST.values())
def test_full_size(name, tier, checks_of):
    assert _failures(checks_of(name), tier) == []


@pytest.mark.parametrize(
    "name", [name for name in FULL if name not in LARGEST.values()]
)
def test_published_count(name, workers):
    model = workers.get("pytorch", "float64").build(VARIANTS[name].spec, name)
    count = weights.count(model.entries())
    model.drop()
    assert count == VARIANTS[name].parameters
