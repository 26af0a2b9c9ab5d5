"""What T5's buckets of distances, masks and heads mean, and that it translates as the
definition of a beam search says, in every framework; the network itself is held by the
spec's ORACLES."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from parity_tests.engine import Workers
from parity_tests.tests.test_originals import needs
from parity_tests.tests.test_transformer import by_definition
from shared.arrays import Array
from shared.catalog import variant
from shared.data.translation import made_language
from shared.definitions.initializers import Normal, Ones
from shared.errors import UsageError
from shared.files import checkpoints
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.running.client import RemoteModel
from shared.specs.language.t5 import T5Spec
from shared.specs.relative import bucket_starts
from shared.specs.translator import END, PAD
from shared.tasks import task

SPEC = T5Spec(
    vocab_size=9,
    source_tokens=9,
    target_tokens=7,
    width=8,
    depth=1,
    heads=2,
    head_width=3,
    mlp_width=5,
    buckets=(6, 5),
    dropout=0.0,
    rms_eps=1e-3,
)
# Buckets of the ways from a token to one that far off, by hand from the paper's rule.
BEFORE = [0, 1, 1, 2, 2, 2, 2, 2, 2]
AHEAD = [0, 4, 4, 5, 5, 5, 5, 5, 5]
SAID = [0, 1, 2, 3, 4, 5, 5]


@pytest.fixture(scope="module", params=NATIVE)
def model(request: pytest.FixtureRequest, workers: Workers) -> Iterator[RemoteModel]:
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


def softmax(x: Array) -> Array:
    p = np.exp(x - x.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


# The network, number by number


def norm(x: Array, weight: Array) -> Array:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + SPEC.rms_eps) * weight


def attend(x: Array, y: Array, w: dict[str, Array], bias: Array, seen: Array) -> Array:
    """From the tokens of x to those of y that are seen; no root of a width."""
    q, k, v = (
        np.split(z @ w[f"{n}.weight"].T, SPEC.heads, 1)
        for z, n in zip((x, y, y), "qkv", strict=True)
    )
    heads = []
    for h in range(SPEC.heads):
        scores = q[h] @ k[h].T + bias[h]
        heads.append(softmax(np.where(seen, scores, -np.inf)) @ v[h])
    return np.concatenate(heads, 1) @ w["o.weight"].T


def forward(source: Array, target: Array, weights: dict[str, Array]) -> Array:
    """The logits of one pair of sentences, without padding."""

    def part(prefix: str) -> dict[str, Array]:
        return {
            n.removeprefix(prefix): v
            for n, v in weights.items()
            if n.startswith(prefix)
        }

    def mlp(x: Array, w: dict[str, Array]) -> Array:
        return np.maximum(x @ w["mlp.wi.weight"].T, 0) @ w["mlp.wo.weight"].T

    e, d = part("encoder.blocks.0."), part("decoder.blocks.0.")
    table, n = weights["encoder.relative.weight"], len(source)
    ways = [
        [(BEFORE[i - j] if j <= i else AHEAD[j - i]) for j in range(n)]
        for i in range(n)
    ]
    bias, every = table[np.array(ways)].transpose(2, 0, 1), np.ones((n, n), bool)
    x = weights["embedding.weight"][source]
    y = norm(x, e["norm1.weight"])
    x = x + attend(y, y, part("encoder.blocks.0.attn."), bias, every)
    x = x + mlp(norm(x, e["norm2.weight"]), e)
    memory = norm(x, weights["encoder.norm.weight"])

    table, m = weights["decoder.relative.weight"], len(target)
    ways = [[SAID[max(i - j, 0)] for j in range(m)] for i in range(m)]
    bias, past = table[np.array(ways)].transpose(2, 0, 1), np.tri(m, dtype=bool)
    x = weights["embedding.weight"][target]
    y = norm(x, d["norm1.weight"])
    x = x + attend(y, y, part("decoder.blocks.0.attn."), bias, past)
    none, every = np.zeros((SPEC.heads, 1, 1)), np.ones((m, n), bool)
    y = norm(x, d["norm2.weight"])
    x = x + attend(y, memory, part("decoder.blocks.0.cross."), none, every)
    x = x + mlp(norm(x, d["norm3.weight"]), d)
    x = norm(x, weights["decoder.norm.weight"]) / math.sqrt(SPEC.width)
    return x @ weights["embedding.weight"].T


def test_forward(model: RemoteModel) -> None:
    source, mask, target = SPEC.examples(3, 0)
    (logits,) = model.run(Request((source, mask, target))).outputs
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    for row in range(3):
        words = source[row][mask[row] == 1]
        expected = forward(words, target[row], weights)
        np.testing.assert_allclose(logits[row], expected, rtol=0, atol=1e-13)


# Buckets


def test_buckets_begin_where_the_paper_says() -> None:
    """Half of them have a distance each, the others are even in its logarithm."""
    assert bucket_starts(4, 8) == (1, 2, 4)
    assert bucket_starts(16, 128) == (*range(1, 9), 12, 16, 23, 32, 46, 64, 91)
    decoder = bucket_starts(32, 128)
    assert decoder[:16] == tuple(range(1, 17))
    assert decoder[-1] == math.ceil(16 * 8 ** (15 / 16))
    assert len(decoder) == 31


@needs("transformers")
def test_buckets_are_those_of_transformers(workers: Workers) -> None:
    worker = workers.get("pytorch", "float64")
    for buckets, reach, both in ((32, 128, True), (32, 128, False), (10, 77, False)):
        found = worker.ask("parity_tests.originals:t5_buckets", buckets, reach, both)
        starts = np.array(bucket_starts(buckets // 2 if both else buckets, reach))
        distances = np.arange(len(found))
        own = (distances[:, None] >= starts).sum(-1)
        assert found == own.tolist()


# Translation


@pytest.mark.parametrize(
    ("program", "width"), [("translate", 4), ("translate_greedy", 1)]
)
def test_translations_are_those_of_the_definition(
    model: RemoteModel, program: str, width: int
) -> None:
    """PAD is said before the first word."""
    source = SPEC.examples(5, 3, "extreme lengths")[:2]
    tokens, score, margin = model.run(Request(source, program=program)).outputs
    wanted = by_definition(model, SPEC, source, width, 0.6)
    np.testing.assert_array_equal(tokens, wanted.sequences[:, 0])
    np.testing.assert_allclose(score, wanted.scores[:, 0], rtol=0, atol=1e-13)
    assert (margin > 1e-9).all()


def test_of_a_source_of_padding_nothing_is_seen(model: RemoteModel) -> None:
    source, mask, target = SPEC.examples(2, 0)
    one, other = (
        model.run(Request((tokens, np.zeros_like(mask), target))).outputs[0]
        for tokens in (source, (source + 1) % SPEC.vocab_size)
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


# Specs


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"buckets": (2, 5)}, r"buckets is \(2, 5\); allowed: an even number from 4"),
        ({"buckets": (7, 5)}, r"buckets is \(7, 5\); allowed: an even number from 4"),
        ({"buckets": (6, 3)}, r"buckets is \(6, 3\); allowed: .* above its half"),
        ({"vocab_size": 2}, "vocab_size is 2; allowed: above 2, PAD and END"),
        ({"version": "2"}, "version is '2'; allowed: one of '1.0', '1.1'"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(SPEC, **changes)


def test_the_next_word_is_wanted_and_the_end_after_the_last() -> None:
    target = np.array([[PAD, 5, 4, PAD], [PAD, PAD, PAD, PAD], [PAD, 2, 3, 4]])
    (wanted,) = SPEC.wanted((target, target, target), 0)
    assert wanted.tolist() == [
        [5, 4, END, PAD],
        [END, PAD, PAD, PAD],
        [2, 3, 4, END],
    ]


def test_it_starts_as_mesh_tensorflow_does() -> None:
    spec = variant("t5_1_1_small").spec
    for name, shape, start in (
        ("embedding.weight", (32128, 512), Normal(std=1.0)),
        ("encoder.relative.weight", (32, 6), Normal(std=512**-0.5)),
        ("encoder.blocks.5.attn.q.weight", (384, 512), Normal(std=(512 * 64) ** -0.5)),
        ("decoder.blocks.5.cross.v.weight", (384, 512), Normal(std=512**-0.5)),
        ("decoder.blocks.5.cross.o.weight", (512, 384), Normal(std=384**-0.5)),
        ("decoder.blocks.0.mlp.wi_1.weight", (1024, 512), Normal(std=512**-0.5)),
        ("decoder.blocks.0.mlp.wo.weight", (512, 1024), Normal(std=1024**-0.5)),
        ("lm_head.weight", (32128, 512), Normal(std=512**-0.5)),
        ("decoder.norm.weight", (512,), Ones()),
    ):
        assert spec.start(name, shape) == start


# Checkpoints


@pytest.mark.parametrize("tied", [True, False])
def test_checkpoints_there_and_back(tied: bool) -> None:
    draw = np.random.default_rng(0)
    names = ["embedding.weight", "encoder.relative.weight", "decoder.relative.weight"]
    names += ["encoder.blocks.11.mlp.wi_0.weight", "encoder.blocks.0.norm2.weight"]
    names += ["decoder.blocks.3.cross.o.weight", "decoder.blocks.0.norm3.weight"]
    names += ["decoder.norm.weight", *["lm_head.weight"][tied:]]
    own = {name: draw.random(3) for name in names}
    public = checkpoints.to_public("t5", "huggingface", own)
    assert "decoder.block.3.layer.1.EncDecAttention.o.weight" in public
    assert "encoder.block.11.layer.1.DenseReluDense.wi_0.weight" in public
    assert (public["lm_head.weight"] is own["embedding.weight"]) == tied
    back = checkpoints.from_public("t5", "huggingface", public)
    assert back.keys() == own.keys()
    assert all(back[name] is own[name] for name in own)
    public["encoder.embed_tokens.weight"] = draw.random(3)
    with pytest.raises(UsageError, match=r"encoder.embed_tokens.weight is not equal"):
        checkpoints.from_public("t5", "huggingface", public)
    with pytest.raises(UsageError, match="t5 has no torch form"):
        checkpoints.from_public("t5", "torch", public)


def test_the_task_begins_with_padding() -> None:
    (source, mask, given), (wanted,) = made_language(PAD).test.arrays
    assert (given[:, 0] == PAD).all()
    np.testing.assert_array_equal(
        given[:, 1:], np.where(wanted == END, PAD, wanted)[:, :-1]
    )
    assert ((source != PAD) == mask).all()
    assert task("made_language_t5").data().test.inputs[2].tolist() == given.tolist()
