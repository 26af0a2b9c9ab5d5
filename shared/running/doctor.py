"""What is installed, what answers, and what on this machine would bite."""

import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared import VERSION
from shared.frameworks import FRAMEWORKS, ORACLE
from shared.running.client import Worker, WorkerFailure

PACKAGES = ("torch", "tensorflow", "keras", "jax", "flax", "optax", "numpy")
ORIGINALS = ("torchvision", "transformers")
IMPORT_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """How a framework's worker started."""

    framework: str
    seconds: float
    said: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Report:
    triptych: str
    python: str
    machine: str
    cores: int
    memory_gib: float
    versions: dict[str, str | None]
    originals: dict[str, str | None]
    broken: dict[str, str]  # of the originals, with what their import said
    answers: list[Answer]
    warnings: list[str]

    @property
    def healthy(self) -> bool:
        return not any(answer.failure for answer in self.answers)


def examine() -> Report:
    originals = {package: _version(package) for package in ORIGINALS}
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Report(
        triptych=VERSION,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory / 2**30, 1),
        versions={package: _version(package) for package in PACKAGES},
        originals=originals,
        broken=broken([package for package in ORIGINALS if originals[package]]),
        answers=[_start(framework) for framework in (*FRAMEWORKS, ORACLE)],
        warnings=list(_warnings()),
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def broken(packages: Sequence[str], seconds: float = IMPORT_SECONDS) -> dict[str, str]:
    """What the import of each of these packages says where it fails; each in a process
    of its own, all at once."""
    started: dict[str, subprocess.Popen[str]] = {}
    ends = time.monotonic() + seconds
    try:
        for package in packages:
            started[package] = _begun(package)
        said = {package: _ended(one, ends) for package, one in started.items()}
    finally:  # also where the doctor is stopped
        for one in started.values():
            one.kill()
    return {package: why for package, why in said.items() if why}


def _begun(package: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"import {package}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _ended(process: subprocess.Popen[str], ends: float) -> str:
    """Give the last line of a process that failed; empty where it did not."""
    try:
        _, said = process.communicate(timeout=max(0.0, ends - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "its import did not end in time"
    if process.returncode == 0:
        return ""
    lines = said.strip().splitlines() or [f"it ended with {process.returncode}"]
    return lines[-1].strip()[:160]


def _way_on(report: Report, package: str) -> str:
    """Write one line: what does not fit, and the command that mends it."""
    beside = report.versions.get("torch")
    named = f"{package} {report.originals[package]}"
    if package == "torchvision" and beside:
        named += f" beside torch {beside}"
        fits = f'pip install "torch=={beside}" torchvision'
    else:
        fits = f"pip install --upgrade {package}"
    return f"{named} cannot be imported ({report.broken[package]}): {fits}"


def _start(framework: str) -> Answer:
    start = time.monotonic()
    try:
        with Worker(framework, timeout=120.0) as worker:
            said = worker.describe()
    except WorkerFailure as failure:
        return Answer(framework, time.monotonic() - start, failure=str(failure))
    return Answer(framework, round(time.monotonic() - start, 2), said)


def _warnings() -> Iterator[str]:
    """Variables that change what a user's own scripts do; workers set their own."""
    if os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive":
        yield (
            "OMP_WAIT_POLICY is not passive: torch's idle threads spin and take a core "
            "from the other frameworks"
        )
    if "KERAS_BACKEND" in os.environ:
        backend = os.environ["KERAS_BACKEND"]
        yield f"KERAS_BACKEND={backend}: Keras outside this suite runs on it"
    if os.environ.get("JAX_ENABLE_X64", "0").lower() in ("1", "true"):
        yield "JAX_ENABLE_X64 is set: JAX draws other random numbers than without"
    for name in ("JAX_PLATFORMS", "XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS"):
        if name in os.environ:
            yield f"{name}={os.environ[name]} reaches the workers"


def lines(report: Report) -> Iterator[str]:
    yield f"triptych {report.triptych}, Python {report.python}, {report.machine}"
    yield f"{report.cores} cores, {report.memory_gib} GiB of memory"
    for package, version in report.versions.items():
        yield f"  {package:12} {version or 'NOT INSTALLED'}"
    for package, version in report.originals.items():
        yield f"  {package:12} {version or 'not installed (extra [originals])'}"
    for answer in report.answers:
        if answer.failure:
            yield f"FAIL {answer.framework}: {answer.failure}"
        else:
            devices = ", ".join(map(str, answer.said["devices"]))
            yield f"ok   {answer.framework} starts in {answer.seconds} s on {devices}"
    for package in report.broken:
        yield f"note {_way_on(report, package)}"
    for warning in report.warnings:
        yield f"note {warning}"
