"""LaMDA (Thoppilan et al. 2022, https://arxiv.org/abs/2201.08239): a decoder for
conversations, with T5's relative attention and gated GELU.

Settled here, since the paper says no more than section 3 and table 27 of its appendix;
as T5's version 1.1 has it (shared/specs/language/t5.py):
  norm       RMSNorm before each sub-layer, and once at the end
  attention  without biases and without a scale; of each head, something is added to the
             scores by the bucket of the distance, in all blocks the same
  mlp        gelu(wi_0(x)) * wi_1(x), GELU in its tanh form
  head       of its own
  widths     all heads together are twice as wide as the model, the MLP eight times:
             with that the sizes of the table have the parameters that it gives
  dropout    none; where it is asked for, as T5's
  start      T5's
  generate   as all decoders do (shared/specs/decoder.py)
What is said is text alone: its fine-tuning for quality and safety, and its calls of
tools, are left out.

Names: embedding relative blocks.{i}.{norm1,attn.{q,k,v,o},norm2,mlp.{wi_0,wi_1,wo}}
norm lm_head
Hugging Face's, of a T5 decoder without an encoder: shared/files/checkpoints/lamda.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.definitions.initializers import Initializer, Normal
from shared.fields import Depth, Positive, Rate, Size
from shared.specs.base import Original, Variant
from shared.specs.decoder import DecoderSpec
from shared.specs.relative import bucket_starts
from shared.specs.translator import UNSEEN as UNSEEN


@dataclass(frozen=True, kw_only=True)
class LaMDASpec(DecoderSpec):
    """tokens: in one input; no more are read when it generates.
    buckets: of distances, how many, and the distance from which all are in the last.
    """

    vocab_size: Size = 32000
    tokens: Size = 2048
    width: Size
    depth: Depth
    heads: Size
    head_width: Size = 128
    mlp_width: Size
    buckets: tuple[Size, Size] = (32, 128)
    dropout: Rate = 0.0
    rms_eps: Positive = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        number, reach = self.buckets
        if number < 2 or reach <= number:
            allowed = "a number from 2 on, and a distance above it"
            self.refuse("buckets", self.buckets, allowed)

    def unnamed_products(self) -> int:
        return 2 * self.depth * self.tokens**2 * self.inner_width

    def starts(self) -> Mapping[str, Initializer]:
        narrow = Normal(std=self.width**-0.5)
        return {
            "embedding.weight": Normal(std=1.0),
            "*.q.weight": Normal(std=(self.width * self.head_width) ** -0.5),
            "*.o.weight": Normal(std=self.inner_width**-0.5),
            "*.wo.weight": Normal(std=self.mlp_width**-0.5),
            "*.[kv].weight": narrow,
            "*.wi_?.weight": narrow,
            "relative.weight": narrow,
            "lm_head.weight": narrow,
        }

    @property
    def inner_width(self) -> int:
        """Of all heads together."""
        return self.heads * self.head_width

    @property
    def gated(self) -> bool:
        return True

    @property
    def bucket_count(self) -> int:
        return self.buckets[0]

    @property
    def starts_of_buckets(self) -> tuple[int, ...]:
        return bucket_starts(*self.buckets)


def _sized(width: int, depth: int, heads: int) -> LaMDASpec:
    return LaMDASpec(width=width, depth=depth, heads=heads, mlp_width=8 * width)


_PAPER = "sum over its layers; without embeddings and head table 27 has"
VARIANTS = {
    "lamda_tiny": Variant(
        LaMDASpec(
            vocab_size=11,
            tokens=8,
            width=6,
            depth=2,
            heads=3,
            head_width=4,
            mlp_width=5,
            buckets=(4, 6),
            dropout=0.3,
            rms_eps=1e-3,
        ),
        930,
        "sum over its layers",
        tiny=True,
    ),
    "lamda_2b": Variant(_sized(2560, 10, 40), 2_261_047_040, f"{_PAPER} 2.1B"),
    "lamda_8b": Variant(_sized(4096, 16, 64), 8_852_215_808, f"{_PAPER} 8.6B"),
    "lamda_137b": Variant(_sized(8192, 64, 128), 137_964_302_336, f"{_PAPER} 137B"),
}

_SMALL: dict[str, Any] = {
    "vocab_size": 101,
    "tokens": 20,
    "width": 48,
    "depth": 3,
    "heads": 4,
    "head_width": 10,
    "mlp_width": 40,
    "buckets": (12, 15),
    "rms_eps": 1e-3,
}
ORACLES = (
    Original(
        "huggingface",
        "small_lamda",
        "transformers' T5Stack as a decoder that reads no encoder",
        LaMDASpec(**_SMALL),
    ),
)
