"""What a training run is, and the part of it that no framework decides.

`*_impl/training.py` has the step and the loop, as that framework's users write them;
it tells a `Run` of each batch and each epoch, and the run keeps the history, writes
checkpoints, and says when to stop.
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from shared.arrays import Arrays
from shared.contract import Model, Trainer, metadata
from shared.data.ahead import DEPTH, Reader, reader
from shared.data.batches import Dataset, Samples, Shuffled, Source, laid_out
from shared.definitions.schedules import PlateauState
from shared.distributed import Place
from shared.errors import Stopped, UsageError
from shared.files import weights
from shared.files.writing import append_line, make_folder, new, write_text
from shared.messages import Seen
from shared.objectives.plan import Metric, Plan
from shared.plain import to_plain
from shared.randomness import Draws
from shared.running import folders, saving
from shared.running.folders import CHECKPOINTS, PROGRESS
from shared.running.position import Position
from shared.running.saving import Checkpoint
from shared.running.snapshots import check, restore, snapshot
from shared.running.stopping import wish

TOGETHER = 50  # batches whose losses are fetched at once


class Diverged(Exception):
    """The loss is no longer a finite number."""


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


class Run:
    """One run of one framework in one folder.

    The folder holds `history.jsonl` (a line an epoch), `checkpoints/`, and, where the
    plan has patience, `best.safetensors`; at the end `model.safetensors`. Batches are
    read in the background, `depth` before they are asked for, until `close`; with 0
    when they are.
    """

    def __init__(
        self,
        trainer: Trainer,
        plan: Plan,
        data: Dataset,
        metric: Metric,
        folder: Path,
        say: Callable[[str], None] = lambda text: None,
        others: tuple[Metric, ...] = (),
        depth: int = DEPTH,
    ):
        self.trainer, self.plan, self.data, self.metric = trainer, plan, data, metric
        self.others = others
        self.folder, self.say = folder, say
        self.saves = folder / CHECKPOINTS
        self.source: Source = data.stream or Shuffled(
            data.train, plan.batch_size, plan.seed, plan.accumulate
        )
        self.depth, self.readers = depth, list[Reader]()
        self.at = Position()
        self.pending: list[dict[str, Any]] = []
        self.started = time.monotonic()
        self.writes = trainer.place.first
        self.to_stop = False

    @property
    def per_epoch(self) -> int:
        return self.source.per_epoch * self.plan.passes

    @property
    def stopped(self) -> bool:
        patience = self.plan.patience
        waited = self.at.epoch - 1 - self.at.best_epoch
        late = patience is not None and self.at.epoch > 0 and waited >= patience
        return late or self.at.epoch >= self.plan.epochs

    def epochs(self) -> Iterator[int]:
        """Count the epochs from where the run stands to where it stops."""
        while not self.stopped:
            yield self.at.epoch

    def batches(self) -> Iterator[Samples]:
        """Give the batches left of this epoch."""
        if not self.readers:
            self.readers.append(self._reader())
        first, skip = divmod(self.at.batch, self.plan.passes)
        for batch in islice(self.readers[0], self.source.per_epoch - first):
            for _ in range(self.plan.passes - skip):
                yield batch
            skip = 0

    def ahead(self) -> Iterator[Samples]:
        """Give the batches left of this epoch and of all that follow, for a loop that
        reads further than it has come."""
        skip = self.at.batch % self.plan.passes
        self.readers.append(self._reader())
        for batch in self.readers[-1]:
            for _ in range(self.plan.passes - skip):
                yield batch
            skip = 0

    def _reader(self) -> Reader:
        left = range(self.at.epoch, self.plan.epochs)
        return reader(self.source, left, self.at.batch // self.plan.passes, self.depth)

    def close(self) -> None:
        """End what reads in the background."""
        while self.readers:
            self.readers.pop().close()

    def after_batch(self, losses: dict[str, Any]) -> None:
        """Note what a batch gave. losses: by name, numbers or what the framework will
        turn into them."""
        self.pending.append(losses)
        self.at.batch += 1
        self.at.step += 1
        every = self.plan.save_every * self.plan.accumulate * self.plan.passes
        due = every and self.at.step % every == 0
        if due or len(self.pending) >= TOGETHER:
            self._settle()
            self._hear()
        elif self.trainer.place.size == 1:
            self._hear()
        updated = self.at.step % (self.plan.accumulate * self.plan.passes) == 0
        if self.at.batch < self.per_epoch and (due or (self.to_stop and updated)):
            self._settle()
            self.save()
            self._leave()

    def after_epoch(self) -> None:
        self._settle()
        with self.trainer.evaluating():
            loss, scores = self.score(self.data.validation)
            score = scores[self.metric.name]
            if self.metric.better(score, self.at.best):
                self.at.best, self.at.best_epoch = score, self.at.epoch
                if self.plan.patience is not None:
                    self._write_weights("best.safetensors")
        means = {k: total / self.at.counted[k] for k, total in self.at.losses.items()}
        mean = next(iter(means.values()))
        self.at.history.append(
            {
                "epoch": self.at.epoch + 1,
                "step": self.at.step,
                "loss": mean,
                **({"losses": means} if len(means) > 1 else {}),
                "validation_loss": loss,
                **{f"validation_{name}": value for name, value in scores.items()},
                "seconds": round(self._seconds(), 3),
            }
        )
        self._write_history()
        self._watch(loss)
        self.at.epoch, self.at.batch = self.at.epoch + 1, 0
        self.at.losses, self.at.counted = {}, {}
        self.save()
        self.say(
            f"epoch {self.at.epoch}/{self.plan.epochs}: loss {mean:.4g}, "
            f"validation {self.metric.name} {score:.4g}"
        )
        self._hear()
        self._leave()

    def _hear(self) -> None:
        """Learn whether to stop: several processes do so together, all or none."""
        if self.trainer.place.size == 1:
            self.to_stop = wish.heard
        else:
            self.to_stop = bool(self.trainer.gather(np.array([wish.heard + 0.0])).any())

    def _leave(self) -> None:
        """Stop where that is wished for; all is saved."""
        if self.to_stop and not self.stopped:
            raise Stopped(f"stopped at step {self.at.step}")

    def _watch(self, loss: float | None) -> None:
        plateau = self.plan.plateau
        if plateau is not None and loss is not None:
            state = self._plateau() or plateau.start()
            self.at.plateau = list(plateau.observe(state, loss))
            self.trainer.scale(self.at.plateau[0])

    def _plateau(self) -> PlateauState | None:
        if self.at.plateau is None:
            return None
        factor, best, waited, cooling = self.at.plateau
        return PlateauState(factor, best, int(waited), int(cooling))

    def finish(self) -> dict[str, Any]:
        """Restore the best weights where there is patience, then test."""
        if self.plan.patience is not None and self.at.best_epoch >= 0:
            self.trainer.gather(np.zeros(1))  # until the best are written
            self.trainer.set_weights(weights.read(self.folder / "best.safetensors")[0])
            loss, scores = self._end()
        else:
            with self.trainer.evaluating():
                loss, scores = self._end()
        return {
            "epochs": self.at.epoch,
            "steps": self.at.step,
            "seconds": round(self._seconds(), 3),
            "best_epoch": self.at.best_epoch + 1,
            "test_loss": loss,
            **{f"test_{name}": value for name, value in scores.items()},
            "history": self.at.history,
        }

    def score(self, samples: Samples) -> tuple[float | None, dict[str, float]]:
        """The loss, where the objective has one to tell, and the metrics by name."""
        judge, metrics = self.plan.objective.judge, (self.metric, *self.others)
        programs = {metric.program for metric in metrics} | ({""} if judge else set())
        found = {
            program: tuple(
                array.astype(np.float64) for array in self._outputs(samples, program)
            )
            for program in sorted(programs)
        }
        targets = laid_out(samples.targets)
        loss = None
        if judge is not None:
            objective, inputs = self.plan.objective, laid_out(samples.inputs)
            wanted = objective.judged_against(inputs, targets)
            loss = float(judge.value(objective.judged(found[""]), wanted))
        return loss, {
            metric.name: metric.of(
                *found[metric.program][: metric.takes], *targets[: metric.wants]
            )
            for metric in metrics
        }

    def _outputs(self, samples: Samples, program: str = "") -> Arrays:
        """Each process has as many rows, the last of them perhaps once more."""
        place = self.trainer.place
        each = -(-len(samples) // place.size)
        own = np.minimum(np.arange(each) + place.rank * each, len(samples) - 1)
        mine = samples if place.size == 1 else samples.take(own)
        parts = [
            self.trainer.predict(self._asked(batch, program, number), program)
            for number, batch in enumerate(mine.in_order(max(self.plan.batch_size, 64)))
        ]
        outputs = tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        if place.size == 1:
            return outputs
        gathered = [np.concatenate(self.trainer.gather(array)) for array in outputs]
        return tuple(array[: len(samples)] for array in gathered)

    def _asked(self, batch: Samples, program: str, number: int) -> Arrays:
        """What a program is given: of the batch what has its input's name, and noise
        that is the same in every evaluation."""
        model = self.trainer.model
        if model.spec is None:
            return laid_out(batch.inputs)
        given = [tensor for tensor in model.spec.inputs() if not tensor.drawn]
        known = dict(zip((t.name for t in given), laid_out(batch.inputs), strict=True))
        asked, _ = model.tensors(program)
        return tuple(
            tensor.noise(
                Draws(self.plan.seed, f"evaluation/{tensor.name}", number), len(batch)
            )
            if tensor.drawn
            else known[tensor.name]
            for tensor in asked
        )

    # Checkpoints

    def begin(self, fresh: bool = False) -> None:
        """Take the folder: from here on it is this run's."""
        if not self.writes:
            return
        if fresh:
            folders.set_aside(self.folder)
        make_folder(self.saves)
        if self.at.history:
            self._write_history()

    def save(self) -> None:
        about = {
            "position": {**asdict(self.at), "seconds": self._seconds()},
            "plan": to_plain(self.plan),
            "model": self.trainer.model.name,
        }
        checkpoint = snapshot(self.trainer, self.at.step, about)
        if self.writes:
            saving.write(self.saves, self.at.step, checkpoint)
            folders.settle(self.folder)

    def resume(self, source: Path | None = None) -> None:
        """Go on from the newest whole checkpoint, of this folder or another run's."""
        folder = (source or self.folder) / CHECKPOINTS
        checkpoint, reasons = saving.newest(folder, self._check)
        for reason in reasons if checkpoint else ():
            self.say(f"{reason}; using the checkpoint before it")
        if checkpoint is None:
            if source is not None or reasons:
                why = f" ({reasons[0]})" if reasons else ""
                raise UsageError(f"{folder}: no checkpoint to go on from{why}")
            return
        self.at = self._position(checkpoint)
        restore(self.trainer, checkpoint)
        if self.at.plateau:
            self.trainer.scale(self.at.plateau[0])

    def _check(self, checkpoint: Checkpoint) -> None:
        """UsageError unless this run can go on from it."""
        own, then = to_plain(self.plan), checkpoint.about.get("plan", {})
        if odd := sorted(own.keys() ^ then.keys()):
            raise UsageError(
                f"that run's plan was of another version (it differs in "
                f"{', '.join(odd[:3])}); --fresh begins anew"
            )
        for name, value in then.items():
            same = _written(value) == _written(own[name])
            if name not in ("epochs", "save_every") and not same:
                raise UsageError(
                    f"that run had {name} {_short(value)}, this one {_short(own[name])}"
                )
        model, framework = (checkpoint.about.get(k) for k in ("model", "framework"))
        if model != self.trainer.model.name or not isinstance(framework, str):
            raise UsageError("it says no framework, or another model")
        at = self._position(checkpoint)
        if at.step != checkpoint.about["step"] or at.batch >= self.per_epoch:
            raise UsageError("its position is none of this run")
        check(self.trainer, checkpoint)

    def _position(self, checkpoint: Checkpoint) -> Position:
        given = checkpoint.about.get("position", {})
        return Position.of(given, f"validation_{self.metric.name}")

    def _seconds(self) -> float:
        return self.at.seconds + time.monotonic() - self.started

    def _settle(self) -> None:
        names = [name for losses in self.pending for name in losses]
        values = [value for losses in self.pending for value in losses.values()]
        for name, loss in zip(names, self.trainer.losses(values), strict=True):
            if not math.isfinite(loss):
                last = next(iter(saving.found(self.saves)), None)
                kept = f"the last good checkpoint is {last}" if last else "none saved"
                what = "the loss" if name == "loss" else f"the loss {name}"
                raise Diverged(
                    f"{what} is {loss} in epoch {self.at.epoch + 1}, at or before "
                    f"step {self.at.step}; {kept}"
                )
            self.at.losses[name] = self.at.losses.get(name, 0.0) + loss
            self.at.counted[name] = self.at.counted.get(name, 0) + 1
        self.pending.clear()

    def _write_history(self) -> None:
        lines = [json.dumps(line) + "\n" for line in self.at.history]
        if self.writes:
            write_text(self.folder / "history.jsonl", "".join(lines), whole=True)

    def _write_weights(self, name: str) -> None:
        if not self.writes:
            return
        model = self.trainer.model
        about = metadata(model.name, model.spec)
        weights.write(self.folder / name, self.trainer.weights(), about, whole=True)

    def _end(self) -> tuple[float | None, dict[str, float]]:
        self._write_weights("model.safetensors")
        return self.score(self.data.test)


