"""Parity, training and speed on a GPU, within a few minutes.

    python -m benchmarks.gpu [--out FOLDER] [--minutes M] [--parts PART,...] [--dry]

It runs from the root of the repository, installed or not, with the frameworks that are
there. FOLDER gets, line by line as the run goes:

- parity.jsonl: checks in float64, each framework on the device against itself on the
  CPU and against the others there: forward, gradients, buffers, three updates
- cuda.jsonl: comparisons as `triptych bench` leaves them (benchmarks/records.py)
- optimizers.jsonl: ours beside the frameworks' own, as benchmarks/records/ has it; an
  update multiplies no matrices, so precision is float32
- notes.jsonl: the machine, what failed, what was not reached

Exit code 1: a check fell short.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import bench, measure, optimizers, records
from benchmarks.gpu import parity, peaks, speed
from benchmarks.gpu.clock import Clock, Lines
from benchmarks.gpu.speed import Records
from shared.catalog import VARIANTS
from shared.frameworks import PACKAGES

PARTS = ("parity", "speed", "optimizers")
# Of the whole time: parity comes first and must leave room for the records.
PARITY_SHARE, PARITY_SECONDS = 0.5, 180
OPTIMIZER_ROUNDS = 7
DRY_MODELS = ("linear_tiny", "lenet_tiny")


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    frameworks = options.frameworks or speed.available()
    # Many compile at once; else each would start as many compilers as there are cores.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "4")
    clock = Clock(60 * options.minutes)
    lines = Lines(options.out, clock)
    lines.note("run", _about(options.device, frameworks))
    if "parity" in options.parts:
        _parity(options, frameworks, clock, lines)
    if {"speed", "optimizers"} & set(options.parts):
        _speed(options, frameworks, clock, lines)
    return _summary(lines, options.device)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    listed = lambda text: tuple(text.split(","))  # noqa: E731
    parser.add_argument("--out", type=Path, default=Path("out/gpu"))
    parser.add_argument("--minutes", type=float, default=7.5)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--frameworks", type=listed, default=())
    parser.add_argument("--parts", type=listed, default=PARTS)
    parser.add_argument("--models", type=listed, default=(), help="of the parity part")
    parser.add_argument(
        "--after", type=Path, help="an earlier run's cuda.jsonl: not recorded again"
    )
    parser.add_argument("--dry", action="store_true", help="small, to see that it runs")
    found = parser.parse_args(arguments)
    for what, known in (("parts", PARTS), ("frameworks", PACKAGES)):
        for name in getattr(found, what):
            if name not in known:
                parser.error(f"--{what} {name}: allowed: {', '.join(known)}")
    return found


def _parity(
    options: argparse.Namespace, frameworks: Sequence[str], clock: Clock, lines: Lines
) -> None:
    small = [name for name, variant in VARIANTS.items() if variant.tiny]
    models = options.models or (DRY_MODELS if options.dry else small)
    given = parity.places(frameworks, options.device)
    limit = clock
    if len(options.parts) > 1:
        limit = Clock(min(PARITY_SHARE * clock.seconds, PARITY_SECONDS))
    with lines.guarded("parity"):
        parity.run(given, parity.jobs(models), limit, lines)
    failed = sum(not check.passed for check in lines.checks)
    lines.note("parity", f"{len(lines.checks)} checks, {failed} fell short")


def _speed(
    options: argparse.Namespace, frameworks: Sequence[str], clock: Clock, lines: Lines
) -> None:
    memory = _memory_gib() if options.device == "cuda" else 0.0
    rounds = 2 if options.dry else 5
    held = Records(options.device, frameworks, memory, rounds, clock, lines)
    if options.dry:
        first, rest = speed.entries(speed.DRY, ("float32",)), []
    else:
        first = speed.entries(speed.ITEMS, speed.DTYPES[:1])
        rest = speed.entries(speed.LATENCY, speed.DTYPES[:1])
        rest += speed.entries((*speed.ITEMS, *speed.LATENCY), speed.DTYPES[1:])
    done = set(speed.done(options.after)) if options.after else set()
    for part in (first, None, rest):
        if part is None:
            if "optimizers" in options.parts:
                _optimizers(options, frameworks, clock, lines)
        elif "speed" in options.parts:
            with lines.guarded("speed"):
                held.run([e for e in part if e.key not in done])


def _optimizers(
    options: argparse.Namespace, frameworks: Sequence[str], clock: Clock, lines: Lines
) -> None:
    found: dict[str, Any] = {}
    rounds = 1 if options.dry else OPTIMIZER_ROUNDS
    for framework in frameworks:
        if clock.left < 20:
            lines.note(f"optimizers, {framework}", "not reached in time")
            continue
        with lines.guarded(f"optimizers, {framework}"):
            found[framework] = optimizers.run(framework, rounds, options.device)
    if found:
        line = optimizers.recorded(found, rounds, options.device)
        lines.add("optimizers.jsonl", line)
        lines.note("optimizers", f"recorded: {', '.join(found)}")


def _about(device: str, frameworks: Sequence[str]) -> dict[str, Any]:
    about: dict[str, Any] = {
        "date": measure.now(),
        "revision": measure.revision(),
        "device": device,
        "frameworks": list(frameworks),
    }
    if device == "cuda":
        asked = "name,memory.total,driver_version,clocks.max.sm,power.limit"
        about["nvidia_smi"] = _smi(asked)
        about["peak_tflops"] = {
            dtype: round(peak / 1000, 1)
            for dtype in peaks.SXM
            if (peak := peaks.peak_gflops(about["nvidia_smi"], dtype))
        }
    return about


def _smi(asked: str) -> str:
    """What the driver says of its first device; it changes nothing."""
    if not shutil.which("nvidia-smi"):
        return ""
    command = ["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or [""])[0].strip()


def _memory_gib() -> float:
    told = _smi("memory.total")
    return float(told) / 1024 if told.replace(".", "").isdecimal() else 0.0


def _summary(lines: Lines, device: str) -> int:
    path = lines.folder / f"{device}.jsonl"
    console = Console(width=150)
    if path.exists():
        console.print(bench.table(records.read([path])))
    failed = [check for check in lines.checks if not check.passed]
    for check in failed:
        print(
            f"FAIL {check.model}, {check.tier} [{' / '.join(check.frameworks)}]:",
            check.reason,
        )
    print(
        f"{len(lines.checks)} checks, {len(failed)} fell short; "
        f"{lines.clock.passed:.0f} s; {lines.folder}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
