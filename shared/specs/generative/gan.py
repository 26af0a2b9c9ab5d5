"""Generative adversarial networks: of perceptrons (Goodfellow et al. 2014,
https://arxiv.org/abs/1406.2661), of convolutions (DCGAN: Radford, Metz, Chintala 2015,
https://arxiv.org/abs/1511.06434), and with the game of Gulrajani et al. 2017 (WGAN-GP,
https://arxiv.org/abs/1704.00028). The games: shared/objectives/adversarial.py.

Settled here because the papers leave it open, or codes disagree:
  forward   scores of the images, then of the samples made from z, then the samples; in
            training the discriminator sees images and samples apart, in this order
  scores    real numbers, logits where the game speaks of probabilities
  z         normal; the first paper's is uniform
  players   of perceptrons: ReLU in the generator, leaky ReLU and dropout in the
            discriminator, where the first paper has maxout without its sizes
  norm      in the DCGAN after every convolution but the generator's last and the
            discriminator's first and last (section 3); a penalty on the gradient at
            each sample has no meaning where the samples of a batch share statistics
            (1704.00028, section 4), so a critic with both is refused
  bias      in the DCGAN none, as its published sizes have it, but in a critic without
            norm, whose every convolution has one
  start     of perceptrons Xavier's uniform; in the DCGAN normal, of deviation 0.02

Names: generator.{hidden.{i},fc} discriminator.{hidden.{i},fc}; of a DCGAN
generator.{stem,ups.{i}}.{conv,norm} generator.out discriminator.downs.{i}.{conv,norm}
discriminator.out
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from shared.definitions.initializers import Initializer, Normal, XavierUniform
from shared.fields import NonNegative, Positive, Rate, Side, Size
from shared.objectives.adversarial import Adversarial, Game
from shared.objectives.base import Objective
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
class _Players(Spec):
    """What the games share. penalty, every: as in Adversarial."""

    latent: Size
    slope: NonNegative = 0.2  # of the discriminator's leaky ReLU
    game: Game = "non_saturating"
    penalty: NonNegative = 0.0
    every: Size = 1

    @property
    def image(self) -> Tensor:
        raise NotImplementedError

    @property
    def z(self) -> Tensor:
        return Tensor("z", (self.latent,), drawn=NORMAL)

    @property
    def made(self) -> Tensor:
        return Tensor("sample", self.image.shape, self.image.channels_first)

    def inputs(self) -> tuple[Tensor, ...]:
        return self.image, self.z

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return Tensor("of_image", ()), Tensor("of_sample", ()), self.made

    def programs(self) -> Mapping[str, Program]:
        made = Program("sample", (self.z,), (self.made,), differentiable=True)
        return {"sample": made}

    def objective(self) -> Objective:
        return Adversarial(game=self.game, penalty=self.penalty, every=self.every)


@dataclass(frozen=True, kw_only=True)
class GANSpec(_Players):
    """Makes rows of numbers by perceptrons.

    generator, discriminator: the widths of their hidden layers.
    dropout: after each of the discriminator's.
    """

    features: Size
    generator: tuple[Size, ...]
    discriminator: tuple[Size, ...]
    output: Literal["identity", "sigmoid", "tanh"] = "sigmoid"
    dropout: Rate = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for player in ("generator", "discriminator"):
            if not getattr(self, player):
                self.refuse(player, (), "one width or more")

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.weight": XavierUniform()}

    @property
    def image(self) -> Tensor:
        return Tensor("image", (self.features,))

    @property
    def generator_sizes(self) -> tuple[Pair, ...]:
        """Each hidden layer's inputs and outputs."""
        return tuple(pairwise((self.latent, *self.generator)))

    @property
    def discriminator_sizes(self) -> tuple[Pair, ...]:
        return tuple(pairwise((self.features, *self.discriminator)))


