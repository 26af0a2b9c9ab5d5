"""T5 (Raffel et al. 2019, "Exploring the Limits of Transfer Learning with a Unified
Text-to-Text Transformer", https://arxiv.org/abs/1910.10683): every task is a text that
is read and one that is said. Version 1.1 is that of the authors' release notes
(https://github.com/google-research/text-to-text-transfer-transformer).

Settled here because the paper says little; as its published code and weights have it:
  norm       RMSNorm before each sub-layer, and once at the end of each stack
  attention  without biases; the scores are not divided by the root of a head's width,
             which the start of q makes up for
  positions  what is added to the scores, of each head by the bucket of the distance
             (shared/specs/relative.py); one table for all blocks of a stack, none where
             the decoder looks at the encoder. The encoder's has half its buckets for
             what lies ahead
  mlp        1.0: ReLU. 1.1: gelu(wi_0(x)) * wi_1(x) (Shazeer 2020, arXiv:2002.05202),
             GELU in its tanh form
  head       1.0: the embedding again, of what is divided by sqrt(width). 1.1: its own
  dropout    one rate for embeddings, attention's probabilities, the inner layer of the
             MLP, what each sub-layer adds, and what a stack puts out
  sentence   PAD begins the decoder's input
  start      normal, of deviations by the widths as Mesh TensorFlow has them; the head
             of 1.1 as the other matrices
  lengths    512 tokens in and 114 out, as in training before any task (section 3.1.4)
  translate  as section 3.1.2's and all encoder-decoders do (shared/specs/translator.py)

Names: embedding; of encoder and decoder
{stack}.{relative,blocks.{i}.{norm1,attn.{q,k,v,o},norm2,mlp.{wi,wi_0,wi_1,wo}},norm};
of the decoder's blocks {norm2,cross.{q,k,v,o},norm3} as well; lm_head
Hugging Face's: shared/files/checkpoints/t5.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.data.translation import PAD
from shared.definitions.initializers import Initializer, Normal
from shared.definitions.losses import CrossEntropy
from shared.fields import Depth, Positive, Rate, Size
from shared.objectives.supervised import Supervised
from shared.specs.base import Original, Variant
from shared.specs.relative import bucket_starts
from shared.specs.translator import UNSEEN as UNSEEN
from shared.specs.translator import TranslatorSpec


@dataclass(frozen=True, kw_only=True)
class T5Spec(TranslatorSpec):
    """depth: of each stack.
    buckets: of distances, how many, and the distance from which all are in the last.
    """

    vocab_size: Size = 32128
    source_tokens: Size = 512
    target_tokens: Size = 114
    width: Size
    depth: Depth
    heads: Size
    head_width: Size = 64
    mlp_width: Size
    version: Literal["1.0", "1.1"] = "1.0"
    buckets: tuple[Size, Size] = (32, 128)
    dropout: Rate = 0.1
    rms_eps: Positive = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        number, reach = self.buckets
        if number < 4 or number % 2 or reach <= number // 2:
            allowed = "an even number from 4 on, and a distance above its half"
            self.refuse("buckets", self.buckets, allowed)

    def objective(self) -> Supervised:
        """Section 3.1.1: each word by those before it; padding is not predicted."""
        return Supervised(loss=CrossEntropy(ignore=PAD))

    def unnamed_products(self) -> int:
        s, t = self.source_tokens, self.target_tokens
        attention = 2 * self.depth * (s * s + t * t + s * t) * self.inner_width
        return attention + self.tied * t * self.width * self.vocab_size

    def starts(self) -> Mapping[str, Initializer]:
        narrow = Normal(std=self.width**-0.5)
        return {
            "embedding.weight": Normal(std=1.0),
            "*.q.weight": Normal(std=(self.width * self.head_width) ** -0.5),
            "*.o.weight": Normal(std=self.inner_width**-0.5),
            "*.wo.weight": Normal(std=self.mlp_width**-0.5),
            "*.[kv].weight": narrow,
            "*.wi*.weight": narrow,
            "*.relative.weight": narrow,
            **({} if self.tied else {"lm_head.weight": narrow}),
        }

    @property
    def begins(self) -> int:
        return PAD

    @property
    def inner_width(self) -> int:
        """Of all heads together."""
        return self.heads * self.head_width

    @property
    def gated(self) -> bool:
        return self.version == "1.1"

    @property
    def tied(self) -> bool:
        return self.version == "1.0"

    @property
    def scale(self) -> float:
        """What the decoder's output is multiplied by before a tied head."""
        return self.width**-0.5

    @property
    def starts_of_buckets(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of the encoder's buckets, on each side, and of the decoder's."""
        number, reach = self.buckets
        return bucket_starts(number // 2, reach), bucket_starts(number, reach)

    @property
    def bucket_count(self) -> int:
        return self.buckets[0]


def _tiny(**changes: Any) -> T5Spec:
    sizes: dict[str, Any] = {
        "vocab_size": 11,
        "source_tokens": 8,
        "target_tokens": 7,
        "width": 6,
        "depth": 1,
        "heads": 3,
        "head_width": 4,
        "mlp_width": 5,
        "buckets": (6, 5),
        "dropout": 0.3,
        "rms_eps": 1e-3,
    }
    return T5Spec(**sizes | changes)


def _sized(width: int, depth: int, heads: int, mlp_width: int, **more: Any) -> T5Spec:
    return T5Spec(width=width, depth=depth, heads=heads, mlp_width=mlp_width, **more)


_SUM, _TRANSFORMERS = "sum over its layers", "transformers 5.23.0"
_HEADED = "transformers 5.23.0, with a head of its own"
VARIANTS = {
    "t5_tiny": Variant(_tiny(), 1_128, _SUM, tiny=True),
    "t5_tiny_gated": Variant(
        _tiny(depth=2, version="1.1", dropout=0.0), 2_328, _SUM, tiny=True
    ),
    "t5_small": Variant(_sized(512, 6, 8, 2048), 60_506_624, _TRANSFORMERS),
    "t5_base": Variant(_sized(768, 12, 12, 3072), 222_903_552, _TRANSFORMERS),
    "t5_large": Variant(_sized(1024, 24, 16, 4096), 737_668_096, _TRANSFORMERS),
    "t5_3b": Variant(
        _sized(1024, 24, 32, 16384, head_width=128), 2_851_598_336, _TRANSFORMERS
    ),
    "t5_11b": Variant(
        _sized(1024, 24, 128, 65536, head_width=128), 11_307_321_344, _TRANSFORMERS
    ),
    "t5_1_1_small": Variant(
        _sized(512, 8, 6, 1024, version="1.1"), 76_961_152, _HEADED
    ),
    "t5_1_1_base": Variant(
        _sized(768, 12, 12, 2048, version="1.1"), 247_577_856, _HEADED
    ),
    "t5_1_1_large": Variant(
        _sized(1024, 24, 16, 2816, version="1.1"), 783_150_080, _HEADED
    ),
    "t5_1_1_xl": Variant(
        _sized(2048, 24, 32, 5120, version="1.1"), 2_849_757_184, _HEADED
    ),
    "t5_1_1_xxl": Variant(
        _sized(4096, 24, 64, 10240, version="1.1"), 11_135_332_352, _HEADED
    ),
}

_SMALL: dict[str, Any] = {
    "vocab_size": 101,
    "source_tokens": 20,
    "target_tokens": 17,
    "width": 48,
    "depth": 3,
    "heads": 4,
    "head_width": 10,
    "mlp_width": 40,
    "buckets": (12, 15),
    "dropout": 0.0,
    "rms_eps": 1e-3,
}
ORACLES = (
    Original(
        "huggingface",
        "small_t5",
        "transformers' T5ForConditionalGeneration, of three blocks",
        T5Spec(**_SMALL),
    ),
    Original(
        "huggingface",
        "small_t5_1_1",
        "transformers' T5ForConditionalGeneration of version 1.1",
        T5Spec(**_SMALL, version="1.1"),
    ),
)
