"""The small CNN against a forward pass in NumPy, and one set of weights at any size."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from parity_tests.compare import error
from shared.catalog import variant
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, NATIVE, ORACLE
from shared.messages import Request
from shared.specs.vision.simple_cnn import SimpleCNNSpec
from shared.tensors import sample

SIZES = (32, 48, 64)


def forward(spec, p, x):
    for i in range(len(spec.widths)):
        around = (spec.padding,) * 2
        x = np.pad(x, ((0, 0), (0, 0), around, around))
        windows = sliding_window_view(x, (spec.kernel,) * 2, (2, 3))
        x = np.einsum("bihwkl,oikl->bohw", windows, p[f"convs.{i}.weight"])
        x = np.maximum(x + p[f"convs.{i}.bias"][:, None, None], 0)
        x = sliding_window_view(x, (2, 2), (2, 3))[:, :, ::2, ::2].max((4, 5))
    if spec.pooling == "flatten":
        x = x.reshape(len(x), -1)
    else:
        x = x.mean((2, 3)) if spec.pooling == "mean" else x.max((2, 3))
    for i in range(len(spec.hidden)):
        x = np.maximum(x @ p[f"hidden.{i}.weight"].T + p[f"hidden.{i}.bias"], 0)
    return x @ p["fc.weight"].T + p["fc.bias"]


@pytest.mark.parametrize("framework", [*FRAMEWORKS, ORACLE])
@pytest.mark.parametrize("name", ["simple_cnn", "simple_cnn_mean", "simple_cnn_max"])
def test_forward_is_what_numpy_computes(name, framework, workers):
    spec = variant(name).spec
    model = workers.get(framework, "float64").build(spec, name)
    model.fill(0)
    x = sample(spec.inputs()[0], 2, 0)
    (found,) = model.run(Request((x,))).outputs
    assert error(found, forward(spec, model.dump(), x.astype(float))) <= 1e-13
    model.drop()


def test_one_file_of_weights_at_three_sizes(workers, tmp_path):
    """In three models of a size each, and in one that is shown all three; in three
    frameworks, all as NumPy computes it."""
    path, first = tmp_path / "weights.safetensors", f"multi_resolution_{SIZES[0]}"
    model = workers.get("pytorch", "float64").build(variant(first).spec, first)
    model.fill(1)
    model.save(path)
    p = model.dump()
    model.drop()
    for framework in NATIVE:
        worker = workers.get(framework, "float64")
        any_size = worker.build(variant(first).spec, first)
        any_size.read(path)
        for size in SIZES:
            name = f"multi_resolution_{size}"
            spec = variant(name).spec
            own = worker.build(spec, name)
            own.read(path)
            x = sample(spec.inputs()[0], 2, size)
            assert x.shape == (2, 3, size, size)
            expected = forward(spec, p, x.astype(float))
            for one in (own, any_size):
                (found,) = one.run(Request((x,))).outputs
                assert error(found, expected) <= 1e-13
                # Compiled, too: a shape at a time.
                assert error(one.predict((x,))[0], expected) <= 1e-13
            own.drop()
        any_size.drop()


def test_sizes_differ_in_what_they_are_shown_alone():
    one, two, three = (variant(f"multi_resolution_{size}").spec for size in SIZES)
    assert replace(two, image_size=one.image_size) == one
    assert replace(three, image_size=one.image_size) == one
    assert one.features == two.features == 128
    flat = replace(one, pooling="flatten")
    assert flat.features != replace(two, pooling="flatten").features


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widths": ()}, "at least one convolution"),
        ({"image_size": (28, 9)}, "leaves a pixel after each pooling"),
        ({"image_size": (3, 28)}, "leaves a pixel"),
        ({"image_size": (1, 1)}, "leaves a pixel"),
        ({"pooling": "sum"}, "allowed: one of 'flatten', 'mean', 'max'"),
        ({"dropout": 1.0}, "a number from 0 up to"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    assert SimpleCNNSpec(image_size=(28, 10)).map_size == (5, 1)
    with pytest.raises(UsageError, match=said):
        SimpleCNNSpec(**changes)
