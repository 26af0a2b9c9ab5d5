"""What vectors of words are near, what they learn from, and that Huffman's tree, noise
and pieces are those of the published codes; the networks themselves are held by those
in NumPy."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import trained
from shared.catalog import variant
from shared.data import words
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.language.word2vec import Word2VecSpec

SPEC = Word2VecSpec(pieces=12, told=5, width=4, context=3, choices=2, nearest=4)


@pytest.fixture(scope="module", params=NATIVE)
def model(request, workers):
    model = workers.get(request.param, "float64").build(SPEC)
    model.fill(0)
    yield model
    model.drop()


def test_neighbours_are_by_angle_and_not_those_asked_with(model):
    """The last row is the first again: of equals the lower index comes first."""
    own = {name: value.copy() for name, value in model.dump().items()}
    own["embedding.weight"][10] = 3 * own["embedding.weight"][4]
    model.load(own)
    table = own["embedding.weight"].astype(np.float64)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    context = np.array([[0, 1, 2], [4, 4, 4], [3, 5, 7]])
    weights = np.array([[-1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.5, 0.25, 0.25]])
    asked = Request((context, weights), program="neighbours")
    found, cosines = model.run(asked).outputs
    for row in range(3):
        x = (unit[context[row]] * weights[row][:, None]).sum(0)
        near = unit @ x / np.linalg.norm(x)
        near[context[row]] = -np.inf
        wanted = np.argsort(-near, kind="stable")[:4]
        np.testing.assert_allclose(cosines[row], near[wanted], rtol=0, atol=1e-13)
        if row != 1:  # of the second all but the first are as they are
            np.testing.assert_array_equal(found[row], wanted)
    assert found[1][0] == 10
    assert cosines[1][0] == pytest.approx(1, abs=1e-12)


def test_what_does_not_count_is_not_read(model):
    context, mask, choices, chosen = SPEC.examples(4, 0, "nothing")
    (logits,) = model.run(Request((context, mask, choices, chosen))).outputs
    assert (logits[:2] == 0).all()
    weights = {name: w.astype(np.float64) for name, w in model.dump().items()}
    for row in range(4):
        counted = weights["embedding.weight"][context[row][mask[row] > 0]]
        x = counted.sum(0) / max(len(counted), 1)
        wanted = weights["told.weight"][choices[row]] @ x * chosen[row]
        np.testing.assert_allclose(logits[row], wanted, rtol=0, atol=1e-14)


@pytest.mark.parametrize("framework", NATIVE)
def test_glove_weighs_what_is_counted_often_no_more(framework, workers):
    spec = variant("glove_tiny").spec
    model = workers.get(framework, "float64").build(spec)
    model.fill(0)
    w = {name: value.astype(np.float64) for name, value in model.dump().items()}
    word, context, count = (
        np.array([1, 1, 0]),
        np.array([2, 2, 5]),
        np.array([0.5, 2, 9]),
    )
    (off,) = model.run(Request((word, context, count))).outputs
    found = (w["words.weight"][word] * w["contexts.weight"][context]).sum(1)
    found += w["word_bias.weight"][word, 0] + w["context_bias.weight"][context, 0]
    weight = np.array([0.25**0.75, 1, 1])
    square = weight * (found - np.log(count)) ** 2
    np.testing.assert_allclose(off**2, square, rtol=1e-12)
    model.drop()


def test_what_cannot_be_is_refused():
    said = "nearest is 10; allowed: at most 9, pieces without what is asked with"
    with pytest.raises(UsageError, match=said):
        replace(SPEC, nearest=10)


# What they learn from


def test_a_tree_of_codes():
    """Of Huffman's own kind: the longer the rarer, no way the beginning of another, and
    as short as can be."""
    counts = [5, 1, 9, 3, 2, 7]
    paths, turns = words.huffman(counts)
    assert {path[0] for path in paths} == {len(counts) - 2}
    said = ["".join(map(str, turn)) for turn in turns]
    assert not any(a != b and b.startswith(a) for a in said for b in said)
    assert sum(0.5 ** len(code) for code in said) == 1
    assert sum(n * len(code) for n, code in zip(counts, said, strict=True)) == 63
    assert {node for path in paths for node in path} == set(range(len(counts) - 1))


def test_noise_and_what_stays():
    counts = np.array([16, 1, 0, 81])
    np.testing.assert_allclose(words.noise(counts), np.array([8, 1, 0, 27]) / 36)
    stays = words.kept(np.array([900, 90, 10]), 0.01)
    np.testing.assert_allclose(stays, [(1 / 90) ** 0.5 + 1 / 90, 1 / 3 + 1 / 9, 1])


def test_pieces_are_those_of_the_paper():
    """Section 3.2's example, and FNV-1a's published values."""
    assert words.pieces("where", 3, 3) == ["<wh", "whe", "her", "ere", "re>"]
    assert words.pieces("a", 1, 3) == ["<a", "<a>", "a", "a>"]
    whole = 2**32
    assert words.bucket("", whole) == 0x811C9DC5
    assert words.bucket("a", whole) == 0xE40C292C
    assert words.bucket("foobar", whole) == 0xBF9CF968


def test_near_words_and_their_counts():
    draw = np.random.default_rng(0)
    found = words.near([[1, 2, 3, 4]], 1, draw)
    assert found == [(1, [2]), (2, [1, 3]), (3, [2, 4]), (4, [3])]
    counted = words.cooccurrences([[1, 2, 1]], 2)
    assert counted == {(2, 1): 2.0, (1, 2): 2.0, (1, 1): 1.0}


def test_after_training_a_words_neighbours_are_of_its_kind():
    """As the page shows it."""
    record = json.loads(trained.path("word2vec").read_text())
    index = {word: i for i, word in enumerate(words.WORDS)}
    right = total = 0
    for row in record["trained"]:
        kind = words.kind(index[row["given"]])
        for near in row["said"]["pytorch"].split():
            right += words.kind(index[near]) == kind
            total += 1
    assert total == 20
    assert right >= 18
