"""Handwritten digits of 8x8 pixels, made by a conditional variational autoencoder as
the digit that is asked for. Its samples are judged as those of `digits_diffusion`,
whose file has what other samples come to."""

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.images import digits
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.generative.cvae import ConditionalVAESpec
from shared.tasks.base import Task, warmup_cosine
from shared.tasks.generative.digits_diffusion import recognised, scaled


def data() -> Dataset:
    found = digits(flat=True)
    return Dataset(named(found.train), named(found.validation), named(found.test))


def named(split: Samples) -> Samples:
    """Digits with their names, which is also what samples are held against."""
    return Samples((split.inputs[0], split.targets[0]), split.targets)


def asked_for(sample: Array, label: Array) -> float:
    return recognised(scaled(sample), label)


TASK = Task(
    name="digits_cvae",
    title="digits of 8x8 pixels by their names, conditional autoencoder",
    data=data,
    spec=ConditionalVAESpec(
        features=64, hidden=(128,), latent=8, activation="relu", classes=10
    ),
    optimizer=Adam(lr=3e-3),
    schedule=warmup_cosine,
    metric=Metric("recognised", asked_for, higher=True, program="sample"),
    target=0.97,
    epochs=60,
    batch_size=64,
)
