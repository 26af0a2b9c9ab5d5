"""Both AlexNets against their forward pass in NumPy."""

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
from shared.frameworks import FRAMEWORKS
from shared.messages import Request
from shared.running.client import Worker
from shared.specs.base import ConvSpec
from shared.specs.vision.alexnet import AlexNetSpec, TwoTowerAlexNetSpec
from shared.tensors import sample

Array = NDArray[Any]


@pytest.fixture(scope="module", params=FRAMEWORKS)
def worker(request: pytest.FixtureRequest, workers: Workers) -> Worker:
    return workers.get(request.param, "float64")


def conv_relu(x: Array, c: ConvSpec, p: Weights, name: str) -> Array:
    pad = ((0, 0), (0, 0), (c.padding,) * 2, (c.padding,) * 2)
    windows = sliding_window_view(np.pad(x, pad), (c.k, c.k), (2, 3))
    parts = zip(
        np.split(windows[:, :, :: c.stride, :: c.stride], c.groups, 1),
        np.split(p[f"{name}.weight"], c.groups),
        strict=True,
    )
    y = np.concatenate([np.einsum("bihwkl,oikl->bohw", *part) for part in parts], 1)
    return np.maximum(y + p[f"{name}.bias"][:, None, None], 0)


def dense(x: Array, p: Weights, name: str) -> Array:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def pool(x: Array) -> Array:
    return sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2].max((4, 5))


def response_norm(x: Array, s: TwoTowerAlexNetSpec) -> Array:
    """Section 3.3, map by map."""
    y, maps = np.empty_like(x), x.shape[1]
    for i in range(maps):
        first, last = max(0, i - s.lrn_size // 2), min(maps - 1, i + s.lrn_size // 2)
        total = (x[:, first : last + 1] ** 2).sum(1)
        y[:, i] = x[:, i] / (s.lrn_k + s.lrn_alpha * total) ** s.lrn_beta
    return y


def adaptive_mean(x: Array, size: tuple[int, int]) -> Array:
    height, width = x.shape[2:]
    y = np.empty((*x.shape[:2], *size))
    for i, j in np.ndindex(size):
        rows = slice(i * height // size[0], math.ceil((i + 1) * height / size[0]))
        columns = slice(j * width // size[1], math.ceil((j + 1) * width / size[1]))
        y[:, :, i, j] = x[:, :, rows, columns].mean((2, 3))
    return y


def one_tower(s: AlexNetSpec, p: Weights, x: Array) -> Array:
    for (c, pools), name in zip(s.stages, (0, 3, 6, 8, 10), strict=True):
        x = conv_relu(x, c, p, f"features.{name}")
        x = pool(x) if pools else x
    x = adaptive_mean(x, s.pooled).reshape(len(x), -1)
    x = np.maximum(dense(x, p, "classifier.1"), 0)
    x = np.maximum(dense(x, p, "classifier.4"), 0)
    return dense(x, p, "classifier.6")


def two_towers(s: TwoTowerAlexNetSpec, p: Weights, x: Array) -> Array:
    c1, c2, c3, c4, c5 = s.convs
    x = pool(response_norm(conv_relu(x, c1, p, "conv1"), s))
    x = pool(response_norm(conv_relu(x, c2, p, "conv2"), s))
    x = conv_relu(conv_relu(x, c3, p, "conv3"), c4, p, "conv4")
    x = pool(conv_relu(x, c5, p, "conv5")).reshape(len(x), -1)
    x = np.maximum(dense(x, p, "fc6"), 0)
    x = np.maximum(dense(x, p, "fc7"), 0)
    return dense(x, p, "fc8")


@pytest.mark.parametrize("name", ["alexnet_tiny", "alexnet_tiny_two_towers"])
def test_forward_is_the_papers(worker: Worker, name: str) -> None:
    spec = VARIANTS[name].spec
    model = worker.build(spec, name)
    model.fill(0)
    p, x = model.dump(), sample(spec.inputs()[0], 2, 0)
    own = model.run(Request((x,))).outputs[0]
    x = x.astype(np.float64)
    if isinstance(spec, TwoTowerAlexNetSpec):
        expected = two_towers(spec, p, x)
    else:
        assert isinstance(spec, AlexNetSpec)
        expected = one_tower(spec, p, x)
    np.testing.assert_allclose(own, expected, rtol=0, atol=1e-14)


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 63 each way"):
        AlexNetSpec(image_size=(224, 62))
    with pytest.raises(UsageError, match="a divisor of every width"):
        TwoTowerAlexNetSpec(widths=(96, 256, 384, 384, 255))
    with pytest.raises(UsageError, match="an odd number"):
        TwoTowerAlexNetSpec(lrn_size=4)
