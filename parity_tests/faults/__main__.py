"""`make faults`: try everything, tell what broke, and write the figures down."""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parity_tests.faults import run
from parity_tests.faults.oracle import Outcome
from shared.errors import unknown
from shared.files.writing import write_text

RECORD = Path(__file__).with_name("record.json")
CASES = 50_000


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m parity_tests.faults")
    options.add_argument("--cases", type=int, default=CASES)
    options.add_argument("--seed", type=int, default=0)
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
    outcomes = run.run(chosen, asked.cases, asked.seed, say=print)
    for outcome in outcomes:
        for broken in outcome.broken:
            print(f"{outcome.target}: {broken}", file=sys.stderr)
    if asked.write:
        text = json.dumps(record(outcomes, asked.seed), indent=1) + "\n"
        write_text(RECORD, text)
    return 1 if any(outcome.broken for outcome in outcomes) else 0


def record(outcomes: list[Outcome], seed: int) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seed": seed,
        "cases": sum(outcome.cases for outcome in outcomes),
        "read": sum(outcome.accepted for outcome in outcomes),
        "refused": sum(outcome.refused for outcome in outcomes),
        "broken": sum(len(outcome.broken) for outcome in outcomes),
        "targets": [asdict(outcome) for outcome in outcomes],
    }


if __name__ == "__main__":
    sys.exit(main())
