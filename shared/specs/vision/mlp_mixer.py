"""MLP-Mixer (Tolstikhin et al. 2021, https://arxiv.org/abs/2105.01601).

Settled here because libraries disagree:
  ln_eps    1e-6, as the authors' code
  gelu      exact; the authors' code has the tanh form
  dropout   after both matrices of an MLP, as timm
  drop_path grows linearly over the MLPs, from 0 at the first to this at the last, as in
            the paper; timm has one rate for all
  start     as timm: matrices Xavier's uniform, the convolution LeCun's normal, biases
            of the MLPs normal of 1e-6, the head zero

Names are timm's:
stem.proj blocks.{i}.{norm1,mlp_tokens.fc{1,2},norm2,mlp_channels.fc{1,2}} norm head
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import (
    Initializer,
    LeCunNormal,
    Normal,
    XavierUniform,
    Zeros,
)
from shared.fields import Depth, Positive, Rate, Side, Size
from shared.specs.base import ConvSpec, Original, Spec, Tensor, Variant, image


@dataclass(frozen=True, kw_only=True)
class MLPMixerSpec(Spec):
    patch: Size = 16
    width: Size  # C of table 1
    depth: Depth
    tokens_width: Size  # D_S, within the MLP over tokens
    channels_width: Size  # D_C
    dropout: Rate = 0.0
    drop_path: Rate = 0.0
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    ln_eps: Positive = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(side % self.patch for side in self.image_size):
            multiples = f"multiples of patch ({self.patch})"
            self.refuse("image_size", self.image_size, multiples)

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "stem.proj.weight": LeCunNormal(),
            "blocks.*.mlp_*.weight": XavierUniform(),
            "blocks.*.mlp_*.bias": Normal(std=1e-6),
            "head.weight": Zeros(),
        }

    @property
    def stem(self) -> ConvSpec:
        return ConvSpec(3, self.width, self.patch, self.patch)

    @property
    def tokens(self) -> int:
        return math.prod(self.stem.map_size(*self.image_size))

    @property
    def drop_paths(self) -> tuple[tuple[float, float], ...]:
        """Gives the rate of both MLPs of each block."""
        step = self.drop_path / (2 * self.depth - 1)
        return tuple((2 * i * step, (2 * i + 1) * step) for i in range(self.depth))


def _mixer(patch: int, width: int, depth: int) -> MLPMixerSpec:
    """Fill in a column of table 1."""
    return MLPMixerSpec(
        patch=patch,
        width=width,
        depth=depth,
        tokens_width=width // 2,
        channels_width=4 * width,
    )


_TIMM = "timm 1.0.31"
VARIANTS = {
    "mlp_mixer_tiny": Variant(
        MLPMixerSpec(
            patch=4,
            width=10,
            depth=2,
            tokens_width=7,
            channels_width=13,
            dropout=0.2,
            drop_path=0.4,
            num_classes=9,
            image_size=(12, 8),
            ln_eps=1e-3,
        ),
        1_449,
        "sum over its layers",
        tiny=True,
    ),
    "mixer_s32_224": Variant(_mixer(32, 512, 8), 19_104_624, _TIMM),
    "mixer_s16_224": Variant(_mixer(16, 512, 8), 18_528_264, _TIMM),
    "mixer_b32_224": Variant(_mixer(32, 768, 12), 60_293_428, _TIMM),
    "mixer_b16_224": Variant(_mixer(16, 768, 12), 59_880_472, _TIMM),
    "mixer_l16_224": Variant(_mixer(16, 1024, 24), 208_196_168, _TIMM),
}

ORACLES = (
    Original(
        "timm",
        "timm_mixer_s32_224",
        "timm's mixer_s32_224",
        VARIANTS["mixer_s32_224"].spec,
    ),
)
