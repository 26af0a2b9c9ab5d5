"""BERT (Devlin et al. 2018, https://arxiv.org/abs/1810.04805) and what is made of it:
MiniLM (Wang et al. 2020, arXiv:2002.10957), sentence embeddings (Reimers, Gurevych
2019, arXiv:1908.10084), RoBERTa (Liu et al. 2019, arXiv:1907.11692), DistilBERT (Sanh
et al. 2019, arXiv:1910.01108).

Settled here because the papers leave it open, or codes disagree:
  norm      after each residual sum, and after the sum of the embeddings; its eps of
            1e-12 is that of the published code
  gelu      exact; some of the published checkpoints were trained with the tanh form
  mask      1 where a token counts. A key that does not count gets the probability 0;
            where no key counts attention gives 0, so that more padding changes nothing
            there either (in the published code all are seen alike)
  padding   is a word like any other, where Hugging Face never trains its embedding
  dropout   one rate for embeddings, attention probabilities, residual branches and
            what a classifier reads
  places    from 0 on; of RoBERTa's code from 2 on, among the tokens that count, and
            padding stands at 1, the number of its token too
  types     DistilBERT has none, RoBERTa one
  pooler    tanh of a linear layer, of the first token; DistilBERT has none, but a ReLU
            of a linear layer before classes
  words     are predicted at every place: dense, GELU, norm, then the embedding of words
            once more, with a bias of its own
  questions two numbers a token: how likely an answer begins there, or ends
  rates     for fine-tuning: a factor for the last block, once more for each below
            (Howard, Ruder 2018, arXiv:1801.06146, section 3.2)
  embed     the mean over the tokens that count, divided by its length; so their sum
            does as well. 0 where none counts
  start     the published code's: normal of 0.02, cut at two deviations

Names: encoder.embeddings.{word,position,token_type,norm}
encoder.blocks.{i}.{attn.qkv,attn.proj,norm1,mlp.fc1,mlp.fc2,norm2} pooler.dense;
of words head.{bias,dense,norm}; of classes classifier; of questions qa_outputs.
Hugging Face's: shared/files/checkpoints/bert.py
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shared.arrays import Arrays
from shared.definitions.initializers import Initializer, TruncatedNormal
from shared.definitions.losses import MSE, CrossEntropy
from shared.fields import Depth, Index, Positive, Rate, Size
from shared.objectives.supervised import Supervised
from shared.randomness import generator
from shared.specs.base import Original, Program, Spec, Tensor, Variant
from shared.tensors import mask, sample

# Added to a score it leaves the probability 0. With an infinity a text of padding alone
# would be no number.
UNSEEN = -1e30
# The target of a word that is not to be predicted.
IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class BertSpec(Spec):
    """The encoder with its pooler, and the program `embed`.

    tokens: in one input; at most `positions`, from `first_place` on.
    token_types: none for a DistilBERT.
    """

    cases: ClassVar[tuple[str, ...]] = ("extreme lengths",)

    vocab_size: Size = 30522
    positions: Size = 512
    first_place: Index = 0
    token_types: Index = 2
    tokens: Size = 128
    width: Size
    depth: Depth
    heads: Size
    mlp_width: Size
    dropout: Rate = 0.1
    ln_eps: Positive = 1e-12

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tokens + self.first_place > self.positions:
            most = f"at most positions ({self.positions})"
            beyond = f" less first_place ({self.first_place})"
            self.refuse("tokens", self.tokens, most + beyond * (self.first_place > 0))
        if self.width % self.heads:
            self.refuse("heads", self.heads, f"a divisor of width ({self.width})")

    def inputs(self) -> tuple[Tensor, ...]:
        tokens = Tensor("tokens", (self.tokens,), below=self.vocab_size)
        types = Tensor("token_types", (self.tokens,), below=self.token_types)
        counts = mask("mask", (self.tokens,))
        return (tokens, counts, types) if self.token_types else (tokens, counts)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        pooled = Tensor("pooled", (self.width,))
        return (self.hidden, pooled) if self.token_types else (self.hidden,)

    def programs(self) -> Mapping[str, Program]:
        out = (Tensor("embedding", (self.width,)),)
        return {"embed": Program("embed", self.inputs(), out, differentiable=True)}

    def objective(self) -> Supervised:
        """An encoder alone follows the hidden states of another; its pooler stays."""
        return Supervised(loss=MSE(), trains=("encoder.*",))

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """Draw texts of different lengths, of at least one token, then padding; in the
        case first one of no token, then one of one, then one of all."""
        tokens, _, *types = (sample(t, batch, seed) for t in self.inputs())
        lengths = generator("lengths", seed).integers(1, self.tokens + 1, batch)
        if case:
            extreme = np.array([0, 1, self.tokens])[:batch]
            lengths[: len(extreme)] = extreme
        counts = np.arange(self.tokens) < lengths[:, None]
        if self.first_place:  # its token is padding's, there and nowhere else
            padding = self.first_place - 1
            words = np.where(tokens == padding, padding + 1, tokens)
            tokens = np.where(counts, words % self.vocab_size, padding)
        return tokens, counts.astype(np.int64), *types

    def unnamed_products(self) -> int:
        return 2 * self.depth * self.tokens**2 * self.width

    def starts(self) -> Mapping[str, Initializer]:
        # Every other tensor is a bias, or of a norm.
        return {
            name: TruncatedNormal(std=0.02)
            for name in (
                "encoder.embeddings.[wpt]*.weight",
                "encoder.blocks.*.attn.*.weight",
                "encoder.blocks.*.mlp.*.weight",
                *(f"{layer}.weight" for layer in self.headed),
            )
        }

    def rates(self, factor: float) -> tuple[tuple[str, float], ...]:
        """Give factors on learning rates, for a plan's groups: 1 for what is above the
        last block."""
        blocks = range(self.depth)
        below = [(f"encoder.blocks.{i}.*", factor ** (self.depth - i)) for i in blocks]
        return ("encoder.embeddings.*", factor ** (self.depth + 1)), *below

    @property
    def headed(self) -> tuple[str, ...]:
        """The linear layers above the encoder."""
        return ("pooler.dense",) if self.token_types else ()

    @property
    def pooler(self) -> str:
        """What follows the linear layer of the first token."""
        return "tanh" if self.token_types else "relu"

    @property
    def hidden(self) -> Tensor:
        return Tensor("hidden", (self.tokens, self.width))

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def qkv_width(self) -> int:
        """Queries, keys and values side by side, in this order."""
        return 3 * self.width


@dataclass(frozen=True, kw_only=True)
class BertForMaskedLMSpec(BertSpec):
    """The encoder with a head that tells which words stand at masked places."""

    cases = ()  # those of the encoder alone are asked

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.tokens, self.vocab_size)),)

    def programs(self) -> Mapping[str, Program]:
        return {}

    def objective(self) -> Supervised:
        """Words at the places that were chosen, all others ignored (section 3.1)."""
        return Supervised(loss=CrossEntropy(ignore=IGNORED))

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        """A third of the tokens that count is chosen."""
        tokens, counts = inputs[:2]
        draw = generator("target", 0, seed)
        words = draw.integers(0, self.vocab_size, tokens.shape)
        chosen = (draw.random(tokens.shape) < 1 / 3) & (counts > 0)
        return (np.where(chosen, words, IGNORED),)

    def unnamed_products(self) -> int:
        decoder = self.tokens * self.width * self.vocab_size
        return super().unnamed_products() + decoder

    @property
    def headed(self) -> tuple[str, ...]:
        return ("head.dense",)


@dataclass(frozen=True, kw_only=True)
class BertForSequenceClassificationSpec(BertSpec):
    """The encoder with its pooler and a head for classes of whole texts."""

    cases = ()  # those of the encoder alone are asked

    num_classes: Size

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def programs(self) -> Mapping[str, Program]:
        return {}

    def objective(self) -> Supervised:
        return Supervised(loss=CrossEntropy())

    @property
    def headed(self) -> tuple[str, ...]:
        return "pooler.dense", "classifier"


@dataclass(frozen=True, kw_only=True)
class BertForTokenClassificationSpec(BertSpec):
    """The encoder with a head for classes of tokens, as names in a text are."""

    cases = ()  # those of the encoder alone are asked

    num_classes: Size

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.tokens, self.num_classes)),)

    def programs(self) -> Mapping[str, Program]:
        return {}

    def objective(self) -> Supervised:
        return Supervised(loss=CrossEntropy(ignore=IGNORED))

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        """Tokens that do not count are of no class."""
        counts = inputs[1]
        draw = generator("target", 0, seed)
        classes = draw.integers(0, self.num_classes, counts.shape)
        return (np.where(counts > 0, classes, IGNORED),)

    @property
    def headed(self) -> tuple[str, ...]:
        return ("classifier",)


@dataclass(frozen=True, kw_only=True)
class BertForQuestionAnsweringSpec(BertSpec):
    """The encoder with a head for where in a text, behind a question, its answer begins
    and ends."""

    cases = ()  # those of the encoder alone are asked

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.ends, self.tokens)),)

    def programs(self) -> Mapping[str, Program]:
        return {}

    def objective(self) -> Supervised:
        """Both ends by the log probability of their place among all (section 4.2)."""
        return Supervised(loss=CrossEntropy())

    @property
    def headed(self) -> tuple[str, ...]:
        return ("qa_outputs",)

    @property
    def ends(self) -> int:
        """Where an answer begins, and where it ends."""
        return 2


def _tiny(**changes: Any) -> dict[str, Any]:
    sizes = {
        "vocab_size": 11,
        "positions": 9,
        "token_types": 3,
        "tokens": 7,
        "width": 6,
        "depth": 1,
        "heads": 3,
        "mlp_width": 5,
        "dropout": 0.3,
        "ln_eps": 1e-3,
    }
    return sizes | changes


_BASE = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072}
_LARGE = {"width": 1024, "depth": 24, "heads": 16, "mlp_width": 4096}
_ROBERTA: dict[str, Any] = {
    "vocab_size": 50265,
    "positions": 514,
    "first_place": 2,
    "token_types": 1,
    "ln_eps": 1e-5,
}
_DISTILBERT: dict[str, Any] = {"token_types": 0, "depth": 6}
_MINILM = {"width": 384, "heads": 12, "mlp_width": 1536}
_SUM, _TRANSFORMERS = "sum over its layers", "transformers 5.23.0"
VARIANTS = {
    "bert_tiny": Variant(BertSpec(**_tiny()), 455, _SUM, tiny=True),
    "bert_tiny_masked_lm": Variant(
        BertForMaskedLMSpec(**_tiny(positions=8, tokens=8, dropout=0.0)),
        472,
        _SUM,
        tiny=True,
    ),
    "bert_tiny_classes": Variant(
        BertForSequenceClassificationSpec(**_tiny(), num_classes=4),
        483,
        _SUM,
        tiny=True,
    ),
    "bert_tiny_questions": Variant(
        BertForQuestionAnsweringSpec(**_tiny(tokens=8)), 427, _SUM, tiny=True
    ),
    "roberta_tiny_tokens": Variant(
        BertForTokenClassificationSpec(
            **_tiny(token_types=1, first_place=2, dropout=0.0), num_classes=4
        ),
        429,
        _SUM,
        tiny=True,
    ),
    "distilbert_tiny": Variant(BertSpec(**_tiny(token_types=0)), 395, _SUM, tiny=True),
    "distilbert_tiny_classes": Variant(
        BertForSequenceClassificationSpec(**_tiny(token_types=0), num_classes=4),
        465,
        _SUM,
        tiny=True,
    ),
    "bert_base": Variant(BertSpec(**_BASE), 109_482_240, _TRANSFORMERS),
    "bert_base_masked_lm": Variant(
        BertForMaskedLMSpec(**_BASE), 109_514_298, _TRANSFORMERS
    ),
    "bert_base_classes": Variant(
        BertForSequenceClassificationSpec(**_BASE, num_classes=2),
        109_483_778,
        _TRANSFORMERS,
    ),
    "bert_base_tokens": Variant(
        BertForTokenClassificationSpec(**_BASE, num_classes=9),
        108_898_569,
        _TRANSFORMERS,
    ),
    "bert_base_questions": Variant(
        BertForQuestionAnsweringSpec(**_BASE), 108_893_186, _TRANSFORMERS
    ),
    "bert_large": Variant(BertSpec(**_LARGE), 335_141_888, _TRANSFORMERS),
    "roberta_base": Variant(BertSpec(**_BASE | _ROBERTA), 124_645_632, _TRANSFORMERS),
    "roberta_base_masked_lm": Variant(
        BertForMaskedLMSpec(**_BASE | _ROBERTA), 124_697_433, _TRANSFORMERS
    ),
    "roberta_large": Variant(BertSpec(**_LARGE | _ROBERTA), 355_359_744, _TRANSFORMERS),
    "distilbert_base": Variant(
        BertSpec(**_BASE | _DISTILBERT), 66_362_880, _TRANSFORMERS
    ),
    "distilbert_base_masked_lm": Variant(
        BertForMaskedLMSpec(**_BASE | _DISTILBERT), 66_985_530, _TRANSFORMERS
    ),
    "distilbert_base_classes": Variant(
        BertForSequenceClassificationSpec(**_BASE | _DISTILBERT, num_classes=2),
        66_955_010,
        _TRANSFORMERS,
    ),
    "minilm_l6": Variant(BertSpec(**_MINILM, depth=6), 22_713_216, _TRANSFORMERS),
    "minilm_l12": Variant(BertSpec(**_MINILM, depth=12), 33_360_000, _TRANSFORMERS),
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
    "dropout": 0.0,
    "ln_eps": 1e-3,
}
_SMALL_ROBERTA = _SMALL | {"token_types": 1, "first_place": 2}
# Its eps is no setting there.
_SMALL_DISTILBERT = _SMALL | {"token_types": 0, "ln_eps": 1e-12}
ORACLES = (
    Original(
        "huggingface",
        "small_bert",
        "transformers' BertModel, of three blocks",
        BertSpec(**_SMALL),
    ),
    Original(
        "huggingface",
        "small_bert_masked_lm",
        "transformers' BertForMaskedLM, of three blocks",
        BertForMaskedLMSpec(**_SMALL),
    ),
    Original(
        "huggingface",
        "small_bert_classes",
        "transformers' BertForSequenceClassification, of three blocks",
        BertForSequenceClassificationSpec(**_SMALL, num_classes=5),
    ),
    Original(
        "huggingface",
        "small_bert_tokens",
        "transformers' BertForTokenClassification",
        BertForTokenClassificationSpec(**_SMALL, num_classes=5),
    ),
    Original(
        "huggingface",
        "small_bert_questions",
        "transformers' BertForQuestionAnswering",
        BertForQuestionAnsweringSpec(**_SMALL),
    ),
    Original(
        "huggingface.roberta",
        "small_roberta",
        "transformers' RobertaModel",
        BertSpec(**_SMALL_ROBERTA),
    ),
    Original(
        "huggingface.roberta",
        "small_roberta_masked_lm",
        "transformers' RobertaForMaskedLM",
        BertForMaskedLMSpec(**_SMALL_ROBERTA),
    ),
    Original(
        "huggingface.roberta",
        "small_roberta_classes",
        "transformers' RobertaForSequenceClassification",
        BertForSequenceClassificationSpec(**_SMALL_ROBERTA, num_classes=5),
    ),
    Original(
        "huggingface.distilbert",
        "small_distilbert",
        "transformers' DistilBertModel",
        BertSpec(**_SMALL_DISTILBERT),
    ),
    Original(
        "huggingface.distilbert",
        "small_distilbert_masked_lm",
        "transformers' DistilBertForMaskedLM",
        BertForMaskedLMSpec(**_SMALL_DISTILBERT),
    ),
    Original(
        "huggingface.distilbert",
        "small_distilbert_classes",
        "transformers' DistilBertForSequenceClassification",
        BertForSequenceClassificationSpec(**_SMALL_DISTILBERT, num_classes=5),
    ),
)
