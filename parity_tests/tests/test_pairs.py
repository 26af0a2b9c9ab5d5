"""Pairs of models, right and with a mistake: a few of those that `make ports` asks."""

import pytest

from parity_tests.tests.pairs import run
from parity_tests.tests.pairs.mistakes import MISTAKES
from parity_tests.tests.pairs.table import PAIRS, REAL, WHOSE, WRITTEN, whose

SAMPLE = (
    "vit_timm vit_transformers",
    "gpt2_head_transformers gpt2_hand_torch",
    "steps_torch steps_keras",
)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_pair_agrees_and_a_mistake_in_it_is_named(name, recorders, tmp_path):
    (pair,) = (pair for pair in PAIRS if pair.name == name)
    run.copied(tmp_path, [pair])
    found = run.judged(pair, tmp_path, recorders, "")
    assert (found.agrees, found.named, found.explained) == (True, True, True), found


def test_there_are_thirty_real_pairs_and_thirty_written_ones_of_twenty_kinds():
    assert min(len(REAL), len(WRITTEN)) >= 30
    assert len({mistake.kind for mistake in MISTAKES.values()}) >= 20
    assert MISTAKES.keys() == {pair.name for pair in PAIRS}


def test_every_framework_stands_in_a_pair():
    models = {model for pair in PAIRS for model in (pair.one, pair.two)}
    assert {whose(model) for model in models} == {*WHOSE}
