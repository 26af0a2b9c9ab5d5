"""LeNet-5 against the paper: its counts, and its forward pass in NumPy."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from parity_tests.engine import Workers
from shared.arrays import Weights
from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, ORACLE
from shared.messages import Request
from shared.running.client import Worker
from shared.specs.vision.lenet import LeNet5Spec
from shared.tensors import sample

Array = NDArray[Any]


@pytest.fixture(scope="module", params=(*FRAMEWORKS, ORACLE))
def worker(request: pytest.FixtureRequest, workers: Workers) -> Worker:
    return workers.get(request.param, "float64")


def conv(x: Array, weight: Array, bias: Array) -> Array:
    windows = sliding_window_view(x, weight.shape[2:], (2, 3))
    return np.einsum("bihwkl,oikl->bohw", windows, weight) + bias[:, None, None]


def subsample(x: Array, weight: Array, bias: Array) -> Array:
    b, c, h, w = x.shape
    total = x.reshape(b, c, h // 2, 2, w // 2, 2).sum((3, 5))
    return total * weight[:, None, None] + bias[:, None, None]


def forward(spec: LeNet5Spec, p: Weights, x: Array) -> Array:
    """Section II.B, map by map where the maps differ."""

    def squash(a: Array) -> Array:
        return spec.amplitude * np.tanh(spec.slope * a)

    def pair(name: str) -> tuple[Array, Array]:
        return p[f"{name}.weight"], p[f"{name}.bias"]

    x = squash(conv(x, *pair("c1")))
    x = squash(subsample(x, *pair("s2")))
    kernels, maps = iter(p["c3.weight"]), []
    for row, bias in zip(spec.c3_table, p["c3.bias"], strict=True):
        kernel = np.stack([next(kernels) for _ in row])
        maps.append(conv(x[:, list(row)], kernel[None], bias[None]))
    x = squash(np.concatenate(maps, 1))
    x = squash(subsample(x, *pair("s4")))
    x = squash(conv(x, *pair("c5")))[:, :, 0, 0]
    weight, bias = pair("f6")
    x = squash(x @ weight.T + bias)
    if spec.output == "rbf":
        return np.stack([((x - w) ** 2).sum(1) for w in p["head.centers"]], 1)
    return x @ p["head.weight"].T + p["head.bias"]


@pytest.mark.parametrize("name", ["lenet5_tiny", "lenet5_tiny_linear", "lenet5"])
def test_forward_is_the_papers(worker: Worker, name: str) -> None:
    spec = VARIANTS[name].spec
    assert isinstance(spec, LeNet5Spec)
    model = worker.build(spec, name)
    model.fill(0)
    x = sample(spec.inputs()[0], 2, 0)
    own = model.run(Request((x,))).outputs[0]
    expected = forward(spec, model.dump(), x.astype(np.float64))
    np.testing.assert_allclose(own, expected, rtol=0, atol=1e-13)


def test_parameters_of_each_layer_are_the_papers(worker: Worker) -> None:
    found: dict[str, int] = {}
    for name, entry in worker.build(LeNet5Spec()).entries().items():
        if entry.trainable:
            layer = name.split(".")[0]
            found[layer] = found.get(layer, 0) + math.prod(entry.shape)
    assert found == {
        "c1": 156,
        "s2": 12,
        "c3": 1_516,
        "s4": 32,
        "c5": 48_120,
        "f6": 10_164,
    }


def test_centers_are_ten_bitmaps_of_7_by_12() -> None:
    centers = np.array(LeNet5Spec().centers)
    assert centers.shape == (10, 84)
    assert set(centers.flat) == {-1.0, 1.0}
    distances = ((centers[:, None] - centers) ** 2).sum(2)
    assert distances[~np.eye(10, dtype=bool)].min() >= 4 * 10  # ten pixels


@pytest.mark.parametrize("row", [(), (0, 6), (2, 1), (3, 3)])
def test_a_bad_table_is_refused(row: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="rising numbers below c1_maps"):
        LeNet5Spec(c3_table=((0, 1), row))
