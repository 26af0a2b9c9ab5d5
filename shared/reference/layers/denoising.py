"""How a network that sees noise makes data. Definitions: shared/specs/denoising.py."""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.definitions.diffusion import (
    Predictor,
    Sampler,
    Times,
    noise_of_velocity,
    noise_of_x0,
)
from shared.specs.denoising import DenoiserSpec, GuidedSpec

NOISE_OF = {"data": noise_of_x0, "velocity": noise_of_velocity}


def by_ddpm(s: DenoiserSpec, says: Predictor, noise: Array, normals: Array) -> Array:
    """Take every step from the noise. normals: [B, steps, C, H, W]"""
    return _sampled(s, s.ddpm, s.every, says, noise, normals.swapaxes(0, 1))


def by_ddim(s: DenoiserSpec, says: Predictor, noise: Array) -> Array:
    """Take few steps from the noise, which add none."""
    none = np.zeros((s.ddim_steps, *noise.shape))
    return _sampled(s, s.ddim, s.few, says, noise, none)


def guided(s: GuidedSpec, model: Any, label: Array) -> Predictor:
    """Give what is said away from what would be said without the label."""
    labels = np.concatenate([label, np.full_like(label, s.classes)])

    def says(x: Array, time: Array) -> Array:
        both = model(np.concatenate([x, x]), labels, np.concatenate([time, time]))
        asked, free = np.split(both, 2)
        found: Array = asked + s.guidance * (asked - free)
        return found

    return says


def _sampled(
    s: DenoiserSpec,
    sampler: Sampler,
    times: Times,
    says: Predictor,
    noise: Array,
    normals: Array,
) -> Array:
    def predict(x: Array, time: Array) -> Array:
        said = says(x, time)
        if s.says == "noise":
            return said
        return NOISE_OF[s.says](x, said, s.noising.alpha_bar(time))

    at = times.of(s.noising.steps)
    return sampler.sample(predict, noise, normals, s.noising, at)
