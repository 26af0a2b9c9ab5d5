"""Records of benchmarks and certificates, damaged: what is compared or shown is a
number, and one line tells of the rest."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from benchmarks import bench, records, regressions
from benchmarks.report import evidence
from parity_tests.ports import dumps
from triptych.faults import corpus, files
from triptych.faults.mutations import mutated
from triptych.faults.oracle import Target
from triptych.faults.readers import memory, of_file

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.sampled_from(
            ("", "round", "r", "<b>&", "faster", "\x1b[0m", "pytorch/eager")
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def changed(draw: DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Lines of JSON in which values, keys or whole lines are others."""
    lines = [json.loads(line) for line in draw(st.sampled_from(seeds)).splitlines()]
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(("value", "drop", "twice", "line")))
        if what == "value":
            _replace(draw, lines[number])
        elif what == "drop":
            _replace(draw, lines[number], drop=True)
        elif what == "twice":
            lines.insert(draw(st.integers(0, len(lines))), lines[number])
        else:
            lines[number] = draw(VALUES)
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _replace(draw: DrawFn, value: Any, drop: bool = False) -> None:
    """Go down to a place and put something else there, or nothing."""
    while True:
        if isinstance(value, dict) and value:
            key: Any = draw(st.sampled_from(sorted(value)))
        elif isinstance(value, list) and value:
            key = draw(st.integers(0, len(value) - 1))
        else:
            return
        inside = value[key]
        if not isinstance(inside, dict | list) or not inside or draw(st.booleans()):
            break
        value = inside
    if drop:
        del value[key]
    else:
        value[key] = draw(VALUES)


def _records(path: Path) -> None:
    for found in records.read([path]):
        bench.table([found])
        for result in found.end.results if found.end else ():
            assert math.isfinite(result.ratio)


def _against(good: bytes) -> Callable[[Path], None]:
    """Compare with a good record, both ways."""

    def judge(path: Path) -> None:
        other = path.with_name("good.jsonl")
        other.write_bytes(good)
        for old, new in ((other, path), (path, other), (path, path)):
            found = regressions.regressions(old, new)
            regressions.table(found)
            for one in found:
                assert one.low <= one.ratio * (1 + 1e-9)
                assert one.ratio <= one.high * (1 + 1e-9)
                assert math.isfinite(one.high)

    return judge


def _evidence(path: Path) -> None:
    found = evidence.read([path])
    for check in found.checks:
        assert isinstance(check.said, str)


def _dump(case: tuple[bytes, bytes]) -> None:
    with TemporaryDirectory(dir=memory()) as folder:
        for name, content in zip(("dump.json", TENSORS), case, strict=True):
            (Path(folder) / name).write_bytes(content)
        found = dumps.read(Path(folder))
        assert all(value.size for value in found.tensors.values())
        assert {weight.tensor for weight in found.weights} <= set(found.tensors)


TENSORS = "tensors.safetensors"


def targets() -> list[Target]:
    seeds = files.lines()
    lines = st.one_of(changed(seeds), mutated(seeds))
    shown = st.one_of(changed((files.CHECKS,)), mutated((files.CHECKS, *seeds)))
    checks = (files.CHECKS, *seeds)
    said, tensors = files.dump()
    told = st.one_of(changed((said,)), mutated((said,)))
    dumped = st.one_of(
        st.tuples(told, st.just(tensors)),
        st.tuples(st.just(said), mutated((tensors,))),
    )
    return [
        Target("records", lines, of_file("x.jsonl", _records), corpus.LINES, seeds),
        Target(
            *("compare", lines, of_file("x.jsonl", _against(seeds[0]))),
            *(corpus.LINES, seeds[:1]),
        ),
        Target("dump", dumped, _dump, (), ((said, tensors),)),
        Target("report", shown, of_file("x.json", _evidence), corpus.LINES, checks),
    ]
