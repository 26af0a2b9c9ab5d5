"""One step of an objective in PyTorch: its parameters, optimizer and update."""

from typing import Any

from torch import Tensor

from pytorch_impl import definitions, optimizers, schedules
from shared.arrays import Array
from shared.definitions.optimizers import excluded
from shared.objectives.base import Step
from shared.objectives.plan import Plan


class Update:
    """What a step moves, and with which optimizer."""

    def __init__(
        self,
        step: Step,
        plan: Plan,
        parameters: dict[str, Any],
        shapes: dict[str, tuple[int, ...]],
    ):
        self.step, self.plan = step, plan
        parts = plan.parts(step, list(parameters))
        self.parameters = {n: parameters[n] for names in parts.values() for n in names}
        self.whole = len(self.parameters) == len(parameters)
        self.optimizer = definitions.optimizer(
            plan.optimizer_of(step), self.parameters, excluded(shapes), parts
        )
        factor = definitions.schedule(plan.schedule)
        self.scheduler = schedules.Scheduled(self.optimizer, factor)
        self.rates = [group["initial_lr"] for group in self.optimizer.param_groups]
        self.ema: Any = None
        if plan.ema is not None:
            moved = self.parameters.values()
            self.ema = optimizers.Ema(moved, decay=plan.ema.decay)

    def descend(self, batches: int) -> None:
        if self.plan.clip is not None:
            gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
            definitions.clip(self.plan.clip, gradients)
        self.optimizer.step()
        if batches % self.plan.passes == 0:
            self.scheduler.step()
        if self.ema:
            self.ema.update()
        self.optimizer.zero_grad()

    def scale(self, factor: float) -> None:
        groups = self.optimizer.param_groups
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.scheduler.base_lrs = [group["lr"] for group in groups]

    def averages(self) -> dict[str, Tensor]:
        """The moving averages of what it moves, where the plan has them."""
        if self.ema is None:
            return {}
        return dict(zip(self.parameters, self.ema.averages, strict=True))

    def set_state(self, state: dict[str, Array]) -> None:
        definitions.set_state(self.optimizer, self.parameters, state)
        self.scheduler.last_epoch = int(state["t"]) // self.plan.passes - 1
        self.scheduler.step()
