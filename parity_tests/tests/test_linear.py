"""The linear models against NumPy, in every framework."""

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.engine import Workers
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, ORACLE
from shared.messages import Request
from shared.running.client import Worker
from shared.specs.classic.linear import LinearModelSpec, Link

W = np.array([[1.0, -2.0, 0.5], [0.25, 4.0, -1.0]])
B = np.array([0.5, -1.0])
X = np.array([[1.0, 0.5, -1.0], [2.0, 0.0, 0.5], [-1.0, -0.25, 0.0]])
SCORES = X @ W.T + B
SHARES = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
PREDICTIONS: dict[Link, NDArray[np.float64]] = {
    "identity": SCORES,
    "sigmoid": 1 / (1 + np.exp(-SCORES)),
    "softmax": SHARES,
    "step": (SCORES > 0) * 1.0,
}


@pytest.fixture(scope="module", params=(*FRAMEWORKS, ORACLE))
def worker(request: pytest.FixtureRequest, workers: Workers) -> Worker:
    return workers.get(request.param, "float64")


@pytest.mark.parametrize("link", PREDICTIONS)
def test_prediction_is_the_link_of_the_scores(worker: Worker, link: Link) -> None:
    model = worker.build(LinearModelSpec(features=3, targets=2, link=link))
    model.load({"linear.weight": W, "linear.bias": B})
    scores, prediction = model.run(Request((X,))).outputs
    np.testing.assert_allclose(scores, SCORES, rtol=0, atol=1e-14)
    np.testing.assert_allclose(prediction, PREDICTIONS[link], rtol=0, atol=1e-14)


def test_step_is_0_at_0_and_has_no_gradient(worker: Worker) -> None:
    model = worker.build(LinearModelSpec(features=1, targets=1, link="step"))
    model.load({"linear.weight": np.ones((1, 1)), "linear.bias": np.zeros(1)})
    x = np.array([[-2.0], [0.0], [3.0]])
    none, ones = np.zeros((3, 1)), np.ones((3, 1))
    result = model.run(Request((x,), cotangents=(none, ones)))
    assert result.outputs[1].tolist() == [[0], [0], [1]]
    assert not any(gradient.any() for gradient in result.gradients.values())
    assert not np.asarray(result.input_gradients[0]).any()


def test_softmax_of_one_target_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 2 with the link softmax"):
        LinearModelSpec(features=4, targets=1, link="softmax")
