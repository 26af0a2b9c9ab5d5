"""How a network that sees noise makes data. Definitions: shared/specs/denoising.py."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jax_impl import definitions, diffusion
from jax_impl.diffusion import Predictor
from jax_impl.precision import full
from shared.definitions.diffusion import Sampler, Times
from shared.specs.denoising import DenoiserSpec, GuidedSpec

NOISE_OF = {"data": diffusion.noise_of_x0, "velocity": diffusion.noise_of_velocity}


def by_ddpm(s: DenoiserSpec, says: Predictor, noise: Array, normals: Array) -> Array:
    """Take every step from the noise. normals: [B, steps, C, H, W]"""
    normals = normals.transpose(1, 0, 3, 4, 2)
    return _sampled(s, s.ddpm, s.every, says, noise, normals)


def by_ddim(s: DenoiserSpec, says: Predictor, noise: Array) -> Array:
    """Take few steps from the noise, which add none."""
    none = jnp.zeros((s.ddim_steps, *noise.shape), noise.dtype)
    return _sampled(s, s.ddim, s.few, says, noise, none)


def guided(s: GuidedSpec, model: Any, label: Array) -> Predictor:
    """Give what is said away from what would be said without the label."""
    labels = jnp.concatenate([label, jnp.full_like(label, s.classes)])

    def says(x: Array, time: Array) -> Array:
        both = model(jnp.concatenate([x, x]), labels, jnp.concatenate([time, time]))
        asked, free = jnp.split(both, 2)
        return asked + s.guidance * (asked - free)

    return says


def _sampled(
    s: DenoiserSpec,
    sampler: Sampler,
    times: Times,
    says: Predictor,
    noise: Array,
    normals: Array,
) -> Array:
    noising = definitions.diffusing(s.noising)

    def predict(x: Array, time: Array) -> Array:
        said = full(says(x, time))
        if s.says == "noise":
            return said
        return NOISE_OF[s.says](x, said, noising.alpha_bar(time).astype(x.dtype))

    own, steps = definitions.diffusing(sampler), definitions.diffusing(times)
    at = steps.of(s.noising.steps)
    return own.sample(predict, full(noise), full(normals), noising, at)
