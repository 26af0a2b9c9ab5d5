"""How decoders of tokens go on, and search by beams, without a cache."""

from collections.abc import Callable
from typing import Any

import numpy as np

from shared.arrays import Array
from shared.definitions.decoding import BeamSearch, Sample, greedy

Choose = Callable[[Array, Array], Array]


def chooser(temperature: float, top_k: int | None, top_p: float | None) -> Choose:
    """Choose the likeliest token at temperature 0, else one by the uniform number."""
    if temperature == 0:
        return lambda logits, uniform: greedy(logits)
    return Sample(temperature=temperature, top_k=top_k, top_p=top_p).next_token


class Generates:
    """What a decoder does that gives logits for tokens."""

    spec: Any

    def generate(
        self,
        prompt: Array,
        uniform: Array,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        cached: bool = False,
    ) -> tuple[Array, Array]:
        """Go on from the prompt, a token for each uniform number; beside the tokens the
        logits that each was chosen by. [B, T], [B, T, vocab_size]

        All tokens are read anew for each, which a cache must equal: there is none.
        """
        choose = chooser(temperature, top_k, top_p)
        first, new = prompt.shape[1], uniform.shape[1]
        self.spec.read(first, new)
        sequence, seen = prompt, []
        for drawn in uniform.T:
            logits = self(sequence)[:, -1]  # type: ignore[operator]
            sequence = np.column_stack([sequence, choose(logits, drawn)])
            seen.append(logits)
        return sequence[:, first:], np.stack(seen, 1)

    def search(
        self,
        prompt: Array,
        *,
        width: int,
        length: int,
        end: int,
        length_penalty: float = 0.0,
    ) -> tuple[Array, Array]:
        """Give the best continuations by beams, and their log probabilities.
        [B, width, T], [B, width]"""
        by = BeamSearch(
            width=width, end=end, length=length, length_penalty=length_penalty
        )
        (rows, first), _ = prompt.shape, self.spec.read(prompt.shape[1], length)
        before = np.repeat(prompt[:, None], width, 1)  # [B, width, T]

        def score(sequences: Array, position: int) -> Array:
            read = np.concatenate([before, sequences[:, :, :position]], -1)
            read = read.reshape(rows * width, first + position)
            logits = self(read)[:, -1]  # type: ignore[operator]
            logits = logits - logits.max(-1, keepdims=True)
            log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            return log_p.reshape(rows, width, -1)

        beams = by.search(score, rows)
        return beams.sequences, beams.scores
