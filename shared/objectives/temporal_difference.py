"""Values of actions are learned from the reward and the values of the next state."""

from dataclasses import dataclass, field

import numpy as np

from shared.arrays import Arrays
from shared.definitions.losses import Huber, Loss
from shared.definitions.schedules import Share
from shared.objectives.base import Copy, Objective, Step, Subject
from shared.randomness import generator
from shared.tensors import sample


@dataclass(frozen=True, kw_only=True)
class TemporalDifference(Objective):
    """Mnih et al. 2015 (Nature 518): the model has an `online` network, which is
    trained, and a `target` network of the same kind, which follows it by `copies`.
    Wanted are the action, the reward, whether the episode ended (1 or 0), and the next
    state.

    loss: between the value of the action and its target.
    gamma: what a value of the next state is worth now.
    double: the online network chooses the next action, and the target network says its
        value (van Hasselt, Guez, Silver 2015, arXiv:1509.06461).
    """

    loss: Loss = field(default_factory=Huber)
    gamma: Share = 0.99
    double: bool = False
    copies: tuple[Copy, ...] = (Copy(source="online", target="target", every=100),)

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("temporal_difference", ("online.*",)),)

    def wanted(self, spec: Subject, inputs: Arrays, seed: int) -> Arrays:
        state, *_ = spec.inputs()
        actions, *_ = spec.outputs(True)
        rows, draw = len(inputs[0]), generator("transition", seed)
        return (
            draw.integers(0, actions.shape[-1], rows),
            draw.standard_normal(rows),
            draw.integers(0, 2, rows).astype(np.float64),
            sample(state, rows, 3000 + seed),
        )
