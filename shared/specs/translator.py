"""What the specs of all encoder-decoders of tokens share: what they read and are given,
and how they translate.

Settled here for all of them:
  sentence   the token END ends it; after the end come PAD
  mask       1 where a source token counts. A key that does not count gets the
             probability 0; where none counts attention gives 0
  translate  by a beam of 4 with a length penalty of 0.6, greedy with a beam of 1;
             cached, each token is read once, else all anew for each
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shared.arrays import Array, Arrays
from shared.data.translation import END, PAD, WORDS
from shared.fields import Size
from shared.randomness import generator
from shared.specs.base import Program, Spec, Tensor
from shared.tensors import mask

# Added to a score it leaves the probability 0. With an infinity a sentence of padding
# alone would be no number.
UNSEEN = -1e30


@dataclass(frozen=True, kw_only=True)
class TranslatorSpec(Spec):
    """source_tokens, target_tokens: in one input; a translation has at most
    `target_tokens`, its end among them.
    width: of what the encoder puts out of each token.
    """

    cases: ClassVar[tuple[str, ...]] = ("extreme lengths",)
    vocab_size: Size
    source_tokens: Size
    target_tokens: Size
    width: Size

    def __post_init__(self) -> None:
        super().__post_init__()
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
        target[:, 0] = self.begins
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
        given = (target != PAD) | (np.arange(target.shape[1]) == 0)
        return (np.where(given & (ahead == PAD), END, ahead),)

    @property
    def begins(self) -> int:
        """What the decoder is given first."""
        return END

    @property
    def ends(self) -> int:
        """What ends a sentence."""
        return END

    @property
    def read(self) -> tuple[Tensor, ...]:
        """What the encoder is given."""
        source = Tensor("source", (self.source_tokens,), below=self.vocab_size)
        return source, mask("mask", (self.source_tokens,))


def _margin(inputs: Arrays, outputs: Arrays) -> Array:
    """Any step of the search may have decided a word, and did by this at least."""
    tokens, _, margin = outputs
    return np.broadcast_to(margin[:, None], tokens.shape)
