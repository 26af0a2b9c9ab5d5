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
  sentence   the token END ends it, and begins the decoder's input, as fairseq has it;
             after the end come PAD
  mask       1 where a source token counts. A key that does not count gets the
             probability 0; where none counts attention gives 0
  smoothing  0.1 over all words alike, the right one too (Szegedy et al. 2015,
             arXiv:1512.00567, section 7)
  start      tensor2tensor's: Xavier's uniform for matrices, for the embedding a normal
             of 1 / sqrt(width)
  translate  a beam of 4 with a length penalty of 0.6 (section 6.1), greedy with a beam
             of 1; cached, each token is read once, else all anew for each

The paper's count is of a vocabulary of about 37,000 tokens, which it does not give
exactly: 65 and 213 million, of which no one vocabulary gives both.

Names: embedding
encoder.{i}.{attn.{q,k,v,proj},norm1,mlp.fc1,mlp.fc2,norm2}
decoder.{i}.{attn.{q,k,v,proj},norm1,cross.{q,k,v,proj},norm2,mlp.fc1,mlp.fc2,norm3}
torch.nn's: shared/files/checkpoints/transformer.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shared.arrays import Array, Arrays
from shared.data.translation import END as END
from shared.data.translation import PAD as PAD
from shared.data.translation import WORDS
from shared.definitions.initializers import Initializer, Normal, XavierUniform
from shared.definitions.losses import CrossEntropy
from shared.fields import Depth, Positive, Rate, Size
from shared.objectives.supervised import Supervised
from shared.randomness import generator
from shared.specs.base import Original, Program, Spec, Tensor, Variant
from shared.tensors import mask

# Added to a score it leaves the probability 0. With an infinity a sentence of padding
# alone would be no number.
UNSEEN = -1e30


@dataclass(frozen=True, kw_only=True)
class TransformerSpec(Spec):
    """source_tokens, target_tokens: in one input; a translation has at most
    `target_tokens`, its end among them.
    bias: whether the matrices of attention have biases.
    """

    cases: ClassVar[tuple[str, ...]] = ("extreme lengths",)

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
        if self.vocab_size <= WORDS:
            self.refuse("vocab_size", self.vocab_size, f"above {WORDS}, PAD and END")

    def inputs(self) -> tuple[Tensor, ...]:
        target = Tensor("target", (self.target_tokens,), below=self.vocab_size)
        return *self.read, target

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.target_tokens, self.vocab_size)),)

    def programs(self) -> Mapping[str, Program]:
        memory = (Tensor("memory", (self.source_tokens, self.width)),)
        return {
            "encode": Program("encode", self.read, memory, differentiable=True),
            "translate": self._translate(),
            "translate_uncached": self._translate(cached=False),
            "translate_greedy": self._translate(width=1),
        }

    def _translate(self, **settings: Any) -> Program:
        return Program(
            "translate",
            self.read,
            (
                Tensor("tokens", (self.target_tokens,), below=self.vocab_size),
                Tensor("score", ()),
                Tensor("margin", ()),
            ),
            settings,
            margin=_margin,
        )

    def objective(self) -> Supervised:
        """Section 5.4: label smoothing; padding is not to be predicted."""
        return Supervised(loss=CrossEntropy(label_smoothing=0.1, ignore=PAD))

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """Sentences of different lengths, and what the decoder is given of their
        translations; in the case first a source of no token with a target of one, then
        one of one, then of all."""
        draw = generator("sentences", seed)
        read = draw.integers(1, self.source_tokens + 1, batch)
        said = draw.integers(1, self.target_tokens + 1, batch)
        if case:
            for lengths, most in (
                (read, self.source_tokens),
                (said, self.target_tokens),
            ):
                extreme = np.array([0, 1, most])[:batch]
                lengths[: len(extreme)] = extreme
            said = np.maximum(said, 1)
        source, counts = self._sentences(draw, read, self.source_tokens)
        target, _ = self._sentences(draw, said, self.target_tokens)
        target[:, 0] = END
        return source, counts, target

    def _sentences(
        self, draw: np.random.Generator, lengths: Array, longest: int
    ) -> tuple[Array, Array]:
        """Words up to these lengths, then PAD; and where words are."""
        counts = np.arange(longest) < lengths[:, None]
        words = draw.integers(WORDS, self.vocab_size, counts.shape)
        return np.where(counts, words, PAD), counts.astype(np.int64)

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        """At each place of the decoder's input the word that follows there, END after
        the last."""
        target = inputs[-1]
        ahead = np.pad(target[:, 1:], ((0, 0), (0, 1)), constant_values=PAD)
        last = (target != PAD) & (ahead == PAD)
        return (np.where(last, END, ahead),)

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
    def read(self) -> tuple[Tensor, ...]:
        """What the encoder is given."""
        source = Tensor("source", (self.source_tokens,), below=self.vocab_size)
        return source, mask("mask", (self.source_tokens,))

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def scale(self) -> float:
        """What embeddings are multiplied by (section 3.4)."""
        return self.width**0.5


def _margin(inputs: Arrays, outputs: Arrays) -> Array:
    """Any step of the search may have decided a word, and did by this at least."""
    tokens, _, margin = outputs
    return np.broadcast_to(margin[:, None], tokens.shape)


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
