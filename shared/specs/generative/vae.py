"""The variational autoencoder (Kingma, Welling 2013, https://arxiv.org/abs/1312.6114);
with beta above 1 that of Higgins et al. 2017 (https://openreview.net/forum?id=Sy2fzU9gl).

Settled here because the papers leave it open, or codes disagree:
  forward   mean + exp(log_variance / 2) * noise is decoded (section 2.4); the noise is
            an input, so that a run can be repeated anywhere
  decoder   puts out logits of pixels between 0 and 1 (appendix C.1), or the means of
            normals of variance 1; `sample` gives probabilities, or the means
  start     Xavier's uniform, biases 0

Names: encoder.{hidden.{i},mean,log_variance} decoder.{hidden.{i},fc}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from shared.definitions.initializers import Initializer, XavierUniform
from shared.definitions.losses import Likelihood
from shared.fields import NonNegative, Size
from shared.objectives.base import Objective
from shared.objectives.evidence import Evidence
from shared.specs.base import Pair, Program, Spec, Tensor, Variant
from shared.tensors import NORMAL


@dataclass(frozen=True, kw_only=True)
class VAESpec(Spec):
    """Of rows of numbers, by perceptrons.

    hidden: the encoder's widths; the decoder's are the same from behind.
    """

    features: Size
    hidden: tuple[Size, ...]
    latent: Size
    activation: Literal["relu", "tanh"]
    likelihood: Likelihood = "bernoulli"
    beta: NonNegative = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden:
            self.refuse("hidden", self.hidden, "one width or more")

    def inputs(self) -> tuple[Tensor, ...]:
        return (self.image, Tensor("noise", (self.latent,), drawn=NORMAL))

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("reconstruction", self.image.shape), *self.code)

    def programs(self) -> Mapping[str, Program]:
        z = (Tensor("z", (self.latent,), drawn=NORMAL),)
        reconstruction = (Tensor("reconstruction", self.image.shape),)
        return {
            "encode": Program("encode", (self.image,), self.code, differentiable=True),
            "decode": Program("decode", z, reconstruction, differentiable=True),
            "sample": Program("sample", z, (self.image,), differentiable=True),
        }

    def objective(self) -> Objective:
        return Evidence(likelihood=self.likelihood, beta=self.beta)

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.weight": XavierUniform()}

    @property
    def image(self) -> Tensor:
        return Tensor("image", (self.features,))

    @property
    def code(self) -> tuple[Tensor, ...]:
        """What the encoder puts out: the parameters of q(z|x)."""
        return Tensor("mean", (self.latent,)), Tensor("log_variance", (self.latent,))

    @property
    def encoder(self) -> tuple[Pair, ...]:
        """Each hidden layer's inputs and outputs."""
        return tuple(pairwise((self.features, *self.hidden)))

    @property
    def decoder(self) -> tuple[Pair, ...]:
        return tuple(pairwise((self.latent, *self.hidden[::-1])))


_SUM = "sum over its layers"
VARIANTS = {
    "vae_tiny": Variant(
        VAESpec(features=11, hidden=(9, 6), latent=4, activation="relu"),
        427,
        _SUM,
        tiny=True,
    ),
    "vae_tiny_gaussian": Variant(
        VAESpec(
            features=7,
            hidden=(5,),
            latent=3,
            activation="tanh",
            likelihood="gaussian",
            beta=4.0,
        ),
        138,
        _SUM,
        tiny=True,
    ),
    "vae": Variant(
        VAESpec(features=784, hidden=(400,), latent=20, activation="relu"),
        652_824,
        "pytorch/examples, vae",
    ),
    "vae_500": Variant(
        VAESpec(features=784, hidden=(500,), latent=20, activation="tanh"),
        815_824,
        "sum over the layers of Kingma and Welling 2013, section 5",
    ),
    "beta_vae": Variant(
        VAESpec(features=784, hidden=(400,), latent=20, activation="relu", beta=4.0),
        652_824,
        "as vae",
    ),
}
