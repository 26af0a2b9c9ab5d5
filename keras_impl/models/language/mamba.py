"""Mamba in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/language/mamba.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    Embedding,
    Generates,
    RMSNormalization,
    SpecModel,
    scan_in_rounds,
    scan_in_turn,
)
from keras_impl.precision import exact, full
from shared.specs.language.mamba import MambaSpec

State = tuple[KerasTensor, KerasTensor]  # [B, kernel - 1, inner], [B, inner, state]


def linear(c_in: int, c_out: int) -> Dense:
    return Dense(c_in, c_out, use_bias=False)


class CausalConv(keras.Layer):
    """Of each channel by itself."""

    def __init__(self, spec: MambaSpec):
        super().__init__()
        self.spec = spec
        shape = spec.inner_width, 1, spec.kernel
        self.weight = self.add_weight(shape, "zeros", name="weight")
        self.bias = self.add_weight((spec.inner_width,), "zeros", name="bias")

    def call(self, x: KerasTensor) -> KerasTensor:
        """What is further back stands before the first."""
        length = x.shape[1] - self.spec.before
        y, weight = self.bias, ops.convert_to_tensor(self.weight)
        for i in range(self.spec.kernel):
            y = y + x[:, i : i + length] * weight[:, 0, i]
        return y  # [B, T, inner]


class Mixer(keras.Layer):
    """Figure 3, around algorithm 2."""

    def __init__(self, spec: MambaSpec):
        super().__init__()
        self.spec = spec
        self.A_log = self.exact_weight("A_log", (spec.inner_width, spec.state))
        self.D = self.exact_weight("D", (spec.inner_width,))
        self.in_proj = linear(spec.width, spec.halves_width)
        self.conv1d = CausalConv(spec)
        self.x_proj = linear(spec.inner_width, spec.selected_width)
        self.dt_proj = Dense(spec.rank, spec.inner_width)
        self.out_proj = linear(spec.inner_width, spec.width)

    def exact_weight(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        return self.add_weight(shape, "zeros", name=name, autocast=False)

    def advance(
        self, x: KerasTensor, state: State, parallel: bool
    ) -> tuple[KerasTensor, State]:
        """Go on from what was read before."""
        kept, h = state
        x, gate = ops.split(self.in_proj(x), 2, -1)  # [B, T, inner] each
        x = ops.concatenate([ops.cast(kept, x.dtype), x], 1)
        kept = ops.cast(x[:, x.shape[1] - self.spec.before :], kept.dtype)
        x = ops.silu(self.conv1d(x))
        y, h = self.select(x, h, parallel)
        return self.out_proj(y * ops.silu(gate)), (kept, h)

    def select(
        self, x: KerasTensor, h: KerasTensor, parallel: bool
    ) -> tuple[KerasTensor, KerasTensor]:
        """Equation 2 with what is chosen by each token."""
        rank, state, _ = self.spec.selected
        dt, b, c = ops.split(self.x_proj(x), (rank, rank + state), -1)
        dt = ops.softplus(self.dt_proj(dt))
        scan = scan_in_rounds if parallel else scan_in_turn
        u, dt, b, c = exact((x, dt, b, c))
        decay = ops.exp(dt[..., None] * -ops.exp(self.A_log))
        drive = (dt * u)[..., None] * b[:, :, None]  # [B, T, inner, state]
        h = scan(decay, drive, h)
        y = ops.sum(h * c[:, :, None], -1) + self.D * u
        return ops.cast(y, x.dtype), h[:, -1]


class Block(keras.Layer):
    def __init__(self, spec: MambaSpec):
        super().__init__()
        self.norm = RMSNormalization(spec.width, spec.rms_eps)
        self.mixer = Mixer(spec)

    def advance(
        self, x: KerasTensor, state: State, parallel: bool
    ) -> tuple[KerasTensor, State]:
        y, state = self.mixer.advance(self.norm(x), state, parallel)
        return x + y, state


class Mamba(Generates, SpecModel):
    def __init__(self, spec: MambaSpec):
        super().__init__(spec)
        self.embeddings = Embedding(spec.vocab_size, spec.width)
        self.blocks = [Block(spec) for _ in range(spec.depth)]
        self.norm_f = RMSNormalization(spec.width, spec.rms_eps)

    def call(self, tokens: KerasTensor) -> KerasTensor:
        return self.logits(tokens)

    def logits(self, tokens: KerasTensor, *, parallel: bool = True) -> KerasTensor:
        cache = self.cache(*ops.shape(tokens))
        x, _ = self.advance(tokens, cache, parallel)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[State]:
        """What is known before the first token; it is as large after many."""
        s, dtype = self.spec, self.variable_dtype
        kept = ops.zeros((rows, s.before, s.inner_width), dtype)
        h = ops.zeros((rows, s.inner_width, s.state), dtype)
        return [(kept, h) for _ in self.blocks]

    def extend(
        self, tokens: KerasTensor, cache: list[State], places: KerasTensor
    ) -> tuple[KerasTensor, list[State]]:
        x, cache = self.advance(tokens, cache, True)
        return self.head(x[:, -1]), cache

    def advance(
        self, tokens: KerasTensor, cache: list[State], parallel: bool
    ) -> tuple[KerasTensor, list[State]]:
        x = self.embeddings(tokens)  # [B, T, width]
        after = []
        for block, state in zip(self.blocks, cache, strict=True):
            x, state = block.advance(x, state, parallel)
            after.append(state)
        return x, after

    def head(self, x: KerasTensor) -> KerasTensor:
        x = self.norm_f(x)
        head = ops.cast(ops.transpose(self.embeddings.embeddings), x.dtype)
        return full(ops.matmul(x, head))  # [B, T, vocab_size]
