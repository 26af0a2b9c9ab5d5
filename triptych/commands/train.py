"""`triptych train`: one recipe in each framework, and how far each came."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.definitions.optimizers import optimizer
from shared.distributed import Place
from shared.frameworks import DEVICES, NATIVE, ORACLE
from shared.running import runs
from shared.tasks import TASKS
from shared.tasks import task as named
from shared.tasks.base import Task
from triptych.commands.terminal import Progress, console_for, one_of, split, write_json


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is trained, and how; `changes` are to the task's own plan, `source` is a run
    to go on from."""

    task: str
    frameworks: tuple[str, ...]
    changes: Mapping[str, Any]
    processes: int
    device: str
    resume: bool
    fresh: bool
    source: Path | None
    everywhere: bool
    folder: Path


def list_tasks() -> None:
    for one in TASKS.values():
        console_for().print(f"{one.name:22} {one.title}; {one.aim}")


def frameworks(text: str) -> tuple[str, ...]:
    """Give the frameworks that a person named, or all."""
    chosen = NATIVE if text == "all" else tuple(split(text))
    for name in chosen:
        one_of("framework", name, (*NATIVE, ORACLE, "all"))
    return chosen


def own_folder(folder: Path, recipe: Task, changes: Mapping[str, Any]) -> Path:
    """The folder of these settings: the recipe's own, or beside it one whose name says
    what is changed. How long it trains and how often it saves make no other run."""
    usual: dict[str, Any] = {"seed": 0, "precision": "float32", "accumulate": 1}
    usual |= {"batch_size": recipe.batch_size, "patience": recipe.patience}
    words = {"batch_size": "batch", "precision": ""}
    named = changes.get("optimizer")
    chosen = optimizer(named) if named else recipe.optimizer
    parts = [str(named)] if chosen != recipe.optimizer else []
    rate = changes.get("lr")
    parts += [f"lr{rate:g}"] if rate not in (None, chosen.lr) else []
    for name, own in usual.items():
        value = changes.get(name)
        parts += [f"{words.get(name, name)}{value}"] if value not in (None, own) else []
    return folder.with_name("-".join((folder.name, *parts)))


def run(asked: Asked, json: Path | None) -> int:
    """Exit code: whether each reached the task's target."""
    if asked.device:
        one_of("device", asked.device, DEVICES)
    recipe = named(asked.task)
    asked = replace(asked, folder=own_folder(asked.folder, recipe, asked.changes))
    with Progress(0) as progress:
        outcomes = runs.run(
            recipe,
            list(asked.frameworks),
            asked.folder,
            dict(asked.changes),
            processes=asked.processes,
            device=asked.device,
            resume=asked.resume,
            fresh=asked.fresh,
            source=asked.source,
            everywhere=asked.everywhere,
            say=progress.say,
        )
    if not Place.told().first:
        return 0  # another process tells how it went
    console = console_for(json)
    console.print(runs.table(recipe, outcomes))
    console.print(f"open {asked.folder / 'curves.png'}")
    write_json(json, outcomes)
    reached = [recipe.reached(runs.score(recipe, o)) for o in outcomes.values()]
    return 0 if all(reached) else 1
