"""RealNVP and rectified flow in PyTorch, [B, features].

Spec, papers: shared/specs/generative/flow.py.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.precision import full
from shared.specs.generative.flow import CouplingSpec, RealNVPSpec, RectifiedFlowSpec


class Coupling(nn.Module):
    """Scales and shifts one half of the numbers by what it makes of the other."""

    def __init__(self, s: CouplingSpec, spec: RealNVPSpec):
        super().__init__()
        self.s, self.bound = s, spec.bound
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in s.sizes)
        self.fc = nn.Linear(*s.out)

    def forward(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Give the logarithm of the scale, and the shift."""
        for layer in self.hidden:
            kept = F.relu(layer(kept))
        raw, shift = full(self.fc(kept)).chunk(2, -1)
        return self.bound * torch.tanh(raw / self.bound), shift

    def joined(self, kept: Tensor, moved: Tensor) -> Tensor:
        return torch.cat([kept, moved] if self.s.first else [moved, kept], -1)

    def towards_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept, moved = x[:, self.s.kept], x[:, self.s.moved]
        scale, shift = self(kept)
        moved = moved * torch.exp(scale) + shift  # equation 7
        return self.joined(kept, moved), scale.sum(-1)

    def towards_data(self, x: Tensor) -> Tensor:
        kept, moved = x[:, self.s.kept], x[:, self.s.moved]
        scale, shift = self(kept)
        moved = (moved - shift) * torch.exp(-scale)  # equation 8
        return self.joined(kept, moved)


class RealNVP(nn.Module):
    def __init__(self, spec: RealNVPSpec):
        super().__init__()
        self.spec = spec
        self.couplings: Any = nn.ModuleList(Coupling(s, spec) for s in spec.couplings)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Give the noise, [B, features], and the logarithm of the determinant, [B]."""
        z, log_determinant = full(image), torch.zeros_like(full(image)[:, 0])
        for coupling in self.couplings:
            z, more = coupling.towards_noise(z)
            log_determinant = log_determinant + more
        return z, log_determinant

    def sample(self, z: Tensor) -> Tensor:
        x = full(z)
        for coupling in reversed(self.couplings):
            x = coupling.towards_data(x)
        return x

    def score(self, image: Tensor) -> Tensor:
        """Give log p of each image (equation 3)."""
        z, log_determinant = self(image)
        return self.spec.log_scale - z.square().sum(-1) / 2 + log_determinant


class RectifiedFlow(nn.Module):
    def __init__(self, spec: RectifiedFlowSpec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in spec.sizes)
        self.fc = nn.Linear(spec.hidden[-1], spec.features)

    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        frequencies = torch.tensor(self.spec.frequencies).to(time)
        angles = time[:, None] * frequencies
        x = torch.cat([full(image), angles.sin(), angles.cos()], -1)
        for layer in self.hidden:
            x = F.silu(layer(x))
        return self.fc(x)  # [B, features]

    def sample(self, noise: Tensor) -> Tensor:
        """Follow the velocity from noise to data (Euler)."""
        x, steps = full(noise), self.spec.steps
        for i in range(steps):
            time = x.new_full(x.shape[:1], i / steps)
            x = x + full(self(x, time)) / steps
        return x

    def sample_heun(self, noise: Tensor) -> Tensor:
        """The same, each step by the mean of the velocities at both its ends."""
        x, steps = full(noise), self.spec.steps
        for i in range(steps):
            time = x.new_full(x.shape[:1], i / steps)
            v = full(self(x, time))
            ahead = full(self(x + v / steps, time + 1 / steps))
            x = x + (v + ahead) / 2 / steps
        return x
