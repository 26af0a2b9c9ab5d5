"""ALBERT (Lan et al. 2019, https://arxiv.org/abs/1909.11942): a BERT whose blocks are
one block, and whose embeddings are narrower than it.

Settled here, beside what shared/specs/language/bert.py settles, as the published code
(https://github.com/google-research/albert) has it:
  gelu      the tanh form
  norm      of the embeddings before they are widened
  widening  a dense layer with a bias (section 3.1, E x H)
  dropout   0, as in the second version of the published checkpoints
  groups    one group of one block; the published code allows more of both, and no
            published model has them
  words     are predicted in the narrow width: dense, GELU, norm, then the embedding
            once more, with a bias of its own

Names: encoder.embeddings.{word,position,token_type,norm} encoder.widen
encoder.block.{attn.qkv,attn.proj,norm1,mlp.fc1,mlp.fc2,norm2} pooler.dense;
of words head.{bias,dense,norm}. Hugging Face's: shared/files/checkpoints/albert.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.definitions.initializers import Initializer, TruncatedNormal
from shared.fields import Rate, Size
from shared.specs.base import Original, Variant
from shared.specs.language.bert import BertForMaskedLMSpec, BertSpec


@dataclass(frozen=True, kw_only=True)
class AlbertSpec(BertSpec):
    """depth: how often the one block is used. embedding_width: the paper's E."""

    vocab_size: Size = 30000
    dropout: Rate = 0.0
    embedding_width: Size = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first_place:
            self.refuse("first_place", self.first_place, "0")
        if not self.token_types:
            self.refuse("token_types", self.token_types, "at least 1")

    def starts(self) -> Mapping[str, Initializer]:
        return {
            name: TruncatedNormal(std=0.02)
            for name in (
                "encoder.embeddings.[wpt]*.weight",
                "encoder.widen.weight",
                "encoder.block.attn.*.weight",
                "encoder.block.mlp.*.weight",
                *(f"{layer}.weight" for layer in self.headed),
            )
        }

    def rates(self, factor: float) -> tuple[tuple[str, float], ...]:
        """All blocks are one, with one rate."""
        below = ("encoder.embeddings.*", "encoder.widen.*")
        return ("encoder.block.*", factor), *((name, factor**2) for name in below)


@dataclass(frozen=True, kw_only=True)
class AlbertForMaskedLMSpec(AlbertSpec, BertForMaskedLMSpec):
    """The encoder with a head that tells which words stand at masked places."""

    def unnamed_products(self) -> int:
        attention = 2 * self.depth * self.tokens**2 * self.width
        return attention + self.tokens * self.embedding_width * self.vocab_size


def _tiny(**changes: Any) -> dict[str, Any]:
    sizes = {
        "vocab_size": 11,
        "positions": 9,
        "token_types": 3,
        "tokens": 7,
        "width": 6,
        "depth": 2,
        "heads": 3,
        "mlp_width": 5,
        "embedding_width": 4,
        "dropout": 0.3,
        "ln_eps": 1e-3,
    }
    return sizes | changes


_BASE = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072}
_LARGE = {"width": 1024, "depth": 24, "heads": 16, "mlp_width": 4096}
_XLARGE = {"width": 2048, "depth": 24, "heads": 16, "mlp_width": 8192}
_XXLARGE = {"width": 4096, "depth": 12, "heads": 64, "mlp_width": 16384}
_SUM, _TRANSFORMERS = "sum over its layers", "transformers 5.23.0"
VARIANTS = {
    "albert_tiny": Variant(AlbertSpec(**_tiny()), 435, _SUM, tiny=True),
    "albert_tiny_masked_lm": Variant(
        AlbertForMaskedLMSpec(**_tiny(positions=8, tokens=8, depth=1, dropout=0.0)),
        436,
        _SUM,
        tiny=True,
    ),
    "albert_base": Variant(AlbertSpec(**_BASE), 11_683_584, _TRANSFORMERS),
    "albert_base_masked_lm": Variant(
        AlbertForMaskedLMSpec(**_BASE), 11_221_680, _TRANSFORMERS
    ),
    "albert_large": Variant(AlbertSpec(**_LARGE), 17_683_968, _TRANSFORMERS),
    "albert_xlarge": Variant(AlbertSpec(**_XLARGE), 58_724_864, _TRANSFORMERS),
    "albert_xxlarge": Variant(AlbertSpec(**_XXLARGE), 222_595_584, _TRANSFORMERS),
}

_SMALL: dict[str, Any] = {
    "vocab_size": 101,
    "positions": 32,
    "token_types": 3,
    "tokens": 20,
    "width": 48,
    "depth": 3,
    "heads": 4,
    "mlp_width": 40,
    "embedding_width": 20,
    "ln_eps": 1e-3,
}
ORACLES = (
    Original(
        "huggingface",
        "small_albert",
        "transformers' AlbertModel, its block three times",
        AlbertSpec(**_SMALL),
    ),
    Original(
        "huggingface",
        "small_albert_masked_lm",
        "transformers' AlbertForMaskedLM, its block three times",
        AlbertForMaskedLMSpec(**_SMALL),
    ),
)
