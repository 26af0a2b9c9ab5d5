"""One tower called several times: published sizes, what each call draws and leaves in
batch norm's statistics, places of length one, and files that hold the nested spec."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from parity_tests.engine import SEED, request
from shared.catalog import variant
from shared.data.images import digits
from shared.data.pairs import pairs, triplets
from shared.definitions.losses import Contrastive, Triplet
from shared.errors import UsageError
from shared.frameworks import NATIVE, ORACLE
from shared.messages import Request
from shared.objectives.supervised import Supervised
from shared.running.training import Job
from shared.specs.classic.mlp import MLPSpec
from shared.specs.vision.lenet import LeNetSpec
from shared.specs.vision.siamese import SiameseSpec
from shared.tasks import task

PAIRS, TRIPLETS, ONE_SHOT = "siamese_tiny", "siamese_tiny_triplet", "one_shot_tiny"
ALL = (*NATIVE, ORACLE)


def run(workers, framework, name, asked, spec=None, weights=None):
    spec = spec or variant(name).spec
    model = workers.get(framework, "float64").build(spec, name)
    model.fill(SEED)
    if weights is not None:
        model.load({k: weights(v) for k, v in model.dump().items()})
    found = model.run(asked)
    model.drop()
    return found


# The published network


def test_maps_are_those_of_the_figure():
    """Koch et al. 2015, figure 4."""
    spec, size, sizes = variant("one_shot").spec, (105, 105), []
    for c in spec.convs[:-1]:
        sizes.append(c.map_size(*size)[0])
        size = spec.pool.map_size(*c.map_size(*size))
        sizes.append(size[0])
    assert sizes == [96, 48, 42, 21, 18, 9]
    assert spec.map_size == (6, 6)
    assert spec.features == 9216


def test_what_leaves_no_pixel_is_refused():
    spec = variant("one_shot").spec
    for side in (20, 46):
        with pytest.raises(UsageError, match="leaves a pixel after the last conv"):
            replace(spec, image_size=(105, side))
    with pytest.raises(UsageError, match=r"kernels is \(3,\); allowed: one a conv"):
        replace(spec, kernels=(3,))


def test_one_shot_starts_as_published(workers):
    model = workers.get("pytorch", "float32").build(
        replace(variant("one_shot").spec, hidden=300), "one_shot"
    )
    model.start(0)
    found = model.dump()
    model.drop()
    for name, mean, std in (
        ("tower.convs.2.weight", 0, 0.01),
        ("tower.convs.2.bias", 0.5, 0.01),
        ("tower.fc.weight", 0, 0.2),
        ("tower.fc.bias", 0.5, 0.01),
        ("fc.weight", 0, 0.2),
    ):
        assert found[name].mean() == pytest.approx(mean, abs=0.02)
        assert found[name].std() == pytest.approx(std, rel=0.2)


# Calls


@pytest.mark.parametrize("framework", ALL)
def test_every_call_has_a_name(workers, framework):
    asked = request(variant(TRIPLETS).spec, 2, training=False)
    found = run(workers, framework, TRIPLETS, replace(asked, trace=True))
    names = [name for name in found.layers if name.startswith("tower.fc")]
    assert names == ["tower.fc", "tower.fc#2", "tower.fc#3"]
    pairs = zip(names, found.outputs, strict=True)
    for name, place in pairs:
        y = found.layers[name].left
        lengths = np.sqrt(np.square(y).sum(-1, keepdims=True))
        np.testing.assert_allclose(place, y / lengths, atol=1e-15)


@pytest.mark.parametrize("framework", ALL)
def test_each_call_drops_by_itself(workers, framework):
    """Without batch norm one input has one place, but where each call drops anew."""
    name, spec = TRIPLETS, variant(TRIPLETS).spec
    inputs = spec.examples(4, SEED, "same")
    still = run(workers, framework, name, Request(inputs)).outputs
    moved = run(workers, framework, name, Request(inputs, training=True)).outputs
    for place in still[1:]:
        np.testing.assert_array_equal(place, still[0])
    for i, place in enumerate(moved):
        assert all((place != other).any() for other in moved[:i])


@pytest.mark.parametrize("framework", NATIVE)
def test_batch_norm_sees_each_call_in_turn(workers, framework):
    """Of its running statistics the last call weighs most."""
    spec = variant(PAIRS).spec
    first, second = spec.examples(4, SEED)
    name, decay = "tower.hidden.0.norm.running_mean", spec.tower.bn_decay
    ends = {
        key: run(workers, framework, PAIRS, Request(given, training=True)).buffers[name]
        for key, given in {
            "both": (first, second),
            "first": (first, first),
            "second": (second, second),
        }.items()
    }
    model = workers.get(framework, "float64").build(spec, PAIRS)
    model.fill(SEED)
    start = model.dump()[name]
    model.drop()
    # Twice the same mean m leaves decay^2 start + (1 - decay^2) m.
    means = [(ends[k] - decay**2 * start) / (1 - decay**2) for k in ("first", "second")]
    wanted = decay * (decay * start + (1 - decay) * means[0]) + (1 - decay) * means[1]
    assert error(ends["both"], wanted) <= tolerances.BUFFERS


@pytest.mark.parametrize("name", [PAIRS, TRIPLETS, ONE_SHOT])
@pytest.mark.parametrize("framework", NATIVE)
def test_the_tower_alone_is_what_forward_calls(workers, framework, name):
    spec = variant(name).spec
    x, *_ = spec.examples(4, SEED)
    found = run(workers, framework, name, Request((x,), program="embed")).outputs[0]
    asked = Request(spec.examples(4, SEED), trace=True)
    whole = run(workers, framework, name, asked)
    place = whole.layers["tower"].left if name == ONE_SHOT else whole.outputs[0]
    np.testing.assert_array_equal(found, place)


@pytest.mark.parametrize("framework", NATIVE)
def test_a_place_of_0_has_no_direction(workers, framework):
    spec = variant(TRIPLETS).spec
    asked = request(spec, 2, training=True, gradients=True)
    found = run(workers, framework, TRIPLETS, asked, weights=np.zeros_like)
    assert not any(place.any() for place in found.outputs)
    for name, gradient in found.gradients.items():
        assert not gradient.any(), name


def test_any_of_its_towers(workers):
    """LeNet's, which no tiny variant has, against NumPy."""
    tower = LeNetSpec(
        image_size=(17, 16), padding=1, widths=(2, 3), hidden=(7, 5), num_classes=4
    )
    spec = SiameseSpec(tower=tower, loss=Contrastive())
    asked = request(spec, 3, training=True, gradients=True)
    wanted = run(workers, ORACLE, "", asked, spec)
    for framework in NATIVE:
        found = run(workers, framework, "", asked, spec)
        for place, y in zip(found.outputs, wanted.outputs, strict=True):
            assert error(place, y) <= tolerances.FORWARD
        for name, gradient in wanted.gradients.items():
            assert error(found.gradients[name], gradient) <= tolerances.GRADIENTS, name


