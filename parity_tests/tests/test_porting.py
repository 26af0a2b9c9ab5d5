"""The porting dictionary is code that runs, and gives the same in all three."""

import re

import numpy as np
import pytest

from parity_tests import porting
from parity_tests.compare import error
from parity_tests.tolerances import FORWARD
from shared import porting as dictionary
from shared.errors import UsageError
from shared.frameworks import NATIVE, ROOT
from shared.porting.base import KINDS, LONG

ENTRIES = dictionary.ENTRIES
SINGLE = 1e-6  # where a framework's own form rounds to float32 on the way


@pytest.fixture(scope="module")
def found(workers):
    entries = list(ENTRIES.values())
    return {f: porting.values(workers.get(f, "float64"), entries) for f in NATIVE}


@pytest.mark.parametrize("key", ENTRIES)
def test_the_three_are_equal(found, key):
    expected = found["pytorch"][key]
    assert np.abs(expected).max() > 0
    for framework in ("keras", "jax"):
        assert found[framework][key].shape == expected.shape
        off = error(found[framework][key], expected)
        if framework in ENTRIES[key].single:
            assert FORWARD < off < SINGLE, framework
        else:
            assert off <= FORWARD, framework


@pytest.mark.parametrize("framework", NATIVE)
def test_the_defaults_are_those_of_the_framework(workers, framework):
    told = {k: dict(e.forms[framework].defaults) for k, e in ENTRIES.items()}
    entries = list(ENTRIES.values())
    worker = workers.get(framework, "float64")
    real = worker.ask("parity_tests.porting:defaults", entries)
    assert real == {key: value for key, value in told.items() if value}
    assert real


def test_every_weight_is_used():
    for key, entry in ENTRIES.items():
        for framework in ("keras", "jax"):
            used = " ".join(entry.forms[framework].takes.values())
            for name in entry.weights:
                assert name.replace(".", "_") in used, (key, framework, name)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("nn.Conv2d", "conv2d"),
        ("Conv2D", "conv2d"),
        ("torch.nn.Linear", "linear"),
        ("Dense", "linear"),
        ("keras.layers.Dense", "linear"),
        ("nnx.Linear", "linear"),
        ("BatchNorm2d", "batch_norm"),
        ("F.gelu", "gelu"),
        ("torch.nn.GELU", "gelu"),
        ("CrossEntropyLoss", "cross_entropy"),
        ("optax.softmax_cross_entropy_with_integer_labels", "cross_entropy"),
        ("scaled_dot_product_attention", "attention"),
    ],
)
def test_a_name_of_any_framework_leads_there(name, key):
    assert key in [entry.key for entry in dictionary.find(name)]


def test_one_name_may_be_several_things():
    keys = [entry.key for entry in dictionary.find("nnx.Conv")]
    assert keys == ["conv2d", "grouped_conv2d", "depthwise_conv2d", "conv1d"]


def test_who_looks_for_something_else_is_told():
    with pytest.raises(UsageError, match="triptych show adam"):
        dictionary.find("adam")
    with pytest.raises(
        UsageError, match=r"unknown name 'conv2e'; the nearest are conv2"
    ):
        dictionary.find("conv2e")


def test_every_entry_is_whole():
    page = (ROOT / "docs" / "differences.md").read_text()
    tags = set(re.findall(r"^## `([\w-]+)`", page, re.MULTILINE))
    for key, entry in ENTRIES.items():
        assert entry.key == key
        assert entry.kind in KINDS
        assert set(entry.differences) <= tags, key
        assert set(entry.last) <= {*entry.inputs, "y"}, key
        for form in entry.forms.values():
            assert form.lines[-1] == f"y = {form.call}"
        assert not any(name.startswith(tuple(LONG)[:7]) for name in entry.names)