# A run from its name


@dataclass(frozen=True)
class Job:
    """A run to make: a task's name, what to change of its plan, and where.

    source: another run's folder to go on from, also of another framework.
    fresh: replace the run that is there, once this one has something to show.
    """

    task: str
    folder: Path
    changes: dict[str, Any] = field(default_factory=dict)
    resume: bool = False
    fresh: bool = False
    source: Path | None = None
    device: str = ""


def train(model: Model, job: Job) -> dict[str, Any]:
    """Makes the run of a job, in a folder that is its own meanwhile."""
    if not Place.told().first:
        return _train(model, job)
    with folders.held(job.folder, f"process {os.getppid()} (its worker {os.getpid()})"):
        return _train(model, job)


def _train(model: Model, job: Job) -> dict[str, Any]:
    from shared.tasks import task as named

    task = named(job.task)
    data = task.data()
    plan = task.plan_for(len(data.train), job.changes)
    model.move(job.device)
    trainer = model.trainer(plan)
    say = _printer(job.folder) if trainer.place.first else _silent
    run = Run(trainer, plan, data, task.metric, job.folder, say, task.others)
    if job.resume or job.source:
        run.resume(job.source)
    try:
        run.begin(job.fresh)
        with wish.in_mind():
            trainer.fit(run)
    finally:
        run.close()
        if run.writes:
            folders.settle(job.folder)
    outcome = run.finish()
    if run.writes:
        content = json.dumps(outcome, indent=1) + "\n"
        write_text(job.folder / "outcome.json", content, whole=True)
    return outcome


def _silent(text: str) -> None:
    """Say nothing, where another process says it."""


def _printer(folder: Path) -> Callable[[str], None]:
    """Lines for whoever follows the run from another process."""
    path = folder / PROGRESS
    new(path)
    return lambda text: append_line(path, text, synced=False)


def follow(
    model: Model,
    plan: Plan,
    batches: list[Samples],
    seed: int,
    begin: Checkpoint | None = None,
) -> tuple[list[Seen], Checkpoint]:
    """Some updates in a row, each seen in full, and what could be gone on from."""
    trainer = model.trainer(plan)
    if begin:
        check(trainer, begin)
        restore(trainer, begin)
    first = trainer.batches
    seen = [trainer.observe(batch, seed, first + k) for k, batch in enumerate(batches)]
    return seen, snapshot(trainer, first + len(batches), {})
