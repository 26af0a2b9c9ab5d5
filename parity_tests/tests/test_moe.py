"""Which experts are chosen, who finds room, what balances them, and checkpoints; the
network itself is held by the spec's ORACLES."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from parity_tests import training
from parity_tests.originals.operators import without_operators
from shared.catalog import variant
from shared.errors import UsageError
from shared.files import checkpoints
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.language.moe import MoESpec

SWITCH = variant("moe_tiny_switch").spec
SPEC = MoESpec(
    vocab_size=9,
    tokens=8,
    width=6,
    depth=1,
    heads=1,
    kv_heads=1,
    mlp_width=4,
    experts=4,
    chosen=2,
    capacity=0.75,
)


def gone(scores, chosen, room):
    """GShard, algorithm 1: the experts that take each token, one after the other."""
    length, experts = scores.shape
    order = np.argsort(-scores, -1, kind="stable")
    counts, taken = np.zeros(experts, int), np.zeros(scores.shape)
    for choice in range(chosen):
        for token in range(length):
            expert = order[token, choice]
            taken[token, expert] = counts[expert] < room
            counts[expert] += 1
    return taken


def mixed(y, block, spec, training):
    """One sequence through the experts, [T, width], by the definition."""
    scores = y @ block["gate.weight"].T
    raised = np.exp(scores)
    p = raised / raised.sum(-1, keepdims=True)
    shares = p * gone(scores, spec.chosen, spec.tokens)
    if spec.normalized:
        shares = shares / shares.sum(-1, keepdims=True)
    if training and spec.capacity is not None:
        shares = shares * gone(scores, spec.chosen, spec.room(len(y)))
    out = np.zeros_like(y)
    for i in range(spec.experts):
        g, u, d = (
            block[f"experts.{i}.{n}_proj.weight"] for n in ("gate", "up", "down")
        )
        gate = y @ g.T
        out += shares[:, i, None] * ((gate / (1 + np.exp(-gate)) * (y @ u.T)) @ d.T)
    return out, scores


@pytest.mark.parametrize("spec", [SPEC, SWITCH])
@pytest.mark.parametrize("framework", NATIVE)
def test_room_is_for_those_who_come_first(framework, spec, workers):
    """With what attention adds at nought a block is its experts alone."""
    model = workers.get(framework, "float64").build(spec)
    model.fill(0)
    own = {name: w.astype(np.float64) for name, w in model.dump().items()}
    own["blocks.0.self_attn.o_proj.weight"][:] = 0
    own["blocks.0.mlp.gate.weight"] *= 3
    model.load(own)
    block = {n.removeprefix("blocks.0.mlp."): w for n, w in own.items() if "mlp" in n}
    tokens = np.arange(2 * spec.tokens).reshape(2, -1) ** 2 % spec.vocab_size
    for learning in (False, True):
        found = model.run(Request((tokens,), training=learning)).outputs
        for row, sequence in enumerate(tokens):
            x = own["embed_tokens.weight"][sequence]
            rms = np.sqrt((x**2).mean(-1, keepdims=True) + spec.rms_eps)
            y = x / rms * own["blocks.0.post_attention_layernorm.weight"]
            out, scores = mixed(y, block, spec, learning)
            x = x + out
            rms = np.sqrt((x**2).mean(-1, keepdims=True) + spec.rms_eps)
            logits = (x / rms * own["norm.weight"]) @ own["lm_head.weight"].T
            np.testing.assert_allclose(found[0][row], logits, rtol=0, atol=1e-12)
            if learning:
                np.testing.assert_allclose(found[1][row, 0], scores, rtol=0, atol=1e-12)
        if learning:  # else the test would tell nothing of it
            limits = gone(found[1][0, 0], spec.chosen, spec.room(spec.tokens))
            assert limits.sum() < spec.chosen * spec.tokens
    model.drop()


@pytest.mark.parametrize("framework", NATIVE)
def test_of_equals_the_lower_index_is_chosen(framework, workers):
    """With a router of noughts all experts score alike."""
    model = workers.get(framework, "float64").build(SPEC)
    model.fill(0)
    own = model.dump()
    own["blocks.0.mlp.gate.weight"][:] = 0
    tokens = np.arange(16).reshape(2, 8) % 9
    found = []
    for zeroed in ("", "23", "0"):
        for i in zeroed:
            own[f"blocks.0.mlp.experts.{i}.down_proj.weight"][:] = 0
        model.load(own)
        found.append(model.run(Request((tokens,))).outputs[0])
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-6
    model.drop()


@pytest.mark.parametrize("framework", NATIVE)
def test_balance_is_that_of_the_paper(framework, workers):
    """transformers' is of all blocks and sequences together: of one it is the same."""
    worker, name = workers.get(framework, "float64"), "moe_tiny"
    spec = variant(name).spec
    (update,) = training.follow(worker, name, spec, training.plans(spec)["adamw"], 1)
    told = update.losses
    assert told["loss"] == pytest.approx(told["words"] + 0.01 * told["balance"])
    model = worker.build(spec, name)
    model.fill(training.SEED)
    (batch,) = training.batches(spec, 1)
    _, scores = model.run(Request(batch.inputs, training=True)).outputs
    model.drop()
    p = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    rows = scores.reshape(-1, *scores.shape[2:])
    chosen = np.array([gone(row, spec.chosen, 99) for row in rows]).reshape(p.shape)
    each = spec.experts * (chosen.mean(2) * p.mean(2)).sum(-1)  # [B, depth]
    assert told["balance"] == pytest.approx(each.sum(1).mean(), rel=1e-12)
    if framework == "pytorch":
        pytest.importorskip("transformers")
        without_operators()
        module = importlib.import_module("transformers.models.mixtral.modeling_mixtral")
        torch = importlib.import_module("torch")
        of_one = (torch.tensor(scores[0, 1]),)
        theirs = module.load_balancing_loss_func(of_one, spec.experts, spec.chosen)
        assert float(theirs) == pytest.approx(each[0, 1], rel=1e-6)


