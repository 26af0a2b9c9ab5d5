"""How a network that sees noise makes data. Definitions: shared/specs/denoising.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl import definitions, diffusion
from keras_impl.diffusion import Predictor
from keras_impl.precision import full
from shared.definitions.diffusion import Sampler, Times
from shared.specs.denoising import DenoiserSpec, GuidedSpec

NOISE_OF = {"data": diffusion.noise_of_x0, "velocity": diffusion.noise_of_velocity}


def by_ddpm(
    s: DenoiserSpec, says: Predictor, noise: KerasTensor, normals: KerasTensor
) -> KerasTensor:
    """Take every step from the noise. normals: [B, steps, C, H, W]"""
    normals = ops.transpose(normals, (1, 0, 3, 4, 2))
    return _sampled(s, s.ddpm, s.every, says, noise, normals)


def by_ddim(s: DenoiserSpec, says: Predictor, noise: KerasTensor) -> KerasTensor:
    """Take few steps from the noise, which add none."""
    none = ops.zeros((s.ddim_steps, *ops.shape(noise)), noise.dtype)
    return _sampled(s, s.ddim, s.few, says, noise, none)


def guided(s: GuidedSpec, model: Any, label: KerasTensor) -> Predictor:
    """Give what is said away from what would be said without the label."""
    labels = ops.concatenate([label, ops.full_like(label, s.classes)])

    def says(x: KerasTensor, time: KerasTensor) -> KerasTensor:
        both = model(ops.concatenate([x, x]), labels, ops.concatenate([time, time]))
        asked, free = ops.split(both, 2)
        return asked + s.guidance * (asked - free)

    return says


def _sampled(
    s: DenoiserSpec,
    sampler: Sampler,
    times: Times,
    says: Predictor,
    noise: KerasTensor,
    normals: KerasTensor,
) -> KerasTensor:
    noising = definitions.diffusing(s.noising)

    def predict(x: KerasTensor, time: KerasTensor) -> KerasTensor:
        said = full(says(x, time))
        if s.says == "noise":
            return said
        a = ops.cast(noising.alpha_bar(time), x.dtype)
        return NOISE_OF[s.says](x, said, a)

    own, steps = definitions.diffusing(sampler), definitions.diffusing(times)
    at = steps.of(s.noising.steps)
    return own.sample(predict, full(noise), full(normals), noising, at)
