"""What the pages stand on: certificates, comparisons and records of speed, each with
the line of the file it came from."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import records
from benchmarks.records import Comparison
from parity_tests.engine import Check
from shared import catalog, reading
from shared.errors import UsageError, brief
from shared.frameworks import NATIVE


@dataclass(frozen=True)
class Certificate:
    """The checks of one file; about: when and where, as far as the file says."""

    source: str
    checks: tuple[Check, ...]
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """A comparison, and where its lines stand."""

    comparison: Comparison
    source: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Speed:
    """A line of benchmarks/records/optimizers.jsonl."""

    source: str
    number: int
    record: dict[str, Any]

    def rows(self, preset: str) -> list[dict[str, Any]]:
        return [row for row in self.all_rows if row["optimizer"] == preset]

    @property
    def all_rows(self) -> list[dict[str, Any]]:
        frameworks = self.record["frameworks"]
        named = [f for f in NATIVE if f in frameworks]
        return [row for f in named for row in frameworks[f]["ratios"]]


@dataclass(frozen=True)
class SelfTest:
    """What benchmarks/self_test.py left: short runs of a model against itself, and
    against itself slowed down. right: of those, as should be said."""

    source: str
    record: dict[str, Any]

    def right(self, kind: str) -> int:
        wanted = {"same": ("equal", "inconclusive"), "slower": ("slower",)}[kind]
        return sum(run["verdict"] in wanted for run in self.record[kind])


@dataclass(frozen=True)
class Predicted:
    """What a model with trained weights says: of pictures (benchmarks/predictions.py),
    of sentences (benchmarks/sentences.py), or after its task (benchmarks/trained.py).
    """

    source: str
    record: dict[str, Any]

    @property
    def family(self) -> str:
        if "family" in self.record:
            return str(self.record["family"])
        known = catalog.VARIANTS.get(self.record["model"])
        return catalog.family_of(known.spec) if known else ""


@dataclass(frozen=True)
class Evidence:
    certificates: tuple[Certificate, ...] = ()
    comparisons: tuple[Recorded, ...] = ()
    speeds: tuple[Speed, ...] = ()
    self_tests: tuple[SelfTest, ...] = ()
    predicted: tuple[Predicted, ...] = ()
    embedded: tuple[Predicted, ...] = ()
    trained: tuple[Predicted, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def checks(self) -> list[Check]:
        """The last word on each model, tier and set of frameworks."""
        found = {
            (check.model, check.tier, tuple(check.frameworks), check.dtype): check
            for certificate in self.certificates
            for check in certificate.checks
        }
        return list(found.values())


def committed() -> list[Path]:
    return sorted(records.RECORDS.glob("*.json*"))


def read(paths: Sequence[Path]) -> Evidence:
    """Files of any kind that this suite writes, told apart by what they hold."""
    _refuse_namesakes(paths)
    certificates: list[Certificate] = []
    speeds: list[Speed] = []
    tests: list[SelfTest] = []
    predicted: list[Predicted] = []
    embedded: list[Predicted] = []
    trained: list[Predicted] = []
    compared: list[Path] = []
    for path in paths:
        plain = _plain(path)
        if _is_certificate(plain):
            certificates.append(_certificate(path, plain))
        elif plain and isinstance(plain[0], dict) and "tensors" in plain[0]:
            speeds += [Speed(path.name, i, line) for i, line in enumerate(plain, 1)]
        elif plain and isinstance(plain[0], dict) and "same" in plain[0]:
            tests += [SelfTest(path.name, line) for line in plain]
        elif plain and isinstance(plain[0], dict) and "predictions" in plain[0]:
            predicted += [Predicted(path.name, line) for line in plain]
        elif plain and isinstance(plain[0], dict) and "sentences" in plain[0]:
            embedded += [Predicted(path.name, line) for line in plain]
        elif plain and isinstance(plain[0], dict) and "trained" in plain[0]:
            trained += [Predicted(path.name, line) for line in plain]
        elif plain and isinstance(plain[0], dict) and "steps" in plain[0]:
            continue  # of benchmarks/read_ahead.py: README tells it
        else:
            compared.append(path)
    return Evidence(
        tuple(certificates),
        tuple(_comparisons(compared)),
        tuple(speeds),
        tuple(tests),
        tuple(predicted),
        tuple(embedded),
        tuple(trained),
        tuple(paths),
    )


def _refuse_namesakes(paths: Sequence[Path]) -> None:
    """Refuse files of one name, since their copies lie in one folder."""
    known: dict[str, Path] = {}
    for path in paths:
        other = known.setdefault(path.name, path)
        if other is not path:
            raise UsageError(f"{other} and {path}: records need names of their own")


def _plain(path: Path) -> Any:
    """A whole JSON value, or the lines of many that can be read."""
    content = reading.text(path, records.RECORD_BYTES)
    try:
        whole = json.loads(content)
        # A file of one line is a value as well.
        return whole if _is_certificate(whole) else [whole]
    except (ValueError, RecursionError):
        return [_line(text) for text in content.splitlines() if text.strip()]


def _line(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_certificate(plain: Any) -> bool:
    if isinstance(plain, dict):
        return "checks" in plain
    first = plain[0] if isinstance(plain, list) and plain else None
    return isinstance(first, dict) and "tier" in first


def _certificate(path: Path, plain: Any) -> Certificate:
    checks = plain["checks"] if isinstance(plain, dict) else plain
    said = plain if isinstance(plain, dict) else {}
    about = {key: said[key] for key in ("date", "revision", "machine") if key in said}
    if not isinstance(checks, list):
        raise UsageError(f"{path}: no checks of parity: no list of them")
    found = tuple(_check(f"{path}: check {i}", one) for i, one in enumerate(checks, 1))
    return Certificate(path.name, found, about)


def _check(where: str, plain: Any) -> Check:
    from pydantic import ValidationError

    try:
        return _validator().validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(
            brief(f"{where}: no checks of parity: {place}: {first['msg']}")
        ) from None


@cache
def _validator() -> Any:
    from pydantic import ConfigDict, TypeAdapter, with_config

    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(Check))


def certificate_of(checks: Sequence[Check], source: str = "this run") -> Certificate:
    return Certificate(source, tuple(checks))


def _comparisons(paths: Iterable[Path]) -> list[Recorded]:
    paths = list(paths)
    places: dict[str, tuple[str, list[int]]] = {}
    for path in paths:
        content = reading.text(path, records.RECORD_BYTES)
        for number, text in enumerate(content.splitlines(), 1):
            line = _line(text)
            if not isinstance(line, dict) or not isinstance(line.get("run"), str):
                continue
            if line.get("kind") == "start":
                places[line["run"]] = (path.name, [])
            if line["run"] in places:
                places[line["run"]][1].append(number)
    return [
        Recorded(one, places[one.start.run][0], tuple(places[one.start.run][1]))
        for one in records.read(paths)
    ]
