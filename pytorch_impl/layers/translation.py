"""How encoder-decoders say what they read in other words: by beams, or greedily."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pytorch_impl.compiling import uncompiled
from pytorch_impl.decoding import BeamSearch


class Translates:
    """Beside `forward` a model has `read`, what each layer of its decoder sees of a
    source; `decode`, the logits of a whole target; `cache`, room for the keys and
    values of so many tokens; and `extend`, the logits after a further token, which
    joins the cache."""

    spec: Any
    read: Callable[..., list[Any]]
    decode: Callable[..., Tensor]
    cache: Callable[[int, int], Any]
    extend: Callable[..., Tensor]

    @torch.no_grad()
    @uncompiled  # what a step calls can be compiled, the loop would be written out
    def translate(
        self,
        source: Tensor,
        *mask: Tensor,
        width: int = 4,
        length_penalty: float = 0.6,
        cached: bool = True,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The best translations that are found, with their end to the end; their log
        probabilities; and the least margin by which a step of the search decided. The
        mask says where the source counts, if not everywhere.
        [B, T], [B], [B]"""
        s, rows = self.spec, len(source)
        pairs = self.read(source, *mask)
        seen: list[Any] = [
            tuple(x.repeat_interleave(width, 0) for x in pair) for pair in pairs
        ]
        counts = [x.repeat_interleave(width, 0) for x in mask]

        def score(last: Tensor, place: int, cache: Any) -> tuple[Tensor, Any]:
            token = last.reshape(-1, 1)
            if place == 0:
                token = torch.full_like(token, s.begins)
            if cached:
                logits = self.extend(token, cache, place, seen, *counts)
            else:
                cache[:, place : place + 1] = token
                logits = self.decode(cache, seen, *counts)[:, place]
            return logits.log_softmax(-1).reshape(*last.shape, -1), cache

        cache: Any = self.cache(rows * width, s.target_tokens)
        if not cached:
            cache = torch.full(
                (rows * width, s.target_tokens), s.begins, device=source.device
            )
        search = BeamSearch(
            width=width,
            end=s.ends,
            length=s.target_tokens,
            length_penalty=length_penalty,
        )
        beams, margin = search.search_cached(score, cache, rows, source.device)
        return beams.sequences[:, 0], beams.scores[:, 0], margin
