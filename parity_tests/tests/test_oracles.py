"""Oracles outside the three hold, and see what the three cannot see of each other."""

from dataclasses import replace

import pytest

from parity_tests import oracles
from parity_tests.tolerances import ORIGINALS
from shared.catalog import FAMILIES


def needs(original):
    if package := oracles.missing(original):
        pytest.skip(f"{package} is not installed: pip install .[originals]")


ALL = [(family, one) for family in FAMILIES for one in oracles.of_family(family)]


# Of those that take seconds each, most for moving their weights; `make thorough`.
HEAVY = {
    "alexnet",
    "vgg11_bn",
    "retinanet",
    "timm_inception_v4",
    "timm_legacy_xception",
}
HEAVY |= {"segmentation_fcn_resnet50", "segmentation_deeplabv3_resnet50"}
HEAVY |= {"timm_inception_resnet_v2", "timm_mixer_s32_224"}


@pytest.mark.parametrize(
    ("family", "original"),
    [
        pytest.param(
            *one,
            id=one[1].name,
            marks=[pytest.mark.thorough] * (one[1].name in HEAVY),
        )
        for one in ALL
    ],
)
def test_others_give_what_ours_gives(family, original, workers):
    needs(original)
    worst = oracles.against(original, workers)
    assert worst.error <= ORIGINALS, worst


@pytest.mark.parametrize("family", ["resnet", "vit"])
def test_a_mistake_in_all_three_is_seen(family, workers):
    """A spec with another epsilon is wrong in all three alike."""
    original, *_ = oracles.of_family(family)
    needs(original)
    (field,) = {"bn_eps", "ln_eps"} & vars(original.spec).keys()
    wrong = replace(original.spec, **{field: 2e-3})
    worst = oracles.against(replace(original, spec=wrong), workers)
    assert worst.error > 1e3 * ORIGINALS


def test_in_numpy(workers):
    worst = oracles.in_numpy("linear", workers)
    assert 0 < worst.error <= ORIGINALS


def test_every_family_is_recorded():
    found = oracles.recorded()
    assert list(found) == list(FAMILIES)
    for family, held in found.items():
        assert [one.oracle for one in held] == oracles.named(family)
        assert all(one.passed for one in held), family


def test_every_family_names_one():
    assert all(oracles.named(family) for family in FAMILIES)
