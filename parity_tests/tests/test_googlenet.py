"""GoogLeNet as published against its forward pass in NumPy, and what both refuse."""

from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from parity_tests.engine import Workers
from shared.arrays import Weights
from shared.catalog import VARIANTS
from shared.definitions.initializers import (
    Constant,
    LeCunUniform,
    Normal,
    Ones,
    Zeros,
    of_torch,
)
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS
from shared.messages import Request
from shared.running.client import Worker
from shared.specs.vision.googlenet import GoogLeNetSpec, PlainGoogLeNetSpec
from shared.tensors import sample

Array = NDArray[Any]
NAME = "googlenet_tiny_plain"


@pytest.fixture(scope="module", params=FRAMEWORKS)
def worker(request: pytest.FixtureRequest, workers: Workers) -> Worker:
    return workers.get(request.param, "float64")


class Paper:
    """Table 1 row by row. What a layer's kernel and stride are stands here again."""

    def __init__(self, spec: PlainGoogLeNetSpec, weights: Weights):
        self.spec, self.p = spec, weights

    def conv(self, x: Array, name: str, stride: int = 1) -> Array:
        w = self.p[f"{name}.conv.weight"]
        k = w.shape[-1]
        x = np.pad(x, ((0, 0), (0, 0), (k // 2,) * 2, (k // 2,) * 2))
        windows = sliding_window_view(x, (k, k), (2, 3))[:, :, ::stride, ::stride]
        y = np.einsum("bihwkl,oikl->bohw", windows, w, optimize=True)
        return np.maximum(y + self.p[f"{name}.conv.bias"][:, None, None], 0)

    def dense(self, x: Array, name: str) -> Array:
        return x @ self.p[f"{name}.weight"].T + self.p[f"{name}.bias"]

    def pool(self, x: Array) -> Array:
        """3x3 at stride 2; what hangs over the edge counts."""
        edge = [(0, -(n - 3) % 2) for n in x.shape[2:]]
        x = np.pad(x, ((0, 0), (0, 0), *edge), constant_values=-np.inf)
        return sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2].max((4, 5))

    def norm(self, x: Array) -> Array:
        s, y, n = self.spec, np.empty_like(x), self.spec.lrn_size // 2
        for i in range(x.shape[1]):
            total = (x[:, max(0, i - n) : i + n + 1] ** 2).sum(1)
            y[:, i] = x[:, i] / (s.lrn_k + s.lrn_alpha * total) ** s.lrn_beta
        return y

    def inception(self, x: Array, name: str) -> Array:
        edge = ((0, 0), (0, 0), (1, 1), (1, 1))
        padded = np.pad(x, edge, constant_values=-np.inf)
        largest = sliding_window_view(padded, (3, 3), (2, 3)).max((4, 5))
        branches = [
            self.conv(x, f"{name}.branch1"),
            self.conv(self.conv(x, f"{name}.branch2.0"), f"{name}.branch2.1"),
            self.conv(self.conv(x, f"{name}.branch3.0"), f"{name}.branch3.1"),
            self.conv(largest, f"{name}.branch4.1"),
        ]
        return np.concatenate(branches, 1)

    def head(self, x: Array, name: str) -> Array:
        windows = sliding_window_view(x, (5, 5), (2, 3))[:, :, ::3, ::3]
        x = self.conv(windows.mean((4, 5)), f"{name}.conv").reshape(len(x), -1)
        x = np.maximum(self.dense(x, f"{name}.fc1"), 0)
        return self.dense(x, f"{name}.fc2")

    def outputs(self, x: Array) -> list[Array]:
        x = self.norm(self.pool(self.conv(x, "conv1", 2)))
        x = self.norm(self.conv(self.conv(x, "conv2"), "conv3"))
        x = self.inception(self.pool(x), "inception3a")
        x = self.inception(self.pool(x), "inception4a")
        head = self.head(x, "aux1")
        x = self.inception(self.pool(x), "inception5a")
        return [self.dense(x.mean((2, 3)), "fc"), head]


@pytest.mark.parametrize("training", [False, True])
def test_forward_is_the_papers(worker: Worker, training: bool) -> None:
    """In training nothing is dropped here, so that the heads can be compared."""
    spec = VARIANTS[NAME].spec
    assert isinstance(spec, PlainGoogLeNetSpec)
    kept = {"dropout": 0.0, "head_dropout": 0.0}
    model = worker.build(PlainGoogLeNetSpec(**{**vars(spec), **kept}), NAME)
    model.fill(0)
    x = sample(spec.inputs()[0], 2, 0)
    expected = Paper(spec, model.dump()).outputs(x.astype(np.float64))
    found = model.run(Request((x,), training=training)).outputs
    assert len(found) == 1 + training
    for one, two in zip(found, expected, strict=False):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-13)


# Table 1, the column of output sizes: of each stage its map and its widths
TABLE_1 = [
    (28, (256, 480)),
    (14, (512, 512, 512, 528, 832)),
    (7, (832, 1024)),
]


@pytest.mark.parametrize("kind", [GoogLeNetSpec, PlainGoogLeNetSpec])
def test_sizes_are_those_of_table_1(
    kind: type[GoogLeNetSpec] | type[PlainGoogLeNetSpec],
) -> None:
    spec = kind()
    sizes = spec.pool.map_size(*spec.stem_convs[0].map_size(224, 224))
    for stage, (size, widths) in zip(spec.stages, TABLE_1, strict=True):
        sizes = stage.pool.map_size(*sizes)
        assert sizes == (size, size)
        assert tuple(b.c_out for b in stage.blocks) == widths
    assert spec.head_map == (4, 4)
    heads = {b.name for stage in spec.stages for b in stage.blocks if b.head}
    assert heads == {"inception4a", "inception4d"}


def test_starts_are_those_of_torchvision_and_of_caffe() -> None:
    spec, plain = GoogLeNetSpec(), PlainGoogLeNetSpec()
    for name in ("conv1.conv", "inception4a.branch2.1.conv", "aux2.fc1", "fc"):
        assert spec.start(f"{name}.weight", (4, 4)) == Normal(std=0.01)
        assert plain.start(f"{name}.weight", (4, 4)) == LeCunUniform()
    inputs = {"fc": 1024, "aux1.fc1": 2048, "aux2.fc2": 1024}
    for name, fan_in in inputs.items():
        assert spec.start(f"{name}.bias", (4,)) == of_torch(fan_in)
    assert spec.start("conv2.bn.weight", (4,)) == Ones()
    assert spec.start("conv2.bn.bias", (4,)) == Zeros()
    for name in ("conv1.conv", "inception5b.branch4.1.conv", "aux1.fc1"):
        assert plain.start(f"{name}.bias", (4,)) == Constant(value=0.2)
    for name in ("aux1.fc2", "fc"):
        assert plain.start(f"{name}.bias", (4,)) == Zeros()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 15 each way"):
        GoogLeNetSpec(image_size=(224, 14))
    GoogLeNetSpec(image_size=(15, 15))
    with pytest.raises(UsageError, match="at least 31 each way"):
        PlainGoogLeNetSpec(image_size=(30, 224), heads=())
    with pytest.raises(UsageError, match="at least 79 each way where"):
        PlainGoogLeNetSpec(image_size=(78, 224))
    PlainGoogLeNetSpec(image_size=(79, 224))
    PlainGoogLeNetSpec(image_size=(31, 31), heads=())
    with pytest.raises(UsageError, match="an odd number"):
        PlainGoogLeNetSpec(lrn_size=4)
    with pytest.raises(UsageError, match="1 to 26 blocks in each stage"):
        GoogLeNetSpec(rows=((), ((1,) * 6,), ((1,) * 6,)))
    for heads in ((3, 0), (0, 0), (5,)):
        with pytest.raises(UsageError, match="places below 5, in order"):
            GoogLeNetSpec(heads=heads)
