"""Targets one after the other, each in a process of its own that may not grow."""

import contextlib
import math
import multiprocessing
import resource
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from triptych.faults import (
    deaths,
    fields,
    judged,
    lines,
    natives,
    places,
    processes,
    readers,
    resumed,
    words,
)
from triptych.faults.oracle import Broken, Outcome, Target, judge

MIB = 1 << 20
# Hypothesis keeps what it drew, so a round is not too long.
ROUND = 2000
# A target, how many cases, the seed, what tries one, what came of it, what tells that.
Explore = Callable[
    [Target, int, int, Callable[[Any], None], Outcome, Callable[[], None]], None
]


def targets() -> list[Target]:
    cheap = (readers, words, judged, natives, resumed, fields, lines)
    rooms = (*cheap, places, processes, deaths)
    return [target for room in rooms for target in room.targets()]


def shares(chosen: Sequence[Target], cases: int) -> list[int]:
    """How many of all cases each has; what is dear has no share, but a number."""
    total = sum(target.share for target in chosen if target.most is None)
    return [
        math.ceil(cases * target.share / total)
        if target.most is None
        else min(cases, target.most)
        for target in chosen
    ]


def run(
    chosen: Sequence[tuple[Target, int]],
    seed: int,
    say: Callable[[str], None],
    explore: Explore | None = None,
) -> list[Outcome]:
    outcomes = []
    for target, cases in chosen:
        begin = time.monotonic()
        outcome = apart(target, cases, seed, explore)
        took = time.monotonic() - begin
        say(
            f"{target.name}: {outcome.cases} cases, {outcome.accepted} read, "
            f"{outcome.refused} refused, {len(outcome.broken)} broken, {took:.0f} s, "
            f"the slowest {outcome.slowest_s:.2f} s"
        )
        outcomes.append(outcome)
    return outcomes


def apart(
    target: Target, cases: int, seed: int, explore: Explore | None = None
) -> Outcome:
    """Try a target in a process of its own; what kills that is told as broken."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        last = Path(folder) / "case"
        child = context.Process(
            target=_inside,
            args=(target, cases, seed, theirs, last, explore or drawn),
            daemon=True,
        )
        child.start()
        theirs.close()
        outcome = Outcome(target.name)
        with contextlib.suppress(EOFError):
            outcome = ours.recv()
        child.join()
        if child.exitcode:
            said = last.read_text() if last.exists() else "before the first case"
            outcome.broken.append(f"ended with {child.exitcode} in {said}")
    return outcome


def _inside(
    target: Target,
    cases: int,
    seed: int,
    answer: Connection,
    last: Path,
    explore: Explore,
) -> None:
    if target.memory is not None:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
        most = held + target.memory * MIB
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    tempfile.tempdir = str(last.parent)  # what is left there goes with it
    outcome = Outcome(target.name)
    with last.open("w") as note:

        def attempt(case: Any) -> None:
            note.seek(0)
            note.truncate()
            note.write(_written(case))
            note.flush()
            judge(target, case, outcome)

        explore(target, cases, seed, attempt, outcome, partial(answer.send, outcome))


def drawn(
    target: Target,
    cases: int,
    seed: int,
    attempt: Callable[[Any], None],
    outcome: Outcome,
    end: Callable[[], None],
) -> None:
    """Try what the target brings, and what hypothesis draws."""
    brought(target, attempt, outcome)
    draw(target, cases, seed, attempt, outcome)
    end()


def brought(target: Target, attempt: Callable[[Any], None], outcome: Outcome) -> None:
    for case in (*target.good, *target.corpus):
        refused = outcome.refused
        try:
            attempt(case)
            if case in target.good and outcome.refused > refused:
                raise Broken("a good case is refused")
        except Exception as error:
            outcome.broken.append(told(case, error))


def draw(
    target: Target,
    cases: int,
    seed: int,
    attempt: Callable[[Any], None],
    outcome: Outcome,
) -> None:
    """So many cases; the first that breaks, made smaller."""
    number = 0
    while outcome.cases < cases and not outcome.broken:
        before = outcome.cases
        settings = hypothesis.settings(
            max_examples=min(ROUND, cases - outcome.cases),
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        last: list[Any] = [None]
        tried = hypothesis.given(target.cases)(_noting(attempt, last))
        try:
            hypothesis.seed(hash((seed, number)))(settings(tried))()
        except Exception as error:
            outcome.broken.append(told(last[0], error))
        number += 1
        if outcome.cases == before:  # there are no more
            return


def _noting(attempt: Callable[[Any], None], last: list[Any]) -> Callable[[Any], None]:
    """Try a case, and keep it; the last one that hypothesis tries is the smallest."""

    def tried(case: Any) -> None:
        last[0] = case
        attempt(case)

    return tried


def told(case: Any, error: BaseException) -> str:
    """A case that broke something, to be put into the corpus, and where."""
    while isinstance(error, BaseExceptionGroup):  # of several, or of one seen once
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/shared/" in f.filename or "_impl/" in f.filename]
    at = (ours or frames)[-1]
    where = f"{Path(at.filename).name}:{at.lineno}"
    return f"{type(error).__name__}: {str(error)[:300]} ({where}) by {_written(case)}"


def _written(case: Any) -> str:
    try:
        return repr(case)[:4000]
    except ValueError:  # of a number of thousands of digits
        return f"a {type(case).__name__} that cannot be written"
