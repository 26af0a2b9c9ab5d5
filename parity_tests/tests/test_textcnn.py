"""The convolutional network for sentences: its channels, its size, its padding."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import training
from parity_tests.compare import error
from parity_tests.tolerances import FORWARD
from shared.catalog import variant
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request

TINY = variant("textcnn_tiny").spec


@pytest.fixture(params=NATIVE)
def built(request, workers):
    model = workers.get(request.param, "float64").build(TINY, "textcnn_tiny")
    model.fill(0)
    yield model
    model.drop()


def by_hand(w, tokens):
    """Sentence by sentence, window by window."""
    found = []
    for words in tokens:
        x = (w["embedding.weight"] + w["fixed.weight"])[words]
        x[words == 0] = 0
        features = []
        for i, k in enumerate(TINY.kernels):
            kernel, bias = w[f"convs.{i}.weight"], w[f"convs.{i}.bias"]
            windows = [x[t : t + k].T for t in range(len(x) - k + 1)]
            seen = [(kernel * window).sum((1, 2)) + bias for window in windows]
            features.append(np.maximum(np.max(seen, 0), 0))
        found.append(np.concatenate(features) @ w["fc.weight"].T + w["fc.bias"])
    return np.stack(found)


def test_is_the_network_by_hand(built):
    (tokens,) = TINY.examples(5, 0, "extreme lengths")
    (found,) = built.run(Request((tokens,))).outputs
    assert error(found, by_hand(built.dump(), tokens)) <= FORWARD


def test_what_is_static_stays(built):
    before = built.dump()
    plan = training.plans(TINY)["momentum"]
    built.follow(plan, training.batches(TINY, 2), training.SEED)
    after = built.dump()
    assert np.array_equal(before["fixed.weight"], after["fixed.weight"])
    assert not np.array_equal(before["embedding.weight"], after["embedding.weight"])


def test_only_what_a_mode_needs_is_there():
    channels = {
        mode: (spec.tuned, spec.kept)
        for mode in ("rand", "static", "non-static", "multichannel")
        if (spec := replace(TINY, mode=mode))
    }
    assert channels == {
        "rand": (True, False),
        "static": (False, True),
        "non-static": (True, False),
        "multichannel": (True, True),
    }


def test_a_kernel_longer_than_the_sentence_is_refused():
    with pytest.raises(UsageError, match=r"of at most tokens \(7\)"):
        replace(TINY, kernels=(3, 8))
