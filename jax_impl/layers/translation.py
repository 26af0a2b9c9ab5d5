"""How encoder-decoders say what they read in other words: by beams, or greedily."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jax_impl.decoding import BeamSearch


class Translates:
    """Beside the call a model has `read`, what each layer of its decoder sees of a
    source; `decode`, the logits of a whole target; `cache`, room for the keys and
    values of so many tokens; and `extend`, the logits after a further token, which
    joins the cache."""

    spec: Any
    read: Callable[..., list[Any]]
    decode: Callable[..., Array]
    cache: Callable[[int, int], Any]
    extend: Callable[..., tuple[Array, Any]]

    def translate(
        self,
        source: Array,
        *mask: Array,
        width: int = 4,
        length_penalty: float = 0.6,
        cached: bool = True,
    ) -> tuple[Array, Array, Array]:
        """The best translations that are found, with their end to the end; their log
        probabilities; and the least margin by which a step of the search decided. The
        mask says where the source counts, if not everywhere.
        [B, T], [B], [B]"""
        s, rows = self.spec, len(source)
        pairs = self.read(source, *mask)
        seen = [tuple(jnp.repeat(x, width, 0) for x in pair) for pair in pairs]
        counts = [jnp.repeat(x, width, 0) for x in mask]

        def score(last: Array, place: Array, cache: Any) -> tuple[Array, Any]:
            token = jnp.where(place == 0, s.begins, last.reshape(-1, 1))
            if cached:
                logits, cache = self.extend(token, cache, place, seen, *counts)
            else:
                cache = cache.at[:, place].set(token[:, 0])
                logits = self.decode(cache, seen, *counts)[:, place]
            return jax.nn.log_softmax(logits).reshape(*last.shape, -1), cache

        cache: Any = self.cache(rows * width, s.target_tokens)
        if not cached:
            cache = jnp.full((rows * width, s.target_tokens), s.begins)
        search = BeamSearch(
            width=width,
            end=s.ends,
            length=s.target_tokens,
            length_penalty=length_penalty,
        )
        beams, margin = search.search_cached(score, cache, rows)
        return beams.sequences[:, 0], beams.scores[:, 0], margin
