"""Compares the pairs: the right ones, and those with a mistake in the second."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from parity_tests.ports.diff import Difference, diff
from parity_tests.ports.opening import Question
from parity_tests.ports.recording import Recorders
from parity_tests.ports.targets import Target
from parity_tests.tests.pairs.mistakes import MISTAKES, Mistake
from parity_tests.tests.pairs.table import WHOSE, Pair, whose
from shared.errors import UsageError
from triptych.commands.diff import inputs_of

MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Outcome:
    """What was said of a pair that agrees, and of its mistake."""

    pair: str
    real: bool
    kind: str
    agrees: bool  # all checks hold, and no layer is blamed
    named: bool  # the sentence names the layer
    explained: bool  # the first cause is the one that was planted
    said: str
    cause: str


def copied(folder: Path, mistakes: Sequence[Pair] = ()) -> None:
    """Lays the models out, and beside each second one its wrong form."""
    shutil.copytree(MODELS, folder, dirs_exist_ok=True)
    for pair in mistakes:
        source = (MODELS / f"{pair.two}.py").read_text()
        wrong = planted(source, MISTAKES[pair.name])
        (folder / f"{wrong_name(pair)}.py").write_text(wrong)


def wrong_name(pair: Pair) -> str:
    return f"wrong_{pair.one}_{pair.two}"


def planted(source: str, mistake: Mistake) -> str:
    """The source with a replacement, or with a statement before its last return."""
    if mistake.right:
        assert mistake.right in source, f"{mistake.right!r} is not in the source"
        return source.replace(mistake.right, mistake.wrong, 1)
    head, last, tail = source.rpartition("    return ")
    return f"{head}    {mistake.wrong}\n{last}{tail}"


def compared(
    pair: Pair, folder: Path, recorders: Recorders, python: str, wrong: bool = False
) -> Difference:
    """python: the interpreter of what needs an environment of its own."""
    two = wrong_name(pair) if wrong else pair.two
    targets = [
        target(WHOSE[whose(model)][0], file, folder, python)
        for model, file in ((pair.one, pair.one), (pair.two, two))
    ]
    extra = {
        WHOSE[whose(model)][0]: python
        for model in (pair.one, pair.two)
        if WHOSE[whose(model)][1]
    }
    question = Question(
        folder=folder, outputs=pair.outputs, python=extra, dtype=pair.dtype
    )
    texts = tuple(f"{name}={text}" for name, text in pair.given.items())
    return diff(targets, inputs_of(texts), recorders, question)


def target(framework: str, file: str, folder: Path, python: str) -> Target:
    """A model's maker, or the ONNX file that the model's file writes."""
    if framework != "onnx":
        return Target(framework, f"{file}:make")
    path = folder / f"{file}.onnx"
    command = [python, str(folder / f"{file}.py"), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return Target("onnx", str(path))


def judged(pair: Pair, folder: Path, recorders: Recorders, python: str) -> Outcome:
    """What the judge makes of a pair and of its mistake."""
    mistake = MISTAKES[pair.name]
    try:
        found = compared(pair, folder, recorders, python)
        agrees = fine(found)
    except UsageError as error:
        print(error, file=sys.stderr)
        agrees = False
    try:
        found = compared(pair, folder, recorders, python, wrong=True)
    except UsageError as error:
        said = str(error)
        return Outcome(
            pair.name, pair.real, mistake.kind, agrees, False, False, said, ""
        )
    return Outcome(pair.name, pair.real, mistake.kind, agrees, *verdict(found, mistake))


def fine(found: Difference) -> bool:
    """Whether everything agrees, and nothing is blamed."""
    return (
        all(check.passed for check in found.checks)
        and found.trace.agrees
        and not any(found.guilty.values())
    )


def verdict(found: Difference, mistake: Mistake) -> tuple[bool, bool, str, str]:
    """Whether the place is named and explained, and what was said."""
    (guilty,) = found.guilty.values()
    if not guilty:
        return False, False, found.trace.verdict, ""
    first = guilty[0]
    cause = first.causes[0].said if first.causes else ""
    place = rf"(?<!\w){re.escape(mistake.place)}(?!\w)"
    named = re.search(place, first.said) is not None
    return named, named and mistake.cause in cause, first.said, cause


def as_json(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """The record: figures first, then every pair."""
    number = len(outcomes)
    return {
        "pairs": number,
        "real": sum(one.real for one in outcomes),
        "kinds": len({one.kind for one in outcomes}),
        "agree": sum(one.agrees for one in outcomes),
        "named": sum(one.named for one in outcomes),
        "explained": sum(one.explained for one in outcomes),
        "outcomes": [asdict(one) for one in outcomes],
    }
