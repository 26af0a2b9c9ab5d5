"""Which experts a token goes to."""

import torch
from torch import Tensor


def ranked(scores: Tensor) -> Tensor:
    """How many come before each: what scores higher, and of equals those whose index is
    lower. [..., experts]"""
    mine, others = scores[..., :, None], scores[..., None, :]
    equal = (others == mine).tril(-1)
    return ((others > mine) | equal).sum(-1)


def roomy(ranks: Tensor, chosen: int, room: int) -> Tensor:
    """1 where an expert still takes a token, which it does `room` times: all first
    choices in turn, then all second ones (Lepikhin et al. 2020, algorithm 1).
    [B, T, experts]"""
    taken, used = torch.zeros_like(ranks), torch.zeros_like(ranks[:, :1])
    for choice in range(chosen):
        here = (ranks == choice).to(ranks.dtype)
        before = used + here.cumsum(1) - here
        taken = taken + here * (before < room)
        used = used + here.sum(1, keepdim=True)
    return taken
