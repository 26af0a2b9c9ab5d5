"""Mamba in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/language/mamba.py.
"""

import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn.dtypes import promote_dtype
from jax import Array

from jax_impl.layers import (
    Embed,
    Generates,
    Linear,
    RMSNorm,
    scan_in_rounds,
    scan_in_turn,
)
from jax_impl.precision import exact, full
from shared.specs.language.mamba import MambaSpec

State = tuple[Array, Array]  # [B, kernel - 1, inner], [B, inner, state]


def linear(c_in: int, c_out: int, *, rngs: nnx.Rngs) -> Linear:
    return Linear(c_in, c_out, use_bias=False, rngs=rngs)


class CausalConv(nnx.Module):
    """Of each channel by itself."""

    def __init__(self, spec: MambaSpec):
        self.spec, self.dtype = spec, None
        self.weight = nnx.Param(jnp.zeros((spec.inner_width, 1, spec.kernel)))
        self.bias = nnx.Param(jnp.zeros(spec.inner_width))

    def __call__(self, x: Array) -> Array:
        """What is further back stands before the first."""
        given = x, self.weight[...], self.bias[...]
        x, weight, y = promote_dtype(given, dtype=self.dtype)
        length = x.shape[1] - self.spec.before
        for i in range(self.spec.kernel):
            y = y + x[:, i : i + length] * weight[:, 0, i]
        return y  # [B, T, inner]


class Mixer(nnx.Module):
    """Figure 3, around algorithm 2."""

    def __init__(self, spec: MambaSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.A_log = nnx.Param(jnp.zeros((spec.inner_width, spec.state)))
        self.D = nnx.Param(jnp.zeros(spec.inner_width))
        self.in_proj = linear(spec.width, spec.halves_width, rngs=rngs)
        self.conv1d = CausalConv(spec)
        self.x_proj = linear(spec.inner_width, spec.selected_width, rngs=rngs)
        self.dt_proj = Linear(spec.rank, spec.inner_width, rngs=rngs)
        self.out_proj = linear(spec.inner_width, spec.width, rngs=rngs)

    def advance(self, x: Array, state: State, parallel: bool) -> tuple[Array, State]:
        """Go on from what was read before."""
        kept, h = state
        x, gate = jnp.split(self.in_proj(x), 2, -1)  # [B, T, inner] each
        x = jnp.concatenate([kept.astype(x.dtype), x], 1)
        kept = x[:, x.shape[1] - self.spec.before :].astype(kept.dtype)
        x = nnx.silu(self.conv1d(x))
        y, h = self.select(x, h, parallel)
        return self.out_proj(y * nnx.silu(gate)), (kept, h)

    def select(self, x: Array, h: Array, parallel: bool) -> tuple[Array, Array]:
        """Equation 2 with what is chosen by each token."""
        rank, state, _ = self.spec.selected
        dt, b, c = jnp.split(self.x_proj(x), (rank, rank + state), -1)
        dt = nnx.softplus(self.dt_proj(dt))
        scan = scan_in_rounds if parallel else scan_in_turn
        u, dt, b, c = exact((x, dt, b, c))
        decay = jnp.exp(dt[..., None] * -jnp.exp(self.A_log[...]))
        drive = (dt * u)[..., None] * b[:, :, None]  # [B, T, inner, state]
        h = scan(decay, drive, h)
        y = (h * c[:, :, None]).sum(-1) + self.D[...] * u
        return y.astype(x.dtype), h[:, -1]


class Block(nnx.Module):
    def __init__(self, spec: MambaSpec, *, rngs: nnx.Rngs):
        self.norm = RMSNorm(spec.width, spec.rms_eps, rngs=rngs)
        self.mixer = Mixer(spec, rngs=rngs)

    def advance(self, x: Array, state: State, parallel: bool) -> tuple[Array, State]:
        y, state = self.mixer.advance(self.norm(x), state, parallel)
        return x + y, state


class Mamba(Generates, nnx.Module):
    def __init__(self, spec: MambaSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.embeddings = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.blocks = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.depth))
        self.norm_f = RMSNorm(spec.width, spec.rms_eps, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        return self.logits(tokens)

    def logits(self, tokens: Array, *, parallel: bool = True) -> Array:
        cache = self.cache(*tokens.shape)
        x, _ = self.advance(tokens, cache, parallel)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[State]:
        """What is known before the first token; it is as large after many."""
        s, dtype = self.spec, self.norm_f.scale.dtype
        kept = jnp.zeros((rows, s.before, s.inner_width), dtype)
        h = jnp.zeros((rows, s.inner_width, s.state), dtype)
        return [(kept, h) for _ in self.blocks]

    def extend(
        self, tokens: Array, cache: list[State], places: Array
    ) -> tuple[Array, list[State]]:
        x, cache = self.advance(tokens, cache, True)
        return self.head(x[:, -1]), cache

    def advance(
        self, tokens: Array, cache: list[State], parallel: bool
    ) -> tuple[Array, list[State]]:
        x = self.embeddings(tokens)  # [B, T, width]
        after = []
        for block, state in zip(self.blocks, cache, strict=True):
            x, state = block.advance(x, state, parallel)
            after.append(state)
        return x, after

    def head(self, x: Array) -> Array:
        return full(self.embeddings.attend(self.norm_f(x)))
