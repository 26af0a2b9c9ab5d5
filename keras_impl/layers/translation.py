"""How encoder-decoders say what they read in other words: by beams, or greedily."""

from collections.abc import Callable
from typing import Any

from keras import KerasTensor, ops

from keras_impl.decoding import BeamSearch
from keras_impl.layers.slices import update_slice_in_dim


class Translates:
    """Beside `call` a model has `read`, what each layer of its decoder sees of a
    source; `decode`, the logits of a whole target; `cache`, room for the keys and
    values of so many tokens; and `extend`, the logits after a further token, which
    joins the cache."""

    spec: Any
    read: Callable[..., list[Any]]
    decode: Callable[..., KerasTensor]
    cache: Callable[[int, int], Any]
    extend: Callable[..., tuple[KerasTensor, Any]]

    def translate(
        self,
        source: KerasTensor,
        *mask: KerasTensor,
        width: int = 4,
        length_penalty: float = 0.6,
        cached: bool = True,
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        """The best translations that are found, with their end to the end; their log
        probabilities; and the least margin by which a step of the search decided. The
        mask says where the source counts, if not everywhere.
        [B, T], [B], [B]"""
        s, rows = self.spec, ops.shape(source)[0]
        pairs = self.read(source, *mask)
        seen = [tuple(ops.repeat(x, width, 0) for x in pair) for pair in pairs]
        counts = [ops.repeat(x, width, 0) for x in mask]

        def score(
            last: KerasTensor, place: KerasTensor, cache: Any
        ) -> tuple[KerasTensor, Any]:
            token = ops.where(place == 0, s.begins, ops.reshape(last, (-1, 1)))
            if cached:
                logits, cache = self.extend(token, cache, place, seen, *counts)
            else:
                cache = update_slice_in_dim(cache, token, place, 1)
                logits = ops.take(self.decode(cache, seen, *counts), place, 1)
            log_p = ops.log_softmax(logits)
            return ops.reshape(log_p, (-1, width, s.vocab_size)), cache

        cache: Any = self.cache(rows * width, s.target_tokens)
        if not cached:
            cache = ops.full((rows * width, s.target_tokens), s.begins, "int32")
        search = BeamSearch(
            width=width,
            end=s.ends,
            length=s.target_tokens,
            length_penalty=length_penalty,
        )
        beams, margin = search.search_cached(score, cache, rows)
        return beams.sequences[:, 0], beams.scores[:, 0], margin
