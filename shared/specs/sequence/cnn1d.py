"""Convolutions along time, for sounds and series: the waveform networks M3 to M18 (Dai,
Dai, Qu, Li, Das 2016, https://arxiv.org/abs/1610.00087) and the fully convolutional
network for series (Wang, Yan, Oates 2016, https://arxiv.org/abs/1611.06455), which has
the same parts and no pools.

Settled here because libraries disagree:
  padding   as TensorFlow's "same": what is odd goes to the end. The paper's table of
            lengths (32000, 8000, 2000, 500, 125, 32) needs it, and pools that keep a
            last, short window
  bias      a convolution has none, since batch norm follows and would cancel it
  bn_decay  the share of the OLD running value that is kept
  start     Glorot's uniform everywhere

Names: stages.{i}.{j}.conv stages.{i}.{j}.norm fc
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import Initializer, XavierUniform
from shared.fields import Depth, Index, Positive, Rate, Size
from shared.specs.base import Conv1dSpec, Spec, Tensor, Variant

Stage = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class CNN1DSpec(Spec):
    """A stack of 1-D convolutions reads a series of `length` steps.

    stages: how many convolutions, how wide, and their kernel.
    """

    channels: Size = 1
    length: Size = 32_000
    stages: tuple[tuple[Depth, Size, Size], ...]
    stride: Size = 4  # of the first convolution
    pool: Size = 4
    pools: Index = 4  # so many of the stages end in one
    num_classes: Size = 10
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.stages) >= self.pools:
            allowed = f"at least one stage, and one for each of {self.pools} pools"
            self.refuse("stages", self.stages, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("wave", (self.channels, self.length), channels_first=True),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        glorot = XavierUniform()
        return {"*.conv.weight": glorot, "fc.weight": glorot}

    @property
    def convs(self) -> tuple[tuple[Conv1dSpec, ...], ...]:
        """The convolutions, stage by stage."""
        c_in, length, stages = self.channels, self.length, []
        for i, (depth, width, k) in enumerate(self.stages):
            stage = []
            for j in range(depth):
                stride = self.stride if i == j == 0 else 1
                stage.append(Conv1dSpec.same(c_in, width, k, stride, length))
                c_in, length = width, -(-length // stride)
            if i < self.pools:
                length = -(-length // self.pool)
            stages.append(tuple(stage))
        return tuple(stages)

    @property
    def c_out(self) -> int:
        return self.stages[-1][1]


def _waves(pools: int, *stages: Stage) -> CNN1DSpec:
    return CNN1DSpec(stages=stages, pools=pools)


def _series(length: int, num_classes: int) -> CNN1DSpec:
    """Make a variant for series of the UCR archive, z-normalised."""
    return CNN1DSpec(
        length=length,
        stages=((1, 128, 8), (1, 256, 5), (1, 128, 3)),
        stride=1,
        pools=0,
        num_classes=num_classes,
    )


_TINY = CNN1DSpec(
    channels=2,
    length=83,
    stages=((1, 5, 12), (2, 6, 3), (1, 7, 4)),
    stride=3,
    pool=4,
    pools=2,
    num_classes=5,
    bn_eps=1e-3,
    bn_decay=0.8,
)
_SUM = "sum over its layers"
_PAPER = "sum over its layers; Dai et al. 2016, table 1, has "
VARIANTS = {
    "cnn1d_tiny": Variant(_TINY, 574, _SUM, tiny=True),
    "m3": Variant(_waves(2, (1, 256, 80), (1, 256, 3)), 220_682, _PAPER + "0.2M"),
    "m5": Variant(
        _waves(4, (1, 128, 80), (1, 128, 3), (1, 256, 3), (1, 512, 3)),
        558_090,
        _PAPER + "0.5M",
    ),
    "m11": Variant(
        _waves(4, (1, 64, 80), (2, 64, 3), (2, 128, 3), (3, 256, 3), (2, 512, 3)),
        1_784_202,
        _PAPER + "1.8M",
    ),
    "m18": Variant(
        _waves(4, (1, 64, 80), (4, 64, 3), (4, 128, 3), (4, 256, 3), (4, 512, 3)),
        3_679_882,
        _PAPER + "3.7M",
    ),
    "fcn_ecg5000": Variant(_series(140, 5), 264_837, _SUM),
}
