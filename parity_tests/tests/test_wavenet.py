"""What WaveNet's convolutions see, what its queues keep, and levels of sound; the
network itself is held by that in NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from shared.catalog import variant
from shared.data.audio import hums, mu_law, of_mu_law
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.sequence.wavenet import WaveNetSpec

SPEC = WaveNetSpec(
    vocab_size=7,
    tokens=16,
    width=3,
    gate_width=4,
    skip_width=5,
    kernel=2,
    dilations=(1, 2, 4),
)
TOKENS = np.arange(32).reshape(2, 16) ** 2 % 7


@pytest.fixture(scope="module", params=NATIVE)
def model(request, workers):
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


def last_logits(tokens, w):
    """Of the sample after one sequence, each place of each layer found anew."""
    spec = SPEC

    def convolved(name, read, time, dilation):
        kernel, y = w[f"{name}.weight"], w[f"{name}.bias"]
        for j in range(spec.kernel):
            at = time - (spec.kernel - 1 - j) * dilation
            if at >= 0:
                y = y + kernel[:, :, j] @ read(at)
        return y

    def x_at(layer, time):
        if layer < 0:
            return w["embedding.weight"][tokens[time]]
        if layer == 0:
            return convolved("causal", lambda t: x_at(-1, t), time, 1)
        name = f"blocks.{layer - 1}.residual"
        return (
            x_at(layer - 1, time)
            + w[f"{name}.weight"] @ z_at(layer - 1, time)
            + (w[f"{name}.bias"])
        )

    def z_at(block, time):
        name = f"blocks.{block}.dilated"
        y = convolved(name, lambda t: x_at(block, t), time, spec.dilations[block])
        u, v = np.split(y, 2)
        return np.tanh(u) / (1 + np.exp(-v))

    time, total = len(tokens) - 1, 0.0
    for i in range(len(spec.dilations)):
        skip = f"blocks.{i}.skip"
        total = total + w[f"{skip}.weight"] @ z_at(i, time) + w[f"{skip}.bias"]
    y = w["head1.weight"] @ np.maximum(total, 0) + w["head1.bias"]
    return w["head2.weight"] @ np.maximum(y, 0) + w["head2.bias"]


def test_a_sample_follows_from_those_that_are_reached(model):
    (logits,) = model.run(Request((TOKENS,))).outputs
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    for row, time in ((0, 0), (0, 5), (1, 15)):
        wanted = last_logits(TOKENS[row, : time + 1], weights)
        np.testing.assert_allclose(logits[row, time], wanted, rtol=0, atol=1e-13)


def test_it_sees_as_far_as_is_said(model):
    """2 + 1 + 2 + 4 samples, of which the first is the sample itself."""
    assert SPEC.receptive_field == 9
    changed = TOKENS.copy()
    changed[:, 3] = (changed[:, 3] + 1) % SPEC.vocab_size
    one, two = (model.run(Request((x,))).outputs[0] for x in (TOKENS, changed))
    moved = np.abs(one - two).max(-1)
    np.testing.assert_array_equal(moved[:, [*range(3), *range(12, 16)]], 0)
    assert (moved[:, [3, 11]].max(0) > 1e-9).all()


@pytest.mark.parametrize("prompt", [1, 2, 9])
def test_queues_keep_what_is_reached(model, prompt):
    given = TOKENS[:, :prompt], np.random.default_rng(0).random((2, 6))
    found = [
        model.run(Request(given, program=program)).outputs
        for program in ("generate", "generate_uncached")
    ]
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=0, atol=1e-13)


def test_published_sizes_and_refusals():
    """Of thirty layers 3 * 1023 samples, and what the first convolution adds."""
    assert variant("wavenet_30").spec.receptive_field == 3071
    assert (
        WaveNetSpec(
            tokens=9, width=2, gate_width=2, skip_width=2, dilations=(1,)
        ).vocab_size
        == 256
    )
    with pytest.raises(UsageError, match=r"dilations is \(\); allowed: one layer"):
        replace(SPEC, dilations=())


# Levels


def test_levels_are_those_of_the_formula():
    """Silence is the middle one; ends are ends; what is louder is clipped."""
    assert mu_law(np.array([-1.0, 0.0, 1.0, 7.0]), 256).tolist() == [0, 128, 255, 255]
    x = np.linspace(-1, 1, 1001)
    codes = mu_law(x, 256)
    assert (np.diff(codes) >= 0).all()
    assert len(np.unique(codes)) > 180
    np.testing.assert_array_equal(
        mu_law(of_mu_law(np.arange(256)), 256), np.arange(256)
    )
    quiet = np.abs(x) < 0.1
    error = np.abs(of_mu_law(codes) - x)
    assert error[quiet].max() < 0.0025 < error.max() < 0.022


def test_hums_follow_from_what_was():
    data = hums(number=60)
    (inputs,), (targets,) = data.train.arrays
    assert inputs.shape == (40, 64)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    assert 0 <= inputs.min() < 8 < 24 < inputs.max() <= 31
