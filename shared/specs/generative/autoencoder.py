"""Autoencoders: deep (Hinton, Salakhutdinov 2006,
https://doi.org/10.1126/science.1127647), denoising (Vincent et al. 2008,
https://doi.org/10.1145/1390156.1390294), contractive (Rifai et al. 2011, ICML),
convolutional (Masci et al. 2011, https://doi.org/10.1007/978-3-642-21735-7_7).

Settled here because the papers leave it open, or codes disagree:
  weights    the decoder's are its own; Vincent et al. and Rifai et al. tie them to the
             encoder's, and Hinton and Salakhutdinov untie theirs to train them together
  decoder    puts out logits of pixels between 0 and 1, or the numbers themselves;
             `reconstruct` gives probabilities, or the numbers
  weights of penalties are beside a mean over all that is reconstructed, where the
             papers sum over it
  Jacobian   by the chain rule through all layers of the encoder; the paper's has one,
             whose squares add up to sum_j (h_j (1 - h_j))^2 sum_i W_ji^2
  maps       are halved by strides, and doubled by transposed convolutions of the same
             kernel; Masci et al. pool
  start      Xavier's uniform, biases 0, without Hinton and Salakhutdinov's pretraining

Names: encoder.{hidden.{i},code} decoder.{hidden.{i},fc}; of convolutions
encoder.{convs.{i},code} decoder.{fc,convs.{i},out}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from shared.definitions.initializers import Initializer, XavierUniform
from shared.definitions.losses import MSE, BinaryCrossEntropy, Likelihood
from shared.fields import NonNegative, Side, Size
from shared.objectives.base import Objective
from shared.objectives.reconstruction import Corruption, Reconstruction
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

Activation = Literal["relu", "sigmoid", "tanh"]


@dataclass(frozen=True, kw_only=True)
class _Autoencoder(Spec):
    """What both share.

    code: what follows the layer of the code. likelihood: bernoulli, of logits, or
        gaussian, of numbers. The rest as in Reconstruction.
    """

    latent: Size
    activation: Activation
    code: Literal["identity", "relu", "sigmoid", "tanh"] = "identity"
    likelihood: Likelihood = "bernoulli"
    corruption: Corruption = "none"
    level: NonNegative = 0.0
    sparsity: NonNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.corruption == "none") != (self.level == 0):
            self.refuse("level", self.level, "above 0 with a corruption, else 0")
        if self.corruption == "masking" and self.level >= 1:
            self.refuse("level", self.level, "below 1, a chance, with masking")

    @property
    def image(self) -> Tensor:
        raise NotImplementedError

    @property
    def said(self) -> Tensor:
        """Give what the decoder puts out of an image."""
        return replace(self.image, name="reconstruction")

    @property
    def coded(self) -> Tensor:
        return Tensor("code", (self.latent,))

    def inputs(self) -> tuple[Tensor, ...]:
        return (self.image,)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return self.said, self.coded

    def programs(self) -> Mapping[str, Program]:
        x, score = (self.image,), (Tensor("score", ()),)
        return {
            "encode": Program("encode", x, (self.coded,), differentiable=True),
            "decode": Program(
                "decode", (self.coded,), (self.said,), differentiable=True
            ),
            "reconstruct": Program("reconstruct", x, x, differentiable=True),
            "score": Program("score", x, score, differentiable=True),
        }

    def objective(self) -> Objective:
        return Reconstruction(
            loss=BinaryCrossEntropy() if self.likelihood == "bernoulli" else MSE(),
            corruption=self.corruption,
            level=self.level,
            sparsity=self.sparsity,
        )

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.weight": XavierUniform()}


@dataclass(frozen=True, kw_only=True)
class AutoencoderSpec(_Autoencoder):
    """Codes rows of numbers by perceptrons.

    hidden: the encoder's widths before the code; the decoder's are the same from
        behind.
    """

    features: Size
    hidden: tuple[Size, ...] = ()
    contraction: NonNegative = 0.0

    @property
    def image(self) -> Tensor:
        return Tensor("image", (self.features,))

    @property
    def encoder(self) -> tuple[Pair, ...]:
        """Give each layer's inputs and outputs, the code's last."""
        return tuple(pairwise((self.features, *self.hidden, self.latent)))

    @property
    def decoder(self) -> tuple[Pair, ...]:
        return tuple((c_out, c_in) for c_in, c_out in self.encoder[::-1])

    def programs(self) -> Mapping[str, Program]:
        slopes = (Tensor("jacobian", (self.latent, self.features)),)
        own = Program("jacobian", (self.image,), slopes, differentiable=True)
        return {**super().programs(), "jacobian": own}

    def objective(self) -> Objective:
        aim = super().objective()
        assert isinstance(aim, Reconstruction)
        return replace(aim, contraction=self.contraction)


@dataclass(frozen=True, kw_only=True)
class ConvAutoencoderSpec(_Autoencoder):
    """Codes pictures by convolutions.

    widths: the encoder's channels; the decoder's are the same from behind.
    """

    channels: Size
    image_size: tuple[Side, Side]
    widths: tuple[Size, ...]

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
        return tuple(ConvSpec(*c, 3, 2, 1) for c in sizes)

    @property
    def decoder(self) -> tuple[ConvTransposeSpec, ...]:
        """Gives the decoder's convolutions but the last, which puts out the picture."""
        sizes = pairwise(self.widths[::-1])
        return tuple(ConvTransposeSpec(*c, 3, 2, 1, 1) for c in sizes)

    @property
    def decoder_out(self) -> ConvTransposeSpec:
        return ConvTransposeSpec(self.widths[0], self.channels, 3, 2, 1, 1)

    @property
    def maps(self) -> tuple[int, int, int]:
        """Give the channels, rows and columns of the smallest maps."""
        rows, columns = (side // 2 ** len(self.widths) for side in self.image_size)
        return self.widths[-1], rows, columns

    @property
    def features(self) -> int:
        """Count what the smallest maps hold."""
        return math.prod(self.maps)


_SUM = "sum over its layers"
_SHALLOW = AutoencoderSpec(features=784, latent=32, activation="relu", code="relu")
_WIDE = AutoencoderSpec(features=784, latent=1000, activation="sigmoid", code="sigmoid")
VARIANTS = {
    "autoencoder_tiny": Variant(
        AutoencoderSpec(
            features=11,
            hidden=(9, 6),
            latent=4,
            activation="relu",
            code="sigmoid",
            corruption="masking",
            level=0.3,
            sparsity=0.1,
        ),
        399,
        _SUM,
        tiny=True,
    ),
    "autoencoder_tiny_contractive": Variant(
        AutoencoderSpec(
            features=7,
            hidden=(5,),
            latent=3,
            activation="tanh",
            likelihood="gaussian",
            corruption="gaussian",
            level=0.5,
            contraction=0.2,
        ),
        120,
        _SUM,
        tiny=True,
    ),
    "conv_autoencoder_tiny": Variant(
        ConvAutoencoderSpec(
            channels=2,
            image_size=(8, 12),
            widths=(3, 5),
            latent=7,
            activation="sigmoid",
            code="relu",
            corruption="gaussian",
            level=0.25,
        ),
        848,
        _SUM,
        tiny=True,
    ),
    "autoencoder": Variant(
        _SHALLOW, 50_992, "Building Autoencoders in Keras, blog.keras.io, 2016"
    ),
    "sparse_autoencoder": Variant(
        replace(_SHALLOW, sparsity=1e-5), 50_992, "as autoencoder"
    ),
    "deep_autoencoder": Variant(
        AutoencoderSpec(
            features=784, hidden=(1000, 500, 250), latent=30, activation="sigmoid"
        ),
        2_837_314,
        "sum over the layers of Hinton and Salakhutdinov 2006, MNIST",
    ),
    "denoising_autoencoder": Variant(
        replace(_WIDE, corruption="masking", level=0.25),
        1_569_784,
        "sum over the layers of Vincent et al. 2010, section 6, one layer",
    ),
    "contractive_autoencoder": Variant(
        replace(_WIDE, contraction=1e-4),
        1_569_784,
        "sum over the layers of Rifai et al. 2011, section 5",
    ),
    "conv_autoencoder": Variant(
        ConvAutoencoderSpec(
            channels=1,
            image_size=(28, 28),
            widths=(16, 32),
            latent=32,
            activation="relu",
        ),
        111_521,
        _SUM,
    ),
}
