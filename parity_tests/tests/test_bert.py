"""What a mask means in every framework, and MiniLM's real weights against
transformers; the network itself is held by the spec's ORACLES."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.compare import error
from parity_tests.tests.test_originals import needs
from parity_tests.tests.test_pretrained import needs as needs_weights
from parity_tests.tolerances import ORIGINALS
from shared.catalog import variant
from shared.data.wordpiece import WordPiece
from shared.definitions.initializers import Ones, TruncatedNormal, Zeros
from shared.definitions.optimizers import AdamW
from shared.errors import UsageError
from shared.files import checkpoints, pretrained
from shared.frameworks import FRAMEWORKS, NATIVE
from shared.messages import Request
from shared.objectives.plan import Plan
from shared.running import convert
from shared.specs.language.bert import IGNORED

# What a mask means

TINY = replace(variant("bert_tiny").spec, depth=2)
LENGTHS = np.array([4, 1, 0, 3])
ROBERTA = variant("roberta_tiny_tokens").spec


@pytest.fixture(scope="module", params=FRAMEWORKS)
def model(request, workers):
    model = workers.get(request.param, "float64").build(TINY)
    model.fill(0)
    yield model
    model.drop()


def texts(longest, at_padding=0):
    """Four texts, of four tokens, of one, of none and of three."""
    draw = np.random.default_rng(0)
    counts = np.arange(longest) < LENGTHS[:, None]
    tokens, token_types = (
        np.where(counts, draw.integers(0, n, (4, 9))[:, :longest], at_padding)
        for n in (TINY.vocab_size, TINY.token_types)
    )
    return tokens, counts.astype(np.int64), token_types


def test_padding_changes_nothing(model):
    """Neither how much there is, nor what stands there."""
    (hidden, pooled) = model.run(Request(texts(4))).outputs
    (embedding,) = model.run(Request(texts(4), program="embed")).outputs
    real = texts(4)[1] > 0
    for inputs in (texts(9), texts(4, at_padding=2), texts(7, at_padding=1)):
        h, p = model.run(Request(inputs)).outputs
        np.testing.assert_allclose(h[:, :4][real], hidden[real], rtol=0, atol=1e-13)
        kept = LENGTHS > 0
        np.testing.assert_allclose(p[kept], pooled[kept], rtol=0, atol=1e-13)
        (e,) = model.run(Request(inputs, program="embed")).outputs
        np.testing.assert_allclose(e, embedding, rtol=0, atol=1e-13)


def test_a_text_alone_is_the_text_in_a_batch(model):
    """Also the single token, which no other length surrounds."""
    (together,) = model.run(Request(texts(4), program="embed")).outputs
    for row, length in enumerate(LENGTHS):
        alone = tuple(x[row : row + 1, : max(length, 1)] for x in texts(4))
        (found,) = model.run(Request(alone, program="embed")).outputs
        np.testing.assert_allclose(found[0], together[row], rtol=0, atol=1e-13)


def test_an_embedding_is_the_mean_of_what_counts(model):
    inputs = texts(7)
    hidden = model.run(Request(inputs)).outputs[0]
    (found,) = model.run(Request(inputs, program="embed")).outputs
    for row, length in enumerate(LENGTHS):
        mean = hidden[row, :length].sum(0)  # its length is divided out
        expected = mean / max(np.linalg.norm(mean), 1e-300)
        np.testing.assert_allclose(found[row], expected, rtol=0, atol=1e-13)


def test_a_text_of_padding_is_nought_and_moves_nothing(model):
    inputs = tuple(x[2:3] for x in texts(5))
    ask = Request(inputs, program="embed", cotangents=(np.ones((1, TINY.width)),))
    found = model.run(ask)
    assert not found.outputs[0].any()
    assert not any(gradient.any() for gradient in found.gradients.values())


def test_each_input_matters(model):
    tokens, mask, token_types = texts(4)
    (plain,) = model.run(Request((tokens, mask, token_types), program="embed")).outputs
    shorter = mask.copy()
    shorter[0, 3] = 0
    turned = tokens.copy()
    turned[0, :2] = (tokens[0, 1] + 1) % TINY.vocab_size, tokens[0, 0]
    others = (token_types + 1) % TINY.token_types
    for inputs in (
        (turned, mask, token_types),
        (tokens, shorter, token_types),
        (tokens, mask, others),
    ):
        (found,) = model.run(Request(inputs, program="embed")).outputs
        assert error(found[0], plain[0]) > 1e-6


# RoBERTa, DistilBERT


@pytest.fixture(scope="module")
def roberta(workers):
    model = workers.get("pytorch", "float64").build(ROBERTA)
    model.fill(0)
    yield model
    model.drop()


def test_places_of_a_roberta_are_counted_among_what_counts(roberta):
    """From 2 on, so that a text may stand behind padding; all of that stands at 1."""
    tokens, mask, types = ROBERTA.examples(2, 0)
    tokens[:], mask[:] = [[3, 4, 5, 1, 1, 1, 1], [1, 1, 3, 1, 4, 1, 5]], 0
    mask[tokens != 1] = 1
    assert tokens.shape == (2, ROBERTA.tokens)
    (logits,) = roberta.run(Request((tokens, mask, types))).outputs
    np.testing.assert_allclose(
        logits[0][mask[0] == 1], logits[1][mask[1] == 1], rtol=0, atol=1e-13
    )
    ask = Request((tokens, mask, types), cotangents=(np.ones_like(logits),))
    moved = roberta.run(ask).gradients["encoder.embeddings.position.weight"]
    assert moved.any(1).tolist() == [False, *[True] * 4, *[False] * 4]


def test_examples_of_a_roberta_have_its_padding_where_none_counts():
    tokens, mask, _ = ROBERTA.examples(50, 0)
    np.testing.assert_array_equal(tokens == 1, mask == 0)
    assert tokens.max() < ROBERTA.vocab_size
    assert set(tokens[mask == 1]) == set(range(ROBERTA.vocab_size)) - {1}


def test_a_distilbert_has_no_types_and_gives_its_hidden_states_alone():
    spec = variant("distilbert_tiny").spec
    assert [t.name for t in spec.inputs()] == ["tokens", "mask"]
    assert [t.name for t in spec.outputs(False)] == ["hidden"]
    assert variant("distilbert_tiny_classes").spec.pooler == "relu"


@pytest.mark.parametrize(
    ("source", "model", "there"),
    [
        ("huggingface", "bert_tiny_questions", "bert.embeddings.LayerNorm.bias"),
        ("huggingface", "bert_tiny_questions", "qa_outputs.weight"),
        ("huggingface.roberta", "roberta_tiny_tokens", "classifier.weight"),
        ("huggingface.roberta", "bert_tiny_classes", "classifier.out_proj.weight"),
        ("huggingface.roberta", "bert_tiny_classes", "classifier.dense.bias"),
        ("huggingface.roberta", "bert_tiny_masked_lm", "lm_head.decoder.bias"),
        ("huggingface.roberta", "bert_tiny", "pooler.dense.weight"),
        (
            "huggingface.distilbert",
            "distilbert_tiny",
            "transformer.layer.0.ffn.lin1.bias",
        ),
        ("huggingface.distilbert", "distilbert_tiny_classes", "pre_classifier.weight"),
        (
            "huggingface.distilbert",
            "distilbert_tiny_classes",
            "distilbert.transformer.layer.0.attention.out_lin.weight",
        ),
        ("huggingface.distilbert", "bert_tiny_masked_lm", "vocab_projector.bias"),
    ],
)
def test_relatives_there_and_back(source, model, there, workers):
    if source == "huggingface.distilbert" and model == "bert_tiny_masked_lm":
        spec = replace(variant(model).spec, token_types=0)
    else:
        spec = variant(model).spec
    ours = workers.get("pytorch", "float64").build(spec, model)
    ours.fill(0)
    own = ours.dump()
    ours.drop()
    public = checkpoints.to_public("bert", source, own)
    assert there in public
    back = checkpoints.from_public("bert", source, public)
    assert back.keys() == own.keys()
    assert all(np.array_equal(back[name], own[name]) for name in own)


# Fine-tuning


def test_rates_fall_from_block_to_block():
    spec = replace(variant("bert_tiny_classes").spec, depth=3)
    plan = Plan(
        objective=spec.objective(),
        optimizer=AdamW(lr=1e-3),
        rates=spec.rates(0.5),
        epochs=1,
        batch_size=1,
    )
    for name, rate in {
        "classifier.weight": 1,
        "pooler.dense.bias": 1,
        "encoder.blocks.2.mlp.fc1.weight": 0.5,
        "encoder.blocks.1.norm2.weight": 0.25,
        "encoder.blocks.0.attn.qkv.bias": 0.125,
        "encoder.embeddings.word.weight": 0.0625,
        "encoder.embeddings.norm.bias": 0.0625,
    }.items():
        assert plan.rate(name) == rate


def test_ten_blocks_do_not_share_a_pattern():
    rates = dict(replace(variant("bert_tiny").spec, depth=12).rates(0.9))
    assert rates["encoder.blocks.1.*"] == 0.9**11
    assert rates["encoder.blocks.11.*"] == 0.9


# Specs


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens": 10}, r"tokens is 10; allowed: at most positions \(9\)"),
        ({"heads": 4}, r"heads is 4; allowed: a divisor of width \(6\)"),
        ({"first_place": 3}, r"tokens is 7; allowed: .*\(9\) less first_place \(3\)"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        replace(TINY, **changes)


def test_examples_have_every_length():
    plain = TINY.examples(50, 0)[1]
    lengths = plain.sum(1)
    assert set(lengths) == set(range(1, TINY.tokens + 1))
    np.testing.assert_array_equal(plain, np.arange(TINY.tokens) < lengths[:, None])
    (case,) = TINY.cases
    assert [*TINY.examples(4, 0, case)[1].sum(1)[:3]] == [0, 1, TINY.tokens]
    assert [*TINY.examples(2, 0, case)[1].sum(1)] == [0, 1]


def test_words_are_wanted_where_they_count():
    spec = variant("bert_tiny_masked_lm").spec
    inputs = spec.examples(200, 0)
    (wanted,) = spec.wanted(inputs, 0)
    chosen = wanted != IGNORED
    assert not chosen[inputs[1] == 0].any()
    assert 0.3 < chosen[inputs[1] == 1].mean() < 0.37
    assert set(wanted[chosen]) == set(range(spec.vocab_size))


def test_tokens_that_do_not_count_are_of_no_class():
    inputs = ROBERTA.examples(50, 0)
    (wanted,) = ROBERTA.wanted(inputs, 0)
    np.testing.assert_array_equal(wanted == IGNORED, inputs[1] == 0)
    assert set(wanted[inputs[1] == 1]) == set(range(4))


def test_it_starts_as_the_published_code_does():
    cut = TruncatedNormal(std=0.02)
    base, words, classes = "bert_base", "bert_base_masked_lm", "bert_base_classes"
    for model, name, shape, start in (
        (base, "encoder.embeddings.token_type.weight", (2, 768), cut),
        (base, "encoder.embeddings.norm.weight", (768,), Ones()),
        (base, "encoder.blocks.11.attn.qkv.weight", (2304, 768), cut),
        (base, "encoder.blocks.11.mlp.fc2.weight", (768, 3072), cut),
        (base, "encoder.blocks.11.norm2.bias", (768,), Zeros()),
        (base, "pooler.dense.weight", (768, 768), cut),
        (words, "head.bias", (30522,), Zeros()),
        (classes, "classifier.weight", (2, 768), cut),
    ):
        assert variant(model).spec.start(name, shape) == start


# The weights that a package ships


SENTENCES = (
    "A man is playing a guitar on the street.",
    "Someone makes music outdoors!",
    "Quantum chromodynamics, naïvely",
    "",
)


@needs("transformers")
@pytest.mark.parametrize("framework", NATIVE)
def test_minilm_is_that_of_transformers(framework, workers):
    needs_weights("minilm_l6")
    name, files = "minilm_l6", pretrained.fetched("minilm_l6")
    inputs, _ = WordPiece.read(files["vocabulary"]).encode(SENTENCES, 128)
    values = convert.read(files["weights"], name, "huggingface")
    values = {key: value.astype(np.float64) for key, value in values.items()}
    ours = workers.get(framework, "float64").build(variant(name).spec, name)
    ours.load(values)
    outputs = ours.run(Request(inputs)).outputs
    (embedding,) = ours.run(Request(inputs, program="embed")).outputs
    ours.drop()
    worker = workers.get("pytorch", "float64")
    original = worker.adopt("parity_tests.originals:minilm_l6", inputs)
    original.load(checkpoints.to_public("bert", "huggingface", values))
    expected = original.run(Request(inputs)).outputs
    original.drop()
    mask = inputs[1][..., None]
    hidden, pooled = (e.astype(np.float64) for e in expected)
    assert error(outputs[0] * mask, hidden * mask) <= ORIGINALS
    assert error(outputs[1], pooled) <= ORIGINALS
    mean = (hidden * mask).sum(1) / mask.sum(1)
    unit = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
    assert error(embedding, unit) <= ORIGINALS
    similar = embedding @ embedding.T
    assert similar[0, 1] > 0.4 > 0.2 > similar[0, 2]
