"""Every model of the catalog, at the bounds of parity_tests/tolerances.py.

What a family costs here is bounded (CONTRIBUTING.md), and `make parity` does all of it:
here bfloat16 is asked of two models in all, float32 and Keras's other back ends of one
tiny model of each family, training of one for each of its objectives, and of the full
sizes one is built in all three, the others in PyTorch. `make test` has a sample of it,
one or two tiny models of each family, `make thorough` the rest.
"""

import functools
from dataclasses import replace

import pytest

from parity_tests.engine import TIERS, Workers
from parity_tests.run import FOREIGN, in_turns, plan, run
from parity_tests.tests import held
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


TRAINED = {
    (family_of(VARIANTS[name].spec), VARIANTS[name].spec.objective()): name
    for name in TINY
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


# What compiles for seconds is asked of a few, and of all in `make thorough`: training
# of the smallest model of each kind of objective; float32 and Keras on JAX, which runs
# the lines that Keras on PyTorch runs, of convolutions with batch norm, attention,
# recurrence, noise, boxes and graphs.
SMALLEST = {
    kind(VARIANTS[name].spec): name
    for name in sorted(TINY, key=lambda n: VARIANTS[n].parameters, reverse=True)
}
FEW = ("resnet", "bert", "gpt", "lstm", "vae", "ssd", "gcn")
SAMPLED = [WHOLE[family] for family in FEW]
# bfloat16 is asked in test_bfloat16.py, of two.
LESS: dict[str, list[str]] = {
    "training": [*SMALLEST.values()],
    "float32": SAMPLED,
    "bfloat16": [],
}
ASKED = [
    (name, tier)
    for name in TINY
    for tier in TIERS
    if tier not in LESS or name in LESS[tier]
]
ONE = {*WHOLE.values(), *SMALLEST.values()}
OFTEN = [(name, tier) for name, tier in ASKED if name in ONE]
OTHERS = {
    name: [
        tier
        for tier, few in (("training", TRAINED), ("float32", WHOLE))
        if name in few.values() and name not in LESS[tier]
    ]
    for name in TINY
}


@pytest.fixture(scope="module")
def checks_of(workers: Workers):
    """All checks of a model at once; a model's tests share one measurement."""

    @functools.lru_cache(maxsize=1)
    def of(name: str):
        tiers = [tier for one, tier in ASKED if one == name]
        backends = FOREIGN if name in SAMPLED else ("pytorch", "keras[torch]")
        if name in TINY and name not in WHOLE.values():
            backends = ()
        return checks(workers, name, tiers, backends)

    return of


def checks(workers, name, tiers, backends):
    workers.trim(*HELD)
    # A family may be called as one of its models is.
    jobs = [job for job in plan([name], tiers) if job.model == name]
    asked = [job for job in jobs if job.frameworks != FOREIGN]
    if backends:
        foreign = [job for job in jobs if job.frameworks == FOREIGN]
        asked += [replace(job, frameworks=backends) for job in foreign]
    return list(run(asked, workers, "float64", optimizers=in_turns(name)))


def _failures(checks, tier):
    chosen = [check for check in checks if check.tier.partition("/")[0] == tier]
    assert chosen, f"{tier} was not checked"
    return [
        f"{check.tier} {check.frameworks}: {check.reason}"
        for check in chosen
        if not check.passed
    ]


@pytest.mark.parametrize(("name", "tier"), held.sampled(ASKED, OFTEN))
def test_tiny(name, tier, checks_of):
    assert _failures(checks_of(name), tier) == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in TINY if OTHERS[name]])
def test_rest_of_tiny(name, workers):
    found = checks(workers, name, OTHERS[name], ())
    for tier in OTHERS[name]:
        assert _failures(found, tier) == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", [n for n in WHOLE.values() if n not in SAMPLED])
def test_tiny_in_keras_on_jax(name, workers):
    found = checks(workers, name, ["names", "forward"], ("pytorch", "keras[jax]"))
    on_jax = [check for check in found if "keras[jax]" in check.frameworks]
    for tier in ("names", "forward"):
        assert _failures(on_jax, tier) == []


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["names", "counts"])
@pytest.mark.parametrize("name", LARGEST.values())
def test_full_size(name, tier, checks_of):
    assert _failures(checks_of(name), tier) == []


@pytest.mark.parametrize("name", FULL)
def test_published_count(name, workers):
    model = workers.get("pytorch", "float64").build(VARIANTS[name].spec, name)
    count = weights.count(model.entries())
    model.drop()
    assert count == VARIANTS[name].parameters
