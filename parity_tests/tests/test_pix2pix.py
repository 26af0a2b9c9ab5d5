"""pix2pix: the authors' sizes, both steps against NumPy, data of outlines, and what is
refused."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from shared.catalog import variant
from shared.data.shapes import outlined_shapes
from shared.definitions.optimizers import SGD
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import NATIVE
from shared.reference.adapter import Adapter
from shared.reference.module import named_parameters

TINY = "pix2pix_tiny"


def test_the_authors_sizes(workers):
    """Their code tells 54.414 and 2.769 million, and 30x30 patches of 70x70."""
    spec = variant("pix2pix").spec
    model = workers.get("pytorch", "float32").build(spec, "pix2pix")
    entries = model.entries()
    model.drop()
    for player, told in (("generator", 54.414), ("discriminator", 2.769)):
        own = {k: v for k, v in entries.items() if k.startswith(player)}
        assert round(weights.count(own) / 1e6, 3) == told
    reach = 1
    for down in reversed(spec.discriminator):
        reach = (reach - 1) * down.conv.stride + 4
    assert (spec.map_size, reach) == ((30, 30), 70)
    assert [up.dropout for up in spec.ups] == [0.0, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("framework", NATIVE)
def test_both_steps_are_those_in_numpy(workers, framework):
    """The critic's loss and gradients; then the generator's, against the critic as it
    has been moved."""
    spec = replace(variant(TINY).spec, dropout=0.0)
    plan, (batch,) = training.plans(spec)["momentum"], training.batches(spec, 1)
    plan = replace(plan, optimizer=SGD(lr=0.05), clip=None)
    model = workers.get(framework, "float64").build(spec, "")
    model.fill(training.SEED)
    w = model.dump()
    (seen,), _ = model.follow(plan, [batch], training.SEED)
    model.drop()
    own, (image, picture) = in_numpy(spec, w), batch.inputs
    of_real, of_made, _ = own(image, picture)
    soft = (np.logaddexp(0, -of_real).mean() + np.logaddexp(0, of_made).mean()) / 2
    assert seen.losses["critic/loss"] == pytest.approx(soft, rel=1e-12)
    of_scores = (-sigmoid(-of_real), sigmoid(of_made))
    own.each.backward(*(g / of_real.size / 2 for g in of_scores))
    held(own, seen, "critic", "discriminator")

    w |= {k: v for k, v in seen.weights.items() if k.startswith("discriminator")}
    own = in_numpy(spec, w)
    _, of_made, made = own(image, picture)
    game, distance = np.logaddexp(0, -of_made).mean(), np.abs(made - picture).mean()
    told = {"loss": game + 3 * distance, "game": game, "distance": distance}
    for name, value in told.items():
        assert seen.losses[f"generator/{name}"] == pytest.approx(value, rel=1e-12)
    off = 3 * np.sign(made - picture) / made.size
    own.backward(0 * of_real, -sigmoid(-of_made) / of_made.size, off)
    held(own, seen, "generator", "generator")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def in_numpy(spec, w):
    """In training mode, as a step is."""
    model = Adapter("float64", 1).build(spec, "")
    model.load(w)
    model.set_mode(True)
    return model.native


def held(own, seen, step, player):
    for name, parameter in named_parameters(own).items():
        if parameter.trainable and name.startswith(player):
            found = seen.gradients[f"{step}/{name}"]
            assert error(found, parameter.gradient) <= tolerances.GRADIENTS, name


def test_outlines_are_where_classes_change():
    (outline, filled), (wanted,) = (
        outlined_shapes(50).train.inputs,
        outlined_shapes(50).train.targets,
    )
    assert (filled == wanted).all()
    assert set(np.unique(np.round(3 * filled))) <= {-3, -1, 1, 3}
    row, above = filled[:, :, 1:, 1:], filled[:, :, :-1, 1:]
    left = filled[:, :, 1:, :-1]
    changes = (row != above) | (row != left)
    assert ((outline[:, :, 1:, 1:] == 1) == changes).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widths": (4,)}, "widths is (4,); allowed: two widths or more"),
        ({"patches": (4,)}, "patches is (4,); allowed: two widths or more"),
        ({"image_size": (16, 24)}, "multiples of 16, which is halved at each width"),
        ({"patches": (2,) * 5}, "widths that leave a patch to be scored"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(TINY).spec, **changes)
    assert said in str(refused.value)
