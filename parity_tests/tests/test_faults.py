"""A sample of `make faults`, that every reader and every command has a target there,
and that its oracle sees what it is there to see."""

import ast
import json
import os
import signal
import time

import pytest
from hypothesis import strategies as st

from shared.errors import UsageError
from shared.frameworks import ROOT
from triptych.faults import guided, lines, run
from triptych.faults.__main__ import RECORD
from triptych.faults.oracle import Target

CASES = 60  # of each target, beside those that it brings
TARGETS = {target.name: target for target in run.targets()}
# What starts a framework or a command takes seconds; here a few cases of some. Other
# tests have the rest once: kills test_training, signals test_stopping.
DEAR = {"pt": 20, "weights.h5": 20, "orbax": 20, "npz": 60, "npz inside": 60}
DEAR |= {"disks": 3, "locks": 3, "pipes": 2, "kills numpy": 1}


@pytest.mark.parametrize("name", [n for n, t in TARGETS.items() if t.memory])
def test_a_sample_of_every_target(name):
    target = TARGETS[name]
    brought = len(target.good) + len(target.corpus)
    outcome = run.apart(target, CASES + brought, seed=11)
    assert outcome.broken == []
    assert outcome.cases >= min(CASES, 10)
    assert outcome.accepted > 0
    assert outcome.refused > 0


@pytest.mark.parametrize("name", DEAR)
def test_a_few_cases_where_one_takes_long(name):
    outcome = run.apart(TARGETS[name], DEAR[name], seed=11)
    assert outcome.broken == []
    assert outcome.accepted + outcome.refused == outcome.cases >= DEAR[name]


def test_every_command_has_a_target():
    known = lines.commands()
    assert {"generate", "embed", "diff", "dump", "port", "weights fetch"} < set(known)
    assert {"judge"} == {"judge", *known} - set(known)


def imported(path):
    """The modules that a file imports, and the names that it takes out of modules."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def test_every_reader_has_a_target():
    """What takes bytes by shared/reading.py is asked for by a target, or by what one
    asks."""
    rooms = ("shared", "benchmarks", "parity_tests", "pytorch_impl", "triptych")
    files = [f for room in rooms for f in (ROOT / room).rglob("*.py")]
    readers = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in files
        if "shared.reading" in {*imported(file)}
        and not {"tests", "faults"} & {*file.relative_to(ROOT).parts}
    }
    asked = {m for f in (ROOT / "triptych/faults").glob("*.py") for m in imported(f)}
    by_others = {
        "pytorch_impl.adapter",  # the target "pt"
        "shared.files.npz",  # "npz"
        "benchmarks.bench",  # "lines" and "records"
    }
    assert len(readers) > 15
    assert readers - asked - by_others == set()


def test_the_record_is_of_every_reader_and_of_as_many_cases_as_readme_says():
    said = json.loads(RECORD.read_text())
    many = {name for name, target in TARGETS.items() if target.most is None}
    led = {f"{target.name}, guided" for target in guided.led([*TARGETS.values()])}
    assert many <= {one["target"] for one in said["targets"]} <= {*TARGETS} | led
    assert said["broken"] == 0
    assert said["cases"] >= 50_000
    assert said["ends"] >= 300


def of(attempt):
    return Target("own", st.integers(0, 1000), attempt)


def seen(attempt):
    (broken,) = run.apart(of(attempt), 300, seed=1).broken
    return broken


def test_a_defect_is_told_by_its_smallest_case():
    def attempt(case):
        if case >= 100:
            raise KeyError(case)

    assert seen(attempt).startswith("KeyError: 100 ")
    assert seen(attempt).endswith(" by 100")


def test_a_long_answer_and_a_wrong_value_are_defects():
    def told(case):
        raise UsageError("x" * 2000)

    def wrong(case):
        assert case < 100

    assert seen(told).startswith("Broken: refused in 2000 characters")
    assert seen(wrong).startswith("AssertionError")


def test_memory_and_death_are_seen():
    def fill(case):
        bytearray(4 << 30)

    def die(case):
        os.kill(os.getpid(), signal.SIGKILL)

    assert seen(fill).startswith("MemoryError")
    assert seen(die).startswith("ended with -9 in ")


def test_slowness_is_seen(monkeypatch):
    monkeypatch.setattr("triptych.faults.oracle.SECONDS", 0.01)

    def wait(case):
        until = time.process_time() + 0.02
        while time.process_time() < until:
            pass

    assert seen(wait).startswith("Broken: took 0.")


def hidden(content):
    """Breaks where five bytes are right, which no draw finds; each is a branch."""
    if content[:1] != b"t":
        return
    if content[1:2] != b"r":
        return
    if content[2:3] != b"i":
        return
    if content[3:4] != b"p":
        return
    if content[4:5] == b"t":
        raise KeyError("found")


def test_coverage_leads_to_what_nobody_draws():
    pytest.importorskip(
        "atheris", reason="atheris is not installed: pip install .[dev]"
    )
    target = Target("own", st.binary(), hidden, good=(b"aaaaaaaa",))
    (broken,) = run.apart(target, 50_000, 1, guided.explore).broken
    assert broken.startswith("KeyError: 'found' ")
    assert " by b'tript" in broken
    blind = run.apart(target, 2_000, 1)
    assert blind.broken == []
