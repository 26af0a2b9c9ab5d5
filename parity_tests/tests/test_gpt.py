"""GPT-2 against NumPy, what causal means, and generation with and without a cache, in
every framework."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import records
from parity_tests import asked
from parity_tests.engine import Workers
from shared.arrays import Array
from shared.catalog import variant
from shared.definitions.decoding import Sample, greedy, greedy_margin
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import FRAMEWORKS, NATIVE, ORACLE
from shared.messages import Request
from shared.randomness import generator
from shared.running.client import RemoteModel, Worker
from shared.specs.language.gpt import GPTSpec
from shared.tensors import sample

PROGRAMS = ("generate", "generate_uncached", "generate_few", "generate_greedy")
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


# Banded


@pytest.mark.parametrize("framework", [*FRAMEWORKS, ORACLE])
def test_every_second_block_is_banded(workers: Workers, framework: str) -> None:
    """A changed token moves what a dense block after it hears; what lies beyond the
    band of a banded one hears of it through the dense block alone."""
    banded = replace(SPEC, depth=2, band=2)
    worker = workers.get(framework, "float64")
    one, dense = worker.build(banded), worker.build(replace(banded, band=None))
    one.fill(0)
    weights = one.dump()
    silent = {k: np.zeros_like(w) if "h.0.attn" in k else w for k, w in weights.items()}
    place, changed = 1, TOKENS.copy()
    changed[:, place] = (changed[:, place] + 1) % SPEC.vocab_size
    for values, reach in ((weights, SPEC.tokens), (silent, 2)):
        one.load(values)
        before, after = (one.run(Request((x,))).outputs[0] for x in (TOKENS, changed))
        moved = np.abs(before - after).max((0, 2)) > 1e-9
        assert moved.tolist() == [place <= t < place + reach for t in range(7)]
    dense.load(weights)
    one.load(weights)
    near, whole = (m.run(Request((TOKENS,))).outputs[0] for m in (one, dense))
    np.testing.assert_allclose(near[:, :2], whole[:, :2], rtol=0, atol=1e-13)
    assert (np.abs(near - whole).max((0, 2))[2:] > 1e-9).all()
    for program in ("generate", "generate_uncached"):
        given = asked.of_program(banded, program, 2, 0).inputs
        found = one.run(Request(given, program=program)).outputs
        if program == "generate":
            cached = found
    np.testing.assert_array_equal(cached[0], found[0])
    np.testing.assert_allclose(cached[1], found[1], rtol=0, atol=1e-13)
    one.drop()
    dense.drop()


def test_counts_of_gpt3_are_those_of_the_paper_rounded() -> None:
    """Table 2.1, by name; 760M and 6.7B are rounded down, 13B up."""
    for name, said in {
        "gpt3_125m": 125e6,
        "gpt3_350m": 350e6,
        "gpt3_760m": 760e6,
        "gpt3_1_3b": 1.3e9,
        "gpt3_2_7b": 2.7e9,
        "gpt3_6_7b": 6.7e9,
        "gpt3_13b": 13e9,
        "gpt3_175b": 175e9,
    }.items():
        assert variant(name).parameters == pytest.approx(said, rel=0.02)


@pytest.mark.parametrize("framework", NATIVE)
def test_the_largest_is_built_without_its_memory(framework: str) -> None:
    """As 175 billion numbers are counted: abstractly."""
    start = time.perf_counter()
    with Worker(framework) as worker:
        entries = worker.build(variant("gpt3_175b").spec, "gpt3_175b").entries()
        assert weights.count(entries) == 174_604_259_328
        assert worker.describe()["peak_mib"] < 2048
    assert time.perf_counter() - start < 60


# Generation


def chosen(program: str, logits: Array, uniform: Array) -> int:
    if program == "generate_greedy":
        return int(greedy(logits))
    few = Sample(temperature=0.8, top_k=8, top_p=0.9)
    sample = few if program == "generate_few" else Sample()
    return int(sample.next_token(logits, uniform))


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_token_is_drawn_by_all_before_it(model: RemoteModel, program: str) -> None:
    prompt, uniform = asked.of_program(SPEC, program, 3, 0).inputs
    given = prompt, uniform.astype(np.float64)
    tokens, logits = model.run(Request(given, program=program)).outputs
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    for row in range(3):
        sequence = list(prompt[row])
        for place, drawn in enumerate(given[1][row]):
            wanted = forward(np.array(sequence), weights)[-1]
            np.testing.assert_allclose(logits[row, place], wanted, rtol=0, atol=1e-13)
            sequence.append(chosen(program, wanted, drawn))
        assert tokens[row].tolist() == sequence[3:]


@pytest.mark.parametrize(("prompt", "new"), [(1, 9), (9, 1), (4, 2)])
def test_prompts_and_continuations_may_be_of_any_length(
    model: RemoteModel, prompt: int, new: int
) -> None:
    """As many as there are positions; the last token is not read."""
    draw = generator("lengths", prompt)
    given = draw.integers(0, SPEC.vocab_size, (2, prompt)), draw.random((2, new))
    cached, plain = (
        model.run(Request(given, program=program)).outputs
        for program in ("generate", "generate_uncached")
    )
    assert cached[0].shape == (2, new)
    np.testing.assert_array_equal(cached[0], plain[0])
    np.testing.assert_allclose(cached[1], plain[1], rtol=0, atol=1e-13)


def test_more_tokens_than_positions_are_refused(model: RemoteModel) -> None:
    given = np.zeros((1, 4), int), np.zeros((1, 7))
    with pytest.raises(UsageError, match="4 and 7 new tokens: 9 positions allow 6"):
        model.run(Request(given, program="generate"))
    with pytest.raises(UsageError, match="at least 1 each"):
        model.run(Request((given[0][:, :0], given[1]), program="generate"))


def test_margins_are_those_of_the_definition() -> None:
    draw = generator("margins")
    uniform, logits = draw.random((2, 5)), draw.standard_normal((2, 5, 11))
    wanted = {
        "generate": Sample().margin(logits, uniform),
        "generate_uncached": Sample().margin(logits, uniform),
        "generate_few": Sample(temperature=0.8, top_k=8, top_p=0.9).margin(
            logits, uniform
        ),
        "generate_greedy": greedy_margin(logits),
    }
    for name in PROGRAMS:
        program = SPEC.programs()[name]
        assert callable(program.margin)
        found = program.margin((None, uniform), (None, logits))
        np.testing.assert_array_equal(found, wanted.pop(name))
    assert not wanted


# Without biases


@pytest.mark.parametrize("framework", [*FRAMEWORKS, ORACLE])
def test_without_biases_is_with_biases_of_nought(
    workers: Workers, framework: str
) -> None:
    worker = workers.get(framework, "float64")
    plain, biased = worker.build(replace(SPEC, bias=False)), worker.build(SPEC)
    plain.fill(0)
    weights = plain.dump()
    assert not any(name.endswith(".bias") for name in weights)
    noughts = {
        name: np.zeros(entry.shape, entry.dtype)
        for name, entry in biased.entries().items()
        if name.endswith(".bias")
    }
    biased.load({**weights, **noughts})
    for given, program in (
        ((TOKENS,), ""),
        (asked.of_program(SPEC, "generate", 3, 0).inputs, "generate"),
    ):
        request = Request(given, program=program)
        pairs = zip(
            plain.run(request).outputs, biased.run(request).outputs, strict=True
        )
        for one, two in pairs:
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-14)
    plain.drop()
    biased.drop()


# Speed


def test_a_cache_is_worth_it() -> None:
    """By the record, at 256 tokens of the character model, in each framework."""
    found = records.read([records.RECORDS / "generate.jsonl"])
    cached, plain = (
        {r.contender: r.median_s for r in one.end.results} for one in found
    )
    assert [one.setting.task for one in found] == ["generate", "generate_uncached"]
    assert {one.setting.model for one in found} == {"char_gpt"}
    assert cached.keys() == plain.keys()
    assert {name.partition("/")[0] for name in cached} == set(NATIVE)
    for name, seconds in cached.items():
        assert plain[name] > 5 * seconds, name
