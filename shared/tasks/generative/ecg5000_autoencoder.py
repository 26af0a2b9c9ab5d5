"""Heartbeats that are not normal, told by an autoencoder that saw normal ones alone.

What is not like them is reconstructed badly, so the squared error is the score. The
area under the curve is 0.983 for the distance from the mean of the normal beats, where
nothing is learnt; the target is above it.
"""

from shared.data.heartbeats import BEAT, ecg5000
from shared.definitions import metrics
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.generative.autoencoder import AutoencoderSpec
from shared.tasks.base import Task, warmup_cosine

TASK = Task(
    name="ecg5000_autoencoder",
    title="ECG5000's beats that are not normal, by what an autoencoder misses",
    data=ecg5000,
    spec=AutoencoderSpec(
        features=BEAT,
        hidden=(64,),
        latent=8,
        activation="tanh",
        likelihood="gaussian",
    ),
    optimizer=Adam(lr=1e-2),
    schedule=warmup_cosine,
    metric=Metric("auc", metrics.auc, higher=True, program="score"),
    target=0.96,
    epochs=100,
    batch_size=25,
)
