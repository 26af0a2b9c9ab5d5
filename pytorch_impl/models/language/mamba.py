"""Mamba in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/language/mamba.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Generates, RMSNorm, scan_in_rounds, scan_in_turn
from pytorch_impl.precision import exact, full
from shared.specs.language.mamba import MambaSpec

State = tuple[Tensor, Tensor]  # [B, kernel - 1, inner], [B, inner, state]


def linear(c_in: int, c_out: int) -> nn.Linear:
    return nn.Linear(c_in, c_out, bias=False)


class CausalConv(nn.Module):
    """Of each channel by itself."""

    def __init__(self, spec: MambaSpec):
        super().__init__()
        self.spec = spec
        self.weight = nn.Parameter(torch.empty(spec.inner_width, 1, spec.kernel))
        self.bias = nn.Parameter(torch.empty(spec.inner_width))

    def forward(self, x: Tensor) -> Tensor:
        """What is further back stands before the first."""
        length = x.shape[1] - self.spec.before
        y: Tensor = self.bias
        for i in range(self.spec.kernel):
            y = y + x[:, i : i + length] * self.weight[:, 0, i]
        return y  # [B, T, inner]


class Mixer(nn.Module):
    """Figure 3, around algorithm 2."""

    def __init__(self, spec: MambaSpec):
        super().__init__()
        self.spec = spec
        self.A_log = nn.Parameter(torch.empty(spec.inner_width, spec.state))
        self.D = nn.Parameter(torch.empty(spec.inner_width))
        self.in_proj = linear(spec.width, spec.halves_width)
        self.conv1d = CausalConv(spec)
        self.x_proj = linear(spec.inner_width, spec.selected_width)
        self.dt_proj = nn.Linear(spec.rank, spec.inner_width)
        self.out_proj = linear(spec.inner_width, spec.width)

    def advance(self, x: Tensor, state: State, parallel: bool) -> tuple[Tensor, State]:
        """Go on from what was read before."""
        kept, h = state
        x, gate = self.in_proj(x).chunk(2, -1)  # [B, T, inner] each
        x = torch.cat([kept.to(x.dtype), x], 1)
        kept = x[:, x.shape[1] - self.spec.before :]
        x = F.silu(self.conv1d(x))
        y, h = self.select(x, h, parallel)
        return self.out_proj(y * F.silu(gate)), (kept, h)

    def select(self, x: Tensor, h: Tensor, parallel: bool) -> tuple[Tensor, Tensor]:
        """Equation 2 with what is chosen by each token."""
        dt, b, c = self.x_proj(x).split(self.spec.selected, -1)
        dt = F.softplus(self.dt_proj(dt))
        scan = scan_in_rounds if parallel else scan_in_turn
        with exact((x, dt, b, c)) as (u, dt, b, c):
            decay = torch.exp(dt[..., None] * -torch.exp(self.A_log))
            drive = (dt * u)[..., None] * b[:, :, None]  # [B, T, inner, state]
            h = scan(decay, drive, h)
            y = (h * c[:, :, None]).sum(-1) + self.D * u
        return y.to(x.dtype), h[:, -1]


class Block(nn.Module):
    def __init__(self, spec: MambaSpec):
        super().__init__()
        self.norm = RMSNorm(spec.width, spec.rms_eps)
        self.mixer = Mixer(spec)

    def advance(self, x: Tensor, state: State, parallel: bool) -> tuple[Tensor, State]:
        y, state = self.mixer.advance(self.norm(x), state, parallel)
        return x + y, state


class Mamba(Generates, nn.Module):
    def __init__(self, spec: MambaSpec):
        super().__init__()
        self.spec = spec
        self.embeddings = nn.Embedding(spec.vocab_size, spec.width)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.depth))
        self.norm_f = RMSNorm(spec.width, spec.rms_eps)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits(tokens)

    def logits(self, tokens: Tensor, *, parallel: bool = True) -> Tensor:
        cache = self.cache(*tokens.shape)
        return self.head(self.advance(tokens, cache, parallel))

    def cache(self, rows: int, length: int) -> list[State]:
        """What is known before the first token; it is as large after many."""
        s, empty = self.spec, self.embeddings.weight.new_zeros
        kept, h = (rows, s.before, s.inner_width), (rows, s.inner_width, s.state)
        return [(empty(kept), empty(h)) for _ in self.blocks]

    def extend(self, tokens: Tensor, cache: list[State], places: Tensor) -> Tensor:
        return self.head(self.advance(tokens, cache, True)[:, -1])

    def advance(self, tokens: Tensor, cache: list[State], parallel: bool) -> Tensor:
        x = self.embeddings(tokens)  # [B, T, width]
        for i, block in enumerate(self.blocks):
            x, cache[i] = block.advance(x, cache[i], parallel)  # type: ignore[operator]
        return x

    def head(self, x: Tensor) -> Tensor:
        return full(F.linear(self.norm_f(x), self.embeddings.weight))
