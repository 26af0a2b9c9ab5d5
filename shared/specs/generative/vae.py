"""The variational autoencoder (Kingma, Welling 2013, https://arxiv.org/abs/1312.6114);
with beta above 1 that of Higgins et al. 2017 (https://openreview.net/forum?id=Sy2fzU9gl).

Settled here because the papers leave it open, or codes disagree:
  forward   mean + exp(log_variance / 2) * noise is decoded (section 2.4); the noise is
            an input, so that a run can be repeated anywhere
  decoder   puts out logits of pixels between 0 and 1 (appendix C.1), or the means of
            normals of variance 1; `sample` gives probabilities, or the means
  maps      of convolutions (Higgins et al. 2017, appendix, for pictures of 64x64)
            kernels of 4x4 halve and double each side; a pixel of padding, which the
            paper does not tell, keeps sides whole; ReLU
  start     Xavier's uniform, biases 0

Names: encoder.{hidden.{i},mean,log_variance} decoder.{hidden.{i},fc}; of convolutions
encoder.{convs.{i},hidden,mean,log_variance} decoder.{hidden,fc,convs.{i},out}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from shared.definitions.initializers import Initializer, XavierUniform
from shared.definitions.losses import Likelihood
from shared.fields import NonNegative, Side, Size
from shared.objectives.base import Objective
from shared.objectives.evidence import Evidence
from shared.specs.base import (
    ConvSpec,
    ConvTransposeSpec,
    Pair,
    Program,
    Spec,
    Tensor,
    Variant,
    image,
)
from shared.tensors import NORMAL


@dataclass(frozen=True, kw_only=True)
class _Latent(Spec):
    """What the autoencoders share. likelihood, beta: as in EvidenceLowerBound."""

    latent: Size
    likelihood: Likelihood = "bernoulli"
    beta: NonNegative = 1.0

    @property
    def image(self) -> Tensor:
        raise NotImplementedError

    @property
    def said(self) -> Tensor:
        """What the decoder puts out of an image."""
        return replace(self.image, name="reconstruction")

    @property
    def code(self) -> tuple[Tensor, ...]:
        """What the encoder puts out: the parameters of q(z|x)."""
        return Tensor("mean", (self.latent,)), Tensor("log_variance", (self.latent,))

    def inputs(self) -> tuple[Tensor, ...]:
        return (self.image, Tensor("noise", (self.latent,), drawn=NORMAL))

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (self.said, *self.code)

    def programs(self) -> Mapping[str, Program]:
        z = (Tensor("z", (self.latent,), drawn=NORMAL),)
        return {
            "encode": Program("encode", (self.image,), self.code, differentiable=True),
            "decode": Program("decode", z, (self.said,), differentiable=True),
            "sample": Program("sample", z, (self.image,), differentiable=True),
        }

    def objective(self) -> Objective:
        return Evidence(likelihood=self.likelihood, beta=self.beta)

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.weight": XavierUniform()}


@dataclass(frozen=True, kw_only=True)
class VAESpec(_Latent):
    """Codes rows of numbers by perceptrons.

    hidden: the encoder's widths; the decoder's are the same from behind.
    """

    features: Size
    hidden: tuple[Size, ...]
    activation: Literal["relu", "tanh"]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden:
            self.refuse("hidden", self.hidden, "one width or more")

    @property
    def image(self) -> Tensor:
        return Tensor("image", (self.features,))

    @property
    def encoder(self) -> tuple[Pair, ...]:
        """Each hidden layer's inputs and outputs."""
        return tuple(pairwise((self.features, *self.hidden)))

    @property
    def decoder(self) -> tuple[Pair, ...]:
        return tuple(pairwise((self.latent, *self.hidden[::-1])))


@dataclass(frozen=True, kw_only=True)
class ConvVAESpec(_Latent):
    """Codes pictures by convolutions.

    widths: the encoder's channels; the decoder's are the same from behind.
    hidden: width of the layer between maps and code, in both.
    """

    channels: Size
    image_size: tuple[Side, Side]
    widths: tuple[Size, ...]
    hidden: Size

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths:
            self.refuse("widths", self.widths, "one convolution or more")
        halvings = 2 ** len(self.widths)
        if any(side % halvings for side in self.image_size):
            allowed = f"multiples of {halvings}, which is halved at each convolution"
            self.refuse("image_size", self.image_size, allowed)

    @property
    def image(self) -> Tensor:
        return image(self.channels, *self.image_size)

    @property
    def encoder(self) -> tuple[ConvSpec, ...]:
        sizes = pairwise((self.channels, *self.widths))
        return tuple(ConvSpec(*c, 4, 2, 1) for c in sizes)

    @property
    def decoder(self) -> tuple[ConvTransposeSpec, ...]:
        """Gives the decoder's convolutions but the last, which puts out the picture."""
        sizes = pairwise(self.widths[::-1])
        return tuple(ConvTransposeSpec(*c, 4, 2, 1) for c in sizes)

    @property
    def decoder_out(self) -> ConvTransposeSpec:
        return ConvTransposeSpec(self.widths[0], self.channels, 4, 2, 1)

    @property
    def maps(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the smallest maps."""
        rows, columns = (side // 2 ** len(self.widths) for side in self.image_size)
        return self.widths[-1], rows, columns

    @property
    def features(self) -> int:
        """What the smallest maps hold."""
        return math.prod(self.maps)


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
    "conv_vae_tiny": Variant(
        ConvVAESpec(
            channels=2,
            image_size=(8, 12),
            widths=(3, 5),
            hidden=7,
            latent=4,
            likelihood="gaussian",
            beta=2.0,
        ),
        1_241,
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
    "conv_beta_vae": Variant(
        ConvVAESpec(
            channels=3,
            image_size=(64, 64),
            widths=(32, 32, 64, 64),
            hidden=256,
            latent=32,
            likelihood="gaussian",
            beta=250.0,
        ),
        783_235,
        "sum over the layers of Higgins et al. 2017, appendix, CelebA",
    ),
}
