"""Bytes that coverage leads to: atheris (libFuzzer) sees which branches a case takes,
and goes on from those that took a new one, where hypothesis draws without looking.

`make faults` asks for it where it installs: Linux and macOS, Python 3.11 to 3.13.
"""

import importlib.util
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from triptych.faults.oracle import Outcome, Target
from triptych.faults.run import brought, told

OURS = ("shared.", "parity_tests.", "benchmarks.", "triptych.")
LONGEST = 1 << 16  # bytes of a case


def installed() -> bool:
    return importlib.util.find_spec("atheris") is not None


def led(targets: Sequence[Target]) -> list[Target]:
    """Give those whose cases are bytes that are read in this process."""
    return [
        target
        for target in targets
        if target.memory is not None
        and target.good
        and all(isinstance(case, bytes) for case in target.good)
    ]


def explore(
    target: Target,
    cases: int,
    seed: int,
    attempt: Callable[[Any], None],
    outcome: Outcome,
    end: Callable[[], None],
) -> None:
    """Try what the target brings, then so many cases more or until one breaks. It ends
    the process, as libFuzzer would."""
    import atheris

    for function in _functions():
        atheris.instrument_func(function)
    brought(target, attempt, outcome)
    most = outcome.cases + cases

    def one(case: bytes) -> None:
        try:
            attempt(case)
        except Exception as error:
            outcome.broken.append(told(case, error))
        if outcome.broken or outcome.cases >= most:
            end()
            os._exit(0)

    folder = Path(tempfile.mkdtemp())
    for number, case in enumerate((*target.good, *target.corpus)):
        (folder / str(number)).write_bytes(case)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libFuzzer tells of every find
    # A seed of 0 would be one by the clock.
    options = [f"-seed={seed + 1}", f"-max_len={LONGEST}", "-rss_limit_mb=0"]
    atheris.Setup([target.name, *options, str(folder)], one)
    atheris.Fuzz()


def _functions() -> Iterator[types.FunctionType]:
    """Every function and method of the suite that is imported by now."""
    for name, module in list(sys.modules.items()):
        if not name.startswith(OURS):
            continue
        for found in list(vars(module).values()):
            if getattr(found, "__module__", None) != name:
                continue
            inside = vars(found).values() if isinstance(found, type) else (found,)
            for one in inside:
                function = getattr(one, "__func__", one)
                if isinstance(function, types.FunctionType):
                    yield function
