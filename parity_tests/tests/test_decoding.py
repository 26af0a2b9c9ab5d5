"""Decoding: the native forms against the definition in NumPy; the definition against
sums by hand, every sequence there is, and what transformers leaves of a distribution.
"""

import itertools
import math

import numpy as np
import pytest

from parity_tests import defined
from parity_tests.callbacks import following_table
from parity_tests.defined import CASES, SETTINGS, TOKENS, Case, Found, rows_of_logits
from parity_tests.tests import held
from shared.definitions.decoding import (
    Beams,
    BeamSearch,
    Sample,
    greedy,
    greedy_margin,
)
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, PACKAGES
from shared.randomness import generator

_, PRESETS = CASES["decoding"], SETTINGS["decoding"]


test_follows_the_definition = held.follows("decoding")
test_takes_what_the_definition_takes = held.takes("decoding")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_in_float32(workers, framework):
    z = rows_of_logits()[:4].astype(np.float32)
    search = BeamSearch(width=2, end=0, length=3, length_penalty=0.5)
    beams = search.start(4)
    beams = beams._replace(scores=beams.scores.astype(np.float32))
    step = beams, np.stack([z, z], 1), np.array(0)
    worker, target = (
        workers.get(framework, "float32"),
        f"{PACKAGES[framework]}.definitions:define",
    )
    for definition, arguments in (
        (Sample(top_k=4, top_p=0.9).probabilities, (z,)),
        (search.step, step),
    ):
        found = worker.ask(target, definition, arguments)
        wanted = defined.wanted(Case("", definition, arguments))
        for a, b in zip(wanted, found, strict=True):
            assert b.dtype in (np.float32, np.int32, np.int64, bool)
            assert np.allclose(a, b, rtol=1e-5)


# The definitions themselves


def test_one_token_by_hand():
    assert greedy(np.array([[1.0, 3.0, 3.0], [0.0, -1.0, 0.0]])).tolist() == [1, 0]
    z = np.log([[0.1, 0.4, 0.2, 0.3]])
    for sample, left in (
        (Sample(), [0.1, 0.4, 0.2, 0.3]),
        (Sample(temperature=0.5), [1 / 30, 16 / 30, 4 / 30, 9 / 30]),
        (Sample(top_k=2), [0, 4 / 7, 0, 3 / 7]),
        (Sample(top_p=0.69), [0, 4 / 7, 0, 3 / 7]),
        (Sample(top_p=0.71), [0, 4 / 9, 2 / 9, 3 / 9]),
        (Sample(top_p=0.01), [0, 1, 0, 0]),
        (Sample(top_p=1.0), [0.1, 0.4, 0.2, 0.3]),
        (Sample(top_k=3, top_p=0.5), [0, 4 / 7, 0, 3 / 7]),
    ):
        assert sample.probabilities(z)[0] == pytest.approx(left, abs=1e-15)
    uniform = [0.0, 0.09, 0.11, 0.49, 0.51, 0.69, 0.71, 1.0]
    drawn = Sample().next_token(np.tile(z, (8, 1)), np.array(uniform))
    assert drawn.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_of_equal_logits_the_first_are_left():
    z = np.zeros((1, 5))
    assert Sample(top_k=2).probabilities(z).tolist() == [[0.5, 0.5, 0, 0, 0]]
    assert Sample(top_p=0.5).probabilities(z)[0] == pytest.approx(
        [1 / 3, 1 / 3, 1 / 3, 0, 0]
    )


@pytest.mark.parametrize("name", defined.SAMPLES)
def test_tokens_come_as_often_as_they_are_likely(name):
    """Uniform numbers in equal steps: each token as often as its probability says."""
    sample, z = defined.SAMPLES[name], rows_of_logits()
    number = 4000
    for row in z:
        grid = (np.arange(number) + 0.5) / number
        drawn = sample.next_token(np.tile(row, (number, 1)), grid)
        often = np.bincount(drawn, minlength=TOKENS) / number
        assert np.abs(often - sample.probabilities(row)).max() <= 1 / number


