"""Training in PyTorch: the step and the loop.

To train in another way, override `training_step`, `validation_step`, `test_step` or
`predict_step`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pytorch_impl import definitions, distributed, optimizers, schedules
from pytorch_impl.weights import tensor
from shared import contract
from shared.arrays import Array
from shared.contract import Seen, flat
from shared.data.batches import Samples
from shared.definitions.optimizers import excluded
from shared.objectives.plan import Plan
from shared.randomness import Draws

Tensors = tuple[Tensor, ...]


class Trainer(contract.Trainer):
    def __init__(self, model: Any, plan: Plan):
        self.model, self.plan = model, plan
        self.place = distributed.place()
        self.native: torch.nn.Module = distributed.synchronized(model.native)
        heads, spec = plan.heads, model.spec
        partial = not spec or (heads and len(heads) < len(spec.outputs(True)))
        self.network = distributed.replicated(self.native, bool(partial))
        self.device = next(self.native.parameters()).device
        found = {k: s for k, s in model.slots().items() if s.trainable}
        self.parameters: dict[str, Any] = {k: tensor(s) for k, s in found.items()}
        shapes = {name: slot.shape for name, slot in found.items()}
        self.loss = definitions.loss(plan.loss)
        self.optimizer = definitions.optimizer(
            plan.optimizer, self.parameters, excluded(shapes)
        )
        factor = definitions.schedule(plan.schedule)
        self.scheduler = schedules.Scheduled(self.optimizer, factor)
        self.ema: Any = None
        if plan.ema is not None:
            self.ema = optimizers.Ema(self.parameters.values(), decay=plan.ema.decay)
        self.batches = 0
        torch.manual_seed(self.place.seed(plan.seed))

    # What a batch goes through

    def training_step(self, inputs: Tensors, targets: Tensors) -> Tensor:
        """The loss to minimise."""
        with torch.autocast(
            self.device.type,
            torch.bfloat16,
            enabled=self.plan.precision == "bfloat16",
        ):
            outputs = flat(self.network(*inputs))
        outputs = tuple(output.to(self._real) for output in outputs)
        return self.plan.objective(self.loss, outputs, targets)

    def validation_step(self, inputs: Tensors) -> Tensors:
        return self.predict_step(inputs)

    def test_step(self, inputs: Tensors) -> Tensors:
        return self.predict_step(inputs)

    def predict_step(self, inputs: Tensors) -> Tensors:
        return flat(self.native(*inputs))

    # The loop

    def fit(self, run: Any) -> None:
        for _ in run.epochs():
            self.native.train()
            for batch in run.batches():
                with distributed.apart(self.network, self.due):
                    loss = self.part_of_loss(batch)
                    self.descend(loss)
                run.after_batch(loss.detach())
            run.after_epoch()

    def part_of_loss(self, batch: Samples) -> Tensor:
        """Of the rows that are this process's; all parts add up to the batch's loss."""
        part = self.place.part(batch)
        loss = self.training_step(*self._tensors(part))
        return loss if part is batch else loss * self.plan.share(part, batch)

    @property
    def due(self) -> bool:
        """Whether the next batch makes an update."""
        return (self.batches + 1) % self.plan.accumulate == 0

    def descend(self, loss: Tensor) -> None:
        """Add the gradients of a batch; update when there are enough."""
        # Of several processes' gradients the mean is taken, the sum is wanted.
        torch.autograd.backward(loss / (self.plan.accumulate / self.place.size))
        self.batches += 1
        if self.batches % self.plan.accumulate:
            return
        if self.plan.clip is not None:
            gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
            definitions.clip(self.plan.clip, gradients)
        self.optimizer.step()
        if self.batches % self.plan.passes == 0:
            self.scheduler.step()
        if self.ema:
            self.ema.update()
        self.optimizer.zero_grad()

    def predict(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.native.eval()
        with torch.inference_mode():
            outputs = self.predict_step(self._inputs(inputs))
        return tuple(o.cpu().numpy() for o in outputs)

    def observe(self, batch: Samples, seed: int, step: int) -> Seen:
        for path, module in self.native.named_modules():
            if hasattr(module, "draws"):
                module.draws = Draws(seed, path, step, self.place.cut(len(batch)))
        self.native.train()
        named = self.parameters.items()
        with distributed.apart(self.network, self.due):
            loss = self.part_of_loss(batch)
            found = torch.autograd.grad(
                loss, [p for _, p in named], retain_graph=True, allow_unused=True
            )
            self.descend(loss)
        gradients = {
            name: torch.zeros_like(p).numpy() if g is None else g.numpy().copy()
            for (name, p), g in zip(named, found, strict=True)
        }
        if self.place.size > 1:
            gradients = {k: self.gather(g).sum(0) for k, g in gradients.items()}
        return Seen(self.losses([loss.detach()])[0], gradients, self.weights())

    # What a checkpoint holds

    def weights(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self.model.dump().items()}

    def set_weights(self, values: dict[str, Array]) -> None:
        self.model.load(values)

    def scale(self, factor: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.optimizer.lr * factor
        self.scheduler.base_lrs = [group["lr"] for group in self.optimizer.param_groups]

    def optimizer_state(self) -> dict[str, Array]:
        found = definitions.state(self.optimizer, self.parameters)
        if self.ema:
            averages = zip(self.parameters, self.ema.averages, strict=True)
            found |= {f"ema/{name}": a.cpu().numpy().copy() for name, a in averages}
        return found

    def set_optimizer_state(self, state: dict[str, Array]) -> None:
        state = dict(state)
        if self.ema:
            self.ema.averages = [
                torch.as_tensor(state.pop(f"ema/{name}").copy(), device=p.device)
                for name, p in self.parameters.items()
            ]
        definitions.set_state(self.optimizer, self.parameters, state)
        updates = int(state["t"]) // self.plan.passes
        self.batches = int(state["t"]) * self.plan.accumulate
        self.scheduler.last_epoch = updates - 1
        self.scheduler.step()

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
        optimizer = self.optimizer
        with torch.no_grad():
            if isinstance(optimizer, optimizers.ScheduleFreeAdamW):
                optimizer.eval()
            elif self.ema:
                torch._foreach_copy_(parameters, self.ema.averages)
        try:
            yield
        finally:
            with torch.no_grad():
                if isinstance(optimizer, optimizers.ScheduleFreeAdamW):
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
        return self._inputs(batch.inputs), self._inputs(batch.targets)
