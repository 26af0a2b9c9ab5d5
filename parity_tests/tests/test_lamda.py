"""What LaMDA's distances mean, that it generates what it reads, its sizes and its
checkpoints; the network itself is held by the spec's ORACLES."""

from dataclasses import replace

import numpy as np
import pytest

from shared.catalog import variant
from shared.data.remarks import UNASKED, remarks, spelled
from shared.errors import UsageError
from shared.files import checkpoints
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.language.lamda import LaMDASpec

SPEC = LaMDASpec(
    vocab_size=9,
    tokens=12,
    width=8,
    depth=1,
    heads=2,
    head_width=3,
    mlp_width=5,
    buckets=(6, 9),
    rms_eps=1e-3,
)
# Buckets of the ways from a token back to another, by hand from T5's rule: of 6 three
# are of one distance, the others begin at 3, about 4.3 and about 6.2.
BACK = [0, 1, 2, 3, 3, 4, 4, 5, 5, 5, 5, 5]


@pytest.fixture(scope="module", params=NATIVE)
def model(request, workers):
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


def norm(x, weight):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + SPEC.rms_eps) * weight


def forward(tokens, w):
    """The logits of one sequence, query by query."""
    block = {n.removeprefix("blocks.0."): v for n, v in w.items() if "blocks" in n}
    x = w["embedding.weight"][tokens]
    y = norm(x, block["norm1.weight"])
    q, k, v = (
        (y @ block[f"attn.{n}.weight"].T).reshape(len(x), SPEC.heads, -1) for n in "qkv"
    )
    seen = np.zeros_like(v)
    for here in range(len(x)):
        for head in range(SPEC.heads):
            added = [
                w["relative.weight"][BACK[here - t], head] for t in range(here + 1)
            ]
            scores = k[: here + 1, head] @ q[here, head] + np.array(added)
            p = np.exp(scores - scores.max())
            seen[here, head] = (p / p.sum()) @ v[: here + 1, head]
    x = x + seen.reshape(len(x), -1) @ block["attn.o.weight"].T
    y = norm(x, block["norm2.weight"])
    gate = y @ block["mlp.wi_0.weight"].T
    inner = np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)
    y = gate * (1 + np.tanh(inner)) / 2 * (y @ block["mlp.wi_1.weight"].T)
    x = x + y @ block["mlp.wo.weight"].T
    return norm(x, w["norm.weight"]) @ w["lm_head.weight"].T


def test_distances_are_told_apart_by_their_buckets(model):
    (tokens,) = SPEC.examples(3, 0)
    (logits,) = model.run(Request((tokens,))).outputs
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    expected = np.array([forward(sequence, weights) for sequence in tokens])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("prompt", [1, 4, 9])
def test_a_cached_token_is_as_far_from_those_before(model, prompt):
    (tokens,) = SPEC.examples(2, 0)
    given = tokens[:, :prompt], np.random.default_rng(0).random((2, 13 - prompt))
    found = [
        model.run(Request(given, program=program)).outputs
        for program in ("generate", "generate_uncached")
    ]
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=0, atol=1e-12)


def test_sizes_are_those_of_the_paper():
    """Table 27: without embedding and head, in billions."""
    for name, billions in (("2b", 2.1), ("8b", 8.6), ("137b", 137.4)):
        one = variant(f"lamda_{name}")
        rest = one.parameters - 2 * one.spec.vocab_size * one.spec.width
        assert round(rest / 1e9, 1) == billions
    with pytest.raises(UsageError, match=r"buckets is \(6, 5\); allowed: a number"):
        replace(SPEC, buckets=(6, 5))


def test_what_was_said_is_asked():
    data = remarks(60)
    (inputs,), (targets,) = data.train.arrays
    words = spelled(inputs[0]).split()
    assert words[2] == "."
    assert words[12] == "where"
    told = dict(zip(words[0:12:3], words[1:12:3], strict=True))
    (places,) = np.nonzero(targets[0] != UNASKED)
    assert places.tolist() == [13, 16, 19]
    for place in places:
        assert spelled(targets[0, place : place + 1]) == told[words[place]]


def test_checkpoints_there_and_back(workers):
    model = workers.get("pytorch", "float64").build(variant("lamda_tiny").spec)
    model.fill(0)
    own = model.dump()
    model.drop()
    public = checkpoints.to_public("lamda", "huggingface", own)
    first = "decoder.block.0.layer.0.SelfAttention"
    assert public[f"{first}.relative_attention_bias.weight"] is own["relative.weight"]
    assert "decoder.block.1.layer.1.DenseReluDense.wi_1.weight" in public
    back = checkpoints.from_public("lamda", "huggingface", public)
    assert back.keys() == own.keys()
    assert all(back[name] is own[name] for name in own)
    with pytest.raises(UsageError, match="lamda has no timm form"):
        checkpoints.from_public("lamda", "timm", public)