def test_margins_of_one_token():
    z = np.log([[0.1, 0.4, 0.2, 0.3]])
    assert greedy_margin(z)[0] == pytest.approx(math.log(4 / 3))
    assert greedy_margin(np.array([[1.0], [2.0]])).tolist() == [math.inf] * 2
    assert greedy_margin(np.array([[1.0, -np.inf]]))[0] == math.inf
    for sample, uniform, margin in (
        (Sample(), 0.45, 0.05),
        (Sample(), 0.5, 0.0),
        (Sample(), 0.99, 0.29),
        (Sample(top_k=1), 0.5, math.log(4 / 3)),
        (Sample(top_k=9), 0.45, 0.05),
        (Sample(top_p=0.69), 0.3, 0.01),
        (Sample(top_p=0.01), 0.3, 0.39),
        (Sample(top_k=3, top_p=0.7), 0.5, 4 / 7 - 0.5),
    ):
        found = sample.margin(z, np.array([uniform]))[0]
        assert found == pytest.approx(margin, abs=1e-15)


def test_a_tie_is_counted_and_anything_else_is_wrong():
    z = np.log([[0.25, 0.75], [0.4, 0.6]])
    u = np.array([0.25, 0.3])
    case = Case("", Sample().next_token, (z, u), Sample().margin)
    wanted = defined.wanted(case)
    other = 1 - wanted[0]
    assert defined.compare(case, wanted, wanted) == Found("")
    tied = np.where([True, False], other, wanted[0])
    assert defined.compare(case, wanted, (tied,)) == Found("", 1)
    assert "at (1,)" in defined.compare(case, wanted, (other,)).wrong
    exact = Case("", Sample().next_token, (z, u))
    assert defined.compare(exact, wanted, (tied,)).wrong
    real = Case("", Sample().probabilities, (z,))
    (p,) = defined.wanted(real)
    assert defined.compare(real, (p,), (p * (1 + 1e-13),)) == Found("")
    for bad in (p * (1 + 1e-11), p[:1], p * np.nan, p.astype(int)):
        assert defined.compare(real, (p,), (bad,)).wrong
    assert defined.compare(real, (p,), ()).wrong


def _every_sequence(search, tables):
    """By rank, from the best on: those that end, and those that are as long as may
    be."""
    found = []
    for number in range(1, search.length + 1):
        for tokens in itertools.product(range(len(tables[0])), repeat=number):
            ends = tokens[-1] == search.end
            if search.end in tokens[:-1] or not (ends or number == search.length):
                continue
            before = (search.end, *tokens[:-1])
            score = sum(tables[range(number), before, tokens])
            rank = score / ((5 + number) / 6) ** search.length_penalty
            padded = [*tokens, *[search.end] * (search.length - number)]
            found.append((rank, score, number, padded))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 3.0])
def test_a_beam_wide_enough_finds_the_best_of_all_sequences(length_penalty):
    draw = generator("beams", length_penalty)
    tables = np.log(draw.dirichlet(np.ones(4), (4, 4)))
    search = BeamSearch(width=256, end=1, length=4, length_penalty=length_penalty)

    def score(sequences, position):
        return tables[position][sequences[..., max(position - 1, 0)]]

    beams = search.search(score, 2)
    every = _every_sequence(search, tables)
    known = beams.scores[0] > -np.inf
    assert known.sum() == len(every)
    assert beams.sequences[0][known].tolist() == [one[3] for one in every]
    assert beams.scores[0][known] == pytest.approx([one[1] for one in every])
    assert beams.lengths[0][known].tolist() == [one[2] for one in every]
    ended = [1 in one[3][: one[2]] for one in every]
    assert beams.finished[0][known].tolist() == ended
    for a in beams:
        assert (a[0] == a[1]).all()


def test_one_beam_is_greedy():
    table = np.log(generator("greedy").dirichlet(np.ones(5), 5))
    search = BeamSearch(width=1, end=4, length=7)
    beams = search.search(following_table(table), 1)
    token, said = 4, []
    while len(said) < 7 and (token != 4 or not said):
        token = int(greedy(table[token]))
        said.append(token)
    assert beams.sequences[0, 0].tolist() == said + [4] * (7 - len(said))


