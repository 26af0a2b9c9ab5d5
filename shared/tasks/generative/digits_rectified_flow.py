"""Handwritten digits of 8x8 pixels, made of noise by a rectified flow. Its samples are
judged as those of `digits_gan`, whose file has what other samples come to."""

from shared.definitions import metrics
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.generative.flow import RectifiedFlowSpec
from shared.tasks.base import Task, warmup_cosine
from shared.tasks.generative.digits_gan import data

TASK = Task(
    name="digits_rectified_flow",
    title="digits of 8x8 pixels, rectified flow",
    data=data,
    spec=RectifiedFlowSpec(features=64, hidden=(128, 128, 128)),
    optimizer=Adam(lr=2e-3),
    schedule=warmup_cosine,
    metric=Metric("discrepancy", metrics.discrepancy, higher=False, program="sample"),
    target=0.008,
    epochs=100,
    batch_size=64,
)
