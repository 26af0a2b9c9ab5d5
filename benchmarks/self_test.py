"""Would the benchmark notice, and does it see what is not there?

    python -m benchmarks.self_test [--runs N] [--framework F] [--no-record]

The same model in two processes, in short runs: it should be equal or inconclusive in 95
of 100; with 5 % of its own time added to one of them, slower in 95 of 100.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bench import Options, works
from benchmarks.measure import Stable, cores, here, measure
from benchmarks.modes import recommended
from benchmarks.records import RECORDS
from benchmarks.ways import Way
from shared.files.writing import write_text
from shared.frameworks import NATIVE

RECORD = RECORDS / "self_test.json"
KIND = "images"
MODEL, BATCH, ROUNDS = "lenet_relu", 64, 15
PLANTED = 0.05
WANTED = 0.95


def runs(framework: str, number: int, handicap: float) -> list[dict[str, Any]]:
    mode, found = recommended(framework, "cpu", "inference", KIND), []
    once = Way(framework, mode)
    twice = Way(framework, mode, label="again", handicap=handicap)
    options = Options(tasks=("inference",), batches=(BATCH,), rounds=ROUNDS)
    with (
        tempfile.TemporaryDirectory() as folder,
        Stable("float32", "cpu", 1, cores(1)) as stable,
    ):
        (work,) = works(MODEL, options, stable)
        for i in range(number):
            path = Path(folder) / f"{i}.jsonl"
            end = measure(work, (once, twice), stable, ROUNDS, path).end
            assert end is not None
            result = end.results[1]
            found.append(
                {
                    "ratio": round(result.ratio, 4),
                    "low": round(result.low, 4),
                    "high": round(result.high, 4),
                    "verdict": result.verdict,
                    "dropped": len(end.dropped),
                }
            )
            print(f"{framework} +{handicap:.0%} {i + 1}/{number} {found[-1]}")
            sys.stdout.flush()
    return found


def right(found: list[dict[str, Any]], handicap: float) -> int:
    wanted = ("slower",) if handicap else ("equal", "inconclusive")
    counts = Counter(run["verdict"] for run in found)
    return sum(counts[verdict] for verdict in wanted)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.self_test")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--framework", choices=NATIVE, default="pytorch")
    parser.add_argument("--no-record", action="store_true")
    options = parser.parse_args(arguments)
    found = {h: runs(options.framework, options.runs, h) for h in (0.0, PLANTED)}
    good = {h: right(of, h) for h, of in found.items()}
    print(f"same: {good[0.0]} of {options.runs} equal or inconclusive")
    print(f"{PLANTED:.0%} slower: found in {good[PLANTED]} of {options.runs}")
    if not options.no_record:
        where = here()
        record = {
            **where,
            "machine": asdict(where["machine"]),
            "framework": options.framework,
            "rounds": ROUNDS,
            "same": found[0.0],
            "slower": found[PLANTED],
        }
        write_text(RECORD, json.dumps(record) + "\n")
    return 0 if min(good.values()) >= WANTED * options.runs else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
