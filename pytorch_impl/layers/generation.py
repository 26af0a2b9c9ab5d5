"""How decoders of tokens go on: with a cache or without, and by beams."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pytorch_impl.compiling import uncompiled
from pytorch_impl.decoding import BeamSearch, Sample, greedy

Cache = tuple[Tensor, Tensor]  # keys and values, [B, heads, T, head_width]
Choose = Callable[[Tensor, Tensor], Tensor]


def chooser(temperature: float, top_k: int | None, top_p: float | None) -> Choose:
    """Choose the likeliest token at temperature 0, else one by the uniform number."""
    if temperature == 0:
        return lambda logits, uniform: greedy(logits)
    return Sample(temperature=temperature, top_k=top_k, top_p=top_p).next_token


class Generates:
    """Beside `forward` a decoder has `cache`, room for the keys and values of so many
    tokens, and `extend`, the logits after the last of further tokens, which join the
    cache."""

    spec: Any
    cache: Callable[[int, int], Any]
    extend: Callable[..., Tensor]

    @torch.no_grad()
    @uncompiled  # what a step calls can be compiled, the loop would be written out
    def generate(
        self,
        prompt: Tensor,
        uniform: Tensor,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        cached: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Go on from the prompt, a token for each uniform number; beside the tokens the
        logits that each was chosen by. [B, T], [B, T, vocab_size]"""
        choose = chooser(temperature, top_k, top_p)
        (rows, first), new = prompt.shape, uniform.shape[1]
        length = self.spec.read(first, new)
        places = torch.arange(length, device=prompt.device)
        sequence = F.pad(prompt, (0, new))
        seen = []
        if cached:
            cache = self.cache(rows, length)
            if first > 1:  # the last is read with the first step
                self.extend(prompt[:, :-1], cache, places[: first - 1])
        for place in range(first - 1, length):
            here = places[place : place + 1]
            if cached:
                logits = self.extend(sequence[:, here], cache, here)
            else:
                logits = self(sequence[:, :length])[:, place]  # type: ignore[operator]
            seen.append(logits)
            drawn = uniform[:, place - first + 1]
            sequence[:, place + 1] = choose(logits, drawn)
        return sequence[:, first:], torch.stack(seen, 1)

    @torch.no_grad()
    def stream(
        self,
        prompt: Tensor,
        uniform: Tensor,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Iterator[Tensor]:
        """Give the same tokens as `generate`, each as soon as it is there. [B]"""
        choose = chooser(temperature, top_k, top_p)
        (rows, first), new = prompt.shape, uniform.shape[1]
        length = self.spec.read(first, new)
        places = torch.arange(length, device=prompt.device)
        cache = self.cache(rows, length)
        logits = self.extend(prompt, cache, places[:first])
        for number in range(new):
            token = choose(logits, uniform[:, number])
            yield token
            if number + 1 < new:
                here = places[first + number :][:1]
                logits = self.extend(token[:, None], cache, here)

    @torch.no_grad()
    @uncompiled
    def search(
        self,
        prompt: Tensor,
        *,
        width: int,
        length: int,
        end: int,
        length_penalty: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """Give the best continuations by beams, and their log probabilities.
        [B, width, T], [B, width]"""
        by = BeamSearch(
            width=width, end=end, length=length, length_penalty=length_penalty
        )
        rows, first = prompt.shape
        total = self.spec.read(first, length)
        places = torch.arange(total, device=prompt.device)
        each = torch.arange(rows, device=prompt.device)[:, None] * width
        cache = self.cache(rows * width, total)
        logits = self.extend(prompt.repeat_interleave(width, 0), cache, places[:first])
        beams = by.step(by.start(rows, prompt.device), _log_p(logits, rows, width), 0)
        for place in range(1, length):
            kept = (each + beams.parents).flatten()
            cache = [tuple(part[kept] for part in own) for own in cache]
            tokens = beams.sequences[:, :, place - 1].reshape(-1, 1)
            here = places[first + place - 1 :][:1]
            logits = self.extend(tokens, cache, here)
            beams = by.step(beams, _log_p(logits, rows, width), place)
        return beams.sequences, beams.scores


def _log_p(logits: Tensor, rows: int, width: int) -> Tensor:
    return logits.log_softmax(-1).reshape(rows, width, -1)
