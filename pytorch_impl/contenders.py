"""One update of our optimizers and of torch's own, for benchmarks/optimizers.py."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pytorch_impl import optimizers
from shared.running.rounds import interleaved

Make = Callable[[list[nn.Parameter]], torch.optim.Optimizer]

CONTENDERS: dict[str, dict[str, Make]] = {
    "adamw": {
        "ours": lambda ps: optimizers.AdamW(ps),
        "fused": lambda ps: torch.optim.AdamW(ps, fused=True),
        "foreach": lambda ps: torch.optim.AdamW(ps, foreach=True),
    },
    "momentum": {
        "ours": lambda ps: optimizers.SGD(ps, momentum=0.9),
        "fused": lambda ps: torch.optim.SGD(ps, lr=1e-2, momentum=0.9, fused=True),
        "foreach": lambda ps: torch.optim.SGD(ps, lr=1e-2, momentum=0.9, foreach=True),
    },
    "lion": {
        "ours": lambda ps: optimizers.Lion(ps),
        "foreach AdamW": lambda ps: torch.optim.AdamW(ps, foreach=True),
    },
}


# A worker sees no GPU unless it was asked for.
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def time(name: str, shapes: list[tuple[int, ...]], rounds: int) -> dict[str, Any]:
    torch.manual_seed(0)
    gradients = [torch.randn(shape, device=DEVICE) for shape in shapes]
    calls = {k: _step(make, gradients) for k, make in CONTENDERS[name].items()}
    return interleaved(calls, rounds)


def _step(make: Make, gradients: list[torch.Tensor]) -> Callable[[], object]:
    parameters = [nn.Parameter(torch.randn_like(g)) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g
    native = make(parameters)
    if DEVICE.type == "cpu":
        return lambda: native.step()

    def finished() -> None:
        native.step()
        torch.cuda.synchronize()

    return finished
