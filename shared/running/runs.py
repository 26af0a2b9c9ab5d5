"""A task in one framework or more, each in its own worker, followed while it runs."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table

from shared.distributed import EVERYWHERE, Place
from shared.errors import Stopped, UsageError
from shared.frameworks import ORACLE
from shared.running import curves, saving
from shared.running.client import Worker, stop
from shared.running.folders import CHECKPOINTS, PROGRESS, held
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
    everywhere: bool = False,
    say: Say = lambda text: None,
) -> dict[str, dict[str, Any]]:
    """Train in every framework, and give the outcomes by framework; `out` gets a folder
    each, and the curves of all.

    processes: of each framework; they train one model together. Where a launcher
        started this process as one of several, it has one worker, and the first of
        them clears, tells and draws.
    everywhere: they may wait for one another on every interface of this machine, where
        a framework cannot be held to this machine alone.
    """
    here = Place.told()
    data = task.read()
    _check(task, len(data.train), changes, frameworks, processes, here, device)
    own = {framework: out / framework for framework in frameworks}
    if resume and (fresh or source is not None):
        raise UsageError(
            "--resume goes on with a run, --fresh forgets it, --start-from goes on "
            "from another: give one of them"
        )
    for folder in own.values() if here.first else ():
        _make_ready(folder, resume, fresh, source)
    if data.left_out:
        say(f"left out: {len(data.left_out)} records; the first: {data.left_out[0]}")
    jobs = {
        framework: Job(
            task.name, folder.absolute(), dict(changes), resume, fresh, source, device
        )
        for framework, folder in own.items()
    }
    try:
        with _teams(frameworks, changes, processes, device, everywhere) as teams:
            outcomes = _trained(task, jobs, teams, say if here.first else None)
    except Stopped:
        raise Stopped(_how_to_go_on(own)) from None
    finally:
        for folder in own.values() if here.first and fresh else ():
            _settle(folder)
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


@contextmanager
def _teams(
    frameworks: list[str],
    changes: Mapping[str, Any],
    processes: int,
    device: str,
    everywhere: bool,
) -> Iterator[dict[str, Team]]:
    """Start workers of every framework, each with its device there."""
    precision = changes.get("precision", "float32")
    dtype = "float64" if precision == "float64" else "float32"
    here = Place.told()
    options: dict[str, Any] = {
        "here": here if here.size > 1 else None,
        "device": device,
        "timeout": None,
        "variables": {EVERYWHERE: "1"} if everywhere else {},
    }
    with ExitStack() as stack:
        teams = {
            name: stack.enter_context(Team(name, dtype, processes, **options))
            for name in frameworks
        }
        for team in teams.values() if device else ():
            team.each(lambda worker: worker.require(device))
        yield teams


def _trained(
    task: Task, jobs: Mapping[str, Job], teams: Mapping[str, Team], say: Say | None
) -> dict[str, dict[str, Any]]:
    def train(name: str) -> dict[str, Any]:
        job = jobs[name]

        def one(worker: Worker) -> dict[str, Any]:
            model = worker.build(task.spec, task.name)
            model.start(job.changes.get("seed") or 0)
            return model.train(job)

        return teams[name].each(one)[0]

    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        futures = {name: pool.submit(train, name) for name in jobs}
        try:
            if say:
                _follow({name: job.folder for name, job in jobs.items()}, futures, say)
            return {name: future.result() for name, future in futures.items()}
        except BaseException as error:
            if not isinstance(error, Exception):
                stop(worker for team in teams.values() for worker in team.workers)
            raise


def _make_ready(folder: Path, resume: bool, fresh: bool, source: Path | None) -> None:
    """Refuse at once what cannot be, and before anything is touched."""
    if source is not None:
        if source.resolve() == folder.resolve():
            raise UsageError(f"--start-from {source} is this run's own folder")
        if not saving.found(source / CHECKPOINTS):
            raise UsageError(f"--start-from {source}: it holds no checkpoint")
    if not folder.is_dir():
        return
    with held(folder):
        if not (resume or fresh) and saving.found(folder / CHECKPOINTS):
            raise UsageError(
                f"{folder} holds a run; --resume goes on with it, --fresh forgets it"
            )
        with contextlib.suppress(OSError):
            (folder / PROGRESS).unlink()


def _settle(folder: Path) -> None:
    """Bring the old run back where the new one did not come to stand."""
    if folder.is_dir():
        with contextlib.suppress(UsageError), held(folder):
            pass


def _how_to_go_on(folders: Mapping[str, Path]) -> str:
    found = {name: saving.found(folders[name] / CHECKPOINTS) for name in folders}
    steps = [f"{name} at step {_step(f[0])}" for name, f in found.items() if f]
    if not steps:
        return "stopped before anything was saved; the same command begins anew"
    return f"stopped: {', '.join(steps)}; --resume goes on from there"


def _step(path: Path) -> int:
    digits = path.stem.removeprefix("step-")
    return int(digits) if digits.isdecimal() else 0


def _follow(
    folders: Mapping[str, Path], futures: Mapping[str, Future[Any]], say: Say
) -> None:
    """Tell what the runs say, as they say it."""
    told = dict.fromkeys(folders, 0)
    while True:
        done = all(future.done() for future in futures.values())
        for framework, folder in folders.items():
            path = folder / PROGRESS
            text = path.read_text(errors="replace") if path.is_file() else ""
            lines = text.splitlines()
            for line in lines[told[framework] :]:
                say(f"{framework}: {line}")
            told[framework] = len(lines)
        if done:
            return
        time.sleep(0.2)
