"""The stacked LSTM against a loop in NumPy, in every framework."""

from itertools import combinations

import numpy as np
import pytest

from parity_tests.compare import error
from parity_tests.engine import request
from parity_tests.tolerances import FORWARD
from shared.catalog import FAMILIES
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, ORACLE
from shared.randomness import Draws
from shared.specs.sequence.lstm import LSTMSpec

TINY = {n: v.spec for n, v in FAMILIES["lstm"].VARIANTS.items() if v.tiny}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_direction(x, weights, end, backward):
    """The hidden states at every step and the last one."""
    w_ih, w_hh, b_ih, b_hh = (
        weights[f"lstm.{name}_{end}"]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = c = np.zeros((len(x), w_hh.shape[1]))
    hidden = np.zeros((*x.shape[:2], w_hh.shape[1]))
    steps = range(x.shape[1])
    for t in reversed(steps) if backward else steps:
        gates = x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh
        i, f, g, o = np.split(gates, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        hidden[:, t] = h = sigmoid(o) * np.tanh(c)
    return hidden, h


def logits(spec, weights, x, masks):
    """masks: a function of the gap between layers and the shape there."""
    ends = []
    for k in range(spec.layers):
        if k:
            x = x * masks(k - 1, x.shape) / (1 - spec.dropout)
        found = [one_direction(x, weights, f"l{k}", backward=False)]
        if spec.bidirectional:
            found.append(one_direction(x, weights, f"l{k}_reverse", backward=True))
        x = np.concatenate([hidden for hidden, _ in found], axis=2)
        ends = [h for _, h in found]
    return np.concatenate(ends, axis=1) @ weights["fc.weight"].T + weights["fc.bias"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("framework", [*FRAMEWORKS, ORACLE])
@pytest.mark.parametrize("name", TINY)
def test_against_a_loop(name, framework, training, workers):
    spec = TINY[name]
    asked = request(spec, 3, training=training, gradients=False)

    def masks(gap, shape):
        place = Draws(asked.seed, f"lstm.dropouts.{gap}", asked.step)
        return place.keep(shape, spec.dropout) if training else 1 - spec.dropout

    model = workers.get(framework, "float64").build(spec, name)
    model.fill(0)
    expected = logits(spec, model.dump(), asked.inputs[0].astype("float64"), masks)
    (found,) = model.run(asked).outputs
    model.drop()
    assert error(found, expected) <= FORWARD


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_two_parameters_start_alike(framework, workers, tmp_path):
    """Where the framework initialises: one Keras initializer would repeat itself."""
    name = "lstm_tiny_stacked"
    package = "keras" if "keras" in framework else framework
    (tmp_path / "started.py").write_text(
        f"from {package}_impl import build\ndef lstm():\n    return build({name!r})\n"
    )
    asked = request(TINY[name], 2, training=False, gradients=False)
    worker = workers.get(framework, "float32")
    values = worker.adopt("started:lstm", asked.inputs, (str(tmp_path),)).dump()
    starts = [v.ravel()[:4].tolist() for k, v in values.items() if "lstm" in k]
    assert all(a != b for a, b in combinations(starts, 2))


def test_dropout_needs_a_second_layer():
    with pytest.raises(UsageError, match=r"LSTMSpec\.dropout is 0\.5; allowed: 0 "):
        LSTMSpec(
            features=3,
            hidden=4,
            layers=1,
            bidirectional=False,
            num_classes=2,
            dropout=0.5,
        )