def test_a_cached_token_finds_its_experts(workers):
    spec = variant("moe_tiny").spec
    model = workers.get("pytorch", "float64").build(spec)
    model.fill(0)
    given = np.array([[1, 4, 2]]), np.zeros((1, 4))
    found = [
        model.run(Request(given, program=program)).outputs[1]
        for program in ("generate_greedy", "generate_uncached")
    ]
    np.testing.assert_allclose(found[0][:, 0], found[1][:, 0], rtol=0, atol=1e-12)
    model.drop()


def test_what_cannot_be_is_refused():
    with pytest.raises(
        UsageError, match=r"chosen is 5; allowed: at most experts \(4\)"
    ):
        replace(SPEC, chosen=5)
    assert replace(SPEC, capacity=None).capacity is None
    assert [replace(SPEC, capacity=c).room(8) for c in (0.1, 1.0, 1.1)] == [1, 4, 5]


# Checkpoints


@pytest.mark.parametrize("name", ["moe_tiny", "moe_tiny_switch"])
def test_checkpoints_there_and_back(name, workers):
    """Stacked, as transformers 5 has them, and by experts, as files have them."""
    spec = variant(name).spec
    model = workers.get("pytorch", "float64").build(spec, name)
    model.fill(0)
    own = model.dump()
    model.drop()
    public = checkpoints.to_public("moe", "huggingface", own)
    block = "model.layers.0.mlp"
    shape = spec.experts, 2 * spec.mlp_width, spec.width
    assert public[f"{block}.experts.gate_up_proj"].shape == shape
    back = checkpoints.from_public("moe", "huggingface", public)
    assert back.keys() == own.keys()
    assert all(np.array_equal(back[key], own[key]) for key in own)
    filed = {}
    for key, value in public.items():
        place, _, leaf = key.rpartition(".mlp.")
        name, old = leaf.rpartition(".")[2], f"{place}.block_sparse_moe"
        for i, one in enumerate(value if "experts" in leaf else ()):
            parts = np.split(one, 2) if name == "gate_up_proj" else [one]
            for w, part in zip("13" if len(parts) == 2 else "2", parts, strict=True):
                filed[f"{old}.experts.{i}.w{w}.weight"] = part
        if leaf == "gate.weight":
            filed[f"{old}.gate.weight"] = value
        elif "experts" not in leaf:
            filed[key] = value
    back = checkpoints.from_public("moe", "huggingface", filed)
    assert back.keys() == own.keys()
    assert all(np.array_equal(back[key], own[key]) for key in own)
    with pytest.raises(UsageError, match="moe has no timm form"):
        checkpoints.from_public("moe", "timm", public)
