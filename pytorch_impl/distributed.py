"""Training in several processes with torch.distributed: one process a device.

Gloo carries what lies on CPUs, NCCL what lies on GPUs. Started by `triptych train
--processes N` or by torchrun, whose variables are the same.
"""

import os
import socket
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import TCPStore
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from shared.arrays import Array
from shared.distributed import HOST, Place


def join() -> None:
    """Meet the others, and return when all are there."""
    here = Place.told()
    backend = "gloo"
    if torch.cuda.is_available():
        backend = "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(here.local % torch.cuda.device_count())
    if "TORCHELASTIC_USE_AGENT_STORE" in os.environ:
        dist.init_process_group(backend)
        return
    if here.addresses[0].startswith(HOST):
        # DIFF(listening): by itself it listens on every interface of the machine.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = _meeting(here)
    dist.init_process_group(backend, store=store, rank=here.rank, world_size=here.size)


def _meeting(here: Place) -> TCPStore:
    host, _, port = here.addresses[0].rpartition(":")
    listen: dict[str, Any] = {}
    if here.first:
        listening = socket.create_server((host, int(port)))
        listen = {"is_master": True, "master_listen_fd": listening.detach()}
    return TCPStore(host, int(port), here.size, **listen)


def place() -> Place:
    if not dist.is_initialized():
        return Place()
    return Place(dist.get_rank(), dist.get_world_size())


def gather(value: Array) -> Array:
    """What each process has, by rank."""
    if not dist.is_initialized():
        return value[None]
    own = torch.from_numpy(np.ascontiguousarray(value))
    found = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(found, own)
    return torch.stack(found).numpy()


def replicated(model: nn.Module, partial: bool) -> nn.Module:
    """The gradients of its copies become their mean while they are differentiated.

    partial: some of its parameters have no part in the loss.
    """
    if not dist.is_initialized():
        return model
    # Buffers are equal as they are: BatchNorm is synchronised.
    return DistributedDataParallel(
        model, forward_sync_buffers=False, find_unused_parameters=partial
    )


def apart(network: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Within this context gradients are only added up here, until the last of an
    update."""
    if last or not isinstance(network, DistributedDataParallel):
        return nullcontext()
    return network.no_sync()


def add_up(gradients: list[Tensor]) -> None:
    """Each becomes its sum over all processes."""
    if dist.is_initialized():
        for gradient in gradients:
            dist.all_reduce(gradient)


def synchronized(model: nn.Module) -> nn.Module:
    """Let a model's BatchNorms take the statistics of the whole batch."""
    if not dist.is_initialized():
        return model
    if next(model.parameters()).is_cuda:
        convert: Any = nn.SyncBatchNorm.convert_sync_batchnorm
        return convert(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm):
                setattr(parent, name, BatchNorm.like(child))
    return model


class BatchNorm(_BatchNorm):
    """DIFF(sync-bn): torch's own SyncBatchNorm runs on GPUs only."""

    running_mean: Tensor
    running_var: Tensor
    momentum: float

    @classmethod
    def like(cls, other: _BatchNorm) -> "BatchNorm":
        """Make one with the very parameters and buffers of another."""
        new = cls(other.num_features, other.eps, other.momentum, device="meta")
        new._parameters, new._buffers = other._parameters, other._buffers
        return new.train(other.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        axes, ones = [0, *range(2, x.ndim)], [1] * (x.ndim - 2)
        exact = x.to(self.weight.dtype)  # also where x is bfloat16
        number = exact.new_tensor([x.numel() // x.shape[1]])
        sums = total(torch.cat([exact.sum(axes), number]))
        n = sums[-1].detach()
        d = exact - (sums[:-1] / n).view(-1, *ones)
        variance = total(d.square().sum(axes)) / n
        with torch.no_grad():
            self.running_mean.lerp_(sums[:-1] / n, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
        y = d * torch.rsqrt(variance + self.eps).view(-1, *ones)
        y = y * self.weight.view(-1, *ones) + self.bias.view(-1, *ones)
        return y.to(x.dtype)

    def _check_input_dim(self, x: Tensor) -> None:
        """Let any number of axes pass."""


def total(value: Tensor) -> Tensor:
    """The sum over all processes, which can be differentiated."""
    sum_up: Any = _Total.apply
    return sum_up(value)


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone()
        dist.all_reduce(value)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # Every process's loss depends on the sum.
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient
