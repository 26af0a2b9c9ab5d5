"""A task in one framework or more, each in its own worker, followed while it runs."""

import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.table import Table

from shared.distributed import Place
from shared.errors import UsageError
from shared.frameworks import ORACLE
from shared.running import curves, saving
from shared.running.client import Worker
from shared.running.team import Team
from shared.running.training import Job
from shared.tasks.base import Task

Say = Callable[[str], None]


def run(
    task: Task,
    frameworks: list[str],
    out: Path,
    changes: Mapping[str, Any],
    *,
    processes: int = 1,
    device: str = "",
    resume: bool = False,
    fresh: bool = False,
    source: Path | None = None,
    say: Say = lambda text: None,
) -> dict[str, dict[str, Any]]:
    """Outcomes by framework; `out` gets a folder each, and the curves of all.

    processes: of each framework; they train one model together. Where a launcher
        started this process as one of several, it has one worker, and the first of
        them clears, tells and draws.
    """
    here = Place.told()
    data = task.read()
    _check(task, len(data.train), changes, frameworks, processes, here, device)
    if data.left_out:
        say(f"left out: {len(data.left_out)} records; the first: {data.left_out[0]}")
    folders = {framework: out / framework for framework in frameworks}
    for folder in folders.values() if here.first else ():
        _clear(folder, resume, fresh)
    if processes > 1 and "keras" in frameworks:
        say("keras: TensorFlow listens on every interface of this machine")
    rest = dict(changes), resume, source, device
    with ThreadPoolExecutor(max_workers=len(frameworks)) as pool:
        futures = {
            framework: pool.submit(
                _one,
                framework,
                task,
                Job(task.name, folder.absolute(), *rest),
                processes,
            )
            for framework, folder in folders.items()
        }
        if here.first:
            _follow(folders, futures, say)
    outcomes = {framework: future.result() for framework, future in futures.items()}
    histories = {f: outcome["history"] for f, outcome in outcomes.items()}
    if here.first:
        drawn = out / "curves.png"
        curves.draw(drawn, task.title, histories, task.metric.name, task.target)
    return outcomes


def score(task: Task, outcome: Mapping[str, Any]) -> float:
    return outcome[f"test_{task.metric.name}"]


def table(task: Task, outcomes: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("framework", "epochs", "steps", "seconds", "test loss"):
        table.add_column(column, justify="left" if column == "framework" else "right")
    table.add_column(f"test {task.metric.name}", justify="right")
    table.add_column(task.aim)
    for framework, outcome in outcomes.items():
        got = score(task, outcome)
        table.add_row(
            framework,
            str(outcome["epochs"]),
            str(outcome["steps"]),
            f"{outcome['seconds']:.1f}",
            "none" if outcome["test_loss"] is None else f"{outcome['test_loss']:.4g}",
            f"{got:.4g}",
            "reached" if task.reached(got) else "MISSED",
        )
    return table


def _check(
    task: Task,
    samples: int,
    changes: Mapping[str, Any],
    frameworks: list[str],
    processes: int,
    here: Place,
    device: str,
) -> None:
    """What cannot be is said at once, not by three workers."""
    rows = task.plan_for(samples, dict(changes)).batch_size
    if here.size > 1 and (frameworks != ["pytorch"] or processes > 1):
        raise UsageError(
            "started by torchrun (WORLD_SIZE is set): allowed is --framework pytorch, "
            "without --processes"
        )
    processes = here.size if processes == 1 else processes
    if not 1 <= processes <= rows:
        allowed = f"from 1 up to the batch size, {rows}"
        raise UsageError(f"processes is {processes}; allowed: {allowed}")
    if processes > 1 and ORACLE in frameworks:
        raise UsageError(f"processes is {processes}; allowed with {ORACLE}: 1")
    if "jax" in frameworks and rows % processes:
        raise UsageError(
            f"processes is {processes}; allowed with jax, which gives each as many "
            f"rows: a divisor of the batch size, {rows}"
        )
    if processes > 1 and device == "tpu":
        raise UsageError("device is tpu; allowed with several processes: cpu, cuda")


def _one(framework: str, task: Task, job: Job, processes: int) -> dict[str, Any]:
    precision = job.changes.get("precision", "float32")
    dtype = "float64" if precision == "float64" else "float32"
    options: dict[str, Any] = {"device": job.device, "timeout": None}

    def train(worker: Worker) -> dict[str, Any]:
        if job.device:
            worker.require(job.device)
        model = worker.build(task.spec, task.name)
        model.start(job.changes.get("seed") or 0)
        return model.train(job)

    if processes == 1:
        here = Place.told()
        place = here if here.size > 1 else None
        with Worker(framework, dtype, place=place, **options) as worker:
            return train(worker)
    with Team(framework, dtype, processes, **options) as team:
        return team.each(train)[0]


def _clear(folder: Path, resume: bool, fresh: bool) -> None:
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    elif not resume and saving.found(folder / "checkpoints"):
        raise UsageError(
            f"{folder} holds a run; --resume goes on with it, --fresh forgets it"
        )


def _follow(
    folders: Mapping[str, Path], futures: Mapping[str, Future[Any]], say: Say
) -> None:
    """Tell what the runs say, as they say it."""
    told = dict.fromkeys(folders, 0)
    for name in folders:
        (folders[name] / "progress.txt").unlink(missing_ok=True)
    while True:
        done = all(future.done() for future in futures.values())
        for framework, folder in folders.items():
            path = folder / "progress.txt"
            lines = path.read_text().splitlines() if path.exists() else []
            for line in lines[told[framework] :]:
                say(f"{framework}: {line}")
            told[framework] = len(lines)
        if done:
            return
        time.sleep(0.2)
