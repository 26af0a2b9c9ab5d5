"""What a benchmark repeats, as PyTorch's users run it fast."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pytorch_impl import devices
from pytorch_impl.precision import products
from pytorch_impl.training import Trainer
from shared.arrays import Array
from shared.contract import flat
from shared.data.batches import Samples
from shared.messages import Workload

MODES = ("eager", "eager-nhwc", "compiled", "compiled-nhwc")
Call = Callable[[], Any]


def make(model: Any, work: Workload) -> Call:
    torch.set_float32_matmul_precision("high" if work.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = work.tf32
    torch.backends.cudnn.benchmark = True
    trainer = Trainer(model, work.plan)
    call = TASKS.get(work.task, program)(trainer, work)
    if trainer.device.type == "cpu":
        return call

    def finished() -> Any:
        outputs = call()
        devices.settle(trainer.device)
        if trainer.device.type == "cuda":
            torch.cuda.synchronize()
        return outputs

    return finished


def arrays(outputs: Any) -> tuple[Array, ...]:
    return tuple(o.detach().float().cpu().numpy() for o in flat(outputs))


def inference(trainer: Trainer, work: Workload) -> Call:
    native = _arranged(trainer.native.eval(), work, freezing=True)
    inputs, _ = _tensors(trainer, work, work.batch)

    @torch.inference_mode()
    def call() -> Any:
        with products(trainer.device, trainer.model.low):
            return native(*inputs)

    return call


def program(trainer: Trainer, work: Workload) -> Call:
    """One of the spec's programs, which `work.batch` has the inputs of."""
    trainer.native.eval()
    run = trainer.model.entry(work.task, trainer.native)
    if work.mode.startswith("compiled"):
        run = torch.compile(run)
    inputs, _ = _tensors(trainer, work, work.batch)

    @torch.inference_mode()
    def call() -> Any:
        with products(trainer.device, trainer.model.low):
            return run(*inputs)

    return call


def training(trainer: Trainer, work: Workload) -> Call:
    _train(trainer, work)
    part = trainer.place.part(work.batch)
    tensors = _tensors(trainer, work, part)
    share = (
        1.0 if part is work.batch else trainer.plan.objective.share(part, work.batch)
    )

    def call() -> Tensor:
        return next(iter(trainer.advance(tensors, len(part), share).values()))

    return call


def _train(trainer: Trainer, work: Workload) -> None:
    """Give the call that trains: with one step the network is compiled whole, with
    several the parts that the steps call."""
    trainer.native.train()
    if len(trainer.updates) == 1:
        trainer.network = _arranged(trainer.network.train(), work)
    elif work.mode.startswith("compiled"):
        for part in trainer.native.children():
            part.compile()


def optimizer(trainer: Trainer, work: Workload) -> Call:
    _train(trainer, work)
    tensors = _tensors(trainer, work, work.batch)
    step = trainer.updates[0].step
    noise = trainer._noise(step, len(work.batch))
    losses = trainer.training_step(*tensors, step, noise)
    torch.autograd.backward(next(iter(losses.values())))

    def call() -> None:
        trainer.optimizer.step()

    return call


def loading(trainer: Trainer, work: Workload) -> Call:
    batches = work.batches()

    def call() -> None:
        trainer._tensors(next(batches))

    return call


TASKS: dict[str, Callable[[Trainer, Workload], Call]] = {
    "inference": inference,
    "training": training,
    "optimizer": optimizer,
    "loading": loading,
}


def _arranged(native: nn.Module, work: Workload, **options: Any) -> Any:
    if work.mode.endswith("-nhwc"):
        native = native.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if not work.mode.startswith("compiled"):
        return native
    return torch.compile(native, options=options)


def _tensors(trainer: Trainer, work: Workload, batch: Samples) -> tuple[Any, Any]:
    inputs, targets = trainer._tensors(batch)
    if work.mode.endswith("-nhwc"):
        images = [
            x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
            for x in inputs
        ]
        return tuple(images), targets
    return inputs, targets


def probe(size: int, dtype: str, device: str, tf32: bool, seconds: float) -> float:
    """What a product of square matrices reaches, in GFLOP/s: the best of its calls."""
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    # Of random numbers: a chip multiplies ones faster.
    a = torch.randn(size, size, device=device).to(getattr(torch, dtype))
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end or best == float("inf"):
        start = time.perf_counter()
        a @ a
        if a.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9
