"""The conditional variational autoencoder (Sohn, Lee, Yan 2015, NeurIPS: Learning
Structured Output Representation using Deep Conditional Generative Models), as it is
built for digits by their names (Kingma et al. 2014, https://arxiv.org/abs/1406.5298,
model M2): encoder and decoder are told the class, so what is drawn need not say it.

Settled here because the papers leave it open: the class is told as ones and zeros
behind the picture's numbers, and behind the code's. All else as in vae.

Names: encoder.{hidden.{i},mean,log_variance} decoder.{hidden.{i},fc}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from shared.fields import Size
from shared.specs.base import Pair, Program, Tensor, Variant
from shared.specs.generative.vae import VAESpec
from shared.tensors import NORMAL


@dataclass(frozen=True, kw_only=True)
class ConditionalVAESpec(VAESpec):
    """Codes rows of numbers of a class by perceptrons."""

    classes: Size

    @property
    def label(self) -> Tensor:
        return Tensor("label", (), below=self.classes)

    def inputs(self) -> tuple[Tensor, ...]:
        image, noise = super().inputs()
        return image, self.label, noise

    def programs(self) -> Mapping[str, Program]:
        z, seen = Tensor("z", (self.latent,), drawn=NORMAL), (self.image, self.label)
        return {
            "encode": Program("encode", seen, self.code, differentiable=True),
            "decode": Program(
                "decode", (z, self.label), (self.said,), differentiable=True
            ),
            "sample": Program(
                "sample", (self.label, z), (self.image,), differentiable=True
            ),
        }

    @property
    def encoder(self) -> tuple[Pair, ...]:
        return tuple(pairwise((self.features + self.classes, *self.hidden)))

    @property
    def decoder(self) -> tuple[Pair, ...]:
        return tuple(pairwise((self.latent + self.classes, *self.hidden[::-1])))


_SUM = "sum over its layers"
VARIANTS = {
    "cvae_tiny": Variant(
        ConditionalVAESpec(
            features=11, hidden=(9, 6), latent=4, activation="relu", classes=3
        ),
        472,
        _SUM,
        tiny=True,
    ),
    "cvae_tiny_gaussian": Variant(
        ConditionalVAESpec(
            features=7,
            hidden=(5,),
            latent=3,
            activation="tanh",
            likelihood="gaussian",
            beta=4.0,
            classes=2,
        ),
        158,
        _SUM,
        tiny=True,
    ),
    "cvae": Variant(
        ConditionalVAESpec(
            features=784, hidden=(400,), latent=20, activation="relu", classes=10
        ),
        660_824,
        _SUM,
    ),
}
