"""Which experts a token goes to."""

from keras import KerasTensor, ops


def ranked(scores: KerasTensor) -> KerasTensor:
    """How many come before each: what scores higher, and of equals those whose index is
    lower. [..., experts]"""
    mine, others = scores[..., :, None], scores[..., None, :]
    equal = ops.tril(ops.cast(others == mine, "int32"), -1)
    return ops.sum(ops.cast(others > mine, "int32") + equal, -1)


def roomy(ranks: KerasTensor, chosen: int, room: int) -> KerasTensor:
    """1 where an expert still takes a token, which it does `room` times: all first
    choices in turn, then all second ones (Lepikhin et al. 2020, algorithm 1).
    [B, T, experts]"""
    taken, used = ops.zeros_like(ranks), ops.zeros_like(ranks[:, :1])
    for choice in range(chosen):
        here = ops.cast(ranks == choice, ranks.dtype)
        before = used + ops.cumsum(here, 1) - here
        taken = taken + here * ops.cast(before < room, ranks.dtype)
        used = used + ops.sum(here, 1, keepdims=True)
    return taken
