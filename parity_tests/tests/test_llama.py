"""What LLaMA's rotary conventions, groups and window mean in every framework, and
SmolLM2's real weights against transformers; the network itself is held by the spec's
ORACLES."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import asked
from parity_tests.compare import error
from parity_tests.tests.test_originals import needs
from parity_tests.tests.test_pretrained import needs as needs_weights
from parity_tests.tolerances import ORIGINALS
from shared.catalog import variant
from shared.errors import UsageError
from shared.files import checkpoints, pretrained
from shared.frameworks import FRAMEWORKS, NATIVE
from shared.messages import Request
from shared.running import convert
from shared.tensors import sample

SPEC = replace(variant("llama_tiny").spec, depth=1)
TOKENS = sample(SPEC.inputs()[0], 3, seed=0)


def norm(x, weight):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + SPEC.rms_eps) * weight


def turned(x):
    """Pairs of neighbours as complex numbers, as Meta's code has them: [T, d]."""
    pairs = x[:, 0::2] + 1j * x[:, 1::2]
    rates = SPEC.rotary_base ** (-np.arange(0, x.shape[1], 2) / x.shape[1])
    pairs = pairs * np.exp(1j * np.outer(np.arange(len(x)), rates))
    return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)


def attend(q, k, v):
    """One head of one sequence, token by token, as far as the window reaches."""
    rows = []
    for t in range(len(q)):
        seen = slice(max(t - SPEC.window + 1, 0), t + 1)
        p = np.exp(k[seen] @ q[t] / np.sqrt(q.shape[1]))
        rows.append(p / p.sum() @ v[seen])
    return np.array(rows)


