"""Capsule networks (Sabour, Frosst, Hinton 2017, https://arxiv.org/abs/1710.09829):
groups of numbers whose length says whether something is there, and whose direction how
it is; lower ones are routed to those higher ones that they agree with.

Settled here because the paper leaves it open, or codes disagree:
  kinds     of primary capsules: each has its maps side by side; capsules are counted
            by kinds, then row by row
  routing   logits start at 0 for each picture, and go through all steps with their
            gradients, as in the authors' code; many others hold them for constants.
            Higher capsules have no bias, which the authors' code gives them
  squash    of a vector of length 0 is 0, and so is its gradient (equation 1)
  decoder   is given the capsule of the class that is asked for, zeros for the others;
            `reconstruct` asks for the longest, of equals the first
  start     Xavier's uniform; what makes votes normal, of deviation 0.1

Names: conv primary votes decoder.{hidden.{i},fc}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.definitions.initializers import Initializer, Normal, XavierUniform
from shared.fields import Depth, Side, Size
from shared.objectives.base import Objective
from shared.objectives.capsule import CapsuleMargin
from shared.specs.base import ConvSpec, Pair, Program, Spec, Tensor, Variant, image


@dataclass(frozen=True, kw_only=True)
class CapsuleSpec(Spec):
    """width, kernel: of the first convolution; the second, of the same kernel, halves.
    kinds, primary_width: of the capsules that it makes at each place.
    capsule_width: of those of the classes. decoder: the widths of its hidden layers.
    """

    channels: Size = 1
    image_size: tuple[Side, Side] = (28, 28)
    width: Size = 256
    kernel: Size = 9
    kinds: Size = 32
    primary_width: Size = 8
    num_classes: Size = 10
    capsule_width: Size = 16
    routing: Depth = 3
    decoder: tuple[Size, ...] = (512, 1024)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.decoder:
            self.refuse("decoder", self.decoder, "one width or more")
        if min(self.conv.map_size(*self.image_size)) < 1 or min(self.map_size) < 1:
            allowed = f"a size that two kernels of {self.kernel} fit into"
            self.refuse("image_size", self.image_size, allowed)

    @property
    def image(self) -> Tensor:
        return image(self.channels, *self.image_size)

    @property
    def lengths(self) -> Tensor:
        return Tensor("lengths", (self.num_classes,))

    def inputs(self) -> tuple[Tensor, ...]:
        return self.image, Tensor("label", (), below=self.num_classes)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return self.lengths, replace(self.image, name="reconstruction")

    def programs(self) -> Mapping[str, Program]:
        x, (_, made) = (self.image,), self.outputs(False)
        return {
            "classify": Program("classify", x, (self.lengths,), differentiable=True),
            "reconstruct": Program("reconstruct", x, (made,)),
        }

    def objective(self) -> Objective:
        return CapsuleMargin()

    def starts(self) -> Mapping[str, Initializer]:
        return {"votes": Normal(std=0.1), "*.weight": XavierUniform()}

    def unnamed_products(self) -> int:
        """Give those of making votes, of adding them up and of comparing them."""
        routed = self.capsule_width * (2 * self.routing - 1)
        each = self.primary_width * self.capsule_width + routed
        return self.capsules * self.num_classes * each

    @property
    def conv(self) -> ConvSpec:
        return ConvSpec(self.channels, self.width, self.kernel)

    @property
    def primary(self) -> ConvSpec:
        return ConvSpec(self.width, self.kinds * self.primary_width, self.kernel, 2)

    @property
    def map_size(self) -> Pair:
        """Gives the rows and columns of each kind of primary capsules."""
        return self.primary.map_size(*self.conv.map_size(*self.image_size))

    @property
    def capsules(self) -> int:
        return self.kinds * math.prod(self.map_size)

    @property
    def votes(self) -> tuple[int, int, int, int]:
        """The shape of what makes of each capsule a vote for each class."""
        return (
            self.capsules,
            self.num_classes,
            self.primary_width,
            self.capsule_width,
        )

    @property
    def agreements(self) -> int:
        """How often logits are moved: the last step has none after it."""
        return self.routing - 1

    @property
    def decoder_sizes(self) -> tuple[Pair, ...]:
        """Each hidden layer's inputs and outputs."""
        first = self.num_classes * self.capsule_width
        return tuple(pairwise((first, *self.decoder)))

    @property
    def maps(self) -> tuple[int, int, int]:
        """Give the channels, rows and columns of what the decoder makes."""
        return (self.channels, *self.image_size)

    @property
    def features(self) -> int:
        """Count what the decoder makes."""
        return math.prod(self.maps)


VARIANTS = {
    "capsule_tiny": Variant(
        CapsuleSpec(
            channels=2,
            image_size=(10, 9),
            width=5,
            kernel=3,
            kinds=2,
            primary_width=3,
            num_classes=4,
            capsule_width=5,
            decoder=(7, 6),
        ),
        2_906,
        "sum over its layers",
        tiny=True,
    ),
    "capsule_digits": Variant(
        CapsuleSpec(
            image_size=(8, 8),
            width=32,
            kernel=3,
            kinds=8,
            primary_width=4,
            capsule_width=8,
            decoder=(64, 128),
        ),
        41_568,
        "sum over its layers",
    ),
    "capsnet": Variant(
        CapsuleSpec(),
        8_215_568,
        "sum over its layers; Sabour et al. 2017, table 1: 8.2 million",
    ),
}
