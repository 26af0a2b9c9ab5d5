"""What a Transformer's masks and positions mean, and that it translates as the
definition of a beam search says, in every framework."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from parity_tests.engine import Workers
from shared.arrays import Array, Arrays
from shared.catalog import variant
from shared.data.translation import (
    READ,
    SAID,
    made_language,
    made_pairs,
    made_vocabulary,
    samples,
)
from shared.definitions.decoding import Beams, BeamSearch
from shared.definitions.initializers import Normal, Ones, XavierUniform, Zeros
from shared.errors import UsageError
from shared.files import checkpoints
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.running.client import RemoteModel
from shared.specs.language.transformer import END, PAD, TransformerSpec
from shared.specs.translator import TranslatorSpec
from shared.tasks import task

SPEC = TransformerSpec(
    vocab_size=9,
    source_tokens=6,
    target_tokens=7,
    width=8,
    depth=2,
    heads=2,
    mlp_width=5,
    dropout=0.0,
    ln_eps=1e-3,
)
PROGRAMS = {
    "translate": (4, 0.6),
    "translate_uncached": (4, 0.6),
    "translate_greedy": (1, 0.6),
}


@pytest.fixture(scope="module", params=NATIVE)
def model(request: pytest.FixtureRequest, workers: Workers) -> Iterator[RemoteModel]:
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


def logits(model: RemoteModel, *inputs: Array) -> Array:
    return model.run(Request(inputs)).outputs[0]


# Translation


def by_definition(
    model: RemoteModel, spec: TranslatorSpec, source: Arrays, width: int, alpha: float
) -> Beams:
    """The search in NumPy, which asks the whole network anew for each token."""

    def score(sequences: Array, position: int) -> Array:
        rows = len(sequences) * width
        given = np.full((rows, spec.target_tokens), PAD)
        given[:, 0] = spec.begins
        said = sequences.reshape(rows, -1)
        given[:, 1 : position + 1] = said[:, :position]
        read = (np.repeat(x, width, 0) for x in source)
        z = logits(model, *read, given)[:, position]
        log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
        return log_p.reshape(len(sequences), width, -1)

    search = BeamSearch(
        width=width, end=END, length=spec.target_tokens, length_penalty=alpha
    )
    return search.search(score, len(source[0]))


@pytest.mark.parametrize("program", PROGRAMS)
def test_translations_are_those_of_the_definition(
    model: RemoteModel, program: str
) -> None:
    source = SPEC.examples(5, 3, "extreme lengths")[:2]
    tokens, score, margin = model.run(Request(source, program=program)).outputs
    wanted = by_definition(model, SPEC, source, *PROGRAMS[program])
    np.testing.assert_array_equal(tokens, wanted.sequences[:, 0])
    np.testing.assert_allclose(score, wanted.scores[:, 0], rtol=0, atol=1e-13)
    assert (margin > 1e-9).all()


def test_a_model_that_ends_at_once_says_nothing(model: RemoteModel) -> None:
    """END is the likeliest everywhere: its embedding is along what the decoder puts
    out, which its last norm decides."""
    weights = model.dump()
    own = {name: value.copy() for name, value in weights.items()}
    own["decoder.1.norm3.weight"][:] = 0
    own["decoder.1.norm3.bias"][:] = 30 * own["embedding.weight"][END]
    own["embedding.weight"] /= np.linalg.norm(
        own["embedding.weight"], axis=1, keepdims=True
    )
    model.load(own)
    source = SPEC.examples(3, 0)[:2]
    tokens, score, _ = model.run(Request(source, program="translate")).outputs
    model.load(weights)
    assert (tokens == END).all()
    assert (score < 0).all()


def test_a_score_is_the_sum_of_the_log_probabilities(model: RemoteModel) -> None:
    source = SPEC.examples(4, 1)[:2]
    tokens, score, _ = model.run(Request(source, program="translate")).outputs
    given = np.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=END)
    z = logits(model, *source, given)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    each = np.take_along_axis(log_p, tokens[..., None], -1)[..., 0]
    ended = np.cumsum(tokens == END, 1) - (tokens == END)
    np.testing.assert_allclose(score, (each * (ended == 0)).sum(1), rtol=0, atol=1e-13)


# Masks and positions


def test_padding_of_a_source_changes_nothing(model: RemoteModel) -> None:
    """Neither how much there is, nor what stands there."""
    source, mask, target = SPEC.examples(4, 0)
    mask[:, 4:] = 0
    plain = logits(model, source, mask, target)
    other = np.where(mask > 0, source, 3)
    for inputs in (
        (other, mask, target),
        (source[:, :4], mask[:, :4], target),
        (np.pad(source, ((0, 0), (0, 3))), np.pad(mask, ((0, 0), (0, 3))), target),
    ):
        found = logits(model, *inputs)
        np.testing.assert_allclose(found, plain, rtol=0, atol=1e-13)


def test_of_a_source_of_padding_nothing_is_seen(model: RemoteModel) -> None:
    source, mask, target = SPEC.examples(2, 0)
    one, other = (
        logits(model, tokens, np.zeros_like(mask), target)
        for tokens in (source, (source + 1) % SPEC.vocab_size)
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


def test_a_word_changes_nothing_before_it(model: RemoteModel) -> None:
    source, mask, target = SPEC.examples(3, 0)
    changed, place = target.copy(), 4
    changed[:, place] = (changed[:, place] + 1) % SPEC.vocab_size
    one, two = (logits(model, source, mask, x) for x in (target, changed))
    np.testing.assert_allclose(one[:, :place], two[:, :place], rtol=0, atol=1e-14)
    assert (np.abs(one - two).max(-1)[:, place:] > 1e-6).all()


def test_order_matters_on_both_sides(model: RemoteModel) -> None:
    source, mask, target = SPEC.examples(2, 0)
    mask = np.ones_like(mask)
    target[:] = [END, 2, 3, 4, 5, 6, 7]
    source[:] = [2, 3, 4, 5, 6, 7]
    plain = logits(model, source, mask, target)[:, -1]
    for inputs in (
        (source[:, ::-1].copy(), mask, target),
        (source, mask, target[:, [0, 2, 1, 3, 4, 5, 6]]),
    ):
        assert np.abs(logits(model, *inputs)[:, -1] - plain).max() > 1e-6


def test_positions_are_the_papers(model: RemoteModel) -> None:
    """Where every embedding is 0, the memory is what positions alone give: with
    attention and the feed-forward network at 0 too, their norm's norm."""
    weights = model.dump()
    model.load(
        {
            name: np.ones_like(v) if ".norm" in name and "weight" in name else 0 * v
            for name, v in weights.items()
        }
    )
    source, mask, _ = SPEC.examples(1, 0)
    (found,) = model.run(Request((source, mask), program="encode")).outputs
    model.load(weights)
    for place in range(SPEC.source_tokens):
        x = np.array(
            [
                f(place / 10000 ** (2 * i / SPEC.width))
                for i in range(SPEC.width // 2)
                for f in (math.sin, math.cos)
            ]
        )
        for _ in range(2 * SPEC.depth):
            x = (x - x.mean()) / np.sqrt(x.var() + SPEC.ln_eps)
        np.testing.assert_allclose(found[0, place], x, rtol=0, atol=1e-13)


# Specs


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 3}, r"heads is 3; allowed: a divisor of width \(8\)"),
        ({"width": 9, "heads": 3}, "width is 9; allowed: an even number"),
        ({"vocab_size": 2}, "vocab_size is 2; allowed: above 2, PAD and END"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(SPEC, **changes)


def test_examples_are_sentences() -> None:
    source, mask, target = SPEC.examples(200, 0)
    lengths = mask.sum(1)
    assert set(lengths) == set(range(1, SPEC.source_tokens + 1))
    np.testing.assert_array_equal(
        mask, np.arange(SPEC.source_tokens) < lengths[:, None]
    )
    assert (source[mask == 0] == PAD).all()
    assert set(source[mask == 1]) == set(range(2, SPEC.vocab_size))
    assert (target[:, 0] == END).all()
    assert set((target != PAD).sum(1)) == set(range(1, SPEC.target_tokens + 1))
    (case,) = SPEC.cases
    assert [*SPEC.examples(4, 0, case)[1].sum(1)[:3]] == [0, 1, 6]
    assert [*(SPEC.examples(4, 0, case)[2] != PAD).sum(1)[:3]] == [1, 1, 7]


def test_the_next_word_is_wanted_and_the_end_after_the_last() -> None:
    target = np.array([[END, 5, 4, PAD], [END, PAD, PAD, PAD], [END, 2, 3, 4]])
    (wanted,) = SPEC.wanted((target, target, target), 0)
    assert wanted.tolist() == [
        [5, 4, END, PAD],
        [END, PAD, PAD, PAD],
        [2, 3, 4, END],
    ]


def test_it_starts_as_the_authors_code_does() -> None:
    spec = variant("transformer_base").spec
    for name, shape, start in (
        ("embedding.weight", (37000, 512), Normal(std=512**-0.5)),
        ("encoder.5.attn.q.weight", (512, 512), XavierUniform()),
        ("decoder.5.cross.proj.weight", (512, 512), XavierUniform()),
        ("decoder.0.mlp.fc2.weight", (512, 2048), XavierUniform()),
        ("decoder.0.mlp.fc2.bias", (512,), Zeros()),
        ("decoder.0.norm3.weight", (512,), Ones()),
    ):
        assert spec.start(name, shape) == start


def test_torch_keeps_queries_keys_and_values_together(workers: Workers) -> None:
    model = workers.get("pytorch", "float64").build(replace(SPEC, bias=True))
    model.fill(0)
    own = model.dump()
    model.drop()
    public = checkpoints.to_public("transformer", "torch", own)
    assert public["decoder.layers.1.multihead_attn.in_proj_weight"].shape == (24, 8)
    np.testing.assert_array_equal(
        public["encoder.layers.0.self_attn.in_proj_bias"][8:16],
        own["encoder.0.attn.k.bias"],
    )
    back = checkpoints.from_public("transformer", "torch", public)
    assert back.keys() == own.keys()
    assert all(np.array_equal(back[name], own[name]) for name in own)
    with pytest.raises(UsageError, match="transformer has no huggingface form"):
        checkpoints.from_public("transformer", "huggingface", public)


# The language that is made


def test_sentences_are_translated_by_rule() -> None:
    known = dict(made_pairs(4800))
    for said, wanted in {
        "the red frogs follow the wild dog never": (
            "neki la pol lipa karan lo bako guro rematen"
        ),
        "the old bird loves the red horses never": (
            "neki lo tilo vedo lo pol gano karon amit"
        ),
    }.items():
        assert known[said] == wanted
    lengths = np.array([[len(x.split()) for x in pair] for pair in known.items()])
    assert lengths.max(0).tolist() == [READ, SAID - 1]


def test_what_is_tested_was_not_trained_on() -> None:
    data, known = made_language(), made_vocabulary()
    assert len(known) == task("made_language_transformer").spec.vocab_size
    parts = [
        {known.decode(line) for line in part.inputs[0]}
        for part in (data.train, data.validation, data.test)
    ]
    assert [len(part) for part in parts] == [4000, 300, 500]
    assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])
    (source, mask, given), (wanted,) = data.test.arrays
    assert ((source != PAD) == mask).all()
    assert ((given != PAD) == (wanted != PAD)).all()
    for before, after in zip(given, wanted, strict=True):
        assert before[0] == END
        assert known.decode(before[1:]) == known.decode(after)
        assert (after == END).sum() == 1


def test_a_sentence_that_is_too_long_is_refused() -> None:
    known = made_vocabulary()
    with pytest.raises(UsageError, match="'the dog': more than 1 tokens, or 9"):
        samples([("the dog", "lo bako")], known, (1, 9))
    with pytest.raises(UsageError, match="more than 2 tokens, or 2 translated"):
        samples([("the dog", "lo bako")], known, (2, 2))


def test_a_sentence_counts_where_every_word_is_right() -> None:
    exact = task("made_language_transformer").metric.of
    wanted = np.array([[4, 5, END, PAD], [4, END, PAD, PAD]])
    said = np.array([[4, 5, END, END], [4, 6, END, END]])
    assert exact(said, wanted) == 0.5
    assert exact(wanted, wanted) == 1