# Losses


def test_training_is_followed_on_both_sides_of_the_margin(workers):
    """Pairs of all three kinds, triplets that are pushed and others that are not."""
    sides = {PAIRS: set(), TRIPLETS: set()}
    for name, found in sides.items():
        spec = variant(name).spec
        for batch in training.batches(spec):
            places = run(workers, "pytorch", name, Request(batch.inputs)).outputs
            d = [np.sqrt(np.square(places[0] - p).sum(-1)) for p in places[1:]]
            if name == PAIRS:
                other, near = batch.targets[0] > 0, d[0] < spec.loss.margin
                found |= set(np.where(other, np.where(near, "push", "far"), "pull"))
            else:
                pushed = d[0] ** 2 - d[1] ** 2 + spec.loss.margin > 0
                found |= set(np.where(pushed, "push", "far"))
    assert sides == {PAIRS: {"pull", "push", "far"}, TRIPLETS: {"push", "far"}}


def test_distances_need_not_be_squared(workers):
    """As torch's triplets: the whole step, against NumPy."""
    spec = variant(TRIPLETS).spec
    plan = training.plans(spec)["adamw"]
    loss = Triplet(margin=0.4, squared=False)
    plan = replace(plan, objective=Supervised(loss=loss, heads=None))
    seen = {
        framework: training.follow(
            workers.get(framework, "float64"), TRIPLETS, spec, plan, 3
        )
        for framework in ALL
    }
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst


