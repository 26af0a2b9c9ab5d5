"""What became of mutants: the record of how many were judged and caught by file, the
reasons why others may survive, and docs/mutants.md, which is made of both."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from parity_tests.definition_judge import PARTS
from parity_tests.model_judge import LAYERS, OBJECTIVES, Mutant, part_of
from shared.files.writing import write_text

EXPLAINED = Path(__file__).with_name("mutants_explained.json")
JUDGED = Path(__file__).with_name("mutants_judged.json")


@dataclass(frozen=True)
class Outcome:
    framework: str
    path: str
    line: int
    code: str
    change: str
    caught: bool
    by: str
    explained: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Judged:
    """The last run of a file, or of a folder of layers or definitions, and how many
    mutants it had then."""

    framework: str
    path: str
    made: int
    judged: int
    caught: int
    explained: int


def key(one: Mutant | Outcome) -> str:
    """What a survivor's explanation is filed under; it outlives moved lines."""
    place = f"{one.path}: {one.owner}" if one.owner else one.path
    return f"{place}: {one.code}: {one.change}"


def explanations() -> dict[str, str]:
    found: dict[str, str] = json.loads(EXPLAINED.read_text())
    return found


def recorded() -> list[Judged]:
    return [Judged(**one) for one in json.loads(JUDGED.read_text())]


def merged(outcomes: Iterable[Outcome], everything: Iterable[Mutant]) -> list[Judged]:
    """Put these runs into the record, in the place of older ones of the same files.

    everything: the mutants that there are.
    """
    made = Counter((one.framework, _row(one.path)) for one in everything)
    rows: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        rows.setdefault((one.framework, _row(one.path)), []).append(one)
    found = {(one.framework, one.path): one for one in recorded()}
    for (framework, path), here in rows.items():
        caught = sum(one.caught for one in here)
        explained = sum(not one.caught and bool(one.explained) for one in here)
        numbers = made[framework, path], len(here), caught, explained
        found[framework, path] = Judged(framework, path, *numbers)
    return [found[place] for place in sorted(found)]


def write(judged: Iterable[Judged]) -> None:
    lines = ",\n ".join(json.dumps(asdict(one)) for one in judged)
    write_text(JUDGED, f"[\n {lines}\n]\n")


def page(judged: Iterable[Judged], everything: Iterable[Mutant]) -> str:
    """Write the text of docs/mutants.md.

    everything: the mutants that there are, among them those that are explained.
    """
    judged, everything = list(judged), list(everything)
    parts = ((MODELS, False), (DEFINITIONS, True))
    return "# Mutants\n\n" + "\n".join(
        _part(
            text,
            [one for one in judged if _of_definition(one.path) == kind],
            [one for one in everything if _of_definition(one.path) == kind],
        )
        for text, kind in parts
    )


def _part(text: str, judged: list[Judged], everything: list[Mutant]) -> str:
    head = ("framework", "file", "made", "judged", "caught", "explained")
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for one in judged:
        rows.append(f"| {' | '.join(map(str, astuple(one)))} |")
    reasons = explanations()
    told = {_place(one): reasons[key(one)] for one in everything if key(one) in reasons}
    return text.format(
        summary=summary(judged) + _unjudged(judged, everything),
        table="\n".join(rows),
        survivors="\n".join(f"- {place}: {told[place]}" for place in sorted(told)),
    )


def _unjudged(judged: list[Judged], everything: list[Mutant]) -> str:
    """Name the files whose mutants nobody has judged yet."""
    known = {one.path for one in judged}
    left = sorted({row for one in everything if (row := _row(one.path)) not in known})
    return f"; not judged yet: {', '.join(left)}" if left else ""


def summary(judged: list[Judged]) -> str:
    number, caught, explained = (
        sum(getattr(one, name) for one in judged)
        for name in ("judged", "caught", "explained")
    )
    return (
        f"{caught} of {number} mutants caught ({caught / number:.1%}), {explained} "
        f"explained, {number - caught - explained} not"
    )


def _place(one: Mutant) -> str:
    owner = f", {one.owner}" if one.owner else ""
    return f"{one.path}{owner}: `{one.code}`, {one.change}"


def _of_definition(path: str) -> bool:
    return part_of(path) in PARTS


def _row(path: str) -> str:
    """A file has a row of its own, but those of a folder that is no family's share
    one."""
    package, *rest = Path(path).parts
    shared = len(rest) > 1 and rest[0] in (LAYERS, OBJECTIVES, *PARTS)
    return f"{package}/{rest[0]}" if shared else path


MODELS = """\
Would parity notice? `make mutants` changes one thing in one place of one framework (a
number, a stride, an eps, an activation, a bias, a residual, a dropout, an axis, an
order, a flag), runs the tiers names, counts, forward, gradients, buffers, programs
and cases against another framework, and where they hold, the tests of the layers and of
[the differences](differences.md); of a layer those models and tests that run the
changed statement. Of an objective's steps it runs updates of models, and tests. Of each
file its last run; where fewer were judged than made, of a sample.
{summary}.

{table}

## What may survive, and why

{survivors}
"""
DEFINITIONS = """## Optimizers, losses, schedules, decoding, boxes, diffusion, returns

The same for the native versions of the definitions in `shared/`, with what arithmetic
has besides: a term or a sign left out, + for -, * for /, another power, min for max, a
root, a square or a whole line left out, beta1 for beta2, < for <=, a condition turned.
Each is held against NumPy, update by update (optimizers), by value and gradient
(losses), factor by factor (schedules) or case by case (the others), then against the
definition's defaults and the values it refuses, and where all of that holds, the
framework's own tests of it.
{summary}.

{table}

### What of these may survive, and why

{survivors}
"""
