"""What the specs of all decoders of tokens share: one input, and how they generate.

Settled here for all of them:
  generate  a token for each uniform number, drawn as shared/definitions/decoding.py has
            it, the likeliest at temperature 0; cached, each token is read once, else
            all anew for each: the tokens are the same
  search    by beams, cached; a beam's keys and values follow it to where it goes on
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared.arrays import Array, Arrays
from shared.definitions.decoding import Sample, greedy_margin
from shared.errors import UsageError
from shared.fields import Size
from shared.specs.base import Program, Spec, Tensor
from shared.tensors import UNIFORM

# How many tokens parity and benchmarks go on from, where one input has as many.
PROMPT = 3
# How many sequences a search keeps there, and the token that ends one.
BEAMS, END = 3, 1


@dataclass(frozen=True, kw_only=True)
class DecoderSpec(Spec):
    """tokens: in one input."""

    vocab_size: Size
    tokens: Size

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("tokens", (self.tokens,), below=self.vocab_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.tokens, self.vocab_size)),)

    def programs(self) -> Mapping[str, Program]:
        few: dict[str, Any] = {"temperature": 0.8, "top_k": 8, "top_p": 0.9}
        return {
            "generate": self._generate(),
            "generate_uncached": self._generate(cached=False),
            "generate_few": self._generate(**few),
            "generate_greedy": self._generate(temperature=0.0),
            "search": self._search(),
        }

    def _generate(self, **settings: Any) -> Program:
        """So many tokens that the last follows on `tokens`."""
        prompt, new = self._lengths
        return Program(
            "generate",
            (
                Tensor("prompt", (prompt,), below=self.vocab_size),
                Tensor("uniform", (new,), drawn=UNIFORM),
            ),
            (
                Tensor("tokens", (new,), below=self.vocab_size),
                Tensor("logits", (new, self.vocab_size)),
            ),
            settings,
            margin=partial(_margin, settings),
        )

    def _search(self) -> Program:
        prompt, new = self._lengths
        return Program(
            "search",
            (Tensor("prompt", (prompt,), below=self.vocab_size),),
            (
                Tensor("sequences", (BEAMS, new), below=self.vocab_size),
                Tensor("scores", (BEAMS,)),
            ),
            {"width": BEAMS, "length": new, "end": END, "length_penalty": 0.6},
        )

    @property
    def longest(self) -> int:
        """The most tokens that one sequence may have."""
        return self.tokens

    @property
    def _lengths(self) -> tuple[int, int]:
        prompt = min(PROMPT, self.tokens)
        return prompt, self.tokens - prompt + 1

    def read(self, prompt: int, new: int) -> int:
        """How many tokens are read until so many new ones are there: of these all but
        the last."""
        if prompt < 1 or new < 1:
            raise UsageError(f"a prompt of {prompt}, {new} new tokens: at least 1 each")
        if prompt + new - 1 > self.longest:
            most = f"{self.longest} positions allow {self.longest - prompt + 1}"
            raise UsageError(f"a prompt of {prompt} and {new} new tokens: {most}")
        return prompt + new - 1


def _margin(settings: Mapping[str, Any], inputs: Arrays, outputs: Arrays) -> Array:
    """By how much each token was chosen, by the definition."""
    drawn = {k: v for k, v in settings.items() if k != "cached"}
    (_, uniform), (_, logits) = inputs, outputs
    if drawn.get("temperature") == 0:
        return greedy_margin(logits)
    return Sample(**drawn).margin(logits, uniform)
