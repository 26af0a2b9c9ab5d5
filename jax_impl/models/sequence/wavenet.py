"""WaveNet in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/sequence/wavenet.py.
"""

from typing import Any

import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn.dtypes import promote_dtype
from jax import Array

from jax_impl.layers import Embed, Generates, Linear
from jax_impl.precision import full
from shared.specs.sequence.tcn import CausalSpec
from shared.specs.sequence.wavenet import WaveNetSpec

Queue = tuple[Array]  # what a convolution still reaches, [B, before, width]


def joined(queue: Queue, x: Array) -> tuple[Array, Queue]:
    """What stood before and what follows; and what is kept of both."""
    (kept,) = queue
    both = jnp.concatenate([kept.astype(x.dtype), x], 1)
    return both, (both[:, x.shape[1] :].astype(kept.dtype),)


class CausalConv(nnx.Module):
    """y_t = b + sum_j W_j x_(t - (k - 1 - j) d)."""

    def __init__(self, c: CausalSpec):
        self.c, self.dtype = c, None
        self.weight = nnx.Param(jnp.zeros((c.c_out, c.c_in, c.k)))
        self.bias = nnx.Param(jnp.zeros(c.c_out))

    def __call__(self, x: Array) -> Array:
        """What is further back stands before the first."""
        given = x, self.weight[...], self.bias[...]
        x, weight, y = promote_dtype(given, dtype=self.dtype)
        length = x.shape[1] - self.c.before
        for j, start in enumerate(self.c.starts):
            y = y + x[:, start : start + length] @ weight[..., j].T
        return y  # [B, T, c_out]


class Block(nnx.Module):
    """Figure 4 and equation 2."""

    def __init__(self, spec: WaveNetSpec, c: CausalSpec, last: bool, *, rngs: nnx.Rngs):
        self.last = last
        self.dilated = CausalConv(c)
        if not last:
            self.residual = Linear(spec.gate_width, spec.width, rngs=rngs)
        self.skip = Linear(spec.gate_width, spec.skip_width, rngs=rngs)

    def advance(self, x: Array, queue: Queue) -> tuple[Array, Array, Queue]:
        """Go on from what was read before."""
        both, queue = joined(queue, x)
        y, gate = jnp.split(self.dilated(both), 2, -1)  # [B, T, gate_width] each
        y = nnx.tanh(y) * nnx.sigmoid(gate)
        x = x if self.last else x + self.residual(y)
        return x, self.skip(y), queue


class WaveNet(Generates, nnx.Module):
    def __init__(self, spec: WaveNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        first, *convs = spec.convs
        self.embedding = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.causal = CausalConv(first)
        self.blocks = nnx.List(
            Block(spec, c, i == spec.last, rngs=rngs) for i, c in enumerate(convs)
        )
        self.head1 = Linear(spec.skip_width, spec.skip_width, rngs=rngs)
        self.head2 = Linear(spec.skip_width, spec.vocab_size, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        x, _ = self.advance(tokens, self.cache(*tokens.shape))
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Queue]:
        """What stands before the first sample; it is as much after many."""
        dtype = self.embedding.embedding.dtype
        return [(jnp.zeros((rows, c.before, c.c_in), dtype),) for c in self.spec.convs]

    def extend(
        self, tokens: Array, cache: list[Queue], places: Array
    ) -> tuple[Array, list[Queue]]:
        x, cache = self.advance(tokens, cache)
        return self.head(x[:, -1]), cache

    def advance(self, tokens: Array, cache: list[Queue]) -> tuple[Array, list[Queue]]:
        first, *queues = cache
        x, first = joined(first, self.embedding(tokens))
        x, after = self.causal(x), [first]  # [B, T, width]
        total: Any = 0.0
        for block, queue in zip(self.blocks, queues, strict=True):
            x, skip, queue = block.advance(x, queue)
            after.append(queue)
            total = total + skip
        return total, after  # [B, T, skip_width]

    def head(self, x: Array) -> Array:
        return full(self.head2(nnx.relu(self.head1(nnx.relu(x)))))
