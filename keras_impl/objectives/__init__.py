"""The losses of a training step in Keras: a file an objective, a function a step."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from keras import KerasTensor

from keras_impl.objectives import (
    adversarial,
    capsule,
    detection,
    diffusion,
    distillation,
    evidence,
    flow,
    paired,
    quantized,
    reconstruction,
    routing,
    supervised,
    temporal_difference,
)
from shared.objectives.base import Objective, Step

MODULES: dict[str, ModuleType] = {
    "Supervised": supervised,
    "Adversarial": adversarial,
    "Evidence": evidence,
    "Reconstruction": reconstruction,
    "Balanced": routing,
    "Distillation": distillation,
    "Diffusion": diffusion,
    "FlowLikelihood": flow,
    "FlowMatching": flow,
    "Quantized": quantized,
    "CapsuleMargin": capsule,
    "Paired": paired,
    "TemporalDifference": temporal_difference,
    "MultiBox": detection,
    "FocalDetection": detection,
}


def losses_of(
    objective: Objective, step: Step
) -> Callable[..., dict[str, KerasTensor]]:
    """Give the function of a step: (objective, model, inputs, targets, noise) to losses
    by name, of which the first is minimised."""
    found: Any = getattr(MODULES[type(objective).__name__], step.name)
    return found
