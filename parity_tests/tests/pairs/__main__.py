"""`python -m parity_tests.tests.pairs [--write PATH] [--python PATH] [name ...]`."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from parity_tests.ports.recording import Recorders
from parity_tests.tests.pairs.run import Outcome, as_json, copied, judged
from parity_tests.tests.pairs.table import PAIRS

NAMED, EXPLAINED = 0.95, 0.80


def keep(one: Outcome, path: Path) -> None:
    """Writes one outcome into the record, in the order of the table."""
    known = json.loads(path.read_text())["outcomes"] if path.exists() else []
    whole = {entry["pair"]: Outcome(**entry) for entry in known} | {one.pair: one}
    order = [pair.name for pair in PAIRS if pair.name in whole]
    found = as_json([whole[name] for name in order])
    path.write_text(json.dumps(found, indent=1) + "\n")


def main() -> int:
    """Exit code: whether every pair agrees, and enough mistakes are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", type=Path, help="a record to keep them in")
    parser.add_argument("--python", default="", help="of keras-hub, transformers 4")
    asked = parser.parse_args()
    wanted = [
        p for p in PAIRS if not asked.names or any(n in p.name for n in asked.names)
    ]
    left = [p for p in wanted if p.extra and not asked.python]
    for pair in left:
        print(f"not run, as it needs --python: {pair.name}")
    wanted = [p for p in wanted if p not in left]
    outcomes = []
    with tempfile.TemporaryDirectory() as place, Recorders() as recorders:
        copied(Path(place), wanted)
        for pair in wanted:
            start = time.monotonic()
            one = judged(pair, Path(place), recorders, asked.python)
            marks = "".join(
                letter if good else "-"
                for letter, good in (
                    ("a", one.agrees),
                    ("n", one.named),
                    ("e", one.explained),
                )
            )
            seconds = time.monotonic() - start
            print(f"{marks} {one.pair} [{one.kind}] {seconds:.0f} s", flush=True)
            if marks != "ane":
                print(f"      {one.said}\n      {one.cause}", flush=True)
            outcomes.append(one)
            if asked.write:
                keep(one, asked.write)
    found = as_json(outcomes)
    print({k: v for k, v in found.items() if k != "outcomes"})
    number = len(outcomes)
    named = sum(one.named for one in outcomes) >= NAMED * number
    explained = sum(one.explained for one in outcomes) >= EXPLAINED * number
    return 0 if named and explained and all(one.agrees for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
