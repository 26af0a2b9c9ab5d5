"""What a step waits for a slow source, with batches read in the background and without.

    python -m benchmarks.read_ahead

Each framework trains for a while on batches that are at hand, which says how long a
step is; then on batches that each take as long to come as a step does, or twice as
long, as from a disk or over a network. It writes benchmarks/records/read_ahead.json:
seconds a step over those of a step that waits for nothing. The longer of step and wait
is the least there can be: 1 and 2.
"""

import importlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import cores, here
from benchmarks.records import RECORDS
from shared.catalog import variant
from shared.data.ahead import DEPTH
from shared.data.batches import Dataset, Samples
from shared.definitions.optimizers import SGD
from shared.files.writing import write_text
from shared.frameworks import NATIVE, PACKAGES
from shared.objectives.plan import Metric, Plan
from shared.running.client import Worker
from shared.running.training import Run

RECORD = RECORDS / "read_ahead.json"
MODEL, BATCH, STEPS, ROUNDS = "lenet_relu", 256, 30, 5
# How long a batch takes to come, over a step's own time.
WAITS = (1.0, 2.0)


@dataclass(frozen=True)
class Slow:
    """One batch again and again, which takes so many seconds to come."""

    batch: Samples
    seconds: float
    per_epoch: int = STEPS

    def epoch(self, number: int, start: int = 0) -> Iterator[Samples]:
        for _ in range(start, self.per_epoch):
            time.sleep(self.seconds)
            yield self.batch


def measured(package: str) -> dict[str, list[float]]:
    """Run in a framework's own process: seconds a step over those of one that waits
    for nothing, the median of rounds; a pair for each of WAITS, without and with."""
    framework = importlib.import_module(f"{package}.adapter").Adapter("float32", 1)
    model = framework.build(variant(MODEL).spec, MODEL)
    model.start(0)
    found: dict[str, list[list[float]]] = {}
    for _ in range(ROUNDS):
        step = seconds(model, 0.0, 0)
        for wait in WAITS:
            both = [seconds(model, wait * step, depth) / step for depth in (0, DEPTH)]
            found.setdefault(f"{wait:g}", []).append(both)
    return {
        wait: [round(median(ratios), 2) for ratios in zip(*rounds, strict=True)]
        for wait, rounds in found.items()
    }


def seconds(model: Any, wait: float, depth: int) -> float:
    """Measure the median time from one step's end to the next one's; the first few
    compile."""
    spec, ends = model.spec, list[float]()
    inputs = spec.examples(BATCH, 0)
    batch = Samples(inputs, spec.wanted(inputs, 0))
    plan = Plan(objective=spec.objective(), optimizer=SGD(), epochs=1, batch_size=BATCH)
    metric = Metric("size", lambda y, target: float(abs(y).mean()), True)
    few = batch.take(slice(0, 2))
    data = Dataset(few, few, few, Slow(batch, wait))
    with tempfile.TemporaryDirectory() as folder:
        run = Run(model.trainer(plan), plan, data, metric, Path(folder), depth=depth)
        after = run.after_batch

        def timed(losses: dict[str, Any]) -> None:
            after({name: float(loss) for name, loss in losses.items()})
            ends.append(time.perf_counter())

        run.after_batch = timed  # type: ignore[method-assign]
        try:
            run.trainer.fit(run)
        finally:
            run.close()
    return median(b - a for a, b in pairwise(ends[5:]))


def main() -> None:
    found = {}
    for framework in NATIVE:
        with Worker(framework, "float32", cores=cores(1)) as worker:
            target = "benchmarks.read_ahead:measured"
            found[framework] = worker.ask(target, PACKAGES[framework])
        print(framework, found[framework])
    about = here()
    record = {
        **{name: value for name, value in about.items() if name != "machine"},
        "machine": asdict(about["machine"]),
        "model": MODEL,
        "batch": BATCH,
        "steps": found,
    }
    write_text(RECORD, json.dumps(record, indent=1) + "\n")
    print(f"wrote {RECORD.name}")


if __name__ == "__main__":
    main()
