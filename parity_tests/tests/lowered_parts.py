"""Parts computed in bfloat16 that belong in float32, planted in a worker's own process:
what the tier `bfloat16` must see."""

from contextlib import contextmanager
from typing import Any

PARTS = ("norm", "softmax", "loss", "parameters")
_HEALED: list[tuple[Any, str, Any]] = []


def plant(package: str, part: str) -> None:
    """Compute this part in bfloat16 until `heal`."""
    {"pytorch_impl": _torch, "keras_impl": _keras, "jax_impl": _jax}[package](part)


def heal() -> None:
    while _HEALED:
        setattr(*_HEALED.pop())


def _patch(holder: Any, name: str, value: Any) -> None:
    _HEALED.append((holder, name, getattr(holder, name)))
    setattr(holder, name, value)


def _torch(part: str) -> None:
    import torch
    from torch.nn import functional

    from pytorch_impl.layers import attention
    from pytorch_impl.objectives import supervised

    @contextmanager
    def low(values: Any) -> Any:
        with torch.autocast("cpu", enabled=False):
            yield tuple(v.bfloat16() for v in values)

    def written(self: Any, x: Any) -> Any:
        x = x.bfloat16()
        spread = (x - x.mean(-1, keepdim=True)) * torch.rsqrt(
            x.var(-1, keepdim=True, unbiased=False) + self.eps
        )
        return spread * self.weight + self.bias

    def cast(self: Any, x: Any) -> Any:
        own = self.weight.bfloat16(), self.bias.bfloat16()
        return functional.layer_norm(x.bfloat16(), x.shape[-1:], *own, self.eps)

    if part == "softmax":
        _patch(attention, "exact", low)
    elif part == "loss":
        _patch(supervised, "exact", low)
    else:
        _patch(torch.nn.LayerNorm, "forward", written if part == "norm" else cast)


def _keras(part: str) -> None:
    from keras import ops

    from keras_impl.layers import LayerNormalization, attention
    from keras_impl.training import Learner

    def low(values: Any) -> Any:
        return tuple(ops.cast(v, "bfloat16") for v in values)

    def written(self: Any, x: Any) -> Any:
        x = ops.cast(x, "bfloat16")
        moved = x - ops.mean(x, -1, keepdims=True)
        spread = moved * ops.rsqrt(ops.mean(moved * moved, -1, keepdims=True) + 1e-5)
        return spread * ops.cast(self.gamma, x.dtype) + ops.cast(self.beta, x.dtype)

    def cast(self: Any, x: Any) -> Any:
        own = low((self.gamma, self.beta))
        y = ops.layer_normalization(x, *own, -1, self.epsilon)
        return ops.cast(y, self.compute_dtype)

    def lost(self: Any, x: Any, y: Any, y_pred: Any, *rest: Any) -> Any:
        loss = self.criterion.call(*y, *low(y_pred))
        return ops.cast(loss, "float32")

    if part == "softmax":
        _patch(attention, "exact", low)
    elif part == "loss":
        _patch(Learner, "compute_loss", lost)
    else:
        _patch(LayerNormalization, "call", written if part == "norm" else cast)


def _jax(part: str) -> None:
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from jax_impl import adapter
    from jax_impl.layers import LayerNorm, attention
    from jax_impl.objectives import supervised
    from jax_impl.weights import named_modules

    def low(values: Any) -> Any:
        return tuple(v.astype(jnp.bfloat16) for v in values)

    def written(self: Any, x: Any) -> Any:
        x = x.astype(jnp.bfloat16)
        moved = x - x.mean(-1, keepdims=True)
        spread = moved * jax.lax.rsqrt((moved * moved).mean(-1, keepdims=True) + 1e-5)
        return (spread * self.scale[...] + self.bias[...]).astype(x.dtype)

    def all_of_it(model: nnx.Module) -> None:
        for _, module in named_modules(model):
            if hasattr(module, "dtype"):
                module.dtype = jnp.bfloat16

    if part == "softmax":
        _patch(attention, "exact", low)
    elif part == "loss":
        _patch(supervised, "exact", low)
    elif part == "norm":
        _patch(LayerNorm, "__call__", written)
    else:
        _patch(adapter, "lower", all_of_it)
