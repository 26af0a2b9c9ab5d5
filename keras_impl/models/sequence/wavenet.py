"""WaveNet in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/sequence/wavenet.py.
"""

from typing import Any

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, Embedding, Generates, SpecModel
from keras_impl.precision import full
from shared.specs.sequence.tcn import CausalSpec
from shared.specs.sequence.wavenet import WaveNetSpec

Queue = tuple[KerasTensor]  # what a convolution still reaches, [B, before, width]


def joined(queue: Queue, x: KerasTensor) -> tuple[KerasTensor, Queue]:
    """What stood before and what follows; and what is kept of both."""
    (kept,) = queue
    both = ops.concatenate([ops.cast(kept, x.dtype), x], 1)
    return both, (ops.cast(both[:, x.shape[1] :], kept.dtype),)


class CausalConv(keras.Layer):
    """y_t = b + sum_j W_j x_(t - (k - 1 - j) d)."""

    def __init__(self, c: CausalSpec):
        super().__init__()
        self.c = c
        self.weight = self.add_weight((c.c_out, c.c_in, c.k), "zeros", name="weight")
        self.bias = self.add_weight((c.c_out,), "zeros", name="bias")

    def call(self, x: KerasTensor) -> KerasTensor:
        """What is further back stands before the first."""
        length = x.shape[1] - self.c.before
        y, weight = self.bias, ops.convert_to_tensor(self.weight)
        for j, start in enumerate(self.c.starts):
            kernel = ops.transpose(weight[..., j])
            y = y + ops.matmul(x[:, start : start + length], kernel)
        return y  # [B, T, c_out]


class Block(keras.Layer):
    """Figure 4 and equation 2."""

    def __init__(self, spec: WaveNetSpec, c: CausalSpec, last: bool):
        super().__init__()
        self.last = last
        self.dilated = CausalConv(c)
        if not last:
            self.residual = Dense(spec.gate_width, spec.width)
        self.skip = Dense(spec.gate_width, spec.skip_width)

    def advance(
        self, x: KerasTensor, queue: Queue
    ) -> tuple[KerasTensor, KerasTensor, Queue]:
        """Go on from what was read before."""
        both, queue = joined(queue, x)
        y, gate = ops.split(self.dilated(both), 2, -1)  # [B, T, gate_width] each
        y = ops.tanh(y) * ops.sigmoid(gate)
        x = x if self.last else x + self.residual(y)
        return x, self.skip(y), queue


class WaveNet(Generates, SpecModel):
    def __init__(self, spec: WaveNetSpec):
        super().__init__(spec)
        first, *convs = spec.convs
        self.embedding = Embedding(spec.vocab_size, spec.width)
        self.causal = CausalConv(first)
        self.blocks = [Block(spec, c, i == spec.last) for i, c in enumerate(convs)]
        self.head1 = Dense(spec.skip_width, spec.skip_width)
        self.head2 = Dense(spec.skip_width, spec.vocab_size)

    def call(self, tokens: KerasTensor) -> KerasTensor:
        x, _ = self.advance(tokens, self.cache(*ops.shape(tokens)))
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Queue]:
        """What stands before the first sample; it is as much after many."""
        dtype = self.variable_dtype
        return [(ops.zeros((rows, c.before, c.c_in), dtype),) for c in self.spec.convs]

    def extend(
        self, tokens: KerasTensor, cache: list[Queue], places: KerasTensor
    ) -> tuple[KerasTensor, list[Queue]]:
        x, cache = self.advance(tokens, cache)
        return self.head(x[:, -1]), cache

    def advance(
        self, tokens: KerasTensor, cache: list[Queue]
    ) -> tuple[KerasTensor, list[Queue]]:
        first, *queues = cache
        x, first = joined(first, self.embedding(tokens))
        x, after = self.causal(x), [first]  # [B, T, width]
        total: Any = 0.0
        for block, queue in zip(self.blocks, queues, strict=True):
            x, skip, queue = block.advance(x, queue)
            after.append(queue)
            total = total + skip
        return total, after  # [B, T, skip_width]

    def head(self, x: KerasTensor) -> KerasTensor:
        return full(self.head2(ops.relu(self.head1(ops.relu(x)))))
