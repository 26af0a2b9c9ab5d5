"""A dry run of the path to a TPU, on XLA's own device on a CPU.

    PJRT_DEVICE=CPU python -m benchmarks.tpu [MODELS]

It wants an environment with torch_xla and the torch that this wants; its device is then
XLA's CPU, to which the same calls lead as to a TPU. Every small model runs forward,
backward and three updates in float64, on that device and by PyTorch itself.

What it proves: models and inputs move to a device that is neither "cpu" nor "cuda";
every operation of the models can be lowered to XLA, in training mode and with its
gradient; values, gradients, running statistics and updates are those of PyTorch's CPU.
What it does not prove: anything of a TPU's arithmetic (products in bfloat16, no
float64), of its memory, of several chips, or of speed; and of JAX and Keras nothing:
they take the device they find, and XLA's CPU is the one the suite always runs on.

Exit code 1: a check fell short. Without torch_xla, or on a TPU's own device, it says so
in one line.
"""

import argparse
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

from benchmarks.gpu import parity
from benchmarks.gpu.parity import Answer, Job, Place
from parity_tests.engine import Check
from shared.catalog import VARIANTS
from shared.errors import UsageError, unknown
from shared.running.client import Worker

PLACES = Place("pytorch", "cpu"), Place("pytorch", "tpu")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tpu")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="small ones; all")
    small = [name for name, variant in VARIANTS.items() if variant.tiny]
    models = parser.parse_args(arguments).models or small
    for name in models:
        if name not in small:
            raise UsageError(str(unknown("small model", name, small)))
    if not importlib.util.find_spec("torch_xla"):
        raise UsageError("torch_xla is not installed: pip install torch_xla")
    if (device := os.environ.get("PJRT_DEVICE", "")) != "CPU":
        raise UsageError(f"PJRT_DEVICE is {device!r}; allowed: CPU, this run is dry")
    failed = 0
    for model, checks in groupby(held(models), key=lambda check: check.model):
        found = list(checks)
        said = ", ".join(f"{check.tier} {check.said}" for check in found)
        print(f"{model:24} {said}", flush=True)
        for check in found:
            if not check.passed:
                failed += 1
                print(f"  {check.tier}: {check.reason}", flush=True)
    print(f"{len(models)} models, {failed} checks fell short")
    return int(failed > 0)


def held(models: Sequence[str]) -> Iterator[Check]:
    """The checks of each model on both devices."""
    workers = {place: parity.started(place) for place in PLACES}
    try:
        for model in models:
            for kind in (parity.VALUES, parity.TRAINING):
                job = Job(model, kind)
                answers = {place: _asked(workers, place, job) for place in PLACES}
                yield from parity.judged(job, answers, PLACES)
    finally:
        for worker in workers.values():
            worker.close()


def _asked(workers: dict[Place, Worker], place: Place, job: Job) -> Answer:
    """A process that died is started anew."""
    if not workers[place].alive:
        workers[place].close()
        workers[place] = parity.started(place)
    return parity.ask(workers[place], job)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UsageError as error:
        sys.exit(f"error: {error}")
