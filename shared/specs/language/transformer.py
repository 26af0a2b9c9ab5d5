"""The Transformer (Vaswani et al. 2017, "Attention is all you need",
https://arxiv.org/abs/1706.03762): an encoder reads a sentence, a decoder says it in
another language.

Settled here because the paper leaves it open, or codes disagree:
  norm       after each residual sum, as in figure 1; its eps of 1e-6 is that of the
             authors' tensor2tensor (https://github.com/tensorflow/tensor2tensor)
  attention  its four matrices without biases, as section 3.2.2 writes them; with biases
             in torch.nn.Transformer and in Marian
  positions  sine and cosine in turns, as section 3.5 writes them; tensor2tensor has all
             sines first
  dropout    of the sums of embeddings and positions, and of what each sub-layer adds
             (section 5.4); not of attention's probabilities, nor within the
             feed-forward network, as others have it
  embedding  one matrix for the words of both languages and for the logits (3.4)
  sentence   END begins the decoder's input too, as fairseq has it
  smoothing  0.1 over all words alike, the right one too (Szegedy et al. 2015,
             arXiv:1512.00567, section 7)
  start      tensor2tensor's: Xavier's uniform for matrices, for the embedding a normal
             of 1 / sqrt(width)
  translate  as section 6.1 has it, and all encoder-decoders do
             (shared/specs/translator.py)

The paper's count is of a vocabulary of about 37,000 tokens, which it does not give
exactly: 65 and 213 million, of which no one vocabulary gives both.

Names: embedding
encoder.{i}.{attn.{q,k,v,proj},norm1,mlp.fc1,mlp.fc2,norm2}
decoder.{i}.{attn.{q,k,v,proj},norm1,cross.{q,k,v,proj},norm2,mlp.fc1,mlp.fc2,norm3}
torch.nn's: shared/files/checkpoints/transformer.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.data.translation import END as END
from shared.data.translation import PAD as PAD
from shared.definitions.initializers import Initializer, Normal, XavierUniform
from shared.definitions.losses import CrossEntropy
from shared.fields import Depth, Positive, Rate, Size
from shared.objectives.supervised import Supervised
from shared.specs.base import Original, Variant
from shared.specs.translator import UNSEEN as UNSEEN
from shared.specs.translator import TranslatorSpec


@dataclass(frozen=True, kw_only=True)
class TransformerSpec(TranslatorSpec):
    """bias: whether the matrices of attention have biases."""

    vocab_size: Size = 37000
    source_tokens: Size = 128
    target_tokens: Size = 128
    width: Size
    depth: Depth = 6
    heads: Size
    mlp_width: Size
    dropout: Rate = 0.1
    bias: bool = False
    ln_eps: Positive = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            self.refuse("heads", self.heads, f"a divisor of width ({self.width})")
        if self.width % 2:
            self.refuse("width", self.width, "an even number")

    def objective(self) -> Supervised:
        """Section 5.4: label smoothing; padding is not to be predicted."""
        return Supervised(loss=CrossEntropy(label_smoothing=0.1, ignore=PAD))

    def unnamed_products(self) -> int:
        s, t = self.source_tokens, self.target_tokens
        attention = 2 * self.depth * (s * s + t * t + s * t) * self.width
        return attention + t * self.width * self.vocab_size

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "embedding.weight": Normal(std=self.width**-0.5),
            "*.attn.*.weight": XavierUniform(),
            "*.cross.*.weight": XavierUniform(),
            "*.mlp.*.weight": XavierUniform(),
        }

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def key_bias(self) -> bool:
        return self.bias

    @property
    def scale(self) -> float:
        """What embeddings are multiplied by (section 3.4)."""
        return self.width**0.5


def _tiny(**changes: Any) -> TransformerSpec:
    sizes: dict[str, Any] = {
        "vocab_size": 11,
        "source_tokens": 7,
        "target_tokens": 5,
        "width": 6,
        "depth": 1,
        "heads": 3,
        "mlp_width": 10,
        "dropout": 0.3,
        "ln_eps": 1e-3,
    }
    return TransformerSpec(**sizes | changes)


_BASE: dict[str, Any] = {"width": 512, "heads": 8, "mlp_width": 2048}
_BIG: dict[str, Any] = {"width": 1024, "heads": 16, "mlp_width": 4096, "dropout": 0.3}
_SUM = "sum over its layers"
_PAPER = "sum over the layers of table 3 with 37,000 tokens; the paper rounds to"
VARIANTS = {
    "transformer_tiny": Variant(_tiny(), 830, _SUM, tiny=True),
    "transformer_tiny_bias": Variant(
        _tiny(depth=2, dropout=0.0, bias=True), 1_738, _SUM, tiny=True
    ),
    "transformer_base": Variant(
        TransformerSpec(**_BASE), 63_045_632, f"{_PAPER} 65 million"
    ),
    "transformer_base_bias": Variant(
        TransformerSpec(**_BASE, bias=True),
        63_082_496,
        "torch.nn's layers with 37,000 tokens, summed over them",
    ),
    "transformer_big": Variant(
        TransformerSpec(**_BIG), 214_171_648, f"{_PAPER} 213 million"
    ),
}

ORACLES = (
    Original(
        "torch",
        "small_transformer",
        "torch's nn.TransformerEncoder and nn.TransformerDecoder, of three layers each",
        TransformerSpec(
            vocab_size=101,
            source_tokens=20,
            target_tokens=17,
            width=48,
            depth=3,
            heads=4,
            mlp_width=40,
            dropout=0.0,
            bias=True,
            ln_eps=1e-3,
        ),
    ),
)
