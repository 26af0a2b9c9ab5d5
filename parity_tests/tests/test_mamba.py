"""What Mamba's scans, its state and its starts mean in every framework; the network
itself is held by the spec's ORACLES."""

from collections.abc import Iterator

import numpy as np
import pytest

from parity_tests import asked
from parity_tests.engine import Workers
from shared.arrays import Array
from shared.catalog import variant
from shared.definitions.initializers import LogOfCounts, StepBias, Uniform
from shared.errors import UsageError
from shared.files import checkpoints
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.running.client import RemoteModel
from shared.specs.language.mamba import MambaSpec
from shared.tensors import sample

SPEC = MambaSpec(
    vocab_size=9,
    tokens=11,
    width=4,
    depth=1,
    inner_width=6,
    state=2,
    kernel=3,
    rank=2,
    rms_eps=1e-3,
)
TOKENS = sample(SPEC.inputs()[0], 3, seed=0)


@pytest.fixture(scope="module", params=NATIVE)
def model(request: pytest.FixtureRequest, workers: Workers) -> Iterator[RemoteModel]:
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


def norm(x: Array, weight: Array) -> Array:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + SPEC.rms_eps) * weight


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


def forward(tokens: Array, w: dict[str, Array]) -> Array:
    """The logits of one sequence, token by token, channel by channel."""
    block = {n.removeprefix("blocks.0."): v for n, v in w.items() if "blocks" in n}
    mix = {n.removeprefix("mixer."): v for n, v in block.items() if "mixer" in n}
    x = w["embeddings.weight"][tokens]
    both = norm(x, block["norm.weight"]) @ mix["in_proj.weight"].T
    u, gate = both[:, : SPEC.inner_width], both[:, SPEC.inner_width :]
    back = np.vstack([np.zeros((SPEC.kernel - 1, SPEC.inner_width)), u])
    u = np.array(
        [
            (back[t : t + SPEC.kernel] * mix["conv1d.weight"][:, 0].T).sum(0)
            for t in range(len(u))
        ]
    )
    u = silu(u + mix["conv1d.bias"])
    h, rows = np.zeros((SPEC.inner_width, SPEC.state)), []
    for here in u:
        chosen = mix["x_proj.weight"] @ here
        low, b, c = np.split(chosen, [SPEC.rank, SPEC.rank + SPEC.state])
        step = np.log1p(np.exp(mix["dt_proj.weight"] @ low + mix["dt_proj.bias"]))
        for i in range(SPEC.inner_width):
            for n in range(SPEC.state):
                a = -np.exp(mix["A_log"][i, n])
                h[i, n] = np.exp(step[i] * a) * h[i, n] + step[i] * b[n] * here[i]
        rows.append(h @ c + mix["D"] * here)
    x = x + (np.array(rows) * silu(gate)) @ mix["out_proj.weight"].T
    return norm(x, w["norm_f.weight"]) @ w["embeddings.weight"].T


def weights_of(model: RemoteModel) -> dict[str, Array]:
    return {name: w.astype(np.float64) for name, w in model.dump().items()}


@pytest.mark.parametrize("program", ["", "logits_sequential"])
def test_both_scans_are_the_recurrence(model: RemoteModel, program: str) -> None:
    (logits,) = model.run(Request((TOKENS,), program=program)).outputs
    weights = weights_of(model)
    expected = np.array([forward(sequence, weights) for sequence in TOKENS])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8])
def test_of_every_length(model: RemoteModel, length: int) -> None:
    """Rounds double: a length of a power of two needs none more."""
    given = TOKENS[:, :length]
    one, other = (
        model.run(Request((given,), program=program)).outputs[0]
        for program in ("", "logits_sequential")
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


def test_a_step_at_a_time_is_the_whole(model: RemoteModel) -> None:
    inputs = asked.of_program(SPEC, "generate_greedy", 3, 0).inputs
    tokens, logits = model.run(Request(inputs, program="generate_greedy")).outputs
    weights, prompt = weights_of(model), inputs[0]
    for row in range(3):
        sequence = np.array([*prompt[row], *tokens[row][:-1]])
        wanted = forward(sequence, weights)[prompt.shape[1] - 1 :]
        np.testing.assert_allclose(logits[row], wanted, rtol=0, atol=1e-12)
        assert tokens[row].tolist() == wanted.argmax(-1).tolist()


@pytest.mark.parametrize("prompt", [1, 2])
def test_a_prompt_is_read_once(model: RemoteModel, prompt: int) -> None:
    """What a state has read it cannot read again, as a cache of keys can."""
    given = TOKENS[:, :prompt], np.zeros((3, 4))
    found = [
        model.run(Request(given, program=program)).outputs
        for program in ("generate_greedy", "generate_uncached")
    ]
    np.testing.assert_allclose(found[0][1][:, 0], found[1][1][:, 0], rtol=0, atol=1e-13)


def test_a_token_changes_nothing_before_it(model: RemoteModel) -> None:
    changed = TOKENS.copy()
    changed[:, 4] = (changed[:, 4] + 1) % SPEC.vocab_size
    one, two = (model.run(Request((x,))).outputs[0] for x in (TOKENS, changed))
    np.testing.assert_allclose(one[:, :4], two[:, :4], rtol=0, atol=1e-15)
    assert (np.abs(one - two).max(-1)[:, 4:] > 1e-9).all()


# Starts


def test_it_starts_as_the_paper_says() -> None:
    spec = variant("mamba_130m").spec
    draw = np.random.default_rng(0)
    a = spec.start("blocks.3.mixer.A_log", (1536, 16))
    assert isinstance(a, LogOfCounts)
    np.testing.assert_allclose(np.exp(a.draw((3, 16), draw))[2], np.arange(1, 17))
    bias = spec.start("blocks.3.mixer.dt_proj.bias", (1536,))
    assert bias == StepBias(low=0.001, high=0.1)
    step = np.log1p(np.exp(bias.draw((10_000,), draw).astype(np.float64)))
    assert 0.000999 < step.min() < 0.00101
    assert 0.099 < step.max() < 0.1001
    assert np.log10(step).mean() == pytest.approx(-2, abs=0.02)
    assert spec.start("blocks.3.mixer.out_proj.weight", (768, 1536)) == Uniform(
        bound=(1536 * 24) ** -0.5
    )


# Checkpoints


def test_checkpoints_there_and_back() -> None:
    draw = np.random.default_rng(0)
    names = ["embeddings.weight", "norm_f.weight", "blocks.11.mixer.A_log"]
    names += ["blocks.11.mixer.D", "blocks.0.mixer.conv1d.bias", "blocks.0.norm.weight"]
    own = {name: draw.random(3) for name in names}
    public = checkpoints.to_public("mamba", "huggingface", own)
    assert "backbone.layers.11.mixer.A_log" in public
    assert public["lm_head.weight"] is own["embeddings.weight"]
    back = checkpoints.from_public("mamba", "huggingface", public)
    assert back.keys() == own.keys()
    assert all(back[name] is own[name] for name in own)
    public["lm_head.weight"] = draw.random(3)
    with pytest.raises(UsageError, match=r"lm_head.weight is not equal"):
        checkpoints.from_public("mamba", "huggingface", public)
    with pytest.raises(UsageError, match="mamba has no timm form"):
        checkpoints.from_public("mamba", "timm", public)
