"""The MLP's activations and their gradients against NumPy, in every framework."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from parity_tests.engine import Workers
from shared.frameworks import FRAMEWORKS, ORACLE
from shared.messages import Request
from shared.running.client import Worker
from shared.specs.classic.mlp import MLPSpec

X = np.array([[-3.0, -1.0, -0.25, 0.0, 0.5, 2.0]])
SLOPE = 0.3  # not exact in float32
ACTIVATIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "sigmoid": (
        lambda x: 1 / (1 + math.exp(-x)),
        lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2,
    ),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "leaky_relu": (
        lambda x: x if x > 0 else SLOPE * x,
        lambda x: 1.0 if x > 0 else SLOPE,
    ),
    "gelu": (
        lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
        lambda x: (
            (1 + math.erf(x / math.sqrt(2))) / 2
            + x * math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
        ),
    ),
}


@pytest.fixture(scope="module", params=(*FRAMEWORKS, ORACLE))
def worker(request: pytest.FixtureRequest, workers: Workers) -> Worker:
    return workers.get(request.param, "float64")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_and_its_gradient(worker: Worker, activation: str) -> None:
    """Through identity matrices, at 0 as well."""
    n = X.size
    spec = MLPSpec(
        features=n,
        hidden=(n,),
        targets=n,
        activation=activation,  # type: ignore[arg-type]
        leaky_slope=SLOPE,
    )
    layers = ("hidden.0.linear", "fc")
    model = worker.build(spec)
    model.load(
        {f"{layer}.weight": np.eye(n) for layer in layers}
        | {f"{layer}.bias": np.zeros(n) for layer in layers}
    )
    result = model.run(Request((X,), cotangents=(np.ones_like(X),)))
    values, slopes = (np.vectorize(f, [float])(X) for f in ACTIVATIONS[activation])
    gradient = result.input_gradients[0]
    assert gradient is not None
    np.testing.assert_allclose(result.outputs[0], values, rtol=0, atol=1e-15)
    np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-15)