def test_steps_by_hand():
    """Two beams, three tokens, the second of which ends."""
    search = BeamSearch(width=2, end=1, length=3)
    first = np.log([[[0.2, 0.5, 0.3]] * 2])
    beams = search.step(search.start(1), first, 0)
    assert beams.sequences[0].tolist() == [[1, 1, 1], [2, 1, 1]]
    assert np.exp(beams.scores[0]) == pytest.approx([0.5, 0.3])
    assert beams.finished[0].tolist() == [True, False]
    second = np.log([[[0.1, 0.1, 0.8], [0.05, 0.05, 0.9]]])
    assert search.margin(beams, second, 1)[0] == pytest.approx(np.log(0.5 / 0.27))
    beams = search.step(beams, second, 1)
    assert beams.sequences[0].tolist() == [[1, 1, 1], [2, 2, 1]]
    assert np.exp(beams.scores[0]) == pytest.approx([0.5, 0.27])
    assert beams.lengths[0].tolist() == [1, 2]
    assert beams.parents[0].tolist() == [0, 1]
    # What one gave up, the other continues twice; of equal ranks the first comes first.
    ends = Beams(*beams[:3], np.array([[False, False]]), beams.parents)
    beams = search.step(ends, np.log([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]]), 2)
    assert beams.parents[0].tolist() == [0, 1]
    assert np.exp(beams.scores[0]) == pytest.approx([0.25, 0.216])
    assert beams.finished[0].tolist() == [False, True]


def test_a_length_penalty_prefers_the_longer():
    """Ends at once with 0.5, or goes on: 0.5 * 0.9 * 0.9."""
    table = np.log([[0.9, 0.1 - 1e-9, 1e-9], [0.5, 0.5, 1e-12], [0.3, 0.4, 0.3]])
    for alpha, said in ((0.0, [1, 1, 1]), (2.0, [0, 0, 0])):
        search = BeamSearch(width=3, end=1, length=3, length_penalty=alpha)
        beams = search.search(following_table(table), 1)
        assert beams.sequences[0, 0].tolist() == said
    assert search.penalty(np.array([1, 7])) == pytest.approx([1, 4])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Sample(temperature=0.0), "Sample.temperature is 0.0; allowed: a"),
        (lambda: Sample(top_k=0), "Sample.top_k is 0; allowed: a whole number of at"),
        (lambda: Sample(top_p=0.0), "Sample.top_p is 0.0; allowed: a number above 0"),
        (lambda: Sample(top_p=1.1), "Sample.top_p is 1.1"),
        (lambda: BeamSearch(width=0, end=1, length=2), "BeamSearch.width is 0"),
        (
            lambda: BeamSearch(width=1, end=1, length=2, length_penalty=-1.0),
            "BeamSearch.length_penalty is -1.0",
        ),
    ],
)
def test_bad_values_are_refused(make, said):
    with pytest.raises(UsageError) as error:
        make()
    assert said in str(error.value)


TRANSFORMERS = """
    import importlib

    import numpy as np
    import torch

    from parity_tests import originals
    from pytorch_impl.decoding import Sample

    def leaves_the_same():
        originals.without_operators()
        warpers = importlib.import_module("transformers.generation.logits_process")
        torch.manual_seed(0)
        z = 2 * torch.randn(50, 40)
        for temperature, k, p in ((0.7, 5, 0.9), (1.0, 40, 0.3), (2.0, 12, 0.99)):
            kept = warpers.TemperatureLogitsWarper(temperature)(None, z)
            kept = warpers.TopKLogitsWarper(k)(None, kept)
            kept = warpers.TopPLogitsWarper(p)(None, kept)
            mine = Sample(temperature=temperature, top_k=k, top_p=p).probabilities(z)
            assert torch.allclose(mine, kept.softmax(-1), rtol=1e-12, atol=0)
"""


def test_what_transformers_leaves(within):
    within("pytorch", TRANSFORMERS, "leaves_the_same")
