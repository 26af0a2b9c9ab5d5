"""What is computed in bfloat16 and what is not, in all three; parts planted in bfloat16
that belong in float32 are seen."""

import numpy as np
import pytest

from parity_tests import asked, bfloat16, training
from parity_tests.engine import SEED, Session
from parity_tests.evidence import BATCH, gradients_of, outputs_of, request
from parity_tests.tests.lowered_parts import PARTS
from shared import precision
from shared.catalog import VARIANTS
from shared.frameworks import NATIVE, PACKAGES, ROOT

# Layer norm, softmax and an embedding; batch norm, convolutions and a mean of a map; a
# softmax that is an output.
HELD = ("gpt_tiny", "resnet_tiny", "linear_tiny_softmax")


@pytest.mark.thorough
@pytest.mark.parametrize("name", HELD)
def test_the_tier_holds(workers, name):
    checks = list(Session(workers).check(name, ["bfloat16"]))
    found = {check.tier: check for check in checks}
    assert [check.reason for check in checks if not check.passed] == []
    parts = ("evaluation", "training", "gradients", "loss", "kept")
    assert list(found) == [f"bfloat16/{part}" for part in parts]
    assert found["bfloat16/training"].error > 1e-4  # it is no float32


@pytest.mark.parametrize("framework", NATIVE)
def test_the_losses_are_those_of_a_first_update(workers, framework):
    """With dropout, of which one draw is the suite's as it is in training."""
    name = "gpt_tiny"
    worker, spec = workers.get(framework, "float64"), VARIANTS[name].spec
    (seen,) = training.follow(worker, name, spec, training.plans(spec)["adamw"], 1)
    question = "parity_tests.precisions:losses"
    told = worker.ask(question, PACKAGES[framework], spec, name, "float64")
    assert told.keys() == seen.losses.keys()
    for label, value in seen.losses.items():
        assert told[label] == pytest.approx(value, rel=1e-13, abs=0)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("framework", NATIVE)
def test_a_part_in_bfloat16_is_seen(workers, framework, part):
    worker = workers.get(framework, "float32")
    module = "parity_tests.tests.lowered_parts"
    worker.ask(f"{module}:plant", PACKAGES[framework], part)
    try:
        seen = bfloat16.lowered([worker], "gpt_tiny")
    finally:
        worker.ask(f"{module}:heal")
    assert seen.startswith(f"{framework}: ")
    signs = {
        "norm": ("rsqrt", "var", "Rsqrt"),
        "softmax": ("exp", "softmax", "Softmax"),
        "loss": ("log", "Log", "_log_softmax"),
        "parameters": ("norm",),
    }
    assert any(sign in seen for sign in signs[part]), seen


@pytest.mark.parametrize("framework", NATIVE)
def test_products_read_their_weights_in_bfloat16(workers, framework):
    """Rounded before they are read, nothing changes; a norm's are read as they are."""
    name = "resnet_tiny"
    worker, spec = workers.get(framework, "float32"), VARIANTS[name].spec
    model = worker.build(spec, name)
    model.fill(SEED)
    model.lower()
    own = model.dump()
    products = {n: w for n, w in own.items() if w.ndim > 1}
    assert len(products) > 5
    answers = []
    for values in ({}, {n: bfloat16.rounded(w) for n, w in products.items()}):
        model.load(own | values)
        result = model.run(request(spec, BATCH, training=True, gradients=True))
        answers.append({**outputs_of(result), **gradients_of(result)})
    model.drop()
    for label, value in answers[0].items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, answers[1][label], err_msg=label)


@pytest.mark.parametrize("framework", NATIVE)
def test_programs_run_in_it(workers, framework):
    """With a cache of keys and values in bfloat16; what is drawn by is in float32."""
    spec = VARIANTS["gpt_tiny"].spec
    model = workers.get(framework, "float32").build(spec, "gpt_tiny")
    model.fill(SEED)
    model.lower()
    found = [
        model.run(asked.of_program(spec, name, BATCH, SEED)).outputs
        for name in ("generate_greedy", "generate_uncached")
    ]
    model.drop()
    for tokens, logits in found:
        assert tokens.dtype.kind == "i"
        assert logits.dtype == np.float32
        assert np.isfinite(logits).all()


def test_rounded():
    values = np.array([1.0, 1 + 2**-9, 1 + 2**-8, 1 + 3 * 2**-8, -2.7], np.float32)
    wanted = [1.0, 1.0, 1.0, 1 + 2**-6, -2.703125]
    np.testing.assert_array_equal(bfloat16.rounded(values), wanted)


def test_it_is_said_once():
    """README quotes the table that the frameworks are held to."""
    text = (ROOT / "docs/differences.md").read_text()
    for part, where in precision.PARTS.items():
        assert f"| {part} | {where} |" in text
