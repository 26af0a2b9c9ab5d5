"""GPT-2 against NumPy, and what causal means, in every framework."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from parity_tests.engine import Workers
from shared.arrays import Array
from shared.frameworks import FRAMEWORKS, ORACLE
from shared.messages import Request
from shared.running.client import RemoteModel
from shared.specs.language.gpt import GPTSpec
from shared.tensors import sample

SPEC = GPTSpec(
    vocab_size=11, positions=9, tokens=7, width=6, depth=1, heads=2, ln_eps=1e-3
)
TOKENS = sample(SPEC.inputs()[0], 3, seed=0)


@pytest.fixture(scope="module", params=(*FRAMEWORKS, ORACLE))
def model(request: pytest.FixtureRequest, workers: Workers) -> Iterator[RemoteModel]:
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


def norm(x: Array, weight: Array, bias: Array) -> Array:
    x = x - x.mean(-1, keepdims=True)
    variance = (x**2).mean(-1, keepdims=True)
    return x / np.sqrt(variance + SPEC.ln_eps) * weight + bias


def attend(q: Array, k: Array, v: Array) -> Array:
    """One head of one sequence, token by token: [T, d] each."""
    rows = []
    for t in range(len(q)):
        p = np.exp(k[: t + 1] @ q[t] / math.sqrt(q.shape[1]))
        rows.append(p / p.sum() @ v[: t + 1])
    return np.array(rows)


def forward(tokens: Array, w: dict[str, Array]) -> Array:
    """The logits of one sequence."""

    def linear(name: str, x: Array) -> Array:
        return x @ w[f"h.0.{name}.weight"].T + w[f"h.0.{name}.bias"]

    x = w["wte.weight"][tokens] + w["wpe.weight"][: len(tokens)]
    y = linear("attn.c_attn", norm(x, w["h.0.ln_1.weight"], w["h.0.ln_1.bias"]))
    q, k, v = (np.split(part, SPEC.heads, 1) for part in np.split(y, 3, 1))
    heads = [attend(*parts) for parts in zip(q, k, v, strict=True)]
    x = x + linear("attn.c_proj", np.concatenate(heads, 1))
    y = linear("mlp.c_fc", norm(x, w["h.0.ln_2.weight"], w["h.0.ln_2.bias"]))
    y = y / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)))
    x = x + linear("mlp.c_proj", y)
    return norm(x, w["ln_f.weight"], w["ln_f.bias"]) @ w["wte.weight"].T


def test_forward(model: RemoteModel) -> None:
    (logits,) = model.run(Request((TOKENS,))).outputs
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    expected = np.array([forward(sequence, weights) for sequence in TOKENS])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-14)


def test_a_token_changes_nothing_before_it(model: RemoteModel) -> None:
    place = 4
    changed = TOKENS.copy()
    changed[:, place] = (changed[:, place] + 1) % SPEC.vocab_size
    before, after = (model.run(Request((x,))).outputs[0] for x in (TOKENS, changed))
    np.testing.assert_array_equal(before[:, :place], after[:, :place])
    assert (np.abs(before - after).max(-1)[:, place:] > 1e-6).all()


def test_shorter_sequences_need_no_other_model(model: RemoteModel) -> None:
    whole, part = (model.run(Request((x,))).outputs[0] for x in (TOKENS, TOKENS[:, :3]))
    np.testing.assert_allclose(part, whole[:, :3], rtol=0, atol=1e-14)
