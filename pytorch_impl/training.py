"""Training in PyTorch: the steps of a batch, and the loop.

To train in another way, override `training_step`, `validation_step`, `test_step` or
`predict_step`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pytorch_impl import definitions, devices, distributed, optimizers
from pytorch_impl.objectives import losses_of
from pytorch_impl.precision import full, products
from pytorch_impl.updates import Update
from pytorch_impl.weights import tensor
from shared import contract
from shared.arrays import Array
from shared.contract import flat
from shared.data.batches import Samples
from shared.messages import Seen
from shared.objectives.base import Copy, Step
from shared.objectives.plan import Plan
from shared.randomness import Cut, Draws
from shared.tensors import NORMAL

Tensors = tuple[Tensor, ...]
Losses = dict[str, Tensor]  # the first is minimised


class Trainer(contract.Trainer):
    def __init__(self, model: Any, plan: Plan):
        self.model, self.plan = model, plan
        if plan.precision == "bfloat16":
            model.lower()
        self.place = distributed.place()
        self.native: torch.nn.Module = distributed.synchronized(model.native)
        self.device = next(self.native.parameters()).device
        found = {k: s for k, s in model.slots().items() if s.trainable}
        self.parameters: dict[str, Any] = {k: tensor(s) for k, s in found.items()}
        shapes = {name: slot.shape for name, slot in found.items()}
        self.updates = [Update(s, plan, self.parameters, shapes) for s in self.steps]
        self.network = self.native
        if len(self.updates) == 1:
            self.network = self._replicated()
        torch.manual_seed(self.place.seed(plan.seed))

    def _replicated(self) -> Any:
        """Replicate the network for one step, since what several steps take is added up
        step by step."""
        heads, spec = getattr(self.plan.objective, "heads", None), self.model.spec
        partial = not spec or (heads and len(heads) < len(spec.outputs(True)))
        partial = partial or not self.updates[0].whole
        return distributed.replicated(self.native, bool(partial))

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimizer of the first step."""
        return self.updates[0].optimizer

    # What a batch goes through

    def training_step(
        self, inputs: Tensors, targets: Tensors, step: Step, noise: Tensors = ()
    ) -> Losses:
        """Give the losses of one step by name; the first is minimised."""
        losses = losses_of(self.plan.objective, step)
        with products(self.device, self.model.low):
            return losses(self.plan.objective, self.network, inputs, targets, noise)

    def validation_step(self, inputs: Tensors) -> Tensors:
        return self.predict_step(inputs)

    def test_step(self, inputs: Tensors) -> Tensors:
        return self.predict_step(inputs)

    def predict_step(self, inputs: Tensors, program: str = "") -> Tensors:
        with products(self.device, self.model.low):
            found = flat(self.model.entry(program, self.native)(*inputs))
        return tuple(map(full, found))

    # The loop

    def fit(self, run: Any) -> None:
        for _ in run.epochs():
            self.native.train()
            for batch in run.batches():
                run.after_batch(self.train(batch))
            run.after_epoch()

    def train(self, batch: Samples) -> Losses:
        """Take all steps that are due at a batch; give their losses by name, as far
        as they are of the rows that are this process's."""
        part = self.place.part(batch)
        share = 1.0 if part is batch else self.plan.objective.share(part, batch)
        return self.advance(self._tensors(part), len(part), share)

    def advance(
        self, tensors: tuple[Tensors, Tensors], rows: int, share: float = 1.0
    ) -> Losses:
        found: Losses = {}
        self.begin()
        for update in self.due():
            with distributed.apart(self.network, self.last):
                noise = self._noise(update.step, rows)
                losses = self.shared(tensors, update.step, noise, share)
                self.descend(update, next(iter(losses.values())))
            found |= self.named(update.step, losses)
        self.end()
        return {name: loss.detach() for name, loss in found.items()}

    def shared(
        self,
        tensors: tuple[Tensors, Tensors],
        step: Step,
        noise: Tensors,
        share: float,
    ) -> Losses:
        """Give the losses of one process's rows; those of all add up to the batch's."""
        losses = self.training_step(*tensors, step, noise)
        if share == 1.0:
            return losses
        return {name: loss * share for name, loss in losses.items()}

    def due(self) -> list[Update]:
        return [u for u in self.updates if u.step.due(self.batches + 1)]

    @property
    def last(self) -> bool:
        """Whether the next batch makes an update."""
        return (self.batches + 1) % self.plan.accumulate == 0

    def begin(self) -> None:
        """Make what follows others equal to them, before the first batch."""
        if self.batches == 0:
            for copy in self.plan.objective.copies:
                self._copy(copy, 0.0)

    def end(self) -> None:
        """Count the batch, and move what follows others, after all its steps."""
        self.batches += 1
        for copy in self.plan.objective.copies:
            if self.batches % copy.every == 0:
                self._copy(copy, copy.keep)

    @torch.no_grad()
    def _copy(self, copy: Copy, keep: float) -> None:
        own = self.parameters
        for source, target in copy.pairs(own):
            own[target].mul_(keep).add_(own[source], alpha=1 - keep)

    def descend(self, update: Update, loss: Tensor) -> None:
        """Add the gradients of a batch; update when there are enough."""
        # Of several processes' gradients the mean is taken, the sum is wanted.
        single = len(self.updates) == 1
        scale = self.plan.accumulate / self.place.size if single else 1
        parameters = list(update.parameters.values())
        # Several processes exchange the gradients of all that one step could move.
        own = update.whole or (single and self.place.size > 1)
        torch.autograd.backward(loss / scale, inputs=None if own else parameters)
        if not self.last:
            return
        if not single:
            distributed.add_up([p.grad for p in parameters if p.grad is not None])
        update.descend(self.batches + 1)

    def predict(self, inputs: tuple[Array, ...], program: str = "") -> Any:
        self.native.eval()
        with torch.inference_mode():
            outputs = self.predict_step(self._inputs(inputs), program)
        return tuple(o.cpu().numpy() for o in outputs)

    def observe(self, batch: Samples, seed: int, step: int) -> Seen:
        self.native.train()
        part, cut = self.place.part(batch), self.place.cut(len(batch))
        share = 1.0 if part is batch else self.plan.objective.share(part, batch)
        tensors = self._tensors(part)
        losses: Losses = {}
        gradients: dict[str, Array] = {}
        self.begin()
        for update in self.due():
            self._draw(update.step, seed, step, cut)
            drawn = contract.drawn(update.step, len(part), seed, step, cut)
            with distributed.apart(self.network, self.last):
                noise = self._inputs(drawn)
                found = self.shared(tensors, update.step, noise, share)
                loss = next(iter(found.values()))
                gradients |= self._gradients(update, loss)
                self.descend(update, loss)
            losses |= self.named(update.step, found)
        self.end()
        devices.settle(self.device)
        values = self.losses([loss.detach() for loss in losses.values()])
        told = dict(zip(losses, values, strict=True))
        return Seen(told, gradients, self.weights())

    def _gradients(self, update: Update, loss: Tensor) -> dict[str, Array]:
        found = torch.autograd.grad(
            loss,
            list(update.parameters.values()),
            retain_graph=True,
            allow_unused=True,
        )
        devices.settle(self.device)
        gradients = {
            name: (torch.zeros_like(p) if g is None else g).cpu().numpy().copy()
            for (name, p), g in zip(update.parameters.items(), found, strict=True)
        }
        if self.place.size > 1:
            gradients = {k: self.gather(g).sum(0) for k, g in gradients.items()}
        return self.named(update.step, gradients)

    # What is random

    def _noise(self, step: Step, rows: int) -> Tensors:
        found = []
        for noise in step.noise:
            shape = (rows, *noise.shape)
            if noise.below is not None:
                drawn = torch.randint(noise.below, shape, device=self.device)
            elif noise.drawn == NORMAL:
                drawn = torch.randn(shape, device=self.device)
            else:
                drawn = torch.rand(shape, device=self.device)
            found.append(drawn)
        return tuple(found)

    def _draw(self, step: Step, seed: int, number: int, cut: Cut | None) -> None:
        """Give every layer the suite's own draws."""
        for path, module in self.native.named_modules():
            if hasattr(module, "draws"):
                module.draws = Draws(seed, self.label(step, path), number, cut)

    # What a checkpoint holds

    def weights(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self.model.dump().items()}

    def set_weights(self, values: dict[str, Array]) -> None:
        self.model.load(values)

    def scale(self, factor: float) -> None:
        for update in self.updates:
            update.scale(factor)

    def optimizer_state(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for update in self.updates:
            own = definitions.state(update.optimizer, update.parameters)
            found |= self.prefixed(update.step, own)
            for name, average in update.averages().items():
                found[f"ema/{name}"] = average.cpu().numpy().copy()
        return found

    def set_optimizer_state(self, state: dict[str, Array]) -> None:
        own = {k: value for k, value in state.items() if not k.startswith("ema/")}
        for update in self.updates:
            update.set_state(self.own(update.step, own))
            for name, average in update.averages().items():
                average.copy_(torch.as_tensor(state[f"ema/{name}"].copy()))

    def random_state(self) -> dict[str, Array]:
        found = {"cpu": torch.get_rng_state().numpy()}
        if self.device.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self.device).numpy()
        return found

    def set_random_state(self, state: dict[str, Array]) -> None:
        torch.set_rng_state(torch.tensor(state["cpu"]))
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(torch.tensor(state["cuda"]), self.device)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Back to the very bits, so that to evaluate does not change a run."""
        parameters = list(self.parameters.values())
        own = [p.detach().clone() for p in parameters]
        switched = [
            update.optimizer
            for update in self.updates
            if isinstance(update.optimizer, optimizers.ScheduleFreeAdamW)
        ]
        with torch.no_grad():
            for optimizer in switched:
                optimizer.eval()
            for update in self.updates:
                for name, average in update.averages().items():
                    self.parameters[name].copy_(average)
        try:
            yield
        finally:
            with torch.no_grad():
                for optimizer in switched:
                    optimizer.train()
                torch._foreach_copy_(parameters, own)

    # Among several processes

    def gather(self, value: Array) -> Array:
        return distributed.gather(value)

    def losses(self, values: list[Tensor]) -> list[float]:
        found = [float(value) for value in values]
        if self.place.size == 1:
            return found
        return list(map(float, self.gather(np.array(found)).sum(0)))

    # Arrays in

    @property
    def _real(self) -> torch.dtype:
        return next(self.native.parameters()).dtype

    def _inputs(self, arrays: tuple[Array, ...]) -> Tensors:
        return tuple(
            torch.as_tensor(
                a, dtype=self._real if a.dtype.kind == "f" else None, device=self.device
            )
            for a in arrays
        )

    def _tensors(self, batch: Samples) -> tuple[Tensors, Tensors]:
        inputs, targets = batch.arrays
        return self._inputs(inputs), self._inputs(targets)
