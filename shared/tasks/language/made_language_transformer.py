"""English sentences translated to a small language that is made here.

A sentence counts where every word of it is right. The words come in another order, and
their endings follow the gender and number of others.
"""

import numpy as np

from shared.arrays import Array
from shared.data.translation import READ, SAID, made_language
from shared.definitions.optimizers import Adam
from shared.definitions.schedules import InverseSqrt, Schedule
from shared.objectives.plan import Metric
from shared.specs.language.transformer import PAD, TransformerSpec
from shared.tasks.base import Task

WARMUP = 400


def noam(updates: int) -> Schedule:
    """The paper's, over a shorter warm-up."""
    return InverseSqrt(warmup=WARMUP)


def exact(tokens: Array, wanted: Array) -> float:
    """Give the share of sentences whose every word is right."""
    return float(np.mean(((tokens == wanted) | (wanted == PAD)).all(-1)))


TASK = Task(
    name="made_language_transformer",
    title="a small language translated, Transformer",
    data=made_language,
    spec=TransformerSpec(
        vocab_size=75,
        source_tokens=READ,
        target_tokens=SAID,
        width=48,
        depth=1,
        heads=4,
        mlp_width=96,
        dropout=0.0,
    ),
    optimizer=Adam(lr=(48 * WARMUP) ** -0.5, beta2=0.98, eps=1e-9),
    schedule=noam,
    metric=Metric("exact", exact, higher=True, program="translate_greedy"),
    target=0.9,
    epochs=6,
    batch_size=32,
)