def forward(tokens, w):
    """The logits of one sequence."""
    block = {n.removeprefix("blocks.0."): v for n, v in w.items() if "blocks" in n}
    x = w["embed_tokens.weight"][tokens]
    y = norm(x, block["input_layernorm.weight"])
    q, k, v = (y @ block[f"self_attn.{n}_proj.weight"].T for n in "qkv")
    q = [turned(part) for part in np.split(q, SPEC.heads, 1)]
    k = [turned(part) for part in np.split(k, SPEC.kv_heads, 1)]
    v = np.split(v, SPEC.kv_heads, 1)
    group = SPEC.heads // SPEC.kv_heads
    heads = [attend(q[h], k[h // group], v[h // group]) for h in range(SPEC.heads)]
    x = x + np.concatenate(heads, 1) @ block["self_attn.o_proj.weight"].T
    y = norm(x, block["post_attention_layernorm.weight"])
    gate = y @ block["mlp.gate_proj.weight"].T
    y = gate / (1 + np.exp(-gate)) * (y @ block["mlp.up_proj.weight"].T)
    x = x + y @ block["mlp.down_proj.weight"].T
    return norm(x, w["norm.weight"]) @ w["lm_head.weight"].T


@pytest.fixture(scope="module", params=FRAMEWORKS)
def model(request, workers):
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


def test_forward(model):
    (logits,) = model.run(Request((TOKENS,))).outputs
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    expected = np.array([forward(sequence, weights) for sequence in TOKENS])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-13)


def test_the_window_ends_what_a_token_sees(model):
    """With one block; with two it hears of what is further back through the first."""
    changed = TOKENS.copy()
    changed[:, 1] = (changed[:, 1] + 1) % SPEC.vocab_size
    before, after = (model.run(Request((x,))).outputs[0] for x in (TOKENS, changed))
    moved = np.abs(before - after).max(-1)
    assert (moved[:, 1 : 1 + SPEC.window] > 1e-9).all()
    np.testing.assert_array_equal(moved[:, 0], 0)
    np.testing.assert_array_equal(moved[:, 1 + SPEC.window :], 0)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_rows_in_another_order_are_the_other_convention(framework, workers):
    worker = workers.get(framework, "float64")
    one, other = worker.build(SPEC), worker.build(replace(SPEC, rotary="half"))
    one.fill(0)
    weights = one.dump()
    for name, heads in (("q", SPEC.heads), ("k", SPEC.kv_heads)):
        place = f"blocks.0.self_attn.{name}_proj.weight"
        pairs = weights[place].reshape(heads, -1, 2, SPEC.width)
        weights[place] = pairs.swapaxes(1, 2).reshape(-1, SPEC.width)
    other.load(weights)
    found = [m.run(Request((TOKENS,))).outputs[0] for m in (one, other)]
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-13)
    one.drop()
    other.drop()


def test_generation_is_the_same_cached_or_not(model):
    """Further than the window reaches, where a cache holds more than is seen."""
    found = {}
    for program in ("generate", "generate_uncached", "generate_greedy", "search"):
        inputs = asked.of_program(SPEC, program, 3, 0).inputs
        found[program] = inputs, model.run(Request(inputs, program=program)).outputs
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    (prompt, _), (tokens, logits) = found["generate_greedy"]
    for row in range(3):
        sequence = list(prompt[row])
        for place, token in enumerate(tokens[row]):
            wanted = forward(np.array(sequence), weights)[-1]
            np.testing.assert_allclose(logits[row, place], wanted, rtol=0, atol=1e-12)
            assert token == wanted.argmax()
            sequence.append(token)
    cached, plain = found["generate"][1], found["generate_uncached"][1]
    np.testing.assert_array_equal(cached[0], plain[0])
    np.testing.assert_allclose(cached[1], plain[1], rtol=0, atol=1e-12)


def test_scores_of_a_search_are_those_of_its_sequences(model):
    (prompt,) = asked.of_program(SPEC, "search", 3, 0).inputs
    sequences, scores = model.run(Request((prompt,), program="search")).outputs
    settings = SPEC.programs()["search"].settings
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    for row in range(3):
        assert len({tuple(sequence) for sequence in sequences[row]}) == len(scores[row])
        for sequence, score in zip(sequences[row], scores[row], strict=True):
            ended = [*np.flatnonzero(sequence == settings["end"]), len(sequence)]
            said = sequence[: ended[0] + 1]
            logits = forward(np.array([*prompt[row], *said]), weights)
            log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            places = np.arange(len(said)) + len(prompt[row]) - 1
            expected = log_p[places, said].sum()
            np.testing.assert_allclose(score, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 3}, r"heads is 3; allowed: a divisor of half the width \(16\)"),
        ({"kv_heads": 3}, r"kv_heads is 3; allowed: a divisor of heads \(4\)"),
        ({"rotary": "both"}, r"rotary is 'both'; allowed: one of 'half', 'inter"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        replace(SPEC, **changes)


@pytest.mark.parametrize("source", ["huggingface", "gguf"])
@pytest.mark.parametrize("tied", [False, True])
def test_checkpoints_there_and_back(source, tied):
    draw = np.random.default_rng(0)
    names = ["embed_tokens.weight", "norm.weight", "blocks.11.mlp.up_proj.weight"]
    names += ["blocks.0.self_attn.q_proj.weight", "blocks.0.input_layernorm.weight"]
    own = {name: draw.random(3) for name in names + ["lm_head.weight"][tied:]}
    public = checkpoints.to_public("llama", source, own)
    assert not any(name.startswith("blocks") for name in public)
    assert ("lm_head.weight" in public) == (source == "huggingface")
    tables = {"model.layers.0.self_attn.rotary_emb.inv_freq": draw.random(2)}
    back = checkpoints.from_public("llama", source, public | tables)
    assert back.keys() == own.keys()
    assert all(back[name] is own[name] for name in own)


def test_other_sources_are_refused():
    for translate in (checkpoints.to_public, checkpoints.from_public):
        with pytest.raises(UsageError, match="llama has no timm form"):
            translate("llama", "timm", {})


# The weights that a package ships

# What the instructed model says of a question, as it was told by transformers.
PROMPT = np.array([[1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198]])


@pytest.fixture(scope="module")
def shipped():
    needs_weights("smollm2_135m")
    path = pretrained.fetched("smollm2_135m")["weights"]
    return convert.read(path, "smollm2_135m", "gguf")


@pytest.fixture(scope="module")
def original(workers, shipped):
    """What transformers' model puts out of the prompt, and says after it."""
    worker = workers.get("pytorch", "float64")
    model = worker.adopt("parity_tests.originals:smollm2_135m", (PROMPT,))
    state = checkpoints.to_public("llama", "huggingface", shipped)
    own = model.entries()
    model.load({k: v.astype(np.float64) for k, v in state.items() if k in own})
    (logits,) = model.run(Request((PROMPT,))).outputs
    sequence = PROMPT
    for _ in range(6):
        (after,) = model.run(Request((sequence,))).outputs
        sequence = np.append(sequence, after[:, -1:].argmax(-1), 1)
    model.drop()
    return logits, sequence[:, PROMPT.shape[1] :]


@pytest.mark.thorough
@needs("transformers")
@pytest.mark.parametrize("framework", NATIVE)
def test_smollm2_is_that_of_transformers(framework, workers, shipped, original):
    name = "smollm2_135m"
    model = workers.get(framework, "float64").build(variant(name).spec, name)
    model.load({key: value.astype(np.float64) for key, value in shipped.items()})
    (logits,) = model.run(Request((PROMPT,))).outputs
    asked = PROMPT, np.zeros((1, 6))
    tokens, _ = model.run(Request(asked, program="generate_greedy")).outputs
    model.drop()
    assert error(logits, original[0]) <= ORIGINALS
    np.testing.assert_array_equal(tokens, original[1])
