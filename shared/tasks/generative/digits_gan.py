"""Handwritten digits of 8x8 pixels, made by a generator against a critic.

The target is a squared maximum mean discrepancy between the samples and digits not
seen. Other digits come to 0.001 to 0.0025; the digits without one of the ten to 0.006;
to 0.011 what has each pixel from another digit; to 0.016 normal numbers with the
digits' means and covariances.
"""

from shared.data.batches import Dataset, Samples
from shared.data.images import digits
from shared.definitions import metrics
from shared.definitions.optimizers import Adam
from shared.objectives.plan import Metric
from shared.specs.generative.gan import GANSpec
from shared.tasks.base import Task


def data() -> Dataset:
    found = digits(flat=True)
    return Dataset(alone(found.train), alone(found.validation), alone(found.test))


def alone(split: Samples) -> Samples:
    """Images, and nothing but images to hold what is made against."""
    return Samples(split.inputs, split.inputs)


TASK = Task(
    name="digits_gan",
    title="digits of 8x8 pixels, Wasserstein GAN with gradient penalty",
    data=data,
    spec=GANSpec(
        features=64,
        latent=16,
        generator=(128, 128),
        discriminator=(128, 128),
        game="wasserstein",
        penalty=10.0,
        every=5,
    ),
    optimizer=Adam(lr=1e-3, beta1=0.0, beta2=0.9),
    metric=Metric("discrepancy", metrics.discrepancy, higher=False, program="sample"),
    target=0.008,
    epochs=200,
    batch_size=64,
)
