"""How a network that sees noise makes data. Definitions: shared/specs/denoising.py."""

from typing import Any

import torch
from torch import Tensor

from pytorch_impl import definitions, diffusion
from pytorch_impl.diffusion import Predictor
from pytorch_impl.precision import full
from shared.definitions.diffusion import Sampler, Times
from shared.specs.denoising import DenoiserSpec, GuidedSpec

NOISE_OF = {"data": diffusion.noise_of_x0, "velocity": diffusion.noise_of_velocity}


def by_ddpm(s: DenoiserSpec, says: Predictor, noise: Tensor, normals: Tensor) -> Tensor:
    """Take every step from the noise. normals: [B, steps, C, H, W]"""
    return _sampled(s, s.ddpm, s.every, says, noise, normals.movedim(1, 0))


def by_ddim(s: DenoiserSpec, says: Predictor, noise: Tensor) -> Tensor:
    """Take few steps from the noise, which add none."""
    none = noise.new_zeros(s.ddim_steps, *noise.shape)
    return _sampled(s, s.ddim, s.few, says, noise, none)


def guided(s: GuidedSpec, model: Any, label: Tensor) -> Predictor:
    """Give what is said away from what would be said without the label."""
    labels = torch.cat([label, torch.full_like(label, s.classes)])

    def says(x: Tensor, time: Tensor) -> Tensor:
        both = model(torch.cat([x, x]), labels, torch.cat([time, time]))
        asked, free = both.chunk(2)
        return asked + s.guidance * (asked - free)

    return says


def _sampled(
    s: DenoiserSpec,
    sampler: Sampler,
    times: Times,
    says: Predictor,
    noise: Tensor,
    normals: Tensor,
) -> Tensor:
    noising = definitions.diffusing(s.noising)

    def predict(x: Tensor, time: Tensor) -> Tensor:
        said = full(says(x, time))
        if s.says == "noise":
            return said
        return NOISE_OF[s.says](x, said, noising.alpha_bar(time).to(x))

    own, steps = definitions.diffusing(sampler), definitions.diffusing(times)
    at = steps.of(s.noising.steps)
    return own.sample(predict, full(noise), full(normals), noising, at)
