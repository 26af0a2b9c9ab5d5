"""What every case is held to: values that are right, or one line, soon."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis.strategies import SearchStrategy

from shared.errors import UsageError

# Of processor time; the slowest case takes a tenth of it.
SECONDS = 10.0
LONGEST_LINE = 1000


@dataclass(frozen=True)
class Target:
    """What is tried.

    cases: how hypothesis draws one. attempt: tries it, raises UsageError where it is
        refused and anything else where something is broken.
    good: cases that are read, tried first.
    corpus: cases that once broke something, tried then.
    share: of all cases, beside the others'.
    most: how many cases it has at most, where each takes seconds.
    ends: how many processes a case kills or stops.
    memory: how many MiB the process may take beyond what it holds at its start; None
        where nothing is held to it.
    """

    name: str
    cases: SearchStrategy[Any]
    attempt: Callable[[Any], None]
    corpus: tuple[Any, ...] = ()
    good: Sequence[Any] = ()
    share: float = 1.0
    memory: int | None = 768
    most: int | None = None
    ends: int = 0


@dataclass
class Outcome:
    """How many cases a target had, how many of them were read, and what broke."""

    target: str
    cases: int = 0
    accepted: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    broken: list[str] = field(default_factory=list)


class Broken(AssertionError):
    """A case that ended in another way than it may."""


def judge(target: Target, case: Any, outcome: Outcome) -> None:
    """Try one case; raises Broken, or what broke."""
    begin = time.process_time()
    try:
        target.attempt(case)
        outcome.accepted += 1
    except UsageError as refused:
        outcome.refused += 1
        line = str(refused)
        if "\n" in line or not line.strip() or len(line) > LONGEST_LINE:
            raise Broken(f"refused in {len(line)} characters: {line[:300]!r}") from None
    finally:
        outcome.cases += 1
        took = time.process_time() - begin
        outcome.slowest_s = max(outcome.slowest_s, took)
    if took > SECONDS:
        raise Broken(f"took {took:.1f} s")
