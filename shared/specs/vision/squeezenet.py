"""SqueezeNet (Iandola et al. 2016, https://arxiv.org/abs/1602.07360, table 1), and 1.1
of its authors' repository (https://github.com/forresti/SqueezeNet), as torchvision
builds them.

Settled here because libraries disagree:
  stages    what lies between two poolings; 1.1 differs in these and in the stem alone
  expand    widths grow every second fire (section 3.1's meta-parameters)
  pooling   a last window that ends outside the map counts
  stem      without padding, and with torchvision's 96 7x7 maps in 1.0, as in the paper
  dropout   in front of the last convolution, whose maps are the classes
  end       a ReLU before the mean: no logit is below 0
  start     He's uniform by fan-in, of deviation 0.01 for the last convolution

Names are torchvision's: features.{0,i}.{squeeze,expand1x1,expand3x3} classifier.1,
where i counts the stem, its ReLU, pools and fires
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import HeUniform, Initializer, Normal
from shared.fields import Depth, Rate, Ratio, Side, Size
from shared.specs.base import ConvSpec, Original, Pool, Spec, Tensor, Variant, image


@dataclass(frozen=True)
class FireSpec:
    squeeze: ConvSpec
    expand1x1: ConvSpec
    expand3x3: ConvSpec

    @property
    def c_out(self) -> int:
        return self.expand1x1.c_out + self.expand3x3.c_out


@dataclass(frozen=True, kw_only=True)
class SqueezeNetSpec(Spec):
    stem_width: Size
    stem_kernel: Size
    stages: tuple[Depth, ...]  # fires after each pooling
    base: Size = 128  # what the first fires put out, base_e
    step: Size = 128  # and by how much more later ones, incr_e
    squeeze_ratio: Ratio = 0.125  # of what a fire puts out, SR
    share_3x3: Rate = 0.5  # of what it puts out, pct_3x3
    dropout: Rate = 0.5
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.stages:
            self.refuse("stages", self.stages, "one stage or more")
        thinnest = self.fires[0][0]
        if not thinnest.squeeze.c_out:
            self.refuse(
                "squeeze_ratio", self.squeeze_ratio, "enough for a map in each fire"
            )
        if not thinnest.expand3x3.c_out:
            self.refuse("share_3x3", self.share_3x3, "enough for a map in each fire")
        # A pooling halves a map and rounds up.
        least = self.stem_kernel + 2 ** (len(self.stages) + 1) - 2
        if min(self.image_size) < least:
            self.refuse("image_size", self.image_size, f"at least {least} on each side")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "features.*.weight": HeUniform(),
            "classifier.1.weight": Normal(std=0.01),
        }

    @property
    def stem(self) -> ConvSpec:
        return ConvSpec(3, self.stem_width, self.stem_kernel, 2)

    @property
    def pool(self) -> Pool:
        return Pool(3, 2, ceil=True)

    @property
    def fires(self) -> tuple[tuple[FireSpec, ...], ...]:
        """Gives the fire modules of each stage."""
        c_in, number, stages = self.stem_width, 0, []
        for depth in self.stages:
            fires = []
            for _ in range(depth):
                fires.append(self._fire(c_in, self.base + number // 2 * self.step))
                c_in, number = fires[-1].c_out, number + 1
            stages.append(tuple(fires))
        return tuple(stages)

    def _fire(self, c_in: int, c_out: int) -> FireSpec:
        squeezed = int(c_out * self.squeeze_ratio)
        of_3x3 = int(c_out * self.share_3x3)
        return FireSpec(
            ConvSpec(c_in, squeezed, 1),
            ConvSpec(squeezed, c_out - of_3x3, 1),
            ConvSpec.padded(squeezed, of_3x3, 3),
        )

    @property
    def classes(self) -> ConvSpec:
        """The last convolution."""
        return ConvSpec(self.fires[-1][-1].c_out, self.num_classes, 1)


_TORCHVISION = "torchvision 0.28.0"
VARIANTS = {
    "squeezenet_tiny": Variant(
        SqueezeNetSpec(
            stem_width=5,
            stem_kernel=3,
            stages=(1, 2),
            base=7,
            step=4,
            squeeze_ratio=0.45,
            share_3x3=0.4,
            dropout=0.3,
            num_classes=6,
            image_size=(21, 26),
        ),
        621,
        "sum over its layers",
        tiny=True,
    ),
    "squeezenet1_0": Variant(
        SqueezeNetSpec(stem_width=96, stem_kernel=7, stages=(3, 4, 1)),
        1_248_424,
        _TORCHVISION,
    ),
    "squeezenet1_1": Variant(
        SqueezeNetSpec(stem_width=64, stem_kernel=3, stages=(2, 2, 4)),
        1_235_496,
        _TORCHVISION,
    ),
}

ORACLES = (
    Original.of(
        "torchvision",
        "squeezenet1_1",
        "torchvision's squeezenet1_1",
        VARIANTS["squeezenet1_1"],
        image_size=(40, 27),
        dropout=0.0,
    ),
)
