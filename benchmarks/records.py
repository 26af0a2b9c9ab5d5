"""What a benchmark leaves behind: lines of JSON, only ever added to.

A comparison is one `start` line (what runs where), one `round` line for every round, as
soon as it is over, and one `end` line with the results. A killed run thus keeps its
rounds; what is not ended can be gone on with.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Gt, MinLen

from shared import reading
from shared.errors import UsageError, brief
from shared.files.writing import append_line, make_folder
from shared.reading import MEGABYTE

SCHEMA = 1
RECORDS = Path(__file__).with_name("records")

Dtype = Literal["float32", "tf32", "bfloat16", "float64"]
Device = Literal["cpu", "cuda", "tpu"]
# For the validator: a time that was measured, and the samples of one contender's turn.
Positive = Annotated[float, Gt(0)]
Seconds = Annotated[list[Positive], MinLen(1)]
Verdict = Literal["reference", "faster", "slower", "equal", "inconclusive"]


@dataclass(frozen=True, kw_only=True)
class Machine:
    system: str
    cpu: str
    cores: int
    memory_gib: float
    accelerator: str = ""
    python: str


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all contenders of a comparison share.

    changes: fields of the catalog's spec that were changed, to fit the machine.
    task: as Workload has it; one of the model's programs, too.
    flops: of one call, by benchmarks/flops.py; None where nothing is multiplied.
    """

    model: str
    family: str
    changes: dict[str, int | float | str | list[int]] = field(default_factory=dict)
    task: str
    batch: int
    parameters: int
    flops: int | None
    dtype: Dtype
    device: Device
    threads: int
    affinity: list[int]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to do it.

    peer: the public original it is, as `torchvision 0.28.0`; "" for ours.
    processes: that share a step, each on cores of its own.
    first_s, second_s: the first two calls; the first compiles.
    memory_mib: the peak, above what the process held before there was a model.
    calls: in one sample; a sample lasts some milliseconds at least.
    samples: in each round.
    failed: why it did not run.
    """

    name: str
    framework: str
    mode: str
    peer: str = ""
    processes: int = 1
    versions: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    layout: str = ""
    import_s: float | None = None
    build_s: float | None = None
    first_s: float | None = None
    second_s: float | None = None
    memory_mib: float | None = None
    calls: int = 0
    samples: int = 0
    failed: str = ""


@dataclass(frozen=True, kw_only=True)
class Start:
    schema: int = SCHEMA
    kind: Literal["start"] = "start"
    run: str
    date: str
    revision: str
    machine: Machine
    setting: Setting
    contenders: list[Contender]


@dataclass(frozen=True, kw_only=True)
class Round:
    """Each contender was measured once in a round.

    seconds: a call took, in each sample; contenders in the order of their turns.
    busy: CPU time over wall time.  probe: of a matrix product, in GFLOP/s.
    """

    schema: int = SCHEMA
    kind: Literal["round"] = "round"
    run: str
    number: int
    seconds: dict[str, Seconds]
    busy: dict[str, float] = field(default_factory=dict)
    probe: Positive | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of one contender. ratio: its speed over the reference's, within a
    round.

    low, high: the bootstrap's 95 % of the median.  spread: the quartiles' distance over
    the median.  fraction: of what the probe reached.
    """

    contender: str
    reference: str
    median_s: float
    fastest_s: float
    p90_s: float
    spread: float
    per_second: float
    gflops: float | None
    fraction: float | None
    ratio: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class End:
    """A run ends with its results.

    dropped: rounds in which the probe was below 90 % of its best; noisy: many.
    """

    schema: int = SCHEMA
    kind: Literal["end"] = "end"
    run: str
    rounds: int
    dropped: list[int]
    noisy: bool
    ceiling_gflops: float | None
    results: list[Result]


Line = Start | Round | End
KINDS: dict[str, type[Line]] = {"start": Start, "round": Round, "end": End}


@dataclass
class Comparison:
    """The lines of one comparison put together."""

    start: Start
    rounds: list[Round]
    end: End | None = None

    @property
    def setting(self) -> Setting:
        return self.start.setting

    def contender(self, name: str) -> Contender:
        return next(c for c in self.start.contenders if c.name == name)


def append(path: Path, line: Line) -> None:
    """Checked, and on the disk when this returns."""
    text = json.dumps(asdict(line), separators=(",", ":"))
    checked(json.loads(text), str(path))
    make_folder(path.parent)
    append_line(path, text)


def read(paths: Iterable[Path]) -> list[Comparison]:
    """Read all comparisons of some files, in the order in which they were begun."""
    found: dict[str, Comparison] = {}
    for path in paths:
        for where, line in _lines(path):
            if isinstance(line, Start):
                found[line.run] = Comparison(line, [])
                continue
            if line.run not in found:
                raise UsageError(f"{where}: a {line.kind} of {line.run}, never started")
            _refuse_others(where, found[line.run], line)
            if isinstance(line, Round):
                found[line.run].rounds.append(line)
            else:
                found[line.run].end = line
    return list(found.values())


def _refuse_others(where: str, begun: Comparison, line: Round | End) -> None:
    """A round times every contender that runs, and the end has results of no other."""
    names = [c.name for c in begun.start.contenders if not c.failed]
    if isinstance(line, End):
        known = set(names)
        told = {name for r in line.results for name in (r.contender, r.reference)}
    else:
        known, told = set(), set(names) ^ set(line.seconds)
    if told - known:
        others = brief(", ".join(sorted(told - known)))
        raise UsageError(
            f"{where}: of contender {others}; this comparison times "
            f"{brief(', '.join(names) or 'none')}, each in every round"
        )


RECORD_BYTES = 512 * MEGABYTE


def _lines(path: Path) -> Iterator[tuple[str, Line]]:
    """Every line and where it stands; the last one, if it is whole."""
    whole = reading.text(path, RECORD_BYTES).split("\n")[:-1]
    for number, line in enumerate(whole, 1):
        where = f"{path}:{number}"
        yield where, checked(reading.from_json(line, where), where)


def checked(plain: Any, where: str) -> Line:
    """A line, if it is one of this schema."""
    from pydantic import ValidationError

    kind = plain.get("kind") if isinstance(plain, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"{where}: no line of a benchmark; kinds: {', '.join(KINDS)}")
    if plain.get("schema") != SCHEMA:
        said = brief(plain.get("schema"))
        raise UsageError(f"{where}: schema {said}, this version reads {SCHEMA}")
    try:
        return _validator(kind).validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(brief(f"{where}: {place}: {first['msg']}")) from None


@cache
def _validator(kind: str) -> Any:
    from pydantic import ConfigDict, TypeAdapter, with_config

    strict = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False)
    return TypeAdapter(with_config(strict)(KINDS[kind]))