# Files


def test_a_keras_file_holds_the_tower(workers, within, tmp_path):
    spec = variant(TRIPLETS).spec
    model = workers.get("keras", "float64").build(spec, TRIPLETS)
    model.fill(SEED)
    inputs, path = spec.examples(2, SEED), tmp_path / "whole.keras"
    model.write_native(path, model.dump())
    given = tuple(np.moveaxis(x, 1, -1) for x in inputs)
    np.savez(tmp_path / "given.npz", *given, *model.run(Request(inputs)).outputs)
    model.drop()
    source = f"""
    import keras
    import keras_impl
    import numpy as np

    def same():
        arrays = list(np.load({str(tmp_path / "given.npz")!r}).values())
        model = keras.models.load_model({str(path)!r})
        found = model(*arrays[:3], training=False)
        for place, wanted in zip(found, arrays[3:], strict=True):
            assert np.abs(place - wanted).max() <= 1e-12
    """
    within("keras", source, "same")


def test_a_tower_of_another_family_is_refused():
    with pytest.raises(UsageError, match=r"SiameseSpec\.tower"):
        SiameseSpec(tower=variant("resnet_tiny").spec, loss=Contrastive())


# Data


def test_pairs_and_triplets_are_what_they_say():
    split = digits(flat=True).validation
    (x,), (classes,) = split.inputs, split.targets
    owner = {row.tobytes(): c for row, c in zip(x, classes, strict=True)}
    (a, b), (wanted,) = pairs(split, 2).inputs, pairs(split, 2).targets
    kinds = np.array([owner[r.tobytes()] for r in a]), [owner[r.tobytes()] for r in b]
    np.testing.assert_array_equal(kinds[0] != kinds[1], wanted == 1)
    assert len(a) == 4 * len(x)
    assert wanted.mean() == 0.5
    assert (a != b).any(1).all()
    anchor, alike, other = (
        np.array([owner[row.tobytes()] for row in part])
        for part in triplets(split, 1).inputs
    )
    np.testing.assert_array_equal(anchor, classes)
    assert (anchor == alike).all()
    assert (anchor != other).all()


@pytest.mark.parametrize("framework", NATIVE)
def test_a_run_of_triplets_wants_nothing_besides(workers, framework, tmp_path):
    chosen = task("digits_triplet")
    model = workers.get(framework, "float32").build(chosen.spec, chosen.name)
    model.start(0)
    (line,) = model.train(Job(chosen.name, tmp_path, {"epochs": 1}))["history"]
    model.drop()
    assert line["loss"] < 0.15
    assert line["validation_nearer"] > 0.9


def test_the_spec_of_a_pair_and_of_a_triplet():
    tower = MLPSpec(features=3, hidden=(), targets=2, activation="relu")
    pair = SiameseSpec(tower=tower, loss=Contrastive())
    assert [t.name for t in pair.inputs()] == ["first", "second"]
    assert [t.name for t in replace(pair, loss=Triplet()).inputs()] == [
        "anchor",
        "alike",
        "other",
    ]
    assert pair.wanted(pair.examples(5, 0), 0)[0].shape == (5,)
    assert replace(pair, loss=Triplet()).wanted(pair.examples(5, 0), 0) == ()
