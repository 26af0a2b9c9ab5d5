"""Parity on a device: every framework there against itself on the CPU, and against the
others there. Many processes compile side by side."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import Any

from benchmarks.gpu.clock import Clock, Lines
from parity_tests import engine, tolerances, training
from parity_tests.engine import Check, Evidence, Session, Workers
from shared.catalog import FAMILIES, VARIANTS
from shared.errors import UsageError, brief
from shared.messages import Seen
from shared.running.client import Worker, WorkerFailure

TIERS = ("forward", "gradients", "buffers")
VALUES, TRAINING = "values", "training"
UPDATES = 3
# Of sixteen cores; what compiles every model gets more of them.
PROCESSES = {"pytorch": 1, "keras": 2, "jax": 3, "keras[jax]": 3, "keras[torch]": 1}
# Whoever died so often in a row is not started again.
DEATHS = 3
# A program that runs once is not worth a thorough search for its fastest kernels.
QUICK = {"XLA_FLAGS": "--xla_gpu_autotune_level=1"}


@dataclass(frozen=True)
class Place:
    framework: str
    device: str

    def __str__(self) -> str:
        return f"{self.framework} on {self.device}"


@dataclass(frozen=True)
class Job:
    """One model is asked for one kind of evidence.

    kind: VALUES, one forward and backward pass; TRAINING, some updates.
    """

    model: str
    kind: str

    def __str__(self) -> str:
        return f"{self.model}, {self.kind}"


@dataclass(frozen=True)
class Answer:
    """A framework answers a job with its values, or with its updates.

    failure: why there is nothing else.
    """

    values: Evidence | None = None
    updates: list[Seen] | None = None
    failure: str = ""


def jobs(models: Sequence[str]) -> list[Job]:
    """Give the jobs: the first small model of every family, then the others."""
    firsts = {_first(models, family) for family in FAMILIES}
    ordered = sorted(models, key=lambda name: name not in firsts)
    half = sum(name in firsts for name in models)
    return [
        Job(name, kind)
        for part in (ordered[:half], ordered[half:])
        for kind in (VALUES, TRAINING)
        for name in part
    ]


def _first(models: Sequence[str], family: str) -> str:
    return next((n for n in models if n in FAMILIES[family].VARIANTS), "")


def places(frameworks: Sequence[str], device: str) -> list[Place]:
    devices = dict.fromkeys(("cpu", device))
    return [Place(f, d) for d in devices for f in frameworks]


def groups(given: Sequence[Place]) -> list[list[Place]]:
    """What is compared: a framework's CPU with its other device, and all there."""
    last = given[-1].device
    pairs = [[p for p in given if p.framework == f] for f in _frameworks(given)]
    return [g for g in (*pairs, [p for p in given if p.device == last]) if len(g) > 1]


def _frameworks(given: Iterable[Place]) -> list[str]:
    return list(dict.fromkeys(place.framework for place in given))


class Sweep:
    """Every job asked of every place, as far as the time goes."""

    def __init__(self, given: Sequence[Place], work: Sequence[Job], clock: Clock):
        self.clock = clock
        self.waiting = {place: deque(work) for place in given}
        self.answers: Queue[tuple[Job, Place, Answer] | None] = Queue()
        share = (os.cpu_count() or 1) / 16
        self.threads = [
            Thread(target=self._serve, args=(place,), daemon=True)
            for place in given
            for _ in range(max(1, round(PROCESSES[place.framework] * share)))
        ]

    def __iter__(self) -> Iterator[tuple[Job, Place, Answer]]:
        """Answers as they come."""
        for thread in self.threads:
            thread.start()
        for _ in self.threads:
            while (found := self.answers.get()) is not None:
                yield found

    def _serve(self, place: Place) -> None:
        worker = started(place)
        deaths, answer = 0, Answer()  # in a row
        try:
            while self.waiting[place] and not self.clock.over:
                job = self.waiting[place].popleft()
                if deaths < DEATHS:
                    if not worker.alive:
                        worker.close()
                        worker = started(place)
                    worker.timeout = max(1.0, self.clock.left)
                    answer = ask(worker, job)
                    deaths = 0 if worker.alive else deaths + 1
                if not self.clock.over:
                    self.answers.put((job, place, answer))
        except IndexError:
            pass  # another process of this place took the last job
        finally:
            worker.close()
            self.answers.put(None)


def started(place: Place) -> Worker:
    variables = QUICK if place.device == "cuda" else {}
    return Worker(place.framework, "float64", device=place.device, variables=variables)


def ask(worker: Worker, job: Job) -> Answer:
    variant = VARIANTS[job.model]
    try:
        if job.kind == VALUES:
            found = engine.measure(worker, job.model, variant, TIERS, layers=False)
            return Answer(values=found, failure="; ".join(found.failures.values()))
        (plan,) = plans(job.model)
        seen = training.follow(worker, job.model, variant.spec, plan, UPDATES)
        return Answer(updates=seen)
    except (WorkerFailure, UsageError) as failure:
        return Answer(failure=str(failure))
    except Exception as error:
        return Answer(failure=f"{type(error).__name__}: {brief(error)}")


def plans(model: str) -> list[Any]:
    """How a model is trained here; a family's own objective belongs here too."""
    return [training.plans(VARIANTS[model].spec, UPDATES)["adamw"]]


def judged(
    job: Job, answers: Mapping[Place, Answer], given: Sequence[Place]
) -> Iterator[Check]:
    """Judge of each group those that answered."""
    for group in groups(given):
        found = {str(place): answers[place] for place in group if place in answers}
        if len(found) > 1:
            yield from _values(job, found) if job.kind == VALUES else _run(job, found)


def _values(job: Job, found: Mapping[str, Answer]) -> Iterator[Check]:
    session = Session(Workers(), tuple(found), "float64", layers=False)
    for name, answer in found.items():
        failed = Evidence(failures={"forward": answer.failure})
        session.remember(job.model, name, answer.values or failed)
    yield from session.check(job.model, TIERS)


def _run(job: Job, found: Mapping[str, Answer]) -> Iterator[Check]:
    failed = [answer.failure for answer in found.values() if answer.failure]
    seen = {name: answer.updates or [] for name, answer in found.items()}
    worst = "; ".join(failed) or training.worst_update(seen)
    bound = tolerances.TRAINING
    tier = f"training/adamw, {UPDATES} updates"
    yield engine.verdict(job.model, tier, list(found), "float64", worst, bound, 0.0)


def run(
    given: Sequence[Place], work: Sequence[Job], clock: Clock, lines: Lines
) -> None:
    """Every check as a line, as soon as all places answered."""
    held: dict[Job, dict[Place, Answer]] = {}
    for job, place, answer in Sweep(given, work, clock):
        held.setdefault(job, {})[place] = answer
        if len(held[job]) == len(given):
            with lines.guarded(str(job)):
                for check in judged(job, held.pop(job), given):
                    lines.check(check)
    for job, answers in held.items():
        missing = ", ".join(str(place) for place in given if place not in answers)
        lines.note(str(job), f"not reached in time: {missing}")
        with lines.guarded(str(job)):
            for check in judged(job, answers, given):
                lines.check(check)
    asked = {check.model for check in lines.checks}
    left = list(dict.fromkeys(job.model for job in work if job.model not in asked))
    if left:
        lines.note("parity", f"not reached in time: {', '.join(left)}")
