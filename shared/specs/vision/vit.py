"""Vision Transformer (Dosovitskiy et al. 2020, https://arxiv.org/abs/2010.11929), and
DeiT (Touvron et al. 2020, arXiv:2012.12877): the same, or with a distillation token.

Settled here because libraries disagree:
  ln_eps    1e-6, as torchvision and timm; Hugging Face's own default is 1e-12
  qkv       one matrix, queries first; Hugging Face has three
  dropout   after the sum with positions and after every matrix but qkv (appendix B.1);
            Hugging Face leaves out the one after GELU
  drop_path grows linearly over the blocks, from 0 at the first to this at the last
  distilled in training the logits of both heads, in evaluation their mean
  gelu      exact; the authors' code has the tanh form
  start     the authors': matrices Xavier's uniform (queries, keys and values each by
            itself), positions normal of 0.02, heads and tokens zero. With a
            distillation token DeiT's: normal of 0.02, and torch's own convolution

Names are timm's: cls_token dist_token pos_embed patch_embed.proj
blocks.{i}.{norm1,attn.qkv,attn.proj,norm2,mlp.fc1,mlp.fc2} norm head head_dist
Others': shared/files/checkpoints/vit.py
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.definitions.initializers import (
    Initializer,
    LeCunNormal,
    Normal,
    Uniform,
    XavierUniform,
    Zeros,
    of_torch,
)
from shared.definitions.losses import CrossEntropy
from shared.fields import Depth, Positive, Rate, Side, Size
from shared.objectives.supervised import Supervised
from shared.specs.base import ConvSpec, Original, Spec, Tensor, Variant, image


@dataclass(frozen=True, kw_only=True)
class ViTSpec(Spec):
    patch: Size = 16
    width: Size
    depth: Depth
    heads: Size
    mlp_width: Size
    distilled: bool = False
    dropout: Rate = 0.0
    attention_dropout: Rate = 0.0
    drop_path: Rate = 0.0
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    ln_eps: Positive = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            self.refuse("heads", self.heads, f"a divisor of width ({self.width})")
        if any(side % self.patch for side in self.image_size):
            multiples = f"multiples of patch ({self.patch})"
            self.refuse("image_size", self.image_size, multiples)

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        names = ("logits", "distilled") if self.distilled and training else ("logits",)
        return tuple(Tensor(name, (self.num_classes,)) for name in names)

    def objective(self) -> Supervised:
        """Class and distillation token weigh the same (arXiv:2012.12877, eq. 3)."""
        heads = (0.5, 0.5) if self.distilled else (1.0,)
        return Supervised(loss=CrossEntropy(), heads=heads)

    def unnamed_products(self) -> int:
        return 2 * self.depth * self.tokens**2 * self.width

    def starts(self) -> Mapping[str, Initializer]:
        if self.distilled:
            return {
                "patch_embed.proj.*": of_torch(self.patch_embed.inputs),
                "*_token": Normal(std=0.02),
                "pos_embed": Normal(std=0.02),
                "head*.weight": Normal(std=0.02),
                "blocks.*.attn.*.weight": Normal(std=0.02),
                "blocks.*.mlp.*.weight": Normal(std=0.02),
            }
        return {
            "patch_embed.proj.weight": LeCunNormal(),
            "cls_token": Zeros(),
            "pos_embed": Normal(std=0.02),
            "head.weight": Zeros(),
            # Xavier's of a square matrix.
            "blocks.*.attn.qkv.weight": Uniform(bound=math.sqrt(3 / self.width)),
            "blocks.*.attn.proj.weight": XavierUniform(),
            "blocks.*.mlp.*.weight": XavierUniform(),
            "blocks.*.mlp.*.bias": Normal(std=1e-6),
        }

    @property
    def patch_embed(self) -> ConvSpec:
        return ConvSpec(3, self.width, self.patch, self.patch)

    @property
    def patches(self) -> int:
        return math.prod(self.patch_embed.map_size(*self.image_size))

    @property
    def read(self) -> int:
        """The first tokens, each read by a head."""
        return 2 if self.distilled else 1

    @property
    def tokens(self) -> int:
        return self.read + self.patches

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def qkv_width(self) -> int:
        """Queries, keys and values side by side, in this order."""
        return 3 * self.width

    @property
    def drop_paths(self) -> tuple[float, ...]:
        """Gives the rate of each block."""
        last = max(self.depth - 1, 1)
        return tuple(self.drop_path * i / last for i in range(self.depth))


def _tiny(image_size: tuple[int, int], depth: int) -> ViTSpec:
    return ViTSpec(
        patch=4,
        width=15,
        depth=depth,
        heads=3,
        mlp_width=13,
        dropout=0.2,
        num_classes=9,
        image_size=image_size,
        ln_eps=1e-3,
    )


def _base(patch: int) -> ViTSpec:
    """Fill in a column of table 1."""
    return ViTSpec(patch=patch, width=768, depth=12, heads=12, mlp_width=3072)


def _deit(width: int, heads: int, distilled: bool = False) -> ViTSpec:
    """Fill in a row of DeiT's tables 1 and 9."""
    return ViTSpec(
        width=width,
        depth=12,
        heads=heads,
        mlp_width=4 * width,
        distilled=distilled,
        drop_path=0.1,
    )


_SUMMED = "sum over its layers"
_TORCHVISION, _TIMM = "torchvision 0.28.0", "timm 1.0.31"
VARIANTS = {
    "vit_tiny": Variant(_tiny((12, 8), depth=1), 2_467, _SUMMED, tiny=True),
    "vit_tiny_distilled": Variant(
        replace(
            _tiny((8, 12), depth=2),
            distilled=True,
            attention_dropout=0.3,
            drop_path=0.4,
        ),
        4_079,
        _SUMMED,
        tiny=True,
    ),
    "vit_b_16": Variant(_base(16), 86_567_656, _TORCHVISION),
    "vit_b_32": Variant(_base(32), 88_224_232, _TORCHVISION),
    "vit_l_16": Variant(
        ViTSpec(width=1024, depth=24, heads=16, mlp_width=4096),
        304_326_632,
        _TORCHVISION,
    ),
    "vit_tiny_patch16_224": Variant(
        ViTSpec(width=192, depth=12, heads=3, mlp_width=768), 5_717_416, _TIMM
    ),
    "deit_tiny_patch16_224": Variant(_deit(192, 3), 5_717_416, _TIMM),
    "deit_small_patch16_224": Variant(_deit(384, 6), 22_050_664, _TIMM),
    "deit_base_patch16_224": Variant(_deit(768, 12), 86_567_656, _TIMM),
    "deit_tiny_distilled_patch16_224": Variant(
        _deit(192, 3, distilled=True), 5_910_800, _TIMM
    ),
    "deit_base_distilled_patch16_224": Variant(
        _deit(768, 12, distilled=True), 87_338_192, _TIMM
    ),
}

ORACLES = (
    Original(
        "torchvision",
        "small_vit",
        "torchvision's VisionTransformer, of two blocks",
        ViTSpec(
            patch=8,
            width=48,
            depth=2,
            heads=3,
            mlp_width=40,
            num_classes=7,
            image_size=(24, 24),
        ),
    ),
    Original.of(
        "timm",
        "short_deit",
        "timm's deit_tiny_distilled_patch16_224, of two blocks",
        VARIANTS["deit_tiny_distilled_patch16_224"],
        depth=2,
        image_size=(48, 32),
        drop_path=0.0,
    ),
)
