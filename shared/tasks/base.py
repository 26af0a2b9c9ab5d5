"""What a task is: everything to train a model and to say whether it was learnt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset
from shared.definitions import metrics
from shared.definitions.boxes import Detected, MeanAP
from shared.definitions.losses import Loss
from shared.definitions.optimizers import Clip, Optimizer, optimizer
from shared.definitions.schedules import Constant, Cosine, Schedule, Warmup
from shared.objectives.base import Objective
from shared.objectives.plan import Metric, Plan
from shared.objectives.supervised import Supervised
from shared.specs.base import Spec
from shared.tasks import fitting


def constant(updates: int) -> Schedule:
    return Constant()


def warmup_cosine(updates: int) -> Schedule:
    """Let the factor rise for a tenth of the updates, and fall to 0 in the others."""
    rising = max(updates // 10, 1)
    return Warmup(steps=rising, then=Cosine(steps=max(updates - rising, 1)))


@dataclass(frozen=True, kw_only=True)
class Task:
    """One recipe.

    loss, objective: where the spec's own objective is not meant.
    others: metrics that are told beside the one that decides.
    schedule: of the number of updates in the whole run.
    target: what the test metric must reach.
    """

    name: str
    title: str
    data: Callable[[], Dataset]
    spec: Spec
    loss: Loss | None = None
    objective: Objective | None = None
    optimizer: Optimizer
    schedule: Callable[[int], Schedule] = constant
    clip: Clip | None = None
    metric: Metric
    others: tuple[Metric, ...] = ()
    target: float
    epochs: int
    batch_size: int
    patience: int | None = None

    def read(self) -> Dataset:
        """The data, which the model can take: shapes, whole numbers and classes."""
        found = self.data()
        for name in ("train", "validation", "test"):
            fitting.refuse_misfit(
                f"{self.name}: {name}", self.spec, self.aims, getattr(found, name)
            )
        return found

    def plan_for(self, samples: int, changes: dict[str, Any]) -> Plan:
        """Give the plan for this many training samples.

        changes: fields of Plan by name; `optimizer` may be a name, `lr` is its own.
        """
        changes = {k: v for k, v in changes.items() if v is not None}
        lr, named = changes.pop("lr", None), changes.pop("optimizer", None)
        chosen = optimizer(named) if isinstance(named, str) else named
        chosen = chosen or self.optimizer
        if lr is not None:
            chosen = replace(chosen, lr=lr)
        plan = Plan(
            objective=self.aims,
            optimizer=chosen,
            clip=self.clip,
            epochs=self.epochs,
            batch_size=self.batch_size,
            patience=self.patience,
        )
        plan = replace(plan, **changes)
        batches = samples // plan.batch_size // plan.accumulate
        updates = max(plan.epochs * batches, 1)
        schedule = Constant() if plan.plateau else self.schedule(updates)
        return replace(plan, schedule=schedule)

    @property
    def aims(self) -> Objective:
        """How the spec's family is trained, or with the loss of this task."""
        if self.objective is not None:
            return self.objective
        own = self.spec.objective()
        if self.loss is None:
            return own
        heads = own.heads if isinstance(own, Supervised) else (1.0,)
        return Supervised(loss=self.loss, heads=heads)

    @property
    def aim(self) -> str:
        sign = ">=" if self.metric.higher else "<="
        return f"test {self.metric.name} {sign} {self.target:g}"

    def reached(self, score: float) -> bool:
        better = score >= self.target if self.metric.higher else score <= self.target
        return bool(better)


def _most_likely(logits: Array, targets: Array) -> float:
    return metrics.accuracy(logits.argmax(-1), targets)


def _skill(predicted: Array, targets: Array) -> float:
    """By how much the squared error is smaller than that of saying 0: 1 is perfect."""
    return 1 - float(np.square(predicted - targets).sum() / np.square(targets).sum())


def _likely(logits: Array, targets: Array) -> float:
    return metrics.accuracy(logits > 0, targets > 0.5)


def _mean_ap(thresholds: MeanAP, *given: Array) -> float:
    """Of what `detect` gives, and of boxes, classes and which of them are there."""
    *found, valid = given[:4]
    truths, labels, there = given[4:]
    boxes, scores, classes = found
    return thresholds.value(
        Detected(boxes, scores, classes.astype(int), valid > 0),
        Detected(truths, np.zeros(labels.shape), labels, there > 0),
    )


MEAN_AP = Metric(
    "map", partial(_mean_ap, MeanAP()), higher=True, program="detect", takes=4, wants=3
)
MEAN_AP_50 = Metric(
    "map50",
    partial(_mean_ap, MeanAP(thresholds=(0.5,))),
    higher=True,
    program="detect",
    takes=4,
    wants=3,
)
ACCURACY = Metric("accuracy", _most_likely, higher=True)
BINARY_ACCURACY = Metric("accuracy", _likely, higher=True)
SKILL = Metric("skill", _skill, higher=True)
R2 = Metric("r2", metrics.r2, higher=True)
PERPLEXITY = Metric("perplexity", metrics.perplexity, higher=False)
