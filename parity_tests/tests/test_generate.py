"""`triptych generate`: tokens as they come, and what cannot be asked; SmolLM2 answers
alike in all three."""

import numpy as np
import pytest

from parity_tests import generate as job
from parity_tests.generate import Asked
from parity_tests.tests.test_pretrained import needs as needs_weights
from shared.catalog import variant
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import NATIVE, PACKAGES
from shared.messages import Request
from triptych.commands.generate import _settings

SPEC = variant("llama_tiny").spec
PROMPT = np.array([[1, 4, 2]])


@pytest.fixture(scope="module")
def speaker(tmp_path_factory, workers):
    """A tiny model whose tokens are bytes, though it knows eleven alone."""
    pytest.importorskip("gguf", reason="gguf is not installed: pip install .[text]")
    from parity_tests.tests.test_gguf import written

    folder = tmp_path_factory.mktemp("speaker")
    written(folder / "x.gguf")
    return job.speaker("llama_tiny", folder / "x.gguf")


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0},
        {},
        {"temperature": 0.7, "top_k": 5, "top_p": 0.8},
    ],
)
def test_a_stream_is_what_is_generated(framework, settings, workers):
    """Token by token, with settings that are not the spec's own."""
    model = workers.get(framework, "float64").build(SPEC)
    model.fill(0)
    uniform = np.random.default_rng(0).random((1, 5))
    asked = Request((PROMPT[:, :2], uniform), program="generate", settings=settings)
    (tokens, _) = model.run(asked).outputs
    model.say(asked)
    said = [int(token[0]) for token in iter(model.go_on, None)]
    assert said == tokens[0].tolist()
    assert model.go_on() is None
    model.drop()


@pytest.mark.parametrize("name", ["gpt_tiny", "llama_tiny", "mamba_tiny"])
@pytest.mark.parametrize("framework", NATIVE)
def test_each_token_is_read_once(framework, name, workers):
    """The prompt's last with the first step; before it all others together."""
    worker = workers.get(framework, "float32")
    for prompt in (np.array([[1, 4, 2]]), np.array([[3]])):
        question = "parity_tests.tests.counted_reads:reads"
        found = worker.ask(question, PACKAGES[framework], name, prompt, 3)
        before = [prompt.shape[1] - 1] * (prompt.shape[1] > 1)
        assert found == before + [1] * (1 if framework == "jax" else 3)


def test_all_say_the_same(speaker, workers):
    for asked in (Asked(tokens=4, dtype="float64"), Asked(tokens=4, beams=3)):
        table = job.Table(speaker, NATIVE)
        rows = [
            row
            for framework, token in job.go_on(
                speaker, np.array([[1, 2]]), asked, NATIVE, workers
            )
            for row in table.add(framework, token)
        ]
        assert table.parted() is None
        assert [row[0] for row in rows] == table.tokens["jax"]
        assert 1 <= len(rows) <= 4


def test_where_they_part_is_told(speaker):
    table = job.Table(speaker, ("pytorch", "jax"))
    said = [("pytorch", 1), ("jax", 1), ("jax", 2), ("pytorch", 3), ("jax", 2)]
    rows = [row for framework, token in said for row in table.add(framework, token)]
    assert rows == [(1, 1), (3, 2)]
    assert table.parted() == 1
    table.tokens = {"pytorch": [1, 2], "jax": [1]}
    assert table.parted() == 1


@pytest.mark.parametrize(
    ("prompt", "asked", "said"),
    [
        ("", Asked(), "an empty prompt"),
        (
            "abab",
            Asked(tokens=9, plain=True),
            "7 positions allow 6",
        ),
        ("ab", Asked(tokens=0, plain=True), "0 tokens; allowed: from 1"),
        ("ab\udcff", Asked(tokens=2, plain=True), "not UTF-8"),
        ("abc", Asked(tokens=2, plain=True), "the byte 0x63 is no token"),
    ],
)
def test_prompts_that_cannot_be_are_refused(speaker, prompt, asked, said):
    with pytest.raises(UsageError, match=said):
        job.numbered(speaker, prompt, asked)


def test_models_that_cannot_speak_are_refused(tmp_path):
    with pytest.raises(UsageError, match="resnet18 generates no text; such do"):
        job.speaker("resnet18")
    with pytest.raises(UsageError, match="llama_tiny has no weights here: give --wei"):
        job.speaker("llama_tiny")
    weights.write(tmp_path / "x.safetensors", {}, {})
    with pytest.raises(UsageError, match="has no tokenizer: give --tokenizer"):
        job.speaker("llama_tiny", tmp_path / "x.safetensors")


def test_how_tokens_are_drawn():
    assert _settings(None, None, None, 0) == {"temperature": 0.0}
    assert _settings(None, 5, None, 0) == {"temperature": 1.0, "top_k": 5}
    assert _settings(0.5, None, 0.9, 0) == {"temperature": 0.5, "top_p": 0.9}
    for given, said in (
        ((0.0, 5, None, 0), "temperature 0 draws nothing"),
        ((1.0, None, None, 3), "--beams searches and draws nothing"),
        ((None, None, None, -1), "--beams -1; allowed: from 0 to 64"),
        ((-1.0, None, None, 0), "temperature is -1.0; allowed: a number above 0"),
        ((None, 0, None, 0), "top_k is 0; allowed"),
        ((None, None, 2.0, 0), "top_p is 2.0; allowed"),
    ):
        with pytest.raises(UsageError, match=said):
            _settings(*given)


@pytest.mark.thorough
def test_smollm2_answers_alike_in_all(workers):
    needs_weights("smollm2_135m")
    by = job.speaker("smollm2_135m")
    asked = Asked(tokens=10)
    prompt = job.numbered(by, "What is the capital of France?", asked)
    assert prompt[0, :3].tolist() == [1, 9690, 198]  # the form of its chat
    table = job.Table(by, NATIVE)
    for framework, token in job.go_on(by, prompt, asked, NATIVE, workers):
        for _ in table.add(framework, token):
            pass
    assert table.parted() is None
    assert {one.text for one in table.said()} == {"The capital of France is Paris."}
