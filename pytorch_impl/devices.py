"""XLA's device, which computes nothing before it is asked to: TPUs are of its kind."""

import importlib

import torch
from torch import nn


def move(native: nn.Module, device: str) -> None:
    if device == "tpu":
        native.to(importlib.import_module("torch_xla").device())
    else:
        native.to(device or "cpu")


def settle(device: torch.device) -> None:
    """Compute all that waits on XLA's device as one program. Tensors that are read
    without it are computed one by one, each by a program that is compiled for it alone.
    """
    if device.type == "xla":
        importlib.import_module("torch_xla").sync()
