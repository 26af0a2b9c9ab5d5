"""The committed table of built-in optimizers is what a run gives now."""

import json

import pytest

from parity_tests import builtins
from parity_tests.builtins import ANOTHER, CASES, EQUAL, FAILS, Case, Row
from shared.definitions.optimizers import OPTIMIZERS
from shared.errors import UsageError

# A verdict of each kind and framework; `make builtins` runs them all.
SAMPLE = {
    ("nesterov", "jax"),
    ("adagrad", "pytorch"),
    ("adam", "keras[jax]"),
    ("amsgrad", "jax"),
    ("nadam", "keras[jax]"),
    ("radam", "pytorch"),
    ("radam", "jax"),
    ("rprop", "jax"),
    ("rprop", "pytorch"),
}


@pytest.mark.parametrize("key", sorted(SAMPLE), ids=" ".join)
def test_the_record_is_what_a_run_gives(workers, key):
    (case,) = (c for c in CASES if (c.preset, c.framework) == key)
    (kept,) = (r for r in builtins.read() if (r.preset, r.framework) == key)
    assert builtins.measure(case, workers).verdict == kept.verdict


def test_the_record_lists_every_case_and_the_page_every_row():
    rows = builtins.read()
    assert [(r.preset, r.framework) for r in rows] == [
        (c.preset, c.framework) for c in builtins.cases()
    ]
    page = builtins.PAGE.read_text()
    assert builtins.fill(page, rows) == page
    assert builtins.table(rows) in page


def test_what_differs_says_why():
    for row in builtins.read():
        assert row.verdict == EQUAL or row.why, row


def test_other_settings_are_another_algorithm(workers):
    case = Case("adam", "pytorch", "Adam", {"betas": (0.5, 0.999)}, "other beta1")
    row = builtins.measure(case, workers)
    assert (row.verdict, row.why) == (ANOTHER, "other beta1")
    assert row.errors[2] > 1e-3


def test_what_does_not_run_says_so(workers):
    row = builtins.measure(Case("adam", "pytorch", "Addam"), workers)
    assert (row.verdict, row.errors) == (FAILS, [])
    assert row.why.startswith("pytorch: AttributeError")


def test_every_preset_has_its_built_ins():
    adaptive = {"sgd", *(c.preset for c in CASES)}
    assert {"adam", "lion", "nadam"} <= adaptive & OPTIMIZERS.keys()
    with pytest.raises(UsageError, match="addam"):
        builtins.cases(["addam"])


def test_a_row_is_plain():
    row = builtins.read()[0]
    assert Row(**json.loads(json.dumps(vars(row)))) == row
