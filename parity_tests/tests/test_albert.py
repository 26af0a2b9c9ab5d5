"""What ALBERT shares, and its checkpoints; the network itself is held by the spec's
ORACLES."""

from dataclasses import replace

import numpy as np
import pytest

from shared.catalog import variant
from shared.errors import UsageError
from shared.files import checkpoints
from shared.frameworks import NATIVE
from shared.messages import Request

SPEC = variant("albert_tiny").spec


@pytest.mark.parametrize("framework", NATIVE)
def test_a_block_more_adds_no_parameter_and_goes_on_from_the_last(framework, workers):
    """With the norms' weights at 0 each use of the block puts out its last bias."""
    worker = workers.get(framework, "float64")
    models = [worker.build(replace(SPEC, depth=depth)) for depth in (1, 2, 3)]
    inputs = SPEC.examples(3, 0)
    found = []
    for model in models:
        model.fill(0)
        found.append(model.run(Request(inputs)).outputs[0])
    assert models[0].dump().keys() == models[2].dump().keys()
    assert np.abs(found[0] - found[1]).max() > 1e-3
    assert np.abs(found[1] - found[2]).max() > 1e-3
    own = {name: value.copy() for name, value in models[0].dump().items()}
    own["encoder.block.norm2.weight"][:] = 0
    own["encoder.block.norm2.bias"][:] = np.arange(SPEC.width)
    for model in models:
        model.load(own)
        (hidden, _) = model.run(Request(inputs)).outputs
        assert (hidden == np.arange(SPEC.width)).all()
        model.drop()


def test_rates_are_those_of_one_block():
    rates = SPEC.rates(0.5)
    assert rates[0] == ("encoder.block.*", 0.5)
    assert {rate for _, rate in rates[1:]} == {0.25}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"first_place": 2, "tokens": 5}, "first_place is 2; allowed: 0"),
        ({"token_types": 0}, "token_types is 0; allowed: at least 1"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        replace(SPEC, **changes)


@pytest.mark.parametrize("name", ["albert_tiny", "albert_tiny_masked_lm"])
def test_checkpoints_there_and_back(name, workers):
    model = workers.get("pytorch", "float64").build(variant(name).spec, name)
    model.fill(0)
    own = model.dump()
    model.drop()
    public = checkpoints.to_public("albert", "huggingface", own)
    prefix = "albert." if "masked" in name else ""
    group = f"{prefix}encoder.albert_layer_groups.0.albert_layers.0"
    assert f"{group}.attention.query.weight" in public
    back = checkpoints.from_public("albert", "huggingface", public)
    assert back.keys() == own.keys()
    assert all(np.array_equal(back[key], own[key]) for key in own)
    with pytest.raises(UsageError, match="albert has no timm form"):
        checkpoints.from_public("albert", "timm", public)