@dataclass(frozen=True, kw_only=True)
class DCGANSpec(_Players):
    """Makes square pictures between -1 and 1; sides are halved and doubled.

    width: channels of the largest map that is not the picture; the smallest, of 4x4
        places, has the most.
    """

    channels: Size = 3
    image_size: Side = 64
    latent: Size = 100
    width: Size = 64
    critic_norm: bool = True
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size < 8 or self.image_size & (self.image_size - 1):
            self.refuse("image_size", self.image_size, "a power of 2 of at least 8")
        if self.penalty and self.critic_norm:
            allowed = (
                "False with a penalty, which is on the gradient at each sample: batch "
                "norm makes a sample's score depend on the others"
            )
            self.refuse("critic_norm", self.critic_norm, allowed)

    def starts(self) -> Mapping[str, Initializer]:
        normal = Normal(std=0.02)
        return {"*.conv.weight": normal, "*.out.weight": normal}

    @property
    def image(self) -> Tensor:
        return image(self.channels, self.image_size, self.image_size)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the maps, from the largest to that of 4x4 places."""
        doublings = self.image_size.bit_length() - 3
        return tuple(self.width * 2**i for i in range(doublings))

    @property
    def stem(self) -> ConvTransposeSpec:
        """Makes of z, a map of one place, one of 4x4."""
        return ConvTransposeSpec(self.latent, self.widths[-1], 4, bias=False)

    @property
    def ups(self) -> tuple[ConvTransposeSpec, ...]:
        return tuple(
            ConvTransposeSpec(c_in, c_out, 4, 2, 1, bias=False)
            for c_in, c_out in pairwise(self.widths[::-1])
        )

    @property
    def generator_out(self) -> ConvTransposeSpec:
        return ConvTransposeSpec(self.width, self.channels, 4, 2, 1, bias=False)

    @property
    def downs(self) -> tuple[ConvSpec, ...]:
        return tuple(
            ConvSpec(c_in, c_out, 4, 2, 1, bias=not self.critic_norm)
            for c_in, c_out in pairwise((self.channels, *self.widths))
        )

    @property
    def normed(self) -> tuple[bool, ...]:
        """Whether a norm follows each of `downs`: never the first."""
        return tuple(self.critic_norm and i > 0 for i in range(len(self.downs)))

    @property
    def discriminator_out(self) -> ConvSpec:
        """Makes of 4x4 places one score."""
        return ConvSpec(self.widths[-1], 1, 4, bias=not self.critic_norm)


_SUM = "sum over its layers"
VARIANTS = {
    "gan_tiny": Variant(
        GANSpec(
            features=10,
            latent=4,
            generator=(7, 9),
            discriminator=(8, 5),
            slope=0.3,
            dropout=0.25,
        ),
        346,
        _SUM,
        tiny=True,
    ),
    "wgan_gp_tiny": Variant(
        GANSpec(
            features=6,
            latent=3,
            generator=(5,),
            discriminator=(7, 4),
            output="tanh",
            game="wasserstein",
            penalty=10.0,
            every=5,
        ),
        142,
        _SUM,
        tiny=True,
    ),
    "dcgan_tiny": Variant(
        DCGANSpec(channels=2, image_size=16, latent=5, width=3, bn_eps=1e-3),
        1_374,
        _SUM,
        tiny=True,
    ),
    "wgan_gp_dcgan_tiny": Variant(
        DCGANSpec(
            channels=1,
            image_size=16,
            latent=4,
            width=3,
            critic_norm=False,
            bn_decay=0.7,
            game="wasserstein",
            penalty=10.0,
            every=2,
        ),
        1_180,
        _SUM,
        tiny=True,
    ),
    "gan": Variant(
        GANSpec(
            features=784,
            latent=100,
            generator=(1200, 1200),
            discriminator=(240, 240),
            dropout=0.5,
        ),
        2_750_465,
        _SUM,
    ),
    "dcgan": Variant(
        DCGANSpec(),
        6_342_272,
        "pytorch/examples, dcgan: 3,576,704 and 2,765,568",
    ),
    "wgan_gp": Variant(
        DCGANSpec(critic_norm=False, game="wasserstein", penalty=10.0, every=5),
        6_341_441,
        _SUM,
    ),
    "wgan_gp_toy": Variant(
        GANSpec(
            features=2,
            latent=2,
            generator=(512, 512, 512),
            discriminator=(512, 512, 512),
            slope=0.0,
            output="identity",
            game="wasserstein",
            penalty=0.1,
            every=5,
        ),
        1_055_235,
        "sum over the layers of the authors' gan_toy.py",
    ),
}
