"""How fast an update is, beside the frameworks' own optimizers.

    python -m benchmarks.optimizers [--rounds N] [--framework F ...] [--no-record]

100 float32 tensors of a small transformer, 11 million numbers in all. One process a
framework, in it interleaved rounds of ours and the built-ins; a ratio is the median of
ours / theirs within a round, with a bootstrap 95 % interval. Each run adds a line to
benchmarks/records/optimizers.jsonl. torch has no Lion: there the other one is its
foreach AdamW, which keeps twice as much.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from statistics import median
from typing import Any

import numpy as np

from benchmarks.measure import here
from benchmarks.records import RECORDS
from benchmarks.statistics import interval
from shared.files.writing import append_line, make_folder
from shared.frameworks import NATIVE, PACKAGES
from shared.running.client import Worker

RECORD = RECORDS / "optimizers.jsonl"
NAMES = ("adamw", "momentum", "lion")
_BLOCK = (
    *((768, 256), (768,), (256, 256), (256,)),
    *((1024, 256), (1024,), (256, 1024), (256,)),
)
SHAPES = [(5120, 256), (512, 256), *(12 * _BLOCK), (256,), (256,)]
# What ours may take at most, as a share of the other: any one of a name's is enough.
BOUNDS = {
    "pytorch": {"fused": 1.10, "foreach": 1.0},
    "keras": {"built-in": 0.5},
    "jax": {"built-in": 1.05},
}


def compared(
    framework: str, name: str, found: dict[str, list[float]], device: str = "cpu"
) -> Any:
    """Compare ours with each other one; the bounds are a CPU's."""
    ours, bounds = found["ours"], BOUNDS.get(framework, {}) if device == "cpu" else {}
    rows = []
    for other, seconds in found.items():
        if other == "ours":
            continue
        ratios = [a / b for a, b in zip(ours, seconds, strict=True)]
        low, high = interval(ratios)
        rows.append(
            {
                "framework": framework,
                "optimizer": name,
                "against": other,
                "ratio": round(median(ratios), 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "bound": bounds.get(other),
            }
        )
    return rows


def holds(rows: list[dict[str, Any]]) -> bool:
    """Say whether a framework's optimizer keeps any one of its bounds."""
    bounded = [row for row in rows if row["bound"] is not None]
    return not bounded or any(row["ratio"] <= row["bound"] for row in bounded)


def run(framework: str, rounds: int, device: str = "cpu") -> dict[str, Any]:
    """Time the updates, on a CPU on one core; there a worker sees nothing else."""
    target = f"{PACKAGES[framework]}.contenders:time"
    cores = (max(os.sched_getaffinity(0)),) if device == "cpu" else ()
    found, rows = {}, []
    with Worker(framework, "float32", cores=cores, device=device) as worker:
        about = worker.describe()
        for name in NAMES:
            found[name] = worker.ask(target, name, SHAPES, rounds)
            mine = compared(framework, name, found[name], device)
            rows += mine
            for row in mine:
                said = f"{row['ratio']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
                print(f"{framework} {name}: {said} of {row['against']}", flush=True)
            if not holds(mine):
                print(f"{framework} {name}: ABOVE ITS BOUND", flush=True)
    seconds = {
        name: {who: [round(s, 7) for s in times] for who, times in of.items()}
        for name, of in found.items()
    }
    return {"about": about, "ratios": rows, "seconds": seconds}


def recorded(found: dict[str, Any], rounds: int, device: str = "cpu") -> dict[str, Any]:
    """Write a line of the record: each framework's `run`, and where it ran."""
    where = here(device)
    return {
        **where,
        "machine": asdict(where["machine"]),
        "tensors": len(SHAPES),
        "parameters": sum(int(np.prod(shape)) for shape in SHAPES),
        "rounds": rounds,
        "frameworks": found,
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.optimizers")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--framework", choices=NATIVE, action="append")
    parser.add_argument("--no-record", action="store_true")
    options = parser.parse_args(arguments)
    found = {f: run(f, options.rounds) for f in options.framework or NATIVE}
    record = recorded(found, options.rounds)
    if not options.no_record:
        make_folder(RECORD.parent)
        append_line(RECORD, json.dumps(record))
    groups = [
        [row for row in of["ratios"] if row["optimizer"] == name]
        for of in found.values()
        for name in NAMES
    ]
    return 0 if all(holds(group) for group in groups) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
