"""`make faults`: try everything, tell what broke, and write the figures down."""

import argparse
import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.errors import unknown
from shared.files.writing import write_text
from triptych.faults import guided, run
from triptych.faults.oracle import Outcome

RECORD = Path(__file__).with_name("record.json")
CASES = 50_000


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m triptych.faults")
    options.add_argument("--cases", type=int, default=CASES)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument(
        "--guided",
        type=int,
        default=0,
        metavar="CASES",
        help="and so many that coverage leads to (atheris), of each target of bytes",
    )
    options.add_argument("--only", default="", help="targets, by comma")
    options.add_argument("--write", action="store_true", help="the committed record")
    asked = options.parse_args()
    chosen = run.targets()
    if asked.only:
        known = {target.name: target for target in chosen}
        for name in asked.only.split(","):
            if name not in known:
                raise unknown("target", name, known)
        chosen = [known[name] for name in asked.only.split(",")]
    numbers = run.shares(chosen, asked.cases)
    outcomes = run.run(list(zip(chosen, numbers, strict=True)), asked.seed, _say)
    if asked.guided and not guided.installed():
        _say("no case was led by coverage: atheris is not installed")
    elif asked.guided:
        led = [
            (replace(target, name=f"{target.name}, guided"), asked.guided)
            for target in guided.led(chosen)
        ]
        outcomes += run.run(led, asked.seed, _say, guided.explore)
    for outcome in outcomes:
        for broken in outcome.broken:
            print(f"{outcome.target}: {broken}", file=sys.stderr)
    if asked.write:
        before = json.loads(RECORD.read_text())["targets"] if asked.only else []
        text = json.dumps(record(outcomes, asked.seed, before), indent=1) + "\n"
        write_text(RECORD, text)
    return 1 if any(outcome.broken for outcome in outcomes) else 0


def _say(line: str) -> None:
    print(line, flush=True)


def record(
    outcomes: list[Outcome], seed: int, before: list[dict[str, Any]]
) -> dict[str, Any]:
    """The figures of a run; of targets that it did not try those of the one before."""
    date = datetime.now(UTC).date().isoformat()
    tried = [{"date": date, "seed": seed, **asdict(one)} for one in outcomes]
    names = {one["target"] for one in tried}
    every = [one for one in before if one["target"] not in names] + tried
    ends = {target.name: target.ends for target in run.targets()}
    return {
        "ends": sum(one["cases"] * ends.get(one["target"], 0) for one in every),
        "cases": sum(one["cases"] for one in every),
        "read": sum(one["accepted"] for one in every),
        "refused": sum(one["refused"] for one in every),
        "broken": sum(len(one["broken"]) for one in every),
        "targets": every,
    }


if __name__ == "__main__":
    sys.exit(main())
